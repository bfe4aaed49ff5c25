"""Make the table of rectangles along lines."""

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
"""Fields of every table of rectangles; the fields of the lines follow them."""

_VERTICES_AT_ONCE = 2**20
"""Most vertices of the lines that are processed in one batch; a longer line is a batch by itself."""
_MOST_CLASSES = 50
MOST_RECTANGLES = 10_000_000
"""Limit; the coasts of the world have two million rectangles of 1 km. The table takes 2 KB per rectangle."""
_NAME = re.compile(
    r"(^|_)(id|fid|uid|uuid|guid|name|nom|nombre|key|code_?id|objectid|ogc_fid)$|(?<=[a-z])(Id|ID|Name)$", re.I
)
"""Names of fields that hold names or identifiers, not classes."""
_NO_CLASS = {"scene", "date", "index", "land_side", "cell", "producer", "usage_band", "edition", "update", "issue_date",
             "updates", "sordat", "lnam", "convis", "conrad", "verdat", "group", "chain"}  # fmt: skip
"""Fields of lines made by littoral that hold the origin of a line, not a class."""


def rectangles_along_lines(
    lines: gpd.GeoDataFrame,
    options: RectangleOptions | None = None,
    *,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Make rectangles of equal size along lines; :mod:`littoral.rectangles` shows how they are placed.

    Args:
        lines: LineStrings or MultiLineStrings in any CRS.
        options: Size, step and order. If ``class_field`` is None, CATCOA is used if the table has it. Names are
            compared without case.
        track: Shows progress, one step per million vertices.

    Returns:
        One row per rectangle, in the CRS of ``lines`` (in EPSG:4326, with a :class:`LittoralWarning`, if that is a
        world map that cannot hold a rectangle across its edge): ``ID`` from 1; ``GroupId``, position of the first
        line of the connected set; ``SeqId`` from 1 in the group; ``Previous`` and ``Next``, SeqId of the neighbours
        along the chain, also across changes of class (null at the ends of a chain, connected on rings); ``Angle``,
        azimuth of the chord in degrees, -180 to 180, 0 north, 90 east; ``line_m``, metres of line from the start of
        this rectangle to the start of the next; with a class field, ``purity``, the share of the rectangle's class in
        the length of all lines inside it, and ``share_<value>`` (``share_none`` for null), the share of each class;
        then the columns of the lines, null where merged parts differ. Columns that collide, and ``from_m``, ``to_m``
        and ``length_m``, which measure the line, are renamed to ``<name>_in``; ``.attrs["renamed"]`` is the new name
        by the old one.

    Raises:
        InputError: there is no CRS or no line; a size is not positive; the corner or tail is unknown; ``overlap`` is
            given together with ``spacing_m``; the class field is missing or has more than 50 values; or there would
            be more than 10 million rectangles.

    Memory: 2 KB per rectangle for the table, 60 B per vertex, and 150 MB for the current batch.

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
    # The measures of a line do not apply to its rectangles.
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
    """Name of the class field as spelled in the table; None to follow lines across changes of class."""
    name = options.class_field
    if name or options.labelled_only:
        return require_column(lines, name or "CATCOA", "the table of lines")
    return find_column(lines, "CATCOA") if name is None else None


def _spacing_m(options: RectangleOptions) -> float:
    if options.overlap is not None:
        return options.length_m * (1 - options.overlap)
    return options.length_m if options.spacing_m is None else options.spacing_m


def _require_no_class(stretches: Stretches) -> None:
    """Check that no field that may hold a class differs along a chain: its value would be null in the rectangles.

    Raises:
        InputError: there is such a field, and no class field was named.
    """
    differ = [name for name in stretches.differing if name.casefold() not in _NO_CLASS and not _NAME.search(name)]
    if differ:
        what = f"has no field CATCOA, and {', '.join(differ)} differ{'s' if len(differ) == 1 else ''} along its lines"
        remedy = "name the class field (--class-field, class_field=), or pass an empty name to walk across all changes"
        raise InputError("the table of lines", what, remedy)


def _walked(
    geometry: NDArray[np.object_], kept: Integers, space: Space, options: RectangleOptions, track: Track
) -> tuple[Integers, Walk]:
    """Position of the line of each rectangle, and the walk along the kept lines, in their order."""
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
    """Positions of the lines of each batch; lines of similar size are together, so that they take as many steps."""
    size = shapely.get_num_coordinates(geometry[kept])
    kept = kept[np.argsort(-size, kind="stable")]
    of = np.cumsum(np.sort(size)[::-1]) // _VERTICES_AT_ONCE
    yield from np.split(kept, np.flatnonzero(np.diff(of)) + 1)


def _lines(space: Space, geometry: NDArray[np.object_]) -> Lines:
    points, line = space.metres(geometry)
    return Lines(points, np.append(np.flatnonzero(np.diff(line, prepend=-1)), len(points)))


def _sequence(stretches: Stretches, row: Integers) -> pd.DataFrame:
    """Table of ID, GroupId, SeqId, Previous and Next of the rectangles, in their order."""
    table = pd.DataFrame({"ID": np.arange(1, len(row) + 1), "GroupId": stretches.group[row] + 1})
    table["SeqId"] = table.groupby("GroupId").cumcount() + 1
    chain = stretches.chain[row]
    seq = table["SeqId"].to_numpy()
    # A stretch without rectangles is a gap in its chain.
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
    """Purity, and the share of each class in the length of line inside each rectangle."""
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
    """A class as part of a field's name; 7.0, as in files without nullable integers, becomes ``7``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
