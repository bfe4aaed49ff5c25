"""Several scenes of one coast: which is chosen for each rectangle, and the median of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from littoral import export_tiles
from littoral.errors import InputError
from littoral.imagery import as_scenes, open_scene
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.tiles import (
    CLASSIFIED,
    CLOUD,
    NODATA,
    OUTSIDE,
    Layout,
    TileSpec,
    cut_tiles,
    plan_scenes,
    read_tiles,
)
from littoral.tiles.median import median_of
from littoral.tiles.multi_scene import choose_scenes
from littoral.tiles.options import CutOptions
from textured_coast import boxes

Writer = Callable[..., Path]
SPEC = TileSpec(32, ("B02", "B03"))
SIDE = 200


def values(seed: int) -> np.ndarray:
    """Two bands that no other seed has, and SCL without cloud."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.integers(1000, 2000, (2, SIDE, SIDE)), np.full((1, SIDE, SIDE), 6)]).astype("uint16")


@pytest.fixture
def scenes(tmp_path: Path, write_scene: Writer) -> Callable[..., list[Path]]:
    """Writes scenes of one place with the given dates; changes to them are (rows, columns, what)."""

    def write(*dates: str, **changes: list[tuple[slice, slice, object]]) -> list[Path]:
        paths = []
        for number, day in enumerate(dates):
            pixels = values(number)
            for rows, columns, what in changes.get(f"scene_{number}", []):
                if what == "cloud":
                    pixels[2, rows, columns] = 9
                else:
                    pixels[:2, rows, columns] = what
            path = tmp_path / f"scene_{number}_{day.replace('-', '')}.tif"
            paths.append(write_scene(path, pixels, names=("B02", "B03", "SCL"), nodata=0))
        return paths

    return write


ALL = slice(0, SIDE)
WEST, EAST = slice(0, 100), slice(100, SIDE)
PLACES = boxes([(50, 50), (150, 50), (50, 150), (150, 150)], [3, 7, 3, 7])


def test_the_clearest_scene_is_chosen_then_the_nearest_date(scenes: Callable[..., list[Path]]) -> None:
    opened = [
        open_scene(path)
        for path in scenes(
            "2024-01-01",
            "2024-06-01",
            "2024-12-01",
            scene_0=[(ALL, WEST, "cloud")],
            scene_1=[(slice(0, 100), EAST, 0)],
            scene_2=[(slice(100, SIDE), ALL, "cloud")],
        )
    ]
    assert [scene.acquired for scene in opened] == ["2024-01-01", "2024-06-01", "2024-12-01"]
    assert choose_scenes(opened, PLACES, SPEC).tolist() == [1, 0, 1, 0]
    assert choose_scenes(opened, PLACES, SPEC, near="2024-11-20").tolist() == [2, 2, 1, 1]
    tiles = sorted(cut_tiles(opened, PLACES, SPEC, combine=CombineOptions(near="2024-11-20")), key=lambda t: t.position)
    assert [tile.acquired for tile in tiles] == ["2024-12-01", "2024-12-01", "2024-06-01", "2024-06-01"]
    for tile in tiles:
        (alone,) = cut_tiles(opened[int(tile.scene[6])], PLACES.iloc[[tile.position]], SPEC)
        assert (alone.values == tile.values).all()
        assert tile.cloud_share == 0.0


def test_cloud_is_told_and_refused_on_demand(scenes: Callable[..., list[Path]]) -> None:
    (path,) = scenes("2024-01-01", scene_0=[(slice(45, 55), slice(40, 60), "cloud")])
    by_share = {
        most: next(iter(cut_tiles(open_scene(path), PLACES.iloc[:1], TileSpec(32, SPEC.bands, max_cloud=most))))
        for most in (1.0, 0.51, 0.49)
    }
    assert {most: tile.status for most, tile in by_share.items()} == {1.0: CLASSIFIED, 0.51: CLASSIFIED, 0.49: CLOUD}
    assert all(tile.cloud_share == 0.5 for tile in by_share.values())
    assert by_share[1.0].values.dtype == np.uint16
    assert by_share[0.49].values.size == 0


