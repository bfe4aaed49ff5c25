"""Files that are cut off, have gaps or are something else: no reader takes their pixels for measurements.

The oracle is the whole file's own pixels: what a reader gives must be those, or an error, or marked as missing.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from littoral.errors import InputError, LittoralWarning
from littoral.imagery import Window, open_scene, read_overview, read_windows, stream_windows
from littoral.imagery.decoding import open_raster
from littoral.imagery.jpeg2000 import read_codestream
from littoral.tiles.labeled.images import read_tile

SIDE = 512
LOSSLESS = {"reversible": "YES", "quality": 100}
FORMATS: dict[str, dict[str, Any]] = {
    "tiles.jp2": {"driver": "JP2OpenJPEG", "blockxsize": 128, "blockysize": 128, **LOSSLESS},
    "one.jp2": {"driver": "JP2OpenJPEG", "blockxsize": SIDE, "blockysize": SIDE, **LOSSLESS},
    "none.tif": {"driver": "GTiff", "tiled": True},
    "deflate.tif": {"driver": "GTiff", "compress": "deflate", "tiled": True},
    "lzw.tif": {"driver": "GTiff", "compress": "lzw"},
    "zstd.tif": {"driver": "GTiff", "compress": "zstd", "tiled": True},
    "lerc.tif": {"driver": "GTiff", "compress": "lerc", "tiled": True},
    "jpeg.tif": {"driver": "GTiff", "compress": "jpeg", "tiled": True},
    "a.img": {"driver": "HFA"},
    "grey.png": {"driver": "PNG"},
    "rgb.png": {"driver": "PNG", "count": 3},
    "a.jpg": {"driver": "JPEG", "count": 3},
    "a.webp": {"driver": "WEBP", "count": 3},
    "a.gif": {"driver": "GIF"},
    "a.bmp": {"driver": "BMP", "count": 3},
}
UNCOMPRESSED = {"none.tif", "a.img", "a.bmp"}
"""Where zeros cannot be told from measurements."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each format: smooth, so that blocks are not alike in size, and noisy, so that they are not small."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(1)
    smooth = rng.normal(size=(SIDE, SIDE)).cumsum(0).cumsum(1)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    for name, options in FORMATS.items():
        how = {"count": 1, **options}
        bytes_only = name in ("a.jpg", "jpeg.tif", "a.webp", "a.gif", "a.bmp", "rgb.png")
        dtype, top = ("uint8", 200) if bytes_only else ("uint16", 4000)
        values = (smooth * top + 1 + rng.integers(0, 30, (how["count"], SIDE, SIDE))).astype(dtype)
        form = {"width": SIDE, "height": SIDE, "dtype": dtype, "crs": "EPSG:32617"}
        with rasterio.open(folder / name, "w", transform=Affine(10, 0, 5e5, 0, -10, 3e6), **form, **how) as image:
            image.write(values)
    return folder


def cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def zeros_from(content: bytes, share: float) -> bytes:
    kept = int(len(content) * share)
    return content[:kept] + bytes(len(content) - kept)


def gap(content: bytes, share: float, size: int) -> bytes:
    start = int(len(content) * share)
    return content[:start] + bytes(size) + content[start + size :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut at 98 %": partial(cut, share=0.98),
    "cut at 60 %": partial(cut, share=0.6),
    "second half zeros": partial(zeros_from, share=0.5),
    "a gap of 8 KiB": partial(gap, share=0.4, size=8192),
}


def windows() -> list[Window]:
    return [Window(row, column, 200, 200) for row in range(-50, SIDE, 150) for column in range(-50, SIDE, 150)]


