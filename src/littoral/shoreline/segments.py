"""Lines cut into short straight bits, and bits joined to pieces again."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.geodesy import DEGREES, Points, segment_lengths

Integers = NDArray[np.int64]

STEP_M = 10.0
"""Longest bit."""


@dataclass(frozen=True)
class Bits:
    """Lines cut into short straight bits, line after line."""

    points: Points
    """(bits + lines, 2), ends of the bits in the lines' CRS."""
    vertex: NDArray[np.bool_]
    """(bits + lines,), whether the point is a vertex of the line, not a cut."""
    line: Integers
    """(bits + lines,), the line of each point."""


def cut_bits(lines: gpd.GeoDataFrame) -> Bits:
    """Lines cut into straight bits of at most 10 m."""
    points, line = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
    length = segment_lengths(in_degrees(points, lines))
    count = np.ones(len(points), np.int64)
    count[:-1] = np.maximum(np.ceil(length / STEP_M), 1)
    count[np.flatnonzero(np.diff(line, append=-1))] = 1
    owner = np.repeat(np.arange(len(points)), count)
    part = np.arange(len(owner)) - (np.cumsum(count) - count)[owner]
    step = np.diff(points, axis=0, append=points[-1:])
    if lines.crs.is_geographic:
        # The short way round, for lines that jump across the antimeridian.
        step[:, 0] = (step[:, 0] + 180) % 360 - 180
    return Bits(points[owner] + step[owner] * (part / count[owner])[:, None], part == 0, line[owner])


def in_degrees(points: Points, lines: gpd.GeoDataFrame) -> Points:
    places = gpd.GeoSeries.from_xy(points[:, 0], points[:, 1], crs=lines.crs).to_crs(DEGREES)
    return np.column_stack([places.x, places.y])


def middles(degrees: Points) -> Points:
    """Halfway between neighbours, the short way round."""
    step = np.diff(degrees, axis=0)
    step[:, 0] = (step[:, 0] + 180) % 360 - 180
    return degrees[:-1] + step / 2


def to_segment(places: Points, begin: Points, end: Points) -> NDArray[np.float64]:
    """Distances from places to segments, pair by pair."""
    along = end - begin
    square = np.einsum("ij,ij->i", along, along)
    part = np.einsum("ij,ij->i", places - begin, along) / np.where(square > 0, square, 1)
    foot = begin + np.clip(part, 0, 1)[:, None] * along
    return np.asarray(np.linalg.norm(places - foot, axis=1))


def join_bits(bits: Bits, inner: NDArray[np.bool_], piece: Integers) -> NDArray[np.object_]:
    """One LineString per piece: the vertices of the line, and the cuts between pieces."""
    start = np.flatnonzero(inner)
    first = np.diff(piece, prepend=-1) > 0
    last = np.diff(piece, append=-1) != 0
    kept = bits.vertex[start] | first
    index = np.concatenate([start[kept], start[last] + 1])
    of = np.concatenate([piece[kept], piece[last]])
    order = np.lexsort((index, of))
    return np.asarray(shapely.linestrings(bits.points[index[order]], indices=of[order]))
