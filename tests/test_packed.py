"""Tiles straight from a scene: the same as exported ones, cut once, whole or not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from littoral import export_tiles, open_scene, prepare_data, read_tiles, write_vector
from littoral.errors import InputError, LittoralWarning, WriteError
from littoral.imagery.fingerprint import content_key
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.tiles import TileSet, open_pack, pack_files
from littoral.tiles.options import ClassOptions, CutOptions
from littoral.tiles.packed import build, cache_folder
from option_values import export_values
from platforms import linux_only, posix_only
from safe_recipe import ORIGIN, write_safe, zip_safe
from textured_coast import boxes, textured

Writer = Callable[..., Path]
Coast = tuple[Path, gpd.GeoDataFrame]


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each time that tiles are cut."""
    calls: list[int] = []
    real = build.cut_tiles

    def counted(*given: Any, **how: Any) -> object:
        calls.append(len(calls))
        return real(*given, **how)

    monkeypatch.setattr(build, "cut_tiles", counted)
    return calls


def entry(cache: Path) -> Path:
    (found,) = (place for place in (cache / "tiles").iterdir() if place.is_dir())
    return found


def assert_same(one: TileSet, other: TileSet) -> None:
    assert len(one) == len(other)
    for name in ("codes", "categories", "bands", "size_px", "dtype", "pixels", "nodata", "cell_size", "cell_epsg",
                 "origin"):  # fmt: skip
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert shapely.equals_exact(one.footprints, other.footprints, 0).all()
    for position in range(len(one)):
        for a, b in zip(one.read(position), other.read(position), strict=True):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [None, -0.1])
def test_a_pack_is_what_an_export_would_be(tmp_path: Path, write_scene: Writer, offset: float | None) -> None:
    values = textured(size=200)
    values[:, 60:64, :40] = 0
    scaling = {} if offset is None else {"scales": (1e-4,) * 3, "offsets": (offset,) * 3}
    scene = write_scene(tmp_path / "s.tif", values, nodata=0, **scaling)
    table = boxes([(190, 190), (20, 70), (80, 80), (150, 20), (500, 0), (99, 99)], [3, 3, 7, 7, 7, None])
    table = table.assign(purity=[1.0, 0.9, 0.95, 0.4, 1.0, 1.0])
    bands = ["B04", "B02"]
    for purity in (0.0, 0.9):
        folder = tmp_path / f"tiles{purity}"
        export_tiles(scene, table, folder, CutOptions(tile_size=(32, 32), bands=bands), ClassOptions(min_purity=purity))
        packed = open_pack(scene, table, tile_size=32, bands=bands, min_purity=purity, cache=tmp_path / "cache")
        assert_same(packed, read_tiles(folder))
        assert not packed.read(1)[1].all()
    assert packed.notes == (
        "rectangles left out: 1 without CATCOA, 1 of mixed classes, 1 outside imagery",
        f"tiles are kept in {max((tmp_path / 'cache' / 'tiles').glob('*/'), key=lambda one: one.stat().st_mtime_ns)} "
        "(0.0 GB), which may be deleted at any time",
    )
    assert packed.name(0) == "the tile of rectangle 1 in s"
    assert packed.paths == ()
    part = packed.subset(np.array([2, 0]))
    assert (part.read(0)[0] == packed.read(2)[0]).all()
    assert part.name(1) == packed.name(0)


