"""From planned tiles to pixels: turned, cropped and blackened ones; upright ones are in test_tiles.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.warp import Resampling, reproject
from shapely import LineString

from littoral import export_tiles, open_scene, read_tiles, rectangles_along_lines
from littoral.errors import InputError
from littoral.imagery import Scene
from littoral.rectangles.options import RectangleOptions
from littoral.tiles import (
    CLASSIFIED,
    CLOUD,
    NODATA,
    OUTSIDE,
    Layout,
    Tile,
    TileSpec,
    cut_planned,
    cut_tiles,
    plan_tiles,
    read_tile,
)
from option_values import export_values
from textured_coast import CRS, ORIGIN, boxes, textured

Writer = Callable[..., Path]
SPEC = TileSpec(32, ("B02", "B03", "B04"))
SIZE = 160


def smooth(seed: int = 0, size: int = SIZE) -> np.ndarray:
    """(3, size, size) of floats that change slowly."""
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(7 * x + 3 * y + seed), np.cos(5 * y - 2 * x), x * y]
    return np.array([1000 + 400 * wave for wave in waves], "float32")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def scene(place: Path, write_scene: Writer) -> Scene:
    return open_scene(write_scene(place / "smooth.tif", smooth()))


def along(azimuth: float, length_m: float = 200, width_m: float = 100) -> gpd.GeoDataFrame:
    """One rectangle in the middle of a scene, of an azimuth."""
    x, y = ORIGIN[0] + SIZE * 5, ORIGIN[1] - SIZE * 5
    step = length_m / 2 * np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
    line = LineString([(x - step[0], y - step[1]), (x + step[0], y + step[1])])
    return rectangles_along_lines(
        gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[line], crs=CRS),
        RectangleOptions(length_m=length_m, width_m=width_m),
    )


def warped(path: Path, tile: Tile) -> np.ndarray:
    """What GDAL makes of a scene on the pixels of a tile."""
    out = np.full(tile.values.shape, np.nan, "float32")
    with rasterio.open(path) as image:
        reproject(
            image.read().astype("float32"), out, src_transform=image.transform, src_crs=image.crs,
            dst_transform=tile.transform, dst_crs=image.crs, resampling=Resampling.bilinear,
        )  # fmt: skip
    return out


@given(azimuth=st.floats(-180, 180))
def test_oriented_tiles_are_what_gdal_makes(scene: Scene, azimuth: float) -> None:
    (tile,) = cut_tiles(scene, along(azimuth), replace(SPEC, placement="oriented"))
    assert tile.valid.all()
    # GDAL follows straight lines between some exact points, to an eighth of a pixel.
    assert np.abs(tile.values - warped(Path(scene.bands[0].href), tile)).max() < 3
    assert tile.box_px == pytest.approx((6, 11, 26, 21), abs=1)


def test_turned_scenes_in_map_and_pixel_space(place: Path) -> None:
    path = place / "turned.tif"
    transform = Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]) @ Affine.rotation(20, (SIZE / 2, SIZE / 2))
    with rasterio.open(path, "w", driver="GTiff", count=3, height=SIZE, width=SIZE, dtype="float32", crs=CRS,
                       transform=transform) as image:  # fmt: skip
        image.write(smooth())
        image.descriptions = SPEC.bands
    scene, table = open_scene(path), along(90)
    (north_up,) = cut_tiles(scene, table, SPEC)
    assert north_up.transform[:6] == pytest.approx((10, 0, north_up.transform.c, 0, -10, north_up.transform.f))
    assert np.abs(north_up.values - warped(path, north_up)).max() < 3
    (own,) = cut_tiles(scene, table, replace(SPEC, space="pixel"))
    assert (own.values == smooth()[:, 64:96, 64:96]).all()
    assert own.transform == transform @ Affine.translation(64, 64)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_quarter_turns_only_move_pixels(place: Path, write_scene: Writer, dtype: str) -> None:
    values = (textured(size=SIZE) % 251).astype(dtype)
    values[:, 60:70, 70:74] = 0
    scene = open_scene(write_scene(place / f"{dtype}.tif", values, nodata=0))
    plan = plan_tiles(scene, boxes([(80.2, 75.4)], [3]), SPEC, Layout(turn_deg=90))
    tiles = sorted(cut_planned(plan), key=lambda tile: tile.turn_deg)
    assert [tile.turn_deg for tile in tiles] == [0, 90, 180, 270]
    for quarter, tile in enumerate(tiles):
        # The tile turns clockwise, so what it shows turns the other way.
        assert tile.values.dtype == dtype
        assert (tile.values == np.rot90(tiles[0].values, quarter, (1, 2))).all()
        assert (tile.valid == np.rot90(tiles[0].valid, quarter)).all()
        assert not tile.valid.all()


def test_oriented_to_the_east_is_centred(scene: Scene) -> None:
    table = along(90)
    (centred,), (oriented,) = (cut_tiles(scene, table, replace(SPEC, placement=how)) for how in ("centred", "oriented"))
    assert oriented.transform == centred.transform
    assert (oriented.values == centred.values).all()
    assert oriented.box_px == centred.box_px


def test_classes_are_never_mixed(place: Path, write_scene: Writer) -> None:
    rng = np.random.default_rng(0)
    classes = rng.choice([1, 4, 11], (1, SIZE, SIZE)).repeat(3, axis=0).astype("uint8")
    scene = open_scene(write_scene(place / "classes.tif", classes))
    table = along(30)
    spec = replace(SPEC, placement="oriented", bands=("B02", "B03"))
    kinds = replace(scene, bands=(replace(scene.bands[0], role="scene classes"), *scene.bands[1:]))
    (tile,) = cut_tiles(kinds, table, spec)
    assert set(np.unique(tile.values[0])) == {1, 4, 11}
    assert set(np.unique(tile.values[1])) > {1, 4, 11}
    # Each class is that of the pixel its middle lies in.
    columns, rows = (~scene.transform @ tile.transform) @ tuple(np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5))
    assert (tile.values[0] == classes[0][np.floor(rows).astype(int), np.floor(columns).astype(int)]).all()


def test_missing_pixels_of_turned_tiles(place: Path, write_scene: Writer) -> None:
    """The mask is that of the pixel below; a value is mixed of valid pixels only."""
    values = np.full((3, SIZE, SIZE), 500, "uint16")
    values[:, :, 80:] = 0
    scene = open_scene(write_scene(place / "half.tif", values, nodata=0))
    (tile,) = cut_tiles(scene, along(20), replace(SPEC, placement="oriented", min_valid=0.3))
    assert 0.4 < tile.valid.mean() < 0.6
    assert (tile.values[:, tile.valid] == 500).all()
    assert (tile.values[:, ~tile.valid] == 0).all()
    columns, _ = (~scene.transform @ tile.transform) @ tuple(np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5))
    assert (tile.valid == (columns < 80)).all()
    assert tile.valid_share == pytest.approx(0.5, abs=0.06)


def test_own_pixels_decide_about_turned_tiles(place: Path, write_scene: Writer) -> None:
    values = np.full((3, SIZE, SIZE), 500, "uint16")
    values[:, :, :70] = 0
    scene = open_scene(write_scene(place / "left.tif", values, nodata=0))
    table = boxes([(5, 80), (30, 30), (120, 120), (0, 100)], [3, 3, 3, 3]).assign(Angle=[30.0, 30.0, 30.0, 30.0])
    turned = cut_tiles(scene, table, replace(SPEC, placement="oriented"))
    status = {tile.position: tile.status for tile in turned}
    assert status == {0: NODATA, 1: NODATA, 2: CLASSIFIED, 3: NODATA}
    edge = boxes([(-4, 80)], [3]).assign(Angle=[30.0])
    assert [tile.status for tile in cut_tiles(scene, edge, replace(SPEC, placement="oriented"))] == [OUTSIDE]


@pytest.mark.parametrize("placement", ["centred", "oriented"])
def test_blackened_surroundings_are_missing(scene: Scene, placement: str) -> None:
    table = along(30)
    spec = replace(SPEC, placement=placement)  # type: ignore[arg-type]
    (whole,), (black,) = cut_tiles(scene, table, spec), cut_tiles(scene, table, replace(spec, blacken=True))
    assert black.valid_share == whole.valid_share == 1
    assert black.valid.sum() == pytest.approx(200, abs=15)
    assert (black.values[:, black.valid] == whole.values[:, black.valid]).all()
    assert np.isnan(black.values[:, ~black.valid]).all()
    # The rectangle's middle is in, the tile's corners are out.
    assert black.valid[16, 16]
    assert not black.valid[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_bounding_boxes(scene: Scene) -> None:
    table = along(30)
    (upright,) = cut_tiles(scene, table, replace(SPEC, crop="bounding-box"))
    left, lower, right, upper = table.total_bounds
    height, width = upright.values.shape[1:]
    assert 0 <= width - (right - left) / 10 < 2
    assert 0 <= height - (upper - lower) / 10 < 2
    (level,) = cut_tiles(scene, table, replace(SPEC, crop="bounding-box", placement="oriented"))
    assert level.values.shape[1] in (10, 11)
    assert level.values.shape[2] in (20, 21)
    assert level.valid_share == 1


SPECS = {
    "tall": {"tile_size": (24, 40)},
    "oriented": {"placement": "oriented"},
    "blackened": {"placement": "oriented", "blacken_around_feature": True},
    "bands": {"placement": "oriented", "bands": ["B04", "B02"], "raw": True},
    "pixel space": {"reference_system": "pixel"},
}


@pytest.mark.parametrize("name", SPECS)
def test_learning_and_classifying_cut_the_same_bits(tmp_path: Path, write_scene: Writer, name: str) -> None:
    """What is read back from a folder is what its own spec cuts, for every way of cutting."""
    values = textured(size=SIZE)
    values[:, 70:, :40] = 0
    scene = open_scene(write_scene(tmp_path / "s.tif", values, nodata=0, scales=(1e-4,) * 3, offsets=(-0.1,) * 3))
    table = boxes([(5, 5), (30, 60), (80, 80), (150, 150)], [3, 3, 7, 7]).assign(Angle=[10.0, 100.0, -170.0, 45.0])
    asked = {"tile_size": 32, **SPECS[name]}
    export_tiles(scene, table, tmp_path / "tiles", **export_values(**asked))  # type: ignore[arg-type]
    record = json.loads((tmp_path / "tiles" / "esri_model_definition.emd").read_text())["Littoral"]["Tile"]
    spec = TileSpec.from_json(record)
    used = [tile for tile in cut_tiles(scene, table, spec) if tile.status == CLASSIFIED]
    paths = sorted((tmp_path / "tiles" / "images").iterdir())
    assert len(paths) == len(used) >= 3
    for path, tile in zip(paths, used, strict=True):
        again, valid = read_tile(path)
        assert again.dtype == tile.values.dtype
        assert (again == tile.values).all()
        assert (valid == tile.valid).all()
        with rasterio.open(path) as image:
            assert image.transform == tile.transform
            assert image.crs.to_epsg() == 32617
    if name != "tall":
        assert read_tiles(tmp_path / "tiles").origin["Tile"] == record


def test_tiles_say_where_they_are_from(scene: Scene) -> None:
    dated = replace(scene, acquired="2024-05-01")
    (tile,) = cut_tiles(dated, along(30), SPEC)
    assert (tile.scene, tile.acquired, tile.cloud_share, tile.turn_deg) == ("smooth", "2024-05-01", None, 0)


def test_some_tiles_come_in_the_order_of_all(scene: Scene) -> None:
    """An interrupted export relies on it."""
    rng = np.random.default_rng(1)
    table = boxes([tuple(xy) for xy in rng.uniform(-20, SIZE + 20, (60, 2))], [3] * 60)
    plan = plan_tiles(scene, table, SPEC)
    order = [tile.number for tile in cut_planned(plan)]
    assert sorted(order) == list(range(60))
    for cut in (1, 17, 59):
        rest = sorted(order[cut:])
        assert [tile.number for tile in cut_planned(plan, rest)] == order[cut:]


def test_a_band_that_is_missing_is_named(scene: Scene) -> None:
    with pytest.raises(InputError, match="has no band B08"):
        list(cut_tiles(scene, along(30), replace(SPEC, bands=("B08",))))


def test_tiles_of_another_cell_size(scene: Scene) -> None:
    (one,), (other,) = (cut_tiles(scene, along(30), replace(SPEC, cell_size=size)) for size in (None, 10.0))
    assert (one.values == other.values).all()
    (coarse,) = cut_tiles(scene, along(30), replace(SPEC, cell_size=20.0))
    means = smooth().reshape(3, SIZE // 2, 2, SIZE // 2, 2).mean(axis=(2, 4))
    assert coarse.values == pytest.approx(means[:, 24:56, 24:56], rel=1e-6)
    assert coarse.transform.a == 20
    assert coarse.box_px == pytest.approx([(side - 16) / 2 + 16 for side in one.box_px])


@pytest.mark.parametrize("placement", ["centred", "oriented"])
def test_what_masks_call_cloud(place: Path, scene: Scene, write_scene: Writer, placement: str) -> None:
    """A mask of coarser pixels: it says what is hidden, and hides nothing itself."""
    classes = np.full((1, SIZE // 2, SIZE // 2), 4, "uint8")
    classes[0, :, SIZE // 4 :] = 9
    opened = open_scene(write_scene(place / "mask.tif", classes, names=("m",), pixel=20))
    masked = replace(scene, masks=(replace(opened.bands[0], grid=opened.grid, role="scene classes"),))
    spec = replace(SPEC, placement=placement)  # type: ignore[arg-type]
    table = boxes([(80, 80), (120, 120), (40, 120)], [3] * 3).assign(Angle=90.0)
    clear = {tile.position: tile for tile in cut_tiles(scene, table, spec)}
    told = {tile.position: tile for tile in cut_tiles(masked, table, spec)}
    assert [told[position].cloud_share for position in range(3)] == [0.5, 1.0, 0.0]
    for position, tile in clear.items():
        assert tile.cloud_share is None
        assert (tile.values == told[position].values).all()
        assert tile.valid.all()
    (tile, *_) = sorted(cut_tiles(masked, table.assign(Angle=45.0), spec), key=lambda tile: tile.position)
    assert tile.cloud_share == pytest.approx(0.5, abs=0.03)
    (clouded,) = cut_tiles(masked, table.iloc[1:2], replace(spec, max_cloud=0.9))
    assert clouded.status == CLOUD
