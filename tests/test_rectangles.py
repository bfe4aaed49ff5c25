from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely import LineString, MultiLineString
from shapely.affinity import translate

from littoral import rectangles_along_lines
from littoral.errors import InputError
from littoral.geodesy import line_lengths
from littoral.rectangles import walk_line

GEOD = Geod(ellps="WGS84")


def coast(*coordinates: list[tuple[float, float]], crs: object = 32617, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[LineString(c) for c in coordinates], crs=crs)


def sides(polygon: shapely.Polygon) -> tuple[float, float]:
    """Geodesic length along and across the line of a rectangle in degrees."""
    points = shapely.get_coordinates(polygon)[:4]
    out = [GEOD.inv(*points[i], *points[i + 1])[2] for i in (0, 1)]
    return out[0], out[1]


def test_fields_of_a_straight_line() -> None:
    boxes = rectangles_along_lines(coast([(0, 0), (0, 3000)], CATCOA=[7], name=["x"]), 1000, 500, sort="LL")
    assert list(boxes.columns) == [
        "ID",
        "GroupId",
        "SeqId",
        "Previous",
        "Next",
        "Angle",
        "line_m",
        "CATCOA",
        "name",
        "geometry",
    ]
    assert boxes["ID"].tolist() == [1, 2, 3]
    assert boxes["Angle"].tolist() == [0, 0, 0]
    assert boxes["Previous"].astype("float").tolist()[1:] == [1, 2]
    assert boxes["Previous"].isna().tolist() == [True, False, False]
    assert boxes["Next"].isna().tolist() == [False, False, True]
    assert boxes.geometry[0].bounds == pytest.approx((-250, 0, 250, 1000))


@pytest.mark.parametrize(("sort", "angle"), [("UL", 135), ("LR", -45), ("UR", -45), ("LL", 135)])
def test_start_corner(sort: str, angle: float) -> None:
    """From upper left to lower right; seen from UR and LL both ends are equally far and the western one wins."""
    boxes = rectangles_along_lines(coast([(0, 3000), (3000, 0)]), sort=sort)  # type: ignore[arg-type]
    if sort in ("UL", "LR"):
        assert set(boxes["Angle"]) == {angle}
    else:
        assert set(boxes["Angle"]) == {135}


def test_tail_rules() -> None:
    assert len(rectangles_along_lines(coast([(0, 0), (2040, 0)]))) == 2
    boxes = rectangles_along_lines(coast([(0, 0), (2060, 0)]))
    assert boxes["line_m"].tolist() == pytest.approx([1000, 1000, 60])
    assert boxes.geometry[2].bounds == pytest.approx((2000, -500, 3000, 500))
    assert len(rectangles_along_lines(coast([(0, 0), (2600, 0)]), min_tail=0.7)) == 2


def test_short_line_is_centred() -> None:
    boxes = rectangles_along_lines(coast([(100, 0), (400, 0)]))
    assert boxes.geometry[0].bounds == pytest.approx((-250, -500, 750, 500))
    islet = rectangles_along_lines(coast([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]))
    assert islet.geometry[0].centroid.coords[0] == pytest.approx((50, 50))


def test_ring_closes_and_starts_at_the_corner() -> None:
    angle = np.linspace(0, 2 * np.pi, 721)
    ring = list(map(tuple, np.column_stack([np.cos(angle), np.sin(angle)]) * 3000))
    ring[-1] = ring[0]
    boxes = rectangles_along_lines(coast(ring), sort="UR")
    assert boxes["Previous"].iloc[0] == len(boxes)
    assert boxes["Next"].iloc[-1] == 1
    start = boxes.geometry[0].centroid
    assert start.x > 0
    assert start.y > 0
    backwards = rectangles_along_lines(coast(ring[::-1]), sort="UR")
    assert backwards.geometry.geom_equals_exact(boxes.geometry, 1e-6).all()


def test_groups_and_sequence() -> None:
    table = gpd.GeoDataFrame(
        {"CATCOA": [3, 7, 3]},
        geometry=[
            LineString([(0, 0), (2000, 0)]),
            LineString([(2000, 0), (4000, 0)]),
            MultiLineString([[(0, 9000), (1000, 9000)], [(5000, 9000), (6000, 9000)]]),
        ],
        crs=32617,
    )
    boxes = rectangles_along_lines(table)
    assert boxes["GroupId"].tolist() == [1, 1, 2, 2, 3, 3]
    assert boxes["SeqId"].tolist() == [1, 2, 1, 2, 1, 2]
    assert boxes["CATCOA"].tolist() == [3, 3, 7, 7, 3, 3]
    # Two parts of one line are one group, but no neighbours.
    assert boxes["Next"].isna().tolist() == [False, True, False, True, True, True]
    assert len(rectangles_along_lines(table, by=None)["GroupId"].unique()) == 2


