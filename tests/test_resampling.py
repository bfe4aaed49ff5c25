"""Bands of several pixel sizes under the cells of one scene; rasterio's own resampling is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from littoral.errors import InputError
from littoral.imagery import Scene, Window, at_cell_size, open_scene, read_overview, read_windows, stream_windows
from littoral.imagery.options import SceneOptions
from littoral.imagery.resampling import Axis
from littoral.imagery.streaming import most_held_bytes

Writer = Callable[..., Path]
SIDE_M = 2400


def plane(pixel: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 5000, (1, SIDE_M // pixel, SIDE_M // pixel), dtype="uint16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_scene: Writer) -> Path:
    """Bands of 10, 20 and 60 m and a classification of 20 m, as in a product."""
    folder = tmp_path_factory.mktemp("bands")
    for seed, (name, pixel) in enumerate({"B03": 10, "B11": 20, "B01": 60}.items()):
        values = plane(pixel, seed)
        values[0, 2:4, 5] = 0
        write_scene(folder / f"T17_{name}.tif", values, names=None, pixel=float(pixel), nodata=0)
    classes = (plane(20, 9) % 12).astype("uint8")
    write_scene(folder / "T17_SCL.tif", classes, names=None, pixel=20.0)
    return folder


@pytest.mark.parametrize("cell", [10, 20, 60, 30, 5])
def test_a_cell_is_the_mean_of_the_pixels_under_it(folder: Path, cell: int) -> None:
    scene = open_scene(folder, SceneOptions(cell_size=cell))
    side = SIDE_M // cell
    assert (scene.height, scene.width, scene.cell_size) == (side, side, (cell, cell))
    ((values, valid),) = read_windows(scene, scene.bands, [Window(0, 0, side, side)])
    missing = np.zeros((side, side), bool)
    for band, own in zip(scene.bands, values, strict=True):
        with rasterio.open(band.href) as image:
            stored = image.read(1)
            place = {"transform": scene.transform, "width": side, "height": side}
            with WarpedVRT(image, resampling=Resampling.average, dtype="float64", **place) as warped:
                mean = warped.read(1)
        holes = np.repeat(np.repeat(stored == 0, image.res[0] // 5, axis=0), image.res[0] // 5, axis=1)
        missing |= holes.reshape(side, cell // 5, side, cell // 5).any(axis=(1, 3))
        assert np.abs(own.astype(float) - mean)[valid].max() <= 0.5 + 1e-6
    assert (valid == ~missing).all()
    assert 0 < missing.sum() < missing.size / 4


def test_classes_are_never_averaged(folder: Path) -> None:
    scene = open_scene(folder)
    assert [(band.name, band.role) for band in scene.masks] == [("SCL", "scene classes")]
    with rasterio.open(scene.masks[0].href) as image:
        stored = image.read(1)
    ((values, valid),) = read_windows(scene, [*scene.bands, *scene.masks], [Window(0, 0, 240, 240)])
    assert (values[-1] == np.repeat(np.repeat(stored, 2, axis=0), 2, axis=1)).all()
    assert not valid.all()
    coarse = at_cell_size(scene, 60)
    ((values, _),) = read_windows(coarse, coarse.masks, [Window(0, 0, 40, 40)])
    assert (values[0] == stored[1::3, 1::3]).all()


def test_the_first_ten_metre_cell_of_a_shifted_band(tmp_path: Path, write_scene: Writer) -> None:
    """A band of 15 m that begins half a pixel off, as Landsat's panchromatic one does."""
    write_scene(tmp_path / "T17_B03.tif", plane(30, 1), names=None, pixel=30.0)
    values = plane(15, 2)[:, :, :150]
    write_scene(tmp_path / "T17_B04.tif", values, names=None, pixel=15.0, origin=(500_007.5, 2_999_992.5))
    scene = at_cell_size(open_scene({"B03": tmp_path / "T17_B03.tif", "B04": tmp_path / "T17_B04.tif"}), 30)
    assert scene.transform.c == 500_007.5
    ((kept, valid),) = read_windows(scene, scene.bands, [Window(0, 0, 2, 2)])
    assert kept[1, 0, 0] == np.floor(values[0, :2, :2].mean() + 0.5)
    assert valid.all()


