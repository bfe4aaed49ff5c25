"""S-57 cells to a labelled coastline.

What S-57 says is read through GDAL's S57 driver (in pyogrio's wheel): the base cell and, from the same folder, its
updates .001, .002, …. Sources: IHO S-57 Edition 3.1; ENC Product Specification 2.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from littoral.categories import CATCOA
from littoral.errors import InputError
from littoral.progress import Track, silent

CRS = "EPSG:4326"
"""ENC cells are in WGS 84 degrees (ENC Product Specification, clause 4.1)."""

# Attributes of COALNE that are kept, with the pandas type that holds their null.
_ATTRIBUTES = {"SORDAT": "string", "LNAM": "string", "CONVIS": "Int64", "CONRAD": "Int64", "VERDAT": "Int64"}

# Columns of the cell's DSID record and what they are called here.
_PROVENANCE: dict[str, tuple[str, Any]] = {
    "DSID_AGEN": ("producer", "Int64"),
    "DSID_INTU": ("usage_band", "Int64"),
    "DSPM_CSCL": ("scale", "Int64"),
    "DSID_EDTN": ("edition", "string"),
    "DSID_UPDN": ("update", "string"),
    "DSID_ISDT": ("issue_date", "string"),
}

COLUMNS = ("CATCOA", "category", "cell", *(name for name, _ in _PROVENANCE.values()), *_ATTRIBUTES, "geometry")
"""Columns of the coastline table, in order."""


def find_cells(paths: Iterable[str | Path]) -> list[Path]:
    """Base cells (``.000``) among files and, at any depth, in folders; sorted by cell name, each file once.

    Raises:
        InputError: a path is not there, a file is no base cell, or a folder holds none.
    """
    cells: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            found = [file for file in path.rglob("*") if file.suffix == ".000" and file.is_file()]
            if not found:
                raise InputError(path, "has no S-57 base cell (.000) in it", "pass a folder that holds .000 files")
            cells.update(dict.fromkeys(file.resolve() for file in found))
        elif not path.exists():
            raise InputError(path, "does not exist", "check the path")
        elif path.suffix != ".000":
            raise InputError(
                path, "is not an S-57 base cell", "pass the .000 file; its updates .001, .002, … are found beside it"
            )
        else:
            cells[path.resolve()] = None
    return sorted(cells, key=lambda cell: (cell.name, str(cell)))


def read_charts(paths: str | Path | Iterable[str | Path], *, track: Track = silent) -> gpd.GeoDataFrame:
    """Read the coastlines (COALNE) of S-57 cells, updates applied.

    Args:
        paths: Base cells, folders of them, or one of either.
        track: Shows progress, a step per cell.

    Returns:
        One row per line in EPSG:4326 (longitude, latitude), ordered by cell and record: ``CATCOA`` (integer, null
        where the chart does not say), ``category`` (its name), ``cell``, ``producer`` (agency number), ``usage_band``
        (1 overview to 6 berthing), ``scale`` (denominator), ``edition``, ``update`` (last one applied),
        ``issue_date``, ``SORDAT`` (date of the source survey), ``LNAM`` (object identifier), ``CONVIS``, ``CONRAD``,
        ``VERDAT``.

    Raises:
        InputError: a path is not there or not S-57.
    """
    cells = find_cells([paths] if isinstance(paths, str | Path) else paths)
    if not cells:
        raise InputError("the list of cells", "is empty", "pass .000 files or folders that hold them")
    tables = [_read_cell(cell) for cell in track(cells, len(cells), "reading cells")]
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), geometry="geometry", crs=CRS)


def _read_cell(path: Path) -> gpd.GeoDataFrame:
    try:
        header = pyogrio.read_dataframe(path, layer="DSID", read_geometry=False, UPDATES="APPLY").iloc[0]
        layers = {str(name) for name, _ in pyogrio.list_layers(path)}
        lines = pyogrio.read_dataframe(path, layer="COALNE", UPDATES="APPLY") if "COALNE" in layers else None
    except (DataSourceError, DataLayerError, IndexError, ValueError) as error:
        raise InputError(
            path, "is not an S-57 cell that GDAL can read", "pass the .000 file of an ENC as the office publishes it"
        ) from error
    count = 0 if lines is None else len(lines)
    table = pd.DataFrame(index=range(count))
    codes = lines["CATCOA"].astype("Int64") if lines is not None else pd.Series(dtype="Int64")
    table["CATCOA"] = codes
    table["category"] = codes.map(lambda code: CATCOA.category(int(code)).name, na_action="ignore").astype("string")
    table["cell"] = pd.Series(path.stem, index=table.index, dtype="string")
    for source, (name, dtype) in _PROVENANCE.items():
        table[name] = pd.array([header[source]] * count, dtype=dtype)
    for name, dtype in _ATTRIBUTES.items():
        table[name] = lines[name].astype(dtype) if lines is not None else pd.Series(dtype=dtype)
    geometry = lines.geometry.to_numpy() if lines is not None else shapely.from_wkt([])
    return gpd.GeoDataFrame(table, geometry=geometry, crs=CRS)[list(COLUMNS)]
