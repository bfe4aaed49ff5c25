from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window as RasterioWindow

from littoral import open_scene
from littoral.errors import InputError
from littoral.imagery import (
    AS_STORED,
    REFLECTANCE,
    Band,
    Window,
    open_scenes,
    read_overview,
    read_windows,
    select_bands,
    stored_as,
    valid_values,
)
from littoral.imagery.options import SceneOptions

Writer = Callable[..., Path]
RAMP = np.arange(3 * 40 * 50, dtype="uint16").reshape(3, 40, 50)


def band(dtype: str, nodata: float | None, scale: float, offset: float) -> Band:
    return Band("B02", True, "x.tif", 1, dtype, nodata, scale, offset)


@pytest.mark.parametrize(
    ("given", "raw", "meaning", "add", "dtype", "masked"),
    [
        (band("uint16", None, 1e-4, -0.1), False, REFLECTANCE, -1000, "int16", 0),
        (band("uint16", 65535, 1e-4, -0.1), False, REFLECTANCE, -1000, "int16", 65535),
        (band("uint16", None, 1e-4, -0.1), True, AS_STORED, 0, "uint16", None),
        (band("uint16", 0, 1e-4, 0), False, REFLECTANCE, 0, "uint16", 0),
        (band("uint16", None, 1, 0), False, AS_STORED, 0, "uint16", None),
        (band("uint16", 0, 2.75e-5, -0.2), False, REFLECTANCE, -2000, "int16", 0),
        (band("uint16", 0, 1e-3, 0), False, REFLECTANCE, 0, "int16", 0),
        (band("uint16", 0, 0.01, 0), False, AS_STORED, 0, "uint16", 0),
        (band("float32", None, 1, 0), False, AS_STORED, 0, "float32", None),
        (band("uint8", None, 1, 0), False, AS_STORED, 0, "uint8", None),
    ],
)
def test_how_values_are_kept(given: Band, raw: bool, meaning: str, add: int, dtype: str, masked: float | None) -> None:
    rule = stored_as(given, raw)
    assert (rule.meaning, rule.add, rule.dtype, rule.masked) == (meaning, add, dtype, masked)


@pytest.mark.parametrize(
    ("value", "dtype", "masked", "valid"),
    [
        (0, "uint16", None, True),
        (0, "uint16", 0, False),
        (65535, "uint16", None, True),
        (0.0, "float32", None, True),
        (np.nan, "float32", None, False),
        (np.inf, "float32", None, False),
        (-np.inf, "float32", -np.inf, False),
        (-3.4e38, "float32", None, False),
        (-9999.0, "float32", -9999.0, False),
        (-9999.0, "float32", None, True),
    ],
)
def test_what_is_a_measurement(value: float, dtype: str, masked: float | None, valid: bool) -> None:
    assert valid_values(np.array([value], dtype), masked).tolist() == [valid]


def test_windows_equal_rasterio(tmp_path: Path, write_scene: Writer) -> None:
    path = write_scene(tmp_path / "s.tif", RAMP, nodata=7)
    scene = open_scene(path)
    windows = [Window(3, 5, 10, 12), Window(0, 0, 40, 50)]
    with rasterio.open(path) as image:
        for window, (values, valid) in zip(windows, read_windows(scene, scene.bands, windows), strict=True):
            plain = image.read(window=RasterioWindow(window.column, window.row, window.width, window.height))
            assert (values[:, valid] == plain[:, valid]).all()
            assert (valid == (plain != 7).all(axis=0)).all()


