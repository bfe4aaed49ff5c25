"""Compare two classified coasts of different dates: where the class changed, and how probable a change is.

Let p and q be the class probabilities before and after, K the number of classes, and S = sum over k of p_k q_k. If the
errors at the two dates are independent given the true class, and the class after is independent of the class before,
the class changed with probability 1 - S. Real coasts change less. With a prior probability ``rate`` of change, and all
classes and all changes equally likely, Bayes' rule gives

    P(changed) = a / (a + (1 - rate) S),  a = rate (1 - S) / (K - 1),

which is 1 - S where rate = 1 - 1/K. If no rate is given, it is estimated from the two coasts by maximum likelihood, as
the share of changed places in a mixture of changed and unchanged ones (:func:`change_rate`). Errors of one model on two
dates are often correlated (haze, tide); then changed places are more likely to have changed, and unchanged ones less
likely, than these probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from littoral.predictions.columns import CONFIDENCE, P_CHANGED, SCENE_DATE, VALUE
from littoral.predictions.kilometres import expected_with_interval
from littoral.predictions.options import ChangeOptions, IntervalOptions
from littoral.predictions.predictions import Predictions
from littoral.predictions.stretches import chords_as_pieces, require_polygons
from littoral.predictions.summary import chains_of
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
"""Values of the column ``change``, and their colours on the map."""
_AFFECTING = ("tta", "combine", "cell_size", "engine")
"""Options of classifying that affect probabilities."""
_MOST_STEPS, _CLOSE = 1000, 1e-9


@dataclass(frozen=True)
class Change:
    """Comparison of a coast at two dates."""

    rectangles: gpd.GeoDataFrame
    """Rectangles of before, then those of after without a partner; :func:`change` lists the columns."""
    km: pd.DataFrame
    """``before``, ``after`` (class names), ``km``: length by class before and class after; compared rows only."""
    compared_km: float
    """Kilometres of shore that has a class at both dates."""
    changed_km: float
    """Kilometres of it expected to have changed: the sum of length times probability."""
    interval_km: tuple[float, float]
    """Interval of ``changed_km``; NaN where nothing was compared."""
    rate: float
    """Prior probability of change: as given, or estimated."""
    notes: tuple[str, ...]
    """Sentences about classes that a person changed, and the reason if no rectangles could be compared."""


def change_probability(before: Numbers, after: Numbers, rate: float) -> Numbers:
    """Probability that the class changed, (rows,).

    Args:
        before: (rows, classes) probabilities.
        after: Likewise, of the same classes.
        rate: Prior probability of change; 1 - 1 / classes: the class before is no evidence of the class after.

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
    """Maximum-likelihood prior probability of change, with half a changed and half an unchanged place added.

    The half places (Jeffreys' prior of a proportion) keep it away from 0 and 1. Computed by expectation-maximisation;
    the likelihood is concave in the rate.

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


def change(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    options: ChangeOptions | None = None,
    intervals: IntervalOptions | None = None,
    *,
    scheme: Scheme = CATCOA,
) -> Change:
    """Compare two classified coasts, rectangle by rectangle.

    Rectangles with equal outlines are partners; the others are paired by decreasing overlap, each at most once. A class
    that a person changed in a table is used with probability 1.

    Args:
        before: Rectangles that ``classify`` wrote for the earlier date, in any CRS.
        after: Likewise for the later date, by a model of the same classes.
        options: Prior rate of change (None: estimated by :func:`change_rate`), and the smallest overlap of partners. Of
            two chains along one line, half a rectangle apart, every rectangle has a neighbour that overlaps by a third.
        intervals: Level and correlation of the interval.
        scheme: Names of classes that no row has.

    Returns:
        Rows with the outlines, CRS, ``ID`` and ``line_m`` of before, then those of after that have no partner; and
        ``<label>_before``, ``<label>_after``, ``ClassValue_…``, ``Confidence_…``, ``SceneDate_…``, ``ID_after``,
        ``overlap``, ``P_changed``, and ``change``: ``changed`` where the classes differ and P_changed is at least one
        half, ``perhaps changed`` where only one of these two conditions is met, ``same``, ``only before``, ``only
        after``, or ``not classified`` where one of the two has no class.

    Raises:
        InputError: a table that was not classified or has no CRS, or different classes.

    Memory: 1 KB per row, 16 bytes per pair that overlaps.
    """
    options, intervals = options or ChangeOptions(), intervals or IntervalOptions()
    label = options.class_label_field
    tables = {"the earlier coast": before, "the later coast": after}
    found = []
    for source, table in tables.items():
        require_polygons(table, source)
        found.append(Predictions.from_table(table, class_label_field=label, scheme=scheme, source=source))
    earlier, later = found
    categories = _common_classes(earlier, later)
    moved = after.to_crs(before.crs)
    one, other, overlap = partners(before, moved, options.min_overlap)

    count = len(before)
    partner = np.full(count, -1)
    partner[one] = other
    alone = np.setdiff1d(np.arange(len(after)), other)
    first = np.concatenate([np.arange(count), np.full(len(alone), -1)])
    at = np.concatenate([partner, alone])
    p, was = _taken_predictions(earlier, categories, first)
    q, now = _taken_predictions(later, categories, at)
    rate = change_rate(p, q) if options.rate is None else options.rate
    chance = change_probability(p, q, rate) if len(p) else np.empty(0)
    known = np.isfinite(chance)
    differ, likely = was != now, np.nan_to_num(chance) >= 0.5
    status = np.select(
        [np.arange(len(at)) >= count, at < 0, ~known, differ & likely, differ | likely],
        [ONLY_AFTER, ONLY_BEFORE, UNKNOWN, CHANGED, PERHAPS],
        SAME,
    )

    columns: dict[str, Any] = {}
    for name in ("ID", label, VALUE, CONFIDENCE, SCENE_DATE):
        for word, table, rows in (("before", before, first), ("after", after, at)):
            if (column := find_column(table, name)) is not None:
                columns["ID" if (name, word) == ("ID", "before") else f"{name}_{word}"] = _taken(table[column], rows)
    share = np.full(len(at), np.nan)
    share[one] = overlap
    columns |= {"overlap": pd.Series(share), P_CHANGED: pd.Series(chance)}
    columns["change"] = pd.Series(status, dtype="string")
    metres = np.concatenate([_metres(before), _metres(after)[alone]])
    columns["line_m"] = pd.Series(metres)
    shapes = np.concatenate([before.geometry.to_numpy(), moved.geometry.to_numpy()[alone]])
    out = gpd.GeoDataFrame(pd.DataFrame(columns), geometry=shapes, crs=before.crs)
    own = np.where(known[:count], metres[:count], 0.0)
    mean, low, high = expected_with_interval(own, chance[:count, None], chains_of(earlier), intervals)
    names = np.array([category.name for category in categories], object)
    moves = pd.DataFrame({"before": names[was[:count]], "after": names[now[:count]], "km": own / 1000})
    km = moves[known[:count]].groupby(["before", "after"], sort=True)[["km"]].sum().reset_index()
    changed, interval = float(mean[0]) / 1000, (float(low[0]) / 1000, float(high[0]) / 1000)
    notes = [f"{source}: {note}" for source, each in zip(tables, found, strict=True) for note in each.notes]
    if not known.any():
        why = "none overlaps one of the other coast enough" if not len(one) else "none has a class on both dates"
        notes.append(f"no rectangles could be compared: {why}")
    return Change(out, km, float(own.sum()) / 1000, changed, interval, rate, tuple(notes))


def notes_on_provenance(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Sentences on differences in how two coasts were classified, which may cause apparent change.

    Args:
        before: Record of :func:`littoral.vectors.read_provenance`, None where a file has none.
        after: Likewise.
    """
    if before is None or after is None:
        return []
    models, options = [], []
    for record in (before, after):
        inputs, parameters = record.get("inputs", {}), record.get("parameters", {})
        models.append({name: known.get("sha256") for name, known in inputs.items() if name.startswith("model")})
        options.append({name: parameters.get(name) for name in _AFFECTING})
    notes = []
    if models[0] != models[1]:
        notes.append(
            "the two coasts were classified by different models, so some of the change may be due to the models"
        )
    if differ := [name for name in _AFFECTING if options[0][name] != options[1][name]]:
        notes.append(
            f"the two coasts were classified with different options ({', '.join(differ)}), so some of the change may "
            "be due to them"
        )
    return notes


