"""What to look at first: places that the model is least sure of, that are odd, or that it gets wrong and is sure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.report.coast import Coast, Rows, numbers

PLACES = 6
"""Most of a kind."""


class Place(NamedTuple):
    """A rectangle to look at."""

    row: int
    name: str
    where: str
    said: str
    why: str


class Places(NamedTuple):
    """Those of one kind, the most telling first."""

    heading: str
    explained: str
    places: tuple[Place, ...]


def first_places(coast: Coast) -> list[Places]:
    """Kinds of places to look at, those that there are."""
    found = [_uncertain(coast), _odd(coast), _alone(coast)]
    if coast.truth_field is not None:
        found.append(_wrong(coast))
    return [each for each in found if each.places]


def rows_of(found: list[Places]) -> Rows:
    """All rows that are named."""
    return np.array(sorted({place.row for each in found for place in each.places}), np.intp)


def _uncertain(coast: Coast) -> Places:
    known = numbers(coast.table["Confidence"])
    rows = np.argsort(np.where(np.isfinite(known), known, np.inf), kind="stable")[:PLACES]
    rows = rows[np.isfinite(known[rows])]
    sets = coast.table["PredictionSet"] if "PredictionSet" in coast.table.columns else None
    why = [
        f"{known[row]:.0%}" + ("" if sets is None or not isinstance(sets.iloc[row], str) else f"; {sets.iloc[row]}")
        for row in rows.tolist()
    ]
    return Places("Least certain", "Lowest confidence, and the classes that may be meant.", _places(coast, rows, why))


def _odd(coast: Coast) -> Places:
    strange = numbers(coast.table["Novelty"]) if "Novelty" in coast.table.columns else np.full(len(coast.table), np.nan)
    odd = np.flatnonzero(np.nan_to_num(strange) > 1)
    rows = odd[np.argsort(-strange[odd], kind="stable")][:PLACES]
    told = f"{len(odd)} rectangles look like nothing in the training. Only one in a hundred usual places is beyond 1."
    return Places("Unlike the training", told, _places(coast, rows, [f"{strange[row]:.1f}" for row in rows.tolist()]))


def _alone(coast: Coast) -> Places:
    smoothed = coast.smoothed
    if smoothed is None:
        return Places("", "", ())
    differ = np.flatnonzero(np.isfinite(smoothed) & np.isfinite(coast.answer) & (smoothed != coast.answer))
    sure = numbers(coast.table["ConfidenceSmoothed"])
    rows = differ[np.argsort(-sure[differ], kind="stable")][:PLACES]
    why = [f"{coast.scheme.category(int(smoothed[row])).name}, {sure[row]:.0%}" for row in rows.tolist()]
    told = f"Of {len(differ)} rectangles their neighbours say something else."
    return Places("At odds with their neighbours", told, _places(coast, rows, why))


def _wrong(coast: Coast) -> Places:
    wrong = np.flatnonzero(coast.answered & np.isfinite(coast.truth) & (coast.truth != coast.answer))
    rows = wrong[np.argsort(-coast.confidence[wrong], kind="stable")][:PLACES]
    why = [f"truth: {coast.scheme.category(int(coast.truth[row])).name}" for row in rows.tolist()]
    return Places("Wrong, and most confident", "Or the chart is.", _places(coast, rows, why))


def _places(coast: Coast, rows: NDArray[Any], why: list[str]) -> tuple[Place, ...]:
    middles = coast.table.geometry.iloc[rows].to_crs(4326).to_numpy()
    points = shapely.centroid(middles)
    where = [_degrees(y, x) for x, y in zip(shapely.get_x(points), shapely.get_y(points), strict=True)]
    return tuple(
        Place(row, coast.name_of(row), at, _answer(coast, row), reason)
        for row, at, reason in zip(rows.tolist(), where, why, strict=True)
    )


def _answer(coast: Coast, row: int) -> str:
    if not np.isfinite(coast.answer[row]):
        return str(coast.table["status"].iloc[row])
    return f"{coast.table[coast.label].iloc[row]}, {coast.confidence[row]:.0%}"


def _degrees(latitude: float, longitude: float) -> str:
    """
    >>> _degrees(25.5, -80.25)
    '25.5000° N, 80.2500° W'
    """
    if not (np.isfinite(latitude) and np.isfinite(longitude)):
        return "nowhere"
    return (
        f"{abs(latitude):.4f}° {'N' if latitude >= 0 else 'S'}, {abs(longitude):.4f}° {'E' if longitude >= 0 else 'W'}"
    )
