"""S-57 cells to a labelled coastline.

What S-57 says is read through GDAL's S57 driver (in pyogrio's wheel): the base cell and, from the same folder, its
updates .001, .002, …. Sources: IHO S-57 Edition 3.1; ENC Product Specification 2.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from littoral.categories import CATCOA
from littoral.errors import InputError
from littoral.geodesy import line_lengths
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


def read_charts(
    paths: str | Path | Iterable[str | Path], *, keep_all_scales: bool = False, track: Track = silent
) -> gpd.GeoDataFrame:
    """Read the coastlines (COALNE) of S-57 cells, updates applied; one place has one line.

    Args:
        paths: Base cells, folders of them, or one of either.
        keep_all_scales: Keep what a cell of larger scale covers too, so that one place may have several lines.
        track: Shows progress, a step per cell.

    Returns:
        One row per line in EPSG:4326 (longitude, latitude), ordered by cell and record: ``CATCOA`` (integer, null
        where the chart does not say), ``category`` (its name), ``cell``, ``producer`` (agency number), ``usage_band``
        (1 overview to 6 berthing), ``scale`` (denominator), ``edition``, ``update`` (last one applied),
        ``issue_date``, ``SORDAT`` (date of the source survey), ``LNAM`` (object identifier; pieces of a line that was
        cut share it), ``CONVIS``, ``CONRAD``, ``VERDAT``. ``.attrs["replaced_km"]`` says how many km of each cell gave
        way to a larger scale.

    Raises:
        InputError: a path is not there or not S-57.
    """
    cells = find_cells([paths] if isinstance(paths, str | Path) else paths)
    if not cells:
        raise InputError("the list of cells", "is empty", "pass .000 files or folders that hold them")
    read = [_read_cell(cell) for cell in track(cells, len(cells), "reading cells")]
    lines = gpd.GeoDataFrame(pd.concat([table for table, _ in read], ignore_index=True), geometry="geometry", crs=CRS)
    if keep_all_scales:
        lines.attrs["replaced_km"] = {}
        return lines
    coverage = gpd.GeoDataFrame(pd.concat([area for _, area in read], ignore_index=True), geometry="geometry", crs=CRS)
    kept, replaced = cut_to_largest_scale(lines, coverage)
    km = line_lengths(replaced).groupby(replaced["cell"]).sum() / 1000
    kept.attrs["replaced_km"] = {str(cell): float(length) for cell, length in km.items()}
    return kept


def cut_to_largest_scale(
    lines: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Cut each cell's lines where a cell of larger scale covers the same place.

    The rule is that of the ENC Product Specification 2.0, clause 2.2: data of one navigational purpose do not overlap,
    those of different purposes do. Of two cells the one with the smaller scale denominator stays; where these are
    equal (or missing), the higher usage band, then the later issue, then the first name.

    Args:
        lines: Coastline with the columns of :data:`COLUMNS`.
        coverage: One row per cell: ``cell``, ``scale``, ``usage_band``, ``issue_date``, and the area where the cell has
            data (M_COVR with CATCOV 1; may be empty).

    Returns:
        What stays and what was replaced, both like ``lines``, LineStrings in its order. No length is lost: of every
        category, the two sum to what was given.
    """
    order = coverage.sort_values(
        ["scale", "usage_band", "issue_date", "cell"], ascending=[True, False, False, True], na_position="last"
    )
    areas = order.geometry.to_numpy()
    tree = shapely.STRtree(areas)
    geometry = lines.geometry.to_numpy()
    kept, replaced = geometry.copy(), np.full(len(lines), None, object)
    for rank, cell in enumerate(order["cell"]):
        own = np.flatnonzero(lines["cell"].to_numpy() == cell)
        before = tree.query(areas[rank], predicate="intersects")
        before = before[before < rank]
        if len(own) and len(before):
            mask = shapely.union_all(areas[before])
            shapely.prepare(mask)
            own = own[shapely.intersects(mask, geometry[own])]
            kept[own] = shapely.difference(geometry[own], mask)
            replaced[own] = shapely.intersection(geometry[own], mask)
    return _lines_only(lines, kept), _lines_only(lines, replaced)


def _lines_only(lines: gpd.GeoDataFrame, geometry: NDArray[np.object_]) -> gpd.GeoDataFrame:
    """One row per LineString; points, where a line only touches, are dropped."""
    table = lines.set_geometry(gpd.GeoSeries(shapely.line_merge(geometry), index=lines.index, crs=lines.crs))
    table = table.explode(ignore_index=True)
    table = table[(table.geom_type == "LineString") & ~table.is_empty]
    return table.explode(ignore_index=True)


def _read_cell(path: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The coastline of one cell, and a row with the area where it has data."""
    try:
        header = pyogrio.read_dataframe(path, layer="DSID", read_geometry=False, UPDATES="APPLY").iloc[0]
        layers = {str(name) for name, _ in pyogrio.list_layers(path)}
        lines = pyogrio.read_dataframe(path, layer="COALNE", UPDATES="APPLY") if "COALNE" in layers else None
        areas = pyogrio.read_dataframe(path, layer="M_COVR", UPDATES="APPLY") if "M_COVR" in layers else None
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
    covered = shapely.Polygon() if areas is None else areas.geometry[areas["CATCOV"] == 1].union_all()
    about = {name: pd.array([header[source]], dtype=dtype) for source, (name, dtype) in _PROVENANCE.items()}
    coverage = gpd.GeoDataFrame({"cell": [path.stem], **about}, geometry=[covered], crs=CRS)
    return gpd.GeoDataFrame(table, geometry=geometry, crs=CRS)[list(COLUMNS)], coverage