def _taken_predictions(
    predictions: Predictions, categories: tuple[Category, ...], rows: Integers
) -> tuple[Numbers, Integers]:
    """Probabilities (rows, categories) and class (rows,) of some rows; NaN and -1 for row -1."""
    own, absent = predictions.evidence, predictions.evidence.sum(axis=1) * 0.0
    place = {code: at for at, code in enumerate(predictions.codes)}
    wide = np.column_stack([own[:, place[c.code]] if c.code in place else absent for c in categories])
    to = np.array([*([c.code for c in categories].index(code) for code in predictions.codes), -1])
    missing = rows < 0
    return np.where(missing[:, None], np.nan, wide[rows]), np.where(missing, -1, to[predictions.chosen[rows]])


def _taken(values: pd.Series[Any], rows: Integers) -> pd.Series[Any]:
    """Values by position, null for -1."""
    whole = pd.api.types.is_integer_dtype(values)
    text = pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)
    own = values.astype("Int64" if whole else "string") if whole or text else values
    return pd.Series(pd.api.extensions.take(own.array, rows, allow_fill=True))


def partners(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, min_overlap: float
) -> tuple[Integers, Integers, Numbers]:
    """Pairs of rows of before and after at the same place, each row at most once, and their intersection over union.

    Both are in the same CRS; in degrees, longitudes that differ by 360 are equal.
    """
    one, other = (_near_zero(table) for table in (before, after))
    # Equal outlines; of several equal ones, the first with the first, and so on.
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
    """Shapes, in a geographic CRS moved so that their middles lie between -180 and 180 degrees."""
    shapes = table.geometry.to_numpy()
    if not CRS(table.crs).is_geographic:
        return np.asarray(shapes)
    turns = np.floor((shapely.get_x(shapely.centroid(shapes)) + 180) / 360)
    if not np.nan_to_num(turns).any():
        return np.asarray(shapes)
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    points[:, 0] -= 360 * np.nan_to_num(turns)[owner]
    return np.asarray(shapely.set_coordinates(shapes.copy(), points))


