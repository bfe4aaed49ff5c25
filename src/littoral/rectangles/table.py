"""Lines to rectangles: the table and its fields."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from littoral.errors import InputError, LittoralWarning
from littoral.geodesy import DEGREES, line_lengths
from littoral.progress import Track, silent
from littoral.rectangles.chain_order import start_at_corner
from littoral.rectangles.frames import Ellipsoid, Frames, Space, polygons_in, space_of
from littoral.rectangles.options import RectangleOptions
from littoral.rectangles.purity import length_inside
from littoral.rectangles.walk import Integers, Lines, Walk, walk_lines
from littoral.shoreline import MEASURES, Stretches, merge_stretches, require_lines
from littoral.vectors import find_column, free_names, require_column

FIELDS = ("ID", "GroupId", "SeqId", "Previous", "Next", "Angle", "line_m")
"""Fields of every output, before those carried over from the line."""

_VERTICES_AT_ONCE = 2**20
"""Walked together; a line with more of them is walked alone."""
_MOST_CLASSES = 50
MOST_RECTANGLES = 10_000_000
"""The coasts of the world have two million at 1 km; the table takes 2 KB for each."""
_NAME = re.compile(
    r"(^|_)(id|fid|uid|uuid|guid|name|nom|nombre|key|code_?id|objectid|ogc_fid)$|(?<=[a-z])(Id|ID|Name)$", re.I
)
"""Fields of names and identifiers."""
_NO_CLASS = {"scene", "date", "index", "land_side", "cell", "producer", "usage_band", "edition", "update", "issue_date",
             "updates", "sordat", "lnam", "convis", "conrad", "verdat", "group", "chain"}  # fmt: skip
"""Fields of littoral's own lines that say where a line comes from."""


