"""Provenance of a file: a JSON record of how it was made, stored in the file or beside it.

============== =======================================================================
GeoPackage     table ``gpkg_metadata`` (GDAL's layer metadata, item ``littoral``)
GeoParquet     the file's key-value metadata, key ``littoral``
FlatGeobuf     the header's ``metadata`` (GDAL's layer metadata, item ``littoral``)
GeoJSON        ``description`` of the collection
Shapefile      ``<name>.shp.json`` beside it
============== =======================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from littoral.errors import InputError, first_line
from littoral.vectors import shapefiles
from littoral.vectors.outputs import is_there

KEY = "littoral"
_CHUNK = 2**20


def trace(verb: str, inputs: Mapping[str, str | Path | None], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Make a provenance record: version, verb, parameters, and name, SHA-256 and provenance of each input.

    The record has no time, folder or user name, so it is the same on any machine.

    Args:
        verb: Name of the operation, e.g. ``rectangles``.
        inputs: Files by their role. None is left out; of a folder or an address only the name is recorded.
        parameters: Values that JSON can represent.
    """
    from littoral import __version__

    record: dict[str, Any] = {"littoral": __version__, "verb": verb, "parameters": dict(parameters), "inputs": {}}
    for name, source in inputs.items():
        if source is None:
            continue
        path = Path(source)
        known: dict[str, Any] = {"name": path.name}
        if is_there(path) and path.is_file():
            known["sha256"] = _digest(path)
            if (earlier := read_provenance(path)) is not None:
                known["provenance"] = earlier
        record["inputs"][name] = known
    return record


def read_provenance(path: str | Path, layer: str | None = None) -> dict[str, Any] | None:
    """Read the provenance that ``write_vector`` stored; None if the file has none or has another format.

    Raises:
        InputError: the file does not exist.
    """
    path = Path(path)
    if not is_there(path):
        raise InputError(path, "does not exist", "check the path")
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq", ".geoparquet"):
            text = (pq.read_schema(path).metadata or {}).get(KEY.encode(), b"").decode()
        elif suffix == ".shp":
            stored = shapefiles.read_beside(path).get("provenance")
            return stored if isinstance(stored, dict) else None
        elif suffix in (".gpkg", ".fgb", ".geojson", ".json"):
            names = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
            if layer is None and len(names) != 1:
                return None
            items = pyogrio.read_info(path, layer=layer or names[0])["layer_metadata"] or {}
            text = items.get("DESCRIPTION" if suffix in (".geojson", ".json") else KEY, "")
        else:
            return None
        record = json.loads(text) if text else None
    except (DataSourceError, DataLayerError, pa.ArrowException, OSError, ValueError, RecursionError):
        return None
    if suffix in (".geojson", ".json") and isinstance(record, dict):
        record = record.get(KEY)
    return record if isinstance(record, dict) else None


def layer_options(driver: str, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    """Keyword arguments of ``pyogrio.write_dataframe`` that store the record in the format of ``driver``."""
    if provenance is None:
        return {}
    if driver in ("GPKG", "FlatGeobuf"):
        return {"layer_metadata": {KEY: json.dumps(provenance)}}
    return {"DESCRIPTION": json.dumps({KEY: provenance})} if driver == "GeoJSON" else {}


def write_parquet_key(path: Path, provenance: Mapping[str, Any]) -> None:
    """Rewrite a Parquet file, one row group at a time, with the record in its key-value metadata."""
    again = path.with_name(f"{path.name}.again")
    with pq.ParquetFile(path) as source:
        schema = source.schema_arrow
        keys = {**(schema.metadata or {}), KEY.encode(): json.dumps(provenance).encode()}
        with pq.ParquetWriter(again, schema.with_metadata(keys)) as writer:
            for group in range(source.num_row_groups):
                writer.write_table(source.read_row_group(group).replace_schema_metadata(keys))
    os.replace(again, path)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise InputError(path, f"cannot be read ({first_line(error)})", "check the file and your rights") from error
    return digest.hexdigest()