def test_own_fields_that_collide_are_kept() -> None:
    boxes = rectangles_along_lines(coast([(0, 0), (900, 0)], id=[77], Angle=["x"]))
    assert boxes["id_in"].tolist() == [77]
    assert boxes["Angle_in"].tolist() == ["x"]
    assert boxes.attrs["renamed"] == {"id": "id_in", "Angle": "Angle_in"}
    assert rectangles_along_lines(coast([(0, 0), (900, 0)], group=["mine"], length_m=[5]))["group"].tolist() == ["mine"]


@pytest.mark.parametrize(("lon", "lat"), [(-80.2, 25.7), (179.95, -16.5), (12.0, 80.0), (-150.0, -77.0), (2.99, 43.0)])
def test_a_kilometre_is_a_kilometre_anywhere(lon: float, lat: float) -> None:
    rng = np.random.default_rng(1)
    steps = rng.normal(0, 300, (200, 2)).cumsum(axis=0)
    points = np.column_stack([lon + steps[:, 0] / 111_320 / np.cos(np.radians(lat)), lat + steps[:, 1] / 111_320])
    boxes = rectangles_along_lines(coast(list(map(tuple, points)), crs=4326), 1000, 600)
    for polygon in boxes.geometry:
        along, across = sides(polygon)
        assert along == pytest.approx(1000, rel=0.005)
        assert across == pytest.approx(600, rel=0.005)


def test_across_zones_and_in_web_mercator() -> None:
    long = coast([(0.0, 60.0), (20.0, 60.0)], crs=4326)
    boxes = rectangles_along_lines(long, 10_000, 1000)
    assert all(sides(polygon)[0] == pytest.approx(10_000, rel=0.005) for polygon in boxes.geometry)
    stretched = rectangles_along_lines(coast([(2e6, 8e6), (2.02e6, 8e6)], crs=3857))
    assert stretched.crs.to_epsg() == 3857
    assert all(sides(p)[0] == pytest.approx(1000, rel=0.005) for p in stretched.to_crs(4326).geometry)


def test_feet_are_no_metres() -> None:
    boxes = rectangles_along_lines(coast([(2_000_000, 600_000), (2_000_000, 610_000)], crs=2225))
    assert boxes.geometry[0].length * 0.3048006 == pytest.approx(4000, rel=1e-4)


metre = st.integers(-20_000, 20_000)
crooked = st.lists(st.tuples(metre, metre), min_size=2, max_size=30, unique=True)


@given(crooked)
def test_line_is_accounted_for_and_chords_have_one_length(points: list[tuple[int, int]]) -> None:
    xy = np.array(points, float)
    walk = walk_line(xy, 1000.0)
    assert walk.line_m.sum() == pytest.approx(LineString(xy).length)
    assert (walk.line_m >= -1e-6).all()
    assert np.linalg.norm(walk.axes, axis=1) == pytest.approx(1)
    # Each chord starts where the one before it ended.
    ends, starts = walk.centres + 500 * walk.axes, walk.centres - 500 * walk.axes
    assert np.abs(ends[:-1] - starts[1:]).max(initial=0) < 1e-6


@given(crooked)
def test_reversing_and_moving(points: list[tuple[int, int]]) -> None:
    line = LineString(points)
    one = rectangles_along_lines(gpd.GeoDataFrame(geometry=[line], crs=32617))
    back = rectangles_along_lines(gpd.GeoDataFrame(geometry=[line.reverse()], crs=32617))
    assert back.geometry.geom_equals_exact(one.geometry, 1e-6).all()
    moved = rectangles_along_lines(gpd.GeoDataFrame(geometry=[translate(line, 4096, -2048)], crs=32617))
    assert moved.geometry.geom_equals_exact(one.geometry.translate(4096, -2048), 1e-3).all()
    assert moved["Angle"].to_numpy() == pytest.approx(one["Angle"].to_numpy(), abs=1e-3)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="length -5"):
        rectangles_along_lines(coast([(0, 0), (1, 0)]), -5)
    with pytest.raises(InputError, match="no corner"):
        rectangles_along_lines(coast([(0, 0), (1, 0)]), sort="XX")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="longer than zero"):
        rectangles_along_lines(coast([(0, 0), (0, 0)]))
    with pytest.raises(InputError, match="no coordinate reference system"):
        rectangles_along_lines(coast([(0, 0), (9, 0)], crs=None))
    with pytest.raises(InputError, match="outside EPSG:4326"):
        rectangles_along_lines(coast([(0, 0), (0, 95)], crs=4326))


def test_real_cells_lengths_add_up(data: object) -> None:
    from littoral import read_charts

    coast_lines = read_charts(f"{data}/enc")
    boxes = rectangles_along_lines(coast_lines)
    by_cell = line_lengths(coast_lines)
    # The same line in two cells counts once: 0.5 km of the thirteen cells.
    assert boxes["line_m"].sum() == pytest.approx(by_cell.sum(), rel=2e-4)
    assert boxes["line_m"].sum() <= by_cell.sum()
    assert boxes["Angle"].between(-180, 180).all()
