"""Find the rectangle and the area that each short piece (bit) of shoreline lies in."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from littoral.geodesy import DEGREES, ELLIPSOID, Points, to_beyond_edge, to_geocentric
from littoral.shoreline.segments import to_segment
from littoral.vectors import find_column, numeric_column

Integers = NDArray[np.int64]

_CORNERS = 5


@dataclass(frozen=True)
class Polygons:
    """A spatial index of polygons; of several equal ones it has only the first row."""

    tree: shapely.STRtree
    row: Integers
    """(shapes,), row of the table."""
    to_own: Transformer
    """From longitude and latitude to the CRS of the polygons."""
    to_beyond: Transformer | None
    """The same for places beyond the edge of a map of the world."""
    turns: tuple[float, ...]
    """Added to longitudes: rectangles across the antimeridian go on beyond 180 degrees or the edge of the map."""

    @staticmethod
    def of(table: gpd.GeoDataFrame) -> Polygons:
        shapes = table.geometry.to_numpy()
        usable = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        rows = np.flatnonzero(usable)
        rows = rows[~pd.Series(shapely.to_wkb(shapes[rows])).duplicated().to_numpy()]
        low, _, high, _ = shapely.total_bounds(shapes[rows]) if len(rows) else (0.0, 0.0, 0.0, 0.0)
        tree, to_own = shapely.STRtree(shapes[rows]), Transformer.from_crs(DEGREES, table.crs, always_xy=True)
        if CRS(table.crs).is_geographic and (low < -180 or high > 180):
            return Polygons(tree, rows, to_own, to_own, (-360.0, 360.0))
        beyond = to_beyond_edge(table.crs)
        return Polygons(tree, rows, to_own, beyond, (-360.0, 360.0) if beyond else ())

    def around(self, degrees: Points) -> tuple[Integers, Integers]:
        """Pairs of a place and a row that covers it; places are (places, 2), longitude and latitude."""
        found = [self._query(self.to_own, degrees[:, 0], degrees[:, 1])]
        if self.to_beyond is not None:
            found += [self._query(self.to_beyond, degrees[:, 0] + turn, degrees[:, 1]) for turn in self.turns]
        place, shape = np.concatenate(found, axis=1)
        return np.asarray(place, np.int64), self.row[shape]

    def _query(self, to_own: Transformer, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Integers:
        return np.asarray(self.tree.query(shapely.points(*to_own.transform(lon, lat)), predicate="intersects"))


def nearest_of(place: Integers, row: Integers, distance: NDArray[np.float64], places: int) -> Integers:
    """The nearest row of each place, the first of equally near ones; (places,), -1 for a place without rows.

    >>> nearest_of(np.array([2, 0, 0]), np.array([7, 8, 9]), np.array([1.0, 2.0, 1.0]), 3).tolist()
    [9, -1, 7]
    """
    order = np.lexsort((row, distance, place))
    place, row = place[order], row[order]
    first = np.diff(place, prepend=-1) > 0
    out = np.full(places, -1)
    out[place[first]] = row[first]
    return out


def chords(rectangles: gpd.GeoDataFrame) -> tuple[Points, Points]:
    """Start and end of each rectangle's chord: middles of two opposite sides, (rows, 2) each, in degrees.

    The chord has the direction of ``Angle``; without it, of the longer sides. For other shapes both are the middle.
    """
    shapes = rectangles.geometry.to_numpy()
    to_degrees = Transformer.from_crs(rectangles.crs, DEGREES, always_xy=True)
    centroid = shapely.centroid(shapes)
    middle = np.column_stack([shapely.get_x(centroid), shapely.get_y(centroid)])
    begin, end = middle.copy(), middle.copy()
    four = (shapely.get_type_id(shapes) == 3) & (shapely.get_num_coordinates(shapes) == _CORNERS)
    corners = shapely.get_coordinates(shapes[four]).reshape(-1, _CORNERS, 2)[:, :4]
    sides = (corners + np.roll(corners, -1, axis=1)) / 2
    ends = np.stack([sides[:, [3, 1]], sides[:, [0, 2]]], axis=1)
    lon, lat = to_degrees.transform(ends[..., 0], ends[..., 1])
    azimuth, _, metres = ELLIPSOID.inv(lon[..., 0], lat[..., 0], lon[..., 1], lat[..., 1])
    name = find_column(rectangles, "Angle")
    if name is None:
        fit = np.asarray(metres)
    else:
        angle = np.nan_to_num(numeric_column(rectangles, name, "the table of rectangles"))[four]
        fit = np.abs(np.cos(np.radians(np.asarray(azimuth) - angle[:, None])))
    chosen = np.argmax(fit, axis=1) if len(fit) else np.empty(0, np.int64)
    each = np.arange(len(ends))
    begin[four], end[four] = ends[each, chosen, 0], ends[each, chosen, 1]
    places = [np.column_stack(to_degrees.transform(point[:, 0], point[:, 1])) for point in (begin, end)]
    return places[0], places[1]


def covering(polygons: Polygons, begin: Points, end: Points, degrees: Points) -> Integers:
    """Row of the rectangle that covers each place, (places,), -1 where none does; of several, that whose chord (from
    ``begin`` to ``end``, geocentric metres) is nearest."""
    place, row = polygons.around(degrees)
    away = to_segment(to_geocentric(degrees[place]), begin[row], end[row])
    return nearest_of(place, row, away, len(degrees))


def filled(
    row: Integers,
    line: Integers,
    metres: NDArray[np.float64],
    onward: Integers,
    reach_m: NDArray[np.float64] | float,
    ring: NDArray[np.bool_] | None = None,
) -> Integers:
    """Assign bits that no rectangle covers to the nearest rectangle along their line, if the line returns to it.

    Args:
        row: (bits,), -1 where none covers it.
        line: (bits,), the line of each, ascending.
        metres: (bits,), length of each.
        onward: (rows,), the row that follows each in its chain, -1 for none.
        reach_m: Metres beyond its last rectangle that a line still belongs to it if it does not return; (rows,) or one
            for all.
        ring: (bits,), whether the line closes: its last bit is then followed by its first. None: no line does.

    >>> row = np.array([0, -1, -1, 1, -1, -1])
    >>> filled(row, np.zeros(6, int), np.full(6, 10.0), np.array([1, -1]), 10.0).tolist()
    [0, 0, 1, 1, 1, -1]
    >>> filled(row, np.zeros(6, int), np.full(6, 10.0), np.array([1, 0]), 0.0, np.ones(6, bool)).tolist()
    [0, 0, 1, 1, 1, 0]
    """
    if ring is not None and (row[ring] < 0).any():
        row, line = row.copy(), np.asarray(line)
        starts = np.flatnonzero(np.diff(line, prepend=line[:1] - 1))
        for first, stop in zip(starts, np.append(starts[1:], len(line)), strict=True):
            # A ring has no first bit, so it is repeated three times and the middle copy is used.
            if ring[first] and (row[first:stop] < 0).any() and (row[first:stop] >= 0).any():
                thrice = np.tile(row[first:stop], 3)
                once = filled(thrice, np.zeros(len(thrice), np.int64), np.tile(metres[first:stop], 3), onward, reach_m)
                row[first:stop] = once[stop - first : 2 * (stop - first)]
    along_m = np.cumsum(metres) - metres / 2
    reach = np.broadcast_to(reach_m, len(onward))
    bit = np.arange(len(row))
    before = np.maximum.accumulate(np.where(row >= 0, bit, -1))
    after = np.minimum.accumulate(np.where(row >= 0, bit, len(row))[::-1])[::-1]
    has_before = (before >= 0) & (line[np.maximum(before, 0)] == line)
    has_after = (after < len(row)) & (line[np.minimum(after, len(row) - 1)] == line)
    before, after = np.where(has_before, before, 0), np.where(has_after, after, 0)
    one, other = row[before], row[after]
    back = np.where(has_before, along_m - along_m[before], np.inf)
    ahead = np.where(has_after, along_m[after] - along_m, np.inf)
    both = has_before & has_after
    same = both & ((one == other) | (onward[one] == other) | (onward[other] == one))
    nearest, away = np.where(back <= ahead, one, other), np.minimum(back, ahead)
    out = np.where(same | (away <= reach[nearest]), nearest, -1)
    return np.where(row >= 0, row, out)
