"""Vector files by suffix, the QGIS style inside a GeoPackage, and checks of columns.

Every file is written beside its place and then renamed, so a reader never sees half of one. GeoPackages carry no
clock time: the same table gives the same bytes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from littoral.categories import UNKNOWN_COLOUR, Category
from littoral.errors import ExistsError, InputError, LittoralWarning, WriteError

DRIVERS = {
    ".gpkg": "GPKG",
    ".fgb": "FlatGeobuf",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".parquet": "Parquet",
}
_WGS84 = "EPSG:4326"
_EPOCH = "2000-01-01T00:00:00.000Z"


def read_vector(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a vector file of any format GDAL or GeoParquet knows; whole-number columns with gaps stay whole numbers.

    Raises:
        InputError: no such file, no such layer, several layers and none named, or not a vector file.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(path, "does not exist", "check the path")
    try:
        if path.suffix.lower() == ".parquet":
            with np.errstate(invalid="ignore"):
                return gpd.read_parquet(path)
        layers = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
        if layer is None and len(layers) != 1:
            raise InputError(
                path, f"has {len(layers)} layers with geometry ({', '.join(layers) or 'none'})", "name one with --layer"
            )
        if layer is not None and layer not in layers:
            raise InputError(path, f"has no layer {layer!r}", f"choose one of {', '.join(layers) or 'none'}")
        name = layer or layers[0]
        # Of coordinates that are no numbers whoever needs numbers complains.
        with np.errstate(invalid="ignore"):
            table = pyogrio.read_dataframe(path, layer=name)
        types = pyogrio.read_info(path, layer=name)
    except (DataSourceError, DataLayerError, ValueError, OSError) as error:
        raise InputError(
            path,
            f"is not a vector file that can be read ({_first_line(error)})",
            "pass a GeoPackage, GeoParquet, FlatGeobuf, GeoJSON or Shapefile",
        ) from error
    # GDAL knows that a column with nulls holds integers; pandas has made floats of it.
    for column, kind in zip(types["fields"], types["dtypes"], strict=True):
        if str(kind).startswith(("int", "uint")):
            table[column] = table[column].astype("Int64")
    return table


def write_vector(
    table: gpd.GeoDataFrame,
    path: str | Path,
    *,
    layer: str | None = None,
    overwrite: bool = False,
    style: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a table in the format of the path's suffix; the layer is named after the file unless given.

    Rows keep their order, except in FlatGeobuf, whose spatial index orders them. GeoJSON is in WGS 84 whatever the
    table is in (RFC 7946, section 4), which a :class:`LittoralWarning` says.

    ``style`` is a QGIS style (QML) put into a GeoPackage as the layer's default; ``metadata`` goes with the layer
    (GeoPackage only).

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
    with staged(path) as stage:
        if driver == "Parquet":
            table.to_parquet(stage, index=False)
        else:
            _write_ogr(table, stage, driver, layer or path.stem, metadata)
        if driver == "GPKG" and style is not None:
            _write_style(stage, layer or path.stem, style)
    return path


def check_output(
    path: Path, overwrite: bool, suffixes: Iterable[str] = (), *, inputs: Iterable[str | Path | None] = ()
) -> None:
    """Refuse early what would be refused late, and what would destroy its own source.

    Args:
        path: The file to be written.
        overwrite: Whether it may be there.
        suffixes: Those allowed; none: any.
        inputs: Files that are read for it; None and what is no file are passed over.

    Raises:
        ExistsError: the path is there and ``overwrite`` is False.
        InputError: it is a folder or one of the inputs, its folder is not there, or its suffix stands for no format.
    """
    allowed = sorted(suffixes)
    if allowed and path.suffix.lower() not in allowed:
        raise InputError(path, "has a suffix that stands for no format", f"use one of {', '.join(allowed)}")
    if path.is_dir():
        raise InputError(path, "is a folder", "name the file to write in it")
    if path.exists() and any(Path(each).exists() and path.samefile(each) for each in inputs if each is not None):
        raise InputError(path, "is to be read and to be written", "choose another name for the output")
    if path.exists() and not overwrite:
        raise ExistsError(path)
    if not path.absolute().parent.is_dir():
        raise InputError(path, f"lies in {path.parent}, which is not a folder", "make the folder first")


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write to; renamed to it when all went well, removed when not.

    Raises:
        WriteError: the disk refused.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.absolute().parent))
    except OSError as error:
        raise WriteError(path, error) from error
    try:
        stage = folder / path.name
        yield stage
        # A Shapefile is several files; the named one comes last, so that it never stands alone.
        for file in sorted(folder.iterdir(), key=lambda file: file == stage):
            os.replace(file, path.parent / file.name)
    except (
        OSError,
        DataSourceError,
        sqlite3.OperationalError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
    ) as error:
        reason = error if isinstance(error, OSError) else OSError(_first_line(error))
        raise WriteError(path, reason) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_column(table: pd.DataFrame, column: str) -> str | None:
    """The column's own spelling, compared without case; None where there is no such column.

    >>> find_column(pd.DataFrame({"catcoa": [7]}), "CATCOA")
    'catcoa'
    """
    return next((str(name) for name in table.columns if str(name).casefold() == column.casefold()), None)


def require_column(table: pd.DataFrame, column: str, source: object) -> str:
    """The column's own spelling, compared without case.

    Raises:
        InputError: no such column.
    """
    name = find_column(table, column)
    if name is not None:
        return name
    fields = ", ".join(str(name) for name in table.columns if name != "geometry")
    raise InputError(source, f"has no field {column!r}", f"choose one of {fields}")


def require_crs(table: gpd.GeoDataFrame, source: object) -> None:
    """
    Raises:
        InputError: the table does not say which coordinate reference system it is in.
    """
    if table.crs is None:
        raise InputError(source, "has no coordinate reference system", "set it, e.g. with QGIS's Assign projection")


def free_names(table: gpd.GeoDataFrame, taken: list[str]) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """Rename columns that collide with ``taken`` (compared without case) to ``<name>_in``; also what was renamed.

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


