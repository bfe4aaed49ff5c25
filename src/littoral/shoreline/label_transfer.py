"""Transfer the labels of charted lines to an extracted shoreline.

Charted lines may be decades old and are generalised for the chart's scale, so they deviate from the shoreline of an
image. A label is taken from the nearest charted line within a distance, and only if no other label is nearly as near.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from littoral.errors import InputError
from littoral.geodesy import Points, segment_lengths, to_geocentric
from littoral.progress import Track, silent
from littoral.shoreline.merge import MEASURES, require_lines
from littoral.shoreline.options import LabelOptions
from littoral.shoreline.segments import STEP_M, cut_bits, in_degrees, join_bits, middles, to_segment
from littoral.vectors import free_names, require_column

Integers = NDArray[np.int64]

LABELLED, NO_CATEGORY, CONFLICT, TOO_FAR = "labelled", "no category", "conflict", "too far"
"""Values of ``label_status``: the nearest charted line has a label; has none; another label is nearly as near; no
charted line is near enough."""

CHARTED = ("cell", "scale", "SORDAT")
"""Columns copied from the charted line, if it has them."""

_BATCH = 200_000


def transfer_labels(
    line: gpd.GeoDataFrame,
    coast: gpd.GeoDataFrame,
    options: LabelOptions | None = None,
    *,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Label a line by the nearest charted lines, and cut it where the label changes.

    For every 10 m of the line, the nearest charted line is searched. Its label is taken if the distance is at most
    ``within_m`` and every line with another label (or none) is at least ``ratio`` times as far away; otherwise there is
    a conflict. A conflict between two stretches that have the two conflicting labels is a change of label in the chart:
    there, the nearer label is taken.

    Args:
        line: LineStrings in any CRS, e.g. from ``extract_shoreline``.
        coast: Charted lines in any CRS, with the class field.
        options: How near a charted line must be. The default of 200 m is 1 mm on a chart of 1:200 000, and allows for
            the movement of a shore in the decades since its survey.
        track: Shows progress, one step per 200,000 segments of line.

    Returns:
        The pieces in the order of ``line`` and along it; together they have its full length. Columns: those of
        ``line``, then the class field (null without label), ``category`` if the coast has it, ``label_status``
        (``labelled``, ``no category``, ``conflict``, ``too far``), ``distance_m`` to the nearest charted line (mean
        along the piece, null beyond ``within_m``), ``from_m``, ``to_m`` and ``length_m``, geodesic metres along the
        chain (starting from the line's ``from_m`` if ``merge_lines`` made it, else from its start), which replace
        those of ``line``, and ``cell``, ``scale`` and ``SORDAT`` of the charted line that is nearest to most of the
        piece. Other columns of ``line`` that collide become ``<name>_in``.

    Raises:
        InputError: a table has no lines or no CRS, the class field is missing, or a size is not positive.

    Memory: 100 bytes per 10 m of coast and per 10 m of line, and 30 MB.

    >>> from shapely import LineString
    >>> chart = gpd.GeoDataFrame({"CATCOA": [3, 7]}, crs="EPSG:32631", geometry=[
    ...     LineString([(4e5, 0), (4e5, 1000)]), LineString([(4e5, 1000), (4e5, 2000)])])
    >>> seen = gpd.GeoDataFrame(geometry=[LineString([(4e5 + 20, 0), (4e5 + 20, 2000)])], crs="EPSG:32631")
    >>> transfer_labels(seen, chart)[["CATCOA", "label_status"]].values.tolist()
    [[3, 'labelled'], [7, 'labelled']]
    """
    options = options or LabelOptions()
    within_m, ratio = options.within_m, options.ratio
    require_lines(line)
    require_lines(coast, "the table of the coast")
    field = require_column(coast, options.class_field, "the table of the coast")
    coast = coast[shapely.length(coast.geometry.to_numpy()) > 0]
    parts = line.explode(ignore_index=True)
    parts = parts[shapely.length(parts.geometry.to_numpy()) > 0].reset_index(drop=True)
    bits = cut_bits(parts)
    inner = bits.line[1:] == bits.line[:-1]
    degrees = in_degrees(bits.points, parts)
    metres = segment_lengths(degrees)[inner]
    middle = middles(degrees)[inner]

    kind, labels = pd.factorize(coast[field], use_na_sentinel=False)
    if parts.empty or not len(coast):
        empty = "the table of lines" if parts.empty else "the table of the coast"
        raise InputError(empty, "is empty", "pass lines longer than zero")
    trees = [_Charted.of(coast, np.flatnonzero(kind == each)) for each in range(len(labels))]
    is_null = np.asarray(pd.isna(labels), bool)
    nearest, rival, distance, source = _nearest(middle, trees, within_m * ratio, track)

    status = np.select(
        [distance > within_m, is_null[nearest], rival[1] < ratio * np.maximum(distance, 1.0)],
        [TOO_FAR, NO_CATEGORY, CONFLICT],
        LABELLED,
    )
    owner = bits.line[1:][inner]
    status = _settled(status, nearest, rival[0].astype(np.int64), owner, is_null)
    label = np.where(status == LABELLED, nearest, -1)
    changes = (np.diff(owner) != 0) | (status[1:] != status[:-1]) | (label[1:] != label[:-1])
    piece = np.concatenate([[0], np.cumsum(changes)])

    first = np.flatnonzero(np.diff(piece, prepend=-1))
    table = pd.DataFrame({"piece": piece, "metres": metres, "weighted": metres * distance})
    sums = table.groupby("piece").sum()
    end = sums["metres"].groupby(owner[first]).cumsum()
    main = pd.Series(source).groupby(piece).agg(lambda rows: rows.value_counts().index[0]).to_numpy()
    far = status[first] == TOO_FAR
    taken = coast.iloc[np.where(far, 0, main)].reset_index(drop=True)
    out = pd.DataFrame({field: taken[field].where(pd.Series(status[first] == LABELLED))})
    if "category" in coast and field != "category":
        out["category"] = taken["category"].where(pd.Series(status[first] == LABELLED))
    out["label_status"] = pd.array(status[first], dtype="string")
    out["distance_m"] = (sums["weighted"] / sums["metres"]).where(~far)
    begin = end - sums["metres"] + _chainage(parts)[owner[first]]
    out["from_m"], out["to_m"], out["length_m"] = begin, begin + sums["metres"], sums["metres"]
    for name in CHARTED:
        if name in coast:
            out[name] = taken[name].where(pd.Series(~far))
    # The measures of the line do not apply to its pieces.
    own = parts.drop(columns=[parts.geometry.name, *(name for name in MEASURES if name in parts)])
    own = own.iloc[owner[first]].reset_index(drop=True)
    own, renamed = free_names(own, list(out.columns))
    result = gpd.GeoDataFrame(pd.concat([own, out], axis=1), geometry=join_bits(bits, inner, piece), crs=line.crs)
    result.attrs["renamed"] = renamed
    return result