def read_all_ways(path: Path | str) -> dict[str, Callable[[], list[tuple[NDArray[Any], NDArray[np.bool_]]]]]:
    scene = open_scene(path)

    def streamed(workers: int) -> list[tuple[NDArray[Any], NDArray[np.bool_]]]:
        found = {
            where: (values, valid)
            for where, values, valid in stream_windows(scene, scene.bands, windows(), workers=workers)
        }
        return [found[where] for where in range(len(found))]

    return {
        "windows": lambda: list(read_windows(scene, scene.bands, windows())),
        "whole": lambda: list(read_windows(scene, scene.bands, [Window(0, 0, SIDE, SIDE)])),
        "stream": lambda: streamed(2),
        "overview": lambda: [read_overview(scene, scene.bands, SIDE // 2)],
    }  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name", [name for name in FORMATS if not name.endswith((".jpg", ".gif", ".webp", ".bmp", ".png"))]
)
def test_scenes(whole: Path, tmp_path: Path, name: str, damage: str) -> None:
    if name in UNCOMPRESSED and "cut" not in damage:
        pytest.skip("zeros are pixels of an uncompressed file")
    right = {way: read() for way, read in read_all_ways(whole / name).items()}
    path = tmp_path / name
    path.write_bytes(DAMAGES[damage]((whole / name).read_bytes()))
    try:
        ways = read_all_ways(path)
    except InputError:
        return
    for way, read in ways.items():
        try:
            found = read()
        except InputError:
            continue
        for (values, valid), (wanted, _) in zip(found, right[way], strict=True):
            assert (values[:, valid] == wanted[:, valid]).all(), f"{way} takes damaged pixels for measurements"
            assert way == "overview" or not valid.all(), f"{way} read the damaged file to its end"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [name for name in FORMATS if not name.endswith((".img", ".webp", ".gif", ".bmp"))])
def test_tiles(whole: Path, tmp_path: Path, name: str, damage: str) -> None:
    if name in UNCOMPRESSED and "cut" not in damage:
        pytest.skip("zeros are pixels of an uncompressed file")
    path = tmp_path / name
    path.write_bytes(DAMAGES[damage]((whole / name).read_bytes()))
    with pytest.raises(InputError, match="could not be read"):
        read_tile(path)
    values, valid = read_tile(whole / name)
    with rasterio.open(whole / name) as image:
        assert (values == image.read()).all()
    assert valid.all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.001, 0.999))
def test_wherever_a_jpeg_2000_is_cut_or_empty(whole: Path, share: float) -> None:
    content = (whole / "tiles.jp2").read_bytes()
    for damaged in (cut(content, share), zeros_from(content, share)):
        with pytest.raises(ValueError, match=r"it |its |tiles are missing"):
            read_codestream(lambda at, count, damaged=damaged: damaged[at : at + count])


def test_a_jpeg_2000_of_nothing_but_zeros_is_whole(tmp_path: Path) -> None:
    """Empty packets are bytes of value 0; they are no gap."""
    path = tmp_path / "zeros.jp2"
    form = {"width": 4096, "height": 4096, "count": 1, "dtype": "uint16", "crs": "EPSG:32617", **LOSSLESS}
    place = Affine(10, 0, 5e5, 0, -10, 3e6)
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", transform=place, blockxsize=4096, blockysize=4096, **form
    ) as image:
        image.write(np.zeros((1, 4096, 4096), "uint16"))
    scene = open_scene(path)
    ((values, valid),) = read_windows(scene, scene.bands, [Window(0, 0, 4096, 4096)])
    assert valid.all()
    assert not values.any()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("damage", DAMAGES)
def test_in_a_zip(whole: Path, tmp_path: Path, method: int, damage: str) -> None:
    content = (whole / "tiles.jp2").read_bytes()
    for name, inside in (("whole.zip", content), ("damaged.zip", DAMAGES[damage](content))):
        with zipfile.ZipFile(tmp_path / name, "w", method) as archive:
            archive.writestr("other.txt", b"x" * 1000)
            archive.writestr("B03.jp2", inside)
    scene = open_scene(f"/vsizip/{{{tmp_path}/whole.zip}}/B03.jp2")
    right = list(read_windows(scene, scene.bands, windows()))
    assert sum(valid.sum() for _, valid in right) > SIDE * SIDE
    if method == zipfile.ZIP_DEFLATED and "gap" in damage:
        return
    try:
        damaged = open_scene(f"/vsizip/{{{tmp_path}/damaged.zip}}/B03.jp2")
    except InputError:
        return
    with pytest.raises(InputError, match=r"is damaged|could not be read"):
        list(read_windows(damaged, damaged.bands, windows()))


