from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from pyproj import Geod
from shapely import LineString, MultiLineString
from shapely.affinity import translate

from littoral import merge_lines, rectangles_along_lines
from littoral.charts.options import ChartOptions
from littoral.errors import InputError
from littoral.geodesy import line_lengths
from littoral.rectangles import Lines, walk_lines
from littoral.rectangles.options import RectangleOptions

GEOD = Geod(ellps="WGS84")


def coast(*coordinates: list[tuple[float, float]], crs: object = 32617, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[LineString(c) for c in coordinates], crs=crs)


def maybe(*codes: int | None) -> pd.arrays.IntegerArray:
    return pd.array(list(codes), dtype="Int64")


def sides(polygon: shapely.Polygon) -> tuple[float, float]:
    """Geodesic length along and across the line of a rectangle in degrees."""
    points = shapely.get_coordinates(polygon)[:4]
    out = [GEOD.inv(*points[i], *points[i + 1])[2] for i in (0, 1)]
    return out[0], out[1]


def test_fields_of_a_straight_line() -> None:
    boxes = rectangles_along_lines(
        coast([(0, 0), (0, 3000)], CATCOA=[7], name=["x"]), RectangleOptions(length_m=1000, width_m=500, sort="LL")
    )
    assert list(boxes.columns) == [
        "ID",
        "GroupId",
        "SeqId",
        "Previous",
        "Next",
        "Angle",
        "line_m",
        "purity",
        "share_7",
        "CATCOA",
        "name",
        "geometry",
    ]
    assert boxes["ID"].tolist() == [1, 2, 3]
    assert boxes["Angle"].tolist() == pytest.approx([0, 0, 0], abs=0.01)
    assert boxes["Previous"].astype("float").tolist()[1:] == [1, 2]
    assert boxes["Previous"].isna().tolist() == [True, False, False]
    assert boxes["Next"].isna().tolist() == [False, False, True]
    assert boxes.geometry[0].bounds == pytest.approx((-250, 0, 250, 1000))


@pytest.mark.parametrize(("sort", "angle"), [("UL", 135), ("LR", -45), ("UR", -45), ("LL", 135)])
def test_start_corner(sort: str, angle: float) -> None:
    """From upper left to lower right; seen from UR and LL both ends are equally far and the western one wins."""
    boxes = rectangles_along_lines(coast([(0, 3000), (3000, 0)]), RectangleOptions(sort=sort))  # type: ignore[arg-type]
    if sort in ("UL", "LR"):
        assert boxes["Angle"].to_numpy() == pytest.approx(angle, abs=0.01)
    else:
        assert boxes["Angle"].to_numpy() == pytest.approx(135, abs=0.01)


@pytest.mark.slow
def test_tail_rules() -> None:
    assert len(rectangles_along_lines(coast([(0, 0), (2040, 0)]))) == 2
    boxes = rectangles_along_lines(coast([(0, 0), (2060, 0)]))
    assert boxes["line_m"].tolist() == pytest.approx([1000, 1000, 60])
    assert boxes.geometry[2].bounds == pytest.approx((2000, -500, 3000, 500))
    assert len(rectangles_along_lines(coast([(0, 0), (2600, 0)]), RectangleOptions(min_tail=0.7))) == 2
    back = rectangles_along_lines(coast([(0, 0), (2060, 0)]), RectangleOptions(tail="shift_back"))
    assert back["line_m"].tolist() == pytest.approx([1000, 1000, 60])
    assert back.geometry[2].bounds == pytest.approx((1060, -500, 2060, 500))
    dropped = rectangles_along_lines(coast([(0, 0), (2060, 0)]), RectangleOptions(tail="drop"))
    assert dropped["line_m"].tolist() == pytest.approx([1000, 1000])
    with pytest.raises(InputError, match="no line as long as a rectangle"):
        rectangles_along_lines(coast([(0, 0), (900, 0)]), RectangleOptions(tail="drop"))


def test_short_line_is_centred() -> None:
    boxes = rectangles_along_lines(coast([(100, 0), (400, 0)]))
    assert boxes.geometry[0].bounds == pytest.approx((-250, -500, 750, 500))
    islet = rectangles_along_lines(coast([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]))
    assert islet.geometry[0].centroid.coords[0] == pytest.approx((50, 50))


