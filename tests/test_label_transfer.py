from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely import LineString, Point

from littoral import merge_lines, transfer_labels
from littoral.charts.options import ChartOptions
from littoral.errors import InputError
from littoral.geodesy import line_lengths
from littoral.shoreline import LabelOptions

EAST, NORTH = 500_000.0, 3_000_000.0


def lines(*coordinates: list[tuple[float, float]], crs: object = 32617, **columns: object) -> gpd.GeoDataFrame:
    """Lines in metres from a place in a UTM zone, or in degrees as they are."""
    shift = (0.0, 0.0) if crs == 4326 else (EAST, NORTH)
    return gpd.GeoDataFrame(columns, geometry=[LineString(np.add(c, shift)) for c in coordinates], crs=crs)


def told(pieces: gpd.GeoDataFrame) -> list[tuple[object, str]]:
    codes = [None if pd.isna(code) else code for code in pieces["CATCOA"]]
    return list(zip(codes, pieces["label_status"], strict=True))


def maybe(*codes: int | None) -> pd.arrays.IntegerArray:
    return pd.array(list(codes), dtype="Int64")


STRAIGHT = lines([(0, 0), (3000, 0)])


@pytest.mark.parametrize(
    ("coast", "expected"),
    [
        # One line near; too far; near but without category.
        (lines([(0, 30), (3000, 30)], CATCOA=[3]), [(3, "labelled")]),
        (lines([(0, 230), (3000, 230)], CATCOA=[3]), [(None, "too far")]),
        (lines([(0, 30), (3000, 30)], CATCOA=maybe(None)), [(None, "no category")]),
        # Two of one label do not conflict, two of different labels do, unless one is much nearer.
        (lines([(0, 30), (3000, 30)], [(0, -31), (3000, -31)], CATCOA=[3, 3]), [(3, "labelled")]),
        (lines([(0, 30), (3000, 30)], [(0, -31), (3000, -31)], CATCOA=[3, 7]), [(None, "conflict")]),
        (lines([(0, 30), (3000, 30)], [(0, -46), (3000, -46)], CATCOA=[3, 7]), [(3, "labelled")]),
        # A rival without category is a rival; a change on the chart is a change here, not a gap.
        (lines([(0, 30), (3000, 30)], [(0, -31), (3000, -31)], CATCOA=maybe(3, None)), [(None, "conflict")]),
        (lines([(0, 30), (1500, 30)], [(1500, 30), (3000, 30)], CATCOA=[3, 7]), [(3, "labelled"), (7, "labelled")]),
        (lines([(0, 30), (1500, 30)], [(1500, 30), (3000, 30)], CATCOA=maybe(3, None)),
         [(3, "labelled"), (None, "no category")]),
    ],
)  # fmt: skip
def test_what_is_taken_over(coast: gpd.GeoDataFrame, expected: list[tuple[object, str]]) -> None:
    pieces = transfer_labels(STRAIGHT, coast)
    assert told(pieces) == expected
    assert told(transfer_labels(STRAIGHT.to_crs(4326), coast.to_crs(3857))) == expected
    if len(expected) == 2:
        assert pieces["to_m"].iloc[0] == pytest.approx(line_lengths(STRAIGHT)[0] / 2, abs=6)


def test_columns_and_provenance() -> None:
    coast = lines([(0, 30), (1500, 30)], [(1500, 30), (3000, 30)], [(0, 900), (9, 900)], CATCOA=[3, 3, 7])
    coast = coast.assign(category=["sandy shore", "sandy shore", "mangrove"], cell=["a", "b", "c"], scale=[1, 2, 3])
    line = STRAIGHT.assign(scene="x", CATCOA="mine", length_m=3000.0)
    pieces = transfer_labels(line, coast)
    assert pieces["CATCOA"].tolist() == [3]
    assert pieces["category"].tolist() == ["sandy shore"]
    assert pieces["CATCOA_in"].tolist() == ["mine"]
    assert pieces["scene"].tolist() == ["x"]
    assert pieces["distance_m"].tolist() == pytest.approx([30], abs=0.2)
    assert pieces["cell"].iloc[0] in ("a", "b")
    assert set(pieces.attrs["renamed"]) == {"CATCOA"}
    named = transfer_labels(STRAIGHT, coast.rename(columns={"category": "kind"}), LabelOptions(class_field="kind"))
    assert named["kind"].tolist() == ["sandy shore"]


def test_measures_are_those_of_the_pieces() -> None:
    """Not those of the line that was cut; chainage that it has already is counted on."""
    coast = lines([(0, 30), (1000, 30)], [(1000, 30), (3000, 30)], CATCOA=[3, 7])
    line = merge_lines(lines([(-500, 0), (0, 0)], [(0, 0), (3000, 0)], kind=["a", "b"]), "kind")
    for given_line, start in ((line[line["kind"] == "b"], 500), (STRAIGHT.assign(length_m=9.0, from_m=7.0), 0)):
        pieces = transfer_labels(given_line, coast)
        assert pieces["length_m"].tolist() == pytest.approx(line_lengths(pieces).tolist(), rel=1e-6)
        assert pieces["from_m"].tolist() == pytest.approx([start, start + 1000], abs=8)
        assert (pieces["to_m"] - pieces["from_m"]).tolist() == pytest.approx(pieces["length_m"].tolist())
        assert not [name for name in pieces if str(name).endswith("_in")]