def rectangles_along_lines(
    lines: gpd.GeoDataFrame,
    options: RectangleOptions | None = None,
    *,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Rectangles of equal size that follow the lines, as drawn in :mod:`littoral.rectangles`.

    Args:
        lines: LineStrings or MultiLineStrings in any CRS.
        options: Size, step and order. ``class_field`` None stands for CATCOA where the table has it. Names are compared
            without case.
        track: Shows progress, a step per million vertices.

    Returns:
        One row per rectangle, in the CRS of ``lines`` (in EPSG:4326, with a :class:`LittoralWarning`, where that is a
        map of the world that cannot hold a rectangle across its edge): ``ID`` from 1; ``GroupId``, position of the
        first line of the connected set; ``SeqId`` from 1 in the group; ``Previous`` and ``Next``, SeqId of the
        neighbours along the chain, across changes of class too (null at its ends, closed on rings); ``Angle``,
        azimuth of the chord in degrees, -180 to 180, 0 north, 90 east; ``line_m``, metres of line from this
        rectangle's start to the next one's; where a class field is used, ``purity``, the share of the rectangle's own
        class among all line inside it, and ``share_<value>`` (``share_none`` for null), those of each; then the
        line's own columns (null where the merged parts differ; renamed to ``<name>_in`` where they collide, as are
        ``from_m``, ``to_m`` and ``length_m``, which measure the line; ``.attrs["renamed"]`` tells).

    Raises:
        InputError: no CRS, no lines, a size that is not positive, an unknown corner or tail, ``overlap`` together with
            ``spacing_m``, no such class field, or more than 50 classes.

    Memory: 2 KB per rectangle for the table, 60 B per vertex, and 150 MB for the vertices and rectangles at work.

    >>> from shapely import LineString
    >>> line = gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[LineString([(0, 0), (2500, 0)])], crs="EPSG:32631")
    >>> boxes = rectangles_along_lines(line)
    >>> boxes[["SeqId", "Previous", "Next", "Angle", "line_m", "purity", "CATCOA"]].values.tolist()
    [[1, <NA>, 2, 90.0, 1000.0, 1.0, 3], [2, 1, 3, 90.0, 1000.0, 1.0, 3], [3, 2, <NA>, 90.0, 500.0, 1.0, 3]]
    """
    options = options or RectangleOptions()
    by = _class_field(lines, options)
    classes = pd.Index([None]) if by is None else pd.Index(lines[by].unique())
    if len(classes) > _MOST_CLASSES:
        raise InputError(
            f"the field {by}", f"has {len(classes)} values", f"walk by a field of at most {_MOST_CLASSES} classes"
        )
    require_lines(lines)
    if not (shapely.length(lines.geometry.to_numpy()) > 0).any():
        raise InputError("the table of lines", "holds no line longer than zero", "pass lines along the coast")
    space = space_of(lines)
    stretches = merge_stretches(lines.to_crs(DEGREES) if isinstance(space, Ellipsoid) else lines, by)
    if by is None and options.class_field is None:
        _require_no_class(stretches)
    spacing_m = _spacing_m(options)
    count = float(line_lengths(stretches.table).sum()) / spacing_m
    if count > MOST_RECTANGLES:
        what = f"would need about {count:,.0f} rectangles, and {MOST_RECTANGLES:,} is the most"
        raise InputError(
            "the table of lines", what, "pass a larger length or spacing, a smaller overlap, or fewer lines"
        )
    order, geometry = start_at_corner(stretches, options.sort)
    own = stretches.table.drop(columns=stretches.table.geometry.name).iloc[order]
    stretches = Stretches(
        gpd.GeoDataFrame(own.reset_index(drop=True), geometry=geometry, crs=stretches.table.crs),
        stretches.group[order],
        stretches.chain[order],
        stretches.ring[order],
    )
    wanted = np.ones(len(geometry), bool)
    if options.min_line_m > 0:
        wanted &= (line_lengths(stretches.table) >= options.min_line_m).to_numpy()
    if options.labelled_only:
        wanted &= stretches.table[by].notna().to_numpy()
    kept = np.flatnonzero(wanted)
    if not len(kept):
        least = f"of at least {options.min_line_m:g} m" if options.min_line_m else "longer than zero"
        what = f"holds no line {least}" + (f" with {by}" if options.labelled_only else "")
        raise InputError("the table of lines", what, "pass lines along the coast")

    row, walk = _walked(geometry, kept, space, options, track)
    if not len(row):
        raise InputError("the table of lines", "holds no line as long as a rectangle", "pass the tail rule full")
    frames = space.frames(walk.start, walk.end)
    table = _sequence(stretches, row)
    table["Angle"], table["line_m"] = frames.azimuth, walk.line_m
    if by is not None:
        table = pd.concat([table, _shares(stretches, row, space, frames, options, by, classes)], axis=1)
    # Where and how long the line is, is not said of its rectangles.
    carried, renamed = free_names(own.iloc[row].reset_index(drop=True), [*table.columns, *MEASURES])
    polygons = space.polygons(frames, options.length_m, options.width_m)
    placed = gpd.GeoSeries(polygons, crs=lines.crs)
    if isinstance(space, Ellipsoid):
        placed = polygons_in(polygons, lines.crs)
        if placed.crs != lines.crs:
            sentence = f"the rectangles are in {DEGREES}: {CRS(lines.crs).name} cannot hold those across its edge"
            warnings.warn(LittoralWarning(sentence), stacklevel=2)
    out = gpd.GeoDataFrame(pd.concat([table, carried], axis=1), geometry=placed.to_numpy(), crs=placed.crs)
    out.attrs["renamed"] = renamed
    return out


def _class_field(lines: gpd.GeoDataFrame, options: RectangleOptions) -> str | None:
    """The class field in the table's spelling; None to walk across all changes."""
    name = options.class_field
    if name or options.labelled_only:
        return require_column(lines, name or "CATCOA", "the table of lines")
    return find_column(lines, "CATCOA") if name is None else None


def _spacing_m(options: RectangleOptions) -> float:
    if options.overlap is not None:
        return options.length_m * (1 - options.overlap)
    return options.length_m if options.spacing_m is None else options.spacing_m


def _require_no_class(stretches: Stretches) -> None:
    """
    Raises:
        InputError: no class field was named, and a field that may be one differs along a chain: the rectangles' value
            would be null there.
    """
    differ = [name for name in stretches.differing if name.casefold() not in _NO_CLASS and not _NAME.search(name)]
    if differ:
        what = f"has no field CATCOA, and {', '.join(differ)} differ{'s' if len(differ) == 1 else ''} along its lines"
        remedy = "name the class field (--class-field, class_field=), or pass an empty name to walk across all changes"
        raise InputError("the table of lines", what, remedy)


