"""Map a field of a user's table to categories."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from littoral.categories import CATCOA, Scheme, value_text
from littoral.errors import InputError, LittoralWarning
from littoral.vectors import free_names, require_column

_REST = "*"


def map_categories(
    lines: gpd.GeoDataFrame, field: str, mapping: Mapping[str, int | None] | None = None, scheme: Scheme = CATCOA
) -> gpd.GeoDataFrame:
    """Add the category of each line, determined by a field.

    A :class:`LittoralWarning` lists codes that are not in the scheme; they are kept and named ``category <code>``.

    Args:
        lines: Any table with the field.
        field: Name of a field of integers or text; null and blank values have no category.
        mapping: Code by value, as returned by :func:`littoral.categories.read_mapping`; None if the field holds codes
            or names of the scheme, or has the name of an S-101 attribute and holds its numbers.
        scheme: The categories.

    Returns:
        The same rows with ``CATCOA`` (nullable integer) and ``category``; existing columns of these names are kept as
        ``<name>_in``, unless one is the field itself or has the same values.

    Raises:
        InputError: the field is missing, or has values that are not in the mapping (without one, in the scheme).

    >>> import shapely
    >>> shores = gpd.GeoDataFrame({"kind": ["rock", "sand", None]}, geometry=[shapely.LineString()] * 3)
    >>> map_categories(shores, "kind", {"rock": 1, "*": None})["category"].tolist()
    ['steep coast', <NA>, <NA>]
    """
    column = require_column(lines, field, "the table of lines")
    values = lines[column]
    texts = {value: value_text(value) for value in values.dropna().unique()}
    found = _codes({text for text in texts.values() if text}, column, mapping, scheme)
    codes = {value: found.get(text) for value, text in texts.items()}
    strange = sorted({code for code in codes.values() if code is not None and code not in scheme})
    if strange:
        listed = ", ".join(map(str, strange))
        warnings.warn(
            f"code {listed} is not in the table of categories: such lines are kept as 'category {strange[0]}'.",
            LittoralWarning,
            stacklevel=2,
        )
    code = values.map(lambda value: codes[value], na_action="ignore")
    kinds = pd.array([pd.NA if pd.isna(each) else int(each) for each in code], dtype="Int64")
    names = pd.array([pd.NA if pd.isna(each) else scheme.category(int(each)).name for each in kinds], dtype="string")
    replaced = [column] if column.casefold() == "catcoa" else []
    if column != "category" and "category" in lines and _same(lines["category"], names):
        replaced.append("category")
    table, renamed = free_names(lines.drop(columns=replaced), ["CATCOA", "category"])
    table["CATCOA"], table["category"] = kinds, names
    table.attrs["renamed"] = renamed
    return table


def _codes(
    texts: set[str], field: str, mapping: Mapping[str, int | None] | None, scheme: Scheme
) -> dict[str, int | None]:
    """Code of each text.

    Raises:
        InputError: a text is not in the mapping, or without one, not in the scheme.
    """
    if mapping is not None:
        unknown = sorted(text for text in texts if text not in mapping and _REST not in mapping)
        if unknown:
            raise InputError(
                f"field {field}",
                f"has values that the mapping lacks: {_some(unknown)}",
                "add a line for each, or one for *",
            )
        return {text: mapping.get(text, mapping.get(_REST)) for text in texts}
    codes: dict[str, int | None] = {}
    unknown = []
    attribute = scheme.attribute_like(field)
    for text in sorted(texts):
        # The same number has different meanings in CATCOA and in an S-101 attribute.
        of_s101 = bool(attribute) and text.isdecimal()
        try:
            codes[text] = scheme.code_of(f"{attribute}={text}" if of_s101 else text)
        except InputError:
            unknown.append(text)
    if unknown:
        raise InputError(
            f"field {field}",
            f"has values that are neither codes nor names of categories: {_some(unknown)}",
            "say what they mean in a CSV with the heading value,category and pass it with --mapping",
        )
    return codes


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:10]) + (", …" if len(texts) > 10 else "")


def _same(given: pd.Series[Any], names: pd.api.extensions.ExtensionArray) -> bool:
    return bool((given.astype("string").fillna("") == pd.Series(names, index=given.index).fillna("")).all())