@pytest.mark.slow
def test_tiles_along_the_shore_and_of_several_scenes(tmp_path: Path, write_scene: Writer) -> None:
    """Whatever cutting can do, packing gets: turned tiles, blackened ones, scenes of two zones with dates."""
    values = textured(size=200)
    one = write_scene(tmp_path / "S2A_20230613.tif", values, nodata=0)
    rng = np.random.default_rng(5)
    table = boxes([(x, y) for x in range(30, 180, 30) for y in range(30, 180, 50)], [3, 7, 7] * 5)
    table = table.assign(Angle=rng.uniform(-180, 180, len(table)))
    given = {"tile_size": 32, "min_valid": 0.9}
    export_tiles(
        one, table, tmp_path / "oriented", **export_values(placement="oriented", blacken_around_feature=True, **given)
    )
    tiles = open_pack(one, table, placement="oriented", blacken=True, cache=tmp_path / "c", **given)
    assert_same(tiles, read_tiles(tmp_path / "oriented"))
    assert tiles.cell_size == pytest.approx((10, 10))
    data = prepare_data(scene=one, rectangles=table, placement="oriented", blacken=True, cache=tmp_path / "c",
                        val_split_pct=0.3, block_km=0.3, **given)  # fmt: skip
    assert data.preprocessing.tile.placement == "oriented"
    assert data.preprocessing.tile.blacken

    clouded = values.copy()
    clouded[:, :, 100:] = 0
    west = write_scene(tmp_path / "S2B_20240101.tif", clouded, nodata=0)
    for combine in ("best", "median"):
        export_tiles([west, one], table, tmp_path / combine, **export_values(combine=combine, **given))
        tiles = open_pack([west, one], table, combine=CombineOptions(combine), cache=tmp_path / "c", **given)
        assert_same(tiles, read_tiles(tmp_path / combine))
    seen = {tiles.name(position).rpartition(" in ")[2] for position in range(len(tiles))}
    assert seen == {"S2B_20240101, S2A_20230613", "S2A_20230613"}


@pytest.mark.slow
def test_learning_from_a_scene_equals_learning_from_a_folder(tmp_path: Path, coast: Coast) -> None:
    export_tiles(*coast, tmp_path / "tiles", CutOptions(tile_size=(32, 32)))
    folder = prepare_data(tmp_path / "tiles", val_split_pct=0.3)
    scene = prepare_data(scene=coast[0], rectangles=coast[1], tile_size=32, val_split_pct=0.3, cache=tmp_path / "c")
    assert_same(folder.tiles, scene.tiles)
    assert folder.preprocessing == scene.preprocessing
    assert (folder.split.validation == scene.split.validation).all()
    one, other = (next(iter(data.loader(data.split.validation, training=False))) for data in (folder, scene))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_second_run_and_second_epoch_decode_nothing(tmp_path: Path, coast: Coast, cuts: list[int]) -> None:
    scene = Path(shutil.copy(coast[0], tmp_path / "scene.tif"))
    given = {"tile_size": 32, "cache": tmp_path / "cache"}
    first = prepare_data(scene=scene, rectangles=coast[1], **given)
    again = prepare_data(scene=scene, rectangles=coast[1], **given)
    assert len(cuts) == 1
    assert_same(first.tiles, again.tiles)
    # The scene under another name is the same scene.
    moved = scene.rename(tmp_path / "moved.tif")
    assert_same(open_pack(moved, coast[1], **given), first.tiles)
    assert len(cuts) == 1
    # From here on there is nothing to decode.
    moved.unlink()
    for _ in range(2):
        seen = sum(len(y) for _, y in again.loader(np.arange(len(again.tiles)), training=True))
        assert seen == len(again.tiles)


@pytest.mark.slow
def test_the_key_is_all_that_decides(tmp_path: Path, coast: Coast, cuts: list[int], write_scene: Writer) -> None:
    scene, table = coast
    open_pack(scene, table, tile_size=32, cache=tmp_path)
    other_values = textured()
    other_values[0, 0, 0] += 1
    renamed = open_scene(scene, SceneOptions(band_names=["B02", "B03", "B08"]))
    relabelled = table.assign(CATCOA=[7] + table["CATCOA"].tolist()[1:])
    moved = table.set_geometry(table.translate(10, 0))
    others = [
        lambda: open_pack(scene, table, tile_size=40, cache=tmp_path),
        lambda: open_pack(scene, table, tile_size=32, bands=["B02"], cache=tmp_path),
        lambda: open_pack(scene, table, tile_size=32, min_valid=0.4, cache=tmp_path),
        lambda: open_pack(scene, relabelled, tile_size=32, cache=tmp_path),
        lambda: open_pack(scene, moved, tile_size=32, cache=tmp_path),
        lambda: open_pack(renamed, table, tile_size=32, cache=tmp_path),
        lambda: open_pack(scene, table, tile_size=32, combine=CombineOptions(near="2024-05-06"), cache=tmp_path),
        lambda: open_pack(scene, table.assign(Angle=0.0), tile_size=32, cache=tmp_path),
        lambda: open_pack(scene, table.assign(bay="x"), tile_size=32, region_field="bay", cache=tmp_path),
        lambda: open_pack(write_scene(tmp_path / "o.tif", other_values, nodata=0), table, tile_size=32, cache=tmp_path),
    ]  # fmt: skip
    for number, other in enumerate(others, start=2):
        other()
        assert len(cuts) == number
    # Fields that cutting does not look at do not count.
    open_pack(scene, table.assign(remark="low tide"), tile_size=32, cache=tmp_path)
    assert len(cuts) == len(others) + 1


