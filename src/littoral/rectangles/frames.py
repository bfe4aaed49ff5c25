"""Centres and axes of rectangles, in metres of the lines' projection or in geocentric metres."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Proj, Transformer

from littoral.geodesy import (
    DEGREES,
    azimuths,
    central_meridian,
    east_and_north,
    from_geocentric,
    half_open,
    to_beyond_edge,
    to_geocentric,
    unwrapped,
)
from littoral.rectangles.walk import Points

_LARGEST_STRETCH = 0.004
"""Largest scale error of a projection that is used as a plane; sides of rectangles may be off by 0.5 %."""

_LONGEST_SEGMENT_DEG = 0.05
"""Longest segment in degrees; its chord lies less than 0.7 m below the ellipsoid."""

_STEP_M = 50.0
"""Distance on either side of a point over which the azimuth in a projection is measured."""


@dataclass(frozen=True)
class Frames:
    """Centre and axes of rectangles, one entry each; 2 dimensions in a projection, 3 in geocentric metres."""

    centre: Points
    """(rectangles, dimensions), metres."""
    along: Points
    """(rectangles, dimensions), unit vectors along the line."""
    across: Points
    """(rectangles, dimensions), unit vectors to the left of ``along``."""
    azimuth: Points
    """(rectangles,), true azimuth of ``along`` in degrees, in the interval (-180, 180]: 0 north, 90 east."""

    def corners(self, length_m: float, width_m: float) -> Points:
        """Corners, (rectangles, 4, dimensions), counter-clockwise, metres."""
        along, across = self.along * length_m / 2, self.across * width_m / 2
        return self.centre[:, None] + np.stack([-along - across, along - across, along + across, across - along], 1)


@dataclass(frozen=True)
class Plane:
    """A projected CRS whose scale is true at the lines."""

    crs: CRS
    unit_m: float
    """Metres per unit of its coordinates."""

    def metres(self, lines: NDArray[np.object_]) -> tuple[Points, NDArray[np.int64]]:
        """Vertices (points, 2) in metres, and the number of the line of each."""
        points, line = shapely.get_coordinates(lines, return_index=True)
        return points * self.unit_m, line

    def frames(self, start: Points, end: Points) -> Frames:
        """Frames of the rectangles on chords from ``start`` to ``end``, both (rectangles, 2) metres."""
        along, middle = _unit(end - start), (start + end) / 2
        azimuth = azimuths(self.crs, middle / self.unit_m, along * (_STEP_M / self.unit_m))
        return Frames(middle, along, np.column_stack([-along[:, 1], along[:, 0]]), azimuth)

    def polygons(self, frames: Frames, length_m: float, width_m: float) -> NDArray[np.object_]:
        """Polygons of the rectangles, in the projection's coordinates."""
        return np.asarray(shapely.polygons(frames.corners(length_m, width_m) / self.unit_m))


@dataclass(frozen=True)
class Ellipsoid:
    """WGS 84 in geocentric metres; lines and polygons are in longitude and latitude, degrees."""

    def metres(self, lines: NDArray[np.object_]) -> tuple[Points, NDArray[np.int64]]:
        """Vertices (points, 3) in metres, and the number of the line of each."""
        # Segments are straight in degrees, as maps draw them; vertices are added so that they follow the ellipsoid.
        dense = shapely.segmentize(lines, _LONGEST_SEGMENT_DEG)
        points, line = shapely.get_coordinates(dense, return_index=True)
        return to_geocentric(points), line

    def frames(self, start: Points, end: Points) -> Frames:
        """Frames of the rectangles on chords from ``start`` to ``end``, both (rectangles, 3) metres.

        Each lies in the plane tangent to the ellipsoid at the middle of its chord.
        """
        foot = from_geocentric((start + end) / 2)
        east, north = east_and_north(foot)
        chord = end - start
        flat = _unit(np.column_stack([np.einsum("ij,ij->i", chord, east), np.einsum("ij,ij->i", chord, north)]))
        along = flat[:, :1] * east + flat[:, 1:] * north
        across = -flat[:, 1:] * east + flat[:, :1] * north
        return Frames(to_geocentric(foot), along, across, half_open(np.degrees(np.arctan2(flat[:, 0], flat[:, 1]))))

    def polygons(self, frames: Frames, length_m: float, width_m: float) -> NDArray[np.object_]:
        """Polygons of the rectangles in degrees; across the antimeridian longitudes exceed 180, without a cut."""
        corners = from_geocentric(frames.corners(length_m, width_m).reshape(-1, 3)).reshape(-1, 4, 2)
        middle = from_geocentric(frames.centre)[:, None, 0]
        corners[..., 0] = unwrapped(corners[..., 0], middle)
        return np.asarray(shapely.polygons(corners))


