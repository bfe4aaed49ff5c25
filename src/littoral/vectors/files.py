"""Vector files read and written by their suffix."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from littoral.errors import InputError, LittoralWarning, first_line
from littoral.vectors import shapefiles
from littoral.vectors.columns import apart
from littoral.vectors.outputs import check_output, is_there, staged
from littoral.vectors.plain_values import plain_columns, whole_numbers
from littoral.vectors.provenance import layer_options, write_parquet_key
from littoral.vectors.styles import EPOCH, write_styles

DRIVERS = {
    ".gpkg": "GPKG",
    ".fgb": "FlatGeobuf",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".geoparquet": "Parquet",
}
_WGS84 = "EPSG:4326"
_WRITTEN = {"GeoJSON": {"RFC7946": "YES"}, "ESRI Shapefile": {"DBF_DATE_LAST_UPDATE": EPOCH[:10]}}
"""Options of a driver: GeoJSON as its standard has it; a Shapefile's table without the day of writing."""


def read_vector(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a vector file of any format that GDAL reads, or GeoParquet.

    Whole-number columns with gaps stay whole numbers, exact beyond 2^53. Lists, structs and further columns of geometry
    become text, with a :class:`LittoralWarning`.

    Raises:
        InputError: no such file, no such layer, several layers and none named, a layer named where the format has none,
            or not a vector file.
    """
    path = Path(path)
    if not is_there(path):
        raise InputError(path, "does not exist", "check the path")
    try:
        if DRIVERS.get(path.suffix.lower()) == "Parquet":
            if layer is not None:
                raise InputError(path, "is GeoParquet, which has no layers", "leave --layer out")
            with np.errstate(invalid="ignore"):
                table = gpd.read_parquet(path)
            return plain_columns(whole_numbers(table, path, None), path)
        layers = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
        if layer is None and len(layers) != 1:
            raise InputError(
                path, f"has {len(layers)} layers with geometry ({', '.join(layers) or 'none'})", "name one with --layer"
            )
        if layer is not None and layer not in layers:
            raise InputError(path, f"has no layer {layer!r}", f"choose one of {', '.join(layers) or 'none'}")
        name = layer or layers[0]
        # Of coordinates that are no numbers whoever needs numbers complains.
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            # Other formats in JSON do not know the option.
            warnings.filterwarnings("ignore", message=".*DATE_AS_STRING", category=RuntimeWarning)
            table = pyogrio.read_dataframe(path, layer=name, **_options(path))
            types = pyogrio.read_info(path, layer=name, **_options(path))
            table = whole_numbers(table, path, name)
    except InputError:
        raise
    except (DataSourceError, DataLayerError, FeatureError, pa.ArrowException, ValueError, OSError, RecursionError,
            KeyError, TypeError, NotImplementedError) as error:  # fmt: skip
        raise InputError(
            path,
            f"is not a vector file that can be read ({first_line(error)})",
            "pass a GeoPackage, GeoParquet, FlatGeobuf, GeoJSON or Shapefile",
        ) from error
    # GDAL's type of a column with nulls is integer or boolean; pandas has made floats or objects of it.
    for column, kind in zip(types["fields"], types["dtypes"], strict=True):
        if str(kind).startswith(("int", "uint")) and pd.api.types.is_integer_dtype(table[column]):
            table[column] = table[column].astype("Int64")
        elif str(kind) == "bool" and table[column].dtype != bool:
            table[column] = table[column].astype("boolean")
    table = plain_columns(table, path)
    return shapefiles.long_names(table, path) if path.suffix.lower() == ".shp" else table


def _options(path: Path) -> dict[str, str]:
    """Of reading: JSON has texts and no days, and a text does not change because it looks like a day."""
    return {"DATE_AS_STRING": "YES"} if DRIVERS.get(path.suffix.lower()) == "GeoJSON" else {}


def write_vector(
    table: gpd.GeoDataFrame,
    path: str | Path,
    *,
    layer: str | None = None,
    overwrite: bool = False,
    style: str | Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a table in the format of the path's suffix; the layer is named after the file unless given.

    Rows keep their order, except in FlatGeobuf, whose spatial index orders them (there is none where a row lies
    nowhere: the format cannot index that). GeoJSON is in WGS 84 whatever the
    table is in (RFC 7946, section 4), which a :class:`LittoralWarning` says; coordinates have seven decimals there, and
    what crosses the antimeridian is cut at it.

    ``style`` is a QGIS style (QML) put into a GeoPackage as the layer's default, or several by name, the first the
    default and the others for QGIS's list of styles. There, names that differ in case alone get a number, which a
    :class:`LittoralWarning` says. ``provenance``, values that JSON can
    hold, is kept with the table as :mod:`littoral.vectors.provenance` says. A Shapefile cuts long names and texts
    (:mod:`littoral.vectors.shapefiles`), which a :class:`LittoralWarning` says; :func:`read_vector` gives the names
    back.

    Raises:
        InputError: a suffix that stands for no format.
        ExistsError: the file is there and ``overwrite`` is False.
        WriteError: the disk refused; an older file is still there.
    """
    path = Path(path)
    check_output(path, overwrite, suffixes=DRIVERS)
    driver = DRIVERS[path.suffix.lower()]
    if driver == "GeoJSON" and table.crs is not None and not table.crs.equals(_WGS84, ignore_axis_order=True):
        told = f"{path} is written in WGS 84 degrees, as GeoJSON is, and not in {table.crs.to_string()}."
        warnings.warn(LittoralWarning(told), stacklevel=2)
        table = table.to_crs(_WGS84)
    if driver == "GPKG" and (renamed := apart(name for name in table.columns if name != table.geometry.name)):
        told = ", ".join(f"{old} ({new})" for old, new in renamed.items())
        warnings.warn(LittoralWarning(f"{path}: names differ in case alone, and are changed: {told}."), stacklevel=2)
        table = table.rename(columns=renamed)
    table = plain_columns(table, path, formats=driver != "Parquet")
    fields: dict[str, str] = {}
    if driver == "ESRI Shapefile":
        table, fields = shapefiles.fitted(table, path)
    with staged(path) as stage:
        if driver == "Parquet":
            table.to_parquet(stage, index=False)
            if provenance is not None:
                write_parquet_key(stage, provenance)
        else:
            _write_ogr(table, stage, driver, layer or path.stem, provenance)
        if driver == "ESRI Shapefile":
            shapefiles.write_beside(stage, path, fields, provenance)
        if driver == "GPKG" and style is not None:
            write_styles(stage, layer or path.stem, {"littoral": style} if isinstance(style, str) else style)
    return path


def _own_names(table: gpd.GeoDataFrame) -> dict[str, str]:
    """What a GeoPackage calls its own two columns: a field named as they are would be lost in them, or be refused.

    >>> _own_names(gpd.GeoDataFrame({"FID": [1]}, geometry=[None]))
    {'FID': 'fid_1', 'GEOMETRY_NAME': 'geom'}
    """
    taken = {str(name).casefold() for name in table.columns if name != table.geometry.name}
    names = {}
    for option, name in {"FID": "fid", "GEOMETRY_NAME": "geom"}.items():
        numbered = (f"{name}_{number}" for number in count(1))
        names[option] = name if name not in taken else next(each for each in numbered if each not in taken)
    return names


def _write_ogr(
    table: gpd.GeoDataFrame, path: Path, driver: str, layer: str, provenance: Mapping[str, Any] | None
) -> None:
    # The clock would make two equal runs differ.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": EPOCH})
    try:
        with warnings.catch_warnings():
            known = ".*(normalized|truncated|Normalized|though DateTime requested).*"
            warnings.filterwarnings("ignore", message=known, category=RuntimeWarning)
            options = {**layer_options(driver, provenance), **_WRITTEN.get(driver, {})}
            if driver == "GPKG":
                options |= _own_names(table)
            if driver == "FlatGeobuf" and (table.geometry.isna() | table.geometry.is_empty).any():
                options["SPATIAL_INDEX"] = "NO"
            pyogrio.write_dataframe(table, path, driver=driver, layer=layer, **options)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
