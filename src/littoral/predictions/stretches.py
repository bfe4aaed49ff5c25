"""Cut the shoreline by the rectangles and areas that it lies in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from littoral.errors import InputError, LittoralWarning
from littoral.geodesy import DEGREES, Points, line_lengths, require_metres, segment_lengths, to_geocentric
from littoral.predictions.chains import read_links
from littoral.predictions.location import Polygons, chords, covering, filled, nearest_of
from littoral.progress import Track, silent
from littoral.shoreline import require_lines
from littoral.shoreline.segments import STEP_M, Bits, cut_bits, in_degrees, join_bits, middles
from littoral.vectors import find_column, free_names, numeric_column, require_crs

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

OUTSIDE_RECTANGLES = "outside rectangles"
"""Status of shore that belongs to no rectangle."""
_BATCH_BITS = 200_000


@dataclass(frozen=True)
class Pieces:
    """Pieces of shore, each in one rectangle and one area; one entry per piece."""

    lines: gpd.GeoDataFrame
    """LineStrings with the columns of the line they were cut from."""
    row: Integers
    """Row of the rectangle, -1 for none."""
    area: Integers
    """Row of the area, -1 for none."""
    length_m: Numbers
    """Geodesic metres; they sum to those of the shoreline."""


def cut_shoreline(
    shoreline: gpd.GeoDataFrame,
    rectangles: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame | None = None,
    *,
    reach_m: float = 100.0,
    track: Track = silent,
) -> Pieces:
    """Cut a shoreline by the rectangles and areas it lies in, to 10 m; no length is lost or counted twice.

    A short piece (bit) of line belongs to the rectangle that covers it; of several, to the one whose chord is nearest.
    Where the line leaves its rectangle and returns to it, or to its neighbour in the chain, the part between belongs to
    the nearest along the line. A bit in several areas belongs to the first.

    Args:
        shoreline: LineStrings or MultiLineStrings in any CRS.
        rectangles: Polygons in any CRS; ``Angle`` is the direction of the shore in each.
        areas: Polygons in any CRS.
        reach_m: Metres beyond its last rectangle that a line still belongs to it if it does not return.
        track: Shows progress, a step per 2000 km of shore.

    Raises:
        InputError: a table without CRS, not lines, not polygons, or no line.

    Memory: 200 bytes for each 10 m of the longest line, or of 2000 km; 2 KB per rectangle; 300 bytes per piece.
    """
    require_metres("reach", reach_m)
    require_lines(shoreline, "the shoreline")
    require_polygons(rectangles, "the table of rectangles")
    if areas is not None:
        require_polygons(areas, "the table of areas")
    # A unique index, because lines may share index values.
    parts = shoreline.reset_index(drop=True).explode(ignore_index=True)
    parts = parts[shapely.length(parts.geometry.to_numpy()) > 0].reset_index(drop=True)
    if parts.empty:
        raise InputError("the shoreline", "is empty", "pass lines longer than zero")
    boxes = Polygons.of(rectangles)
    begin, end = map(to_geocentric, chords(rectangles))
    linked = find_column(rectangles, "Next") is not None and find_column(rectangles, "GroupId") is not None
    with warnings.catch_warnings():
        # Duplicate rows have equal shapes, so they make no difference here.
        warnings.simplefilter("ignore", LittoralWarning)
        onward = read_links(rectangles) if linked else np.full(len(rectangles), -1)
    measured = find_column(rectangles, "line_m")
    walked = np.full(len(rectangles), np.nan)
    if measured is not None:
        walked = numeric_column(rectangles, measured, "the table of rectangles")
    grounds = None if areas is None else Polygons.of(areas)

    found = []
    batches = list(_batches(parts))
    for rows in track(batches, len(batches), "cutting the shoreline"):
        own = parts.iloc[rows].reset_index(drop=True)
        bits = cut_bits(own)
        degrees = in_degrees(bits.points, own)
        inner = bits.line[1:] == bits.line[:-1]
        line, metres, middle = bits.line[1:][inner], _metres(bits, degrees)[inner], middles(degrees)[inner]
        row = covering(boxes, begin, end, middle)
        closed = shapely.is_closed(own.geometry.to_numpy())[line]
        row = filled(row, line, metres, onward, _reach_m(row, metres, walked, reach_m), closed)
        area = _first(grounds, middle)
        changes = (np.diff(line) != 0) | (np.diff(row) != 0) | (np.diff(area) != 0)
        piece = np.concatenate([[0], np.cumsum(changes)])
        first = np.flatnonzero(np.diff(piece, prepend=-1))
        found.append((rows[0] + line[first], row[first], area[first], np.bincount(piece, weights=metres),
                      join_bits(bits, inner, piece)))  # fmt: skip
    owner, row, area, length, geometry = (np.concatenate(each) for each in zip(*found, strict=True))
    table = parts.drop(columns=parts.geometry.name).iloc[owner].reset_index(drop=True)
    return Pieces(gpd.GeoDataFrame(table, geometry=geometry, crs=shoreline.crs), row, area, length)


def chords_as_pieces(rectangles: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None = None) -> Pieces:
    """Pieces without a shoreline: the chord of each rectangle, with the length ``line_m`` or, in a table without that
    column, the chord's own length.

    Raises:
        InputError: a table without CRS, or not polygons.
    """
    require_polygons(rectangles, "the table of rectangles")
    # The shore of equal rectangles is counted once.
    row = np.sort(Polygons.of(rectangles).row)
    own = rectangles.iloc[row]
    begin, end = chords(own)
    lines = gpd.GeoDataFrame(geometry=shapely.linestrings(np.stack([begin, end], axis=1)), crs=DEGREES)
    straight, name = line_lengths(lines).to_numpy(), find_column(rectangles, "line_m")
    length = straight if name is None else numeric_column(own, name, "the table of rectangles")
    if areas is not None:
        require_polygons(areas, "the table of areas")
    middle = middles(np.stack([begin, end], axis=1).reshape(-1, 2))[::2]
    area = _first(None if areas is None else Polygons.of(areas), middle)
    return Pieces(lines.to_crs(rectangles.crs), row, area, np.where(np.isfinite(length), length, straight))


def require_polygons(table: gpd.GeoDataFrame, source: object) -> None:
    """
    Raises:
        InputError: it has no CRS, or holds something else.
    """
    require_crs(table, source)
    kinds = set(table.geom_type.dropna()) - {"Polygon", "MultiPolygon"}
    if kinds or not len(table):
        raise InputError(source, f"holds {', '.join(sorted(kinds)) or 'nothing'}", "pass a layer of polygons")
    points, row = shapely.get_coordinates(table.geometry.to_numpy(), return_index=True)
    wrong = row[~np.isfinite(points).all(axis=1)]
    if len(wrong):
        raise InputError(source, f"has a coordinate that is no number in row {wrong[0]}", "correct or delete that row")


def on_pieces(pieces: Pieces, columns: pd.DataFrame) -> gpd.GeoDataFrame:
    """The pieces, with the columns of their rectangles (null where there is none) after their own."""
    own, renamed = free_names(pieces.lines, [str(name) for name in columns.columns])
    taken: dict[str, Any] = {}
    for name in columns.columns:
        values = columns[name].iloc[np.maximum(pieces.row, 0)].reset_index(drop=True)
        taken[str(name)] = values.mask(pieces.row < 0)
    geometry = own.geometry.name
    table = pd.concat([own.drop(columns=geometry), pd.DataFrame(taken, index=own.index)], axis=1)
    out = gpd.GeoDataFrame(table, geometry=own.geometry, crs=own.crs)
    out.attrs["renamed"] = renamed
    return out


def _metres(bits: Bits, degrees: Points) -> Numbers:
    """Geodesic metres of each bit: an equal share of its segment, so that bits sum to the line whatever the cuts."""
    at = np.flatnonzero(bits.vertex)
    length = np.append(segment_lengths(degrees[at]), 0.0)
    count = np.diff(np.append(at, len(bits.vertex)))
    return np.repeat(length / count, count)[:-1]


def _reach_m(row: Integers, metres: Numbers, walked: Numbers, reach_m: float) -> Numbers:
    """How far beyond its last rectangle the line belongs to it, (rows,) metres.

    Of the line that the rectangles were made from, as much as ``line_m`` counts, up to the end of the line. Of any
    other, and where the rest of a line was dropped, ``reach_m``.
    """
    inside = np.bincount(row[row >= 0], weights=metres[row >= 0], minlength=len(walked))
    left = walked - inside
    crossed = inside > 0
    known = crossed & np.isfinite(left)
    complete = known.any() and abs(metres.sum() - np.nansum(walked[crossed])) <= 0.001 * metres.sum()
    return np.where(known & complete, np.fmax(left, reach_m), reach_m)


def _first(grounds: Polygons | None, degrees: Points) -> Integers:
    if grounds is None:
        return np.full(len(degrees), -1)
    place, row = grounds.around(degrees)
    return nearest_of(place, row, np.zeros(len(place)), len(degrees))


def _batches(parts: gpd.GeoDataFrame) -> Iterator[Integers]:
    """Rows of lines to cut together; a line with more bits than that is cut alone."""
    bits = line_lengths(parts).to_numpy() / STEP_M + shapely.get_num_coordinates(parts.geometry.to_numpy())
    of = np.cumsum(bits) // _BATCH_BITS
    yield from np.split(np.arange(len(parts)), np.flatnonzero(np.diff(of)) + 1)
