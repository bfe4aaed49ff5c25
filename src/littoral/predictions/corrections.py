"""Read the class of each rectangle from a table, and find the classes that a person changed in it.

In rows whose status is ``classified``, the class is that of the class code (or, without such a column, of the class
name). If it is not the most probable class, it is taken as changed by a person. If both are null, the class is taken as
removed by a person. A row whose name and code are of different classes is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import Scheme
from littoral.errors import InputError
from littoral.vectors import find_column

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

ROUNDING = 1e-9
"""Smallest difference between two probabilities. Rounding can make two probabilities equal but never changes their
order, so this test is valid for any number of digits in the file."""


@dataclass(frozen=True)
class WrittenClasses:
    """The class of each row as a table has it; arrays have one entry per row."""

    code: Numbers
    """Class code, NaN where there is none."""
    by_person: NDArray[np.bool_]
    """Whether a person gave or removed it."""
    names: Mapping[int, str]
    """Names of the codes that occur."""

    def position(self, codes: Sequence[int]) -> Integers:
        """(rows,), position of each class code among ``codes``, -1 where there is none."""
        place = {code: at for at, code in enumerate(codes)}
        return np.array([place[int(code)] if np.isfinite(code) else -1 for code in self.code], np.int64)

    def after(self, first: WrittenClasses) -> WrittenClasses:
        """These classes; those of ``first`` where only there a person gave or removed the class."""
        code = np.where(first.by_person & ~self.by_person, first.code, self.code)
        return WrittenClasses(code, first.by_person | self.by_person, self.names)


def read_classes(
    table: gpd.GeoDataFrame,
    names: tuple[str, str],
    probabilities: Mapping[int, Numbers],
    classified: NDArray[np.bool_],
    scheme: Scheme,
    source: object,
) -> WrittenClasses:
    """Read class codes and names.

    Args:
        table: A classified table.
        names: Columns with the class names and the class codes.
        probabilities: (rows,) by class code; empty if the table has none; then no change can be found.
        classified: (rows,), rows whose status is ``classified``; the others have no class.
        scheme: Codes of class names where the table has no codes.
        source: What to call the table in messages.

    Raises:
        InputError: a name and a code in one row that do not belong together.
    """
    # If a table gets columns with the author of each class, they are to be read here first.
    label, value = (find_column(table, name) for name in names)
    none = np.full(len(table), np.nan)
    likeliest, highest = none.copy(), none.copy()
    if probabilities:
        stacked = np.nan_to_num(np.column_stack(list(probabilities.values())), nan=-1.0)
        likeliest = np.where(classified, np.take(list(probabilities), stacked.argmax(axis=1)), np.nan)
        highest = stacked.max(axis=1)
    texts = None if label is None else table[label].astype("string").reset_index(drop=True).where(classified)
    if value is not None:
        code = np.where(classified, pd.to_numeric(table[value]).to_numpy(float, na_value=np.nan), np.nan)
    elif texts is not None:
        known = {name.casefold(): number for number, name in _names(likeliest, texts, likeliest, scheme).items()}
        codes = {text: known.get(text.casefold()) or scheme.code_of(text) for text in texts.dropna().unique()}
        code = texts.map(codes).to_numpy(float, na_value=np.nan)
    else:
        return WrittenClasses(likeliest, np.zeros(len(table), bool), {})
    own = none.copy()
    for each, values in probabilities.items():
        own[code == each] = values[code == each]
    same = ~classified | (own >= highest - ROUNDING) if probabilities else np.ones(len(table), bool)
    called = {} if texts is None else _names(code, texts, np.where(same, code, np.nan), scheme)
    if texts is not None and value is not None:
        _check_pairs(code, texts, called, names, source)
    return WrittenClasses(code, ~same, called)


def _names(code: Numbers, texts: pd.Series[str], likeliest: Numbers, scheme: Scheme) -> dict[int, str]:
    """Name of each code: that of most rows whose class is the likeliest, or else of most rows."""
    pairs = pd.DataFrame({"code": code, "text": texts, "own": code == likeliest}).dropna()
    counted = pairs.groupby(["code", "text"]).agg(own=("own", "sum"), all=("own", "size")).reset_index()
    usual = [
        name == scheme.category(int(each)).name for each, name in zip(counted["code"], counted["text"], strict=True)
    ]
    counted = counted.assign(usual=usual).sort_values(["own", "all", "usual"], ascending=False, kind="stable")
    chosen = counted.drop_duplicates("code")
    return {int(each): str(name) for each, name in zip(chosen["code"], chosen["text"], strict=True)}


def _check_pairs(
    code: Numbers, texts: pd.Series[str], called: Mapping[int, str], names: tuple[str, str], source: object
) -> None:
    """
    Raises:
        InputError: a row whose name is not that of its code, or codes of the same name.
    """
    folded = pd.Series({each: name.casefold() for each, name in called.items()}, dtype="string")
    expected = pd.Series(code).map(folded)
    shared = pd.Series(code).isin(folded.index[folded.duplicated(keep=False)])
    odd = texts.notna() & ((texts.str.casefold() != expected).fillna(True) | shared)
    if odd.any():
        row = int(np.flatnonzero(odd)[0])
        number = f"no {names[1]}" if np.isnan(code[row]) else f"{names[1]} {int(code[row])}"
        raise InputError(
            source,
            f"has {names[0]} {texts[row]!r} and {number} in row {row}, which do not belong together",
            "change both to the same class",
        )