def test_the_median_leaves_clouds_out(scenes: Callable[..., list[Path]]) -> None:
    paths = scenes("2024-01-01", "2024-02-01", "2024-03-01", scene_1=[(ALL, WEST, "cloud")], scene_2=[(ALL, EAST, 0)])
    opened = [open_scene(path) for path in paths]
    stack = [values(number)[:2].astype(float) for number in range(3)]
    expected = np.concatenate(
        [
            np.floor(np.median([plane[:, :, :100] for plane in (stack[0], stack[2])], axis=0) + 0.5),
            np.floor(np.median([plane[:, :, 100:] for plane in stack[:2]], axis=0) + 0.5),
        ],
        axis=2,
    )
    for tile in cut_tiles(opened, PLACES, SPEC, combine=CombineOptions("median")):
        column, row = ~opened[0].transform @ (tile.transform.c, tile.transform.f)
        there = expected[:, int(row) : int(row) + 32, int(column) : int(column) + 32]
        assert (tile.values == there).all()
        assert tile.values.dtype == np.uint16
        west = tile.position in (0, 2)
        assert tile.acquired == ("2024-01-01/2024-03-01" if west else "2024-01-01/2024-02-01")
        assert tile.scene.split(", ") == [opened[0].name, opened[2 if west else 1].name]


def test_a_scene_in_the_next_zone(tmp_path: Path, write_scene: Writer) -> None:
    """A slope along easting is the same slope in the neighbouring zone's pixels, to a hundredth of its rise a pixel."""
    to_16 = Transformer.from_crs(32617, 32616, always_xy=True)
    to_17 = Transformer.from_crs(32616, 32617, always_xy=True)
    column, row = np.meshgrid(np.arange(400) + 0.5, np.arange(400) + 0.5)
    easting = 200_000 + column * 10
    here = write_scene(
        tmp_path / "here.tif", np.repeat((easting / 10 - 19_000)[None], 2, axis=0).astype("float32"),
        names=("B02", "B03"), origin=(200_000, 3_000_000),
    )  # fmt: skip
    x, y = to_16.transform(200_000 - 500, 3_000_000 + 500)
    corner = round(x, -1), round(y, -1)
    there_x, _ = to_17.transform(corner[0] + column * 10, corner[1] - row * 10)
    there = write_scene(
        tmp_path / "there.tif", np.repeat((np.asarray(there_x) / 10 - 19_000)[None], 2, axis=0).astype("float32"),
        names=("B02", "B03"), origin=corner, crs="EPSG:32616",
    )  # fmt: skip
    table = boxes([(-29_800, 200)], [3])
    assert [round(edge) for edge in table.total_bounds] == [201_900, 2_997_900, 202_100, 2_998_100]
    opened = [open_scene(here), open_scene(there)]
    (median,) = cut_tiles(opened, table, SPEC, combine=CombineOptions("median"))
    (alone,) = cut_tiles(opened[0], table, SPEC)
    assert median.valid.all()
    assert median.scene == "here, there"
    assert np.abs(median.values - alone.values).max() < 0.01
    only_there = boxes([(-29_800, 200), (-30_030, 200)], [3, 3])
    assert choose_scenes(opened, only_there, SPEC).tolist() == [0, 1]
    for tile in cut_tiles(opened, only_there, SPEC):
        assert tile.crs == opened[tile.position].crs


@given(
    st.lists(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=3, max_size=3), min_size=1, max_size=6)
)
def test_medians_are_numpys(layers: list[list[tuple[int, bool]]]) -> None:
    stack = np.array([[value for value, _ in layer] for layer in layers], float).reshape(-1, 1, 1, 3)
    clear = np.array([[seen for _, seen in layer] for layer in layers]).reshape(-1, 1, 3)
    found = median_of(stack, clear)
    for pixel in range(3):
        known = stack[clear[:, 0, pixel], 0, 0, pixel]
        assert found[0, 0, pixel] == (np.median(known) if len(known) else 0)