def _walked(
    geometry: NDArray[np.object_], kept: Integers, space: Space, options: RectangleOptions, track: Track
) -> tuple[Integers, Walk]:
    """The walk along the kept lines, in their order, and the position of the line of each rectangle."""
    spacing_m = _spacing_m(options)
    batches = list(_batches(geometry, kept))
    walks, rows = [], []
    for batch in track(batches, len(batches), "walking lines"):
        lines = _lines(space, geometry[batch])
        walk = walk_lines(lines, options.length_m, spacing_m, tail=options.tail, min_tail=options.min_tail)
        walks.append(walk)
        rows.append(batch[walk.line])
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    start, end, line_m = (
        np.concatenate([getattr(walk, name) for walk in walks])[order] for name in ("start", "end", "line_m")
    )
    return row[order], Walk(row[order], start, end, line_m)


def _batches(geometry: NDArray[np.object_], kept: Integers) -> Iterator[Integers]:
    """Positions of lines to walk together: of like length, so that few are done while others still walk."""
    size = shapely.get_num_coordinates(geometry[kept])
    kept = kept[np.argsort(-size, kind="stable")]
    of = np.cumsum(np.sort(size)[::-1]) // _VERTICES_AT_ONCE
    yield from np.split(kept, np.flatnonzero(np.diff(of)) + 1)


def _lines(space: Space, geometry: NDArray[np.object_]) -> Lines:
    points, line = space.metres(geometry)
    return Lines(points, np.append(np.flatnonzero(np.diff(line, prepend=-1)), len(points)))


def _sequence(stretches: Stretches, row: Integers) -> pd.DataFrame:
    """ID, GroupId, SeqId, Previous and Next of rectangles in the order of the walk."""
    table = pd.DataFrame({"ID": np.arange(1, len(row) + 1), "GroupId": stretches.group[row] + 1})
    table["SeqId"] = table.groupby("GroupId").cumcount() + 1
    chain = stretches.chain[row]
    seq = table["SeqId"].to_numpy()
    # A stretch that got no rectangle is a gap in its chain.
    joins = (chain[1:] == chain[:-1]) & (np.diff(row) <= 1)
    previous = np.append(0, np.where(joins, seq[:-1], 0))
    following = np.append(np.where(joins, seq[1:], 0), 0)
    one, other = _ends_of_runs(chain)
    begin, end = _ends_of_runs(stretches.chain)
    whole = np.isin(row[one], begin) & np.isin(row[other], end)
    closed = stretches.ring[row[one]] & whole & (one != other)
    previous[one[closed]], following[other[closed]] = seq[other[closed]], seq[one[closed]]
    for name, neighbour in (("Previous", previous), ("Next", following)):
        table[name] = pd.Series(neighbour, dtype="Int64").where(neighbour > 0)
    return table


def _ends_of_runs(value: Integers) -> tuple[Integers, Integers]:
    """Positions of the first and the last entry of each run of equal values."""
    first = np.flatnonzero(np.diff(value, prepend=-1))
    return first, np.append(first[1:], len(value)) - 1


def _shares(
    stretches: Stretches,
    row: Integers,
    space: Space,
    frames: Frames,
    options: RectangleOptions,
    by: str,
    classes: pd.Index,
) -> pd.DataFrame:
    """Purity, and the share of each class among the line inside each rectangle."""
    own = classes.get_indexer_for(stretches.table[by])
    lines = _lines(space, stretches.table.geometry.to_numpy())
    metres = length_inside(frames, options.length_m, options.width_m, lines, own, len(classes))
    with np.errstate(invalid="ignore"):
        share = metres / metres.sum(axis=1, keepdims=True)
    columns = {"purity": share[np.arange(len(row)), own[row]]}
    values = classes.tolist()
    known = sorted(np.flatnonzero(classes.notna()).tolist(), key=lambda at: (isinstance(values[at], str), values[at]))
    for at in known:
        columns[f"share_{_word(values[at])}"] = share[:, at]
    for at in np.flatnonzero(classes.isna()).tolist():
        columns["share_none"] = share[:, at]
    return pd.DataFrame(columns)


def _word(value: object) -> str:
    """A class as part of a field's name; files without nullable integers hold 7 as 7.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
