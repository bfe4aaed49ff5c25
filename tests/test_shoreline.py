from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely import LineString, MultiLineString, Point

from littoral import merge_lines
from littoral.errors import InputError
from littoral.geodesy import line_lengths


def lines(*coordinates: list[tuple[float, float]], crs: object = 32617, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[LineString(c) for c in coordinates], crs=crs)


def test_merges_by_value_and_keeps_what_agrees() -> None:
    given_lines = lines(
        [(0, 0), (1, 0)], [(2, 0), (1, 0)], [(2, 0), (3, 0)], [(9, 9), (8, 8)],
        CATCOA=pd.array([3, 3, None, None], dtype="Int64"), cell=["a", "b", "b", "c"], scale=[1, 1, 2, 2],
    )  # fmt: skip
    merged = merge_lines(given_lines, "CATCOA")
    assert merged.geometry.to_wkt().tolist() == [
        "LINESTRING (0 0, 1 0, 2 0)",
        "LINESTRING (2 0, 3 0)",
        "LINESTRING (9 9, 8 8)",
    ]
    assert merged["CATCOA"].fillna(-1).tolist() == [3, -1, -1]
    assert merged["cell"].fillna("").tolist() == ["", "b", "c"]
    assert merged["scale"].tolist() == [1, 2, 2]
    assert merged["CATCOA"].dtype == "Int64"


def test_groups_are_connected_sets() -> None:
    table = gpd.GeoDataFrame(
        geometry=[
            LineString([(0, 0), (1, 0)]),
            MultiLineString([[(5, 5), (6, 5)], [(8, 8), (9, 8)]]),
            LineString([(1, 0), (1, 1)]),
            LineString([(1, 0), (2, 0)]),
        ],
        crs=32617,
    )
    merged = merge_lines(table)
    # A junction of three stays three lines of one group; the parts of one feature are one group.
    assert merged["group"].tolist() == [1, 2, 2, 1, 1]
    assert merged["chain"].tolist() == [1, 2, 3, 4, 5]


def test_chainage_runs_on_across_categories() -> None:
    table = lines([(0, 0), (300, 0)], [(900, 0), (400, 0)], [(300, 0), (400, 0)], crs=32631, CATCOA=[3, 7, 8])
    merged = merge_lines(table, "CATCOA")
    # A chain runs in the direction of its first given line.
    assert merged["CATCOA"].tolist() == [3, 8, 7]
    assert merged["chain"].tolist() == [1, 1, 1]
    assert merged["from_m"].iloc[0] == 0
    assert merged["from_m"].tolist()[1:] == merged["to_m"].tolist()[:-1]
    assert merged["length_m"].tolist() == pytest.approx(line_lengths(merged).tolist())
    assert merged["to_m"].iloc[-1] == pytest.approx(line_lengths(table).sum())
    assert merged.geometry.to_wkt().iloc[2] == "LINESTRING (400 0, 900 0)"
    kept = merge_lines(table, "CATCOA", min_length_m=200)
    assert kept["CATCOA"].tolist() == [3, 7]
    assert kept["from_m"].tolist() == merged["from_m"].tolist()[::2]


def test_own_columns_that_collide_are_kept() -> None:
    merged = merge_lines(lines([(0, 0), (1, 0)], chain=["anchor"], Length_M=[4]))
    assert merged.attrs["renamed"] == {"chain": "chain_in", "Length_M": "Length_M_in"}
    assert merged["chain_in"].tolist() == ["anchor"]


def test_junctions() -> None:
    """Two of one category go on; then two that are left go on as a change; else everything ends."""
    star = [[(0, 0), (9, 0)], [(0, 0), (0, 9)], [(0, 0), (-9, 0)], [(0, 0), (0, -9)]]
    for categories, chains in (
        ([3, 3, 7, 8], [[3], [8, 7]]),
        ([3, 3, 7, 7], [[3], [7]]),
        ([3, 3, 3, 7], [[3], [3], [3], [7]]),
        ([3, 7, 8, 9], [[3], [7], [8], [9]]),
    ):
        merged = merge_lines(lines(*star, CATCOA=categories), "CATCOA")
        assert merged.groupby("chain")["CATCOA"].apply(list).tolist() == chains
        assert set(merged["group"]) == {1}
    lasso = merge_lines(lines([(0, 0), (9, 0), (9, 9), (0, 0)], [(0, 0), (-9, 0)], CATCOA=[3, 7]), "CATCOA")
    assert shapely.is_closed(lasso.geometry).tolist() == [True, False]


