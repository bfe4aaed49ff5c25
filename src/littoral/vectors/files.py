"""Read and write vector files; the suffix determines the format."""

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
"""GDAL layer options by driver: GeoJSON after RFC 7946; a Shapefile with a fixed date of writing."""


def read_vector(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a vector file of any format that GDAL reads, or GeoParquet.

    Whole-number columns with nulls stay whole numbers, exact beyond 2^53. Lists, structs and further geometry columns
    become text, with a :class:`LittoralWarning`.

    Raises:
        InputError: the file or layer does not exist, ``layer`` is None and there are several, ``layer`` is given for
            GeoParquet, or the file cannot be read.
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
        # NaN coordinates are checked where coordinates are used.
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            # GDAL warns about the option for other formats with the suffix .json.
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
    # Integer and boolean columns with nulls arrive as floats and objects: restore the type that GDAL reports.
    for column, kind in zip(types["fields"], types["dtypes"], strict=True):
        if str(kind).startswith(("int", "uint")) and pd.api.types.is_integer_dtype(table[column]):
            table[column] = table[column].astype("Int64")
        elif str(kind) == "bool" and table[column].dtype != bool:
            table[column] = table[column].astype("boolean")
    table = plain_columns(table, path)
    return shapefiles.long_names(table, path) if path.suffix.lower() == ".shp" else table


def _options(path: Path) -> dict[str, str]:
    """Options of pyogrio for reading: in GeoJSON, which has no dates, texts that look like dates stay text."""
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
    """Write a table in the format of the path's suffix.

    Rows keep their order, except in FlatGeobuf, whose spatial index sorts them (no index is written if a geometry is
    empty or missing). GeoJSON is written in WGS 84 (RFC 7946, section 4), with seven decimals, and geometries across
    the antimeridian are cut there. In a GeoPackage, column names that differ only in case get a number. In a
    Shapefile, long names and texts are cut (:mod:`littoral.vectors.shapefiles`); :func:`read_vector` restores names.

    Args:
        table: The table.
        path: File to write.
        layer: Name of the layer; None: the name of the file.
        overwrite: Replace an existing file.
        style: QGIS style (QML) stored in a GeoPackage as the layer's default, or several by name; the first is the
            default. Ignored for other formats.
        provenance: Values that JSON can represent, stored as described in :mod:`littoral.vectors.provenance`.

    Warns:
        LittoralWarning: the CRS, names or texts were changed as described.

    Raises:
        InputError: the suffix is not that of a supported format.
        ExistsError: the file exists and ``overwrite`` is False.
        WriteError: the file cannot be written; an older file is unchanged.
    """
    path = Path(path)
    check_output(path, overwrite, suffixes=DRIVERS)
    driver = DRIVERS[path.suffix.lower()]
    if driver == "GeoJSON" and table.crs is not None and not table.crs.equals(_WGS84, ignore_axis_order=True):
        text = f"{path} is written in WGS 84 degrees, as GeoJSON is, and not in {table.crs.to_string()}."
        warnings.warn(LittoralWarning(text), stacklevel=2)
        table = table.to_crs(_WGS84)
    if driver == "GPKG" and (renamed := apart(name for name in table.columns if name != table.geometry.name)):
        text = ", ".join(f"{old} ({new})" for old, new in renamed.items())
        warnings.warn(LittoralWarning(f"{path}: names differ in case alone, and are changed: {text}."), stacklevel=2)
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
    """Names for the feature-id and geometry columns of a GeoPackage that differ from all fields of the table.

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
    # A fixed time, so that equal tables give equal bytes.
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
