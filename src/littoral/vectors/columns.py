"""Find, check and rename columns of tables; names are compared without case."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from littoral.errors import InputError


def find_column(table: pd.DataFrame, column: str) -> str | None:
    """Name of a column as spelled in the table; None if there is no such column.

    >>> find_column(pd.DataFrame({"catcoa": [7]}), "CATCOA")
    'catcoa'
    """
    return next((str(name) for name in table.columns if str(name).casefold() == column.casefold()), None)


def require_column(table: pd.DataFrame, column: str, source: object) -> str:
    """Name of a column as spelled in the table.

    Args:
        table: The table.
        column: Name, compared without case.
        source: Name of the table in the message.

    Raises:
        InputError: there is no such column.
    """
    name = find_column(table, column)
    if name is not None:
        return name
    fields = ", ".join(str(name) for name in table.columns if name != "geometry")
    raise InputError(source, f"has no field {column!r}", f"choose one of {fields}")


def require_crs(table: gpd.GeoDataFrame, source: object) -> None:
    """Check the coordinate reference system of a table.

    Raises:
        InputError: there is none, or it cannot be transformed to WGS 84.
    """
    remedy = "set it, e.g. with QGIS's Assign projection"
    if table.crs is None:
        raise InputError(source, "has no coordinate reference system", remedy)
    try:
        Transformer.from_crs(table.crs, "EPSG:4326")
    except ProjError as error:
        what = f"is in {table.crs.name!r}, which has no place on Earth"
        raise InputError(source, what, remedy) from error


def numeric_column(table: pd.DataFrame, column: str, source: object) -> NDArray[np.float64]:
    """Values of a column as numbers, (rows,), NaN for null.

    Args:
        table: The table.
        column: Name, compared without case.
        source: Name of the table in the message.

    Raises:
        InputError: there is no such column, or a value is not a number.

    >>> numeric_column(pd.DataFrame({"line_m": ["7", None]}), "LINE_M", "the table").tolist()
    [7.0, nan]
    """
    name = require_column(table, column, source)
    numbers = pd.to_numeric(table[name], errors="coerce")
    wrong = (numbers.isna() & table[name].notna()).to_numpy(bool)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        what = f"has {table[name].iloc[row]!r} in the field {name}, row {row}, where a number should be"
        raise InputError(source, what, "correct the value or clear it")
    return np.asarray(numbers.to_numpy(float, na_value=np.nan), np.float64)


def free_names(table: gpd.GeoDataFrame, taken: list[str]) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """Rename columns that collide with names in ``taken`` to ``<name>_in``; the table, and new names by old ones.

    >>> table = gpd.GeoDataFrame({"confidence": [1.0]}, geometry=[None])
    >>> free_names(table, ["Confidence"])[1]
    {'confidence': 'confidence_in'}
    """
    lowered = {name.casefold() for name in taken}
    used = lowered | {str(name).casefold() for name in table.columns}
    renamed: dict[str, str] = {}
    for name in table.columns:
        if str(name).casefold() in lowered:
            new = f"{name}_in"
            while new.casefold() in used:
                new += "_in"
            used.add(new.casefold())
            renamed[str(name)] = new
    return table.rename(columns=renamed), renamed


def apart(names: Iterable[str]) -> dict[str, str]:
    """New names, with a number added, for names that differ from an earlier one only in case.

    >>> apart(["id", "ID", "Id", "ID_1"])
    {'ID': 'ID_2', 'Id': 'Id_3'}
    """
    given = [str(name) for name in names]
    used = {name.casefold() for name in given}
    seen: set[str] = set()
    renamed: dict[str, str] = {}
    for name in given:
        if name.casefold() in seen:
            number = next(each for each in count(1) if f"{name}_{each}".casefold() not in used)
            renamed[name] = f"{name}_{number}"
            used.add(renamed[name].casefold())
        seen.add(name.casefold())
    return renamed
