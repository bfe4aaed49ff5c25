"""Cells fetched from an office on loopback: the catalogue in both its forms, what changed since, what goes wrong."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from file_server import CONTENT, QUICK, Office
from littoral import fetch_charts, read_charts, read_vector
from littoral.charts import FetchChartsOptions
from littoral.charts.catalogue import CatalogueCell, in_bounds, read_catalogue
from littoral.charts.download import choose_cells
from littoral.cli import main
from littoral.demo.s57 import ChartLine, write_cell, write_update
from littoral.errors import InputError, LittoralWarning

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

Ring = list[tuple[float, float]]


def square(west: float, south: float, side: float = 1.0) -> Ring:
    return [(west, south), (west, south + side), (west + side, south + side), (west + side, south), (west, south)]


@dataclass(frozen=True)
class Published:
    """What a catalogue says of a cell."""

    name: str
    ring: Ring
    state: str = "FL"
    edition: int = 4
    update: int = 0
    status: str = "Active"
    zipped: str = "2026-09-01T05:00:00Z"
    hole: Ring | None = None
    url: str = "https://www.charts.noaa.gov/ENCs/{name}.zip"


MIAMI = Published("US5MIA1A", square(-81, 25))
KEYS = Published("US4KEY1A", square(-82, 24))
CROSSING = Published("US3AKW1A", square(-181, 51, 2), "AK")  # goes on beyond -180, as both forms do
GONE = Published("US5OLD1M", square(-81, 25), status="Cancelled")
ALL = [MIAMI, KEYS, CROSSING, GONE]


def plain(cells: list[Published]) -> bytes:
    """The form of ENCProdCat.xml."""

    def panel(number: int, kind: str, ring: Ring) -> str:
        points = "".join(f"<vertex><lat>{y}</lat><long>{x}</long></vertex>" for x, y in ring)
        return f"<panel><panel_no>{number}</panel_no><type>{kind}</type>{points}</panel>"

    records = "".join(
        f"<cell><name>{c.name}</name><lname>{escape('Bay & Sound')}</lname><cscale>12000</cscale>"
        f"<status>{c.status}</status><states><state>{c.state}</state></states>"
        f"<zipfile_location>{c.url.format(name=c.name)}</zipfile_location>"
        f"<zipfile_datetime_iso8601>{c.zipped}</zipfile_datetime_iso8601><zipfile_size>483000</zipfile_size>"
        f"<edtn>{c.edition}</edtn><updn>{c.update}</updn><uadt>2026-01-01</uadt><isdt>2026-02-0{c.update + 1}</isdt>"
        f"<cov>{panel(1, 'E', c.ring)}{panel(2, 'I', c.hole) if c.hole else ''}</cov></cell>"
        for c in cells
    )
    header = "<?xml version='1.0'?><EncProductCatalog><Header><title>C</title></Header>"
    return f"{header}{records}</EncProductCatalog>".encode()


def iso(cells: list[Published], prefix: str = "") -> bytes:
    """The form of ENCProdCat_19115.xml; with a source's title "0" and date that are not the cell's."""

    def ring(ring: Ring) -> str:
        return "<gml:LinearRing>" + "".join(f"<gml:pos>{y} {x}</gml:pos>" for x, y in ring) + "</gml:LinearRing>"

    def text(value: object) -> str:
        return f"<gco:CharacterString>{value}</gco:CharacterString>"

    def date(day: str, kind: str) -> str:
        return (
            f"<P:date><P:CI_Date><P:date><gco:Date>{day}</gco:Date></P:date><P:dateType><P:CI_DateTypeCode "
            f"codeListValue='{kind}'>{kind}</P:CI_DateTypeCode></P:dateType></P:CI_Date></P:date>"
        )

    records = "".join(
        "<P:composedOf><P:DS_DataSet><P:has><P:MD_Metadata><P:identificationInfo><P:MD_DataIdentification>"
        f"<P:citation><P:CI_Citation><P:title>{text(c.name)}</P:title><P:alternateTitle>{text('Bay &amp; Sound')}"
        f"</P:alternateTitle>{date('2026-01-01', 'revision')}{date(f'2026-02-0{c.update + 1}', 'publication')}"
        f"<P:edition>{text(f'{c.edition}.{c.update}')}</P:edition></P:CI_Citation></P:citation>"
        "<P:status><P:MD_ProgressCode codeListValue='completed'>completed</P:MD_ProgressCode></P:status>"
        "<P:spatialResolution><P:MD_Resolution><P:equivalentScale><P:MD_RepresentativeFraction><P:denominator>"
        "<gco:Integer>12000</gco:Integer></P:denominator></P:MD_RepresentativeFraction></P:equivalentScale>"
        "</P:MD_Resolution></P:spatialResolution><P:extent><P:EX_Extent><P:geographicElement><P:EX_BoundingPolygon>"
        f"<P:polygon><gml:Polygon><gml:exterior>{ring(c.ring)}</gml:exterior>"
        f"{f'<gml:interior>{ring(c.hole)}</gml:interior>' if c.hole else ''}</gml:Polygon></P:polygon>"
        "</P:EX_BoundingPolygon></P:geographicElement></P:EX_Extent></P:extent></P:MD_DataIdentification>"
        "</P:identificationInfo><P:distributionInfo><P:MD_Distribution><P:transferOptions>"
        "<P:MD_DigitalTransferOptions><P:transferSize><gco:Real>0.483</gco:Real></P:transferSize><P:onLine>"
        f"<P:CI_OnlineResource><P:linkage><P:URL>{c.url.format(name=c.name)}</P:URL></P:linkage><P:description>"
        f"{text(f'zipfile date and time: {c.zipped}')}</P:description></P:CI_OnlineResource></P:onLine>"
        "</P:MD_DigitalTransferOptions></P:transferOptions></P:MD_Distribution></P:distributionInfo>"
        "<P:dataQualityInfo><P:DQ_DataQuality><P:lineage><P:LI_Lineage><P:source><P:LI_Source><P:sourceCitation>"
        f"<P:CI_Citation><P:title>{text(0)}</P:title>{date('1900-01-01', 'publication')}</P:CI_Citation>"
        "</P:sourceCitation></P:LI_Source></P:source></P:LI_Lineage></P:lineage></P:DQ_DataQuality>"
        "</P:dataQualityInfo></P:MD_Metadata></P:has></P:DS_DataSet></P:composedOf>"
        for c in cells
        if c.status == "Active"
    )
    name = f":{prefix.rstrip(':')}" if prefix else ""
    document = (
        f"<?xml version='1.0'?><P:DS_Series xmlns{name}='http://www.isotc211.org/2005/gmd' "
        "xmlns:gco='http://www.isotc211.org/2005/gco' xmlns:gml='http://www.opengis.net/gml/3.2'>"
        f"{records}</P:DS_Series>"
    )
    return document.replace("P:", prefix).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"ENC_ROOT/{name}", content)
    return buffer.getvalue()


def publish(office: Office, cells: list[Published], folder: Path) -> None:
    """A server with the catalogue in both forms and a synthetic cell in each zip."""
    office.files["/ENCs/ENCProdCat.xml"], office.files["/ENCs/ENCProdCat_19115.xml"] = plain(cells), iso(cells)
    for cell in cells:
        x, y = cell.ring[0]
        line = ChartLine(np.array([[max(x, -180) + 0.1, y + 0.1], [max(x, -180) + 0.2, y + 0.2]]), 7)
        box = (max(x, -180), y, max(x, -180) + 1, y + 1)
        base = write_cell(folder / f"{cell.name}.000", [line], coverage=box, edition=cell.edition)
        files = {f"{cell.name}/{base.name}": base.read_bytes(), "USERAGREEMENT.TXT": b"You agree \xae to all of this."}
        for number in range(1, cell.update + 1):
            update = write_update(folder / f"{cell.name}.{number:03d}", base, update=number, catcoa={0: 8})
            files[f"{cell.name}/{update.name}"] = update.read_bytes()
        office.files[f"/ENCs/{cell.name}.zip"] = zipped(files)


@pytest.fixture
def fetch(office: Office, tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """Fetches to <tmp_path>/enc from the server: the summary and what was said."""
    (tmp_path / "made").mkdir()
    publish(office, ALL, tmp_path / "made")

    def call(**options: object) -> tuple[str, str]:
        said: list[str] = []
        how = {name: options.pop(name) for name in ("track",) if name in options}
        chosen = FetchChartsOptions(**{"base_url": f"{office.url}/ENCs", **options})  # type: ignore[arg-type]
        summary = fetch_charts(tmp_path / "enc", chosen, patience=QUICK, say=said.append, **how)  # type: ignore[arg-type]
        return str(summary), "\n".join(said)

    return call


Fetch = Callable[..., tuple[str, str]]


@pytest.mark.parametrize("document", [plain(ALL), iso(ALL), iso(ALL, "gmd:")], ids=["plain", "iso", "iso gmd:"])
def test_both_forms_say_the_same(document: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.xml"
    path.write_bytes(document)
    cells = read_catalogue(path)
    miami = cells["US5MIA1A"]
    assert (miami.title, miami.scale, miami.size) == ("Bay & Sound", 12_000, 483_000)
    assert miami.version == ("4", "0", "2026-02-01")
    assert (miami.url, miami.zipped) == ("https://www.charts.noaa.gov/ENCs/US5MIA1A.zip", "2026-09-01T05:00:00Z")
    assert miami.coverage.equals(shapely.box(-81, 25, -80, 26))
    assert cells["US3AKW1A"].coverage.equals(
        shapely.union(shapely.box(-180, 51, -179, 53), shapely.box(179, 51, 180, 53))
    )
    assert all(cell.active == (name != "US5OLD1M") for name, cell in cells.items())


@pytest.mark.parametrize("form", [plain, iso])
def test_holes_are_not_covered(form: Callable[[list[Published]], bytes], tmp_path: Path) -> None:
    path = tmp_path / "c.xml"
    path.write_bytes(form([replace(MIAMI, hole=square(-80.75, 25.25, 0.5))]))
    cells = read_catalogue(path)
    assert cells["US5MIA1A"].coverage.area == pytest.approx(0.75)
    assert not in_bounds(cells.values(), (-80.6, 25.4, -80.5, 25.5))


BAD_CATALOGUES = {
    "page": (b"<html></html>", "root element is 'html'"),
    "text": (b"no such file", "is not a product catalogue"),
    "cut": (plain(ALL)[:-50], "is not a product catalogue"),
    "empty": (plain([]), "lists no cells"),
    "number": (plain(ALL).replace(b"<lat>25<", b"<lat>north<"), "north"),
    "bomb": (
        b"<!DOCTYPE a [<!ENTITY a '" + b"a" * 1000 + b"'>"
        + b"".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>".encode() for n in range(8))
        + b"]><EncProductCatalog><cell><name>&i;</name></cell></EncProductCatalog>",
        "is not a product catalogue",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_CATALOGUES)
def test_bad_catalogues(kind: str, tmp_path: Path) -> None:
    content, message = BAD_CATALOGUES[kind]
    (tmp_path / "c.xml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_catalogue(tmp_path / "c.xml")


def test_names_that_are_no_cells_are_left_out_aloud(tmp_path: Path) -> None:
    (tmp_path / "c.xml").write_bytes(plain([MIAMI, Published("../../evil", square(0, 0))]))
    with pytest.warns(LittoralWarning, match="1 records that do not name a cell"):
        assert list(read_catalogue(tmp_path / "c.xml")) == ["US5MIA1A"]


CHOICES = {
    "named": ({"cells": ["US5MIA1A"]}, "US5MIA1A"),
    "state": ({"states": ["FL"]}, "US4KEY1A US5MIA1A"),
    "states": ({"states": ["FL", "AK"]}, "US3AKW1A US4KEY1A US5MIA1A"),
    "box": ({"bbox": (-80.5, 25.5, -80.4, 25.6)}, "US5MIA1A"),
    "box that touches": ({"bbox": (-82, 24, -81, 25)}, "US4KEY1A"),
    "box and state": ({"bbox": (-180, -90, 180, 90), "states": ["AK"]}, "US3AKW1A"),
    "west of the antimeridian": ({"bbox": (179.5, 50, 180, 60)}, "US3AKW1A"),
    "across the antimeridian": ({"bbox": (179.5, 50, -179.9, 60)}, "US3AKW1A"),
    "all but across": ({"bbox": (-179, 0, 179, 80)}, "US4KEY1A US5MIA1A"),
    "band": ({"states": ["FL"], "bands": [5]}, "US5MIA1A"),
    "band does not touch names": ({"cells": ["US4KEY1A"], "states": ["FL"], "bands": [5]}, "US4KEY1A US5MIA1A"),
    "unknown": ({"cells": ["US5MIA1B"]}, r"US5MIA1B is not among the 4 of src: did you mean US5MIA1A"),
    "cancelled": ({"cells": ["US5OLD1M"]}, "US5OLD1M was cancelled"),
    "no such state": ({"states": ["ZZ"]}, "State ZZ is not in src: choose from AK, FL"),
    "nowhere": ({"bbox": (0, 0, 1, 1)}, "has no cell that matches all options"),
    "upside down": ({"bbox": (0, 1, 1, 0)}, "bounding box 0 1 1 0 is none on the globe"),
    "not finite": ({"bbox": (0, float("nan"), 1, 1)}, "is not a finite number"),
}


@pytest.mark.parametrize("kind", CHOICES)
def test_choosing(kind: str, tmp_path: Path) -> None:
    (tmp_path / "c.xml").write_bytes(plain(ALL))
    published = read_catalogue(tmp_path / "c.xml")
    options, expected = CHOICES[kind]
    if expected.startswith("US") and "is" not in expected and "was" not in expected:
        assert " ".join(cell.name for cell in choose_cells(published, "src", FetchChartsOptions(**options))) == expected  # type: ignore[arg-type]
    else:
        with pytest.raises(InputError, match=expected):
            choose_cells(published, "src", FetchChartsOptions(**options))  # type: ignore[arg-type]


@given(st.floats(-180, 179), st.floats(-90, 89), st.floats(-180, 180), st.floats(0.1, 359))
def test_a_box_finds_a_cell_as_points_do(west: float, south: float, box_west: float, width: float) -> None:
    """The oracle: middles of a fine grid in the cell, longitudes compared as angles."""
    cell = CatalogueCell("US5MIA1A", coverage=shapely.box(west, south, west + 1, south + 1))
    east = (box_west + width + 180) % 360 - 180
    middles = west + (np.arange(2000) + 0.5) / 2000
    inside = ((middles - box_west) % 360 < width).any()
    near_edge = min(abs((edge - box_west) % 360 - width) for edge in (west, west + 1)) < 0.01
    near_start = min((edge - box_west) % 360 for edge in (west, west + 1)) < 0.01
    if not (near_edge or near_start or abs(box_west - east) < 0.01):
        assert bool(in_bounds([cell], (box_west, -90, east, 90))) == inside


@pytest.mark.slow
def test_only_what_changed_since(office: Office, fetch: Fetch, tmp_path: Path) -> None:
    summary, said = fetch(states=["fl"])
    assert summary.startswith("2 cells fetched (0.0 MB), 0 unchanged")
    assert "You agree" in said
    assert "not for navigation" in said
    assert office.paths() == ["/ENCs/ENCProdCat.xml", "/ENCs/US4KEY1A.zip", "/ENCs/US5MIA1A.zip"]
    assert read_charts(tmp_path / "enc")["cell"].tolist() == ["US4KEY1A", "US5MIA1A"]

    office.asked.clear()
    sent = office.sent
    assert fetch(states=["FL"]) == ("0 cells fetched (0.0 MB), 2 unchanged", "")
    assert [(path, status) for path, status, _ in office.asked] == [("/ENCs/ENCProdCat.xml", "304")]
    assert office.sent == sent

    # Zips are made anew every day: that alone is no change. Nor is the other form of the catalogue.
    publish(office, [replace(cell, zipped="2026-09-02T05:00:00Z") for cell in ALL], tmp_path / "made")
    assert fetch(states=["FL"])[0] == "0 cells fetched (0.0 MB), 2 unchanged"
    assert fetch(cells=["us5mia1a"], catalogue="ENCProdCat_19115.xml")[0] == "0 cells fetched (0.0 MB), 1 unchanged"

    office.asked.clear()
    publish(office, [replace(MIAMI, update=2), KEYS], tmp_path / "made")
    assert fetch(states=["FL"])[0] == "1 cells fetched (0.0 MB), 1 unchanged"
    assert office.paths() == ["/ENCs/ENCProdCat.xml", "/ENCs/US5MIA1A.zip"]
    assert read_charts(tmp_path / "enc")["CATCOA"].tolist() == [7, 8]

    # A new edition: its predecessor's updates must not be applied to it.
    for update in (tmp_path / "made").glob("*.00[12]"):
        update.unlink()
    publish(office, [replace(MIAMI, edition=5), KEYS], tmp_path / "made")
    fetch(states=["FL"])
    assert [file.name for file in (tmp_path / "enc" / "US5MIA1A").rglob("*.0*")] == ["US5MIA1A.000"]
    assert read_charts(tmp_path / "enc")["edition"].tolist() == ["4", "5"]


def test_a_cell_that_was_deleted_is_fetched_again(fetch: Fetch, tmp_path: Path) -> None:
    fetch(states=["FL"])
    next((tmp_path / "enc").rglob("US5MIA1A.000")).unlink()
    assert fetch(states=["FL"])[0].startswith("1 cells fetched (0.0 MB), 1 unchanged")


def test_cancelled_cells_are_told_and_kept(office: Office, fetch: Fetch, tmp_path: Path) -> None:
    fetch(states=["FL"])
    publish(office, [replace(MIAMI, status="Cancelled"), KEYS], tmp_path / "made")
    assert fetch(states=["FL"])[0].endswith("cancelled by the office and kept here: US5MIA1A")
    assert list((tmp_path / "enc").rglob("US5MIA1A.000"))
    publish(office, [KEYS], tmp_path / "made")
    assert fetch(states=["FL"])[0].endswith("kept here: US5MIA1A")
    # The cells of another catalogue, here a region's, are not cancelled by its silence.
    office.files["/ENCs/AK.xml"] = plain([CROSSING])
    assert "cancelled" not in fetch(states=["AK"], catalogue="AK.xml")[0]


def test_one_bad_cell_does_not_lose_the_others(office: Office, fetch: Fetch, tmp_path: Path) -> None:
    good = office.files["/ENCs/US3AKW1A.zip"]
    for bad, message in (
        (None, "does not exist on the server"),
        (good[:-100], "is not a whole zip"),
        (zipped({"US3AKW1A/US5MIA1A.000": b""}), "does not hold US3AKW1A.000"),
        (zipped({"../../US3AKW1A.000": b""}), "unsafe name"),
        (good[:200] + bytes(20) + good[220:], "is damaged"),
    ):
        office.files.pop("/ENCs/US3AKW1A.zip", None)
        if bad is not None:
            office.files["/ENCs/US3AKW1A.zip"] = bad
        with pytest.raises(InputError, match=rf"1 of \d cells could not be fetched, .*{message}"):
            fetch(states=["FL", "AK"])
        assert {file.name for file in (tmp_path / "enc").rglob("*.000")} == {"US4KEY1A.000", "US5MIA1A.000"}
    office.files["/ENCs/US3AKW1A.zip"] = good
    assert fetch(states=["FL", "AK"])[0].startswith("1 cells fetched (0.0 MB), 2 unchanged")


def test_goes_on_with_a_zip_that_broke_off(office: Office, fetch: Fetch, tmp_path: Path) -> None:
    content = office.files["/ENCs/US5MIA1A.zip"]
    padded = io.BytesIO(content)
    with zipfile.ZipFile(padded, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("ENC_ROOT/picture.tif", CONTENT)
    office.files["/ENCs/US5MIA1A.zip"] = padded.getvalue()
    office.breaks["/ENCs/US5MIA1A.zip"] = [500_000, 0, 0]
    with pytest.raises(InputError, match="broke off after"):
        fetch(cells=["US5MIA1A"])
    sent = office.sent
    fetch(cells=["US5MIA1A"])
    assert office.sent - sent < 400_000
    assert not list((tmp_path / "enc" / ".downloads").glob("*.zip*"))


def test_a_server_that_went_away_ends_it(office: Office, fetch: Fetch) -> None:
    cells = [replace(cell, url="http://127.0.0.1:1/{name}.zip") for cell in (MIAMI, KEYS)]
    office.files["/ENCs/ENCProdCat.xml"] = plain(cells)
    with pytest.raises(InputError, match="2 of 2 cells could not be fetched, 0 were") as said:
        fetch(states=["FL"])
    assert "http://127.0.0.1:1/US4KEY1A.zip cannot be reached" in str(said.value)
    assert "US5MIA1A" not in str(said.value)


def test_nothing_is_fetched_for_a_name_that_does_not_exist(office: Office, fetch: Fetch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"US5MIA1X is not among the 4 of http://127.*: did you mean US5MIA1A"):
        fetch(cells=["US5MIA1A", "US5MIA1X"])
    assert office.paths() == ["/ENCs/ENCProdCat.xml"]
    with pytest.raises(InputError, match="name cells, states or a bounding box"):
        fetch()
    with pytest.raises(InputError, match="does not list the states of its cells"):
        fetch(states=["FL"], catalogue="ENCProdCat_19115.xml")
    with pytest.raises(InputError, match=r"none\.xml does not exist on the server"):
        fetch(states=["FL"], catalogue="none.xml")
    (tmp_path / "enc" / "littoral-charts.json").write_text("[]")
    with pytest.raises(InputError, match="is damaged"):
        fetch(states=["FL"])


def test_the_same_cells_give_the_same_state(office: Office, fetch: Fetch, tmp_path: Path) -> None:
    fetch(states=["FL"])
    state = (tmp_path / "enc" / "littoral-charts.json").read_bytes()
    assert json.loads(state)["cells"]["US5MIA1A"]["url"] == f"{office.url}/ENCs/US5MIA1A.zip"
    (tmp_path / "enc" / "littoral-charts.json").unlink()
    fetch(states=["FL"])
    assert (tmp_path / "enc" / "littoral-charts.json").read_bytes() == state


def run(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["littoral", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_real_cells_from_server_to_coastline(
    office: Office, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["US5MIABB", "US5MIABC", "US5MIACB", "US4MD81M"]
    cells = [Published(name, square(-81 + n, 25), "MD" if name == "US4MD81M" else "FL") for n, name in enumerate(names)]
    office.files["/ENCProdCat.xml"] = plain(cells)
    agreement = {"USERAGREEMENT.TXT": (data / "enc" / "USERAGREEMENT.TXT").read_bytes()}
    for name in names:
        files = {f"{name}/{file.name}": file.read_bytes() for file in sorted((data / "enc" / name).glob(f"{name}.*"))}
        office.files[f"/{name}.zip"] = zipped(agreement | files)
    options = ["--base-url", office.url, "-o", tmp_path / "enc"]
    assert run("fetch", "charts", "--state", "FL", "--cell", "US4MD81M", *options) == 0
    out = capsys.readouterr().out
    assert out.count("USER AGREEMENT") == 1
    assert f"{tmp_path / 'enc'}: 4 cells fetched" in out
    for name in names:
        for file in (data / "enc" / name).glob(f"{name}.*"):
            assert (tmp_path / "enc" / name / "ENC_ROOT" / name / file.name).read_bytes() == file.read_bytes()
    assert run("charts", tmp_path / "enc", "-o", tmp_path / "coast.gpkg") == 0
    assert set(read_vector(tmp_path / "coast.gpkg")["cell"]) == set(names)

    asked = len(office.asked)
    assert run("fetch", "charts", "--bbox", -81, 25, -80, 26, *options) == 0
    out = capsys.readouterr().out
    assert "0 cells fetched (0.0 MB), 1 unchanged" in out
    assert "AGREEMENT" not in out
    assert len(office.asked) == asked + 1
    assert run("fetch", "charts", "--cell", "US5MIABX", *options) == 2
    assert "littoral: Cell US5MIABX is not among the 4" in capsys.readouterr().err
