"""Lengths, azimuths and geocentric coordinates on the WGS 84 ellipsoid, valid at poles and the antimeridian too."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from littoral.errors import InputError

Points = NDArray[np.float64]

DEGREES = "EPSG:4326"
"""WGS 84; coordinates are always in the order longitude, latitude."""
_WORLD_M = 2e7
"""Least width in metres, along the equator, of a projection that shows the whole world."""
ELLIPSOID = Geod(ellps="WGS84")
_TO_GEOCENTRIC = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def require_metres(name: str, size: float) -> None:
    """Check that a size in metres is a finite number of at least 0.

    Raises:
        InputError: the size is negative, infinite or not a number.
    """
    if not (np.isfinite(size) and size >= 0):
        raise InputError(f"the {name} {size:g}", "is no number of metres", "pass 0 or more")


def line_lengths(lines: gpd.GeoDataFrame) -> pd.Series[float]:
    """Geodesic length of each line in metres, with the index of ``lines``; 0 for empty and missing geometries.

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
        line: (points,), number of the line each point belongs to, ascending.
        count: Number of lines.
    """
    same = line[1:] == line[:-1]
    total = np.bincount(line[1:][same], weights=segment_lengths(points)[same], minlength=count)
    return np.asarray(total, np.float64)


def segment_lengths(points: Points) -> NDArray[np.float64]:
    """Geodesic length in metres from each point to the next, (points - 1,).

    Args:
        points: (points, 2), longitude and latitude in degrees.
    """
    start, end = points[:-1], points[1:]
    return np.asarray(ELLIPSOID.inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2], np.float64)


def azimuths(crs: object, points: Points, direction: Points) -> NDArray[np.float64]:
    """True azimuth of a direction in a plane CRS, degrees clockwise from north, above -180 up to 180.

    The axes of a projected CRS do not point exactly east and north: they deviate by the meridian convergence, by more
    in polar projections, and by 180 degrees where the axes are directed west and south.

    Args:
        crs: A projected CRS, axes in the order x, y.
        points: (points, 2), coordinates.
        direction: (points, 2), vectors in units of the CRS, about 100 m long.

    >>> azimuths("EPSG:3413", np.array([[-2e6, 0.0]]), np.array([[0.0, 100.0]])).tolist()
    [-90.0]
    """
    to_degrees = Transformer.from_crs(crs, DEGREES, always_xy=True)
    lon, lat = to_degrees.transform(*points.T)
    ahead, behind = (
        np.asarray(ELLIPSOID.inv(lon, lat, *to_degrees.transform(*(points + sign * direction).T))[0])
        for sign in (1, -1)
    )
    # The mean of the azimuths ahead and behind is the azimuth at the point itself.
    turn = (behind + 180 - ahead + 180) % 360 - 180
    return half_open(ahead + turn / 2)


def half_open(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in degrees brought into the interval (-180, 180], rounded to a micro-degree.

    >>> half_open(np.array([-180.0, 270.0, 0.0])).tolist()
    [180.0, -90.0, 0.0]
    """
    rounded = np.asarray((180 - (180 - angle) % 360).round(6) + 0.0, np.float64)
    return np.where(rounded == -180, 180.0, rounded)


def central_meridian(crs: object) -> float:
    """Central meridian of a projected CRS in degrees; a world map is cut 180 degrees away from it.

    >>> central_meridian("EPSG:3857"), central_meridian("EPSG:3832")
    (0.0, 150.0)
    """
    names = ("Longitude of natural origin", "Longitude of false origin", "Longitude of projection centre")
    operation = CRS(crs).coordinate_operation
    for parameter in operation.params if operation else ():
        if parameter.name in names:
            return float(np.degrees(float(parameter.value) * parameter.unit_conversion_factor))
    return 0.0


def unwrapped(longitude: NDArray[np.float64], middle: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Longitudes in degrees, shifted by multiples of 360 to within 180 degrees of ``middle``.

    >>> unwrapped(np.array([-179.0, 178.0]), 180.0).tolist()
    [181.0, 178.0]
    """
    return np.asarray(middle + (longitude - middle + 180) % 360 - 180, np.float64)


def to_beyond_edge(crs: object) -> Transformer | None:
    """Transformer from longitude and latitude to a world map that continues beyond its edges (PROJ's ``+over``).

    Longitudes may be more than 180 degrees away from :func:`central_meridian`: they are not wrapped. None for a CRS
    that is not a map of the whole world.

    >>> beyond = to_beyond_edge("EPSG:3857")
    >>> round(beyond.transform(181.0, 0.0)[0]), to_beyond_edge("EPSG:32631") is None
    (20148828, True)
    """
    own = CRS(crs)
    if not own.is_projected:
        return None
    middle = central_meridian(own)
    edge, _ = Transformer.from_crs(DEGREES, own, always_xy=True).transform(
        [middle - 179.9999, middle + 179.9999], [0, 0]
    )
    # In a polar projection both edges are the same point; a transverse projection is not that wide.
    if not (np.isfinite(edge).all() and abs(edge[1] - edge[0]) * own.axis_info[0].unit_conversion_factor > _WORLD_M):
        return None
    with warnings.catch_warnings():
        # The PROJ string loses names and areas of use, which are not needed here.
        warnings.simplefilter("ignore", UserWarning)
        over = f"{own.to_proj4()} +over"
    return Transformer.from_crs(DEGREES, CRS.from_proj4(over), always_xy=True)


def to_geocentric(points: Points) -> Points:
    """Convert longitude and latitude in degrees, (points, 2), to geocentric metres at height 0, (points, 3).

    >>> to_geocentric(np.array([[0.0, 0.0], [90.0, 0.0]])).round().tolist()
    [[6378137.0, 0.0, 0.0], [0.0, 6378137.0, 0.0]]
    """
    return np.column_stack(_TO_GEOCENTRIC.transform(points[:, 0], points[:, 1], np.zeros(len(points))))


def from_geocentric(points: Points) -> Points:
    """Convert geocentric metres, (points, 3), to longitude and latitude in degrees, (points, 2), without height."""
    x, y, _ = _TO_GEOCENTRIC.transform(points[:, 0], points[:, 1], points[:, 2], direction="INVERSE")
    return np.column_stack([x, y])


def east_and_north(points: Points) -> tuple[Points, Points]:
    """Geocentric unit vectors to east and north, each (points, 3), at (points, 2) longitude, latitude in degrees."""
    lam, phi = np.radians(points).T
    east = np.column_stack([-np.sin(lam), np.cos(lam), np.zeros_like(lam)])
    north = np.column_stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)])
    return east, north