def test_what_no_scene_shows(scenes: Callable[..., list[Path]]) -> None:
    opened = [open_scene(path) for path in scenes("2024-01-01", "2024-02-01", scene_0=[(ALL, WEST, 0)])]
    table = boxes([(50, 50), (900, 900)], [3, 3])
    for combine in (CombineOptions(), CombineOptions("median")):
        assert {tile.position: tile.status for tile in cut_tiles(opened, table, SPEC, combine=combine)} == {
            0: CLASSIFIED,
            1: OUTSIDE,
        }
    blank = [
        open_scene(path)
        for path in scenes("2024-01-01", "2024-02-01", scene_0=[(ALL, ALL, 0)], scene_1=[(ALL, ALL, 0)])
    ]
    with pytest.raises(InputError, match="show none of the rectangles"):
        choose_scenes(blank, boxes([(900, 900)], [3]), SPEC)
    whole = [open_scene(path) for path in scenes("2024-01-01", "2024-02-01", scene_1=[(ALL, ALL, "cloud")])]
    cloudy = [tile.status for tile in cut_tiles(whole[1:] * 1, PLACES, TileSpec(32, SPEC.bands, max_cloud=0.0))]
    assert cloudy == [CLOUD] * 4
    assert NODATA not in cloudy


def test_scenes_that_do_not_go_together(scenes: Callable[..., list[Path]], tmp_path: Path, write_scene: Writer) -> None:
    first, second = (open_scene(path) for path in scenes("2024-01-01", "2024-02-01"))
    coarse = open_scene(
        write_scene(tmp_path / "coarse.tif", values(5)[:, ::2, ::2], names=("B02", "B03", "SCL"), pixel=20.0)
    )
    floats = open_scene(write_scene(tmp_path / "floats.tif", values(5)[:2].astype("float32"), names=("B02", "B03")))
    with pytest.raises(InputError, match=r"coarse has cells of 20 where .* has 10: bring them to one with --cell-size"):
        list(cut_tiles([first, coarse], PLACES, SPEC))
    assert len(list(cut_tiles([first, coarse], PLACES, TileSpec(32, SPEC.bands, cell_size=20)))) == 4
    with pytest.raises(InputError, match="floats has float32 values"):
        list(cut_tiles([second, floats], PLACES, SPEC))
    with pytest.raises(InputError, match="are not all different"):
        list(cut_tiles([first, first], PLACES, SPEC))
    undated = replace(second, acquired="2024-13-45")
    with pytest.raises(InputError, match=r"says it was taken on '2024-13-45', which is no date"):
        choose_scenes([first, undated], PLACES, SPEC, near="2024-02-01")
    with pytest.raises(InputError, match="a median of one scene, scene_0_20240101, is asked for"):
        list(cut_tiles([first], PLACES, SPEC, combine=CombineOptions("median")))
    with pytest.raises(InputError, match="the date 'May' is not a date"):
        CombineOptions(near="May")


@pytest.mark.parametrize("combine", ["best", "median"])
def test_exports_of_several_scenes(scenes: Callable[..., list[Path]], tmp_path: Path, combine: str) -> None:
    paths = scenes("2024-01-01", "2024-02-01", "2024-03-01", scene_0=[(ALL, WEST, "cloud")])
    out = tmp_path / "tiles"
    summary = export_tiles(
        paths,
        PLACES,
        out,
        CutOptions(tile_size=(32, 32), bands=("B02", "B03"), max_cloud=0.2),
        combine=CombineOptions(combine=combine),
    )  # type: ignore[arg-type]
    assert summary.written == 4
    cut = list(cut_tiles([open_scene(path) for path in paths], PLACES, SPEC, combine=CombineOptions(combine)))  # type: ignore[arg-type]
    for number, tile in enumerate(cut):
        with rasterio.open(out / "images" / f"{number:09d}.tif") as image:
            assert (image.read() == tile.values).all()
            assert image.tags()["ACQUIRED"] == tile.acquired
            assert image.tags()["SCENE"] == tile.scene
    again = export_tiles(
        paths,
        PLACES,
        out,
        CutOptions(tile_size=(32, 32), bands=("B02", "B03"), max_cloud=0.2),
        combine=CombineOptions(combine=combine),
    )  # type: ignore[arg-type]
    assert (again.written, again.skipped["in the folder already"]) == (0, 4)


