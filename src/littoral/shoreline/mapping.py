"""A user's own codes to categories."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import geopandas as gpd
import pandas as pd

from littoral.categories import CATCOA, Scheme, value_text
from littoral.errors import InputError, LittoralWarning
from littoral.vectors import free_names, require_column

_REST = "*"


def map_categories(
    lines: gpd.GeoDataFrame, field: str, mapping: Mapping[str, int | None] | None = None, scheme: Scheme = CATCOA
) -> gpd.GeoDataFrame:
    """Give lines a category by a field of their own.

    A code that the scheme does not know is kept, named ``category <code>``, and told by a :class:`LittoralWarning`.

    Args:
        lines: Any table with the field.
        field: Integers or text; null stays null.
        mapping: Code by value, as :func:`littoral.categories.read_mapping` gives it; None where the field holds codes
            or names of the scheme already.
        scheme: The categories.

    Returns:
        The same rows with ``CATCOA`` (nullable integer) and ``category``; columns of these names that were there are
        kept as ``<name>_in``, unless one is the field itself.

    Raises:
        InputError: no such field, or values that are neither in the mapping nor, without one, in the scheme.

    >>> import shapely
    >>> shores = gpd.GeoDataFrame({"kind": ["rock", "sand", None]}, geometry=[shapely.LineString()] * 3)
    >>> map_categories(shores, "kind", {"rock": 1, "*": None})["category"].tolist()
    ['steep coast', <NA>, <NA>]
    """
    column = require_column(lines, field, "the table of lines")
    values = lines[column]
    texts = {value: value_text(value) for value in values.dropna().unique()}
    if mapping is None:
        codes: dict[object, int | None] = {value: scheme.code_of(text) for value, text in texts.items()}
    else:
        unknown = sorted(text for text in texts.values() if text not in mapping and _REST not in mapping)
        if unknown:
            shown = ", ".join(unknown[:10]) + (", …" if len(unknown) > 10 else "")
            raise InputError(
                f"field {column}", f"has values that the mapping lacks: {shown}", "add a line for each, or one for *"
            )
        codes = {value: mapping.get(text, mapping.get(_REST)) for value, text in texts.items()}
    strange = sorted({code for code in codes.values() if code is not None and code not in scheme})
    if strange:
        told = ", ".join(map(str, strange))
        warnings.warn(
            f"code {told} is not in the table of categories: such lines are kept as 'category {strange[0]}'.",
            LittoralWarning,
            stacklevel=2,
        )
    own = lines.drop(columns=[column]) if column == "CATCOA" else lines
    table, renamed = free_names(own, ["CATCOA", "category"])
    code = values.map(lambda value: codes[value], na_action="ignore")
    table["CATCOA"] = pd.array([pd.NA if pd.isna(each) else int(each) for each in code], dtype="Int64")
    names = [pd.NA if pd.isna(each) else scheme.category(int(each)).name for each in table["CATCOA"]]
    table["category"] = pd.array(names, dtype="string")
    table.attrs["renamed"] = renamed
    return table
