"""Bounding boxes, also across the antimeridian, and time ranges for searches."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.vectors import require_crs

if TYPE_CHECKING:
    import geopandas as gpd

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees; west is greater than east across the antimeridian."""


def checked_box(bbox: Bounds | None) -> Bounds:
    """The box, if it is valid.

    Raises:
        InputError: it is missing, empty, or outside the ranges of longitude and latitude.
    """
    west, south, east, north = box = bbox or (0.0, 0.0, 0.0, 0.0)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90):
        raise InputError(
            f"The bounding box {west:g} {south:g} {east:g} {north:g}",
            "is none on the globe",
            "give west, south, east, north in degrees (west greater than east across the antimeridian)",
        )
    return box


def split_box(box: Bounds) -> list[Bounds]:
    """Split a box that crosses the antimeridian into two; other boxes are returned alone.

    >>> split_box((179, 50, -179, 60))
    [(179, 50, 180.0, 60), (-180.0, 50, -179, 60)]
    """
    west, south, east, north = box
    return [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def enclosing_box(points: NDArray[np.float64]) -> Bounds:
    """The narrowest box around points ``(points, 2)`` (longitude, latitude); it may cross the antimeridian.

    >>> enclosing_box(np.array([[179.5, -17.0], [-179.5, -16.0]]))
    (179.5, -17.0, -179.5, -16.0)
    """
    across = np.unique(points[:, 0])
    gaps = np.diff(across, append=across[0] + 360)
    after = int(gaps.argmax())
    west, east = across[(after + 1) % len(across)], across[after]
    return float(west), float(points[:, 1].min()), float(east), float(points[:, 1].max())


def middles(table: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """(geometries, 2): longitude and latitude of the centroid of each geometry that is not missing or empty.

    Raises:
        InputError: no CRS, or no geometries.
    """
    require_crs(table, "The table to search around")
    points = shapely.centroid(table.geometry.to_numpy())
    there = ~(shapely.is_missing(points) | shapely.is_empty(points))
    if not there.any():
        raise InputError("The table to search around", "has no geometries", "pass rectangles or lines")
    import geopandas as gpd

    return np.asarray(shapely.get_coordinates(gpd.GeoSeries(points[there], crs=table.crs).to_crs(4326).to_numpy()))


def time_range(text: str) -> str:
    """Convert a day, month, year, time or range to an RFC 3339 time or interval, as used by STAC APIs.

    >>> time_range("2024-02")
    '2024-02-01T00:00:00Z/2024-02-29T23:59:59Z'
    >>> time_range("2024-06-01/2024-06-30")
    '2024-06-01T00:00:00Z/2024-06-30T23:59:59Z'
    >>> time_range("2023/..")
    '2023-01-01T00:00:00Z/..'

    Raises:
        InputError: not a date or a range, or a range that ends before it begins.
    """
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2 or all(part in ("", "..") for part in parts):
        raise _no_time(text, "is not a time or a range of two")
    first, last = _span(parts[0], text), _span(parts[-1], text)
    if len(parts) == 1 and first[0] == first[1]:
        return first[0]
    if ".." not in (first[0], last[1]) and first[0] > last[1]:
        raise _no_time(text, "ends before it begins")
    return f"{first[0]}/{last[1]}"


def _span(part: str, text: str) -> tuple[str, str]:
    """First and last second of a day, month or year; for a time, the time itself twice."""
    if part in ("", ".."):
        return "..", ".."
    try:
        if re.fullmatch(r"\d{4}(-\d\d){0,2}", part):
            year, month, day = (*map(int, part.split("-")), 0, 0)[:3]
            last_day = day or calendar.monthrange(year, month or 12)[1]
            first, last = date(year, month or 1, day or 1), date(year, month or 12, last_day)
            return f"{first.isoformat()}T00:00:00Z", f"{last.isoformat()}T23:59:59Z"
        if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d", part, re.IGNORECASE):
            raise _no_time(text, "is not a date")
        moment = datetime.fromisoformat(part)
    except ValueError as error:
        raise _no_time(text, f"is not a date ({error})") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    stamp = moment.isoformat().replace("+00:00", "Z")
    return stamp, stamp


def _no_time(text: str, what: str) -> InputError:
    remedy = "write a day, month or year, or a range of two, e.g. 2024-06 or 2024-06-01/2024-06-30"
    return InputError(f"The time {text!r}", what, remedy)