windows_anywhere = st.lists(
    st.builds(Window, st.integers(-60, 250), st.integers(-60, 250), st.integers(1, 90), st.integers(1, 90)), max_size=15
)


@pytest.mark.slow
@given(windows=windows_anywhere, cell=st.sampled_from([10, 20, 30, 60]))
def test_streamed_windows_are_those_read_one_by_one(folder: Path, windows: list[Window], cell: int) -> None:
    scene = open_scene(folder, SceneOptions(cell_size=cell))
    bands = [*scene.bands, *scene.masks]
    plain = list(read_windows(scene, bands, windows))
    streamed = list(stream_windows(scene, bands, windows))
    assert sorted(position for position, *_ in streamed) == list(range(len(windows)))
    for position, values, valid in streamed:
        assert (values == plain[position][0]).all()
        assert (valid == plain[position][1]).all()


@given(
    step=st.sampled_from([0.5, 1 / 6, 1.5, 2.0, 3.0, 2 / 3]),
    shift=st.sampled_from([0.0, 0.5, -3.0, 7.25]),
    first=st.integers(-20, 20),
    count=st.integers(1, 30),
)
def test_shares_cover_each_cell_and_no_pixel_twice(step: float, shift: float, first: int, count: int) -> None:
    axis = Axis(step, shift)
    shares = axis.cover(first, count).shares
    start, stop = axis.span(first, count)
    assert shares.shape == (count, stop - start)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (shares.sum(axis=0) * step <= 1 + 1e-9).all()
    under = axis.centres(first, count)
    assert (shares[np.arange(count), under] > 0).all()


def test_an_overview_of_bands_of_several_sizes(folder: Path) -> None:
    scene = open_scene(folder)
    values, valid = read_overview(scene, scene.bands, 40)
    assert values.shape == (3, 40, 40)
    coarsest = [band.name for band in scene.bands].index("B01")
    with rasterio.open(scene.bands[coarsest].href) as image:
        assert (values[coarsest] == image.read(1)).all()
    assert valid.mean() > 0.9


def test_what_cannot_be_one_scene(tmp_path: Path, folder: Path, write_scene: Writer) -> None:
    turned = tmp_path / "turned.tif"
    place = {"crs": "EPSG:32617", "transform": Affine(7, 7, 5e5, 7, -7, 3e6), "dtype": "uint16"}
    with rasterio.open(turned, "w", "GTiff", 240, 240, 1, **place) as image:
        image.write(plane(10, 3)[0], 1)
    with pytest.raises(InputError, match=r"tif is turned or mirrored against"):
        open_scene([folder / "T17_B03.tif", turned])
    other = write_scene(tmp_path / "other.tif", plane(10, 3), names=None, crs="EPSG:32618")
    with pytest.raises(InputError, match=r"other\.tif is in another CRS than .*separate scenes"):
        open_scene([folder / "T17_B03.tif", other])
    with pytest.raises(InputError, match=r"cell size -1 is not above 0"):
        open_scene(folder, SceneOptions(cell_size=-1))
    with pytest.raises(InputError, match="cell size 50000 is larger than the scene"):
        open_scene(folder, SceneOptions(cell_size=50_000))


def test_the_bound_knows_each_files_pixels(folder: Path) -> None:
    scene = open_scene(folder)
    by_size = {band.name: most_held_bytes(scene, [band], 64, 64) for band in scene.bands}
    assert by_size["B01"] < by_size["B11"] < by_size["B03"]


def test_a_scene_of_one_file_stays_itself(folder: Path) -> None:
    scene: Scene = open_scene(folder / "T17_B03.tif")
    assert scene.bands[0].grid is None
    assert at_cell_size(scene, 10) is scene
