from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
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
    assert merged["merged_group"].tolist() == [1, 2, 2, 1, 1]


def test_a_line_drawn_twice_counts_once() -> None:
    merged = merge_lines(lines([(0, 0), (1, 0)], [(1, 0), (0, 0)], crs=32617))
    assert len(merged) == 1


def test_bad_geometries() -> None:
    with pytest.raises(InputError, match="holds Point"):
        merge_lines(gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=4326))
    with pytest.raises(InputError, match="no coordinate reference system"):
        merge_lines(lines([(0, 0), (1, 0)], crs=None))
    assert merge_lines(lines([(0, 0), (0, 0)])).empty


@given(st.lists(st.tuples(st.floats(-179, 179), st.floats(-80, 80)), min_size=2, max_size=20, unique=True))
def test_length_is_the_geodesic_one(points: list[tuple[float, float]]) -> None:
    table = lines(points, crs=4326)
    assert line_lengths(table).iloc[0] == pytest.approx(Geod(ellps="WGS84").geometry_length(table.geometry[0]))


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
