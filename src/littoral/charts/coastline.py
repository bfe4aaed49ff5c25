"""Read S-57 cells into a table of coastline features.

Sources: IHO S-57 Edition 3.1, Part 3 (structure) and Appendix A (object classes and attributes); ENC Product
Specification 2.0.
"""

from __future__ import annotations

import struct
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from littoral.categories import CATCOA, CONSTRUCTED
from littoral.charts.apply_updates import COALNE, M_COVR, SLCONS, CellRecords, UpdateError, attributes, object_class
from littoral.charts.cells import Cell, find_cells, left_out_if_broken
from littoral.charts.geometry import Topology, read_parameters
from littoral.charts.iso8211 import Identification, Record, identify, read_records
from littoral.charts.options import ChartOptions
from littoral.charts.scales import cut_to_largest_scale, summarise_coast
from littoral.errors import InputError, LittoralWarning
from littoral.progress import Track, silent

CRS = "EPSG:4326"
"""ENC cells are in WGS 84 degrees (ENC Product Specification, clause 4.1)."""

# Attributes read from the features: number (ATTL, S-57 Appendix A) and pandas type of the column.
_ATTRIBUTES = {"SORDAT": (147, "string"), "LNAM": (None, "string"), "CONVIS": (83, "Int64"), "CONRAD": (82, "Int64"),
               "VERDAT": (185, "Int64")}  # fmt: skip
_OF_CONSTRUCTIONS = {"CATSLC": (60, "Int64"), "WATLEV": (187, "Int64")}
_CATCOA, _CATCOV, _COVERED = 15, 18, b"1"
_LINE, _AREA = 2, 3
_WGS84, _DEGREES = 2, 1
_PROVENANCE = {"producer": "Int64", "usage_band": "Int64", "scale": "Int64", "edition": "string", "update": "string",
               "issue_date": "string"}  # fmt: skip
"""Columns from the headers of the cell and its updates (DSID, DSPM)."""

COLUMNS = (
    "CATCOA", "category", "cell", *_PROVENANCE, "updates", *_ATTRIBUTES, "geometry"
)  # fmt: skip
"""Columns of the coastline table, in order."""