def qgis_style(field: str, categories: list[Category], *, text_values: bool, geometry: str = "fill") -> str:
    """A QGIS style (QML) that colours ``field`` by category; whatever else it holds is grey.

    ``geometry`` is ``fill`` for polygons or ``line``. The form is QGIS's own ``categorizedSymbol`` renderer, as QGIS
    3.x and 4.x read it.
    """
    entries = [(c.name if text_values else str(c.code), c.name, c.rgb) for c in categories]
    entries.append(("", "not classified", Category(0, "", UNKNOWN_COLOUR).rgb))
    rows, symbols = [], []
    for index, (value, label, (red, green, blue)) in enumerate(entries):
        rows.append(
            f"<category value={quoteattr(value)} label={quoteattr(label)} symbol='{index}' render='true' "
            f"type='{'string' if text_values or not value else 'long'}'/>"
        )
        if geometry == "fill":
            layer = (
                "<layer class='SimpleFill' enabled='1' pass='0' locked='0'><Option type='Map'>"
                f"<Option type='QString' name='color' value='{red},{green},{blue},150'/>"
                f"<Option type='QString' name='outline_color' value='{red},{green},{blue},255'/>"
                "<Option type='QString' name='outline_width' value='0.4'/>"
                "<Option type='QString' name='style' value='solid'/></Option></layer>"
            )
        else:
            layer = (
                "<layer class='SimpleLine' enabled='1' pass='0' locked='0'><Option type='Map'>"
                f"<Option type='QString' name='line_color' value='{red},{green},{blue},255'/>"
                "<Option type='QString' name='line_width' value='0.8'/></Option></layer>"
            )
        symbols.append(f"<symbol name='{index}' type='{geometry}' alpha='1' clip_to_extent='1'>{layer}</symbol>")
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        "<qgis version='3.22' styleCategories='Symbology'>"
        f"<renderer-v2 type='categorizedSymbol' attr={quoteattr(field)} enableorderby='0' forceraster='0'>"
        f"<categories>{''.join(rows)}</categories><symbols>{''.join(symbols)}</symbols></renderer-v2></qgis>\n"
    )


def _write_ogr(
    table: gpd.GeoDataFrame, path: Path, driver: str, layer: str, metadata: Mapping[str, str] | None
) -> None:
    options = {"layer_metadata": dict(metadata)} if metadata and driver == "GPKG" else {}
    # The clock would make two equal runs differ.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _EPOCH})
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(normalized|truncated|Normalized).*", category=RuntimeWarning)
            pyogrio.write_dataframe(table, path, driver=driver, layer=layer, **options)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _write_style(path: Path, layer: str, style: str) -> None:
    """Table ``layer_styles`` as QGIS writes it; it must be registered in ``gpkg_contents`` to be seen."""
    with closing(sqlite3.connect(path)) as database, database:
        (geometry,) = database.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (layer,)
        ).fetchone()
        database.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), "
            "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
            "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
            "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '', ?)",
            (layer, geometry, "littoral", style, "categories of littoral", _EPOCH),
        )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (_EPOCH,),
        )


def _first_line(error: BaseException) -> str:
    """What it says, without the advice that GDAL gives to programmers."""
    said = str(error).strip().partition("\n")[0].partition("; It might help")[0]
    return said or type(error).__name__
