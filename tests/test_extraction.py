from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import Geod, Transformer
from scipy import ndimage

from littoral import extract_shoreline, open_scene
from littoral.demo.world import make_world
from littoral.errors import InputError, LittoralWarning
from littoral.geodesy import line_lengths
from littoral.imagery import Window, read_windows
from littoral.shoreline import ShorelineOptions, index_grid
from littoral.shoreline.water_bodies import find_bodies
from littoral.shoreline.water_index import INDICES, choose_index
from textured_coast import ORIGIN

Writer = Callable[..., Path]
WATER, LAND, CLOUD = (800, 300), (700, 3000), (5000, 5200)
"""Of B03 and B08."""


def disc(size: int, row: float, column: float, radius: float) -> np.ndarray:
    """Share of land (size, size) of an island, its edge a pixel wide."""
    y, x = np.mgrid[0:size, 0:size]
    return np.clip(radius - np.hypot(y - row, x - column) + 0.5, 0, 1)


def painted(land: np.ndarray) -> np.ndarray:
    """B03 and B08, (2, height, width)."""
    return np.stack([w + (g - w) * land for w, g in zip(WATER, LAND, strict=True)]).astype("uint16")


@pytest.fixture
def scene_of(tmp_path: Path, write_scene: Writer) -> Callable[..., Path]:
    def write(values: np.ndarray, name: str = "coast", names: tuple[str, ...] = ("B03", "B08"), **how: object) -> Path:
        return write_scene(tmp_path / f"{name}.tif", values, names=names, **how)

    return write


def in_pixels(line: shapely.LineString) -> np.ndarray:
    """Row and column of a line's points, pixel centres at whole numbers."""
    x, y = shapely.get_coordinates(line).T
    return np.column_stack([(ORIGIN[1] - y) / 10 - 0.5, (x - ORIGIN[0]) / 10 - 0.5])


def test_circle_to_a_fraction_of_a_pixel(scene_of: Callable[..., Path]) -> None:
    lines = extract_shoreline(scene_of(painted(disc(200, 99.3, 101.7, 60))))
    assert len(lines) == 1
    radius = np.hypot(*(in_pixels(lines.geometry[0]) - [99.3, 101.7]).T)
    assert np.sqrt(np.mean((radius - 60) ** 2)) < 0.15
    # The island, on the left, is gone round counter-clockwise.
    assert shapely.is_ccw(shapely.LinearRing(lines.geometry[0].coords))
    row = lines.iloc[0]
    assert (row["index"], row["land_side"], row["scene"]) == ("NDWI", "left", "coast")
    assert row["length_m"] == pytest.approx(line_lengths(lines)[0])
    pond = extract_shoreline(scene_of(painted(1 - disc(200, 99.3, 101.7, 60)), "bay"))
    assert not shapely.is_ccw(shapely.LinearRing(pond.geometry[0].coords))


