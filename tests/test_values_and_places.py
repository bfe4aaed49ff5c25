"""Bands, values and places of files from elsewhere: what the file says is what is read.

Oracles: one scene written in many ways must read the same; numbers worked out by hand beside each case.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from littoral import extract_shoreline
from littoral.errors import InputError, LittoralWarning
from littoral.imagery import (
    Window,
    at_cell_size,
    cloudy,
    open_scene,
    open_scenes,
    read_overview,
    read_windows,
    select_bands,
    stored_as,
    stream_windows,
)
from littoral.imagery.band_names import name_in, sensor_of
from littoral.imagery.options import SceneOptions
from littoral.imagery.raster_files import date_in
from littoral.tiles.labeled.images import read_tile
from safe_recipe import write_safe, zip_safe

Writer = Callable[..., Path]
SIDE = 90
NORTH_UP = Affine(10, 0, 5e5, 0, -10, 3e6)
RAMP = np.arange(SIDE * SIDE, dtype="uint16").reshape(1, SIDE, SIDE) + 1


def write(path: Path, values: np.ndarray, transform: Affine = NORTH_UP, **options: Any) -> Path:
    count, height, width = values.shape
    form = {"driver": "GTiff", "crs": "EPSG:32617", "dtype": values.dtype, **options}
    with rasterio.open(path, "w", count=count, height=height, width=width, transform=transform, **form) as image:
        image.write(values)
    return path


def everything(path: Path) -> tuple[np.ndarray, np.ndarray]:
    scene = open_scene(path)
    ((values, valid),) = read_windows(scene, scene.bands, [Window(0, 0, scene.height, scene.width)])
    return values, valid


# Orientation


def turned(path: Path, values: np.ndarray, upwards: bool, leftwards: bool) -> Path:
    """The same ground, rows from the south, columns from the east."""
    place = NORTH_UP
    if upwards:
        values, place = values[:, ::-1], place @ Affine.translation(0, SIDE) @ Affine.scale(1, -1)
    if leftwards:
        values, place = values[:, :, ::-1], place @ Affine.translation(SIDE, 0) @ Affine.scale(-1, 1)
    return write(path, values, place, tiled=True, blockxsize=32, blockysize=16)


@pytest.mark.parametrize(("upwards", "leftwards"), [(True, False), (False, True), (True, True)])
@given(window=st.builds(Window, *[st.integers(-20, SIDE + 5)] * 2, *[st.integers(1, SIDE)] * 2))
def test_south_up_and_mirrored_files_are_read_as_north_up_ones(
    tmp_path_factory: pytest.TempPathFactory, upwards: bool, leftwards: bool, window: Window
) -> None:
    folder = tmp_path_factory.mktemp("turned")
    plain = open_scene(write(folder / "plain.tif", RAMP))
    other = open_scene(turned(folder / "other.tif", RAMP, upwards, leftwards))
    assert (other.transform, other.height, other.width) == (plain.transform, SIDE, SIDE)
    (right,) = read_windows(plain, plain.bands, [window])
    (found,) = read_windows(other, other.bands, [window])
    ((_, *streamed),) = stream_windows(other, other.bands, [window])
    for values, valid in (found, streamed):
        assert (values == right[0]).all()
        assert (valid == right[1]).all()


def test_overviews_of_a_south_up_file_lie_right(tmp_path: Path) -> None:
    plain = open_scene(write(tmp_path / "plain.tif", RAMP))
    other = open_scene(turned(tmp_path / "other.tif", RAMP, True, False))
    right, found = (read_overview(scene, scene.bands, 30)[0].astype(int) for scene in (plain, other))
    assert abs(right - found).max() <= 3 * SIDE


def test_land_is_left_of_the_shoreline_of_a_south_up_scene(tmp_path: Path) -> None:
    values = np.full((2, SIDE, SIDE), 2000, "uint16")
    values[0, :, 40:], values[1, :, 40:] = 1000, 300
    values[0, :, :40], values[1, :, :40] = 800, 3000
    lines = []
    for upwards in (False, True):
        path = turned(tmp_path / f"{upwards}.tif", values, upwards, False)
        with rasterio.open(path, "r+") as image:
            image.descriptions = ("B03", "B08")
        lines.append(extract_shoreline(open_scene(path)))
    assert lines[0].geometry.geom_equals_exact(lines[1].geometry, 1e-6).all()


def test_bands_of_two_orientations_are_one_scene(tmp_path: Path) -> None:
    write(tmp_path / "B03.tif", RAMP)
    turned(tmp_path / "B08.tif", RAMP, True, False)
    values, valid = everything(tmp_path)
    assert valid.all()
    assert (values[0] == values[1]).all()


# Alpha


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("nodata", [None, 7])
def test_alpha_masks_any_number_of_bands(tmp_path: Path, count: int, nodata: float | None) -> None:
    values = np.concatenate([np.full((count, SIDE, SIDE), 1200, "uint16"), np.full((1, SIDE, SIDE), 65535, "uint16")])
    values[:, :30] = 0
    path = write(tmp_path / "a.tif", values, nodata=nodata)
    with rasterio.open(path, "r+") as image:
        image.colorinterp = [*[ColorInterp.gray] * count, ColorInterp.alpha]
    found, valid = everything(path)
    assert found.shape[0] == count
    assert (valid == (values[-1] > 0)).all()
    tile, kept = read_tile(path)
    assert tile.shape[0] == count
    assert (kept == (values[-1] > 0)).all()


def test_a_fourth_band_with_a_name_is_no_alpha(tmp_path: Path) -> None:
    values = np.stack([np.full((SIDE, SIDE), n, "uint8") for n in (1, 2, 3, 0)])
    path = write(tmp_path / "a.tif", values)
    with rasterio.open(path, "r+") as image:
        image.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
        image.descriptions = ("B04", "B03", "B02", "B08")
    found, valid = everything(path)
    assert found[:, 0, 0].tolist() == [1, 2, 3, 0]
    assert valid.all()


# Scale, offset, nodata, types


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "uint32", "int64", "float32", "float64"])
def test_a_declared_offset_counts_for_every_type(tmp_path: Path, write_scene: Writer, dtype: str) -> None:
    stored = np.array([[[0, 900, 1000], [1001, 5000, 11000]]], dtype)
    path = write_scene(tmp_path / "a.tif", stored, names=("B03",), scales=(1e-4,), offsets=(-0.1,))
    values, valid = everything(path)
    assert values.dtype == np.int16
    assert valid.tolist() == [[False, True, True], [True, True, True]]
    assert values[0][valid].tolist() == [-100, 0, 1, 4000, 10_000]


def test_missing_floats_stay_missing_when_an_offset_is_taken_off(tmp_path: Path, write_scene: Writer) -> None:
    stored = np.array([[[np.nan, np.inf, 2000.4, -3.4e38]]], "float32")
    path = write_scene(tmp_path / "a.tif", stored, names=("B03",), scales=(1e-4,), offsets=(-0.1,))
    values, valid = everything(path)
    assert valid.tolist() == [[False, False, True, False]]
    assert values[0, 0, 2] == 1000


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint16", -9999), ("uint8", -32768), ("uint8", 255.5), ("int16", 65535), ("float32", 1e300)]
)
def test_nodata_that_the_type_cannot_hold_is_none(tmp_path: Path, dtype: str, nodata: float) -> None:
    path = tmp_path / "a.vrt"
    write(tmp_path / "a.tif", RAMP.astype(dtype))
    name = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32"}[dtype]
    path.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:32617</SRS><GeoTransform>500000, 10, 0, '
        f'3000000, 0, -10</GeoTransform><VRTRasterBand dataType="{name}" band="1"><NoDataValue>{nodata}</NoDataValue>'
        '<SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename></SimpleSource></VRTRasterBand>'
        "</VRTDataset>"
    )
    values, valid = everything(path)
    assert valid.all()
    assert (values == RAMP.astype(dtype)).all()
    assert open_scene(path).bands[0].nodata is None


def test_cloud_bits_as_floats() -> None:
    bits = np.array([1, 21824, 22280, 2])
    assert (cloudy(bits.astype("float32"), "cloud bits") == cloudy(bits, "cloud bits")).all()
    assert not cloudy(np.array([np.nan, np.inf, -np.inf]), "cloud bits").any()


def test_complex_values_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", RAMP.astype("complex64"))
    with pytest.raises(InputError, match="has values of the type complex64: convert it"):
        open_scene(path)


@pytest.mark.parametrize("wkt", ['LOCAL_CS["plan",UNIT["metre",1]]', 'ENGCRS["plan",EDATUM["plan"],CS[Cartesian,2],'
                                 'AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'])  # fmt: skip
def test_the_crs_of_a_plan_is_none(tmp_path: Path, wkt: str) -> None:
    path = write(tmp_path / "a.tif", RAMP, crs=wkt)
    with pytest.raises(InputError, match="has no coordinate reference system"):
        open_scene(path)
    assert open_scene(path, SceneOptions(crs="EPSG:32617")).crs.to_epsg() == 32617
    with pytest.raises(InputError, match=r"EPSG:5773.* is none of places on the ground"):
        open_scene(path, SceneOptions(crs="EPSG:5773"))


@pytest.mark.parametrize("place", [Affine(0, 0, 5e5, 0, -10, 3e6), Affine(np.nan, 0, 5e5, 0, -10, 3e6)])
def test_transforms_that_are_none(tmp_path: Path, place: Affine) -> None:
    with pytest.raises(InputError, match=r"has (no|a) georeference"):
        open_scene(write(tmp_path / "a.tif", RAMP, place))


@pytest.mark.parametrize("size", [0.01, 1e-300, 1e-5])
def test_more_cells_than_any_use_has_are_refused(tmp_path: Path, size: float) -> None:
    scene = open_scene(write(tmp_path / "a.tif", np.zeros((1, 2000, 2000), "uint8")))
    with pytest.raises(InputError, match=r"more than 4,294,967,296: pass one nearer to its own, 10"):
        at_cell_size(scene, size / 10)


# Names of bands


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("T17RNJ_20230613T155819_B08_10m", "B08"),
        ("T17RNJ_20230613T155819_B8A", "B8A"),
        ("aoi_B03_sub1", "B03"),
        ("S2A_b3", "B03"),
        ("LC08_L1TP_015042_20230601_20230605_02_T1_B3", "B03"),
        ("LC08_L1TP_015042_20230601_20230605_02_T1_B5", "B8A"),
        ("LC09_L1TP_015042_20230601_20230605_02_T1_B6", "B11"),
        ("LC08_L1TP_015042_20230601_20230605_02_T1_B11", "LWIR12"),
        ("LC80150422023164LGN00_B5", "B8A"),
        ("LT05_L2SP_015042_20000601_20200905_02_T1_SR_B2", "B03"),
        ("LE07_L2SP_015042_20020601_20200905_02_T1_SR_B4", "B8A"),
        ("LE07_L1TP_015042_20020601_20200905_02_T1_B6_VCID_1", "LWIR"),
        ("HLS.L30.T17RNJ.2023164T155819.v2.0.B05", "B8A"),
        ("HLS.S30.T17RNJ.2023164T155819.v2.0.B05", "B05"),
    ],
)
def test_a_file_is_the_band_of_its_sensor(tmp_path: Path, stem: str, name: str) -> None:
    scene = open_scene(write(tmp_path / f"{stem}.tif", RAMP.astype("float32"), Affine(30, 0, 5e5, 0, -30, 3e6)))
    assert [band.name for band in scene.bands] == [name]
    assert select_bands(scene, [name], exact=True)


@pytest.mark.parametrize(
    "stem", ["NDWI_B03_B08", "sub1", "band_B3", "CBERS_4A_WPM_20230613_BAND3", "SR_B4", "PSScene_B03", "AB03"]
)
def test_a_file_of_no_known_band_is_none_of_sentinel_2(tmp_path: Path, stem: str) -> None:
    write(tmp_path / f"{stem}.tif", RAMP, Affine(30, 0, 5e5, 0, -30, 3e6))
    write(tmp_path / "other.tif", RAMP, Affine(30, 0, 5e5, 0, -30, 3e6))
    scene = open_scene(tmp_path)
    for wanted in ("B01", "B03", "B04", "B08"):
        with pytest.raises(InputError, match="has no band"):
            select_bands(scene, [wanted])


@pytest.mark.parametrize(
    ("descriptions", "metres", "tags", "names"),
    [
        (("B2", "B3", "B4", "B8"), 10, {}, ["B02", "B03", "B04", "B08"]),
        (("B2", "B3", "B8A"), 20, {}, ["B02", "B03", "B8A"]),
        (("B3", "B8A"), 30, {}, ["B03", "B8A"]),
        (("SR_B2", "SR_B3", "SR_B5", "SR_B6"), 30, {}, ["B02", "B03", "B8A", "B11"]),
        (("SR_B2", "SR_B4"), 30, {"SPACECRAFT_ID": "LANDSAT_5"}, ["B03", "B8A"]),
        (("B3", "B5"), 30, {"SATELLITE": "LANDSAT_8"}, ["B03", "B8A"]),
        (("B03", "B08"), 10, {"SENSOR": "landsat8"}, ["B03", "B08"]),
    ],
)
def test_descriptions_as_other_programs_write_them(
    tmp_path: Path, descriptions: tuple[str, ...], metres: float, tags: dict[str, str], names: list[str]
) -> None:
    values = np.repeat(RAMP, len(descriptions), axis=0)
    path = write(tmp_path / "a.tif", values, Affine(metres, 0, 5e5, 0, -metres, 3e6))
    with rasterio.open(path, "r+") as image:
        image.descriptions = descriptions
        image.update_tags(**tags)
    scene = open_scene(path)
    assert [band.name for band in scene.bands] == names
    assert select_bands(scene, names, exact=True)


@pytest.mark.parametrize("descriptions", [("B2", "B3", "B5"), ("SR_B2", "SR_B3", "SR_B4")])
def test_numbers_of_no_known_sensor_are_no_names(tmp_path: Path, descriptions: tuple[str, ...]) -> None:
    path = write(tmp_path / "a.tif", np.repeat(RAMP, 3, axis=0), Affine(30, 0, 5e5, 0, -30, 3e6))
    with rasterio.open(path, "r+") as image:
        image.descriptions = descriptions
    scene = open_scene(path)
    with pytest.raises(InputError, match="--band-names"):
        select_bands(scene, ["B03"])
    assert select_bands(open_scene(path, SceneOptions(band_names=["B02", "B03", "B04"])), ["B03"])[0].index == 2


def test_wavelengths_name_bands(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.repeat(RAMP, 3, axis=0))
    with rasterio.open(path, "r+") as image:
        image.descriptions = ("B1", "B2", "B5")
        for index, micrometres in enumerate(("0.561", "0.865", "1.609"), 1):
            image.update_tags(index, wavelength=micrometres)
    assert [band.name for band in open_scene(path).bands] == ["B03", "B8A", "B11"]


def test_landsat_surface_reflectance_without_its_metadata(tmp_path: Path) -> None:
    stem = "LT05_L2SP_015042_20000601_20200905_02_T1_SR_B2"
    band = open_scene(write(tmp_path / f"{stem}.TIF", RAMP)).bands[0]
    assert (band.scale, band.offset, band.nodata) == (2.75e-5, -0.2, 0)
    assert stored_as(band).times == 0.275


@given(st.text(alphabet="B0123456789A_-. SR", max_size=30))
def test_no_name_breaks_the_rules(text: str) -> None:
    for sensor in ("sentinel-2", "oli", "tm", "other", ""):
        name = name_in(text, sensor)
        assert name is None or name[0] in "BPL"
    sensor_of(text)


# Dates, folders, products


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2023_06_13", "2023-06-13"),
        ("bay_2023-06-13_B03", "2023-06-13"),
        ("20230613", "2023-06-13"),
        ("2023.06.13", "2023-06-13"),
        ("2023164", "2023-06-13"),
        ("2023-164", "2023-06-13"),
        ("2024366", "2024-12-31"),
        ("2023366", None),
        ("2023000", None),
        ("20231345", None),
        ("12345678", None),
        ("scene 2023", None),
    ],
)
def test_dates_in_names(text: str, date: str | None) -> None:
    assert date_in(text) == date


def names_of(folder: Path) -> dict[str, list[str]]:
    return {scene.name: [band.name for band in scene.bands] for scene in open_scenes(folder)}


def test_several_dates_in_a_folder_are_several_scenes(tmp_path: Path) -> None:
    for day in ("2023_06_13", "2023-07-08", "2023214"):
        for band in ("B03", "B08"):
            write(tmp_path / f"bay_{day}_{band}.tif", RAMP)
    assert names_of(tmp_path) == {
        "bay_2023_06_13": ["B03", "B08"],
        "bay_2023-07-08": ["B03", "B08"],
        "bay_2023214": ["B03", "B08"],
    }
    assert [scene.acquired for scene in open_scenes(tmp_path)] == ["2023-06-13", "2023-07-08", "2023-08-02"]


def test_the_same_bands_twice_are_two_scenes(tmp_path: Path) -> None:
    for place in ("north", "south"):
        for band in ("B03", "B08_10m", "SCL_20m"):
            write(tmp_path / f"{place}_{band}.tif", RAMP)
    assert names_of(tmp_path) == {"north": ["B03", "B08"], "south": ["B03", "B08"]}
    for name in ("a", "b"):
        write(tmp_path / f"{name}.tif", np.repeat(RAMP, 3, axis=0))
    assert set(names_of(tmp_path)) == {"north", "south", "a", "b"}


def test_two_places_with_a_file_per_band_are_two_scenes(tmp_path: Path) -> None:
    for tile, east in (("T17RNJ", 5e5), ("T17RNH", 6e5)):
        for band in ("B03", "B08"):
            write(
                tmp_path / f"{tile}_20230613T155819_{band}.tif",
                RAMP.astype("float32"),
                Affine(10, 0, east, 0, -10, 3e6),
            )
    assert names_of(tmp_path) == {
        "T17RNJ_20230613T155819": ["B03", "B08"],
        "T17RNH_20230613T155819": ["B03", "B08"],
    }


def test_one_scene_of_many_files_stays_one(tmp_path: Path) -> None:
    for band in ("B02_10m", "B03_10m", "B11_20m", "SCL_20m"):
        write(tmp_path / f"T17RNJ_20230613T155819_{band}.tif", RAMP.astype("float32"))
    (scene,) = open_scenes(tmp_path)
    assert [band.name for band in scene.bands] == ["B02", "B03", "B11"]
    assert scene.name == tmp_path.name


def test_hidden_files_of_other_systems_are_no_bands(tmp_path: Path) -> None:
    write(tmp_path / "B03.tif", RAMP)
    (tmp_path / "._B03.tif").write_bytes(b"\0\5\26\7 Mac OS X")
    assert [band.name for band in open_scene(tmp_path).bands] == ["B03"]


def test_images_beside_products_are_left_out_and_said_so(tmp_path: Path) -> None:
    product = write_safe(tmp_path)
    write(tmp_path / "stray.tif", RAMP)
    with pytest.warns(LittoralWarning, match=r"beside them 1 images that are left out \(stray.tif\)"):
        (scene,) = open_scenes(tmp_path)
    assert scene.name == product.stem


def test_a_tar_of_landsat_is_read_without_unpacking(tmp_path: Path) -> None:
    name = "LC09_L2SP_016042_20240506_20240507_02_T1"
    folder = tmp_path / name
    folder.mkdir()
    for number in (3, 5):
        write(folder / f"{name}_SR_B{number}.TIF", RAMP, nodata=0)
    listed = "\n".join(f'FILE_NAME_BAND_{n} = "{name}_SR_B{n}.TIF"' for n in (3, 5))
    factors = "\n".join(f"REFLECTANCE_MULT_BAND_{n} = 2.75e-05\nREFLECTANCE_ADD_BAND_{n} = -0.2" for n in (3, 5))
    (folder / f"{name}_MTL.txt").write_text(
        'SPACECRAFT_ID = "LANDSAT_9"\nDATE_ACQUIRED = 2024-05-06\nPROCESSING_LEVEL = "L2SP"\n'
        f"{listed}\n{factors}\nEND\n"
    )
    (folder / f"._{name}_MTL.txt").write_text("Mac OS X")
    plain = open_scene(folder)
    for number, within in enumerate(("", f"{name}/", "./")):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(path, "w") as archive:
            for file in folder.iterdir():
                archive.add(file, f"{within}{file.name}")
        scene = open_scene(path)
        assert [band.name for band in scene.bands] == ["B03", "B8A"]
        for one, other in zip(read_windows(plain, plain.bands, [Window(0, 0, 50, 50)]),
                              read_windows(scene, scene.bands, [Window(0, 0, 50, 50)]), strict=True):  # fmt: skip
            assert (one[0] == other[0]).all()
    content = path.read_bytes()
    (tmp_path / "cut.tar").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"is not a whole .tar|is not there"):
        select_bands(open_scene(tmp_path / "cut.tar"), None)


@pytest.mark.parametrize("form", ["./{}", "{}"])
@pytest.mark.parametrize("slash", ["/", "\\"])
def test_zips_as_other_programs_write_them(tmp_path: Path, form: str, slash: str) -> None:
    product = write_safe(tmp_path)
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(product.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo()
                entry.filename = form.format(file.relative_to(tmp_path).as_posix()).replace("/", slash)
                archive.writestr(entry, file.read_bytes())
    plain, zipped = open_scene(product), open_scene(path)
    assert [band.name for band in zipped.bands] == [band.name for band in plain.bands]
    window = [Window(0, 0, 20, 20)]
    for one, other in zip(
        read_windows(plain, plain.bands, window), read_windows(zipped, zipped.bands, window), strict=True
    ):
        assert (one[0] == other[0]).all()


@pytest.mark.parametrize(("offsets", "offset"), [(-1000, -0.1), (None, 0.0)])
def test_a_product_of_ones_own_processing(tmp_path: Path, offsets: float | None, offset: float) -> None:
    scene = open_scene(write_safe(tmp_path, baseline="99.99", offsets=offsets))
    assert {round(band.offset, 6) for band in scene.bands} == {offset}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("method", ["MD5", "SHA3-256"])
def test_checksums_of_a_product_on_demand(tmp_path: Path, zipped: bool, method: str) -> None:
    product = write_safe(tmp_path)
    image = next(product.rglob("*_B03_10m.jp2"))
    objects = "".join(
        f'<dataObject><byteStream><fileLocation href="./{file.relative_to(product).as_posix()}"/><checksum '
        f'checksumName="{method}">{hashlib.new(method.lower().replace("-", "_"), file.read_bytes()).hexdigest()}'
        "</checksum></byteStream></dataObject>"
        for file in sorted(product.rglob("*"))
        if file.is_file() and file.name != "manifest.safe"
    )
    (product / "manifest.safe").write_text(f"<xfdu:XFDU xmlns:xfdu='urn:x'>{objects}</xfdu:XFDU>")
    options = SceneOptions(verify=True)
    assert open_scene(zip_safe(product, tmp_path / "a.zip") if zipped else product, options).bands
    content = bytearray(image.read_bytes())
    content[len(content) // 2] ^= 1
    image.write_bytes(content)
    path = zip_safe(product, tmp_path / "b.zip") if zipped else product
    assert open_scene(path).bands
    with pytest.raises(InputError, match=rf"B03_10m.jp2 has another checksum .{method}. than manifest.safe lists"):
        open_scene(path, options)
