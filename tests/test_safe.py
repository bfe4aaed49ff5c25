"""Sentinel-2 products: small ones by :mod:`safe_recipe`, and the real ones of the shared data."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window as RasterioWindow

from littoral import open_scene
from littoral.errors import InputError, LittoralWarning
from littoral.imagery import REFLECTANCE, Scene, Window, open_scenes, read_windows, stored_as
from littoral.imagery.options import SceneOptions
from littoral.imagery.safe import is_safe, open_safe, with_product_scaling
from littoral.imagery.safe.metadata import read_product, read_tile, take_resolution
from littoral.imagery.safe.scaling import scale_and_offset
from safe_recipe import NATIVE_M, ORIGIN, write_safe, zip_safe

L2A_NAMES = [name for name in NATIVE_M if name != "B10"]


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One product of each kind; tests that break one copy it first."""
    folder = tmp_path_factory.mktemp("products")
    return {
        "L1C": write_safe(folder, level="L1C", baseline="05.00", acquired="2020-06-22"),
        "L2A": write_safe(folder, level="L2A", baseline="05.09"),
        "old": write_safe(
            folder, level="L1C", baseline="02.02", offsets=None, old=True, tiles=("29UNU", "29UPU"), without=("B05",)
        ),
    }


@pytest.fixture
def broken(products: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    def copy(kind: str) -> Path:
        return Path(shutil.copytree(products[kind], tmp_path / products[kind].name))

    return copy


def images(product: Path) -> Path:
    return next(product.glob("GRANULE/*/IMG_DATA"))


def stored(scene: Scene) -> dict[str, np.ndarray]:
    """All values as rasterio reads them, by band and mask."""
    values = {}
    for band in (*scene.bands, *scene.masks):
        with rasterio.open(band.href) as image:
            values[band.name] = image.read(band.index)
    return values


# What the metadata say of values


@pytest.mark.parametrize(
    ("baseline", "quantification", "listed", "expected"),
    [
        ("02.04", 10_000, None, (1e-4, 0.0)),  # before the offset
        ("03.01", 10_000, None, (1e-4, 0.0)),
        ("03.01", 10_000, 0, (1e-4, 0.0)),  # listed as none
        ("04.00", 10_000, -1000, (1e-4, -0.1)),  # from the offset on
        ("05.00", 10_000, -1000, (1e-4, -0.1)),  # reprocessed, whatever the date
        ("05.11", 10_000, -1000, (1e-4, -0.1)),
        ("05.10", 10_000, -500, (1e-4, -0.05)),  # another offset for this band
        ("04.00", 10_000, 0, (1e-4, 0.0)),
        ("03.01", 10_000, -1000, (1e-4, -0.1)),  # the list is believed, not the baseline
        ("01.03", 1000, None, (1e-3, 0.0)),  # 2015
        ("10.00", 10_000, -1000, (1e-4, -0.1)),  # no comparison of text
    ],
)
def test_scale_and_offset(
    baseline: str, quantification: float, listed: float | None, expected: tuple[float, float]
) -> None:
    assert scale_and_offset(baseline, quantification, listed) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("baseline", "quantification", "listed", "says"),
    [
        ("04.00", 10_000, None, "baseline 04.00 and no offset is listed for it"),
        ("05.09", 10_000, None, "baseline 05.09 and no offset is listed for it"),
        ("10.00", 10_000, None, "no offset is listed"),
        ("98.99", 10_000, None, "no offset is listed"),
        ("N0400", 10_000, -1000, "processing baseline 'N0400', which is none"),
        ("02.04", 0, None, "quantification value 0"),
    ],
)
def test_damaged_metadata_are_refused(baseline: str, quantification: float, listed: float | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        scale_and_offset(baseline, quantification, listed, of="band B02")


@pytest.mark.parametrize(
    ("level", "baseline", "offsets", "quantification", "kept"),
    [
        ("L1C", "03.01", None, 10_000, (0, "uint16")),
        ("L2A", "02.12", None, 10_000, (0, "uint16")),
        ("L1C", "05.00", -1000, 10_000, (-1000, "int16")),
        ("L2A", "04.00", -1000, 10_000, (-1000, "int16")),
        ("L2A", "03.01", -1000, 10_000, (-1000, "int16")),
    ],
)
def test_products_are_kept_as_reflectance(
    tmp_path: Path, level: str, baseline: str, offsets: float | None, quantification: float, kept: tuple[int, str]
) -> None:
    path = write_safe(
        tmp_path, level=level, baseline=baseline, offsets=offsets, quantification=quantification, side_m=120
    )
    scene = open_safe(path)
    for band in scene.bands:
        rule = stored_as(band)
        assert (rule.meaning, rule.add, rule.dtype, rule.masked) == (REFLECTANCE, *kept, 0)


def test_quantification_of_2015(tmp_path: Path) -> None:
    scene = open_safe(
        write_safe(tmp_path, level="L1C", baseline="01.03", offsets=None, quantification=1000, side_m=120)
    )
    assert {(band.scale, band.offset) for band in scene.bands} == {(1e-3, 0.0)}
    (band,) = (band for band in scene.bands if band.name == "B02")
    ((values, valid),) = read_windows(scene, [band], [Window(0, 0, 12, 12)])
    plain = stored(scene)["B02"].astype(int)
    assert (valid == (plain != 0)).all()
    assert (values[0][valid] == np.minimum(plain * 10, 32767)[valid]).all()


def test_offsets_are_those_of_the_band(tmp_path: Path) -> None:
    offsets = {number: -1000.0 - number for number in range(13)}
    scene = open_safe(write_safe(tmp_path, level="L1C", offsets=offsets, side_m=120))
    assert {band.name: round(band.offset / band.scale) for band in scene.bands} == dict(
        zip(NATIVE_M, (-1000 - number for number in range(13)), strict=True)
    )
    del offsets[8]
    with pytest.raises(InputError, match=r"band B8A of S2A_MSIL1C_.* no offset is listed for it"):
        open_safe(write_safe(tmp_path / "without", level="L1C", offsets=offsets, side_m=120))


def test_zero_is_masked_before_the_offset(products: dict[str, Path]) -> None:
    scene = open_safe(products["L2A"])
    band = next(band for band in scene.bands if band.name == "B02")
    ((values, valid),) = read_windows(scene, [band], [Window(0, 0, 120, 120)])
    with rasterio.open(band.href) as image:
        plain = image.read(1).astype(int)
    assert not valid[:30, :30].any()
    assert (valid == (plain != 0)).all()
    assert (values[0][valid] == np.minimum(plain - 1000, 32767)[valid]).all()
    assert plain[-1, -1] == 65535
    assert valid[-1, -1]  # saturated is a value


def test_bands_under_one_grid(products: dict[str, Path]) -> None:
    """At 20 m: a pixel of 20 m as it is, that of 60 m under its nine cells."""
    scene = open_safe(products["L1C"], SceneOptions(cell_size=20))
    names = ["B02", "B05", "B01"]
    bands = [band for name in names for band in scene.bands if band.name == name]
    ((values, valid),) = read_windows(scene, bands, [Window(0, 0, 60, 60)])
    plain = {name: stored(scene)[name].astype(int) for name in names}
    there = (
        (plain["B02"].reshape(60, 2, 60, 2) != 0).all(axis=(1, 3))
        & (plain["B05"] != 0)
        & (np.kron(plain["B01"], np.ones((3, 3))) != 0)
    )
    assert (valid == there).all()
    assert (values[1][there] == np.minimum(plain["B05"] - 1000, 32767)[there]).all()
    assert (values[2][there] == np.minimum(np.kron(plain["B01"], np.ones((3, 3))) - 1000, 32767)[there]).all()
    kept = np.minimum(plain["B02"] - 1000, 32767)
    assert (values[0][there] == np.floor(kept.reshape(60, 2, 60, 2).mean(axis=(1, 3)) + 0.5)[there]).all()


# What is in a product


def test_level_2a(products: dict[str, Path]) -> None:
    scene = open_safe(products["L2A"])
    assert scene.name == "S2A_MSIL2A_20221005T115411_N0509_R023_T29UNU_20221005T164454"
    assert scene.acquired == "2022-10-05"
    assert scene.tags == {
        "SENSOR": "Sentinel-2A",
        "LEVEL": "L2A",
        "BASELINE": "05.09",
        "TILE": "29UNU",
        "PRODUCT": f"{scene.name}.SAFE",
        "ORBIT": "23",
        "DATE": "2022-10-05",
    }
    assert [band.name for band in scene.bands] == L2A_NAMES
    assert (scene.width, scene.height, scene.cell_size) == (120, 120, (10, 10))
    assert (scene.transform.c, scene.transform.f, scene.crs.to_epsg()) == (*ORIGIN, 32629)
    # B01 has copies at 20 and 60 m, B09 only at 60 m.
    grids = {band.name: 10 if band.grid is None else band.grid.transform.a for band in scene.bands}
    assert grids == {**{name: max(NATIVE_M[name], 10) for name in L2A_NAMES}, "B01": 20}
    assert [(band.name, band.role, band.grid and band.grid.width) for band in scene.masks] == [
        ("SCL", "scene classes", 60),
        ("CLDPRB", "cloud probability", 60),
    ]
    assert not scene.absent


def test_level_1c(products: dict[str, Path]) -> None:
    scene = open_safe(products["L1C"])
    assert [band.name for band in scene.bands] == list(NATIVE_M)
    assert {band.name: 120 if band.grid is None else band.grid.width for band in scene.bands} == {
        name: 1200 // metres for name, metres in NATIVE_M.items()
    }
    assert [(band.name, band.index, band.role) for band in scene.masks] == [
        ("CLASSI_OPAQUE", 1, "cloud"),
        ("CLASSI_CIRRUS", 2, "cloud"),
    ]
    assert scene.acquired == "2020-06-22"


@pytest.mark.parametrize(
    ("cell_size", "metres", "size"),
    [(None, {"B02": 10, "B05": 20, "B09": 60}, 120), (20, {"B02": 20, "B05": 20, "B09": 60}, 60),
     (60, {"B02": 60, "B05": 60, "B09": 60}, 20), (7, {"B02": 10, "B05": 20, "B09": 60}, 172),
     (45, {"B02": 20, "B05": 20, "B09": 60}, 27), (1200, {"B02": 60, "B05": 60, "B09": 60}, 1)],
)  # fmt: skip
def test_cell_sizes(products: dict[str, Path], cell_size: float | None, metres: dict[str, int], size: int) -> None:
    scene = open_safe(products["L2A"], SceneOptions(cell_size=cell_size))
    assert (scene.width, scene.height) == (size, size)
    assert scene.cell_size == (cell_size or 10, cell_size or 10)
    taken = {band.name: (band.grid or scene.grid).transform.a for band in scene.bands if band.name in metres}
    assert taken == metres
    assert all((band.grid or scene.grid).transform.c == scene.transform.c for band in scene.bands)


@pytest.mark.parametrize("cell_size", [0, -10, float("nan"), float("inf"), 1201])
def test_no_cell_sizes(products: dict[str, Path], cell_size: float) -> None:
    with pytest.raises(
        InputError, match=r"cell size .* (is not above 0|is not a finite number|is larger than the scene)"
    ):
        open_safe(products["L2A"], SceneOptions(cell_size=cell_size))


@given(st.sets(st.sampled_from([10, 20, 60]), min_size=1), st.floats(0.1, 1000))
def test_resolution_taken(listed: set[int], cell_size: float) -> None:
    taken = take_resolution(listed, cell_size)
    finer = {metres for metres in listed if metres <= cell_size}
    assert taken in listed
    assert taken == max(finer) if finer else taken == min(listed)


@pytest.mark.parametrize("kind", ["L1C", "L2A"])
@pytest.mark.parametrize("within", ["", "download/", "a b {c}/"])
def test_folder_and_zip_are_equal(products: dict[str, Path], tmp_path: Path, kind: str, within: str) -> None:
    archive = zip_safe(products[kind], tmp_path / "some name", within=within)
    one, other = open_safe(products[kind]), open_safe(archive)
    assert is_safe(archive)
    assert (one.name, one.tags, one.grid, one.crs) == (other.name, other.tags, other.grid, other.crs)
    assert [(b.name, b.grid, b.scale, b.offset) for b in one.bands] == [
        (b.name, b.grid, b.scale, b.offset) for b in other.bands
    ]
    values, zipped = stored(one), stored(other)
    assert list(values) == list(zipped)
    assert all((values[name] == zipped[name]).all() for name in values)
    assert len({plane.tobytes() for plane in values.values()}) == len(values)  # no two are the same file


def test_ways_to_name_a_product(products: dict[str, Path], tmp_path: Path) -> None:
    product = products["L2A"]
    archive = zip_safe(product, tmp_path / "p.zip")
    granule = next(product.glob("GRANULE/*")).name
    renamed = shutil.copytree(product, tmp_path / "renamed")
    ways = [
        product, product / "MTD_MSIL2A.xml", product / "manifest.safe", product / "GRANULE" / granule, archive, renamed,
        product / "GRANULE" / granule / "MTD_TL.xml", archive / product.name,
        archive / product.name / "GRANULE" / granule,
    ]  # fmt: skip
    for way in ways:
        assert is_safe(way), way
        assert open_scene(way).name == product.name.removesuffix(".SAFE"), way


@pytest.mark.parametrize(
    "address",
    ["https://h/S2A.SAFE/MTD_MSIL2A.xml", "s3://eodata/x.SAFE", "/vsicurl/https://h/x.zip", f"https://h/{'x' * 999}"],
)  # fmt: skip
def test_addresses_are_no_products(address: str) -> None:
    assert not is_safe(address)


def test_other_scenes_are_no_products(products: dict[str, Path], tmp_path: Path) -> None:
    picture = next(images(products["L1C"]).glob("*B02.jp2"))
    assert not is_safe(picture)
    assert not is_safe(picture.parent)
    stray = tmp_path / "stray"
    (stray / "landsat").mkdir(parents=True)
    shutil.copyfile(products["L2A"] / "MTD_MSIL2A.xml", stray / "MTD_MSIL2A.xml")
    assert not is_safe(stray / "landsat")
    assert not is_safe(tmp_path)
    assert not is_safe(tmp_path / "nothing.tif")
    with pytest.raises(InputError, match="does not exist"):
        open_safe(tmp_path / "nothing.SAFE")


# Another reader


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("kind", ["L1C", "L2A", "old"])
@pytest.mark.parametrize("metres", [10, 20, 60])
def test_gdal_reads_the_same(products: dict[str, Path], kind: str, metres: int) -> None:
    (metadata,) = products[kind].glob("*MTD*.xml")
    with rasterio.open(metadata) as product:
        (name,) = (name for name in product.subdatasets if f":{metres}m:" in name)
    path = products[kind] if kind != "old" else min(products[kind].glob("GRANULE/*"))
    scene = open_safe(path, SceneOptions(cell_size=metres))
    bands = {band.name: band for band in scene.bands}
    values = stored(scene)
    compared = set()
    with rasterio.open(name) as image:
        assert (image.transform, image.height) == (scene.transform, scene.height)
        for index, description in zip(image.indexes, image.descriptions, strict=True):
            word = description.split(",")[0]
            ours = word if word in ("SCL", "B8A") else f"B{int(word[1:]):02d}" if word[1:].isdigit() else None
            theirs = image.read(index)[:, : scene.width]
            if ours in scene.absent:
                assert not theirs.any()  # the trap: a file that is not there reads as zeros
            elif ours is not None and (ours != "SCL" or metres == 20):
                assert (theirs == values[ours]).all()
                compared.add(ours)
            if ours in bands and kind != "old":
                said = image.tags(index)["RADIO_ADD_OFFSET" if kind == "L1C" else "BOA_ADD_OFFSET"]
                assert float(said) == round(bands[ours].offset / bands[ours].scale)
    assert compared >= {name for name in NATIVE_M if NATIVE_M[name] == metres} - {*scene.absent, "B10"}


# Naming before December 2016


def test_old_product(products: dict[str, Path], tmp_path: Path) -> None:
    product = products["old"]
    granules = sorted(product.glob("GRANULE/*"))
    with pytest.raises(
        InputError, match=r"holds 2 granules \(.*T29UNU_N02.02, .*T29UPU_N02.02\): pass the folder of one"
    ):
        open_safe(product)
    archive = zip_safe(product, tmp_path / "old.zip")
    for number, granule in enumerate(granules):
        inner = archive / product.name / "GRANULE" / granule.name
        one, other = open_safe(granule), open_safe(inner)
        assert one.tags["TILE"] == ("29UNU", "29UPU")[number]
        assert one.name == f"{product.name.removesuffix('.SAFE')}_T{one.tags['TILE']}" == other.name
        assert [band.name for band in one.bands] == [name for name in NATIVE_M if name != "B05"]
        assert list(one.absent) == ["B05"]
        assert (one.transform.c, one.acquired) == (ORIGIN[0] + 1200 * number, "2022-10-05")
        assert {(band.scale, band.offset, band.nodata) for band in one.bands} == {(1e-4, 0.0, 0.0)}
        values, zipped = stored(one), stored(other)
        assert all((values[name] == zipped[name]).all() for name in values)
    with pytest.raises(InputError, match="has no granule nowhere but"):
        open_safe(archive / product.name / "GRANULE" / "nowhere")


def test_level_2a_of_sen2cor_before_2018(broken: Callable[[str], Path]) -> None:
    product = broken("L2A")
    metadata = product / "MTD_MSIL2A.xml"
    text = metadata.read_text()
    for new, old in (
        ("IMAGE_FILE>", "IMAGE_FILE_2A>"), ("PRODUCT_URI>", "PRODUCT_URI_2A>"), ("Product_Info>", "L2A_Product_Info>"),
        ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"), ("05.09<", "02.05<"), ("BOA_ADD", "NO_ADD"),
    ):  # fmt: skip
        text = text.replace(new, old)
    granule = next(product.glob("GRANULE/*"))
    text = text.replace(
        "</Granule>", f"<IMAGE_FILE_2A>GRANULE/{granule.name}/QI_DATA/L2A_T29UNU_CLD_20m</IMAGE_FILE_2A></Granule>"
    )
    metadata.write_text(text)
    (granule / "QI_DATA" / "MSK_CLDPRB_20m.jp2").rename(granule / "QI_DATA" / "L2A_T29UNU_CLD_20m.jp2")
    (granule / "MTD_TL.xml").write_text((granule / "MTD_TL.xml").read_text().replace("MSK_CLDPRB", "MSK_OTHER"))
    scene = open_safe(product)
    assert [band.name for band in scene.bands] == L2A_NAMES
    assert {(band.scale, band.offset) for band in scene.bands} == {(1e-4, 0.0)}
    assert [(band.name, band.role) for band in scene.masks] == [("SCL", "scene classes"), ("CLD", "cloud probability")]


# What is missing or damaged


def test_missing_files_are_absent(tmp_path: Path) -> None:
    product = write_safe(tmp_path, without=("_B08_", "_B02_10m", "_SCL_20m", "CLDPRB"), side_m=120)
    archive = zip_safe(product, tmp_path / "p.zip")
    for path in (product, archive):
        scene = open_safe(path)
        assert [band.name for band in scene.bands] == [name for name in L2A_NAMES if name not in ("B02", "B08")]
        assert list(scene.absent) == ["B02", "B08", "CLDPRB"]
        assert scene.absent["B08"].endswith("IMG_DATA/R10m/T29UNU_20221005T115411_B08_10m")
        assert [(band.name, band.grid and band.grid.transform.a) for band in scene.masks] == [("SCL", 60)]
        # The coarser copy of B02 does not stand in for the one of 10 m, but serves cells of 20 m.
        assert list(open_safe(path, SceneOptions(cell_size=20)).absent) == ["B08", "CLDPRB"]


def test_image_in_another_folder_does_not_stand_in(broken: Callable[[str], Path]) -> None:
    folder = images(broken("L2A"))
    (folder / "mine").mkdir()
    (file,) = folder.glob("R10m/*B02*.jp2")
    file.rename(folder / "mine" / file.name)
    assert list(open_safe(folder.parents[2]).absent) == ["B02"]


def test_metadata_only(tmp_path: Path) -> None:
    product = write_safe(tmp_path, level="L1C", without=("_B",), side_m=120)
    for path in (product, zip_safe(product, tmp_path / "p.zip")):
        with pytest.raises(InputError, match="is metadata only: it lists 13 bands and not one of their files is there"):
            open_safe(path)
    other = write_safe(tmp_path / "60", without=("_10m", "_20m"), side_m=120)
    assert [band.name for band in open_safe(other).bands] == ["B09"]
    other = write_safe(tmp_path / "10", without=("_60m", "_20m", "_B08"), side_m=120)
    with pytest.raises(InputError, match=r"file of none at a cell size of 60 m, but some of 10 m: "):
        open_safe(other, SceneOptions(cell_size=60))


def test_files_of_another_size_are_refused(broken: Callable[[str], Path]) -> None:
    product = broken("L1C")
    (file,) = images(product).glob("*B02.jp2")
    shutil.copyfile(next(images(product).glob("*B05.jp2")), file)
    with pytest.raises(
        InputError, match=r"B02.jp2 has 60 x 60 pixels .* say 120 x 120 .* pass the folder .*IMG_DATA\."
    ):
        open_safe(product)
    with pytest.raises(InputError, match=r"unpack it and pass the folder .*p.zip"):
        open_safe(zip_safe(product, product.parent / "p.zip"))


def test_files_of_another_place_are_refused(broken: Callable[[str], Path]) -> None:
    product = broken("L1C")
    elsewhere = write_safe(product.parent, level="L1C", tiles=("29UPU",), origin=(ORIGIN[0] + 600, ORIGIN[1]))
    (file,) = images(product).glob("*B03.jp2")
    shutil.copyfile(next(images(elsewhere).glob("*B03.jp2")), file)
    with pytest.raises(InputError, match=r"B03.jp2 has 120 x 120 pixels from 500580, 5900040, and .* 499980"):
        open_safe(product)


def test_file_that_is_no_image(broken: Callable[[str], Path]) -> None:
    product = broken("L2A")
    (file,) = images(product).glob("R20m/*B11*.jp2")
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(InputError, match=r"B11_20m.jp2 is not a raster that can be read .*: fetch the product again"):
        open_safe(product)


def test_zips_that_do_not_serve(products: dict[str, Path], tmp_path: Path) -> None:
    whole = zip_safe(products["L2A"], tmp_path / "whole.zip")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:-3000])
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("scene.tif", b"")
    two = zip_safe(products["L2A"], tmp_path / "two.zip")
    with zipfile.ZipFile(two, "a") as archive:
        archive.write(products["L1C"] / "MTD_MSIL1C.xml", f"{products['L1C'].name}/MTD_MSIL1C.xml")
    for path, says in (
        (cut, "cut.zip is not a whole zip .*: fetch the product again"),
        (empty, "empty.zip holds no Sentinel-2 product"),
        (two, "two.zip holds 2 products .*: pass one of them, e.g. .*two.zip/S2A_MSIL2A"),
    ):
        with pytest.raises(InputError, match=says):
            open_scene(path)
    assert open_scene(two / products["L2A"].name).name == products["L2A"].name.removesuffix(".SAFE")


