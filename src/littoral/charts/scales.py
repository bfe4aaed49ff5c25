"""One place, one line: where cells of different scale cover the same coast, the largest scale stays."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from littoral.geodesy import line_lengths


def cut_to_largest_scale(
    lines: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Cut each cell's lines where a cell of larger scale covers the same place.

    The rule is that of the ENC Product Specification 2.0, clause 2.2: data of one navigational purpose do not overlap,
    those of different purposes do. Of two cells the one with the smaller scale denominator stays; where these are
    equal (or missing), the higher usage band, then the later issue, then the first name.

    Args:
        lines: Coastline with the columns of :data:`COLUMNS`.
        coverage: One row per cell: ``cell``, ``scale``, ``usage_band``, ``issue_date``, and the area where the cell has
            data (M_COVR with CATCOV 1; may be empty).

    Returns:
        What stays and what was replaced, both like ``lines``, LineStrings in its order. No length is lost: of every
        category, the two sum to what was given.
    """
    order = coverage.sort_values(
        ["scale", "usage_band", "issue_date", "cell"], ascending=[True, False, False, True], na_position="last"
    )
    areas = order.geometry.to_numpy()
    tree = shapely.STRtree(areas)
    geometry = lines.geometry.to_numpy()
    kept, replaced = geometry.copy(), np.full(len(lines), None, object)
    rows = pd.Series(np.arange(len(lines))).groupby(lines["cell"].to_numpy()).indices
    for rank, cell in enumerate(order["cell"]):
        own = rows.get(cell, np.empty(0, np.int64))
        before = tree.query(areas[rank], predicate="intersects")
        before = before[before < rank]
        if len(own) and len(before):
            mask = shapely.union_all(areas[before])
            shapely.prepare(mask)
            own = own[shapely.intersects(mask, geometry[own])]
            kept[own] = shapely.difference(geometry[own], mask)
            replaced[own] = shapely.intersection(geometry[own], mask)
    return _lines_only(lines, kept), _lines_only(lines, replaced)


def _lines_only(lines: gpd.GeoDataFrame, geometry: NDArray[np.object_]) -> gpd.GeoDataFrame:
    """One row per LineString; points, where a line only touches, are dropped."""
    parts, row = shapely.get_parts(shapely.line_merge(geometry), return_index=True)
    # What was cut may be a collection of points and lines.
    parts, inner = shapely.get_parts(parts, return_index=True)
    row = row[inner]
    lineal = (shapely.get_dimensions(parts) == 1) & ~shapely.is_empty(parts)
    table = lines.iloc[row[lineal]].reset_index(drop=True)
    return table.set_geometry(parts[lineal], crs=lines.crs)


def summarise_coast(coast: gpd.GeoDataFrame) -> pd.DataFrame:
    """Kilometres of each category (columns, ``no category`` last) in each cell (rows, ``all`` last).

    Args:
        coast: What :func:`read_charts` gives: lines with ``cell`` and ``category``.
    """
    km = (line_lengths(coast) / 1000).rename("km")
    names = coast["category"].fillna("no category").astype(object)
    table = km.groupby([coast["cell"].astype(object), names]).sum().unstack().fillna(0.0)
    order = table.sum().sort_values(ascending=False, kind="stable").index.tolist()
    columns = [name for name in order if name != "no category"] + [name for name in order if name == "no category"]
    table = table[columns].rename_axis(index="cell", columns=None)
    table.loc["all"] = table.sum()
    return table
