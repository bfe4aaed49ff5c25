"""Where tiles lie: placements, grids, masks, extents. No pixel is read here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from littoral import rectangles_along_lines
from littoral.errors import InputError
from littoral.imagery import Scene, Window
from littoral.rectangles.options import RectangleOptions
from littoral.tiles import Layout, Placed, TileSpec, plan_tiles
from littoral.tiles.export.inputs import extent_of, mask_of
from littoral.tiles.overlaps import greatest_overlaps
from textured_coast import CRS, ORIGIN, boxes

Writer = Callable[..., Path]
SIZE = 200
SPEC = TileSpec(32, ("B02",))
SCENE = Scene(
    "bay", (), pyproj.CRS.from_user_input(CRS), Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]), height=SIZE, width=SIZE
)


def turned_scene(deg: float) -> Scene:
    return replace(SCENE, transform=SCENE.transform @ Affine.rotation(deg))


def ground(column: float, row: float, scene: Scene = SCENE) -> tuple[float, float]:
    x, y = scene.transform @ (column, row)
    return float(x), float(y)


def box_px(left: float, upper: float, right: float, lower: float) -> shapely.Polygon:
    """A box of scene pixels on the ground."""
    return shapely.box(*ground(left, lower), *ground(right, upper))


def outline_on_ground(scene: Scene, tile: Placed) -> shapely.Polygon:
    corners = ((0, 0), (tile.width, 0), (tile.width, tile.height), (0, tile.height))
    return shapely.Polygon([scene.transform @ tile.frame @ corner for corner in corners])


def line_at(azimuth: float, length_m: float = 400.0, crs: str = CRS) -> gpd.GeoDataFrame:
    """A straight line through the scene's middle."""
    x, y = ground(SIZE / 2, SIZE / 2)
    step = length_m / 2 * np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
    line = shapely.LineString([(x - step[0], y - step[1]), (x + step[0], y + step[1])])
    return gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[line], crs=CRS).to_crs(crs)