def test_folders_too_high_or_too_low(products: dict[str, Path], tmp_path: Path) -> None:
    product = products["L2A"]
    with pytest.raises(InputError, match=r"is the folder above 3 products .*: pass the product itself, "):
        open_safe(product.parent)
    for inside in (product / "GRANULE", images(product)):
        with pytest.raises(InputError, match=r"is a folder inside .*\.SAFE: pass the product itself"):
            open_scene(inside)
    shutil.copytree(product, tmp_path / product.name)
    assert open_scene(tmp_path).name == product.name.removesuffix(".SAFE")
    zip_safe(products["L1C"], tmp_path / "a.zip")
    assert [(scene.tags["LEVEL"], scene.cell_size) for scene in open_scenes(tmp_path, SceneOptions(cell_size=20))] == [
        ("L2A", (20, 20)),
        ("L1C", (20, 20)),
    ]
    with pytest.raises(InputError, match=r"holds 2 scenes \(S2A_MSIL2A_.*, S2A_MSIL1C_.*\): pass one of them"):
        open_scene(tmp_path)


def test_folders_of_other_satellites(tmp_path: Path) -> None:
    for name in ("S1A_IW_GRDH_1SDV_20220101.SAFE", "S3A_OL_1_EFR.SEN3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.safe").write_text("<xfdu/>")
        with pytest.raises(InputError, match="is no Sentinel-2 product"):
            open_scene(tmp_path / name)


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;">]>'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "MTD_MSIL1C.xml is cut off or no XML"),
        (lambda text: "", "is cut off or no XML"),
        (lambda text: '<xfdu:XFDU xmlns:xfdu="x"/>', "is not the metadata of a Sentinel-2 product .* 'XFDU'"),
        (lambda text: text.replace("Level-1C_User", "Level-1B_User"), "Level-1C or Level-2A .*'Level-1B_User_Product'"),
        (lambda text: text.replace("?>", f"?>{BOMB}", 1), "declares a document type"),
        (lambda text: text + " " * 2**23, "is larger than metadata are"),
        (lambda text: text.replace("?>", "?><a>" + "<b/>" * 100_001, 1), "has more than 100,000 elements"),
        (lambda text: text.replace("PROCESSING_BASELINE", "X"), "does not say PROCESSING_BASELINE"),
        (lambda text: text.replace(">10000<", ">many<"), "has 'many' for QUANTIFICATION_VALUE, which is no number"),
        (lambda text: text.replace('band_id="3"', ""), "has None for RADIO_ADD_OFFSET, which is no number"),
        (lambda text: text.replace("IMAGE_FILE", "X"), "does not say a granule"),
        (lambda text: text.replace("RADIO_ADD_OFFSET", "X"), "no offset is listed"),
        (lambda text: text.replace("GRANULE/L1C", "GRANULE/../L1C"), "has no metadata of the granule"),
    ],
)  # fmt: skip
def test_product_metadata(broken: Callable[[str], Path], change: Callable[[str], str], says: str) -> None:
    path = broken("L1C") / "MTD_MSIL1C.xml"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=says):
        open_safe(path.parent)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "MTD_TL.xml is cut off or no XML"),
        (lambda text: text.replace("EPSG:32629", "EPSG:1"), "names the coordinate reference system 'EPSG:1'"),
        (lambda text: text.replace("<ULX>499980<", "<ULX>west<"), "has 'west' for ULX, which is no number"),
        (lambda text: text.replace("<YDIM>-60<", "<YDIM>60<"), "has pixels of 60 x 60 m"),
        (lambda text: text.replace('<Size resolution="10">', "<Size>"), "does not say the size at 10 m"),
        (lambda text: text.replace("Geoposition", "X"), "does not say where its pixels lie"),
        (lambda text: text.replace('<Geoposition resolution="60">', "<X>").replace(
            "<YDIM>-60</YDIM></Geoposition>", "</X>"), "has pixels of 60 m, and the metadata name none of that size"),
    ],
)  # fmt: skip
def test_granule_metadata(broken: Callable[[str], Path], change: Callable[[str], str], says: str) -> None:
    (path,) = broken("L1C").glob("GRANULE/*/MTD_TL.xml")
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=says):
        open_safe(path.parents[2])
    path.unlink()
    with pytest.raises(InputError, match=r"has no metadata of the granule \(MTD_TL.xml\)"):
        open_safe(path.parents[2])