def test_scenes_of_one_name_are_told_apart_by_what_they_hold(tmp_path: Path, write_scene: Writer) -> None:
    out, paths = tmp_path / "tiles", []
    for year in (2023, 2024):
        (tmp_path / str(year)).mkdir()
        paths.append(write_scene(tmp_path / str(year) / "scene.tif", values(year)[:2], names=("B02", "B03")))
        assert export_tiles(paths[-1], PLACES, out, CutOptions(tile_size=(32, 32))).written == 4
    assert (
        export_tiles(
            paths, PLACES, out, CutOptions(tile_size=(32, 32)), combine=CombineOptions(combine="median")
        ).written
        == 4
    )
    moved = tmp_path / "moved.tif"
    paths[0].rename(moved)
    assert export_tiles(moved, PLACES, out, CutOptions(tile_size=(32, 32))).written == 0


def test_a_median_with_one_scene_more_is_another(scenes: Callable[..., list[Path]], tmp_path: Path) -> None:
    paths = scenes("2024-01-01", "2024-02-01", "2024-03-01")
    for some, written in ((paths[:2], 4), (paths, 4), (paths[:2], 0)):
        assert (
            export_tiles(
                some,
                PLACES,
                tmp_path / "t",
                CutOptions(tile_size=(32, 32), bands=(1, 2)),
                combine=CombineOptions(combine="median"),
            ).written
            == written
        )


def test_cloud_over_missing_pixels_is_not_counted_twice(scenes: Callable[..., list[Path]]) -> None:
    """The second has a cloud where it has no pixels anyway, and shows more of the ground than the first."""
    first, second = (
        open_scene(path)
        for path in scenes(
            "2024-01-01",
            "2024-02-01",
            scene_0=[(slice(40, 50), slice(40, 60), "cloud")],
            scene_1=[(slice(40, 48), slice(40, 60), 0), (slice(40, 48), slice(40, 60), "cloud")],
        )
    )
    assert choose_scenes([first, second], PLACES.iloc[:1], SPEC).tolist() == [1]


def test_missing_pixels_of_a_median_have_the_nodata_value(tmp_path: Path, write_scene: Writer) -> None:
    paths = []
    for number in range(2):
        pixels = values(number)[:2]
        pixels[:, 50:60, 50:60] = 0
        path = tmp_path / f"s{number}.tif"
        paths.append(write_scene(path, pixels, names=("B02", "B03"), nodata=0, scales=(1e-4,) * 2, offsets=(-0.1,) * 2))
    (tile,) = cut_tiles([open_scene(path) for path in paths], PLACES.iloc[:1], SPEC, combine=CombineOptions("median"))
    assert tile.values.dtype == np.int16
    assert (~tile.valid).sum() == 100
    assert (tile.values[:, ~tile.valid] == -32768).all()