def test_ring_closes_and_starts_at_the_corner() -> None:
    angle = np.linspace(0, 2 * np.pi, 721)
    ring = list(map(tuple, np.column_stack([np.cos(angle), np.sin(angle)]) * 3000))
    ring[-1] = ring[0]
    boxes = rectangles_along_lines(coast(ring), RectangleOptions(sort="UR"))
    assert boxes["Previous"].iloc[0] == len(boxes)
    assert boxes["Next"].iloc[-1] == 1
    start = boxes.geometry[0].centroid
    assert start.x > 0
    assert start.y > 0
    backwards = rectangles_along_lines(coast(ring[::-1]), RectangleOptions(sort="UR"))
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
    # A chain goes on where its category changes; two parts of one line are one group, but no neighbours.
    assert boxes["GroupId"].tolist() == [1, 1, 1, 1, 3, 3]
    assert boxes["SeqId"].tolist() == [1, 2, 3, 4, 1, 2]
    assert boxes["CATCOA"].tolist() == [3, 3, 7, 7, 3, 3]
    assert boxes["Previous"].fillna(0).tolist() == [0, 1, 2, 3, 0, 0]
    assert boxes["Next"].fillna(0).tolist() == [2, 3, 4, 0, 0, 0]


def test_a_line_left_out_is_a_gap() -> None:
    table = coast([(0, 0), (2000, 0)], [(2000, 0), (2100, 0)], [(2100, 0), (4100, 0)], CATCOA=[3, 7, 3])
    for boxes in (
        rectangles_along_lines(table, RectangleOptions(min_line_m=500)),
        rectangles_along_lines(table, RectangleOptions(tail="drop")),
    ):
        assert boxes["GroupId"].tolist() == [1, 1, 1, 1]
        assert boxes["Next"].fillna(0).tolist() == [2, 0, 4, 0]
    with pytest.raises(InputError, match="no line of at least 9000 m"):
        rectangles_along_lines(table, RectangleOptions(min_line_m=9000))


