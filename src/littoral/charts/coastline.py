"""Cells to a table of lines.

What S-57 says is read through GDAL's S57 driver (in pyogrio's wheel). Sources: IHO S-57 Edition 3.1; ENC Product
Specification 2.0.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from littoral.categories import CATCOA, CONSTRUCTED
from littoral.charts.cells import Cell, find_cells, left_out_if_broken
from littoral.charts.scales import cut_to_largest_scale, summarise_coast
from littoral.errors import InputError, LittoralWarning, first_line
from littoral.progress import Track, silent

CRS = "EPSG:4326"
"""ENC cells are in WGS 84 degrees (ENC Product Specification, clause 4.1)."""

# Attributes of COALNE and SLCONS that are kept, with the pandas type that holds their null.
_ATTRIBUTES = {"SORDAT": "string", "LNAM": "string", "CONVIS": "Int64", "CONRAD": "Int64", "VERDAT": "Int64"}
_OF_CONSTRUCTIONS = {"CATSLC": "Int64", "WATLEV": "Int64"}

# Columns of the cell's DSID record and what they are called here.
_PROVENANCE: dict[str, tuple[str, Any]] = {
    "DSID_AGEN": ("producer", "Int64"),
    "DSID_INTU": ("usage_band", "Int64"),
    "DSPM_CSCL": ("scale", "Int64"),
    "DSID_EDTN": ("edition", "string"),
    "DSID_UPDN": ("update", "string"),
    "DSID_ISDT": ("issue_date", "string"),
}

COLUMNS = (
    "CATCOA", "category", "cell", *(name for name, _ in _PROVENANCE.values()), "updates", *_ATTRIBUTES, "geometry"
)  # fmt: skip
"""Columns of the coastline table, in order."""


def read_charts(
    paths: str | Path | Iterable[str | Path],
    *,
    keep_all_scales: bool = False,
    constructed: bool = False,
    skip_broken: bool = False,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Read the coastlines (COALNE) of S-57 cells, updates applied; one place has one line.

    A :class:`LittoralWarning` tells of a cell that is there twice, or was cancelled, or whose updates GDAL refuses, and
    of categories that the table of categories does not know; these are kept, as ``category <code>``.

    Args:
        paths: Base cells, zips, folders of either (an exchange set's ENC_ROOT is one), or one of them.
        keep_all_scales: Keep what a cell of larger scale covers too, so that one place may have several lines.
        constructed: Read shoreline constructions (SLCONS) that are lines as well, as category 100. Those charted as
            areas are left out, whose outlines go round the structure and not along the shore, and those charted as
            points, which have no length.
        skip_broken: Leave out cells that cannot be read, each told by a :class:`LittoralWarning`, instead of stopping.
        track: Shows progress, a step per cell.

    Returns:
        One row per line in EPSG:4326 (longitude, latitude), ordered by cell and record: ``CATCOA`` (integer, null
        where the chart does not say; 100 for a construction), ``category`` (its name), ``cell``, ``producer`` (agency
        number), ``usage_band`` (1 overview to 6 berthing), ``scale`` (denominator), ``edition``, ``update`` (last one
        applied), ``issue_date``, ``updates`` (``applied``, ``none``, or ``ignored`` because GDAL refused them),
        ``SORDAT`` (date of the source survey), ``LNAM`` (object identifier; pieces of a line that was cut share it),
        ``CONVIS``, ``CONRAD``, ``VERDAT``; with ``constructed`` then ``object`` (COALNE or SLCONS), ``CATSLC``,
        ``WATLEV``. ``.attrs["replaced_km"]`` says how many km of each category (``no category`` for null) of each cell
        gave way to a larger scale: cell, category, km.

    Raises:
        InputError: a path is not there; no cell can be read; and, unless skipped, a file is not S-57 or cut off, or an
            update is missing.
    """
    cells = find_cells([paths] if isinstance(paths, str | Path) else paths, skip_broken=skip_broken)
    read = []
    for cell in track(cells, len(cells), "reading cells"):
        with left_out_if_broken(skip_broken):
            read.append(_read_cell(cell, constructed))
    if not read:
        raise InputError("the list of cells", "is empty", "pass .000 files or folders that hold them")
    lines = gpd.GeoDataFrame(pd.concat([table for table, _ in read], ignore_index=True), geometry="geometry", crs=CRS)
    unknown = sorted(set(lines["CATCOA"].dropna()) - set(CATCOA))
    if unknown:
        told = ", ".join(map(str, unknown))
        named = f"named 'category {unknown[0]}' and so on"
        _warn(f"CATCOA {told} is not in the table of categories: such lines are kept, {named}.")
    lines.attrs["replaced_km"] = {}
    if keep_all_scales:
        return lines
    coverage = gpd.GeoDataFrame(pd.concat([area for _, area in read], ignore_index=True), geometry="geometry", crs=CRS)
    kept, replaced = cut_to_largest_scale(lines, coverage)
    by_cell: dict[str, dict[str, float]] = {}
    if len(replaced):
        for name, km in summarise_coast(replaced).drop(index="all").iterrows():
            by_cell[str(name)] = {str(category): float(length) for category, length in km.items() if length > 0}
    kept.attrs["replaced_km"] = by_cell
    return kept