@given(st.data())
def test_damaged_metadata_never_end_in_a_traceback(products: dict[str, Path], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["L1C", "L2A", "old"]))
    files = sorted([*products[kind].glob("*.xml"), *products[kind].glob("GRANULE/*/*.xml")])
    file = data.draw(st.sampled_from(files))
    text = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text) - 1))
        text[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=5))
    for read in (read_product, read_tile):
        with suppress(InputError):
            read(bytes(text), "x.xml")


# Band files of a product, passed without it


def test_band_files_are_what_their_product_says(products: dict[str, Path], tmp_path: Path) -> None:
    folder = images(products["L2A"]) / "R20m"
    scene = open_scene(folder)
    said = {band.name: (band.scale, band.offset, band.nodata) for band in scene.bands}
    assert said["B05"] == said["B8A"] == (1e-4, -0.1, 0)
    assert all(
        (band.scale, band.offset) == (1, 0) for band in scene.bands if not band.name.startswith("B") or ":" in band.name
    )
    alone = shutil.copytree(folder, tmp_path / "IMG_DATA")
    with pytest.warns(LittoralWarning, match="without the product's metadata"):
        bare = open_scene(alone)
    assert {band.scale for band in bare.bands} == {1}
    (band,) = (band for band in scene.bands if band.name == "B05")
    assert with_product_scaling([band]) == [band]


