"""Read the product catalogue of a hydrographic office: names, coverage and download addresses of its cells.

Two formats are read, recognised by the root element (namespaces are ignored):

* NOAA's plain format, ``ENCProdCat.xml`` (about 10 MB; ``EncProductCatalog…``, one ``cell`` per cell): states, status
  (Active or Cancelled), edition, update, dates, and coverage as panels of type E (exterior) or I (interior);
* ISO 19115, ``ENCProdCat_19115.xml`` (about 52 MB; one ``MD_Metadata`` per cell): no states, only cells in force, the
  edition as "44.2" (edition 44, update 2), positions as latitude, longitude.

Both are parsed record by record: memory holds one record and the list of cells (4 KB per cell of a hundred vertices).
The expat parser used by ``xml.etree`` refuses entity expansion attacks.
"""

from __future__ import annotations

import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import shapely
from shapely.affinity import translate

from littoral.errors import InputError, LittoralWarning

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees of WGS 84; west is greater than east across the antimeridian."""

_NAME = re.compile(r"[A-Z]{2}[1-9A-Z][A-Z0-9]{1,13}")
_WORLD = shapely.box(-180, -90, 180, 90)


@dataclass(frozen=True)
class CatalogueCell:
    """A cell as described in the catalogue; text that is missing there is empty."""

    name: str
    title: str = ""
    scale: int | None = None
    """Denominator of the scale."""
    states: tuple[str, ...] = ()
    """Codes of the US states whose waters the cell shows, e.g. FL."""
    edition: str = ""
    update: str = ""
    issued: str = ""
    """Issue date, YYYY-MM-DD."""
    url: str = ""
    """Address of the zip."""
    size: int | None = None
    """Bytes of the zip; rounded in ISO 19115."""
    zipped: str = ""
    """Time at which the zip was made; a new zip does not mean that the cell changed."""
    coverage: shapely.Geometry = field(default_factory=shapely.Polygon)
    """Area in longitude (-180 to 180) and latitude, degrees; cut at the antimeridian."""
    active: bool = True
    """False for a cancelled cell."""

    @property
    def usage_band(self) -> str:
        """1 overview to 6 berthing: third character of the name (ENC Product Specification 2.0, clause 5.6.3)."""
        return self.name[2]

    @property
    def version(self) -> tuple[str, str, str]:
        """Edition, update and issue date (date of the zip if there is no edition); differs if the cell changed."""
        return self.edition, self.update, self.issued if self.edition else self.zipped


def read_catalogue(path: str | Path) -> dict[str, CatalogueCell]:
    """Read the cells of a catalogue, by name and in its order.

    Records without a valid cell name are left out, with one :class:`LittoralWarning` that counts them.

    Raises:
        InputError: the file is not a catalogue, is damaged, or lists no cells.
    """
    path = Path(path)
    remedy = "pass the office's product catalogue, e.g. ENCProdCat.xml"
    cells: dict[str, CatalogueCell] = {}
    odd = 0
    try:
        for record in _records(path):
            cell = _plain(record) if _local(record) == "cell" else _iso(record)
            if _NAME.fullmatch(cell.name):
                cells[cell.name] = cell
            else:
                odd += 1
    except (ET.ParseError, ValueError, LookupError, shapely.errors.GEOSException, OSError) as error:
        raise InputError(path, f"is not a product catalogue that can be read ({error})", remedy) from error
    if not cells:
        raise InputError(path, "lists no cells", remedy)
    if odd:
        warnings.warn(
            LittoralWarning(f"{path} has {odd} records that do not name a cell; they are left out"), stacklevel=2
        )
    return cells


def in_bounds(cells: Iterable[CatalogueCell], bounds: Bounds) -> list[CatalogueCell]:
    """Cells whose coverage overlaps ``bounds`` by more than an edge or a corner.

    >>> cell = CatalogueCell("US5AK1AA", coverage=shapely.box(178, 51, 180, 52))
    >>> [found.name for found in in_bounds([cell], (179, 50, -179, 60))]
    ['US5AK1AA']
    """
    west, south, east, north = bounds
    spans = [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]
    area = shapely.union_all([shapely.box(left, south, right, north) for left, right in spans])
    shapely.prepare(area)
    return [cell for cell in cells if area.intersects(cell.coverage) and not area.touches(cell.coverage)]


def _records(path: Path) -> Iterator[ET.Element]:
    """Elements of the cells, one after the other; each is dropped from memory when the next is read.

    Raises:
        LookupError: the root element is that of neither format.
    """
    events = ET.iterparse(path, events=("start", "end"))
    _, root = next(events)
    kind = _local(root)
    if not kind.startswith("EncProductCatalog") and kind not in ("DS_Series", "MD_Metadata"):
        raise LookupError(f"its root element is {kind!r}")
    wanted = "cell" if kind.startswith("EncProductCatalog") else "MD_Metadata"
    for event, element in events:
        if event == "end" and _local(element) == wanted:
            yield element
            root.clear()


def _plain(cell: ET.Element) -> CatalogueCell:
    rings: dict[str, list[Sequence[tuple[float, float]]]] = {"E": [], "I": []}
    for panel in cell.iterfind("{*}cov/{*}panel"):
        points = [(float(_text(v, "{*}long")), float(_text(v, "{*}lat"))) for v in panel.iterfind("{*}vertex")]
        rings["I" if _text(panel, "{*}type").upper() == "I" else "E"].append(points)
    return CatalogueCell(
        name=_text(cell, "{*}name"),
        title=_text(cell, "{*}lname"),
        scale=_whole(_text(cell, "{*}cscale")),
        states=tuple((state.text or "").strip().upper() for state in cell.iterfind("{*}states/{*}state")),
        edition=_text(cell, "{*}edtn"),
        update=_text(cell, "{*}updn"),
        issued=_text(cell, "{*}isdt")[:10],
        url=_text(cell, "{*}zipfile_location"),
        size=_whole(_text(cell, "{*}zipfile_size")),
        zipped=_text(cell, "{*}zipfile_datetime_iso8601") or _text(cell, "{*}zipfile_datetime"),
        coverage=_area(rings["E"], rings["I"]),
        active=not _text(cell, "{*}status").casefold().startswith("cancel"),
    )


def _iso(record: ET.Element) -> CatalogueCell:
    # Full paths are needed: sources in dataQualityInfo have titles, dates and editions as well.
    about = "{*}identificationInfo/*"
    citation = f"{about}/{{*}}citation/*"
    edition, _, update = _text(record, f"{citation}/{{*}}edition/*").partition(".")
    issued = ""
    for date in record.iterfind(f"{citation}/{{*}}date/*"):
        code = date.find("{*}dateType/*")
        if code is not None and "publication" in (code.get("codeListValue"), (code.text or "").strip()):
            issued = _text(date, "{*}date/*")[:10]
    transfer = "{*}distributionInfo//{*}MD_DigitalTransferOptions"
    zips = [(url.text or "").strip() for url in record.iterfind(f"{transfer}//{{*}}URL")]
    zipped = re.search(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", _text(record, f"{transfer}//{{*}}description/*"))
    megabytes = _text(record, f"{transfer}/{{*}}transferSize/*")
    status = record.find(f"{about}/{{*}}status/*")
    inside, outside = _iso_rings(record)
    return CatalogueCell(
        name=_text(record, f"{citation}/{{*}}title/*"),
        title=_text(record, f"{citation}/{{*}}alternateTitle/*"),
        scale=_whole(_text(record, f"{about}//{{*}}MD_RepresentativeFraction/{{*}}denominator/*")),
        edition=edition,
        update=update,
        issued=issued,
        url=next((url for url in zips if url.lower().endswith(".zip")), ""),
        size=round(float(megabytes) * 1e6) if megabytes else None,
        zipped=zipped[0] if zipped else "",
        coverage=_area(inside, outside),
        active=status is None or status.get("codeListValue") not in ("obsolete", "historicalArchive"),
    )


def _iso_rings(record: ET.Element) -> tuple[list[list[tuple[float, float]]], list[list[tuple[float, float]]]]:
    """Rings (longitude, latitude) of covered and of excluded areas; the bounding boxes where there are no rings."""
    inside: list[list[tuple[float, float]]] = []
    outside: list[list[tuple[float, float]]] = []
    for extent in record.iterfind("{*}identificationInfo//{*}EX_BoundingPolygon"):
        excluded = _text(extent, "{*}extentTypeCode/*").casefold() in ("0", "false")
        for ring in extent.iterfind(".//{*}LinearRing"):
            numbers = [float(n) for p in ring.iter() if _local(p) in ("pos", "posList") for n in (p.text or "").split()]
            hole = excluded or any(ring in inner.iter() for inner in extent.iterfind(".//{*}interior"))
            (outside if hole else inside).append(list(zip(numbers[1::2], numbers[::2], strict=True)))
    if not inside:
        for box in record.iterfind("{*}identificationInfo//{*}EX_GeographicBoundingBox"):
            w, s, e, n = (
                float(_text(box, f"{{*}}{side}/*"))
                for side in ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
            )
            e += 360 * (e < w)
            inside.append([(w, s), (w, n), (e, n), (e, s)])
    return inside, outside


def _area(
    inside: Iterable[Sequence[tuple[float, float]]], outside: Iterable[Sequence[tuple[float, float]]]
) -> shapely.Geometry:
    """Union of the rings ``inside`` minus that of ``outside``, wrapped to longitude -180 to 180.

    In both formats longitudes of a cell across the antimeridian exceed 180 degrees.

    >>> _area([[(-185, 50), (-175, 50), (-175, 60), (-185, 60)]], []).bounds
    (-180.0, 50.0, 180.0, 60.0)
    """
    covered, holes = (
        shapely.union_all([shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) > 2])
        for rings in (inside, outside)
    )
    area = covered.difference(holes)
    west, _, east, _ = area.bounds
    if area.is_empty or (west >= -180 and east <= 180):
        return area
    return shapely.union_all([translate(area, turn).intersection(_WORLD) for turn in (-360.0, 0.0, 360.0)])


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
