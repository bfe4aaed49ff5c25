"""Items of a portal on loopback: fetched, resumed, unpacked; what comes instead of them; a token that stays at home."""

from __future__ import annotations

import glob
import json
import logging
import os
import random
import shutil
import stat
import struct
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from littoral import CATCOA, GIS, export_tiles, fetch_item, prepare_data, read_tiles
from littoral.errors import ExistsError, InputError, LittoralError, LittoralWarning, WriteError
from littoral.http import DownloadError, Patience, UnreachableError, unpack_zip
from littoral.tiles.labeled.listing import read_listing
from littoral.tiles.options import CutOptions, ExportOptions
from littoral.tiles.portal import FetchedItem, NoItemError, Portal, find_portal
from littoral.tiles.portal.items import checked_name
from littoral.tiles.portal.rest import one_line, stated_error
from portal_server import (
    INVALID_TOKEN,
    NO_RIGHTS,
    TOKEN,
    TOKEN_REQUIRED,
    Answer,
    HostedItems,
    serving,
    zip_of,
    zipped,
)

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

ID = "9251417cb9ab4a059eb538282f82883c"
QUICK = Patience(attempts=3, pause_s=0.0, timeout_s=5.0)
NOISE = random.Random(0).randbytes(700_000)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a user's portal and token nor the system's folder for temporary files."""
    monkeypatch.delenv("LITTORAL_PORTAL", raising=False)
    monkeypatch.delenv("LITTORAL_PORTAL_TOKEN", raising=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))


@pytest.fixture
def portal() -> Iterator[HostedItems]:
    with serving(HostedItems()) as state:
        yield state


@pytest.fixture(scope="module")
def tiles_zip(tmp_path_factory: pytest.TempPathFactory, coast: tuple[Path, object]) -> bytes:
    """As the original's: a folder per category, all in one of the zip's own name."""
    folder = tmp_path_factory.mktemp("hosted") / "coast"
    export_tiles(coast[0], coast[1], folder, CutOptions(tile_size=(32, 32)), export=ExportOptions(per_category=True))  # type: ignore[arg-type]
    return zipped(folder, "coast/")


def fetch(portal: HostedItems, folder: Path, **options: Any) -> FetchedItem:
    return fetch_item(ID, folder, portal=portal.url, patience=QUICK, **options)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_command_unpacks_and_says_what_is_in_it(
    portal: HostedItems, tiles_zip: bytes, tmp_path: Path, run: Run
) -> None:
    portal.put(ID, tiles_zip)
    out = tmp_path / "out"
    code, said, _ = run("fetch", "item", ID, "--portal", portal.url, "-o", out)
    assert code == 0
    assert {path.name for path in out.iterdir()} == {"coast", f"{ID}.item.json"}
    inside = sorted((out / "coast").iterdir())
    assert [path.name for path in inside] == ["Category_3", "Category_7"]
    counts = [len((path / "map.txt").read_text().splitlines()) for path in inside]
    lines = said.splitlines()
    assert lines[0] == f"  Category_3: {counts[0]:,} tiles (sandy shore {counts[0]:,})"
    assert lines[1] == f"  Category_7: {counts[1]:,} tiles (mangrove {counts[1]:,})"
    assert lines[2] == "credits: NOAA, Copernicus"
    assert lines[3] == f"{out / 'coast'}: Coast tiles (Image Collection), {len(tiles_zip) / 1e6:.1f} MB fetched"
    stated = json.loads((out / f"{ID}.item.json").read_text())
    assert stated["size"] == len(tiles_zip)
    assert stated["attribution"] == "NOAA, Copernicus"

    before, sent = {path: path.stat().st_mtime_ns for path in out.rglob("*")}, portal.sent
    code, said, _ = run("fetch", "item", ID, "--portal", f"{portal.url}/sharing/rest/", "-o", out)
    assert code == 0
    assert said.splitlines()[-1].endswith("unchanged, nothing fetched")
    assert said.splitlines()[:2] == lines[:2]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert portal.sent == sent
    assert portal.count("data") == 1


SEED = """
gis = GIS("home")
training_data = gis.content.get('9251417cb9ab4a059eb538282f82883c')
training_data
filepath = training_data.download(file_name=training_data.name)
with zipfile.ZipFile(filepath, 'r') as zip_ref:
    zip_ref.extractall(Path(filepath).parent)