# Real products


def real(data: Path, name: str) -> Path:
    (product,) = (data / "safe").glob(f"*/*{name}*.SAFE")
    return product


@pytest.mark.slow
def test_real_level_2a(data: Path) -> None:
    product = real(data, "T29UNU")
    scene = open_safe(product)
    assert (scene.width, scene.height, scene.acquired) == (10980, 10980, "2022-10-05")
    assert [band.name for band in scene.bands] == ["B09"]
    assert list(scene.absent) == [name for name in L2A_NAMES if name != "B09"]
    scene = open_safe(product, SceneOptions(cell_size=60))
    assert [band.name for band in scene.bands] == ["B01", "B02", "B03", "B04", "B8A", "B09", "B11"]
    assert sorted(scene.absent) == ["B05", "B06", "B07", "B08", "B12"]
    assert all(band.grid is None for band in scene.bands)
    assert [(band.name, band.grid and band.grid.width) for band in scene.masks] == [("SCL", 5490), ("CLDPRB", None)]

    window = Window(600, 1100, 300, 400)
    ((values, valid),) = read_windows(scene, scene.bands, [window])
    plain = []
    for band in scene.bands:
        (file,) = product.glob(f"GRANULE/*/IMG_DATA/R60m/*_{band.name}_60m.jp2")
        with rasterio.open(file) as image:
            plain.append(image.read(1, window=RasterioWindow(1100, 600, 400, 300)).astype(int))
    dn = np.stack(plain)
    assert (valid == (dn != 0).all(axis=0)).all()
    assert 0 < valid.mean() < 1
    assert (values[:, valid] == dn[:, valid] - 1000).all()
    assert (values[:, ~valid] == -32768).all()