def test_rings() -> None:
    ring = lines([(0, 0), (9, 0)], [(9, 9), (0, 0)], [(9, 0), (9, 9)], CATCOA=[3, 3, 3])
    assert merge_lines(ring, "CATCOA").geometry.to_wkt().tolist() == ["LINESTRING (0 0, 9 0, 9 9, 0 0)"]
    # A ring of two categories begins at a change, so that no stretch is cut in two.
    merged = merge_lines(ring.assign(CATCOA=[3, 3, 7]), "CATCOA")
    assert merged["CATCOA"].tolist() == [7, 3]
    assert merged.geometry.to_wkt().tolist() == ["LINESTRING (9 0, 9 9)", "LINESTRING (9 9, 0 0, 9 0)"]


def test_coast_goes_on_across_the_antimeridian() -> None:
    table = lines([(179.0, 10.0), (180.0, 10.0)], [(-179.0, 10.0), (-180.0, 10.0)], crs=4326)
    merged = merge_lines(table)
    assert merged.geometry.to_wkt().tolist() == ["LINESTRING (179 10, 180 10, 181 10)"]
    assert merged["length_m"].iloc[0] == pytest.approx(line_lengths(table).sum())
    jump = merge_lines(lines([(179.0, 10.0), (-179.0, 10.0), (178.0, 10.0)], crs=4326))
    assert jump.geometry.to_wkt().tolist() == ["LINESTRING (179 10, 181 10, 178 10)"]
    pole = merge_lines(lines([(0.0, 80.0), (0.0, 90.0)], [(90.0, 90.0), (90.0, 80.0)], crs=4326))
    assert len(pole) == 1


def test_a_line_drawn_twice_counts_once() -> None:
    merged = merge_lines(lines([(0, 0), (1, 0)], [(1, 0), (0, 0)], crs=32617))
    assert len(merged) == 1


def test_bad_geometries() -> None:
    with pytest.raises(InputError, match="holds Point"):
        merge_lines(gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=4326))
    with np.errstate(invalid="ignore"):
        broken = lines([(0, 0), (1, 0)], [(0, 0), (np.nan, 1)])
    with pytest.raises(InputError, match="no number in row 1"):
        merge_lines(broken)
    assert len(merge_lines(lines([(530, 0), (535, 10)], crs=4326))) == 1
    for crs, point in (
        (4326, (1, 95)), (4326, (700, 10)), (4326, (-541, 10)), (32617, (1e9, 1e9)), (3857, (1e9, 1e6)),
        (2225, (1e9, 1e9)),
    ):  # fmt: skip
        with pytest.raises(InputError, match=rf"has coordinates outside EPSG:{crs}: \(.*\) in row 1: check its CRS"):
            merge_lines(lines([(0, 0), (1, 1)], [(0, 1), point], crs=crs))
    for crs in (4978, 5773):
        with pytest.raises(InputError, match=f"EPSG:{crs}, neither degrees nor a plane"):
            merge_lines(lines([(0, 0), (1, 1)], crs=crs))
    with pytest.raises(InputError, match="has no field 'nope'"):
        merge_lines(lines([(0, 0), (1, 1)]), by="nope")
    for wrong in (-1.0, np.nan):
        with pytest.raises(InputError, match="is no number of metres"):
            merge_lines(lines([(0, 0), (1, 1)]), min_length_m=wrong)
    with pytest.raises(InputError, match="no coordinate reference system"):
        merge_lines(lines([(0, 0), (1, 0)], crs=None))
    assert merge_lines(lines([(0, 0), (0, 0)])).empty


@given(st.lists(st.tuples(st.floats(-179, 179), st.floats(-80, 80)), min_size=2, max_size=20, unique=True))
def test_length_is_the_geodesic_one(points: list[tuple[float, float]]) -> None:
    table = lines(points, crs=4326)
    assert line_lengths(table).iloc[0] == pytest.approx(Geod(ellps="WGS84").geometry_length(table.geometry[0]))


@pytest.mark.slow
@given(st.integers(1, 30), st.integers(1, 5), st.randoms(use_true_random=False))
def test_merging_keeps_the_length_of_each_category(count: int, kinds: int, random: object) -> None:
    rng = np.random.default_rng(random.randint(0, 2**32))  # type: ignore[attr-defined]
    points = np.column_stack([np.arange(count + 1) * 100.0, rng.normal(0, 50, count + 1)])
    pieces = [list(map(tuple, points[i : i + 2][:: rng.choice([-1, 1])])) for i in range(count)]
    order = rng.permutation(count)
    table = lines(*[pieces[i] for i in order], CATCOA=rng.integers(0, kinds, count))
    before = table.length.groupby(table["CATCOA"]).sum()
    merged = merge_lines(table, "CATCOA")
    after = merged.length.groupby(merged["CATCOA"]).sum()
    pd.testing.assert_series_equal(before, after, check_names=False)
    # However it was cut and shuffled, it is one chain, and each category's stretches are as long as can be.
    assert set(merged["chain"]) == {1}
    assert (merged["CATCOA"].diff()[1:] != 0).all()
    assert merged["to_m"].max() == pytest.approx(line_lengths(table).sum())
