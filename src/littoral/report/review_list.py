"""Choose the rectangles to review first: of low confidence, unlike the training, unlike their neighbours, or wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.errors import counted
from littoral.predictions import columns, novelty_places
from littoral.report.coast import CoastData, Rows, numbers

PLACES = 6
"""Most places of each kind."""


class ReviewPlace(NamedTuple):
    """A rectangle to review."""

    row: int
    name: str
    where: str
    """Latitude and longitude for a reader, e.g. ``25.5000° N, 80.2500° W``."""
    pasted: str
    """Longitude and latitude to paste into a GIS, degrees of WGS 84."""
    description: str
    """Class and confidence, or status."""
    why: str


class ReviewList(NamedTuple):
    """Places of one kind, the clearest first."""

    heading: str
    explained: str
    places: tuple[ReviewPlace, ...]
    found: int
    """Number of rectangles of this kind, listed or not."""


def first_places(coast: CoastData) -> list[ReviewList]:
    """Lists of places to review, without empty ones."""
    found = [_uncertain(coast), _odd(coast), _alone(coast)]
    if coast.truth_field is not None:
        found.append(_wrong(coast))
    return [each for each in found if each.places]


def rows_of(found: list[ReviewList]) -> Rows:
    """All rows in the lists."""
    return np.array(sorted({place.row for each in found for place in each.places}), np.intp)


def _uncertain(coast: CoastData) -> ReviewList:
    known = np.where(coast.by_person, np.nan, coast.highest)
    rows = np.argsort(np.where(np.isfinite(known), known, np.inf), kind="stable")[:PLACES]
    rows = rows[np.isfinite(known[rows])]
    sets = coast.table[columns.SET] if columns.SET in coast.table.columns else None
    why = [
        f"may be {sets.iloc[row].replace('; ', ', ')}"
        if sets is not None and isinstance(sets.iloc[row], str)
        else f"confidence {known[row]:.0%}"
        for row in rows.tolist()
    ]
    explained = "Lowest confidence" + (", with the prediction set." if sets is not None else ".")
    return _places(coast, "Least certain", explained, rows, why, int(np.isfinite(known).sum()))


def _odd(coast: CoastData) -> ReviewList:
    novelty = coast.predictions.novelty
    if novelty is None:
        return ReviewList("", "", (), 0)
    odd = np.flatnonzero(np.nan_to_num(novelty) > 1)
    rows = odd[np.argsort(-novelty[odd], kind="stable")][:PLACES]
    known = 0 if coast.package is None else novelty_places(coast.package.manifest.novelty)
    often = f"at most one in {min(known + 1, 100)} is" if known else "few are"
    explained = (f"{counted(len(odd), 'rectangle')} with features far from those of the training tiles (novelty above "
                 f"1). Of places like the training, {often} expected to be among them.")  # fmt: skip
    why = [f"novelty {novelty[row]:.2f}" for row in rows.tolist()]
    return _places(coast, "Unlike the training", explained, rows, why, len(odd))


def _alone(coast: CoastData) -> ReviewList:
    if (smoothed := coast.smoothed) is not None:
        differ = np.flatnonzero(np.isfinite(smoothed) & np.isfinite(coast.code) & (smoothed != coast.code))
        others, sure = smoothed, numbers(coast.table[columns.smoothed_columns(coast.label)[2]])
        explained = f"{counted(len(differ), 'rectangle')} with another class after smoothing along the coast."
        where = "smoothed"
    elif coast.predictions.chains is not None:
        others, sure = _either_side(coast)
        differ = np.flatnonzero(np.isfinite(others) & np.isfinite(coast.code) & (others != coast.code))
        explained = f"{counted(len(differ), 'rectangle')} between two of another class."
        where = "on either side"
    else:
        return ReviewList("", "", (), 0)
    rows = differ[np.argsort(-sure[differ], kind="stable")][:PLACES]
    why = [f"{where}: {coast.scheme.category(int(others[row])).name}, {sure[row]:.0%}" for row in rows.tolist()]
    return _places(coast, "Unlike their neighbours", explained, rows, why, len(differ))


def _either_side(coast: CoastData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rows,) each: the common class of the neighbours on both sides, else NaN, and the lower confidence of the two."""
    chains = coast.predictions.chains
    assert chains is not None
    agreed, sure = (np.full(len(coast.table), np.nan) for _ in range(2))
    inside = np.flatnonzero((np.diff(chains.chain)[:-1] == 0) & (np.diff(chains.chain)[1:] == 0)) + 1
    before, here, after = (chains.row[inside + away] for away in (-1, 0, 1))
    same = coast.code[before] == coast.code[after]
    agreed[here[same]] = coast.code[before[same]]
    sure[here[same]] = np.minimum(coast.confidence[before[same]], coast.confidence[after[same]])
    return agreed, sure


def _wrong(coast: CoastData) -> ReviewList:
    wrong = np.flatnonzero(coast.classified & ~coast.by_person & np.isfinite(coast.truth) & (coast.truth != coast.code))
    rows = wrong[np.argsort(-coast.confidence[wrong], kind="stable")][:PLACES]
    why = [f"true class: {coast.scheme.category(int(coast.truth[row])).name}" for row in rows.tolist()]
    explained = (
        f"{counted(len(wrong), 'rectangle')} with another class in {coast.truth_field}, which may itself be wrong."
    )
    return _places(coast, "Wrong, and most confident", explained, rows, why, len(wrong))


def _places(
    coast: CoastData, heading: str, explained: str, rows: NDArray[Any], why: list[str], found: int
) -> ReviewList:
    middles = shapely.centroid(coast.table.geometry.iloc[rows].to_crs(4326).to_numpy())
    where = zip(shapely.get_y(middles).tolist(), shapely.get_x(middles).tolist(), strict=True)
    places = tuple(
        ReviewPlace(row, coast.name_of(row), _degrees(*at), _numbers(*at), coast.description(row), reason)
        for row, at, reason in zip(rows.tolist(), where, why, strict=True)
    )
    return ReviewList(heading, explained, places, found)


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