output_path = os.path.join(os.path.splitext(filepath)[0], "*")
output_path = glob.glob(output_path)
data = prepare_data(path=output_path, batch_size=16, val_split_pct=0.2)
"""


def test_the_first_half_of_the_notebook(portal: HostedItems, tiles_zip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.put(ID, tiles_zip)
    monkeypatch.setenv("LITTORAL_PORTAL", portal.url)
    names: dict[str, Any] = {
        "GIS": GIS,
        "zipfile": zipfile,
        "Path": Path,
        "os": os,
        "glob": glob,
        "prepare_data": prepare_data,
    }
    exec(SEED, names)
    item, path = names["training_data"], Path(names["filepath"])
    assert repr(item) == '<Item title:"Coast tiles" type:Image Collection owner:esri_analytics>'
    assert (item.name, item.title, item.type, item.size) == (
        "coast.zip", "Coast tiles", "Image Collection", len(tiles_zip),
    )  # fmt: skip
    assert path == Path(tempfile.gettempdir()) / "coast.zip"
    assert path.read_bytes() == tiles_zip
    assert sorted(Path(folder).name for folder in names["output_path"]) == ["Category_3", "Category_7"]
    assert names["data"].c == 2


def test_what_goes_by_home_and_pro() -> None:
    assert GIS().url == "https://www.arcgis.com"
    assert repr(GIS("https://gis.example.org/portal/")) == "GIS @ https://gis.example.org/portal"
    for name in ("home", "pro", "Home"):
        with pytest.warns(LittoralWarning, match=r"uses https://www.arcgis.com anonymously: set LITTORAL_PORTAL"):
            assert GIS(name).url == "https://www.arcgis.com"
    with pytest.warns(LittoralWarning, match="with your token") as said:
        GIS("pro", token="hidden-one")
    assert "hidden-one" not in str(said[0].message)
    with pytest.raises(InputError, match="is not how littoral signs in") as refused:
        GIS("https://www.arcgis.com", "me", "hidden-password")
    assert "hidden" not in str(refused.value)


def test_get_gives_none_only_where_there_is_no_item(portal: HostedItems, tmp_path: Path, run: Run) -> None:
    assert GIS(portal.url).content.get(ID) is None
    with pytest.raises(InputError, match="is not that of an item"):
        GIS(portal.url).content.get("../../self")
    portal.put(ID, NOISE)
    with pytest.raises(DownloadError, match="the token is not valid or has expired"):
        GIS(portal.url, token="stale").content.get(ID)
    with pytest.raises(UnreachableError):
        fetch_item(ID, tmp_path, portal="http://127.0.0.1:1", patience=QUICK)
    code, _, err = run("fetch", "item", ID[::-1], "--portal", portal.url, "-o", tmp_path / "out")
    assert code == 2
    assert "does not exist or is not open to you" in err
    assert "CONT" not in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_broken_transfer_goes_on(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, NOISE, "model.dlpk", type="Deep Learning Package")
    portal.breaks = [300_000, 0, 0]
    with pytest.raises(DownloadError, match=r"broke off"):
        fetch(portal, tmp_path)
    assert not (tmp_path / "model.dlpk").exists()
    before = portal.sent
    fetched = fetch(portal, tmp_path)
    assert (tmp_path / "model.dlpk").read_bytes() == NOISE
    assert portal.sent - before < 500_000
    assert files(tmp_path) == [f"{ID}.item.json", "model.dlpk"]
    assert fetched.folders == ()
    assert fetched.path == tmp_path / "model.dlpk"
    assert fetch(portal, tmp_path).size == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("ranges", [True, False])
def test_without_a_store_and_without_ranges(portal: HostedItems, tmp_path: Path, ranges: bool) -> None:
    portal.put(ID, NOISE, "tiles.bin")
    portal.redirects, portal.ranges, portal.breaks = False, ranges, [300_000]
    fetch(portal, tmp_path)
    assert (tmp_path / "tiles.bin").read_bytes() == NOISE
    assert [request.status for request in portal.asked[1:]] == [200, 206 if ranges else 200]


def test_an_error_in_place_of_the_rest_costs_nothing_of_what_came(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, NOISE, "tiles.bin")
    portal.breaks = [300_000, 0, 0]
    with pytest.raises(DownloadError):
        fetch(portal, tmp_path)
    portal.instead["data"] = [Answer(json.dumps({"error": INVALID_TOKEN}).encode())]
    with pytest.raises(DownloadError, match="has expired"):
        fetch(portal, tmp_path, token=TOKEN)
    before = portal.sent
    fetch(portal, tmp_path)
    assert (tmp_path / "tiles.bin").read_bytes() == NOISE
    assert portal.sent - before < 500_000


def _page(text: str, status: int = 200) -> Answer:
    return Answer(text.encode(), status, "text/html")


INSTEAD = {
    "token required": (Answer(json.dumps({"error": TOKEN_REQUIRED}).encode()), r"is not public .*--token"),
    "no rights": (Answer(json.dumps({"error": NO_RIGHTS}).encode()), r"is not public .*LITTORAL_PORTAL_TOKEN"),
    "by status": (Answer(b"", 499), r"is not public .*answered 499\)"),
    "by both": (Answer(json.dumps({"error": TOKEN_REQUIRED}).encode(), 403), r"answered 499, Token Required"),
    "unauthorised": (_page("<html>401</html>", 401), r"is not public"),
    "older": (
        Answer(b'{"error": {"code": 400, "message": "Item does not exist or is inaccessible."}}'),
        r"does not exist or is not open to you",
    ),
    "gone": (Answer(b'{"error": {"code": 404, "message": "gone"}}'), r"does not exist or is not open to you"),
    "server": (
        Answer(b'{"error": {"code": 500, "message": null, "details": ["Out of\\nmemory"]}}'),
        r"500, Out of memory\)",
    ),
    "odd": (Answer(b'{"error": {"code": {}, "message": ["?"]}}'), r"was refused \(.*answered 0"),
    "sign in": (
        _page("<!-- a -->\n<!DOCTYPE html>\n<html>Sign in</html>"),
        r"but a web page, as for signing in.*--token",
    ),
    "sign in, old": (_page("\ufeff<HTML><HEAD>"), r"but a web page"),
    "store": (Answer(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", 403), r"HTTP 403 Forbidden"),
}


@pytest.mark.parametrize("place", ["item", "data", "store"])
@pytest.mark.parametrize("kind", INSTEAD)
def test_what_comes_instead(portal: HostedItems, tmp_path: Path, kind: str, place: str) -> None:
    answer, said = INSTEAD[kind]
    portal.put(ID, NOISE)
    portal.instead[place] = [answer]
    with pytest.raises(DownloadError, match=said) as error:
        fetch(portal, tmp_path)
    assert str(error.value).count("\n") == 0
    assert ID in str(error.value)
    assert len(portal.asked) == {"item": 1, "data": 2, "store": 3}[place]
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "place", ["http://[a", "file:///etc/passwd", "http://\u2100.example", "http://a:b", "//", "/again"]
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_redirects_that_lead_nowhere(portal: HostedItems, tmp_path: Path, place: str, token: str | None) -> None:
    portal.put(ID, NOISE)
    portal.instead["data"] = [Answer(b"", 302, headers={"Location": quote(place, safe=":/[")})] * 40
    with pytest.raises(InputError) as error:
        fetch(portal, tmp_path, token=token)
    assert "\n" not in str(error.value)
    assert files(tmp_path) == []


def test_many_comments_are_soon_read(portal: HostedItems, tmp_path: Path) -> None:
    content = b"<!---->" * 20_000 + b"<kml>"
    portal.put(ID, content, "a.kml")
    fetch(portal, tmp_path)
    assert (tmp_path / "a.kml").read_bytes() == content


def test_a_page_that_is_the_item(portal: HostedItems, tmp_path: Path) -> None:
    page, other = b"<html>report</html>", b'{"type": "FeatureCollection", "error": "none"}'
    portal.put(ID, page, "report.html", type="Document")
    fetch(portal, tmp_path)
    assert (tmp_path / "report.html").read_bytes() == page
    portal.put(ID, other, "coast.geojson", type="GeoJson")
    fetch(portal, tmp_path)
    assert (tmp_path / "coast.geojson").read_bytes() == other


NO_PORTALS = {
    "no JSON": (Answer(b"hello", 200, "text/plain"), "did not answer with JSON"),
    "a list": (Answer(b"[1]"), "did not describe item"),
    "another item": (Answer(json.dumps({"id": ID[::-1]}).encode()), "did not describe item"),
}


@pytest.mark.parametrize("kind", NO_PORTALS)
def test_no_portal(portal: HostedItems, tmp_path: Path, kind: str) -> None:
    answer, said = NO_PORTALS[kind]
    portal.instead["item"] = [answer]
    with pytest.raises(DownloadError, match=said):
        fetch(portal, tmp_path)


@pytest.mark.parametrize("more", [{"name": None}, {"url": "https://example.org/MapServer?token=hidden"}])
def test_items_that_are_no_files(portal: HostedItems, tmp_path: Path, more: dict[str, object]) -> None:
    portal.put(ID, b"{}", type="Web Map")
    portal.items[ID] |= more
    with pytest.raises(InputError, match="is of the type Web Map, which has no file to fetch") as said:
        fetch(portal, tmp_path)
    assert "hidden" not in str(said.value)
    assert portal.count("data") == 0


@pytest.mark.parametrize("value", [[], {}, 7, "x", True, -1.5, float("nan"), float("inf"), 10**400])
def test_an_item_of_wrong_types_is_no_crash(portal: HostedItems, tmp_path: Path, value: object) -> None:
    for key in ("owner", "title", "type", "name", "size", "modified", "licenseInfo", "accessInformation", "url"):
        portal.put(ID, b"abc", "a.bin")
        portal.items[ID][key] = value
        folder = tmp_path / key
        folder.mkdir()
        try:
            fetched = fetch(portal, folder)
        except LittoralError:
            assert files(folder) == []
        else:
            assert fetched.path.read_bytes() == b"abc"


@pytest.mark.parametrize("stated", [len(NOISE) - 1, len(NOISE) + 1])
@pytest.mark.parametrize("lengths", [True, False])
def test_another_size_than_stated(portal: HostedItems, tmp_path: Path, stated: int, lengths: bool) -> None:
    portal.put(ID, NOISE, "tiles.bin", size=stated)
    portal.lengths = lengths
    with pytest.raises(DownloadError, match=f"700,000 instead of {stated:,} bytes"):
        fetch(portal, tmp_path)
    assert files(tmp_path) == []
    assert portal.count("store") == (1 if lengths else 3)


def test_cut_short_without_a_length(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, NOISE, "tiles.bin")
    portal.lengths, portal.breaks = False, [300_000]
    fetch(portal, tmp_path)
    assert (tmp_path / "tiles.bin").read_bytes() == NOISE


def test_no_size_stated(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, NOISE, "tiles.bin", size=-1)
    assert fetch(portal, tmp_path).size == len(NOISE)
    assert fetch(portal, tmp_path).size == 0


def forged(files_in: dict[str, bytes], size: int) -> bytes:
    """A zip whose directory says of its only file that it is larger."""
    content = bytearray(zip_of(files_in))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(content)


def linked() -> bytes:
    entry = zipfile.ZipInfo("a")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(entry, "/etc/passwd")
        file.seek(0)
        return file.read()


BAD_ZIPS = {
    "no zip": (lambda: NOISE, "is not a whole zip"),
    "cut": (lambda: zip_of({"a": NOISE})[:-1000], "is not a whole zip"),
    "flipped": (lambda: zip_of({"a": NOISE})[:5000] + b"????" + zip_of({"a": NOISE})[5004:], "is damaged"),
    "up": (lambda: zip_of({"coast/../../../b": b"b"}), "unsafe name"),
    "absolute": (lambda: zip_of({"/tmp/b": b"b"}), "unsafe name"),
    "link": (linked, "is a link"),
    "bomb": (lambda: forged({"a": bytes(100)}, 2**31), "unpacks to 1 files of 2,147,483,648 bytes"),
    "bomb, hidden": (lambda: forged({"a": bytes(3_000_000)}, 1000), "is damaged"),
}


@pytest.mark.parametrize("kind", BAD_ZIPS)
def test_bad_zips(portal: HostedItems, tmp_path: Path, kind: str) -> None:
    make, said = BAD_ZIPS[kind]
    folder = tmp_path / "in" / "out"
    folder.mkdir(parents=True)
    portal.put(ID, make())
    for _ in range(2):
        with pytest.raises(InputError, match=said):
            fetch(portal, folder)
        assert list((tmp_path / "in").rglob("*")) in ([folder], [folder, folder / ".downloads"])
    portal.put(ID, zip_of({"a": b"good"}))
    fetch(portal, folder)
    assert files(folder) == [f"{ID}.item.json", "coast/a"]


@pytest.mark.parametrize(
    ("inside", "unpacked"),
    [
        ({"coast/a/x": b"", "coast/b": b""}, ["a/x", "b"]),
        ({"coast/a": b"", "other/b": b""}, ["coast/a", "other/b"]),
        ({"tiles/a": b"", "tiles/b": b""}, ["tiles/a", "tiles/b"]),
        ({"a": b"", "coast": b""}, ["a", "coast"]),
        ({}, []),
    ],
)
def test_the_outermost_folder(
    portal: HostedItems, tmp_path: Path, inside: dict[str, bytes], unpacked: list[str], run: Run
) -> None:
    portal.put(ID, zip_of(inside))
    _, said, _ = run("fetch", "item", ID, "--portal", portal.url, "-o", tmp_path / "out")
    assert files(tmp_path / "out" / "coast") == unpacked
    assert "no folder of labelled tiles is in it" in said


@pytest.mark.parametrize(
    "name", ["../coast.zip", "a/b.zip", "a\\b.zip", "C:b.zip", ".zip", "..zip", "a\x1b.bin", "x" * 300, "a .zip"]
)
def test_names_that_lead_elsewhere(portal: HostedItems, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in" / "out"
    portal.put(ID, zip_of({"a": b""}), name)
    with pytest.raises(InputError, match="cannot be used") as said:
        fetch(portal, folder)
    assert "\x1b" not in str(said.value)
    assert not folder.exists()
    item = GIS(portal.url).content.get(ID)
    assert item is not None
    if name != "a .zip":
        with pytest.raises(InputError, match="cannot be used"):
            item.download(folder, item.name)
    item.download(folder, "plain.zip")
    assert "plain.zip" in files(folder)


def test_words_of_strangers_do_not_move_the_cursor(portal: HostedItems, tmp_path: Path, run: Run) -> None:
    for name, read in (("a/map.txt", True), ("a\x1b[2J/map.txt", False)):
        portal.put(ID, zip_of({name: b"", "a/b": b""}), title="x\x1b[2J\ny", accessInformation="\x07us")
        _, said, err = run("fetch", "item", ID, "--portal", portal.url, "-o", tmp_path / str(read))
        if read:
            assert "x [2J y" in said
            assert "credits: us" in said
        else:
            assert "holds the unsafe name 'a\\x1b[2J/map.txt'" in err
        assert "\x1b" not in said + err.replace("\x1b[?25l", "").replace("\x1b[?25h", "")
        assert "\x07" not in said


def test_folders_that_cannot_be_read_are_told(portal: HostedItems, tiles_zip: bytes, tmp_path: Path) -> None:
    shutil.unpack_archive(_saved(tmp_path / "t.zip", tiles_zip), tmp_path / "t")
    (tmp_path / "t" / "coast" / "Category_7" / "esri_model_definition.emd").write_text("{")
    portal.put(ID, zipped(tmp_path / "t"))
    first, second = fetch(portal, tmp_path / "out").folders
    assert first.problem is None
    assert list(first.tiles) == ["sandy shore"]
    assert "esri_model_definition.emd cannot be read" in str(second)


WRONG = [None, True, 1, -1.5, "x", [], {}, [[]], [{}], {"a": []}, float("nan"), float("inf"), 10**30]


@pytest.mark.parametrize("value", WRONG)
def test_texts_of_strangers_are_read_or_refused(tiles_zip: bytes, tmp_path: Path, value: object) -> None:
    shutil.unpack_archive(_saved(tmp_path / "t.zip", tiles_zip), tmp_path)
    folder = tmp_path / "coast" / "Category_3"
    (folder / "map.txt").write_text((folder / "map.txt").read_text().splitlines()[0] + "\n")
    good = json.loads((folder / "esri_model_definition.emd").read_text())
    one = good["Classes"][0]
    wrong = [value, *({**good, key: value} for key in {*good, "NumTiles", "ImageSpaceUsed"})]
    wrong += [{**good, "Classes": [{**one, key: value}]} for key in one]
    wrong += [{**good, "Littoral": {**good["Littoral"], key: value}} for key in {*good["Littoral"], "ClassFolders"}]
    told = 0
    for definition in wrong:
        (folder / "esri_model_definition.emd").write_text(json.dumps(definition))
        try:
            assert read_listing(folder, CATCOA).listed == 1
            assert len(read_tiles(folder)) == 1
        except InputError:
            told += 1
    assert 0 < told < len(wrong)


@pytest.mark.parametrize("line", ["x" * 5000 + "  labels/0.xml", "\0  \0.xml", "../../a  b.xml", "images  labels.xml"])
def test_maps_of_strangers(tmp_path: Path, line: str) -> None:
    (tmp_path / "map.txt").write_text(line)
    (tmp_path / "esri_model_definition.emd").write_text('{"Classes": [{"Value": 3, "Name": "3"}]}')
    with pytest.raises(InputError):
        read_tiles(tmp_path)


def _saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_changed_items_replace_only_what_may_be_replaced(portal: HostedItems, tmp_path: Path, run: Run) -> None:
    portal.put(ID, zip_of({"a": b"1"}))
    fetch(portal, tmp_path)
    (tmp_path / "coast" / "models").mkdir()
    (tmp_path / "coast" / "models" / "mine.dlpk").write_bytes(b"work")
    portal.put(ID, zip_of({"a": b"2"}), modified=1800000000000)
    code, _, err = run("fetch", "item", ID, "--portal", portal.url, "-o", tmp_path)
    assert code == 2
    assert "is not as the portal has the item now: pass --overwrite" in err
    assert (tmp_path / "coast" / "models" / "mine.dlpk").read_bytes() == b"work"
    assert portal.count("data") == 1
    fetch(portal, tmp_path, overwrite=True)
    assert files(tmp_path) == [f"{ID}.item.json", "coast/a"]
    assert (tmp_path / "coast" / "a").read_bytes() == b"2"
    fetch(portal, tmp_path)
    assert portal.count("data") == 2


def test_a_bad_new_one_leaves_the_old(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, zip_of({"a": b"1"}))
    fetch(portal, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    portal.put(ID, NOISE, modified=1800000000000)
    with pytest.raises(InputError, match="is not a whole zip"):
        fetch(portal, tmp_path, overwrite=True)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before


def test_something_else_in_its_place(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, zip_of({"a": b"1"}))
    (tmp_path / "coast").mkdir()
    with pytest.raises(ExistsError):
        fetch(portal, tmp_path)
    assert portal.count("data") == 0
    (tmp_path / "coast").rmdir()
    fetch(portal, tmp_path)
    (tmp_path / f"{ID}.item.json").write_text("{")
    with pytest.raises(ExistsError):
        fetch(portal, tmp_path)
    shutil.rmtree(tmp_path / "coast")
    fetch(portal, tmp_path)
    assert (tmp_path / "coast" / "a").read_bytes() == b"1"


def test_killed_or_full_while_it_is_put_in_place(
    portal: HostedItems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.put(ID, zip_of({"a": NOISE}))

    def full(*_: object, **__: object) -> None:
        raise WriteError(tmp_path, OSError(28, "No space left on device"))

    with monkeypatch.context() as patched:
        patched.setattr("littoral.tiles.portal.fetch.unpack_zip", full)
        with pytest.raises(WriteError, match="free some space"):
            fetch(portal, tmp_path)
    sent = portal.sent
    fetch(portal, tmp_path)
    assert portal.sent == sent  # what was fetched is still as the store has it
    assert (tmp_path / "coast" / "a").read_bytes() == NOISE
    assert files(tmp_path) == [f"{ID}.item.json", "coast/a"]

    def killed(*given: Any, **options: Any) -> None:
        unpack_zip(*given, **options)
        raise KeyboardInterrupt

    other = tmp_path / "other"
    other.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr("littoral.tiles.portal.fetch.unpack_zip", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(portal, other)
    sent = portal.count("data")
    assert fetch(portal, other).size == 0
    assert portal.count("data") == sent
    assert files(other) == [f"{ID}.item.json", "coast/a"]


def test_a_file_is_not_fetched_twice(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, NOISE)
    item = GIS(portal.url).content.get(ID)
    assert item is not None
    path = Path(item.download(tmp_path / "new" / "folder"))
    assert path == tmp_path / "new" / "folder" / "coast.zip"
    sent = portal.sent
    item.download(path.parent)
    assert portal.sent == sent
    path.write_bytes(b"spoilt")
    item.download(path.parent)
    assert path.read_bytes() == NOISE
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError):
        item.download(tmp_path / "file")


@pytest.mark.parametrize("way", ["argument", "variable"])
def test_a_token_opens_what_is_not_public(
    portal: HostedItems, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    portal.put(ID, zip_of({"a": b"1"}))
    portal.private.add(ID)
    arguments = ["fetch", "item", ID, "--portal", portal.url, "-o", tmp_path / "out"]
    code, _, err = run(*arguments)
    assert code == 2
    assert "--token" in err
    assert "LITTORAL_PORTAL_TOKEN" in err
    if way == "variable":
        monkeypatch.setenv("LITTORAL_PORTAL_TOKEN", f" {TOKEN}\n")
    else:
        arguments += ["--token", TOKEN]
    code, _, _ = run(*arguments)
    assert code == 0
    assert (tmp_path / "out" / "coast" / "a").read_bytes() == b"1"


SECRETS = (TOKEN, quote(TOKEN), quote_plus(TOKEN), "AAPK", "kelp")


@pytest.mark.parametrize("echoes", [False, True])
def test_a_token_stays_at_home(
    portal: HostedItems,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    run: Run,
    echoes: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    portal.put(ID, zip_of({"a": NOISE}))
    portal.private.add(ID)
    portal.echoes_token, portal.breaks = echoes, [300_000, 0, 0]
    told = []
    for _ in range(2):
        try:
            fetch(portal, tmp_path, token=TOKEN)
        except DownloadError as error:
            told += traceback.format_exception(error)
            kept = [path.read_bytes() for path in tmp_path.rglob("*.json")]
            assert len(kept) == 1
            assert not any(secret.encode() in kept[0] for secret in SECRETS)
    monkeypatch.setenv("LITTORAL_PORTAL_TOKEN", TOKEN)
    gone = tmp_path / "gone"
    for answer in (
        Answer(
            json.dumps(
                {"error": {"code": 498, "message": f"Invalid token {TOKEN} of {portal.url}?token={quote(TOKEN)}"}}
            ).encode()
        ),
        _page("<html>"),
        Answer(b"", 302, headers={"Location": f"http://127.0.0.1:1/a?token={quote_plus(TOKEN)}"}),
    ):
        portal.instead["data"] = [answer] * 3
        try:
            fetch(portal, gone)
        except DownloadError as error:
            told += traceback.format_exception(error)
    portal.instead.clear()
    told += run("fetch", "item", ID, "--portal", portal.url, "-o", tmp_path)[1:]
    told += [repr(GIS(portal.url, token=TOKEN)), repr(find_portal(portal.url)), repr(GIS(portal.url).content.get(ID))]
    with pytest.raises(UnreachableError) as error:
        fetch_item(ID, gone, portal="http://127.0.0.1:1", patience=QUICK)
    told += [*traceback.format_exception(error.value), str(vars(error.value))]
    assert "GET /portal/sharing/rest/content/items" in caplog.text
    for secret in SECRETS:
        assert secret not in caplog.text
        assert all(secret not in text for text in told)
    assert all(secret not in name for name in files(tmp_path) for secret in SECRETS)
    written = b"".join((tmp_path / name).read_bytes() for name in files(tmp_path) if name.endswith(".json"))
    assert not any(secret.encode() in written for secret in SECRETS)
    at_portal = [request for request in portal.asked if request.server == "portal"]
    at_store = [request for request in portal.asked if request.server == "store"]
    assert all(request.query["token"] == [TOKEN] for request in at_portal)
    assert at_store
    assert all(request.query == {"X-Amz-Signature": ["signed"]} for request in at_store)
    assert all(secret not in str(request) for request in at_store for secret in SECRETS)


def test_a_token_goes_along_at_home(portal: HostedItems, tmp_path: Path) -> None:
    portal.put(ID, NOISE, "tiles.bin")
    portal.private.add(ID)
    portal.redirects = False
    again = f"{portal.url}/sharing/rest/content/items/{ID}/data?token={quote_plus(TOKEN)}"
    portal.instead["data"] = [Answer(b"", 302, headers={"Location": again})]
    fetch(portal, tmp_path, token=TOKEN)
    assert (tmp_path / "tiles.bin").read_bytes() == NOISE


def test_addresses_of_portals() -> None:
    for given_address, address in {
        "https://gis.example.org/portal/sharing/rest/content": "https://gis.example.org/portal",
        "https://org.maps.arcgis.com/home/item.html?id=1#x": "https://org.maps.arcgis.com",
        "org.maps.arcgis.com": "https://org.maps.arcgis.com",
        "http://127.0.0.1:8080/": "http://127.0.0.1:8080",
        "https://gis.example.org/home-office": "https://gis.example.org/home-office",
    }.items():
        assert find_portal(given_address).address == address
        assert find_portal(address) == Portal(address)
    for wrong in ("ftp://example.org", "https://", "http://[a", "file:///etc/passwd"):
        with pytest.raises(InputError, match="address"):
            find_portal(wrong)
    with pytest.raises(InputError, match="was given with a user") as said:
        find_portal("https://me:hidden@example.org")
    assert "hidden" not in str(said.value)


@pytest.mark.slow
@given(st.text(max_size=40) | st.from_regex(r"[./\\a:]{1,8}", fullmatch=True))
def test_names_that_pass_stay_in_their_folder(name: str) -> None:
    try:
        kept = checked_name(name)
    except InputError:
        return
    assert (Path("/folder") / kept).parent == Path("/folder")
    assert os.path.normpath(f"/folder/{kept}") == f"/folder/{kept}"
    assert not set(name) & set("/\\:\0\n\x1b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("error"), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(JSON, st.binary(max_size=60))
def test_only_errors_are_taken_for_errors(content: object, noise: bytes) -> None:
    found = stated_error(json.dumps(content).encode())
    error = content.get("error") if isinstance(content, dict) else None
    assert (found is not None) == (isinstance(error, dict) and bool({"code", "message", "messageCode"} & set(error)))
    stated_error(noise)


@given(st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON, "messageCode": JSON, "details": JSON}))
def test_any_error_is_one_sentence(error: dict[str, object]) -> None:
    with warnings.catch_warnings():
        found = stated_error(json.dumps({"error": error}).encode())
    if found:
        said = str(Portal("https://example.org", "tok-en")._refusal("Item", *found))
        assert said.isprintable()
        assert len(said) < 700
        assert said.startswith("Item ")


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert one_line(text).isprintable()
    assert one_line(one_line(text)) == one_line(text)


def test_no_item_is_a_download_error() -> None:
    assert issubclass(NoItemError, DownloadError)
