"""Merge lines that continue each other, cut them where the category changes, and measure them."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from littoral.errors import InputError
from littoral.geodesy import DEGREES, line_lengths, require_metres
from littoral.shoreline.chains import Chains, Integers, connected_sets, end_nodes, follow, link_ends
from littoral.vectors import free_names, require_column, require_crs

MEASURES = ("from_m", "to_m", "length_m")
"""Start and end of a line along its chain, and its length, geodesic metres; not valid for parts of the line."""
_MOST_VALUES = 50
PLACE = ("group", "chain", *MEASURES)
"""Columns that merging adds."""


@dataclass(frozen=True)
class Stretches:
    """Merged lines of one category each ("stretches"), sorted by chain and along it; one entry per stretch."""

    table: gpd.GeoDataFrame
    """Columns of the input lines (null where merged parts differ) and the merged geometry."""
    group: Integers
    """Position from 0 of the first input line in the connected set of lines of all categories."""
    chain: Integers
    """Number of the chain, from 0."""
    ring: NDArray[np.bool_]
    """Whether the chain of the stretch is a closed ring."""
    differing: tuple[str, ...] = ()
    """Fields of text or of whole numbers from 0 to 255, with at most 50 values, that differ within a stretch."""


def merge_lines(lines: gpd.GeoDataFrame, by: str | None = None, *, min_length_m: float = 0.0) -> gpd.GeoDataFrame:
    """Merge lines that meet at their ends into chains, and cut these where the value of ``by`` changes.

    :mod:`littoral.shoreline.chains` has the rules at meeting points; lines end at junctions without a unique
    continuation. Null counts as a value of ``by``.

    Args:
        lines: LineStrings and MultiLineStrings in any CRS; empty, zero-length and duplicate lines are left out.
        by: Column with the category, or None.
        min_length_m: Leave out merged lines that are shorter, geodesic metres.

    Returns:
        One row per merged LineString, sorted by chain and along it: ``group``, position (from 1) of the first input
        line in the connected set, where parts of one MultiLineString count as connected; ``chain``, from 1;
        ``from_m`` and ``to_m``, start and end of the line along its chain, geodesic metres; ``length_m``; then the
        columns of ``lines``, null where merged parts differ. Columns that collide are renamed to ``<name>_in``;
        ``.attrs["renamed"]`` is the new name by the old one. In degrees, a line across the antimeridian is not cut:
        its longitudes exceed 180.

    Raises:
        InputError: there is no CRS or no such column, a geometry is not a line, a coordinate lies outside the CRS, or
            ``min_length_m`` is not a number of at least 0.

    >>> from shapely import LineString
    >>> lines = gpd.GeoDataFrame({"CATCOA": [3, 3, 7]}, crs="EPSG:32631", geometry=[
    ...     LineString([(0, 0), (100, 0)]), LineString([(200, 0), (100, 0)]), LineString([(200, 0), (300, 0)])])
    >>> merge_lines(lines, by="CATCOA")[["chain", "CATCOA", "geometry"]].values.tolist()
    [[1, 3, <LINESTRING (0 0, 100 0, 200 0)>], [1, 7, <LINESTRING (200 0, 300 0)>]]
    """
    require_metres("shortest line", min_length_m)
    stretches = merge_stretches(lines, by)
    table = stretches.table
    length = line_lengths(table)
    end = length.groupby(stretches.chain).cumsum()
    own, renamed = free_names(table.drop(columns=table.geometry.name), list(PLACE))
    place = pd.DataFrame(
        {
            "group": stretches.group + 1,
            "chain": stretches.chain + 1,
            "from_m": end - length,
            "to_m": end,
            "length_m": length,
        }
    )
    out = gpd.GeoDataFrame(pd.concat([place, own], axis=1), geometry=table.geometry.to_numpy(), crs=table.crs)
    out = out[length >= min_length_m].reset_index(drop=True)
    out.attrs["renamed"] = renamed
    return out


def merge_stretches(lines: gpd.GeoDataFrame, by: str | None = None) -> Stretches:
    """Merge and cut lines like :func:`merge_lines`, with the same arguments and errors, without measuring them."""
    require_lines(lines)
    by = None if by is None else require_column(lines, by, "the table of lines")
    degrees = CRS(lines.crs).is_geographic
    features = lines.reset_index(drop=True)
    parts, owner = shapely.get_parts(features.geometry.to_numpy(), return_index=True)
    if shapely.has_z(parts).any():
        parts = shapely.force_2d(parts)
    if degrees:
        parts = _unwrapped(parts)
    value = (
        pd.factorize(features[by], use_na_sentinel=False)[0][owner]
        if by is not None
        else np.zeros(len(parts), np.int64)
    )
    long = shapely.length(parts) > 0
    parts, owner, value = parts[long], owner[long], value[long]
    node = end_nodes(parts, degrees=degrees)
    once = ~_repeated(parts, node, value)
    parts, owner, value, node = parts[once], owner[once], value[once], node[np.repeat(once, 2)]
    chains = follow(link_ends(node, value), value)
    value = value[chains.line]
    begins = np.ones(len(value), bool)
    begins[1:] = (np.diff(chains.chain) > 0) | (np.diff(value) != 0)
    stretch = np.cumsum(begins) - 1
    own = features.drop(columns=features.geometry.name).iloc[owner[chains.line]]
    table = _agreeing(own, stretch)
    chain = chains.chain[begins]
    return Stretches(
        gpd.GeoDataFrame(table, geometry=_joined(parts, chains, stretch, degrees), crs=lines.crs),
        connected_sets(node, owner)[chains.line][begins],
        chain,
        chains.ring[chain],
        _differing(own, stretch),
    )


def require_lines(lines: gpd.GeoDataFrame, source: object = "the table of lines") -> None:
    """Check that a table holds lines, has a CRS, and that all coordinates lie on Earth.

    Args:
        lines: The table.
        source: Name of the table in the message, e.g. the file it was read from.

    Raises:
        InputError: it does not; the message names the row.
    """
    require_crs(lines, source)
    crs = CRS(lines.crs)
    if not (crs.is_geographic or crs.is_projected):
        raise InputError(source, f"is in {crs.to_string()}, neither degrees nor a plane", "transform it to EPSG:4326")
    kinds = set(lines.geom_type.dropna()) - {"LineString", "MultiLineString", "LinearRing"}
    if kinds:
        raise InputError(source, f"holds {', '.join(sorted(kinds))}", "pass a layer of lines")
    points, line = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
    if not len(points):
        return
    wrong = line[~np.isfinite(points).all(axis=1)]
    if len(wrong):
        raise InputError(source, f"has a coordinate that is no number in row {wrong[0]}", "mend or delete that line")
    for at in (*points.argmin(axis=0), *points.argmax(axis=0)):
        if _astray(points[at], crs):
            place = ", ".join(f"{value:g}" for value in points[at])
            raise InputError(
                source, f"has coordinates outside {crs.to_string()}: ({place}) in row {line[at]}", "check its CRS"
            )


def _astray(point: NDArray[np.float64], crs: CRS) -> bool:
    """Whether a point lies outside the CRS; longitudes may be from -540 to 540."""
    if crs.is_geographic:
        return bool((np.abs(point) > (540, 90)).any())
    place = Transformer.from_crs(crs, DEGREES, always_xy=True).transform(*point)
    return not np.isfinite(place).all() or bool(np.abs(point).max() * crs.axis_info[0].unit_conversion_factor > 1e8)


def _repeated(parts: NDArray[np.object_], node: Integers, value: Integers) -> NDArray[np.bool_]:
    """Whether an earlier line has the same vertices, in either direction, and the same value."""
    ends = np.sort(node.reshape(-1, 2), axis=1)
    about = pd.DataFrame(
        {"one": ends[:, 0], "other": ends[:, 1], "size": shapely.get_num_coordinates(parts), "v": value}
    )
    repeated = about.duplicated(keep=False).to_numpy(copy=True)
    # Only lines with equal ends, size and value are compared point by point.
    alike = about[repeated].assign(line=shapely.to_wkb(shapely.normalize(parts[repeated])))
    repeated[repeated] = alike.duplicated()
    return repeated


def _unwrapped(parts: NDArray[np.object_]) -> NDArray[np.object_]:
    """Unwrap the longitudes of lines that jump across the antimeridian; other lines are unchanged."""
    points, line = shapely.get_coordinates(parts, return_index=True)
    turns = _turns(points[:, 0], line)
    crossing = np.unique(line[turns != 0])
    if len(crossing):
        own = np.isin(line, crossing)
        points[own, 0] += 360 * turns[own]
        parts = parts.copy()
        parts[crossing] = shapely.linestrings(points[own], indices=np.unique(line[own], return_inverse=True)[1])
    return parts


def _turns(longitude: NDArray[np.float64], line: Integers) -> Integers:
    """Multiples of 360 to add to each longitude so that no step along a line exceeds 180 degrees."""
    step = np.diff(longitude, prepend=longitude[:1])
    # A step of exactly 180 degrees is not changed.
    jump = np.where(step > 180, -1, np.where(step < -180, 1, 0))
    jump[np.flatnonzero(np.diff(line, prepend=-1))] = 0
    total = np.cumsum(jump)
    first = np.flatnonzero(np.diff(line, prepend=-1))
    return np.asarray(total - np.repeat(total[first], np.diff(np.append(first, len(line)))), np.int64)


def _joined(parts: NDArray[np.object_], chains: Chains, stretch: Integers, degrees: bool) -> NDArray[np.object_]:
    """One LineString per stretch, without the duplicate points where two parts meet."""
    ordered = parts[chains.line]
    if len(chains.ring) == len(parts):
        return ordered
    ordered[chains.backward] = shapely.reverse(ordered[chains.backward])
    points, part = shapely.get_coordinates(ordered, return_index=True)
    if degrees:
        # Unwrap longitudes along the whole chain, so that each part begins where the one before it ended.
        points[:, 0] += 360 * _turns(points[:, 0], chains.chain[part])
    first = np.diff(part, prepend=-1) > 0
    joint = first & (np.diff(stretch[part], prepend=-1) == 0)
    return np.asarray(shapely.linestrings(points[~joint], indices=stretch[part][~joint]))


def _differing(table: pd.DataFrame, stretch: Integers) -> tuple[str, ...]:
    """Fields that may hold a class and differ within a stretch (:attr:`Stretches.differing`)."""
    if not len(stretch) or stretch[-1] + 1 == len(stretch):
        return ()
    found = []
    for name in table.columns:
        values = table[name]
        if pd.api.types.is_bool_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
            continue
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.dropna().astype(float)
            if not ((numbers % 1 == 0) & numbers.between(0, 255)).all():
                continue
        if 1 < values.nunique() <= _MOST_VALUES and (values.groupby(stretch).nunique(dropna=False) > 1).any():
            found.append(str(name))
    return tuple(found)


def _agreeing(table: pd.DataFrame, stretch: Integers) -> pd.DataFrame:
    """One row per stretch: the common value of its parts, null where they differ."""
    first = table[np.diff(stretch, prepend=-1) > 0].reset_index(drop=True)
    if not len(first.columns):
        return first
    differ = table.groupby(stretch).nunique(dropna=False) > 1
    return first.mask(differ[list(first.columns)])