def test_a_file_that_is_replaced_is_checked_again(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "B03.jp2"
    shutil.copy(whole / "tiles.jp2", path)
    scene = open_scene(path)
    right = list(read_windows(scene, scene.bands, windows()))
    path.write_bytes(cut(path.read_bytes(), 0.7))
    with pytest.raises(InputError, match="is damaged"):
        list(read_windows(scene, scene.bands, windows()))
    shutil.copy(whole / "tiles.jp2", path)
    again = list(read_windows(scene, scene.bands, windows()))
    assert all((a == b).all() for (a, _), (b, _) in zip(right, again, strict=True))


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("name", ["tiles.jp2", "deflate.tif"])
def test_a_server_that_fails_for_one_stretch_of_a_file(whole: Path, name: str) -> None:
    content = (whole / name).read_bytes()
    refused = range(len(content) * 6 // 10, len(content) * 6 // 10 + 5000)
    broken = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first, last = (int(span[1]), int(span[2] or len(content))) if span else (0, len(content) - 1)
            last = min(last, len(content) - 1)
            failed = span and broken.is_set() and first < refused.stop and last >= refused.start
            body = b"" if failed else content[first : last + 1]
            self.send_response(403 if failed else 206 if span else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        right = {way: read() for way, read in read_all_ways(f"{address}/whole/{name}").items()}
        broken.set()
        failed = 0
        for way, read in read_all_ways(f"{address}/broken/{name}").items():
            try:
                found = read()
            except InputError:
                failed += 1
                continue
            for (values, valid), (wanted, _) in zip(found, right[way], strict=True):
                assert (values[:, valid] == wanted[:, valid]).all(), f"{way} takes what did not come for measurements"
        assert failed >= 3
    finally:
        server.shutdown()
        server.server_close()


VRT = """<VRTDataset rasterXSize="{side}" rasterYSize="{side}"><SRS>EPSG:32617</SRS>
<GeoTransform>500000, 10, 0, 3000000, 0, -10</GeoTransform><VRTRasterBand dataType="UInt16" band="1">
<SimpleSource><SourceFilename relativeToVRT="0">{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
</VRTRasterBand></VRTDataset>"""
WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>{source}/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service>
<DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>0</UpperLeftY><LowerRightX>256</LowerRightX><LowerRightY>256</LowerRightY>
<SizeX>256</SizeX><SizeY>256</SizeY></DataWindow><BandsCount>1</BandsCount></GDAL_WMS>"""


@pytest.mark.parametrize("suffix", [".tif", ".jp2", ".png", ".jpg", ".img", ".dat", ""])
def test_a_file_reads_nothing_but_itself(whole: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"B03{suffix}"
    for content in (VRT.format(side=SIDE, source=whole / "none.tif"), WMS.format(source="http://127.0.0.1:9")):
        path.write_text(content)
        with pytest.raises(InputError, match="is not a raster that can be read"):
            open_scene(path)
        with pytest.raises(InputError, match=r"could not be read|is in no format that tiles have"):
            read_tile(path)
    proper = tmp_path / "B03.vrt"
    proper.write_text(VRT.format(side=SIDE, source=whole / "none.tif"))
    assert open_scene(proper).bands[0].name == "B03"


def test_another_format_than_the_suffix_says_still_opens(whole: Path, tmp_path: Path) -> None:
    shutil.copy(whole / "none.tif", tmp_path / "B03.jp2")
    with open_raster(str(tmp_path / "B03.jp2")) as image:
        assert image.driver == "GTiff"


def test_a_pipe_is_no_raster(tmp_path: Path) -> None:
    pipe = tmp_path / "B03.tif"
    os.mkfifo(pipe)
    for read in (open_scene, read_tile):
        errors: list[Exception] = []

        def run(read: Callable[[Path], object] = read, errors: list[Exception] = errors) -> None:
            try:
                read(pipe)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        assert "not a" in str(errors[0])


@pytest.mark.parametrize("name", ["a" * 300 + ".tif", "\0.tif", "a\x1b[2J.tif"])
def test_names_that_no_file_has(tmp_path: Path, name: str) -> None:
    for read in (open_scene, read_tile):
        with pytest.raises(InputError) as caught:
            read(f"{tmp_path}/{name}")
        assert "\x1b" not in str(caught.value)


@pytest.fixture(autouse=True)
def no_other_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # That an image of a product came without its metadata.
        warnings.simplefilter("ignore", LittoralWarning)
        yield
