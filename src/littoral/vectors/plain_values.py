"""Convert columns that vector formats cannot store, or that readers change, to plain values."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio

from littoral.errors import LittoralWarning

_EXACT = 2**53
"""Whole numbers up to this size are exact as floats."""
_NESTED = (list, tuple, dict, set, np.ndarray)


def plain_columns(table: gpd.GeoDataFrame, source: object, *, formats: bool = False) -> gpd.GeoDataFrame:
    """Convert columns that other steps and formats cannot handle; a :class:`LittoralWarning` lists them.

    Lists and structs become JSON, further geometry columns WKT, complex numbers and mixtures of text and numbers text.
    With ``formats``, values that only Parquet can store are converted too: durations, periods, times, bytes and
    decimals become text, unsigned whole numbers signed ones (text beyond 2^63).

    Args:
        table: The table; its active geometry is unchanged.
        source: Name of the file in the warning.
        formats: True for formats other than Parquet.
    """
    changed: dict[str, Any] = {}
    listed: list[str] = []
    for name in table.columns:
        if name == table.geometry.name:
            continue
        new, kind = _plain(table[name], formats)
        if new is not None:
            changed[name] = new
            if kind:
                listed.append(f"{name} ({kind})")
    if listed:
        warnings.warn(LittoralWarning(f"{source}: columns are kept as text: {', '.join(listed)}."), stacklevel=3)
    return table.assign(**{str(name): values for name, values in changed.items()}) if changed else table


def _plain(values: pd.Series[Any], formats: bool) -> tuple[pd.Series[Any] | None, str]:
    """A column as plain values, and its former type for the warning; None if nothing needs to change."""
    if isinstance(values.dtype, gpd.array.GeometryDtype):
        return gpd.GeoSeries(values).to_wkt().astype("string"), "geometry"
    if values.dtype == object:
        if values.map(lambda value: isinstance(value, _NESTED)).any():
            return _text(values, _json), "lists"
        kinds = {type(value) for value in values if not _missing(value)}
        if len(kinds) > 1 and str in kinds:
            return _text(values, _word), "text and other values"
        if formats and kinds - {str, bool, int, float}:
            return _text(values, _word), ", ".join(sorted(kind.__name__ for kind in kinds))
        return None, ""
    kind = getattr(values.dtype, "kind", "")
    if kind == "c":
        return _text(values, str), "complex"
    if not formats:
        return None, ""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype(values.cat.categories.dtype), ""
    if values.dtype == np.float16:
        return values.astype(np.float32), ""
    if kind == "u":
        if values.notna().any() and int(values.max()) > np.iinfo(np.int64).max:
            return _text(values, str), "uint64"
        return (values.astype("Int64") if values.isna().any() else values.astype("int64")), ""
    if kind == "m" or isinstance(values.dtype, pd.PeriodDtype | pd.IntervalDtype):
        return _text(values, str), str(values.dtype)
    return None, ""


def _text(values: pd.Series[Any], write: Any) -> pd.Series[Any]:
    given = [None if _missing(value) else write(value) for value in values]
    return pd.Series(given, index=values.index, dtype="string")


def _missing(value: Any) -> bool:
    return not isinstance(value, _NESTED) and bool(pd.isna(value))


def _json(value: Any) -> str:
    def default(other: Any) -> Any:
        if isinstance(other, np.ndarray | np.generic):
            return other.tolist()
        return sorted(map(str, other)) if isinstance(other, set) else str(other)

    return json.dumps(value, default=default, ensure_ascii=False) if isinstance(value, _NESTED) else str(value)


def _word(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def whole_numbers(table: gpd.GeoDataFrame, path: Path, layer: str | None) -> gpd.GeoDataFrame:
    """Restore whole-number columns with nulls, which readers turn into floats, to ``Int64``, in place.

    Columns with numbers beyond 2^53, which floats do not hold exactly, are read again with Arrow.

    Args:
        table: The table as read.
        path: The file.
        layer: Layer of the file; None for Parquet.
    """
    if layer is None:
        kinds = {field.name: field.type for field in pq.read_schema(path)}
        whole = [name for name, kind in kinds.items() if pa.types.is_integer(kind)]
    else:
        info = pyogrio.read_info(path, layer=layer)
        whole = [
            str(name)
            for name, kind in zip(info["fields"], info["dtypes"], strict=True)
            if str(kind).startswith(("int", "uint"))
        ]
    for name in whole:
        if name not in table or not pd.api.types.is_float_dtype(table[name]):
            continue
        if table[name].abs().max() < _EXACT:
            table[name] = table[name].astype("Int64")
            continue
        if layer is None:
            exact = pq.read_table(path, columns=[name])[name]
        else:
            exact = pyogrio.read_arrow(path, layer=layer, columns=[name], read_geometry=False)[1][name]
        try:
            table[name] = pd.array(exact.to_pylist(), dtype="Int64")
        except OverflowError:
            table[name] = pd.array(exact.to_pylist(), dtype="UInt64")
    return table
