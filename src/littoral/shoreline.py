"""Raw lines to clean ones: connected lines of one category merged, and measured in metres.

Lines meet where their end points are equal, as S-57's connected nodes are; crossing is not meeting.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from littoral.errors import InputError
from littoral.geodesy import line_lengths
from littoral.vectors import require_crs

LENGTH, GROUP = "merged_m", "merged_group"
"""Columns that merging adds."""


def merge_lines(lines: gpd.GeoDataFrame, by: str | None = None) -> gpd.GeoDataFrame:
    """Merge lines that meet at their ends, those with equal values of ``by`` only (null equals null).

    At a junction of three or more lines nothing is merged, as there is no one way on.

    Args:
        lines: LineStrings and MultiLineStrings in any CRS; empty and zero-length ones are left out.
        by: The column to respect, or None.

    Returns:
        One row per merged LineString, in the order of its first part in ``lines``: a column keeps its value where all
        the parts agree, and is null where they differ; ``merged_m`` is the geodesic length; ``merged_group`` is the
        position (from 1) of the first input line of the connected set it belongs to, where the parts of one
        MultiLineString count as connected.

    Raises:
        InputError: no CRS, or geometries that are no lines.

    >>> from shapely import LineString
    >>> lines = gpd.GeoDataFrame({"CATCOA": [3, 3, 7]}, crs="EPSG:32617", geometry=[
    ...     LineString([(0, 0), (100, 0)]), LineString([(200, 0), (100, 0)]), LineString([(200, 0), (300, 0)])])
    >>> merge_lines(lines, by="CATCOA")[["CATCOA", "geometry"]].values.tolist()
    [[3, <LINESTRING (0 0, 100 0, 200 0)>], [7, <LINESTRING (200 0, 300 0)>]]
    """
    require_crs(lines, "the table of lines")
    _require_lines(lines)
    features = lines.reset_index(drop=True)
    parts, owner = shapely.get_parts(features.geometry.to_numpy(), return_index=True)
    value = pd.factorize(features[by], use_na_sentinel=False)[0][owner] if by else np.zeros(len(parts), int)
    keep = (shapely.length(parts) > 0) & ~_repeated(parts, value)
    parts, owner, value = shapely.force_2d(parts[keep]), owner[keep], value[keep]

    merged: list[NDArray[np.object_]] = []
    merged_value: list[NDArray[np.int64]] = []
    for code in np.unique(value):
        chains = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts[value == code])))
        merged.append(chains)
        merged_value.append(np.full(len(chains), code))
    chains = np.concatenate(merged) if merged else np.empty(0, object)
    chain_value = np.concatenate(merged_value) if merged else np.empty(0, int)
    made_of = _parts_of_chains(parts, value, chains, chain_value)
    part, chain = made_of["part"].to_numpy(), made_of["chain"]

    table = _agreeing(features.drop(columns=features.geometry.name).iloc[owner[part]].reset_index(drop=True), chain)
    out = gpd.GeoDataFrame(table, geometry=chains, crs=lines.crs)
    out[LENGTH] = line_lengths(out)
    out[GROUP] = pd.Series(_connected_sets(parts, owner, value)[part]).groupby(chain).min()
    first = made_of.groupby("chain")["part"].min()
    return out.iloc[np.argsort(first.to_numpy())].reset_index(drop=True)


def _require_lines(lines: gpd.GeoDataFrame) -> None:
    kinds = set(lines.geom_type.dropna()) - {"LineString", "MultiLineString", "LinearRing"}
    if kinds:
        raise InputError("the table of lines", f"holds {', '.join(sorted(kinds))}", "pass a layer of lines")


def _segments(lines: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Segments (segments, 4) with their lower end first, and the line of each."""
    points, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    start, end = points[:-1][same], points[1:][same]
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    start[swap], end[swap] = end[swap], start[swap]
    return np.hstack([start, end]), line[1:][same]


def _repeated(parts: NDArray[np.object_], value: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the same line, in either direction, came before with the same value."""
    return pd.DataFrame({"line": shapely.to_wkb(shapely.normalize(parts)), "value": value}).duplicated().to_numpy()


def _parts_of_chains(
    parts: NDArray[np.object_], value: NDArray[np.int64], chains: NDArray[np.object_], chain_value: NDArray[np.int64]
) -> pd.DataFrame:
    """Pairs of merged line (``chain``) and input part (``part``) that share a segment, ordered by both."""
    columns = ["x0", "y0", "x1", "y1"]
    where, chain = _segments(chains)
    made = pd.DataFrame(where, columns=columns).assign(value=chain_value[chain], chain=chain)
    where, part = _segments(parts)
    given = pd.DataFrame(where, columns=columns).assign(value=value[part], part=part)
    pairs = made.merge(given, on=[*columns, "value"])[["chain", "part"]]
    return pairs.drop_duplicates().sort_values(["chain", "part"], ignore_index=True)


def _agreeing(table: pd.DataFrame, chain: pd.Series[int]) -> pd.DataFrame:
    """One row per merged line: the common value of its parts, null where they differ."""
    first = table[~chain.duplicated().to_numpy()].set_axis(chain.unique())
    if not len(first.columns):
        return first
    differ = table.groupby(chain).nunique(dropna=False) > 1
    return first.mask(differ[list(first.columns)])


def _connected_sets(
    parts: NDArray[np.object_], owner: NDArray[np.int64], value: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Position (from 1) of the first input line in the connected set of each part."""
    count = len(parts)
    if not count:
        return np.empty(0, np.int64)
    ends = np.concatenate([shapely.get_point(parts, 0), shapely.get_point(parts, -1)])
    keys = np.column_stack([shapely.get_coordinates(ends), np.tile(value, 2)])
    node = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    feature = owner + node.max() + 1
    part = np.arange(count)
    rows = np.concatenate([part, part, part])
    columns = np.concatenate([node, feature]) + count
    size = int(columns.max()) + 1
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    label = connected_components(graph, directed=False)[1][:count]
    return pd.Series(owner).groupby(label).transform("min").to_numpy() + 1
