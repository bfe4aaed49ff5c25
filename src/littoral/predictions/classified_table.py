"""What a classified table says, as arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError
from littoral.tiles import CLASSIFIED
from littoral.vectors import find_column, require_column

Numbers = NDArray[np.float64]

RAW, SMOOTHED = "P_", "PS_"
"""Begin the names of the columns with the probability of each class: as the model gave it, and along the chain."""

UNCERTAIN = "uncertain"
"""Status of a rectangle whose highest probability is below what was asked: it gets no class."""


@dataclass(frozen=True)
class Answers:
    """Classes and their probabilities; one row per row of the table."""

    categories: tuple[Category, ...]
    """In the order of the table's columns."""
    probabilities: Numbers
    """(rows, classes), sum 1; NaN where there is no answer."""
    answered: NDArray[np.bool_]
    """(rows,), whether there is a class: the status is ``classified``, or along the chain one was given."""
    codes_told: frozenset[int]
    """Those whose names the table says; the others' are the scheme's."""

    @property
    def codes(self) -> tuple[int, ...]:
        return tuple(category.code for category in self.categories)

    @property
    def best(self) -> NDArray[np.int64]:
        """(rows,), place of the most probable class; 0 where there is no answer."""
        return np.asarray(np.nan_to_num(self.probabilities, nan=-1.0).argmax(axis=1), np.int64)


def read_answers(
    classified: gpd.GeoDataFrame,
    *,
    prefix: str = RAW,
    class_label_field: str = "ClassLabel",
    scheme: Scheme = CATCOA,
    source: object = "the classified table",
) -> Answers:
    """Take classes and probabilities from the columns that classifying wrote; names are those in the table.

    Args:
        classified: With ``status``, ``ClassValue``, the label field and ``P_<code>``.
        prefix: ``P_``, or ``PS_`` for the probabilities along the chain.
        class_label_field: Field with the names.
        scheme: Colours, and names of classes that no row has.
        source: What to call the table.

    Raises:
        InputError: not such a table.
    """
    status = require_column(classified, "status", source)
    found = {int(name[len(prefix) :]): name for name in map(str, classified.columns)
             if re.fullmatch(f"{prefix}-?\\d+", name)}  # fmt: skip
    if not found:
        how = "littoral classify" if prefix == RAW else "littoral classify --smooth"
        raise InputError(source, f"has no field {prefix}<code>", f"pass what {how} wrote")
    answered = (classified[status].astype("string") == CLASSIFIED).fillna(False).to_numpy(bool)
    # Below what was asked of the confidence, either class was withheld by its own.
    if prefix == SMOOTHED and (along := find_column(classified, "ClassValueSmoothed")) is not None:
        answered = classified[along].notna().to_numpy(bool)
    values = np.column_stack(
        [pd.to_numeric(classified[name]).to_numpy(float, na_value=np.nan) for name in found.values()]
    )
    wrong = answered & ~(np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1) & (values.sum(axis=1) > 0))
    if wrong.any():
        raise InputError(
            source, f"has row {int(np.flatnonzero(wrong)[0])} classified with no probability", "classify it again"
        )
    values[~answered] = np.nan
    names: dict[int, str] = {}
    label, value = find_column(classified, class_label_field), find_column(classified, "ClassValue")
    if label is not None and value is not None:
        pairs = classified.loc[answered, [value, label]].dropna().drop_duplicates()
        names = {int(code): str(name) for code, name in pairs.itertuples(index=False)}
    known = [scheme.category(code) for code in found]
    categories = tuple(Category(c.code, names.get(c.code, c.name), c.colour) for c in known)
    return Answers(categories, values / values.sum(axis=1, keepdims=True), answered, frozenset(names))
