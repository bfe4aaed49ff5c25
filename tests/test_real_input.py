"""Every raster of the real data opens, or is refused with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from littoral import extract_shoreline
from littoral.errors import InputError, LittoralWarning
from littoral.imagery import open_scene, open_scenes
from littoral.imagery.options import SceneOptions

REFUSED = {
    "B02_original.tif": "has no coordinate reference system: say which it is with --scene-crs",
    "jonesbeach_NY_2015-09-01_S2_5band_NOT_GEOREFERENCED.tif": "has no georeference",
}


def test_every_raster_opens_or_is_refused_with_the_right_sentence(data: Path) -> None:
    files = [file for file in sorted(data.rglob("*")) if file.suffix.lower() in (".tif", ".jp2")]
    assert len(files) > 60
    refused = {}
    for file in files:
        try:
            scene = open_scene(file)
        except InputError as error:
            refused[file.name] = str(error)
            continue
        assert scene.bands or scene.masks
        assert scene.crs.to_authority() is not None
        assert min(scene.cell_size) > 0
    assert refused.keys() == REFUSED.keys()
    for name, sentence in REFUSED.items():
        assert sentence in refused[name]
    degrees = open_scene(data / "miami" / "B02_original.tif", SceneOptions(crs="EPSG:4326"))
    assert [band.name for band in degrees.bands] == ["B02"]


def test_products(data: Path) -> None:
    (l2a,) = (data / "safe" / "s2-safe-L2A-T29UNU-60m").glob("*.SAFE")
    assert len(open_scene(l2a).absent) == 11
    with pytest.raises(InputError, match=r"the product lists B01, B02, .*open it at a cell size whose files are there"):
        extract_shoreline(l2a)
    coarse = open_scene(l2a, SceneOptions(cell_size=60))
    assert [band.name for band in coarse.bands] == ["B01", "B02", "B03", "B04", "B8A", "B09", "B11"]
    assert {band.offset for band in coarse.bands} == {-0.1}
    assert coarse.acquired == "2022-10-05"
    bare = sorted(folder for folder in (data / "safe" / "s2-safe-metadata").rglob("*.SAFE") if folder.is_dir())
    assert len(bare) == 4
    for product in bare:
        with pytest.raises(InputError, match="metadata"):
            open_scene(product)
    (cropped,) = (data / "safe" / "s2-safe-L1C-30TXR-cropped").glob("*.SAFE")
    with pytest.raises(InputError, match=r"523 x 106 .*10980 x 10980"):
        open_scene(cropped)
    (images,) = cropped.glob("GRANULE/*/IMG_DATA")
    scene = open_scene(images)
    assert scene.name == "T30TXR_20200622T105631"
    assert [(band.name, band.offset, band.nodata) for band in scene.bands] == [("B02", -0.1, 0), ("B04", -0.1, 0)]
    # One band's file alone is not mistaken for one without an offset.
    assert open_scene(next(images.glob("*_B02.jp2"))).bands[0] == scene.bands[0]


def test_a_band_taken_out_of_its_product_is_warned_of(data: Path, tmp_path: Path) -> None:
    (image,) = (data / "safe").glob("s2-safe-L1C-30TXR-cropped/*.SAFE/GRANULE/*/IMG_DATA/*_B02.jp2")
    (tmp_path / image.name).write_bytes(image.read_bytes())
    with pytest.warns(
        LittoralWarning, match=r"_B02\.jp2 is an image of a Sentinel-2 product without the product's metadata"
    ):
        scene = open_scene(tmp_path / image.name)
    assert scene.bands[0].offset == 0


def test_folders_of_scenes(data: Path) -> None:
    assert len(open_scenes(data / "realcoast")) == 12
    with pytest.raises(InputError, match=r"realcoast holds 12 scenes \(abu_ali_saudi_arabia, .*: pass one of them"):
        open_scene(data / "realcoast")