def _chainage(parts: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Start of each line along its chain, (lines,) metres; 0 for lines not made by :func:`merge_lines`."""
    if "chain" in parts and "from_m" in parts and pd.api.types.is_numeric_dtype(parts["from_m"]):
        return np.asarray(parts["from_m"].fillna(0.0), np.float64)
    return np.zeros(len(parts))


@dataclass(frozen=True)
class _Charted:
    """Charted lines of one label, for nearest-neighbour search in geocentric metres."""

    tree: cKDTree
    points: Points
    """(points, 3), points along the lines at most 10 m apart."""
    line: Integers
    """(points,), row of each point's line in the table of the coast."""

    @staticmethod
    def of(coast: gpd.GeoDataFrame, rows: Integers) -> _Charted:
        parts, of = shapely.get_parts(coast.geometry.to_numpy()[rows], return_index=True)
        own = gpd.GeoDataFrame(geometry=parts, crs=coast.crs)
        bits = cut_bits(own)
        points = to_geocentric(in_degrees(bits.points, own))
        return _Charted(cKDTree(points), points, rows[of[bits.line]])

    def nearest(self, places: Points, reach: float) -> tuple[NDArray[np.float64], Integers]:
        """Distance (places,) in metres to the nearest line, infinite beyond ``reach``, and its row in the coast."""
        query = self.tree.query(places, distance_upper_bound=reach + STEP_M, workers=-1)
        away, index = np.asarray(query[0]), np.asarray(query[1])
        found = np.isfinite(away)
        at, best = index[found], away[found]
        for neighbour in (np.maximum(at - 1, 0), np.minimum(at + 1, len(self.points) - 1)):
            joined = self.line[neighbour] == self.line[at]
            side = to_segment(places[found], self.points[at], self.points[neighbour])
            best = np.where(joined, np.minimum(best, side), best)
        distance = np.full(len(places), np.inf)
        distance[found] = np.where(best <= reach, best, np.inf)
        row = np.zeros(len(places), np.int64)
        row[found] = self.line[at]
        return distance, row


def _nearest(
    places: Points, trees: list[_Charted], reach: float, track: Track
) -> tuple[Integers, tuple[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64], Integers]:
    """For each place the number of the nearest label, the second nearest label (number, distance), the distance of
    the nearest, and the row of its line in the table of the coast."""
    count = len(places)
    nearest, source = np.zeros(count, np.int64), np.zeros(count, np.int64)
    distance, other, rival = np.full(count, np.inf), np.full(count, np.inf), np.zeros(count)
    batches = [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]
    for rows in track(batches, len(batches), "looking for charted lines"):
        at = to_geocentric(places[rows])
        found = [tree.nearest(at, reach) for tree in trees]
        away = np.stack([each[0] for each in found])
        order = np.argsort(away, axis=0, kind="stable")
        every = np.arange(away.shape[1])
        nearest[rows], distance[rows] = order[0], away[order[0], every]
        source[rows] = np.stack([each[1] for each in found])[order[0], every]
        if len(trees) > 1:
            rival[rows], other[rows] = order[1], away[order[1], every]
    return nearest, (rival, other), distance, source


def _settled(
    status: NDArray[np.str_], nearest: Integers, rival: Integers, owner: Integers, is_null: NDArray[np.bool_]
) -> NDArray[np.str_]:
    """Resolve conflicts between two stretches that have the two conflicting labels: the nearer label is taken.

    >>> status = np.array(["labelled", "conflict", "conflict", "labelled", "conflict", "labelled"], "<U11")
    >>> nearest, rival = np.array([0, 0, 1, 1, 1, 1]), np.array([1, 1, 0, 0, 2, 0])
    >>> _settled(status, nearest, rival, np.zeros(6, int), np.zeros(3, bool)).tolist()
    ['labelled', 'labelled', 'labelled', 'labelled', 'conflict', 'labelled']
    """
    out = status.copy()
    pair = np.sort(np.column_stack([nearest, rival]), axis=1)
    for begin, stop in _runs(status == CONFLICT, owner):
        sides = [at for at in (begin - 1, stop) if 0 <= at < len(owner) and owner[at] == owner[begin]]
        known = {int(nearest[at]) for at in sides if status[at] != TOO_FAR}
        if len(known) == 2 and (pair[begin:stop] == sorted(known)).all():
            out[begin:stop] = np.where(is_null[nearest[begin:stop]], NO_CATEGORY, LABELLED)
    return out


def _runs(flag: NDArray[np.bool_], owner: Integers) -> Iterator[tuple[int, int]]:
    """First and one past the last position of each run of True within one owner."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flag * (owner + 1), [0]])))
    for begin, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if flag[begin]:
            yield begin, stop