def _common_classes(earlier: Predictions, later: Predictions) -> tuple[Category, ...]:
    """The classes of both models, in the order of the earlier one's, and those that a person added.

    Raises:
        InputError: a class that only one model has, or under different names.
    """
    both = (earlier, later)
    names = [{c.code: c.name for c in each.categories} for each in both]
    models = [set(each.codes) - each.added for each in both]
    if models[0] != models[1]:
        only = [", ".join(names[at][code] for code in sorted(models[at] - models[1 - at])) or "none" for at in (0, 1)]
        raise InputError(
            "the classes of the two coasts",
            f"differ (only before: {only[0]}; only after: {only[1]}), so a change of class could be due to the models",
            "classify both with one model",
        )
    for code, name in names[0].items():
        # Of a class that no row has, only the scheme's name is known, so it is not compared.
        named = all(code in each.named for each in both)
        if named and names[1][code].casefold() != name.casefold():
            raise InputError(
                f"class {code}", f"is {name} before and {names[1][code]} after", "classify both with one model"
            )
    return (*earlier.categories, *(c for c in later.categories if c.code not in names[0]))


def _metres(table: gpd.GeoDataFrame) -> Numbers:
    """Metres of shore of each row; of equal rows, only the first has them."""
    metres = np.zeros(len(table))
    if len(table):
        pieces = chords_as_pieces(table)
        metres[pieces.row] = pieces.length_m
    return metres
