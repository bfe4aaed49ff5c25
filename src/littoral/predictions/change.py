"""Two classified coasts of different dates: where the category changed, and how likely it is that it did.

Given what was seen, let p and q be the probabilities of the classes before and after, and S = sum over k of p_k q_k.
If the mistakes of the two are independent given the truth, and any class is as likely afterwards as any other whatever
was there before, the class changed with probability 1 - S. Coasts change less than that: with a prior ``rate`` of
change, equal classes and equal changes, Bayes' rule gives

    rate (1 - S) / (K - 1) over itself + (1 - rate) S,

which is 1 - S where rate = 1 - 1/K. What share of this shore changed is itself in the two coasts: unless it is given,
the rate is the one that makes what was seen likeliest, as of a mixture of two kinds of places (:func:`change_rate`).
Same model, same haze, same tide: mistakes are often alike, and then true changes
are likelier, and unchanged places more surely unchanged, than this says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError
from littoral.predictions.classified_table import Answers, read_answers
from littoral.predictions.kilometres import CORRELATION_M, expected_with_interval, require_level
from littoral.predictions.stretches import chords_as_pieces, require_polygons
from littoral.predictions.summary import chains_or_none
from littoral.vectors import find_column

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

SAME, PERHAPS, CHANGED = "same", "perhaps changed", "changed"
ONLY_BEFORE, ONLY_AFTER, UNKNOWN = "only before", "only after", "not classified"
STATUSES = (
    Category(0, SAME, "#9FB5A5"),
    Category(1, PERHAPS, "#E8A33D"),
    Category(2, CHANGED, "#C1272D"),
    Category(3, ONLY_BEFORE, "#5B6C9E"),
    Category(4, ONLY_AFTER, "#7A4E9E"),
    Category(5, UNKNOWN, "#B4B4B4"),
)
"""What a row may say, and its colour on the map."""
_MOST_STEPS, _CLOSE = 1000, 1e-9


@dataclass(frozen=True)
class Change:
    """What changed between two coasts."""

    rectangles: gpd.GeoDataFrame
    """Of before, then those of after without partner; what the columns mean says :func:`find_changes`."""
    km: pd.DataFrame
    """``before``, ``after`` (names of classes), ``km``: from what to what, by the answers; compared rows only."""
    compared_km: float
    """Of shore that has an answer in both."""
    changed_km: float
    """Of it, expected to have changed: the sum of probabilities."""
    interval_km: tuple[float, float]
    """In which the truth may lie."""
    rate: float
    """Prior probability of change: as given, or found."""


def change_probability(before: Numbers, after: Numbers, rate: float) -> Numbers:
    """Probability that the class changed, (rows,).

    Args:
        before: (rows, classes) probabilities.
        after: Likewise, of the same classes.
        rate: Prior probability of change; at 1 - 1 / classes what was there says nothing of what follows.

    >>> change_probability(np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]]), rate=0.5).round(3).tolist()
    [0.74]
    >>> change_probability(np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]]), rate=0.05).round(3).tolist()
    [0.13]
    """
    classes = before.shape[1]
    same = np.clip((before * after).sum(axis=1), 0.0, 1.0)
    moved = rate * (1 - same) / (classes - 1)
    total = moved + (1 - rate) * same
    return np.asarray(np.divide(moved, total, out=np.full_like(total, np.nan), where=total > 0))


def change_rate(before: Numbers, after: Numbers) -> float:
    """The prior probability of change that makes what was seen likeliest, with half a place of each kind beside them.

    The half places (Jeffreys' prior of a share) keep it off 0 and 1. Found by expectation and maximisation; the
    likelihood is concave in the rate.

    Args:
        before: (rows, classes) probabilities; rows with NaN do not count.
        after: Likewise, of the same classes.

    >>> sure = np.array([[1.0, 0.0]] * 9)
    >>> round(change_rate(sure, sure), 3), round(change_rate(sure, sure[:, ::-1]), 3)
    (0.05, 0.95)
    """
    same = np.clip((before * after).sum(axis=1), 0.0, 1.0)
    same = same[np.isfinite(same)]
    moved, rate = (1 - same) / (before.shape[1] - 1), 0.5
    for _ in range(_MOST_STEPS):
        chance = rate * moved / (rate * moved + (1 - rate) * same)
        last, rate = rate, float((chance.sum() + 0.5) / (len(same) + 1))
        if abs(rate - last) < _CLOSE:
            break
    return rate


def find_changes(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    *,
    rate: float | None = None,
    min_overlap: float = 0.3,
    correlation_m: float = CORRELATION_M,
    level: float = 95,
    class_label_field: str = "ClassLabel",
    scheme: Scheme = CATCOA,
) -> Change:
    """Compare two classified coasts, rectangle by rectangle.

    Equal outlines are partners; then, of all pairs that overlap, the one with the largest overlap, and so on.

    Args:
        before: What classifying wrote for the earlier date, in any CRS.
        after: Likewise for the later date, by a model of the same classes.
        rate: Prior probability that a rectangle's class changed; None: the likeliest (:func:`change_rate`).
        min_overlap: Least overlap of partners, intersection over union. Of two chains along one line, out of step,
            every rectangle has a neighbour that overlaps by a third.
        correlation_m: Metres along the shore over which the correlation of mistakes falls to 1/e.
        level: Of the interval, per cent.
        class_label_field: Field with the names of classes, in both.
        scheme: Names of classes that no row has.

    Returns:
        Rows with the outlines, CRS, ``ID`` and ``line_m`` of before, then those of after that have no partner; and
        ``<label>_before``, ``<label>_after``, ``ClassValue_…``, ``Confidence_…``, ``SceneDate_…``, ``ID_after``,
        ``overlap``, ``P_changed``, and ``change``: ``changed`` where the answers differ and P_changed is at least one
        half, ``perhaps changed`` where one of both holds, ``same``, ``only before``, ``only after``, ``not
        classified`` where one of the two has no answer.

    Raises:
        InputError: a table that was not classified or has no CRS, different classes, or a number that is none.

    Memory: 1 KB per row, 16 bytes per pair that overlaps.
    """
    require_level(level)
    if rate is not None and not 0 < rate < 1:
        raise InputError(f"the rate {rate:g}", "is not between 0 and 1", "pass e.g. 0.05")
    if not 0 < min_overlap <= 1:
        raise InputError(f"the overlap {min_overlap:g}", "is not above 0 and at most 1", "pass e.g. 0.3")
    tables = {"the earlier coast": before, "the later coast": after}
    answers = []
    for source, table in tables.items():
        require_polygons(table, source)
        answers.append(read_answers(table, class_label_field=class_label_field, scheme=scheme, source=source))
    earlier, later = answers
    q_of = _same_classes(earlier, later)
    moved = after.to_crs(before.crs)
    one, other, overlap = partners(before, moved, min_overlap)

    count = len(before)
    partner = np.full(count, -1)
    partner[one] = other
    alone = np.setdiff1d(np.arange(len(after)), other)
    p = np.concatenate([earlier.probabilities, np.full((len(alone), len(earlier.codes)), np.nan)])
    at = np.concatenate([partner, alone])
    q = np.where((at >= 0)[:, None], later.probabilities[np.maximum(at, 0)][:, q_of], np.nan)
    rate = change_rate(p, q) if rate is None else rate
    chance = change_probability(p, q, rate) if len(p) else np.empty(0)
    known = np.isfinite(chance)
    was, now = np.nan_to_num(p, nan=-1).argmax(axis=1), np.nan_to_num(q, nan=-1).argmax(axis=1)
    differ, likely = was != now, np.nan_to_num(chance) >= 0.5
    status = np.select(
        [np.arange(len(at)) >= count, at < 0, ~known, differ & likely, differ | likely],
        [ONLY_AFTER, ONLY_BEFORE, UNKNOWN, CHANGED, PERHAPS],
        SAME,
    )

    first = np.concatenate([np.arange(count), np.full(len(alone), -1)])
    columns: dict[str, Any] = {}
    for name in ("ID", class_label_field, "ClassValue", "Confidence", "SceneDate"):
        for word, table, rows in (("before", before, first), ("after", after, at)):
            if (column := find_column(table, name)) is not None:
                columns["ID" if (name, word) == ("ID", "before") else f"{name}_{word}"] = _taken(table[column], rows)
    share = np.full(len(at), np.nan)
    share[one] = overlap
    columns |= {"overlap": pd.Series(share), "P_changed": pd.Series(chance)}
    columns["change"] = pd.Series(status, dtype="string")
    metres = np.concatenate([_metres(before), _metres(after)[alone]])
    columns["line_m"] = pd.Series(metres)
    shapes = np.concatenate([before.geometry.to_numpy(), moved.geometry.to_numpy()[alone]])
    out = gpd.GeoDataFrame(pd.DataFrame(columns), geometry=shapes, crs=before.crs)
    chains = chains_or_none(before)
    own = np.where(known[:count], metres[:count], 0.0)
    mean, low, high = expected_with_interval(
        own, chance[:count, None], chains, correlation_m=correlation_m, level=level
    )
    names = np.array([category.name for category in earlier.categories], object)
    moves = pd.DataFrame({"before": names[was[:count]], "after": names[now[:count]], "km": own / 1000})
    km = moves[known[:count]].groupby(["before", "after"], sort=True)[["km"]].sum().reset_index()
    changed, interval = float(mean[0]) / 1000, (float(low[0]) / 1000, float(high[0]) / 1000)
    return Change(out, km, float(own.sum()) / 1000, changed, interval, rate)


def _taken(values: pd.Series[Any], rows: Integers) -> pd.Series[Any]:
    """Values by position, null for -1."""
    whole = pd.api.types.is_integer_dtype(values)
    text = pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)
    own = values.astype("Int64" if whole else "string") if whole or text else values
    return pd.Series(pd.api.extensions.take(own.array, rows, allow_fill=True))


def partners(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, min_overlap: float
) -> tuple[Integers, Integers, Numbers]:
    """Rows of before and after that show the same place, each at most once, and their intersection over union.

    Both are in the same CRS; in degrees, whole turns of longitude make no difference.
    """
    one, other = (_near_zero(table) for table in (before, after))
    # The same outline, the first with the first where it is there several times.
    keys = [pd.DataFrame({"shape": shapely.to_wkb(shapely.normalize(shapes))}) for shapes in (one, other)]
    for key in keys:
        key["turn"] = key.groupby("shape", dropna=False).cumcount()
        key["row"] = np.arange(len(key))
    equal = keys[0].dropna().merge(keys[1].dropna(), on=["shape", "turn"])
    left, right = equal["row_x"].to_numpy(np.int64), equal["row_y"].to_numpy(np.int64)
    free = np.setdiff1d(np.arange(len(one)), left), np.setdiff1d(np.arange(len(other)), right)
    if not (len(free[0]) and len(free[1])):
        return left, right, np.ones(len(left))
    tree = shapely.STRtree(other[free[1]])
    a, b = tree.query(one[free[0]], predicate="intersects")
    a, b = free[0][a], free[1][b]
    common = shapely.area(shapely.intersection(one[a], other[b]))
    union = shapely.area(one[a]) + shapely.area(other[b]) - common
    overlap = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    order = np.lexsort((b, a, -overlap))
    order = order[overlap[order] >= min_overlap]
    taken_a, taken_b, kept = set[int](), set[int](), []
    for at, i, j in zip(order.tolist(), a[order].tolist(), b[order].tolist(), strict=True):
        if i not in taken_a and j not in taken_b:
            taken_a.add(i)
            taken_b.add(j)
            kept.append(at)
    chosen = np.array(kept, np.int64)
    return (np.concatenate([left, a[chosen]]), np.concatenate([right, b[chosen]]),
            np.concatenate([np.ones(len(left)), overlap[chosen]]))  # fmt: skip


def _near_zero(table: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Shapes whose middle lies from -180 up to 180 degrees, where degrees they are."""
    shapes = table.geometry.to_numpy()
    if not CRS(table.crs).is_geographic:
        return np.asarray(shapes)
    turns = np.floor((shapely.get_x(shapely.centroid(shapes)) + 180) / 360)
    if not np.nan_to_num(turns).any():
        return np.asarray(shapes)
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    points[:, 0] -= 360 * np.nan_to_num(turns)[owner]
    return np.asarray(shapely.set_coordinates(shapes.copy(), points))


def _same_classes(earlier: Answers, later: Answers) -> list[int]:
    """Where each class of before stands among those of after.

    Raises:
        InputError: one knows a class that the other does not, or by another name.
    """
    names = [{c.code: c.name for c in answers.categories} for answers in (earlier, later)]
    if set(names[0]) != set(names[1]):
        only = [", ".join(mine[code] for code in sorted(set(mine) - set(theirs))) or "none"
                for mine, theirs in (names, names[::-1])]  # fmt: skip
        raise InputError(
            "the classes of the two coasts",
            f"differ (only before: {only[0]}; only after: {only[1]}), so that a change could be of the model",
            "classify both with one model",
        )
    for code, name in names[0].items():
        # A name that no row has is a guess, and no contradiction.
        told = [code in answers.codes_told for answers in (earlier, later)]
        if all(told) and names[1][code].casefold() != name.casefold():
            raise InputError(
                f"class {code}", f"is {name} before and {names[1][code]} after", "classify both with one model"
            )
    return [later.codes.index(code) for code in earlier.codes]


def _metres(table: gpd.GeoDataFrame) -> Numbers:
    """Of shore that each row stands for; of rows given twice, the first."""
    metres = np.zeros(len(table))
    if len(table):
        pieces = chords_as_pieces(table)
        metres[pieces.row] = pieces.length_m
    return metres
