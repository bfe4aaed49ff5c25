"""Transitions between classes along the coast that the tiles were cut on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd

from littoral.categories import Category, Scheme
from littoral.predictions import estimate_transitions
from littoral.tiles.labels import CLASS_FIELDS
from littoral.vectors import find_column, read_vector

NEIGHBOURS = ("GroupId", "SeqId", "Previous", "Next", "line_m")
"""Fields of rectangles that are linked to their neighbours."""


def transitions(
    coast: gpd.GeoDataFrame | str | Path | None,
    rectangles: gpd.GeoDataFrame | None,
    class_field: str | None,
    categories: Sequence[Category],
    scheme: Scheme,
) -> dict[str, Any]:
    """Transitions of the tiles' classes (:class:`littoral.predictions.Transitions`) as JSON values; empty if unknown.

    Args:
        coast: Lines, or rectangles that are linked to their neighbours.
        rectangles: That tiles were cut on; used if there is no ``coast`` and they are linked to their neighbours.
        class_field: Field with the class; None: the first there is of CATCOA, value, classvalue.
        categories: Classes of the tiles.
        scheme: Categories that names in the field stand for.

    Raises:
        InputError: a ``coast`` without the field, without neighbours, or with fewer than two classes.
    """
    if coast is not None:
        table = read_vector(coast) if isinstance(coast, str | Path) else coast
    elif rectangles is not None and all(find_column(rectangles, name) for name in NEIGHBOURS):
        table = rectangles
    else:
        return {}
    field = class_field or next((name for name in CLASS_FIELDS if find_column(table, name)), CLASS_FIELDS[0])
    codes = [category.code for category in categories]
    return estimate_transitions(table, field, codes=codes, scheme=scheme).to_json()