@pytest.mark.parametrize(
    "window", [Window(-4, -6, 10, 10), Window(35, 45, 10, 10), Window(-99, 0, 5, 5), Window(-5, -5, 60, 60)]
)
def test_beyond_the_edge_nothing_is_valid(tmp_path: Path, write_scene: Writer, window: Window) -> None:
    scene = open_scene(write_scene(tmp_path / "s.tif", RAMP))
    ((values, valid),) = read_windows(scene, scene.bands, [window])
    rows, columns = np.arange(window.height) + window.row, np.arange(window.width) + window.column
    inside = np.logical_and.outer((rows >= 0) & (rows < 40), (columns >= 0) & (columns < 50))
    assert (valid == inside).all()
    at = np.argwhere(inside)
    for row, column in at[:: max(len(at) // 7, 1)]:
        assert (values[:, row, column] == RAMP[:, row + window.row, column + window.column]).all()
    assert (values[:, ~inside] == 0).all()


def test_offset_of_a_product(tmp_path: Path, write_scene: Writer) -> None:
    values = np.array([0, 500, 1000, 2000, 65535], "uint16").reshape(1, 1, 5)
    path = write_scene(tmp_path / "s.tif", values, names=("B02",), scales=(1e-4,), offsets=(-0.1,))
    scene = open_scene(path)
    ((kept, valid),) = read_windows(scene, scene.bands, [Window(0, 0, 1, 5)])
    assert kept.dtype == np.int16
    assert kept.ravel().tolist() == [-32768, -500, 0, 1000, 32767]
    assert valid.ravel().tolist() == [False, True, True, True, True]
    ((raw, _),) = read_windows(scene, scene.bands, [Window(0, 0, 1, 5)], raw=True)
    assert raw.ravel().tolist() == values.ravel().tolist()
    assert "scale 0.0001, offset -0.1, kept reflectance x 10000" in scene.describe()


def test_band_names(tmp_path: Path, write_scene: Writer) -> None:
    scene = open_scene(write_scene(tmp_path / "s.tif", RAMP, names=("B02 blue", "B3", "near infrared")))
    # Beside a B02 a B3 is Sentinel-2's too.
    assert [b.name for b in scene.bands] == ["B02", "B03", "near infrared"]
    assert [b.index for b in select_bands(scene, ["b2", "B03", "Near Infrared"])] == [1, 2, 3]
    assert [b.index for b in select_bands(scene, ["3", 1])] == [3, 1]
    with pytest.raises(InputError, match="has no band B08: choose among B02, B03, near infrared"):
        select_bands(scene, ["B08"])


def test_counted_names_are_no_sentinel_bands(tmp_path: Path, write_scene: Writer) -> None:
    path = write_scene(tmp_path / "s.tif", RAMP, names=None)
    scene = open_scene(path)
    assert [b.name for b in scene.bands] == ["B1", "B2", "B3"]
    with pytest.raises(InputError, match="--band-names"):
        select_bands(scene, ["B02"])
    named = open_scene(path, SceneOptions(band_names=["B02", "B03", "B04"]))
    assert select_bands(named, ["B2"])[0].index == 1
    with pytest.raises(InputError, match="has 3 bands and 2 different names"):
        open_scene(path, SceneOptions(band_names=["B02", "B03"]))


def test_one_file_per_band(tmp_path: Path, write_scene: Writer) -> None:
    folder = tmp_path / "T17RNJ_20240101"
    folder.mkdir()
    for index, name in enumerate(("B02", "B03", "B8A")):
        write_scene(folder / f"T17RNJ_20240101_{name}.tif", RAMP[index : index + 1], names=None)
    scene = open_scene(folder)
    assert [b.name for b in scene.bands] == ["B02", "B03", "B8A"]
    assert scene.name == "T17RNJ_20240101"
    ((values, _),) = read_windows(scene, scene.bands, [Window(0, 0, 40, 50)])
    assert (values == RAMP).all()
    given = open_scene({"nir": folder / "T17RNJ_20240101_B8A.tif"})
    assert given.bands[0].name == "nir"
    write_scene(folder / "T17RNJ_20240101_B11.tif", RAMP[:1, :20, :25], names=None, pixel=20.0)
    assert [b.name for b in open_scene(folder).bands] == ["B02", "B03", "B11", "B8A"]
    write_scene(folder / "elsewhere.tif", RAMP, origin=(600_000, 3_000_000))
    assert [len(scene.bands) for scene in open_scenes(folder)] == [4, 3]
    with pytest.raises(InputError, match=r"holds 2 scenes .*: pass one of them"):
        open_scene(folder)


def test_overview(tmp_path: Path, write_scene: Writer) -> None:
    scene = open_scene(write_scene(tmp_path / "s.tif", RAMP))
    values, valid = read_overview(scene, scene.bands, 25)
    assert values.shape == (3, 20, 25)
    assert valid.all()


def test_bad_input(tmp_path: Path, write_scene: Writer) -> None:
    with pytest.raises(InputError, match="--scene-crs"):
        open_scene(write_scene(tmp_path / "a.tif", RAMP, crs=None))
    assert open_scene(tmp_path / "a.tif", SceneOptions(crs="EPSG:32617")).crs.to_epsg() == 32617
    with pytest.raises(InputError, match="is not known"):
        open_scene(tmp_path / "a.tif", SceneOptions(crs="EPSG:0"))
    with pytest.raises(InputError, match="has no georeference"):
        open_scene(write_scene(tmp_path / "b.tif", RAMP, crs=None, origin=None))
    with pytest.raises(InputError, match="does not exist"):
        open_scene(tmp_path / "none.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match="not a raster"):
        open_scene(tmp_path / "text.tif")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no band files"):
        open_scene(tmp_path / "empty")
    noise = np.random.default_rng(0).integers(0, 999, (1, 400, 400), "uint16")
    whole = write_scene(tmp_path / "cut.tif", noise, names=("B02",), compress="deflate")
    content = bytearray(whole.read_bytes())
    content[1000:90_000] = bytes(89_000)
    whole.write_bytes(content)
    scene = open_scene(whole)
    with pytest.raises(InputError, match="could not be read"):
        list(read_windows(scene, scene.bands, [Window(0, 0, 400, 400)]))


def test_real_rasters_open_or_say_why(data: Path) -> None:
    refused = {}
    for path in sorted([*data.glob("realcoast/*.tif"), *data.glob("miami/*.tif"), *data.glob("scenes/**/*.tif")]):
        try:
            scene = open_scene(path)
        except InputError as error:
            refused[path.name] = str(error)
            continue
        values, _ = next(iter(read_windows(scene, scene.bands, [Window(0, 0, 64, 64)])))
        with rasterio.open(path) as image:
            assert values.shape == (image.count, 64, 64)
    assert set(refused) == {"B02_original.tif", "jonesbeach_NY_2015-09-01_S2_5band_NOT_GEOREFERENCED.tif"}
    assert "--scene-crs" in refused["B02_original.tif"]
    assert "no georeference" in refused["jonesbeach_NY_2015-09-01_S2_5band_NOT_GEOREFERENCED.tif"]
    landsat = open_scene(data / "scenes" / "klamath_CA_2017-10-02_L8_30m_6band.tif")
    _, valid = next(iter(read_windows(landsat, landsat.bands[:5], [Window(0, 0, landsat.height, landsat.width)])))
    assert valid.mean() == pytest.approx(1 - 0.093, abs=0.005)


def test_bands_of_one_name_are_told_apart(tmp_path: Path, write_scene: Writer) -> None:
    scene = open_scene(write_scene(tmp_path / "s.tif", RAMP, names=("B02", "B02", "B04")))
    assert [b.name for b in scene.bands] == ["B02", "B02:2", "B04"]
    assert select_bands(scene, ["B02:2"])[0].index == 2
    for wanted in (["B02", "b02"], []):
        with pytest.raises(InputError, match="is asked for"):
            select_bands(scene, wanted)


def test_what_a_model_was_trained_on_is_met_by_whole_names_only(tmp_path: Path, write_scene: Writer) -> None:
    scene = open_scene(write_scene(tmp_path / "s.tif", RAMP, names=("B01", "B02", "B03")))
    assert select_bands(scene, ["B1"])[0].name == "B01"
    for counted in ("B1", "1"):
        with pytest.raises(InputError, match="has no band"):
            select_bands(scene, [counted], exact=True)


def test_a_stated_crs_is_not_overridden(tmp_path: Path, write_scene: Writer) -> None:
    path = write_scene(tmp_path / "s.tif", RAMP)
    assert open_scene(path, SceneOptions(crs="EPSG:32617")).crs.to_epsg() == 32617
    with pytest.raises(InputError, match="says itself that it is in EPSG:32617"):
        open_scene(path, SceneOptions(crs="EPSG:32618"))


def test_a_damaged_scene_has_no_overview(tmp_path: Path, write_scene: Writer) -> None:
    noise = np.random.default_rng(0).integers(0, 999, (1, 400, 400), "uint16")
    path = write_scene(tmp_path / "s.tif", noise, names=("B02",), compress="deflate")
    content = bytearray(path.read_bytes())
    content[1000:90_000] = bytes(89_000)
    path.write_bytes(content)
    scene = open_scene(path)
    with pytest.raises(InputError, match="could not be read"):
        read_overview(scene, scene.bands, 100)
