"""Metres on the WGS 84 ellipsoid, where no zone, pole or antimeridian gets in the way."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from littoral.errors import InputError

Points = NDArray[np.float64]

DEGREES = "EPSG:4326"
"""Longitude, latitude of WGS 84, in this order."""
ELLIPSOID = Geod(ellps="WGS84")
_TO_GEOCENTRIC = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def require_metres(name: str, size: float) -> None:
    """
    Raises:
        InputError: the size is negative or no number.
    """
    if not (np.isfinite(size) and size >= 0):
        raise InputError(f"the {name} {size:g}", "is no number of metres", "pass 0 or more")


def line_lengths(lines: gpd.GeoDataFrame) -> pd.Series[float]:
    """Geodesic length of each line in metres; same index. Empty and missing geometries have none.

    >>> from shapely import LineString
    >>> line_lengths(gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 0)])], crs=4326)).round(1).tolist()
    [111319.5]
    """
    parts, owner = shapely.get_parts(lines.geometry.to_crs(DEGREES).to_numpy(), return_index=True)
    points, part = shapely.get_coordinates(parts, return_index=True)
    total = np.bincount(owner, weights=part_lengths(points, part, len(parts)), minlength=len(lines))
    return pd.Series(total, index=lines.index, name="length_m")


def part_lengths(points: Points, line: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Geodesic lengths (lines,) in metres of lines given by their vertices.

    Args:
        points: (points, 2), longitude and latitude in degrees.
        line: (points,), the line of each, ascending.
        count: Number of lines.
    """
    same = line[1:] == line[:-1]
    total = np.bincount(line[1:][same], weights=segment_lengths(points)[same], minlength=count)
    return np.asarray(total, np.float64)


def segment_lengths(points: Points) -> NDArray[np.float64]:
    """Geodesic length in metres from each of (points, 2) longitudes and latitudes to the next; (points - 1,)."""
    start, end = points[:-1], points[1:]
    return np.asarray(ELLIPSOID.inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2], np.float64)


def to_geocentric(points: Points) -> Points:
    """(points, 2) longitude and latitude in degrees to geocentric metres (points, 3), on the ellipsoid.

    >>> to_geocentric(np.array([[0.0, 0.0], [90.0, 0.0]])).round().tolist()
    [[6378137.0, 0.0, 0.0], [0.0, 6378137.0, 0.0]]
    """
    return np.column_stack(_TO_GEOCENTRIC.transform(points[:, 0], points[:, 1], np.zeros(len(points))))


def from_geocentric(points: Points) -> Points:
    """Geocentric metres (points, 3) to longitude and latitude in degrees (points, 2); the height is dropped."""
    x, y, _ = _TO_GEOCENTRIC.transform(points[:, 0], points[:, 1], points[:, 2], direction="INVERSE")
    return np.column_stack([x, y])


def east_and_north(points: Points) -> tuple[Points, Points]:
    """Unit vectors to the east and to the north, each (points, 3) geocentric, at (points, 2) longitude, latitude."""
    lam, phi = np.radians(points).T
    east = np.column_stack([-np.sin(lam), np.cos(lam), np.zeros_like(lam)])
    north = np.column_stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)])
    return east, north
