"""What to look at first: places that the model is least sure of, that are odd, or that it gets wrong and is sure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.predictions import novelty_places, read_chains
from littoral.report.coast import Coast, Rows, numbers

PLACES = 6
"""Most of a kind."""
_CHAIN = {"GroupId", "SeqId", "Previous", "Next"}


class Place(NamedTuple):
    """A rectangle to look at."""

    row: int
    name: str
    where: str
    """For a person."""
    pasted: str
    """For a GIS: longitude and latitude, degrees of WGS 84."""
    said: str
    why: str


class Places(NamedTuple):
    """Those of one kind, the most telling first."""

    heading: str
    explained: str
    places: tuple[Place, ...]
    found: int
    """How many there are of this kind."""


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
    known = coast.highest
    rows = np.argsort(np.where(np.isfinite(known), known, np.inf), kind="stable")[:PLACES]
    rows = rows[np.isfinite(known[rows])]
    sets = coast.table["PredictionSet"] if "PredictionSet" in coast.table.columns else None
    why = [
        f"may be {sets.iloc[row].replace('; ', ', ')}"
        if sets is not None and isinstance(sets.iloc[row], str)
        else f"confidence {known[row]:.0%}"
        for row in rows.tolist()
    ]
    told = "Lowest confidence" + (", and the classes that may be meant." if sets is not None else ".")
    return _places(coast, "Least certain", told, rows, why, int(np.isfinite(known).sum()))


def _odd(coast: Coast) -> Places:
    strange = numbers(coast.table["Novelty"]) if "Novelty" in coast.table.columns else np.full(len(coast.table), np.nan)
    odd = np.flatnonzero(np.nan_to_num(strange) > 1)
    rows = odd[np.argsort(-strange[odd], kind="stable")][:PLACES]
    known = 0 if coast.package is None else novelty_places(coast.package.manifest.novelty)
    often = f"at most one in {min(known + 1, 100)}" if known else "few"
    told = (f"Rectangles that look like nothing in the training: {len(odd)}. "
            f"Of usual places {often} should have a novelty above 1.")  # fmt: skip
    return _places(coast, "Unlike the training", told, rows, [f"novelty {strange[row]:.2f}" for row in rows], len(odd))


def _alone(coast: Coast) -> Places:
    if (smoothed := coast.smoothed) is not None:
        differ = np.flatnonzero(np.isfinite(smoothed) & np.isfinite(coast.answer) & (smoothed != coast.answer))
        others, sure = smoothed, numbers(coast.table["ConfidenceSmoothed"])
        told = f"Rectangles that are another class once the whole chain is heard: {len(differ)}."
        says = "along the coast"
    elif set(coast.table.columns) >= _CHAIN:
        others, sure = _either_side(coast)
        differ = np.flatnonzero(np.isfinite(others) & np.isfinite(coast.answer) & (others != coast.answer))
        told, says = f"Rectangles between two that agree on another class: {len(differ)}.", "on either side"
    else:
        return Places("", "", (), 0)
    rows = differ[np.argsort(-sure[differ], kind="stable")][:PLACES]
    why = [f"{says}: {coast.scheme.category(int(others[row])).name}, {sure[row]:.0%}" for row in rows.tolist()]
    return _places(coast, "At odds with their neighbours", told, rows, why, len(differ))


def _either_side(coast: Coast) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rows,) each: the class that the neighbours on both sides agree on, else NaN, and the lesser confidence of the
    two."""
    chains = read_chains(coast.table)
    agreed, sure = (np.full(len(coast.table), np.nan) for _ in range(2))
    inside = np.flatnonzero((np.diff(chains.chain)[:-1] == 0) & (np.diff(chains.chain)[1:] == 0)) + 1
    before, here, after = (chains.row[inside + away] for away in (-1, 0, 1))
    same = coast.answer[before] == coast.answer[after]
    agreed[here[same]] = coast.answer[before[same]]
    sure[here[same]] = np.minimum(coast.confidence[before[same]], coast.confidence[after[same]])
    return agreed, sure


def _wrong(coast: Coast) -> Places:
    wrong = np.flatnonzero(coast.answered & np.isfinite(coast.truth) & (coast.truth != coast.answer))
    rows = wrong[np.argsort(-coast.confidence[wrong], kind="stable")][:PLACES]
    why = [f"truth: {coast.scheme.category(int(coast.truth[row])).name}" for row in rows.tolist()]
    told = f"Rectangles that are not what {coast.truth_field} says: {len(wrong)}. Or it is wrong there."
    return _places(coast, "Wrong, and most confident", told, rows, why, len(wrong))


def _places(coast: Coast, heading: str, told: str, rows: NDArray[Any], why: list[str], found: int) -> Places:
    middles = shapely.centroid(coast.table.geometry.iloc[rows].to_crs(4326).to_numpy())
    where = zip(shapely.get_y(middles).tolist(), shapely.get_x(middles).tolist(), strict=True)
    places = tuple(
        Place(row, coast.name_of(row), _degrees(*at), _numbers(*at), coast.said(row), reason)
        for row, at, reason in zip(rows.tolist(), where, why, strict=True)
    )
    return Places(heading, told, places, found)


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


def _numbers(latitude: float, longitude: float) -> str:
    """
    >>> _numbers(25.5, -80.25)
    '-80.25000, 25.50000'
    """
    return f"{longitude:.5f}, {latitude:.5f}" if np.isfinite(latitude) and np.isfinite(longitude) else ""
