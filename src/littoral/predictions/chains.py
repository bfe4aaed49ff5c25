"""Order rectangles along the coast, with the distances between neighbours.

``Previous`` and ``Next`` are SeqIds within a ``GroupId``. A link is used only if both rectangles have it, so each
rectangle has at most one neighbour on either side. The result is open chains and rings; a chain ends at a junction, at
a missing rectangle and at the end of the line.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from littoral.errors import LittoralWarning, counted
from littoral.geodesy import DEGREES, ELLIPSOID
from littoral.predictions.columns import LINKS
from littoral.shoreline.chains import follow_successors
from littoral.vectors import find_column, numeric_column, require_column, require_crs

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

_LEAST_STEP_M = 1.0


@dataclass(frozen=True)
class RectangleChains:
    """Rows of a table, chain after chain and in order along each; a row without neighbours is a chain of one."""

    row: Integers
    """(rows,), position of the row in the table."""
    chain: Integers
    """(rows,), number of its chain from 0, ascending."""
    step_m: Numbers
    """(rows,), metres from the middle of the previous rectangle; infinite where a chain begins."""
    closing_m: Numbers
    """(chains,), metres from the last rectangle to the first; infinite unless the chain is a ring."""

    @property
    def first(self) -> Integers:
        """(chains + 1,), position in ``row`` where each chain begins, then the end of the last."""
        return np.append(np.flatnonzero(np.diff(self.chain, prepend=-1)), len(self.row))

    @property
    def along_m(self) -> Numbers:
        """(rows,), metres from the middle of the chain's first rectangle."""
        step = np.where(np.isfinite(self.step_m), self.step_m, 0.0)
        total = np.cumsum(step)
        return np.asarray(total - np.repeat(total[self.first[:-1]], np.diff(self.first)))


def read_chains(rectangles: gpd.GeoDataFrame, source: object = "the table of rectangles") -> RectangleChains:
    """Order rectangles along their chains.

    The distance between neighbours is the mean of their ``line_m`` (metres along the shore). If the table has no such
    column, it is the geodesic distance between their middles.

    Args:
        rectangles: With ``GroupId``, ``SeqId``, ``Previous`` and ``Next``. Of rows with the same GroupId and SeqId the
            first is in the chain and the others are chains of one; a :class:`LittoralWarning` reports them.
        source: Name of the table in messages.

    Raises:
        InputError: one of the fields is missing, or it has no CRS.

    Memory: 150 bytes per row.

    >>> from shapely import box
    >>> table = gpd.GeoDataFrame({"GroupId": 1, "SeqId": [1, 3, 2], "Previous": [None, 2, 1], "Next": [2, None, 3],
    ...     "line_m": [1000.0, 500.0, 1000.0]}, geometry=[box(0, 0, 1, 1)] * 3, crs=32631)
    >>> read_chains(table).row.tolist(), read_chains(table).step_m.tolist()
    ([0, 2, 1], [inf, 1000.0, 750.0])
    """
    onward = read_links(rectangles, source)
    back = np.full(len(onward), -1)
    back[onward[onward >= 0]] = np.flatnonzero(onward >= 0)
    order, lengths, rings = follow_successors(onward.tolist(), back.tolist())
    row = np.array(order, np.int64)
    chain = np.repeat(np.arange(len(lengths)), lengths)
    first = np.append(0, np.cumsum(lengths, dtype=np.int64))[:-1]
    before = np.roll(row, 1)
    # In a ring, the last rectangle precedes the first.
    before[first] = row[first + np.array(lengths, np.int64) - 1]
    step = np.maximum(_distances(rectangles, before, row), _LEAST_STEP_M)
    closing = np.where(np.array(rings, bool), step[first], np.inf)
    step[first] = np.inf
    return RectangleChains(row, chain, step, closing)


def read_chains_if_linked(rectangles: gpd.GeoDataFrame, source: object) -> RectangleChains | None:
    """Order rectangles along their chains; None for a table without a CRS or without the columns that link them."""
    linked = rectangles.crs is not None and all(find_column(rectangles, name) is not None for name in LINKS)
    return read_chains(rectangles, source) if linked else None


def read_links(table: gpd.GeoDataFrame, source: object = "the table of rectangles") -> Integers:
    """Position of the next rectangle, (rows,), or -1; only where that rectangle names this one as its previous.

    Raises:
        InputError: a field is missing, or the table has no CRS.
    """
    require_crs(table, source)
    group_name, *number_names = LINKS
    group = table[require_column(table, group_name, source)]
    count = len(table)
    groups = pd.factorize(group)[0]
    numbers = [numeric_column(table, name, source) for name in number_names]
    keys = pd.MultiIndex.from_arrays([groups, numbers[0]])
    twice = keys.duplicated()
    if twice.any():
        message = (f"{source} has {counted(int(twice.sum()), 'row')} with the GroupId and SeqId of an earlier one, "
                   "left out of the chain")  # fmt: skip
        warnings.warn(LittoralWarning(message), stacklevel=4)
    known = ~twice & np.isfinite(numbers[0]) & (groups >= 0)
    rows = np.flatnonzero(known)
    index = keys[known]

    def found(target: Numbers) -> Integers:
        at = index.get_indexer(pd.MultiIndex.from_arrays([groups, target])) if len(rows) else np.full(count, -1)
        return np.where((at >= 0) & np.isfinite(target) & known, rows[np.maximum(at, 0)] if len(rows) else -1, -1)

    back, onward = found(numbers[1]), found(numbers[2])
    agree = (onward >= 0) & (back[onward] == np.arange(count)) & (onward != np.arange(count))
    return np.where(agree, onward, -1)


def _distances(table: gpd.GeoDataFrame, one: Integers, other: Integers) -> Numbers:
    """Metres between the middles of two rows, pair by pair."""
    name = find_column(table, "line_m")
    if name is not None:
        line_m = numeric_column(table, name, "the table of rectangles")
        if np.isfinite(line_m).all():
            return np.asarray((line_m[one] + line_m[other]) / 2)
    middles = gpd.GeoSeries(shapely.centroid(table.geometry.to_numpy()), crs=table.crs).to_crs(DEGREES)
    x, y = middles.x.to_numpy(), middles.y.to_numpy()
    return np.nan_to_num(np.asarray(ELLIPSOID.inv(x[one], y[one], x[other], y[other])[2], np.float64))
