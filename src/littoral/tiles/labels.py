"""Select the rectangles that have a class label."""

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
    """Rectangles with a class label."""

    table: gpd.GeoDataFrame
    """The selected rows of the table."""
    field: str
    """Name of the class field, as spelled in the table."""
    codes: NDArray[np.int64]
    """(rows,), class value of each rectangle."""
    names: tuple[str, ...]
    """``ID`` of each rectangle, or its index without such a field."""
    regions: tuple[str, ...] | None
    """Region of each rectangle, "" for null; None without a region field."""
    skipped: Mapping[str, int]
    """Number of rectangles left out, by reason."""


CLASS_FIELDS = ("CATCOA", "value", "classvalue")
"""Default class fields; the first that exists is used."""


def labelled(rectangles: gpd.GeoDataFrame, options: ClassOptions, categories: Scheme) -> Labelled:
    """Select the rectangles that have a class label, by class and purity.

    Args:
        rectangles: The table.
        options: Class field (None: the first that exists of :data:`CLASS_FIELDS`), classes to use, smallest purity,
            and region field.
        categories: Classes.

    Raises:
        InputError: a field is missing, null in every row, or has unknown classes; or no rectangle is of a wanted class.

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


def _class_field(table: pd.DataFrame, given: str | None, source: str) -> str:
    if given is not None:
        return require_column(table, given, source)
    there = {str(name).casefold() for name in table.columns}
    for field in CLASS_FIELDS:
        if field.casefold() in there:
            return require_column(table, field, source)
    raise InputError(
        source, f"has no field {', '.join(CLASS_FIELDS)}", "name the one that holds the class with --class-field"
    )