def read_charts(
    paths: str | Path | Iterable[str | Path],
    options: ChartOptions | None = None,
    *,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Read the coastlines (COALNE) of S-57 cells with updates applied; where cells overlap, the largest scale is kept.

    Args:
        paths: One or more base cells, zips, or folders of them (such as ENC_ROOT of an exchange set).
        options: Which lines are read. Shoreline constructions (SLCONS) are read only where they are charted as lines:
            the outline of an area surrounds the structure instead of following the shore, and a point has no length.
        track: Shows progress, one step per cell.

    Returns:
        One row per line in EPSG:4326 (longitude, latitude), ordered by cell and record: ``CATCOA`` (integer, null
        where it is not charted; 100 for a construction), ``category`` (its name), ``cell``, ``producer`` (agency
        number), ``usage_band`` (1 overview to 6 berthing), ``scale`` (denominator), ``edition``, ``update`` (last one
        applied), ``issue_date``, ``updates`` (``applied``, ``none``, or, if one does not fit the cell, ``partly`` or
        ``ignored``), ``SORDAT`` (date of the source survey), ``LNAM`` (object identifier, shared by the pieces of a
        line that was cut), ``CONVIS``, ``CONRAD``, ``VERDAT``; with ``constructed`` also ``object`` (COALNE or
        SLCONS), ``CATSLC``, ``WATLEV``. ``.attrs["replaced_km"]`` is a dictionary by cell and category (``no
        category`` for null) of the km that were replaced by lines of a larger scale.

    Warns:
        LittoralWarning: a cell occurs twice or was cancelled; an update does not fit its cell (it and later ones are
            ignored); the geometry of a line or area is incomplete; an attribute is not a single code (it becomes
            null); the number of records is not that of the header; or a code is not in the table of categories (the
            line is kept as ``category <code>``).

    Raises:
        InputError: a path does not exist or no cell can be read; without ``skip_broken``, a file is not S-57, is
            truncated or not in degrees of WGS 84, or an update is missing.

    Memory: about 20 times the size on disk of the cell being read (100 MB for the largest), and 1 KB per line.
    """
    options = options or ChartOptions()
    cells = find_cells([paths] if isinstance(paths, str | Path) else paths, skip_broken=options.skip_broken)
    read = []
    for cell in track(cells, len(cells), "reading cells"):
        with left_out_if_broken(options.skip_broken):
            read.append(_read_cell(cell, options.constructed))
    if not read:
        raise InputError("the list of cells", "is empty", "pass .000 files or folders that hold them")
    lines = gpd.GeoDataFrame(pd.concat([table for table, _ in read], ignore_index=True), geometry="geometry", crs=CRS)
    unknown = sorted(set(lines["CATCOA"].dropna()) - set(CATCOA))
    if unknown:
        listed = ", ".join(map(str, unknown))
        named = f"named 'category {unknown[0]}' and so on"
        _warn(f"CATCOA {listed} is not in the table of categories: such lines are kept, {named}.")
    lines.attrs["replaced_km"] = {}
    if options.keep_all_scales:
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
    """The coastline of one cell, and a table of one row with its area of data coverage."""
    content = _read_content(cell)
    kinds = (COALNE, SLCONS) if constructed else (COALNE,)
    tables = [_table(content, kind) for kind in kinds]
    table = pd.concat(tables, ignore_index=True)
    table["cell"] = pd.Series(cell.name, index=table.index, dtype="string")
    table["updates"] = pd.Series(content.updates, index=table.index, dtype="string")
    header = content.header
    values = (header.producer, header.usage_band, content.scale or None, str(header.edition), str(header.update),
              header.issued or None)  # fmt: skip
    about = {
        name: pd.Series([value], dtype=dtype).array
        for (name, dtype), value in zip(_PROVENANCE.items(), values, strict=True)
    }
    for name, value in about.items():
        table[name] = value.take(np.zeros(len(table), np.int64)) if len(table) else value[:0]
    columns = [*COLUMNS[:-1], *(["object", *_OF_CONSTRUCTIONS] if constructed else []), "geometry"]
    coverage = gpd.GeoDataFrame({"cell": [cell.name], **about}, geometry=[_coverage(content)], crs=CRS)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=CRS)[columns], coverage


@dataclass(frozen=True)
class _Content:
    """A cell with its updates applied."""

    name: str
    header: Identification
    """Header of the base cell, with update number and issue date of the last update that was applied."""
    scale: int
    """Denominator; 0 if it is missing."""
    updates: str
    """``applied``, ``partly``, ``ignored`` or ``none``."""
    topology: Topology
    features: Sequence[Record]
    """Feature records, ordered by record number."""

    def of_class(self, kind: int, primitive: int) -> list[Record]:
        return [each for each in self.features if object_class(each) == kind and each["FRID"][5] == primitive]


def _read_content(cell: Cell) -> _Content:
    """Read a base cell and apply its updates.

    Raises:
        InputError: a file cannot be read or is truncated, or the cell is not in degrees of WGS 84.
    """
    records = read_records(cell.base.read(), cell.base)
    try:
        datum, scale, kind, units = read_parameters(records)
        content = CellRecords.of(records)
        missing = list(content.missing())
    except (ValueError, struct.error, IndexError) as error:
        raise InputError(cell.base, f"is damaged ({error})", "fetch it again as the office publishes it") from error
    if (datum, kind) != (_WGS84, _DEGREES) or units < 1:
        what = f"has horizontal datum {datum} and coordinates of kind {kind}, not degrees of WGS 84 (2 and 1)"
        raise InputError(cell.base, what, "ask the office for a cell in WGS 84")
    found = _count(records)
    if found < cell.header.records:
        if not found or missing or content.unused():
            what = f"is cut off: it holds {found} of the {cell.header.records} records it announces"
            raise InputError(cell.base, what, "fetch it again as the office publishes it")
        _warn(f"{cell.base} announces {cell.header.records} records and holds {found}; nothing refers to others.")
    header, applied = cell.header, 0
    for file in cell.updates:
        data = file.read()
        changes, update = read_records(data, file), identify(data, file)
        try:
            if _count(changes) < update.records:
                raise UpdateError(f"it announces {update.records} records and holds {_count(changes)}")
            content = content.updated(changes)
        except (UpdateError, struct.error, IndexError) as error:
            at = f"its update {header.update}" if applied or header.update else "the base cell"
            _warn(f"{file} does not fit {cell.name} ({error}): {cell.name} was read as of {at}.")
            break
        header, applied = replace(header, update=update.update, issued=update.issued), applied + 1
    words = {0: "ignored", len(cell.updates): "applied"} if cell.updates else {0: "none"}
    features = [content.features[number] for number in sorted(content.features)]
    topology = Topology(content.vectors, units)
    return _Content(cell.name, header, scale, words.get(applied, "partly"), topology, features)


def _count(records: Iterable[Record]) -> int:
    return sum("FRID" in record or "VRID" in record for record in records)


def _coverage(content: _Content) -> shapely.Geometry:
    """Area of data coverage (M_COVR with CATCOV 1), degrees."""
    areas = []
    for feature in content.of_class(M_COVR, _AREA):
        if attributes(feature).get(_CATCOV, b"").strip() == _COVERED:
            area, closed = content.topology.area(feature)
            areas.append(area)
            if not closed:
                _warn(f"{content.name} has a coverage area (M_COVR) whose outline is not closed; what does not close "
                      "replaces no lines of other cells.")  # fmt: skip
    return shapely.union_all(shapely.make_valid(np.array(areas, object))) if areas else shapely.Polygon()


def _table(content: _Content, kind: int) -> gpd.GeoDataFrame:
    """Lines of one object class, with the columns read from its attributes."""
    name_of = "COALNE" if kind == COALNE else "SLCONS"
    features = content.of_class(kind, _LINE)
    shapes = [content.topology.line(feature) for feature in features]
    broken = [feature for feature, (_, whole) in zip(features, shapes, strict=True) if not whole]
    if broken:
        gone = sum(bool(shapely.is_empty(shape)) for shape, _ in shapes)
        names = ", ".join(_long_name(feature) for feature in broken[:3]) + (", …" if len(broken) > 3 else "")
        _warn(f"{content.name} lacks edges or nodes of {len(broken)} {name_of} lines ({names}): what is there of them "
              f"is read, of {gone} nothing.")  # fmt: skip
    kept = [number for number, (shape, _) in enumerate(shapes) if not shapely.is_empty(shape)]
    values = [attributes(features[number]) for number in kept]
    table = pd.DataFrame(index=range(len(kept)))

    def column(name: str, number: int, dtype: str) -> pd.api.extensions.ExtensionArray:
        found = [each.get(number, b"") for each in values]
        if dtype == "string":
            return pd.array([each.decode("latin-1") or None for each in found], dtype="string")
        return _codes(found, f"{content.name}: {name}")

    codes = column("CATCOA", _CATCOA, "Int64") if kind == COALNE else pd.array([CONSTRUCTED] * len(kept), dtype="Int64")
    table["CATCOA"] = codes
    categories = table["CATCOA"].map(lambda code: CATCOA.category(int(code)).name, na_action="ignore")
    table["category"] = categories.astype("string")
    for name, (number, dtype) in {**_ATTRIBUTES, **_OF_CONSTRUCTIONS}.items():
        if number is None:
            table[name] = pd.array([_long_name(features[at]) for at in kept], dtype="string")
        else:
            table[name] = column(name, number, dtype)
    table["object"] = pd.Series(name_of, index=table.index, dtype="string")
    return gpd.GeoDataFrame(table, geometry=np.array([shapes[number][0] for number in kept], object), crs=CRS)


def _codes(values: Sequence[bytes], subject: str) -> pd.api.extensions.ExtensionArray:
    """Codes of an attribute; null where it is empty or, with a warning, not a single number."""
    texts = [value.decode("latin-1").strip() for value in values]
    known = [text if text.isascii() and text.isdecimal() and len(text) < 10 else None for text in texts]
    strange = Counter(text for text, code in zip(texts, known, strict=True) if text and code is None)
    if strange:
        listed = ", ".join(f"{text!r} ({count})" for text, count in list(strange.items())[:5])
        _warn(f"{subject} has values that are no single code, and is null there: {listed}.")
    return pd.array([None if code is None else int(code) for code in known], dtype="Int64")


def _long_name(feature: Record) -> str:
    """LNAM: producer, number and subdivision of the feature object (FOID) in hexadecimal, as GDAL writes it."""
    agency, number, part = struct.unpack_from("<HIH", feature.get("FOID", bytes(8)))
    return f"{agency:04X}{number:08X}{part:04X}"


def _warn(sentence: str) -> None:
    warnings.warn(sentence, LittoralWarning, stacklevel=3)
