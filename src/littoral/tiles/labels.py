"""Which rectangles may teach: those that say their class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import Scheme
from littoral.errors import InputError
from littoral.tiles.options import ClassOptions
from littoral.vectors import require_column


@dataclass(frozen=True)
class Labelled:
    """Rectangles with a class."""

    table: gpd.GeoDataFrame
    """Those that are left."""
    field: str
    """Where the class stands, in the table's own spelling."""
    codes: NDArray[np.int64]
    """Class value of each."""
    names: tuple[str, ...]
    """``ID`` of each, or else its index."""
    regions: tuple[str, ...] | None
    """Region of each, "" where it is null; None where no field was named."""
    skipped: Mapping[str, int]
    """How many were left out, by reason."""


CLASS_FIELDS = ("CATCOA", "value", "classvalue")
"""Looked for, in this order, where nobody names the field with the class."""


def labelled(rectangles: gpd.GeoDataFrame, options: ClassOptions, categories: Scheme) -> Labelled:
    """Rectangles with a class, without those of other classes or of mixed ones where the options leave them out.

    Without ``class_field``, the class stands in the first there is of :data:`CLASS_FIELDS`.

    Raises:
        InputError: a field that is missing, null everywhere or of other values; no rectangle of the wanted classes.

    >>> box = gpd.GeoDataFrame({"kind": ["mangrove", None]}, geometry=[None, None])
    >>> from littoral.categories import CATCOA
    >>> found = labelled(box, ClassOptions(class_field="KIND"), CATCOA)
    >>> found.codes.tolist(), found.names, dict(found.skipped)
    ([7], ('0',), {'without kind': 1})
    """
    source = "the table of rectangles"
    column = _class_field(rectangles, options.class_field, source)
    table = rectangles[rectangles[column].notna()]
    if table.empty:
        raise InputError(
            f"field {column}", "is null in every row", "label the rectangles or choose another --class-field"
        )
    skipped = {f"without {column}": len(rectangles) - len(table)}
    codes = np.array([categories.code_of(value) for value in table[column]], np.int64)
    if options.classes is not None:
        wanted = np.isin(codes, options.classes)
        if not wanted.any():
            raise InputError(source, f"has no class {', '.join(map(str, options.classes))}", "choose other --classes")
        skipped["of other classes"] = int((~wanted).sum())
        table, codes = table[wanted], codes[wanted]
    if options.min_purity > 0:
        pure = (table[require_column(table, "purity", source)] >= options.min_purity).to_numpy(bool)
        skipped["of mixed classes"] = len(table) - int(pure.sum())
        table, codes = table[pure], codes[pure]
    names = table.get("ID", table.index)
    regions = None
    if options.region_field is not None:
        found = table[require_column(table, options.region_field, source)]
        regions = tuple("" if missing else str(value) for value, missing in zip(found, found.isna(), strict=True))
    return Labelled(table, column, codes, tuple(map(str, names)), regions, skipped)


def _class_field(table: pd.DataFrame, asked: str | None, source: str) -> str:
    if asked is not None:
        return require_column(table, asked, source)
    there = {str(name).casefold() for name in table.columns}
    for field in CLASS_FIELDS:
        if field.casefold() in there:
            return require_column(table, field, source)
    raise InputError(
        source, f"has no field {', '.join(CLASS_FIELDS)}", "name the one that holds the class with --class-field"
    )
