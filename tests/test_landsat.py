from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from littoral import extract_shoreline
from littoral.errors import InputError
from littoral.imagery import Window, cloudy, open_scene, open_scenes, read_windows, select_bands, stored_as

Writer = Callable[..., Path]
MTL = """GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    LANDSAT_PRODUCT_ID = "{name}"
    PROCESSING_LEVEL = "{level}"
{files}
    FILE_NAME_QUALITY_L1_PIXEL = "{name}_QA_PIXEL.TIF"
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_9"
    DATE_ACQUIRED = 2024-05-06
    SUN_ELEVATION = 30.0
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = SURFACE_REFLECTANCE_PARAMETERS
{factors}
  END_GROUP = SURFACE_REFLECTANCE_PARAMETERS
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
    REFLECTANCE_MULT_BAND_3 = 2.0000E-05
    REFLECTANCE_ADD_BAND_3 = -0.100000
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
END_GROUP = LANDSAT_METADATA_FILE
END
"""


@pytest.fixture
def product(tmp_path: Path, write_scene: Writer) -> Callable[..., Path]:
    """Writes a product: water west, land east, one cloudy pixel."""

    def write(level: str = "L2SP", bands: tuple[int, ...] = (3, 4, 5, 6)) -> Path:
        name = f"LC09_{level}_016042_20240506_20240507_02_T1"
        folder = tmp_path / name
        folder.mkdir()
        values = np.full((1, 80, 80), 9000, "uint16")
        values[0, :, 40:] = 20_000
        for number in bands:
            stored = values if number != 3 else np.full_like(values, 12_000)
            write_scene(folder / f"{name}_SR_B{number}.TIF", stored, names=None, pixel=30.0, nodata=0)
        quality = np.full((1, 80, 80), 21824, "uint16")
        quality[0, 2, 2] = 22280
        write_scene(folder / f"{name}_QA_PIXEL.TIF", quality, names=None, pixel=30.0, nodata=1)
        mult, add = ("2.75e-05", "-0.2") if level == "L2SP" else ("2.0000E-05", "-0.100000")
        files = "\n".join(f'    FILE_NAME_BAND_{n} = "{name}_SR_B{n}.TIF"' for n in (3, 4, 5, 6))
        factors = "\n".join(
            f"    REFLECTANCE_MULT_BAND_{n} = {mult}\n    REFLECTANCE_ADD_BAND_{n} = {add}" for n in (3, 4, 5, 6)
        )
        text = MTL.format(name=name, level=level, files=files, factors=factors)
        (folder / f"{name}_MTL.txt").write_text(text)
        return folder

    return write


def test_surface_reflectance(product: Callable[..., Path]) -> None:
    folder = product()
    scene = open_scene(folder)
    assert [band.name for band in scene.bands] == ["B03", "B04", "B8A", "B11"]
    assert (scene.acquired, scene.tags["SENSOR"], scene.name) == ("2024-05-06", "Landsat-9", folder.name)
    ((values, valid),) = read_windows(scene, [*scene.bands[:2], *scene.masks], [Window(0, 0, 80, 80)])
    assert values.dtype == np.int32
    assert values[0, 0, 0] == round((12_000 * 2.75e-5 - 0.2) * 1e4) == 1300
    assert values[1, 0, 70] == round((20_000 * 2.75e-5 - 0.2) * 1e4) == 3500
    assert valid.all()
    assert np.argwhere(cloudy(values[2], scene.masks[0].role)).tolist() == [[2, 2]]
    assert open_scene(folder / f"{folder.name}_MTL.txt") == scene
    assert [one.name for one in open_scenes(folder.parent)] == [folder.name]
    line = extract_shoreline(scene)
    assert line["index"].unique().tolist() == ["MNDWI"]
    assert np.allclose(line.geometry.get_coordinates()["x"], 500_000 + 40 * 30, atol=15)


def test_top_of_atmosphere_is_divided_by_the_suns_height(product: Callable[..., Path]) -> None:
    scene = open_scene(product("L1TP"))
    rule = stored_as(scene.bands[0])
    assert (rule.times, rule.add) == pytest.approx((0.4, -2000))
    ((values, _),) = read_windows(scene, scene.bands[:1], [Window(0, 0, 1, 1)])
    assert values[0, 0, 0] == round((12_000 * 2e-5 - 0.1) / 0.5 * 1e4)


def test_a_listed_band_that_is_not_there(product: Callable[..., Path]) -> None:
    scene = open_scene(product(bands=(3, 4, 5)))
    assert list(scene.absent) == ["B11"]
    with pytest.raises(
        InputError, match=r"band B11 of LC09.* is listed by the product and its file .*_SR_B6\.TIF is not"
    ):
        select_bands(scene, ["B11"])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("LANDSAT_9", "LANDSAT_5", "is of LANDSAT_5"),
        ("\nEND\n", "\n", "is cut off or no MTL file"),
        ("SUN_ELEVATION = 30.0", "SUN_ELEVATION = -3", "has the sun at -3.0 degrees"),
        ("REFLECTANCE_MULT_BAND_4 = 2.0000E-05", "", "has no number for REFLECTANCE_MULT_BAND_4"),
    ],
)
def test_damaged_products_are_sentences(product: Callable[..., Path], old: str, new: str, sentence: str) -> None:
    folder = product("L1TP")
    (told,) = folder.glob("*_MTL.txt")
    told.write_text(told.read_text().replace(old, new))
    with pytest.raises(InputError, match=sentence):
        open_scene(folder)


def test_a_product_without_pixels(product: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="lists 4 bands and none of their files is there"):
        open_scene(product(bands=()))