# Specs


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size_px": 7}, "size 7 is less than 8 px"),
        ({"size_px": 32, "height_px": 0}, "height 0 is less than 8 px"),
        ({"size_px": 20_000}, "size 20000 is more than 16384 px"),
        ({"placement": "grid"}, "placement 'grid' is not known: choose centred or oriented"),
        ({"crop": "tight"}, "crop 'tight' is not known"),
        ({"space": "MAP_SPACE"}, "choose map or pixel"),
        ({"min_valid": -0.1}, "min valid -0.1 is less than 0"),
        ({"cell_size": 0.0}, "cell size 0 is not above 0"),
    ],
)
def test_specs_that_cut_nothing(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TileSpec(**{"size_px": 32, "bands": ("B02",), **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stride_px": (16, 0)}, "stride 0 is less than 1 px"),
        ({"stride_px": (-4, 16)}, "stride -4 is less than 1 px"),
        ({"turn_deg": 360.0}, "rotation angle 360 is not from 1 to below 360"),
        ({"turn_deg": -90.0}, "rotation angle -90"),
        ({"turn_deg": 0.5}, "rotation angle 0.5"),
        ({"turn_deg": float("nan")}, "rotation angle nan"),
        ({"min_overlap": 1.5}, "min overlap 1.5 is more than 1"),
    ],
)
def test_layouts_that_make_no_sense(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Layout(**wrong)  # type: ignore[arg-type]


def test_a_spec_comes_back_from_its_record() -> None:
    spec = TileSpec(64, ("B02", "B8A"), True, 0.25, 32, "oriented", "bounding-box", True, "pixel", 20.0)
    assert TileSpec.from_json(spec.to_json()) == spec
    assert (spec.size, TileSpec(64, ("B02",)).size) == ((64, 32), (64, 64))


# On rectangles


@pytest.mark.slow
@given(column=st.floats(20, 180), row=st.floats(20, 180), width=st.integers(8, 40), height=st.integers(8, 40))
def test_centred_to_the_pixel(column: float, row: float, width: int, height: int) -> None:
    spec = TileSpec(width, ("B02",), height_px=height)
    (tile,) = plan_tiles(SCENE, boxes([(column, row)], [3]), spec).tiles
    assert tile.window == Window(int(tile.frame.f), int(tile.frame.c), height, width)
    assert not tile.resampled
    assert abs(tile.frame.c + width / 2 - column) <= 0.5 + 1e-6
    assert abs(tile.frame.f + height / 2 - row) <= 0.5 + 1e-6
    (moved,) = plan_tiles(SCENE, boxes([(column + 3, row - 2)], [3]), spec).tiles
    if abs((column + width / 2) % 1 - 0.5) > 1e-6 and abs((row + height / 2) % 1 - 0.5) > 1e-6:
        assert (moved.frame.c - tile.frame.c, moved.frame.f - tile.frame.f) == (3, -2)


@pytest.mark.slow
@given(azimuth=st.floats(-180, 180), crs=st.sampled_from([CRS, "EPSG:4326", "EPSG:32616", "EPSG:3857"]))
def test_oriented_tiles_have_the_shore_along_their_rows(azimuth: float, crs: str) -> None:
    """Whatever plane or ellipsoid the rectangles were made on; what lies left of the line as walked is above."""
    table = rectangles_along_lines(line_at(azimuth, crs=crs), RectangleOptions(length_m=400, width_m=200))
    (tile,) = plan_tiles(SCENE, table, replace(SPEC, placement="oriented")).tiles
    back = ~tile.frame
    inside = shapely.transform(tile.outline, lambda xy: np.stack(back @ (xy[:, 0], xy[:, 1]), axis=-1))
    left, upper, right, lower = inside.bounds
    assert (right - left, lower - upper) == pytest.approx((40, 20), rel=0.005)
    assert ((left + right) / 2, (upper + lower) / 2) == pytest.approx((16, 16), abs=0.8)
    # Level: as large as its bounds.
    assert inside.area == pytest.approx((right - left) * (lower - upper), rel=2e-3)
    # The walk decides which way the line runs; Angle tells.
    angle = np.radians(table["Angle"].iloc[0])
    x, y = ground(SIZE / 2, SIZE / 2)
    to_tile = ~(SCENE.transform @ tile.frame)
    ahead = to_tile @ (x + 50 * np.sin(angle), y + 50 * np.cos(angle))
    leftward = to_tile @ (x - 50 * np.cos(angle), y + 50 * np.sin(angle))
    middle = to_tile @ (x, y)
    assert ahead[0] - middle[0] == pytest.approx(5, abs=0.1)
    assert leftward[1] - middle[1] == pytest.approx(-5, abs=0.1)


def test_oriented_needs_an_angle() -> None:
    spec = replace(SPEC, placement="oriented")
    table = boxes([(60, 60), (100, 100)], [3, 3])
    with pytest.raises(InputError, match=r"has no field Angle.*make it with littoral rectangles"):
        plan_tiles(SCENE, table, spec)
    with pytest.raises(InputError, match="field angle is null in 1 rows"):
        plan_tiles(SCENE, table.assign(angle=pd.array([90, None], "Int64")), spec)
    # A shape that is no rectangle is turned by its Angle alone.
    round_ones = table.set_geometry(table.centroid.buffer(100)).assign(Angle=[0.0, 45.0])
    assert [
        np.degrees(np.arctan2(tile.frame.d, tile.frame.a)) for tile in plan_tiles(SCENE, round_ones, spec).tiles
    ] == (pytest.approx([-90, -45], abs=0.01))


def test_turned_tiles_need_square_pixels() -> None:
    degrees = replace(SCENE, crs=pyproj.CRS.from_epsg(4326), transform=Affine(1e-4, 0, -81, 0, -1e-4, 27.1))
    table = boxes([(60, 60)], [3]).assign(Angle=[10.0])
    with pytest.raises(InputError, match=r"bay is in degrees.*gdalwarp"):
        plan_tiles(degrees, table.to_crs(4326).set_geometry([shapely.box(-80.999, 27.09, -80.998, 27.091)]),
                   replace(SPEC, placement="oriented"))  # fmt: skip
    flat = replace(SCENE, transform=Affine(10, 0, ORIGIN[0], 0, -20, ORIGIN[1]))
    with pytest.raises(InputError, match="has pixels of 10 x 20"):
        plan_tiles(flat, table, SPEC, Layout(turn_deg=90))


def test_each_turn_is_about_the_tiles_own_middle() -> None:
    table = boxes([(60, 60), (100.5, 80)], [3, 7])
    plan = plan_tiles(SCENE, table, TileSpec(32, ("B02",), height_px=16), Layout(turn_deg=45))
    assert [tile.turn_deg for tile in plan.tiles] == [turn for turn in range(0, 360, 45) for _ in range(2)]
    assert [tile.position for tile in plan.tiles] == [0, 1] * 8
    for tile in plan.tiles:
        upright = plan.tiles[tile.position]
        assert tile.frame @ (16, 8) == pytest.approx(upright.frame @ (16, 8))
        footprint = outline_on_ground(SCENE, tile)
        window = tile.window
        assert window is not None
        read = box_px(window.column, window.row, window.column + window.width, window.row + window.height)
        assert read.covers(footprint)
        assert read.area < 3 * footprint.area


def test_bounding_boxes_are_the_rectangles_where_they_fit() -> None:
    spec = replace(SPEC, crop="bounding-box")
    table = gpd.GeoDataFrame(
        geometry=[
            box_px(50.2, 60.5, 70.9, 64.0),
            box_px(10, 10, 30, 20),
            box_px(90, 90, 95, 123),
            box_px(5, 5, 5.5, 5.5),
        ],
        crs=CRS,
    )
    tiles = plan_tiles(SCENE, table, spec).tiles
    assert [(tile.frame.c, tile.frame.f, tile.width, tile.height) for tile in tiles] == [
        (50, 60, 21, 4),
        (10, 10, 20, 10),
        # Higher than a tile: as in fixed size.
        (77, 91, 32, 32),
        (5, 5, 1, 1),
    ]


@pytest.mark.slow
@given(azimuth=st.floats(-180, 180))
def test_bounding_boxes_of_oriented_tiles_are_tight(azimuth: float) -> None:
    table = rectangles_along_lines(line_at(azimuth), RectangleOptions(length_m=200, width_m=100))
    (tile,) = [one for one in plan_tiles(SCENE, table, replace(SPEC, placement="oriented", crop="bounding-box")).tiles
               if one.position == 0]  # fmt: skip
    assert tile.width in (20, 21)
    assert tile.height in (10, 11)
    assert outline_on_ground(SCENE, tile).buffer(1e-3).covers(table.geometry.iloc[0])


# Grids


@pytest.mark.slow
@given(
    size=st.integers(8, 60),
    stride=st.tuples(st.integers(3, 90), st.integers(3, 90)),
    corner=st.tuples(st.integers(0, 90), st.integers(0, 90)),
    reach=st.tuples(st.integers(5, 100), st.integers(5, 100)),
)
def test_a_grid_covers_its_extent(
    size: int, stride: tuple[int, int], corner: tuple[int, int], reach: tuple[int, int]
) -> None:
    extent = box_px(corner[0], corner[1], corner[0] + reach[0], corner[1] + reach[1])
    layout = Layout(stride, only_with_features=False, extent=extent)
    tiles = plan_tiles(SCENE, boxes([(100, 100)], [3]), TileSpec(size, ("B02",)), layout).tiles
    columns, rows = (sorted({number(tile.frame) for tile in tiles}) for number in (lambda f: f.c, lambda f: f.f))
    assert len(tiles) == len(columns) * len(rows)
    for first, length, step, found in zip(corner, reach, stride, (columns, rows), strict=True):
        assert found == list(range(first, first + step * len(found), step))
        # It ends with the tile that reaches the edge, not later.
        assert found[-1] + size >= first + length
        assert len(found) == 1 or found[-2] + size < first + length


@given(data=st.data())
def test_the_class_of_most_ground_wins(data: st.DataObject) -> None:
    """Against counting pixels: shapes of whole pixels, united by class."""
    number = st.integers(0, 30)
    shapes = data.draw(
        st.lists(st.tuples(number, number, st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=7)
    )
    classes = data.draw(st.lists(st.sampled_from([1, 3, 7]), min_size=len(shapes), max_size=len(shapes)))
    least = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    tiles = [(left, upper) for left in range(0, 32, 8) for upper in range(0, 32, 8)]
    outlines = np.array([shapely.box(x, y, x + w, y + h) for x, y, w, h in shapes])
    footprints = np.array([shapely.box(x, y, x + 16, y + 16) for x, y in tiles])
    rows, columns = np.mgrid[0:64, 0:64]
    covered = np.array([(columns >= x) & (columns < x + w) & (rows >= y) & (rows < y + h) for x, y, w, h in shapes])
    for (left, upper), owner in zip(tiles, greatest_overlaps(footprints, outlines, classes, least), strict=True):
        seen = covered[:, upper : upper + 16, left : left + 16]
        own = seen.sum(axis=(1, 2))
        counts = (own > 0) & (own >= least * covered.sum(axis=(1, 2)))
        ground_of = {
            code: int(seen[[i for i, c in enumerate(classes) if c == code and counts[i]]].any(axis=0).sum())
            for code in sorted(set(classes))
        }
        if not any(ground_of.values()):
            assert owner == -1
            continue
        winner = max(ground_of, key=lambda code: ground_of[code])
        best = max((i for i, c in enumerate(classes) if c == winner and counts[i]), key=lambda i: own[i])
        assert owner == best


def test_a_grid_knows_its_rectangles() -> None:
    table = gpd.GeoDataFrame(
        {"CATCOA": [3, 7, 7]},
        geometry=[box_px(0, 0, 20, 30), box_px(20, 0, 32, 32), box_px(150, 150, 160, 160)],
        crs=CRS,
    )
    features = plan_tiles(SCENE, table, SPEC, Layout((32, 32)), [3, 7, 7]).tiles
    assert [(tile.position, tile.frame.c, tile.frame.f) for tile in features] == [(0, 0, 0), (2, 128, 128)]
    whole = plan_tiles(SCENE, table, SPEC, Layout((32, 32), only_with_features=False), [3, 7, 7]).tiles
    assert len(whole) == 49
    assert sum(tile.position < 0 for tile in whole) == 47
    assert all(tile.outline.is_empty for tile in whole if tile.position < 0)
    # The last row and column reach beyond the scene.
    assert whole[-1].window == Window(192, 192, 32, 32)
    strict = plan_tiles(SCENE, table, SPEC, Layout((24, 24), min_overlap=1.0), [3, 7, 7]).tiles
    assert [(tile.position, tile.frame.c) for tile in strict] == [(0, 0), (2, 144)]


@pytest.mark.parametrize("wrong", [{"crop": "bounding-box"}, {"blacken": True}, {"placement": "oriented"}])
def test_a_grid_is_not_cut_around_rectangles(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="a grid is not cut around rectangles"):
        plan_tiles(SCENE, boxes([(60, 60)], [3]), replace(SPEC, **wrong), Layout((16, 16)))  # type: ignore[arg-type]


def test_only_a_grid_has_tiles_without_features() -> None:
    with pytest.raises(InputError, match="choose --placement grid"):
        plan_tiles(SCENE, boxes([(60, 60)], [3]), SPEC, Layout(only_with_features=False))


# Overlap, mask, extent


def test_little_of_a_rectangle_in_its_tile() -> None:
    table = boxes([(60, 60), (100, 100)], [3, 3], side_m=200).set_geometry(
        [box_px(50, 50, 70, 70), box_px(60, 95, 140, 105)]
    )
    plan = plan_tiles(SCENE, table, SPEC, Layout(min_overlap=0.5))
    assert [tile.position for tile in plan.tiles] == [0]
    assert plan.left_out == {"of too little overlap": 1}
    assert len(plan_tiles(SCENE, table, SPEC, Layout(min_overlap=0.4)).tiles) == 2


def test_masks_take_whole_tiles_only() -> None:
    table = boxes([(60, 60), (100, 60), (140, 60)], [3, 3, 3])
    # Two polygons side by side hold the second tile together; the third reaches out by a pixel.
    parts = gpd.GeoDataFrame(geometry=[box_px(44, 44, 100, 76), box_px(100, 44, 155, 76)], crs=CRS)
    for mask in (parts, parts.to_crs(4326).set_geometry(parts.buffer(0.01).to_crs(4326))):
        plan = plan_tiles(SCENE, table, SPEC, Layout(mask=mask_of(mask, SCENE)))
        assert [tile.position for tile in plan.tiles] == [0, 1]
        assert plan.left_out == {"not inside the mask": 1}
    with pytest.raises(InputError, match="the mask polygons hold no whole tile"):
        plan_tiles(SCENE, table, SPEC, Layout(mask=box_px(44, 44, 75, 76)))
    with pytest.raises(InputError, match="hold no whole tile"):
        plan_tiles(SCENE, table, SPEC, Layout(mask=shapely.box(0, 0, 1, 1)))
    with pytest.raises(InputError, match="holds something other than polygons"):
        mask_of(parts.set_geometry(parts.centroid), SCENE)
    with pytest.raises(InputError, match="has no coordinate reference system"):
        mask_of(gpd.GeoDataFrame(geometry=parts.geometry.values, crs=None).set_crs(None, allow_override=True), SCENE)


def test_extents(tmp_path: Path) -> None:
    table = boxes([(60, 60), (100, 100), (300, 60)], [3, 3, 3])
    whole, reach = box_px(0, 0, SIZE, SIZE).bounds, box_px(50, 50, 310, 110).bounds
    assert extent_of("union", None, SCENE, table).bounds == pytest.approx((whole[0], whole[1], reach[2], whole[3]))
    assert extent_of("intersection", None, SCENE, table).bounds == pytest.approx(box_px(50, 50, 200, 110).bounds)
    assert extent_of(None, None, SCENE, table) is None
    asked = box_px(40, 40, 80, 80)
    assert extent_of(asked.bounds, None, SCENE, table).equals_exact(asked, 1e-6)
    degrees = gpd.GeoSeries([asked], crs=CRS).to_crs(4326)
    there = extent_of(tuple(degrees.total_bounds), "EPSG:4326", SCENE, table)
    assert there.buffer(0.1).covers(asked)
    assert there.area == pytest.approx(asked.area, rel=0.05)
    file = tmp_path / "area.gpkg"
    gpd.GeoDataFrame(geometry=[asked], crs=CRS).to_file(file)
    assert extent_of(file, None, SCENE, table).equals_exact(asked, 1e-6)

    plan = plan_tiles(SCENE, table, SPEC, Layout(extent=asked))
    assert [tile.position for tile in plan.tiles] == [0]
    assert plan.left_out == {"outside the extent": 2}
    grid = plan_tiles(SCENE, table, SPEC, Layout((32, 32), only_with_features=False, extent=asked))
    assert [(tile.frame.c, tile.frame.f) for tile in grid.tiles] == [(40, 40), (72, 40), (40, 72), (72, 72)]


def test_extents_of_no_use(tmp_path: Path) -> None:
    table = boxes([(60, 60)], [3])
    with pytest.raises(InputError, match="the extent lies beside the scene bay"):
        plan_tiles(SCENE, table, SPEC, Layout(extent=shapely.box(0, 0, 1, 1)))
    with pytest.raises(InputError, match="the extent holds none of the rectangles"):
        plan_tiles(SCENE, table, SPEC, Layout(extent=box_px(150, 150, 160, 160)))
    with pytest.raises(InputError, match="the extent 5 5 1 1 is no box"):
        extent_of((5, 5, 1, 1), None, SCENE, table)
    with pytest.raises(InputError, match="is no box"):
        extent_of((5, 5, 1), None, SCENE, table)
    with pytest.raises(InputError, match="the CRS 'EPSG:99' is not known"):
        extent_of((0, 0, 1, 1), "EPSG:99", SCENE, table)
    with pytest.raises(InputError, match="bbox does not exist"):
        extent_of("bbox", None, SCENE, table)
    with pytest.raises(InputError, match="overlaps none of the rectangles"):
        extent_of("intersection", None, SCENE, boxes([(900, 900)], [3]))


# Turned scenes


@pytest.mark.parametrize("deg", [20.0, -75.0, 90.0])
def test_map_space_is_north_up_on_a_turned_scene(deg: float) -> None:
    scene = turned_scene(deg)
    middle = shapely.Point(ground(100, 100, scene))
    table = gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[middle.buffer(100, cap_style="square")], crs=CRS)
    (tile,) = plan_tiles(scene, table, SPEC).tiles
    a, b, _, d, e, _ = (scene.transform @ tile.frame)[:6]
    assert (a, b, d, e) == pytest.approx((10, 0, 0, -10))
    x, y = scene.transform @ tile.frame @ (16, 16)
    assert (x, y) == pytest.approx((middle.x, middle.y), abs=7.1)
    (own,) = plan_tiles(scene, table, replace(SPEC, space="pixel")).tiles
    assert not own.resampled
    assert own.window == Window(84, 84, 32, 32)
    # A grid of map space is north up too, and covers the scene's bounds.
    tiles = plan_tiles(scene, table, SPEC, Layout((32, 32), only_with_features=False)).tiles
    outlines = [outline_on_ground(scene, tile) for tile in tiles]
    assert all(
        outline.equals(outline.envelope) or abs(outline.area - outline.envelope.area) < 1e-3 for outline in outlines
    )
    below = shapely.Polygon([ground(*c, scene) for c in ((0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE))])
    assert shapely.union_all(outlines).buffer(1e-3).covers(below)


def test_rectangles_the_scene_cannot_show_or_reach() -> None:
    table = boxes([(60, 60), (300, 300)], [3, 3])
    tiles = plan_tiles(SCENE, table, SPEC).tiles
    assert [tile.window is None for tile in tiles] == [False, True]