def test_a_deleted_pack_is_made_anew_and_its_reader_goes_on(tmp_path: Path, coast: Coast, cuts: list[int]) -> None:
    given = {"tile_size": 32, "cache": tmp_path / "cache"}
    first = open_pack(*coast, **given)
    before = [first.read(position) for position in range(len(first))]
    shutil.rmtree(tmp_path / "cache")
    assert all((first.read(i)[0] == values).all() for i, (values, _) in enumerate(before))
    assert_same(open_pack(*coast, **given), first)
    assert len(cuts) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, damage) for name in ("values.npy", "valid.npy", "tiles.parquet", "header.json")
          for damage in ("truncated", "gone")),
        ("tiles.parquet", "changed"),
        ("header.json", "changed"),
        ("*", "gone"),
    ],
)  # fmt: skip
def test_a_damaged_pack_is_made_anew(tmp_path: Path, coast: Coast, cuts: list[int], name: str, damage: str) -> None:
    given = {"tile_size": 32, "cache": tmp_path}
    first = open_pack(*coast, **given)
    for file in entry(tmp_path).glob(name):
        content = bytearray(file.read_bytes())
        content[60] ^= 4
        # The one that is there is mapped by its reader.
        file.unlink()
        if damage != "gone":
            file.write_bytes(content if damage == "changed" else content[:-1])
    with pytest.warns(LittoralWarning, match="was damaged, so its tiles are made anew"):
        again = open_pack(*coast, **given)
    assert len(cuts) == 2
    assert_same(again, first)
    assert_same(open_pack(*coast, **given), first)
    assert len(cuts) == 2


def test_what_a_killed_process_left_is_cleared(tmp_path: Path, coast: Coast) -> None:
    open_pack(*coast, tile_size=32, cache=tmp_path)
    key = entry(tmp_path).name
    shutil.move(entry(tmp_path), tmp_path / "tiles" / f".{key}-abc")
    (tmp_path / "tiles" / ".other-abc").mkdir()
    open_pack(*coast, tile_size=32, cache=tmp_path)
    assert sorted(place.name for place in (tmp_path / "tiles").iterdir() if place.is_dir()) == [".other-abc", key]


@posix_only
def test_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path, coast: Coast, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The operating system itself refuses to let a file grow.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(WriteError, match=r"could not be written .*free some space"):
            open_pack(*coast, tile_size=32, cache=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [place for place in (tmp_path / "tiles").iterdir() if place.is_dir()] == []
    assert len(open_pack(*coast, tile_size=32, cache=tmp_path)) == 52
    shutil.rmtree(tmp_path / "tiles")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("littoral.tiles.packed.cache.shutil.disk_usage", lambda _: usage._replace(free=10_000))
    with pytest.raises(WriteError, match=r"it takes 0.0 GB, and 0.0 GB are free"):
        open_pack(*coast, tile_size=32, cache=tmp_path)
    assert [place for place in (tmp_path / "tiles").iterdir() if place.is_dir()] == []


def test_a_place_that_cannot_be_written(tmp_path: Path, coast: Coast) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="could not be written"):
        open_pack(*coast, tile_size=32, cache=tmp_path / "file")


def test_a_failure_while_cutting_leaves_nothing(tmp_path: Path, coast: Coast, monkeypatch: pytest.MonkeyPatch) -> None:
    real = build.cut_tiles

    def failing(*given: Any, **how: Any) -> Iterator[object]:
        for number, tile in enumerate(real(*given, **how)):
            if number == 20:
                raise InputError("scene.tif", "could not be read", "check that the file is whole")
            yield tile

    monkeypatch.setattr(build, "cut_tiles", failing)
    with pytest.raises(InputError, match="could not be read"):
        open_pack(*coast, tile_size=32, cache=tmp_path)
    assert [place for place in (tmp_path / "tiles").iterdir() if place.is_dir()] == []


