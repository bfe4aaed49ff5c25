"""Cut lines into short straight segments, and join segments to pieces of lines."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from littoral.geodesy import DEGREES, Points, segment_lengths, to_beyond_edge, unwrapped

Integers = NDArray[np.int64]

_FAR_M = 1e6
"""In a world map, a segment longer than this that is short on the ground jumps from one edge to the other."""
STEP_M = 10.0
"""Greatest length of a segment, metres."""


@dataclass(frozen=True)
class Bits:
    """Lines cut into short straight segments ("bits"), line after line."""

    points: Points
    """(bits + lines, 2), end points of the bits, in the CRS of the lines."""
    vertex: NDArray[np.bool_]
    """(bits + lines,), True for a vertex of the line, False for an added point."""
    line: Integers
    """(bits + lines,), number of the line of each point."""


def cut_bits(lines: gpd.GeoDataFrame) -> Bits:
    """Cut lines into straight segments of at most 10 m."""
    points, line = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
    length = segment_lengths(in_degrees(points, lines))
    count = np.ones(len(points), np.int64)
    count[:-1] = np.maximum(np.ceil(length / STEP_M), 1)
    count[np.flatnonzero(np.diff(line, append=-1))] = 1
    owner = np.repeat(np.arange(len(points)), count)
    part = np.arange(len(owner)) - (np.cumsum(count) - count)[owner]
    step = np.diff(points, axis=0, append=points[-1:])
    if lines.crs.is_geographic:
        # Lines that jump across the antimeridian take the shorter way.
        step[:, 0] = unwrapped(step[:, 0], 0.0)
    share = (part / count[owner])[:, None]
    out = points[owner] + step[owner] * share
    # Segments across the edge of a world map are interpolated in degrees, not across the whole map.
    torn = np.empty(0, np.int64)
    if lines.crs.is_projected:
        torn = np.flatnonzero(_torn(points, line, step, length, lines))
    if len(torn):
        own = np.isin(owner, torn)
        degrees = in_degrees(points, lines)
        turn = np.diff(degrees, axis=0, append=degrees[-1:])
        turn[:, 0] = unwrapped(turn[:, 0], 0.0)
        places = degrees[owner[own]] + turn[owner[own]] * share[own]
        out[own] = np.where(share[own] > 0, np.column_stack(
            Transformer.from_crs(DEGREES, lines.crs, always_xy=True).transform(*places.T)), out[own])  # fmt: skip
    return Bits(out, part == 0, line[owner])


def _torn(
    points: Points, line: Integers, step: Points, length: NDArray[np.float64], lines: gpd.GeoDataFrame
) -> NDArray[np.bool_]:
    """Whether the segment that begins at each point jumps across the edge of a world map."""
    unit_m = lines.crs.axis_info[0].unit_conversion_factor
    far = np.linalg.norm(step, axis=1) * unit_m > 10 * np.append(length, 0.0) + _FAR_M
    far[np.flatnonzero(np.diff(line, append=-1))] = False
    return far if far.any() and to_beyond_edge(lines.crs) is not None else np.zeros(len(points), bool)


def in_degrees(points: Points, lines: gpd.GeoDataFrame) -> Points:
    """Convert points (points, 2) from the CRS of ``lines`` to longitude and latitude in degrees."""
    places = gpd.GeoSeries.from_xy(points[:, 0], points[:, 1], crs=lines.crs).to_crs(DEGREES)
    return np.column_stack([places.x, places.y])


def middles(degrees: Points) -> Points:
    """Midpoints, (points - 1, 2), of neighbouring points in degrees; across the antimeridian by the shorter way."""
    step = np.diff(degrees, axis=0)
    step[:, 0] = (step[:, 0] + 180) % 360 - 180
    return degrees[:-1] + step / 2


def to_segment(places: Points, begin: Points, end: Points) -> NDArray[np.float64]:
    """Distance from each place to the segment of the same position; all (places, dimensions), metres."""
    along = end - begin
    square = np.einsum("ij,ij->i", along, along)
    part = np.einsum("ij,ij->i", places - begin, along) / np.where(square > 0, square, 1)
    foot = begin + np.clip(part, 0, 1)[:, None] * along
    return np.asarray(np.linalg.norm(places - foot, axis=1))


def join_bits(bits: Bits, inner: NDArray[np.bool_], piece: Integers) -> NDArray[np.object_]:
    """One LineString per piece, with the vertices of the line and the cuts between pieces.

    Args:
        bits: The segments.
        inner: (bits + lines - 1,), whether the step from a point to the next is a segment, not a gap between lines.
        piece: Number from 0, ascending, of the piece each segment belongs to.
    """
    start = np.flatnonzero(inner)
    first = np.diff(piece, prepend=-1) > 0
    last = np.diff(piece, append=-1) != 0
    kept = bits.vertex[start] | first
    index = np.concatenate([start[kept], start[last] + 1])
    of = np.concatenate([piece[kept], piece[last]])
    order = np.lexsort((index, of))
    return np.asarray(shapely.linestrings(bits.points[index[order]], indices=of[order]))
