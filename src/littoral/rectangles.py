"""Lines to rectangles: walking a line in metres.

The vocabulary (ID, GroupId, SeqId, Previous, Next, Angle; sort UR, UL, LR, LL) is that of the GIS tool *Generate
Rectangles Along Lines*. Where that tool leaves its rule unpublished, this is ours::

        P0 ------chord, length_m------ P1            the next P0 is this P1
        +------------------------------+
        |   .--.        _.--._         |
        P0-'    `--.__.'      `-.__.---P1   width_m, half on each side of the chord
        |                              |
        +------------------------------+

* A walk starts at the end of the merged line that lies nearest to the chosen corner of its group's bounding box;
  a ring starts at its vertex nearest to that corner and runs counter-clockwise.
* P1 is the first point further along at the straight-line distance ``length_m`` from P0, so rectangles join at the
  ends of their chords and the line leaves a rectangle only where it bends more tightly than ``width_m / 2``.
* The tail, shorter than ``length_m``, gets a rectangle of full size from the last P1 towards the end of the line, if
  it is longer than ``min_tail`` of a length; what is left of a shorter tail counts to the rectangle before it.
* A line on which no chord fits gets one rectangle, centred on it.

Lines in degrees, or in a projection that stretches them by more than 1 % (Web Mercator), are walked on the WGS 84
ellipsoid in geocentric metres: no zone, no pole and no antimeridian gets in the way. Others are walked in their own
plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Proj

from littoral.errors import InputError
from littoral.geodesy import east_and_north, from_geocentric, to_geocentric
from littoral.progress import Track, silent
from littoral.shoreline import GROUP, LENGTH, merge_lines
from littoral.vectors import free_names

Sort = Literal["UL", "UR", "LL", "LR"]
FIELDS = ("ID", "GroupId", "SeqId", "Previous", "Next", "Angle", "line_m")
"""Fields of the output, before those carried over from the line."""

_LONGEST_SEGMENT_DEG = 0.05
"""A chord across it sinks less than 0.7 m below the ellipsoid."""


@dataclass(frozen=True)
class Walk:
    """The rectangles along one line, in the space it was walked in (2 or 3 dimensions)."""

    centres: NDArray[np.float64]
    """(rectangles, dimensions), metres."""
    axes: NDArray[np.float64]
    """(rectangles, dimensions), unit vectors along the line."""
    line_m: NDArray[np.float64]
    """(rectangles,), length of line from this rectangle's P0 to the next one's, metres; sums to the line's length."""