def test_a_charted_line_of_no_length_labels_nothing() -> None:
    coast = lines([(1500, 10), (1500, 10)], [(0, 30), (3000, 30)], CATCOA=[7, 3])
    assert told(transfer_labels(STRAIGHT, coast)) == [(3, "labelled")]
    with pytest.raises(InputError, match="the coast is empty"):
        transfer_labels(STRAIGHT, coast.iloc[:1])


def test_antimeridian_and_high_latitude() -> None:
    for latitude in (10.0, 80.0):
        coast = lines([(179.9, latitude), (-179.9, latitude)], CATCOA=[7], crs=4326)
        line = lines([(179.95, latitude + 0.001), (180.05, latitude + 0.001)], crs=4326)
        pieces = transfer_labels(line, coast, LabelOptions(within_m=500))
        assert told(pieces) == [(7, "labelled")]
        away = Geod(ellps="WGS84").inv(180, latitude, 180, latitude + 0.001)[2]
        assert pieces["distance_m"].iloc[0] == pytest.approx(away, rel=0.01)
        assert told(transfer_labels(line, coast, LabelOptions(within_m=50))) == [(None, "too far")]


crooked = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 1500)), min_size=2, max_size=8, unique=True)


@given(crooked, st.lists(st.tuples(crooked, st.sampled_from([3, 7, None])), min_size=1, max_size=4))
def test_no_length_is_lost_and_the_nearest_counts(
    points: list[tuple[int, int]], charted: list[tuple[list[tuple[int, int]], int | None]]
) -> None:
    line = lines(points)
    coast = lines(*[part for part, _ in charted], CATCOA=pd.array([code for _, code in charted], dtype="Int64"))
    pieces = transfer_labels(line, coast)
    assert pieces.length.sum() == pytest.approx(line.length.sum(), rel=1e-9)
    assert pieces["from_m"].iloc[1:].tolist() == pytest.approx(pieces["to_m"].iloc[:-1].tolist())
    # Oracle: distances of the plane, at the middle of each piece's first segment, away from the limits.
    for piece in pieces.itertuples():
        at = piece.geometry.interpolate(min(4.0, piece.geometry.length / 2))
        away = [at.distance(other) for other in coast.geometry]
        codes = [None if pd.isna(code) else code for code in coast["CATCOA"]]
        own = min(away)
        if piece.label_status == "labelled":
            best = min(a for a, code in zip(away, codes, strict=True) if code == piece.CATCOA)
            assert best <= own + 8
        if own > 210:
            assert piece.label_status == "too far"


def test_bad_input() -> None:
    coast = lines([(0, 30), (3000, 30)], CATCOA=[3])
    with pytest.raises(InputError, match="holds Point"):
        transfer_labels(STRAIGHT, gpd.GeoDataFrame({"CATCOA": [1]}, geometry=[Point(0, 0)], crs=4326))
    with pytest.raises(InputError, match="KIND"):
        transfer_labels(STRAIGHT, coast, LabelOptions(class_field="KIND"))
    with pytest.raises(InputError, match="within 0 is not above 0"):
        transfer_labels(STRAIGHT, coast, LabelOptions(within_m=0))
    with pytest.raises(InputError, match="no coordinate reference system"):
        transfer_labels(lines([(0, 0), (1, 1)], crs=None), coast)
    with pytest.raises(InputError, match="the coast is empty"):
        transfer_labels(STRAIGHT, coast.iloc[:0])
    with pytest.raises(InputError, match=r"the coast has coordinates outside EPSG:32617"):
        transfer_labels(STRAIGHT, lines([(0, 30), (1e9, 1e9)], CATCOA=[3]))
    with pytest.raises(InputError, match=r"lines has coordinates outside EPSG:4326"):
        transfer_labels(lines([(700, 30), (701, 30)], crs=4326), coast)


def test_a_coarser_chart_gets_the_labels_of_finer_ones(data: Path) -> None:
    from littoral import read_charts

    coarse = read_charts(data / "enc" / "US4FL34M", ChartOptions(keep_all_scales=True))
    fine = read_charts([data / "enc" / name for name in ("US5MIABB", "US5MIABC", "US5MIACB", "US5MIACC")])
    pieces = transfer_labels(coarse[["geometry"]], fine)
    km = line_lengths(pieces) / 1000
    assert km.sum() == pytest.approx(line_lengths(coarse).sum() / 1000, rel=1e-6)
    labelled = km[pieces["label_status"] == "labelled"].groupby(pieces["CATCOA"]).sum()
    assert labelled[7] > 5
    assert (pieces.loc[pieces["label_status"] == "labelled", "distance_m"] <= 200).all()
    assert shapely.is_valid(pieces.geometry.to_numpy()).all()