CUT_SLOWLY = """
import sys, time, warnings
from pathlib import Path
import geopandas as gpd
from littoral.tiles.packed import build
warnings.simplefilter("always")
real = build.cut_tiles
def slow(*given, **how):
    print("cut", flush=True)
    time.sleep(1.5)
    yield from real(*given, **how)
build.cut_tiles = slow
print("ready", flush=True)
sys.stdin.readline()
tiles = build.open_pack(Path(sys.argv[1]), gpd.read_parquet(sys.argv[2]), tile_size=32, cache=sys.argv[3])
print(len(tiles), int(tiles.read(51)[0].sum()), flush=True)
"""


@pytest.mark.slow
def test_two_processes_cut_once(tmp_path: Path, coast: Coast) -> None:
    coast[1].to_parquet(tmp_path / "boxes.parquet")
    command = [sys.executable, "-c", CUT_SLOWLY, coast[0], tmp_path / "boxes.parquet", tmp_path / "cache"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([str(part) for part in command], **pipes) for _ in range(2)]  # type: ignore[call-overload]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted(out.count("cut") for out, _ in outputs) == [0, 1]
    assert len({out.splitlines()[-1] for out, _ in outputs}) == 1
    assert sum("another process makes the same tiles" in err for _, err in outputs) == 1