def rectangles_along_lines(
    lines: gpd.GeoDataFrame,
    length_m: float = 1000.0,
    width_m: float = 1000.0,
    *,
    sort: Sort = "UL",
    by: str | None = "CATCOA",
    min_tail: float = 0.05,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Rectangles of equal size that follow the lines, as the drawing at the top of this module says.

    Args:
        lines: LineStrings or MultiLineStrings in any CRS.
        length_m: Length along the line, metres.
        width_m: Length perpendicular to the line, metres, half on each side.
        sort: Corner at which each group starts: upper/lower left/right.
        by: Only lines with equal values of this column are walked as one; ignored where the table has no such column.
        min_tail: Shortest tail that gets a rectangle, as a fraction of ``length_m``.
        track: Shows progress, a step per merged line.

    Returns:
        One row per rectangle, in the CRS of ``lines``: ``ID`` from 1; ``GroupId``, position of the first line of the
        connected set; ``SeqId`` from 1 in the group; ``Previous`` and ``Next``, SeqId of the neighbours along the same
        line (null at its ends, closed on rings); ``Angle``, azimuth of the chord in degrees, -180 to 180, 0 north, 90
        east; ``line_m``, metres of line the rectangle stands for; then the line's own columns (null where the merged
        parts differ; renamed to ``<name>_in`` where they collide, which ``.attrs["renamed"]`` tells).

    Raises:
        InputError: no CRS, no lines, a size that is not positive, an unknown corner.

    >>> from shapely import LineString
    >>> line = gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[LineString([(0, 0), (2500, 0)])], crs="EPSG:32617")
    >>> rectangles_along_lines(line)[["SeqId", "Previous", "Next", "Angle", "line_m", "CATCOA"]].values.tolist()
    [[1, <NA>, 2, 90.0, 1000.0, 3], [2, 1, 3, 90.0, 1000.0, 3], [3, 2, <NA>, 90.0, 500.0, 3]]
    """
    for name, size in (("length", length_m), ("width", width_m)):
        if not (np.isfinite(size) and size > 0):
            raise InputError(f"the {name} {size}", "is not a positive number of metres", "pass e.g. 1000")
    if sort not in ("UL", "UR", "LL", "LR"):
        raise InputError(f"sort {sort!r}", "is no corner", "choose UL, UR, LL or LR")
    merged = merge_lines(lines, by if by in lines.columns else None)
    if merged.empty:
        raise InputError("the table of lines", "holds no line longer than zero", "pass lines along the coast")
    crs = CRS(merged.crs)
    plane = _plane_unit_m(crs, merged)
    walked = merged if plane else merged.to_crs("EPSG:4326")
    points = shapely.get_coordinates(walked.geometry.to_numpy())
    if not np.isfinite(points).all() or (not plane and np.abs(points[:, 1]).max() > 90):
        raise InputError("the table of lines", f"has coordinates outside {crs.to_string()}", "check its CRS")
    chains = _directed(walked, sort)

    walks: list[Walk] = []
    for chain in track(chains.geometry, len(chains), "walking lines"):
        points = shapely.get_coordinates(chain) * plane if plane else _geocentric(chain)
        walks.append(walk_line(points, length_m, min_tail))
    polygons, angle = (
        _boxes_in_plane(walks, length_m, width_m, plane) if plane else _boxes_on_ellipsoid(walks, length_m, width_m)
    )

    counts = np.array([len(walk.centres) for walk in walks])
    row = np.repeat(np.arange(len(chains)), counts)
    group = chains[GROUP].to_numpy()[row]
    carried, renamed = free_names(chains.drop(columns=[chains.geometry.name, LENGTH, GROUP]).iloc[row], list(FIELDS))
    table = pd.DataFrame({"ID": np.arange(1, len(row) + 1), "GroupId": group})
    table["SeqId"] = table.groupby("GroupId").cumcount() + 1
    table["Previous"], table["Next"] = _neighbours(
        table["SeqId"].to_numpy(), counts, shapely.is_closed(chains.geometry)
    )
    table["Angle"] = angle
    table["line_m"] = np.concatenate([walk.line_m for walk in walks])
    table = pd.concat([table, carried.reset_index(drop=True)], axis=1)
    out = gpd.GeoDataFrame(table, geometry=polygons, crs=walked.crs)
    out = out if plane else out.to_crs(crs)
    out.attrs["renamed"] = renamed
    return out


def walk_line(points: NDArray[np.float64], length_m: float, min_tail: float = 0.05) -> Walk:
    """Walk one line with a chord of fixed length.

    Args:
        points: Vertices, (points, dimensions), metres, in the direction of the walk.
        length_m: Length of the chord.
        min_tail: Shortest tail that gets a rectangle, as a fraction of the length.

    >>> walk_line(np.array([[0.0, 0.0], [0.0, 900.0], [1200.0, 900.0]]), 1000.0).line_m.round().tolist()
    [1336.0, 764.0]
    """
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    here, done, vertex = points[0], 0.0, 1
    starts, ends, arcs = [], [], [0.0]
    while (hit := _first_beyond(points, here, vertex, length_m)) is not None:
        before = here if hit == vertex else points[hit - 1]
        step = points[hit] - before
        a, b, c = step @ step, step @ (before - here), (before - here) @ (before - here) - length_m**2
        fraction = (-b + np.sqrt(max(b * b - a * c, 0.0))) / a
        starts.append(here)
        # The arc is taken from the vertex, not summed up, so that rounding does not grow along the line.
        here = before + min(fraction, 1.0) * step
        done = arc[hit] - np.linalg.norm(points[hit] - here)
        vertex = hit
        ends.append(here)
        arcs.append(float(done))
    total = float(arc[-1])
    if not starts:
        return _centred_on(points, length_m, total)
    tail = total - arcs[-1]
    if tail > min_tail * length_m:
        toward = _toward(here, points[vertex:])
        starts.append(here)
        ends.append(here + toward * length_m)
        arcs.append(total)
    arcs[-1] = total
    start, end = np.array(starts), np.array(ends)
    chord = end - start
    return Walk((start + end) / 2, chord / np.linalg.norm(chord, axis=1, keepdims=True), np.diff(arcs))


def _first_beyond(points: NDArray[np.float64], here: NDArray[np.float64], vertex: int, length_m: float) -> int | None:
    """Index of the first vertex from ``vertex`` on at least ``length_m`` away; looked for in growing steps."""
    size = 16
    while vertex < len(points):
        away = np.einsum("ij,ij->i", d := points[vertex : vertex + size] - here, d) >= length_m**2
        if away.any():
            return vertex + int(away.argmax())
        vertex, size = vertex + size, size * 2
    return None


def _toward(here: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vector to the end of the line; to its farthest vertex where the end has come back to ``here``."""
    away = rest - here
    distance = np.linalg.norm(away, axis=1)
    best = len(rest) - 1 if distance[-1] > 0.1 * distance.max() else int(distance.argmax())
    return np.asarray(away[best] / distance[best])


def _centred_on(points: NDArray[np.float64], length_m: float, total: float) -> Walk:
    """The one rectangle of a line on which no chord fits: in the middle of the line's extent along its axis."""
    axis = _toward(points[0], points[1:])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    along = (points - middle) @ axis
    centre = middle + axis * (along.min() + along.max()) / 2
    return Walk(centre[None], axis[None], np.array([total]))