def test_scenes_of_different_nodata(tmp_path: Path, write_scene: Writer) -> None:
    """Zeros that are measured stay so on disk, beside a scene in which 0 means nodata."""
    west, east = values(0)[:2], values(1)[:2]
    west[:, :, 100:] = 0
    east[:, 40:60, 145:155], east[:, :, :100] = 0, 65535
    paths = [
        write_scene(tmp_path / "west.tif", west, names=("B02", "B03"), nodata=0),
        write_scene(tmp_path / "east.tif", east, names=("B02", "B03"), nodata=65535),
    ]
    export_tiles(paths, PLACES, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    cut = list(cut_tiles([open_scene(path) for path in paths], PLACES, SPEC))
    tiles = read_tiles(tmp_path / "t")
    for number, tile in enumerate(cut):
        read, valid = tiles.read(number)
        assert (read == tile.values).all()
        assert (valid == tile.valid).all()
    assert sum(int((tile.values[:, tile.valid] == 0).sum()) for tile in cut) > 0


def test_float_bands_beside_bits_of_cloud(tmp_path: Path, write_scene: Writer) -> None:
    folder = tmp_path / "product"
    folder.mkdir()
    write_scene(folder / "x_B02.tif", values(0)[:1].astype("float32") / 1e4, names=None)
    quality = np.full((1, SIDE, SIDE), 21824, "uint16")
    quality[0, 45:55, 40:60] = 22280
    write_scene(folder / "x_QA_PIXEL.tif", quality, names=None)
    (tile,) = cut_tiles(open_scene(folder), PLACES.iloc[:1], TileSpec(32, ("B02",)))
    assert (tile.cloud_share, tile.clear_share, tile.values.dtype) == (0.5, 0.5, np.float32)


def test_a_grid_over_two_scenes_has_each_place_once_by_the_class_that_covers_most(
    tmp_path: Path, write_scene: Writer
) -> None:
    """The scenes overlap in the middle, and lie on one grid."""
    east = (500_000 + 1_000, 3_000_000)
    paths = [
        write_scene(tmp_path / "west.tif", values(0)[:2], names=("B02", "B03"), nodata=0),
        write_scene(tmp_path / "east.tif", values(1)[:2], names=("B02", "B03"), nodata=0, origin=east),
    ]
    rng = np.random.default_rng(5)
    centres = [(float(x), float(y)) for x, y in rng.integers(20, 180, (12, 2)) * (1.5, 1)]
    table = boxes(centres, [3, 7, 8] * 4, side_m=300.0)
    opened = [open_scene(path) for path in paths]
    plan = plan_scenes(opened, table, SPEC, [Layout((20, 20))] * 2, table["CATCOA"].tolist())
    footprints = [
        shapely.box(*np.round(shapely.MultiPoint([tile.transform @ (0, 0), tile.transform @ (32, 32)]).bounds))
        for tile in plan.tiles
    ]
    assert len({outline.wkt for outline in footprints}) == len(footprints) > 30
    assert {tile.scene.name for tile in plan.tiles} == {"west", "east"}
    for tile, outline in zip(plan.tiles, footprints, strict=True):
        areas = {
            code: shapely.union_all(own.geometry.to_numpy()).intersection(outline).area
            for code, own in table.groupby("CATCOA")
        }
        assert areas[table["CATCOA"].iloc[tile.position]] == pytest.approx(max(areas.values()))
    everything = plan_scenes(
        opened, table, SPEC, [Layout((20, 20), only_with_features=False)] * 2, table["CATCOA"].tolist()
    )
    corners = {tuple(np.round(tile.transform @ (0, 0))) for tile in everything.tiles}
    assert len(corners) == len(everything.tiles)
    # Both grids of 10 columns and rows meet in the cells of the overlap, which count once.
    assert len(corners) == 150


def test_a_folder_of_scenes_is_several(scenes: Callable[..., list[Path]], tmp_path: Path, write_scene: Writer) -> None:
    (path,) = scenes("2024-01-01")
    write_scene(tmp_path / "beside.tif", values(9)[:2], names=("B02", "B03"), nodata=0, origin=(502_000, 3_000_000))
    for asked in (tmp_path, [tmp_path], [open_scene(path), tmp_path / "beside.tif"]):
        assert sorted(scene.name for scene in as_scenes(asked)) == ["beside", "scene_0_20240101"]
    assert [scene.cell_size for scene in as_scenes(path, SceneOptions(cell_size=20))] == [(20, 20)]
    with pytest.raises(InputError, match="the list of scenes is empty"):
        as_scenes([])


def test_the_table_is_not_changed(scenes: Callable[..., list[Path]]) -> None:
    before: gpd.GeoDataFrame = PLACES.copy()
    list(cut_tiles([open_scene(path) for path in scenes("2024-01-01", "2024-02-01")], PLACES, SPEC))
    assert PLACES.equals(before)