def test_strips_make_no_difference(scene_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    noise = ndimage.gaussian_filter(rng.standard_normal((300, 280)), 6)
    path = scene_of(painted(np.clip(noise * 60, 0, 1)))
    rules = ShorelineOptions(min_area_m2=5000)
    whole = extract_shoreline(path, rules)
    assert len(whole) > 10
    assert whole.geometry.apply(lambda line: line.is_ring).any()
    for rows in (16, 48, 112):
        monkeypatch.setattr(index_grid, "STRIP_PX", rows)
        assert whole.to_wkb().equals(extract_shoreline(path, rules).to_wkb())


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 4), st.booleans())
def test_bodies_are_those_of_the_whole_image(mask: np.ndarray, rows: int, corners: bool) -> None:
    strips = [slice(start, start + rows) for start in range(0, len(mask), rows)]
    found = np.concatenate([label for _, label in find_bodies(mask.__getitem__, strips, corners=corners).labels()])
    label = ndimage.label(mask, ndimage.generate_binary_structure(2, 2 if corners else 1))[0]
    pairs = np.unique(np.stack([label.ravel(), found.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(label)) == len(np.unique(found))
    assert ((label == 0) == (found == 0)).all()
    assert find_bodies(mask.__getitem__, strips, corners=corners).size[1:].sum() == mask.sum()


def test_islets_ponds_and_lakes(scene_of: Callable[..., Path]) -> None:
    size = 260
    land = np.zeros((size, size))
    land[:, :150] = 1
    land[100:160, 30:90] = 0  # a lake of 0.36 km2
    land = np.maximum(land, disc(size, 60, 200, 4))  # an islet of 0.005 km2
    land = np.maximum(land, disc(size, 180, 210, 20))  # an island of 0.13 km2
    path = scene_of(painted(land))
    lines = extract_shoreline(path)
    assert len(lines) == 2
    assert lines.geometry.apply(lambda line: line.is_ring).sum() == 1
    assert len(extract_shoreline(path, ShorelineOptions(min_area_m2=1000))) == 3
    assert len(extract_shoreline(path, ShorelineOptions(min_area_m2=200_000))) == 1
    assert len(extract_shoreline(path, ShorelineOptions(min_length_m=1500))) == 1
    lake = shapely.Point(ORIGIN[0] + 600, ORIGIN[1] - 1300).buffer(50)
    inland = extract_shoreline(path, sea=gpd.GeoDataFrame(geometry=[lake], crs=32617).to_crs(4326))
    assert len(inland) == 1
    assert shapely.Polygon(inland.geometry[0]).contains(lake)
    point = gpd.GeoDataFrame(geometry=[lake.centroid], crs=32617)
    assert extract_shoreline(path, sea=point).geometry.equals(inland.geometry)
    with pytest.raises(InputError, match=r"touches nothing .* takes for water: .* --threshold"):
        extract_shoreline(path, sea=gpd.GeoDataFrame(geometry=[shapely.Point(*ORIGIN).buffer(10)], crs=32617))


def test_missing_pixels_and_cloud_are_no_shore(scene_of: Callable[..., Path]) -> None:
    size = 200
    land = np.zeros((size, size))
    land[:, :100] = 1
    values = np.concatenate([painted(land), np.full((1, size, size), 6, "uint16")])
    values[2, 60:90, 90:150] = 9  # cloud over shore and sea, white in both bands
    values[:2, 60:90, 90:150] = np.array(CLOUD)[:, None, None]
    values[:2, 150:, 120:] = 0  # missing
    path = scene_of(values, names=("B03", "B08", "SCL"), nodata=0)
    lines = extract_shoreline(path, ShorelineOptions(cloud_buffer_m=50))
    points = np.concatenate([in_pixels(line) for line in lines.geometry])
    # Between the last pixel of land and the first of water.
    assert np.abs(points[:, 1] - 99.5).max() < 0.5
    assert len(lines) == 2
    rows = points[:, 0]
    assert not ((rows > 54) & (rows < 95)).any()
    assert lines.length.sum() / 10 == pytest.approx(199 - 42, abs=2)


def test_cloud_mask(scene_of: Callable[..., Path]) -> None:
    land = np.zeros((120, 120))
    land[:, :60] = 1
    path = scene_of(painted(land))
    cloud = np.zeros((1, 120, 120), "uint8")
    cloud[:, 40:60, 50:70] = 1
    lines = extract_shoreline(
        path, ShorelineOptions(cloud_buffer_m=30), cloud=scene_of(cloud, "cloud", names=("mask",))
    )
    rows = np.concatenate([in_pixels(line)[:, 0] for line in lines.geometry])
    # The pixels from 37 to 62 are cloud or beside it.
    assert sorted(rows) == pytest.approx([*range(37), *range(63, 120)])
    scl = np.full((1, 120, 120), 6, "uint8")
    scl[cloud > 0] = 3
    beside = extract_shoreline(path, ShorelineOptions(cloud_buffer_m=30), cloud=scene_of(scl, "x_SCL_10m", names=None))
    assert beside.geometry.equals(lines.geometry)
    with pytest.raises(InputError, match="lies on another grid than coast"):
        extract_shoreline(path, cloud=scene_of(cloud[:, 1:], "smaller", names=("mask",)))


def test_a_lake_beside_cloud_does_not_run_off_the_image(scene_of: Callable[..., Path]) -> None:
    land = np.ones((200, 200))
    land[:, 150:] = 0
    land[60:120, 30:90] = 0
    values = np.concatenate([painted(land), np.full((1, 200, 200), 6, "uint16")])
    values[2, 80:100, 10:40] = 9
    lines = extract_shoreline(scene_of(values, names=("B03", "B08", "SCL")), ShorelineOptions(cloud_buffer_m=0))
    assert len(lines) == 1
    values[:2, 80:100, 10:40] = 0
    lines = extract_shoreline(scene_of(values[:2], "missing", nodata=0))
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("crs", "origin", "pixel"),
    [
        ("EPSG:4326", (179.995, -17.0), 1e-4),  # across the antimeridian, longitudes beyond 180
        ("EPSG:32701", (166_000.0, 8_120_000.0), 10.0),  # the same in its zone
        ("EPSG:3413", (-500.0, 600.0), 10.0),  # around the north pole
        ("EPSG:3857", (0.0, 8_400_000.0), 20.0),  # twice as large on the map as on the ground
    ],
)
def test_sizes_are_those_on_the_ground(
    scene_of: Callable[..., Path], crs: str, origin: tuple[float, float], pixel: float
) -> None:
    path = scene_of(painted(disc(100, 49.5, 50.2, 30)), crs=crs, origin=origin, pixel=pixel)
    lines = extract_shoreline(path)
    assert len(lines) == 1
    geod = Geod(ellps="WGS84")
    x, y = Transformer.from_crs(crs, 4326, always_xy=True).transform(*shapely.get_coordinates(lines.geometry[0]).T)
    assert lines["length_m"][0] == pytest.approx(geod.line_length(x, y))
    around = {"EPSG:4326": 2 * np.pi * 30 * 10.9, "EPSG:3857": 2 * np.pi * 300}.get(crs, 2 * np.pi * 300)
    assert lines["length_m"][0] == pytest.approx(around, rel=0.07)
    # The disc is as large as it is on the ground: 0.28 km2.
    with pytest.raises(InputError, match="shows no shore: 100% of it is sea"):
        extract_shoreline(path, ShorelineOptions(min_area_m2=400_000))
    assert len(extract_shoreline(path, ShorelineOptions(min_area_m2=200_000))) == 1


@pytest.mark.parametrize(
    ("bands", "auto"),
    [
        (["B02", "B03", "B04"], "RGB"),
        (["B02", "B03", "B04", "B08"], "NDWI"),
        (["B03", "B08", "B11"], "MNDWI"),
        (["B03", "B11"], "MNDWI"),
    ],
)
def test_choice_of_the_index(bands: list[str], auto: str) -> None:
    assert choose_index("auto", bands).name == auto
    for name, index in INDICES.items():
        if set(index.bands) <= set(bands):
            assert choose_index(name, bands) == index
        else:
            with pytest.raises(InputError, match=r"has the bands .*, not .* --band-names B02,B03,B04,B08,B11 for blue"):
                choose_index(name, bands)


def test_the_last_resort_is_said(scene_of: Callable[..., Path]) -> None:
    land = disc(80, 40, 40, 20)
    path = scene_of((np.stack([900 - 300 * land, 400 + 600 * land])).astype("uint16"), names=("B03", "B04"))
    with pytest.warns(LittoralWarning, match="coast has no near infrared; .* look at the line"):
        lines = extract_shoreline(path)
    # Who asks for it knows.
    assert extract_shoreline(path, ShorelineOptions(index="RGB")).to_wkb().equals(lines.to_wkb())


def test_values_of_the_indices() -> None:
    green, nir, swir = np.float32([[3, 1, 2]]), np.float32([[1, 3, 2]]), np.float32([[1, 1, 6]])
    assert INDICES["NDWI"].of(green, nir).tolist() == [[0.5, -0.5, 0.0]]
    assert INDICES["MNDWI"].of(green, swir).tolist() == [[0.5, 0.0, -0.5]]
    ratios = INDICES["ratios"].of(green, nir, swir)
    assert ((ratios > 0) == ((green / nir > 1) & (green / swir > 1))).all()


def test_given_threshold_is_the_same_everywhere(scene_of: Callable[..., Path]) -> None:
    land = disc(120, 60, 60, 30)
    path = scene_of(painted(land))
    line = extract_shoreline(path, ShorelineOptions(threshold=0.2)).geometry[0]
    values, _ = next(read_windows(scene := open_scene(path), scene.bands, [Window(0, 0, 120, 120)]))
    index = INDICES["NDWI"].of(*values.astype(np.float32))
    at = in_pixels(line)
    low, part = np.floor(at).astype(int), at - np.floor(at)
    corner = [index[low[:, 0] + i, low[:, 1] + j] for i in (0, 1) for j in (0, 1)]
    weight = [abs(1 - i - part[:, 0]) * abs(1 - j - part[:, 1]) for i in (0, 1) for j in (0, 1)]
    assert sum(w * c for w, c in zip(weight, corner, strict=True)) == pytest.approx(0.2, abs=2e-3)


def test_date(scene_of: Callable[..., Path]) -> None:
    values = painted(disc(60, 30, 30, 12))
    assert extract_shoreline(scene_of(values, "S2A_20230613T1558"))["date"].tolist() == ["2023-06-13"]
    assert extract_shoreline(scene_of(values, "tile_2023-06-13_10m"))["date"].tolist() == ["2023-06-13"]
    assert extract_shoreline(scene_of(values, "x"), taken="2020-01-02")["date"].tolist() == ["2020-01-02"]
    for name in ("x", "tile_20231399", "site_1999999"):
        assert extract_shoreline(scene_of(values, name))["date"].isna().all()


def test_bad_input(scene_of: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="one value everywhere"):
        extract_shoreline(scene_of(np.full((2, 50, 50), 900, "uint16"), "flat"))
    with pytest.raises(InputError, match="no valid, cloudless pixel"):
        extract_shoreline(scene_of(np.zeros((2, 50, 50), "uint16"), "void", nodata=0))
    with pytest.raises(InputError, match="shows no shore"):
        extract_shoreline(scene_of(painted(disc(50, 25, 25, 10)), "above"), ShorelineOptions(threshold=0.9))
    with pytest.raises(InputError, match=r"the date '2023-13-01' is none: write it like 2023-06-13"):
        extract_shoreline(scene_of(painted(disc(50, 25, 25, 10)), "day"), taken="2023-13-01")
    with pytest.raises(InputError, match="index 'NWI'"):
        extract_shoreline(scene_of(painted(disc(50, 25, 25, 10)), "index"), ShorelineOptions(index="NWI"))
    for wrong in ({"min_area_m2": -1.0}, {"threshold": 5.0}, {"cloud_buffer_m": float("nan")}):
        with pytest.raises(InputError):
            ShorelineOptions(**wrong)  # type: ignore[arg-type]


def test_synthetic_world_within_half_a_pixel(tmp_path: Path) -> None:
    """Every point of the true waterline, islands of 220 pixels or more, to the line with islands of any size; then by
    the rules that a user gets, islands by the same rule in both lines, and in both directions."""
    world = make_world(tmp_path, seed=3, size_px=1024, unseen_px=256)
    truth = gpd.read_file(world.training.waterline)
    large = truth[~(truth["area_m2"] < 22_000)].geometry.to_numpy()
    every = extract_shoreline(world.training.scene, ShorelineOptions(min_area_m2=0)).geometry.to_numpy()
    points = shapely.points(shapely.get_coordinates(shapely.segmentize(large, 10)))
    away = shapely.distance(points, shapely.union_all(every)) / 10
    assert len(away) > 5000
    assert np.sqrt(np.mean(away**2)) < 0.5
    assert np.median(away) < 0.3
    assert (truth["area_m2"] < 1000).any()
    truth = truth[~(truth["area_m2"] < ShorelineOptions().min_area_m2)]
    lines = extract_shoreline(world.training.scene)
    for one, other in ((truth, lines), (lines, truth)):
        points = shapely.points(shapely.get_coordinates(shapely.segmentize(one.geometry.to_numpy(), 10)))
        away = shapely.distance(points, shapely.union_all(other.geometry.to_numpy())) / 10
        assert len(away) > 5000
        assert np.median(away) < 0.3
        assert np.percentile(away, 90) < 1
        # The rest is floes and ponds that one line counts in and the other does not.
        met = away[away <= 3]
        assert len(met) > 0.95 * len(away)
        assert np.sqrt(np.mean(met**2)) < 0.5
    again = extract_shoreline(world.training.scene)
    assert again.to_wkb().equals(lines.to_wkb())


def test_mud_is_no_arm_of_the_sea(scene_of: Callable[..., Path]) -> None:
    """A muddy creek two pixels wide has an index above that of half sea and half meadow, but no water in it."""
    values = np.empty((2, 200, 200), "uint16")
    values[:] = np.array([[[960]], [[2350]]])
    values[:, :, 100:] = np.array([[[1080]], [[350]]])
    creek = values.copy()
    creek[:, 99:101, 40:100] = np.array([[[900]], [[1150]]])
    lines, muddy = extract_shoreline(scene_of(values, "bare")), extract_shoreline(scene_of(creek, "creek"))
    assert len(muddy) == 1
    assert muddy["length_m"].sum() == pytest.approx(lines["length_m"].sum(), rel=0.02)
    deep = values.copy()
    deep[:, 99:101, 40:100] = values[:, 0, 150][:, None, None]
    assert extract_shoreline(scene_of(deep, "inlet"))["length_m"].sum() > 3000


def test_ice_is_land(scene_of: Callable[..., Path]) -> None:
    """Ice has an index between those of water and of meadow, and is the larger part of what is no meadow."""
    values = np.empty((2, 200, 200), "uint16")
    values[:, :, :80] = [[[360]], [[80]]]
    values[:, :, 80:160] = [[[3850]], [[3000]]]
    values[:, :, 160:] = [[[720]], [[2500]]]
    lines = extract_shoreline(scene_of(values, "ice"))
    assert len(lines) == 1
    columns = in_pixels(lines.geometry[0])[:, 1]
    np.testing.assert_allclose(columns, 80, atol=0.5)