def _plane_unit_m(crs: CRS, lines: gpd.GeoDataFrame) -> float:
    """Metres per unit of a projection that keeps lengths within 1 % where the lines are; 0 for any other CRS."""
    if not crs.is_projected:
        return 0.0
    bounds = lines.to_crs("EPSG:4326").total_bounds
    projection = Proj(crs)
    for longitude in bounds[[0, 2]]:
        for latitude in bounds[[1, 3]]:
            factors = projection.get_factors(longitude, latitude)
            if not all(abs(scale - 1) <= 0.01 for scale in (factors.meridional_scale, factors.parallel_scale)):
                return 0.0
    return float(crs.axis_info[0].unit_conversion_factor)


def _directed(lines: gpd.GeoDataFrame, sort: str) -> gpd.GeoDataFrame:
    """Lines turned so that each starts nearest to the corner; groups in input order, lines by nearness in each."""
    bounds = lines.bounds.groupby(lines[GROUP]).agg({"minx": "min", "miny": "min", "maxx": "max", "maxy": "max"})
    corner = bounds[["maxx" if sort[1] == "R" else "minx", "maxy" if sort[0] == "U" else "miny"]].to_numpy()
    corners = corner[bounds.index.get_indexer(lines[GROUP])]
    chains, nearness = [], []
    for chain, point in zip(lines.geometry, corners, strict=True):
        points = shapely.get_coordinates(chain)
        if chain.is_closed:
            if not shapely.is_ccw(shapely.linearrings(points) if len(points) > 3 else chain):
                points = points[::-1]
            start = np.linalg.norm(points[:-1] - point, axis=1).argmin()
            points = np.concatenate([points[start:-1], points[: start + 1]])
        # The second key makes a tie independent of the direction in which the line was drawn.
        elif _rank(points[-1], point) < _rank(points[0], point):
            points = points[::-1]
        chains.append(shapely.LineString(points))
        nearness.append(float(np.linalg.norm(points[0] - point)))
    out = lines.set_geometry(chains, crs=lines.crs).assign(_near=nearness)
    return out.sort_values([GROUP, "_near"], kind="stable").drop(columns="_near").reset_index(drop=True)


def _rank(end: NDArray[np.float64], corner: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(np.linalg.norm(end - corner)), float(end[0]), float(end[1])


def _neighbours(
    seq: NDArray[np.int64], counts: NDArray[np.int64], closed: NDArray[np.bool_]
) -> tuple[pd.Series[int], pd.Series[int]]:
    """SeqId before and after each rectangle on the same line; null at the ends, closed on rings of two or more."""
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    last = first + counts - 1
    previous, following = pd.Series(seq - 1, dtype="Int64"), pd.Series(seq + 1, dtype="Int64")
    previous[first], following[last] = pd.NA, pd.NA
    ring = closed & (counts > 1)
    previous[first[ring]], following[last[ring]] = seq[last[ring]], seq[first[ring]]
    return previous, following


def _geocentric(line: shapely.LineString) -> NDArray[np.float64]:
    """Longitude and latitude in degrees to geocentric metres (points, 3)."""
    return to_geocentric(shapely.get_coordinates(shapely.segmentize(line, _LONGEST_SEGMENT_DEG)))


def _boxes_in_plane(
    walks: list[Walk], length_m: float, width_m: float, unit_m: float
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    centre = np.concatenate([walk.centres for walk in walks])
    axis = np.concatenate([walk.axes for walk in walks])
    corners = _corners(axis, length_m, width_m) + centre[:, None]
    return np.asarray(shapely.polygons(corners / unit_m)), _azimuth(axis)


def _boxes_on_ellipsoid(
    walks: list[Walk], length_m: float, width_m: float
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Rectangles laid out east and north in the plane that touches the ellipsoid below the chord's middle."""
    centre = np.concatenate([walk.centres for walk in walks])
    axis = np.concatenate([walk.axes for walk in walks])
    foot = from_geocentric(centre)
    east, north = east_and_north(foot)
    flat = np.column_stack([np.einsum("ij,ij->i", axis, east), np.einsum("ij,ij->i", axis, north)])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    surface = to_geocentric(foot)
    offset = _corners(flat, length_m, width_m)
    corners = surface[:, None] + offset[..., :1] * east[:, None] + offset[..., 1:] * north[:, None]
    x, y = from_geocentric(corners.reshape(-1, 3)).reshape(-1, 4, 2).transpose(2, 0, 1)
    # Across the antimeridian the longitudes run on beyond 180 degrees, so that the polygon stays in one piece.
    x = foot[:, :1] + (x - foot[:, :1] + 180) % 360 - 180
    return np.asarray(shapely.polygons(np.stack([x, y], axis=-1))), _azimuth(flat)


def _corners(axis: NDArray[np.float64], length_m: float, width_m: float) -> NDArray[np.float64]:
    """Corners (rectangles, 4, 2) around the origin, counter-clockwise."""
    along = axis * length_m / 2
    across = np.column_stack([-axis[:, 1], axis[:, 0]]) * width_m / 2
    return np.stack([-along - across, along - across, along + across, -along + across], axis=1)


def _azimuth(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees above -180 up to 180, 0 north, 90 east; rounded to a micro-degree."""
    angle = np.asarray(np.degrees(np.arctan2(axis[:, 0], axis[:, 1])).round(6), np.float64)
    return np.where(angle == -180, 180.0, angle)