Space = Plane | Ellipsoid


def polygons_in(polygons: NDArray[np.object_], crs: object) -> gpd.GeoSeries:
    """Project polygons in degrees, less than 180 degrees wide, to a CRS without cutting any.

    Polygons across the edge of a world map continue beyond the edge, and beyond 180 degrees across the antimeridian.
    If the projection cannot be inverted beyond its edge (Mollweide), all polygons are returned in degrees.
    """
    out = np.asarray(gpd.GeoSeries(polygons, crs=DEGREES).to_crs(crs).to_numpy(), object)
    points, owner = shapely.get_coordinates(polygons, return_index=True)
    first = points[np.flatnonzero(np.diff(owner, prepend=-1))]
    if CRS(crs).is_geographic:
        placed = shapely.get_coordinates(out)
        placed[:, 0] = unwrapped(placed[:, 0], points[:, 0])
        return gpd.GeoSeries(shapely.set_coordinates(out, placed), crs=crs)
    beyond = to_beyond_edge(crs)
    if beyond is None:
        return gpd.GeoSeries(out, crs=crs)
    middle = central_meridian(crs)
    home = unwrapped(first[:, 0], middle)[owner] + points[:, 0] - first[owner, 0]
    torn = np.unique(owner[np.abs(home - middle) >= 180])
    if len(torn):
        own = np.isin(owner, torn)
        placed = np.column_stack(beyond.transform(home[own], points[own, 1]))
        back = Transformer.from_crs(crs, DEGREES, always_xy=True).transform(*placed.T)
        if not (np.isfinite(placed).all() and np.isfinite(back).all()):
            return gpd.GeoSeries(polygons, crs=DEGREES)
        out[torn] = shapely.set_coordinates(polygons[torn].copy(), placed)
    return gpd.GeoSeries(out, crs=crs)


def space_of(lines: gpd.GeoDataFrame) -> Space:
    """The lines' projection if its scale at their vertices is true within 0.4 %, else the ellipsoid."""
    crs = CRS(lines.crs)
    if not crs.is_projected:
        return Ellipsoid()
    points = shapely.get_coordinates(lines.geometry.to_numpy())
    # Scale changes slowly: the outermost vertices and a sample of some thousand others are enough.
    outermost = np.concatenate([points.argmin(axis=0), points.argmax(axis=0)])
    sample = points[np.concatenate([outermost, np.arange(0, len(points), max(len(points) // 4096, 1))])]
    places = gpd.GeoSeries.from_xy(*sample.T, crs=crs).to_crs(DEGREES)
    factors = Proj(crs).get_factors(places.x.to_numpy(), places.y.to_numpy())
    scales = np.concatenate([np.atleast_1d(factors.meridional_scale), np.atleast_1d(factors.parallel_scale)])
    if np.abs(scales - 1).max() <= _LARGEST_STRETCH:
        return Plane(crs, float(crs.axis_info[0].unit_conversion_factor))
    return Ellipsoid()


def _unit(vectors: Points) -> Points:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