def test_ring_of_two_categories() -> None:
    """It starts at the change of category nearest to the corner, counter-clockwise, and closes."""
    table = coast([(0, 0), (4000, 0), (4000, 4000)], [(0, 0), (0, 4000), (4000, 4000)], CATCOA=[3, 7])
    for rings in (table, table.set_geometry(table.geometry.reverse())):
        boxes = rectangles_along_lines(rings, RectangleOptions(sort="UR"))
        assert boxes["CATCOA"].tolist() == [7] * 8 + [3] * 8
        turned = boxes["Angle"].to_numpy() - np.repeat([-90, 180, 90, 0], 4)
        assert (turned + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
        assert boxes["Previous"].tolist() == [16, *range(1, 16)]
        assert boxes["Next"].tolist() == [*range(2, 17), 1]


def test_overlap_and_spacing() -> None:
    line = coast([(0, 0), (0, 3250)])
    half = rectangles_along_lines(line, RectangleOptions(sort="LL", overlap=0.5))
    starts = half.geometry.bounds["miny"].tolist()
    assert starts == pytest.approx([0, 500, 1000, 1500, 2000, 2500])
    assert half["line_m"].tolist() == pytest.approx([500] * 5 + [750])
    assert half.geometry.geom_equals_exact(
        rectangles_along_lines(line, RectangleOptions(sort="LL", spacing_m=500)).geometry, 0
    ).all()
    apart = rectangles_along_lines(line, RectangleOptions(sort="LL", spacing_m=1500))
    assert apart.geometry.bounds["miny"].tolist() == pytest.approx([0, 1500, 3000])
    assert apart["line_m"].sum() == pytest.approx(3250)
    # The end of the line lies in a gap, or is covered already.
    assert len(rectangles_along_lines(line, RectangleOptions(sort="LL", spacing_m=2000))) == 2
    assert len(rectangles_along_lines(coast([(0, 0), (0, 3000)]), RectangleOptions(overlap=0.5))) == 5
    for wrong, words in (
        ({"overlap": 0.5, "spacing_m": 3.0}, "cannot be given together"),
        ({"overlap": 1.0}, "overlap 1 is not below 1"),
        ({"spacing_m": 0.0}, "spacing 0 is not above 0"),
        ({"tail": "cut"}, "tail 'cut'"),
        ({"min_tail": 2.0}, "min tail 2 is more than 1"),
    ):
        with pytest.raises(InputError, match=words):
            RectangleOptions(**wrong)  # type: ignore[arg-type]


def test_purity_and_shares_are_those_of_the_line_inside() -> None:
    rng = np.random.default_rng(3)
    lines = [np.column_stack([np.arange(60) * 120.0, 40 * rng.normal(0, 9, 60).cumsum() + y]) for y in (0, 300, 900)]
    table = coast(*[list(map(tuple, line)) for line in lines], CATCOA=[3, 7, None])
    for lengths in ((1000, 1000), (700, 300)):
        boxes = rectangles_along_lines(table, RectangleOptions(*lengths))
        inside = np.array([[box.intersection(line).length for line in table.geometry] for box in boxes.geometry])
        share = inside / inside.sum(axis=1, keepdims=True)
        assert boxes[["share_3", "share_7", "share_none"]].to_numpy() == pytest.approx(share, abs=1e-9)
        own = share[np.arange(len(boxes)), boxes["CATCOA"].map({3: 0, 7: 1}).fillna(2).astype(int)]
        assert boxes["purity"].to_numpy() == pytest.approx(own, abs=1e-9)
        in_degrees = rectangles_along_lines(table.to_crs(4326), RectangleOptions(*lengths))
        assert in_degrees["purity"].mean() == pytest.approx(own.mean(), abs=0.01)
    assert "purity" not in rectangles_along_lines(table, RectangleOptions(class_field=""))
    with pytest.raises(InputError, match="has 51 values"):
        rectangles_along_lines(
            coast(*[[(0, y), (9, y)] for y in range(51)], name=[*range(51)]), RectangleOptions(class_field="name")
        )


def test_only_labelled_stretches_but_purity_by_all_line() -> None:
    table = coast([(0, 0), (2000, 0)], [(2000, 0), (2500, 0)], [(2500, 0), (4500, 0)], CATCOA=maybe(3, None, 7))
    every, labelled = rectangles_along_lines(table), rectangles_along_lines(table, RectangleOptions(labelled_only=True))
    assert labelled["CATCOA"].tolist() == [3, 3, 7, 7]
    kept = every[every["CATCOA"].notna()]
    assert labelled.geometry.geom_equals_exact(kept.geometry.reset_index(drop=True), 1e-9).all()
    assert labelled["purity"].tolist() == kept["purity"].tolist()
    assert labelled["Next"].fillna(0).tolist() == [2, 0, 4, 0]
    beside = rectangles_along_lines(
        coast([(0, 0), (1000, 0)], [(0, 90), (1000, 90)], CATCOA=maybe(3, None)), RectangleOptions(labelled_only=True)
    )
    assert beside["purity"].tolist() == [0.5]
    with pytest.raises(InputError, match="no line longer than zero with CATCOA"):
        rectangles_along_lines(table.assign(CATCOA=maybe(None, None, None)), RectangleOptions(labelled_only=True))
    with pytest.raises(InputError, match="no field 'CATCOA'"):
        rectangles_along_lines(table.drop(columns="CATCOA"), RectangleOptions(labelled_only=True))


def test_class_field_in_any_case_and_of_mixed_types() -> None:
    table = coast([(0, 0), (2000, 0)], [(2000, 0), (4000, 0)], catcoa=[3, 7])
    assert rectangles_along_lines(table)["purity"].tolist() == [1.0] * 4
    assert (
        rectangles_along_lines(table.rename(columns={"catcoa": "kind"}), RectangleOptions(class_field="KIND"))[
            "purity"
        ].tolist()
        == [1.0] * 4
    )
    with pytest.raises(InputError, match="has no field 'nope'"):
        rectangles_along_lines(table, RectangleOptions(class_field="nope"))
    mixed = rectangles_along_lines(table.assign(catcoa=["sand", 7]))
    assert [name for name in mixed if str(name).startswith("share")] == ["share_7", "share_sand"]


def test_measures_of_the_line_are_not_those_of_its_rectangles() -> None:
    measured = merge_lines(coast([(0, 0), (3000, 0)]))
    boxes = rectangles_along_lines(measured)
    assert not {"from_m", "to_m", "length_m"} & set(boxes.columns)
    assert boxes["length_m_in"].tolist() == pytest.approx([measured["length_m"][0]] * 3)


@pytest.mark.slow
def test_across_the_antimeridian_and_round_a_pole() -> None:
    halves = coast([(179.9, 10.0), (180.0, 10.0)], [(-180.0, 10.0), (-179.9, 10.0)], CATCOA=[3, 3], crs=4326)
    one = coast([(179.9, 10.0), (-179.9, 10.0)], CATCOA=[3], crs=4326)
    for table in (halves, one):
        boxes = rectangles_along_lines(table)
        assert len(boxes) == 22
        assert boxes["line_m"].sum() == pytest.approx(GEOD.inv(179.9, 10, -179.9, 10)[2], rel=1e-5)
        assert boxes["Next"].fillna(0).tolist() == [*range(2, 23), 0]
        assert (boxes["purity"] == 1).all()
        assert boxes.geometry.bounds.eval("maxx - minx").max() < 0.02
    antarctica = coast([(x, -77.0 + 0.01 * (x % 3)) for x in range(-180, 180, 4)] + [(180, -77.0)], crs=4326)
    shelf = rectangles_along_lines(antarctica, RectangleOptions(length_m=10_000, width_m=10_000))
    assert shelf["Previous"].iloc[0] == len(shelf)
    assert all(sides(box)[0] == pytest.approx(10_000, rel=0.005) for box in shelf.geometry)
    polar = rectangles_along_lines(antarctica.to_crs(3031), RectangleOptions(length_m=10_000, width_m=10_000))
    assert abs(len(polar) - len(shelf)) <= 2


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
    boxes = rectangles_along_lines(
        coast(list(map(tuple, points)), crs=4326), RectangleOptions(length_m=1000, width_m=600)
    )
    for polygon in boxes.geometry:
        along, across = sides(polygon)
        assert along == pytest.approx(1000, rel=0.005)
        assert across == pytest.approx(600, rel=0.005)


def test_across_zones_and_in_web_mercator() -> None:
    long = coast([(0.0, 60.0), (20.0, 60.0)], crs=4326)
    boxes = rectangles_along_lines(long, RectangleOptions(length_m=10_000, width_m=1000))
    assert all(sides(polygon)[0] == pytest.approx(10_000, rel=0.005) for polygon in boxes.geometry)
    stretched = rectangles_along_lines(coast([(2e6, 8e6), (2.02e6, 8e6)], crs=3857))
    assert stretched.crs.to_epsg() == 3857
    assert all(sides(p)[0] == pytest.approx(1000, rel=0.005) for p in stretched.to_crs(4326).geometry)


def test_feet_are_no_metres() -> None:
    boxes = rectangles_along_lines(coast([(6_500_000, 2_000_000), (6_500_000, 2_010_000)], crs=2225))
    assert boxes.geometry[0].length * 0.3048006 == pytest.approx(4000, rel=1e-4)


metre = st.integers(-20_000, 20_000)
crooked = st.lists(st.tuples(metre, metre), min_size=2, max_size=30, unique=True)


@pytest.mark.slow
@given(crooked)
def test_line_is_accounted_for_and_chords_have_one_length(points: list[tuple[int, int]]) -> None:
    xy = np.array(points, float)
    walk = walk_lines(Lines(xy, np.array([0, len(xy)])), 1000.0)
    assert walk.line_m.sum() == pytest.approx(LineString(xy).length)
    assert (walk.line_m >= -1e-6).all()
    chord = walk.end - walk.start
    assert np.linalg.norm(chord, axis=1) == pytest.approx(1000)
    # Each chord starts where the one before it ended.
    assert np.abs(walk.end[:-1] - walk.start[1:]).max(initial=0) < 1e-6


@pytest.mark.slow
@given(crooked, st.sampled_from([250.0, 1000.0, 1700.0]))
def test_a_step_ends_at_the_first_point_that_far_away(points: list[tuple[int, int]], spacing: float) -> None:
    xy = np.array(points, float)
    walk = walk_lines(Lines(xy, np.array([0, len(xy)])), 1000.0, spacing, tail="drop")
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(xy, axis=0), axis=1))])
    at = np.concatenate([[0], np.cumsum(walk.line_m)])[: len(walk.start)]
    on_line = shapely.get_coordinates(shapely.line_interpolate_point(LineString(points), at))
    assert on_line == pytest.approx(walk.start, abs=1e-5)
    assert np.linalg.norm(np.diff(walk.start, axis=0), axis=1) == pytest.approx(spacing)
    # Along a segment the distance is convex: no vertex in between is farther away, so no point is.
    for start, here, there in zip(walk.start, at, at[1:], strict=False):
        between = xy[(arc > here) & (arc < there - 1e-6)]
        assert np.linalg.norm(between - start, axis=1).max(initial=0) < spacing + 1e-6