def _read_cell(cell: Cell, constructed: bool) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The shore of one cell, and a row with the area where it has data."""
    with tempfile.TemporaryDirectory() as place:
        path = cell.lay_out(Path(place))
        updates = "applied" if cell.updates else "none"
        wanted = {"COALNE", "M_COVR", *(["SLCONS"] if constructed else [])}
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                layers = _layers(path, wanted)
            # GDAL goes on where the update of a record fails: half an update is none.
            failed = [str(warning.message) for warning in said if "An update to" in str(warning.message)]
            if failed:
                raise ValueError(failed[0].strip())
        except (DataSourceError, DataLayerError, IndexError, ValueError) as refused:
            for file in path.parent.iterdir():
                if file != path:
                    file.unlink()
            try:
                layers = _layers(path, wanted)
            except (DataSourceError, DataLayerError, IndexError, ValueError) as error:
                remedy = "pass the .000 file of an ENC as the office publishes it"
                raise InputError(cell.base, "is not an S-57 cell that GDAL can read", remedy) from error
            if not cell.updates:
                raise InputError(cell.base, f"cannot be read ({refused})", "fetch it again") from refused
            updates = "ignored"
            _warn(f"{cell.name} was read without its updates, which do not fit it: {first_line(refused)}")
    header = layers["DSID"].iloc[0]
    # The driver says the last update by its number in the folder, and nothing of those a re-issue held already.
    applied = cell.header.update + (len(cell.updates) if updates == "applied" else 0)
    header = pd.concat([header.drop("DSID_UPDN"), pd.Series({"DSID_UPDN": str(applied)})])
    about = {name: pd.array([header[source]], dtype=dtype) for source, (name, dtype) in _PROVENANCE.items()}
    tables = [_table(layers.get("COALNE"), "COALNE")]
    if constructed:
        tables.append(_table(layers.get("SLCONS"), "SLCONS"))
    table = pd.concat(tables, ignore_index=True)
    table["cell"] = pd.Series(cell.name, index=table.index, dtype="string")
    table["updates"] = pd.Series(updates, index=table.index, dtype="string")
    for name, value in about.items():
        table[name] = value.take(np.zeros(len(table), np.int64)) if len(table) else value[:0]
    columns = [*COLUMNS[:-1], *(["object", *_OF_CONSTRUCTIONS] if constructed else []), "geometry"]
    areas = layers.get("M_COVR")
    covered: shapely.Geometry = shapely.Polygon()
    if areas is not None:
        covered = shapely.union_all(shapely.make_valid(areas.geometry[areas["CATCOV"] == 1].to_numpy()))
    coverage = gpd.GeoDataFrame({"cell": [cell.name], **about}, geometry=[covered], crs=CRS)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=CRS)[columns], coverage


def _layers(path: Path, wanted: set[str]) -> dict[str, gpd.GeoDataFrame]:
    """The wanted layers that the cell has, and DSID."""
    there = {str(name) for name, _ in pyogrio.list_layers(path)}
    found = {"DSID": pyogrio.read_dataframe(path, layer="DSID", read_geometry=False)}
    for name in there & wanted:
        found[name] = pyogrio.read_dataframe(path, layer=name)
    return found


def _table(lines: gpd.GeoDataFrame | None, kind: str) -> gpd.GeoDataFrame:
    """The lines of one object class with the columns that come from its attributes."""
    if lines is not None:
        lines = lines[lines.geom_type.isin(["LineString", "MultiLineString"])].reset_index(drop=True)
    count = 0 if lines is None else len(lines)
    table = pd.DataFrame(index=range(count))

    def attribute(name: str, dtype: Any) -> pd.Series[Any]:
        values: Any = pd.NA if lines is None or name not in lines else lines[name]
        found: pd.Series[Any] = pd.Series(values, index=table.index, dtype=dtype)
        return found

    codes = attribute("CATCOA", "Int64") if kind == "COALNE" else pd.Series(CONSTRUCTED, table.index, dtype="Int64")
    table["CATCOA"] = codes
    table["category"] = codes.map(lambda code: CATCOA.category(int(code)).name, na_action="ignore").astype("string")
    for name, dtype in {**_ATTRIBUTES, **_OF_CONSTRUCTIONS}.items():
        table[name] = attribute(name, dtype)
    table["object"] = pd.Series(kind, index=table.index, dtype="string")
    geometry = lines.geometry.to_numpy() if lines is not None else shapely.from_wkt([])
    return gpd.GeoDataFrame(table, geometry=geometry, crs=CRS)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, LittoralWarning, stacklevel=3)