@linux_only
def test_where_packs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coast: Coast) -> None:
    monkeypatch.delenv("LITTORAL_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "littoral"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "littoral"
    monkeypatch.setenv("LITTORAL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    open_pack(*coast, tile_size=32)
    assert entry(tmp_path / "own").is_dir()


@pytest.mark.slow
def test_packing_the_files_of_a_folder(tmp_path: Path, tiles_folder: Path) -> None:
    folder = tmp_path / "tiles"
    shutil.copytree(tiles_folder, folder)
    tiles = read_tiles(folder)
    packed = pack_files(tiles, cache=tmp_path / "cache")
    assert_same(packed, tiles)
    assert packed.name(3) == tiles.name(3)
    assert pack_files(packed, cache=tmp_path / "none") is packed
    shutil.rmtree(folder / "images")
    assert (packed.read(7)[0] == read_tiles(tiles_folder).read(7)[0]).all()
    data = prepare_data(tiles_folder, cache=tmp_path / "cache", val_split_pct=0.3)
    assert_same(data.tiles, read_tiles(tiles_folder))
    assert len(list((tmp_path / "cache" / "tiles").glob("*/header.json"))) == 1
    # Another byte in a file is another pack.
    shutil.copytree(tiles_folder, tmp_path / "other")
    with rasterio.open(tmp_path / "other" / "images" / "000000000.tif", "r+") as image:
        image.write(image.read(1) + 1, 1)
    other = pack_files(read_tiles(tmp_path / "other"), cache=tmp_path / "cache")
    assert (other.read(0)[0][0] == tiles_read_first(tiles_folder) + 1).all()


def tiles_read_first(folder: Path) -> np.ndarray:
    return read_tiles(folder).read(0)[0][0]


# What a scene's files hold


def test_what_lies_beside_a_file_and_behind_a_vrt_counts(tmp_path: Path, write_scene: Writer) -> None:
    source = write_scene(tmp_path / "s.tif", textured(size=32))
    vrt = tmp_path / "s.vrt"
    with rasterio.open(source) as image:
        size, crs, place = image.shape, image.crs.to_wkt(), ", ".join(map(str, image.transform.to_gdal()))
    vrt.write_text(
        f'<VRTDataset rasterXSize="{size[1]}" rasterYSize="{size[0]}"><SRS>{crs.replace(chr(34), "&quot;")}</SRS>'
        f"<GeoTransform>{place}</GeoTransform><VRTRasterBand dataType='UInt16' band='1'><SimpleSource>"
        "<SourceFilename relativeToVRT='1'>s.tif</SourceFilename><SourceBand>2</SourceBand></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "outer.vrt").write_text(vrt.read_text().replace("s.tif", "s.vrt").replace(">2<", ">1<"))

    def keys() -> list[str | None]:
        return [content_key(one, one.bands) for one in map(open_scene, (source, vrt, tmp_path / "outer.vrt"))]

    before = keys()
    assert len(set(before)) == 3
    assert keys() == before
    with rasterio.open(source, "r+") as image:
        image.write(image.read(2) + 1, 2)
    assert not set(keys()) & set(before)
    before = keys()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(source, "r+") as image:
        image.write_mask(np.ones(size, bool))
    assert (tmp_path / "s.tif.msk").exists()
    assert keys()[0] != before[0]


def test_an_archive_counts_as_a_whole(tmp_path: Path, write_scene: Writer) -> None:
    source = write_scene(tmp_path / "s.tif", textured(size=32))
    for name, more in (("a.zip", b"1"), ("b.zip", b"2"), ("c.zip", b"1")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.write(source, zipfile.ZipInfo("in/s.tif").filename)
            archive.writestr(zipfile.ZipInfo("more.txt"), more)
    found = open_scene(source)

    def key(href: str) -> str | None:
        bands = tuple(replace(band, href=href) for band in found.bands)
        return content_key(replace(found, bands=bands), bands)

    a, b, c = (key(f"/vsizip/{tmp_path / name}/in/s.tif") for name in ("a.zip", "b.zip", "c.zip"))
    assert a is not None
    assert a == c != b
    # Braces say where the archive's own name ends.
    assert key(f"/vsizip/{{{tmp_path / 'a.zip'}}}/in/s.tif") == a
    assert key(f"/vsizip/{tmp_path / 'none.zip'}/in/s.tif") is None


@pytest.mark.slow
def test_a_product_and_its_zip(tmp_path: Path, cuts: list[int]) -> None:
    product = write_safe(tmp_path)
    zipped = zip_safe(product, tmp_path / "product.zip")
    x, y = ORIGIN
    outlines = [shapely.box(x + 200 * n, y - 500, x + 200 * n + 150, y - 350) for n in range(1, 5)]
    table = gpd.GeoDataFrame({"CATCOA": [3, 7, 3, 7]}, geometry=outlines, crs="EPSG:32629")
    given = {"tile_size": 16, "bands": ["B02", "B11"], "cache": tmp_path / "cache"}
    first = open_pack(product, table, **given)
    again = open_pack(product, table, **given)
    assert len(cuts) == 1
    assert_same(open_pack(zipped, table, **given), first)
    assert_same(open_pack(zipped, table, **given), again)
    assert len(cuts) == 2


class Server(BaseHTTPRequestHandler):
    """Answers for one file, with an ETag or without."""

    etag: str | None = None

    def do_GET(self) -> None:
        assert self.headers["Range"] == "bytes=0-0"
        self.send_response(206 if self.path == "/scene.tif" else 404)
        self.send_header("Content-Length", "1")
        self.send_header("Content-Range", "bytes 0-0/77")
        if self.etag:
            self.send_header("ETag", self.etag)
        self.end_headers()
        self.wfile.write(b"I")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_file_on_a_server_counts_by_what_the_server_says(coast: Coast) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"

    def key(name: str, etag: str | None) -> str | None:
        Server.etag = etag
        local = open_scene(coast[0])
        remote = tuple(replace(band, href=f"{address}/{name}") for band in local.bands)
        return content_key(replace(local, bands=remote), remote)

    try:
        one = key("scene.tif", '"1"')
        assert one == key("scene.tif", '"1"') is not None
        assert key("scene.tif", '"2"') not in (one, None)
        assert [key("scene.tif", None), key("none.tif", '"1"'), key("scene.vrt", '"1"')] == [None] * 3
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    # No server at all.
    assert key("scene.tif", '"1"') is None


def test_a_scene_without_a_version_is_packed_for_one_run(
    tmp_path: Path, coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_pack(*coast, tile_size=32, cache=tmp_path / "known")
    monkeypatch.setattr(build, "content_key", lambda *_: None)
    with pytest.warns(LittoralWarning, match="kept for this run only"):
        tiles = open_pack(*coast, tile_size=32, cache=tmp_path / "unknown")
    assert list((tmp_path / "unknown" / "tiles").iterdir()) == []
    assert_same(tiles, first)


# The verb


@pytest.mark.slow
def test_train_without_an_export(run: Callable[..., tuple[int, str, str]], tmp_path: Path, coast: Coast) -> None:
    table = coast[1].assign(bay=["north"] * 26 + ["south"] * 26, CATCOA=[3, 7] * 26)
    write_vector(table, tmp_path / "boxes.gpkg")
    usual = ("train", "--scene", coast[0], "--rectangles", tmp_path / "boxes.gpkg", "--cache", tmp_path / "cache",
             "--tile-size", 32, "--backbone", "resnet10t", "--weights", "none", "--epochs", 1,
             "--lr", 1e-3)  # fmt: skip
    code, out, err = run(*usual, "--region-field", "bay", "--split", "region", "--val-regions", "south", "-o",
                         tmp_path / "m.dlpk")  # fmt: skip
    assert code == 0, err
    assert "B02: uint16, nodata 0" in out
    assert "held out as a whole: south" in out
    assert (tmp_path / "m.dlpk").exists()
    for wrong, complaint in (
        (("--scene", coast[0]), "a scene needs rectangles with their class"),
        ((), "prepare_data has no tiles"),
        ((tmp_path, "--band-names", "B02"), "--band-names goes with --scene"),
        ((tmp_path, "--class-field", "kind"), "class_field goes with a scene"),
        ((tmp_path, "--combine", "median"), "--combine goes with --scene"),
        ((*usual[1:], "--block-km", "-3"), "block -3 is not above 0 km"),
        ((*usual[1:], "--split", "region"), "have no region"),
    ):
        code, _, err = run("train", *wrong, "-o", tmp_path / "n.dlpk")
        assert (code, complaint in err) == (2, True), err


# Wrong input


def test_bad_input(tmp_path: Path, coast: Coast, tiles_folder: Path) -> None:
    scene, table = coast
    with pytest.raises(InputError, match="pass either the tiles' folder, or scene and rectangles"):
        prepare_data(tiles_folder, scene=scene, rectangles=table)
    with pytest.raises(InputError, match="a scene needs rectangles"):
        prepare_data(scene=scene)
    with pytest.raises(InputError, match="prepare_data has no tiles"):
        prepare_data()
    with pytest.raises(InputError, match="min_purity goes with a scene"):
        prepare_data(tiles_folder, min_purity=0.5)
    with pytest.raises(TypeError, match="no argument 'batchsize'"):
        prepare_data(tiles_folder, batchsize=8)
    for wrong, complaint in (
        ({"class_field": "kind"}, "has no field 'kind'"),
        ({"bands": ["B08"]}, "has no band B08"),
        ({"min_purity": 2.0}, "min purity 2 is more than 1"),
        ({"tile_size": 4}, "size 4 is less than 8 px"),
        ({"region_field": "bay"}, "has no field 'bay'"),
    ):
        with pytest.raises(InputError, match=complaint):
            open_pack(scene, table, cache=tmp_path, **{"tile_size": 32, **wrong})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="overlaps none"):
        open_pack(scene, boxes([(9999, 9)], [3]), tile_size=32, cache=tmp_path)
    with pytest.raises(InputError, match=r"none with a usable tile \(1 outside imagery\)"):
        open_pack(scene, boxes([(-9, 9)], [3]), tile_size=32, cache=tmp_path)
    assert [place for place in (tmp_path / "tiles").iterdir() if place.is_dir()] == []


def test_header_says_what_is_there(tmp_path: Path, coast: Coast) -> None:
    open_pack(*coast, tile_size=32, cache=tmp_path)
    header = json.loads((entry(tmp_path) / "header.json").read_text())["header"]
    assert header["shape"] == [52, 3, 32, 32]
    values = np.load(entry(tmp_path) / "values.npy")
    assert values.shape == (52, 3, 32, 32)
    table = gpd.read_parquet(entry(tmp_path) / "tiles.parquet")
    assert table.crs.to_epsg() == 4326
    assert table["code"].value_counts().to_dict() == {3: 26, 7: 26}