@pytest.mark.slow
@given(
    crooked,
    st.sampled_from([{}, {"overlap": 0.4}, {"spacing_m": 1300.0}, {"tail": "shift_back"}, {"tail": "drop"}]),
    st.booleans(),
    st.booleans(),
)
def test_reversing_and_moving(points: list[tuple[int, int]], rule: dict[str, Any], ring: bool, degrees: bool) -> None:
    """However a line is drawn, the walk starts at the same end; where it lies in its plane makes no difference."""
    closed = ring and len(points) > 2
    line = LineString([*points, points[0]] if closed else points)
    # Wherever the walk starts, there is a chord.
    assume(max(np.ptp(points, axis=0)) > 2500 and (not closed or line.is_simple))
    place = translate(line, 500_000, 3_000_000)

    def boxes(geometry: LineString, moved: bool = False) -> gpd.GeoDataFrame:
        table = gpd.GeoDataFrame(geometry=[geometry], crs=32617)
        return rectangles_along_lines(table.to_crs(4326) if degrees and not moved else table, RectangleOptions(**rule))

    one = boxes(place)
    back = boxes(place.reverse())
    assert back.geometry.geom_equals_exact(one.geometry, 1e-6).all()
    if not degrees:
        moved = boxes(translate(place, 4096, -2048))
        assert moved.geometry.geom_equals_exact(one.geometry.translate(4096, -2048), 1e-3).all()
        # Meridians converge by 0.02 degrees over this distance.
        turned = moved["Angle"].to_numpy() - one["Angle"].to_numpy()
        assert (turned + 180) % 360 - 180 == pytest.approx(0, abs=0.05)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="length -5"):
        rectangles_along_lines(coast([(0, 0), (1, 0)]), RectangleOptions(length_m=-5))
    with pytest.raises(InputError, match="sort 'XX' is not known"):
        rectangles_along_lines(coast([(0, 0), (1, 0)]), RectangleOptions(sort="XX"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="longer than zero"):
        rectangles_along_lines(coast([(0, 0), (0, 0)]))
    with pytest.raises(InputError, match="no coordinate reference system"):
        rectangles_along_lines(coast([(0, 0), (9, 0)], crs=None))
    with pytest.raises(InputError, match="outside EPSG:4326"):
        rectangles_along_lines(coast([(0, 0), (0, 95)], crs=4326))
    with pytest.raises(InputError, match="outside EPSG:4326"):
        rectangles_along_lines(coast([(700, 0), (701, 5)], crs=4326))
    for wrong in (-1.0, np.nan):
        with pytest.raises(InputError, match="min line"):
            rectangles_along_lines(coast([(0, 0), (9, 0)]), RectangleOptions(min_line_m=wrong))


def test_lengths_of_cells_add_up(sample_or_real: Path, data_is_real: bool) -> None:
    from littoral import read_charts

    coast_lines = read_charts(sample_or_real / "enc", ChartOptions(keep_all_scales=True))
    boxes = rectangles_along_lines(coast_lines)
    by_cell = line_lengths(coast_lines)
    # The same line in two cells counts once: 0.5 km of the thirteen cells.
    if data_is_real:
        assert boxes["line_m"].sum() == pytest.approx(by_cell.sum(), rel=2e-4)
    else:
        assert boxes["line_m"].sum() == pytest.approx(by_cell.sum(), rel=1e-9)
    assert boxes["line_m"].sum() <= by_cell.sum() * (1 + 1e-9)
    assert boxes["Angle"].between(-180, 180).all()