@pytest.mark.parametrize(("name", "bands"), [("T46RER", 13), ("T07HFE", 12), ("T33XWJ", 12), ("T01WCP", 12)])
def test_real_metadata_only(data: Path, name: str, bands: int) -> None:
    with pytest.raises(InputError, match=f"is metadata only: it lists {bands} bands"):
        open_scene(real(data, name))


def test_real_cropped_level_1c(data: Path) -> None:
    product = real(data, "T30TXR")
    with pytest.raises(InputError, match=r"B02.jp2 has 523 x 106 pixels .* say 10980 x 10980 .*IMG_DATA\."):
        open_scene(product)
    scene = open_scene(images(product))
    assert [(band.name, band.scale, band.offset, band.nodata) for band in scene.bands] == [
        ("B02", 1e-4, -0.1, 0),
        ("B04", 1e-4, -0.1, 0),
    ]
    assert (scene.width, scene.height) == (523, 106)


def test_real_metadata_are_understood(data: Path) -> None:
    found = {}
    for product in sorted((data / "safe").glob("*/*.SAFE")):
        (metadata,) = product.glob("MTD_MSI*.xml")
        said = read_product(metadata.read_bytes(), str(metadata))
        (granule,) = said.granules
        tile_xml = product / "GRANULE" / granule.name / "MTD_TL.xml"
        tile = read_tile(tile_xml.read_bytes(), str(tile_xml))
        assert said.uri == product.name
        assert (said.sensor[-1], said.orbit) == (product.name[2], str(int(product.name.split("_R")[1][:3])))
        assert {metres: grid.width * metres for metres, grid in tile.grids.items()} == dict.fromkeys(
            (10, 20, 60), 109800
        )
        found[granule.tile] = (said.level, said.baseline, set(said.offsets.values()), tile.crs.to_epsg())
    assert found == {
        "46RER": ("L1C", "03.01", set(), 32646),
        "07HFE": ("L2A", "02.12", set(), 32707),
        "33XWJ": ("L2A", "04.00", {-1000}, 32633),
        "01WCP": ("L2A", "05.09", {-1000}, 32601),
        "30TXR": ("L1C", "05.00", {-1000}, 32630),
        "29UNU": ("L2A", "04.00", {-1000}, 32629),
    }
