"""Where cells of different scale cover the same coast, keep the lines of the largest scale."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from littoral.geodesy import line_lengths

ON_BORDER_DEG = 1e-7
"""Points nearer to a border than this lie on it: 1 cm, the coordinate unit of most cells (COMF 10 000 000)."""


def cut_to_largest_scale(
    lines: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Cut each cell's lines where a cell of larger scale covers the same area.

    Cells of one navigational purpose do not overlap, cells of different purposes do (ENC Product Specification 2.0,
    clause 2.2). Of two overlapping cells, the one with the smaller scale denominator is kept; if these are equal or
    missing, the one with the higher usage band, then with the later issue date, then the first by name. A line along
    the border of the kept cell is replaced only where that cell has the line as well, since neighbouring cells draw
    such a line only once.

    Args:
        lines: Coastline with the columns :data:`littoral.charts.coastline.COLUMNS`.
        coverage: One row per cell: ``cell``, ``scale``, ``usage_band``, ``issue_date``, and the area of data coverage
            (M_COVR with CATCOV 1). A cell with an empty area replaces no lines of others.

    Returns:
        The kept and the replaced lines, two tables like ``lines`` of LineStrings in its order and direction. Vertices
        are added only where a border is crossed. For each category, the two lengths sum to the original length.
    """
    order = coverage.sort_values(
        ["scale", "usage_band", "issue_date", "cell"], ascending=[True, False, False, True], na_position="last"
    )
    areas = order.geometry.to_numpy()
    tree = shapely.STRtree(areas)
    whole, row = shapely.get_parts(lines.geometry.to_numpy(), return_index=True)
    of_cell = pd.Series(np.arange(len(whole))).groupby(lines["cell"].to_numpy()[row]).indices
    none = np.empty(0, np.int64)
    untouched = np.ones(len(whole), bool)
    pieces, origin, gone = [none.astype(object)], [none], [none.astype(bool)]
    for rank, cell in enumerate(order["cell"]):
        own = np.asarray(of_cell.get(cell, none), np.int64)
        before = np.unique(tree.query(whole[own], predicate="intersects")[1])
        before = before[before < rank]
        if not len(before):
            continue
        mask = shapely.union_all(areas[before])
        shapely.prepare(mask)
        own = own[shapely.intersects(mask, whole[own])]
        theirs = np.concatenate([of_cell.get(other, none) for other in order["cell"].iloc[before]])
        cut, line, inside = _cut(whole[own], mask, whole[theirs])
        untouched[own] = False
        pieces.append(cut)
        origin.append(own[line])
        gone.append(inside)
    stays = np.flatnonzero(untouched)
    parts, part_of, replaced = (
        np.concatenate([*pieces, whole[stays]]), np.concatenate([*origin, stays]),
        np.concatenate([*gone, np.zeros(len(stays), bool)]),
    )  # fmt: skip
    sequence = np.argsort(part_of, kind="stable")
    tables = []
    for chosen in (sequence[~replaced[sequence]], sequence[replaced[sequence]]):
        table = lines.iloc[row[part_of[chosen]]].reset_index(drop=True)
        tables.append(table.set_geometry(parts[chosen], crs=lines.crs))
    return tables[0], tables[1]


def _cut(
    lines: NDArray[np.object_], mask: shapely.Geometry, theirs: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.bool_]]:
    """Cut LineStrings where they cross the border of ``mask``, the coverage of the cells with the lines ``theirs``.

    Returns:
        Pieces in order along the lines, the number of the line of each, and whether it is replaced.
    """
    points, line = shapely.get_coordinates(lines, return_index=True)
    first = np.flatnonzero(line[1:] == line[:-1])
    border = shapely.boundary(mask)
    shapely.prepare(border)
    segments = shapely.linestrings(np.stack([points[first], points[first + 1]], axis=1))
    crossed = first[shapely.intersects(border, segments)]
    # Vertices and crossings sorted along the lines by the vertex before them and the distance from it.
    new, which = _crossings(points[crossed], points[crossed + 1], border)
    vertex = np.concatenate([np.arange(len(points)), crossed[which]])
    every = np.concatenate([points, new])
    along = np.hypot(*(every - points[vertex]).T)
    place = np.lexsort((along, vertex))
    every, line, vertex = every[place], line[vertex[place]], vertex[place]

    step = np.flatnonzero(line[1:] == line[:-1])
    middle = (every[step] + every[step + 1]) / 2
    inside = shapely.contains_xy(mask, middle)
    spots = shapely.points(middle)
    edge = np.flatnonzero(np.isin(vertex[step], crossed))
    edge = edge[shapely.dwithin(spots[edge], border, ON_BORDER_DEG)]
    inside[edge] = False
    inside[edge[shapely.STRtree(theirs).query(spots[edge], "dwithin", ON_BORDER_DEG)[0]]] = True

    starts = np.ones(len(step), bool)
    starts[1:] = (line[step[1:]] != line[step[:-1]]) | (inside[1:] != inside[:-1])
    piece = np.cumsum(starts) - 1
    ends = np.append(np.flatnonzero(starts)[1:], len(step)) - 1
    at, owner = np.concatenate([step, step[ends] + 1]), np.concatenate([piece, piece[ends]])
    sequence = np.lexsort((at, owner))
    cut = shapely.linestrings(every[at[sequence]], indices=owner[sequence])
    return np.asarray(cut, object), line[step[starts]], inside[starts]


def _crossings(
    start: NDArray[np.float64], end: NDArray[np.float64], border: shapely.Geometry
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Intersections of segments with a border, except at the segments' ends: points (n, 2), and the segment of each."""
    met = shapely.intersection(shapely.linestrings(np.stack([start, end], axis=1)), border)
    points, segment = shapely.get_coordinates(met, return_index=True)
    new = (points != start[segment]).any(axis=1) & (points != end[segment]).any(axis=1)
    return points[new], segment[new]


def summarise_coast(coast: gpd.GeoDataFrame) -> pd.DataFrame:
    """Kilometres of each category (columns, ``no category`` last) in each cell (rows, ``all`` last).

    Args:
        coast: Lines with ``cell`` and ``category``, as returned by :func:`read_charts`.
    """
    km = (line_lengths(coast) / 1000).rename("km")
    names = coast["category"].fillna("no category").astype(object)
    table = km.groupby([coast["cell"].astype(object), names]).sum().unstack().fillna(0.0)
    order = table.sum().sort_values(ascending=False, kind="stable").index.tolist()
    columns = [name for name in order if name != "no category"] + [name for name in order if name == "no category"]
    table = table[columns].rename_axis(index="cell", columns=None)
    table.loc["all"] = table.sum()
    return table
