"""The line in colours: no kilometre is lost, and intervals hold what they say."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, box

from classified_tables import UTM, classified, straight
from littoral import rectangles_along_lines
from littoral.cli.entry import run
from littoral.errors import ExistsError, InputError, LittoralWarning
from littoral.geodesy import line_lengths
from littoral.predictions import IntervalOptions, SummariseOptions
from littoral.predictions.chains import RectangleChains, read_chains
from littoral.predictions.kilometres import beta_interval, expected_with_interval
from littoral.predictions.stretches import chords_as_pieces, cut_shoreline
from littoral.predictions.summary import summarise
from littoral.rectangles.options import RectangleOptions
from littoral.vectors import read_provenance, read_vector, write_vector


def wiggly(seed: int, count: int = 60, step: float = 400.0) -> LineString:
    """A random walk that turns a lot."""
    rng = np.random.default_rng(seed)
    heading = np.cumsum(rng.normal(0, 0.7, count))
    return LineString(
        np.cumsum(np.column_stack([np.cos(heading), np.sin(heading)]) * step, axis=0) + [5e5 + 1e5 * (seed % 3), 5e6]
    )


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.sampled_from([UTM, "EPSG:4326", "EPSG:3857"]))
def test_length_is_conserved(seed: int, crs: str) -> None:
    lines = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[wiggly(seed), wiggly(seed + 1)], crs=UTM).to_crs(crs)
    boxes = classified(rectangles_along_lines(lines).to_crs(UTM), seed)
    summary = summarise(boxes, lines, gpd.GeoDataFrame({"n": ["w"]}, geometry=[box(0, 0, 505_000, 6e6)], crs=UTM))
    whole = line_lengths(lines).sum()
    assert summary.pieces["length_m"].sum() == pytest.approx(whole, rel=1e-9)
    assert line_lengths(summary.pieces).to_numpy() == pytest.approx(summary.pieces["length_m"].to_numpy(), rel=1e-4)
    assert line_lengths(summary.pieces).sum() == pytest.approx(whole, rel=1e-6)
    table = summary.table.groupby("area")["km"].sum()
    assert table["all"] == pytest.approx(whole / 1000, rel=1e-9)
    assert table["w"] + table["outside areas"] == pytest.approx(table["all"], rel=1e-9)
    assert summary.pieces["name"].isin(["a", "b"]).all()
    # The very line the rectangles were walked along lies in them, but where it crosses itself.
    lost = summary.pieces.loc[summary.pieces["status"] == "outside rectangles", "length_m"].sum()
    assert lost < 0.1 * whole


def test_pieces_are_cut_where_rectangles_meet() -> None:
    boxes = classified(straight())
    line = gpd.GeoDataFrame({"id": [5]}, geometry=[LineString([(499_000, 5e6 + 90), (505_000, 5e6 + 90)])], crs=UTM)
    out = summarise(boxes, line).pieces
    assert out["ID"].tolist() == [pd.NA, 1, 2, 3, 4, pd.NA]
    assert out["status"].tolist() == ["outside rectangles", *["classified"] * 4, "outside rectangles"]
    assert out["ClassValue"].tolist()[1:5] == boxes["ClassValue"].tolist()
    assert out["id_in"].tolist() == [5] * 6
    # The 100 m beyond its last rectangle belong to it.
    assert out["length_m"].to_numpy() == pytest.approx([900, 1100, 1000, 1000, 1100, 900], abs=11)
    assert (out.geometry.iloc[1].coords[-1][0], 0) == pytest.approx((501_000, 0), abs=11)


def test_a_finger_out_of_its_rectangle_comes_home() -> None:
    boxes = classified(straight(3))
    finger = [
        (500_000, 5e6),
        (501_700, 5e6),
        (501_700, 5e6 + 2500),
        (501_800, 5e6 + 2500),
        (501_800, 5e6),
        (503_000, 5e6),
    ]
    line = gpd.GeoDataFrame(geometry=[LineString(finger)], crs=UTM)
    out = summarise(boxes, line)
    assert out.pieces["ID"].tolist() == [1, 2, 3]
    assert out.pieces["length_m"].iloc[1] == pytest.approx(6000, abs=12)
    # Across to a rectangle that is no neighbour, what is between is nobody's.
    apart = classified(straight(3).assign(Previous=pd.NA, Next=pd.NA)).iloc[[0, 2]]
    pieces = summarise(apart, line).pieces
    assert pieces["ID"].tolist() == [1, pd.NA, 3]
    assert pieces["length_m"].iloc[1] == pytest.approx(1000 + 5000 - 200, abs=30)


def test_of_two_shores_each_is_its_own() -> None:
    near = gpd.GeoDataFrame(
        geometry=[LineString([(5e5, 5e6), (505_000, 5e6)]), LineString([(5e5 + 450, 5e6 + 200), (505_450, 5e6 + 200)])],
        crs=UTM,
    )
    boxes = rectangles_along_lines(near, RectangleOptions(class_field=""))
    found = cut_shoreline(near, boxes)
    ours = boxes["GroupId"].to_numpy()[found.row]
    assert ours.tolist() == [1] * 5 + [2] * 5
    turned = rectangles_along_lines(near, RectangleOptions(length_m=1000, width_m=3000, class_field=""))
    again = cut_shoreline(near, turned.to_crs(4326))
    assert turned["GroupId"].to_numpy()[again.row].tolist() == [1] * 5 + [2] * 5


def test_across_the_antimeridian() -> None:
    line = gpd.GeoDataFrame(geometry=[LineString([(179.95, -16.5), (180.05, -16.5)])], crs=4326)
    boxes = classified(rectangles_along_lines(line, RectangleOptions(class_field="")))
    other_way = gpd.GeoDataFrame(
        geometry=[MultiLineString([[(179.95, -16.5), (180, -16.5)], [(-180, -16.5), (-179.95, -16.5)]])], crs=4326
    )
    for shore in (line, other_way):
        out = summarise(boxes, shore).pieces
        assert set(out["ID"]) == set(boxes["ID"])
        assert out["length_m"].sum() == pytest.approx(line_lengths(shore).sum(), rel=1e-9)


def test_without_a_shoreline_chords_stand_for_it() -> None:
    line = gpd.GeoDataFrame(geometry=[wiggly(3)], crs=UTM)
    boxes = classified(rectangles_along_lines(line, RectangleOptions(class_field="")))
    out = summarise(boxes)
    assert out.table["km"].sum() * 1000 == pytest.approx(boxes["line_m"].sum())
    assert out.pieces["ID"].tolist() == boxes["ID"].tolist()
    # The chord of a full rectangle begins and ends on the line.
    ends = shapely.points(shapely.get_coordinates(out.pieces.geometry.iloc[:-1].to_numpy()))
    assert shapely.distance(ends, line.geometry.iloc[0]).max() < 5
    doubled = pd.concat([boxes, boxes.iloc[:3]], ignore_index=True)
    assert chords_as_pieces(doubled).length_m.sum() == pytest.approx(boxes["line_m"].sum())
    bare = chords_as_pieces(boxes.drop(columns="line_m"))
    assert bare.length_m[:-1] == pytest.approx(1000, rel=5e-3)


def test_intervals_hold_what_they_say() -> None:
    """Truths drawn with the correlation that is assumed: a Gaussian process along the chain, cut at p."""
    rng = np.random.default_rng(5)
    count, runs = 60, 300
    metres = rng.uniform(500, 1500, count)
    step = np.full(count, 1000.0)
    step[0] = np.inf
    chains = RectangleChains(np.arange(count), np.zeros(count, int), step, np.array([np.inf]))
    chance = rng.beta(1, 2, (count, 1))
    inside = {}
    mean, low, high = expected_with_interval(metres, chance, chains, IntervalOptions(90))
    alone = expected_with_interval(metres, chance, chains, IntervalOptions(90, 0))
    # Cutting at p weakens the correlation: the process has more of it, so that the answers have about exp(-d / 3 km).
    covariance = np.exp(-np.abs(np.subtract.outer(np.arange(count), np.arange(count))) * 1000 / 4800)
    root = np.linalg.cholesky(covariance)
    from scipy.stats import norm

    truth = norm.cdf(rng.normal(size=(runs, count)) @ root.T) < chance[:, 0]
    km = truth @ metres
    inside["correlated"] = ((km >= low) & (km <= high)).mean()
    inside["independent"] = ((km >= alone[1]) & (km <= alone[2])).mean()
    assert km.mean() == pytest.approx(mean[0], rel=0.05)
    assert 0.84 < inside["correlated"] < 0.97
    assert inside["independent"] < 0.75


def test_variance_is_the_double_sum() -> None:
    rng = np.random.default_rng(6)
    sizes = [5, 1, 4]
    chain = np.repeat(np.arange(3), sizes)
    step = rng.uniform(200, 4000, 10)
    step[[0, 5, 6]] = np.inf
    order = rng.permutation(10)
    chains = RectangleChains(order, chain, step, np.full(3, np.inf))
    metres, chance = rng.uniform(0, 1000, 10), rng.dirichlet([1, 1, 1], 10)
    metres[order[3]] = 0
    mean, low, high = expected_with_interval(metres, chance, chains, IntervalOptions(80, 1500))
    along, length, p = chains.along_m, metres[order], chance[order]
    rho = np.exp(-np.abs(np.subtract.outer(along, along)) / 1500) * (chain[:, None] == chain)
    spread = length[:, None] * np.sqrt(p * (1 - p))
    variance = np.einsum("ik,ij,jk->k", spread, rho, spread)
    total = metres.sum()
    assert mean == pytest.approx(metres @ chance)
    one, other = beta_interval(mean / total, variance / total**2, 80)
    assert low / total == pytest.approx(one)
    assert high / total == pytest.approx(other)


def test_certain_answers_have_no_interval_and_smoothed_ones_are_taken() -> None:
    boxes = classified(straight())
    sure = boxes.assign(P_3=1.0, P_7=0.0, status="classified", ClassValue=3, ClassLabel="class 3")
    table = summarise(sure).table.set_index("ClassLabel")
    assert table.loc["class 3", ["low_km", "expected_km", "high_km"]].tolist() == pytest.approx([4.0] * 3, abs=0.02)
    assert table.loc["mangrove", ["km", "low_km", "high_km"]].tolist() == [0, 0, 0]
    assert table.loc["not classified", ["low_km", "high_km"]].isna().all()
    smoothed = sure.assign(PS_3=0.2, PS_7=0.8)
    assert summarise(smoothed, options=SummariseOptions(smoothed=True)).table.set_index("ClassLabel")["km"][
        "mangrove"
    ] == pytest.approx(4, abs=0.02)
    nothing = summarise(sure.assign(status="cloud")).table
    assert nothing.set_index("ClassLabel")["share"]["not classified"] == 1
    assert read_chains(boxes).row.tolist() == [0, 1, 2, 3]


def test_what_was_withheld_along_the_chain_is_not_on_the_line() -> None:
    boxes = straight(3).assign(
        ClassLabel=["class 3", None, "class 3"], ClassValue=pd.array([3, None, 3], "Int64"),
        ClassValueSmoothed=pd.array([None, 7, 3], "Int64"), status=["classified", "uncertain", "classified"],
        P_3=[0.9, 0.5, 0.9], P_7=[0.1, 0.5, 0.1], PS_3=[0.55, 0.1, 0.9], PS_7=[0.45, 0.9, 0.1],
    )  # fmt: skip
    out = summarise(boxes, options=SummariseOptions(smoothed=True)).pieces
    assert out["ClassValue"].tolist() == [pd.NA, 7, 3]
    assert out["status"].tolist() == ["uncertain", "classified", "classified"]
    raw = summarise(boxes).pieces
    assert raw["ClassValue"].tolist() == [3, pd.NA, 3]
    assert raw["status"].tolist() == boxes["status"].tolist()


def test_areas_cut_the_line() -> None:
    boxes = classified(straight())
    areas = gpd.GeoDataFrame(
        {"code": [1, 2, 3], "name": ["west", "east", None]},
        geometry=[box(499_000, 4.99e6, 501_500, 5.01e6), box(501_400, 4.99e6, 503_000, 5.01e6), box(0, 0, 1, 1)],
        crs=UTM,
    )
    line = gpd.GeoDataFrame(geometry=[LineString([(5e5, 5e6), (504_000, 5e6)])], crs=UTM)
    out = summarise(boxes, line, areas.to_crs(4326))
    km = out.table.groupby("area", sort=False)["km"].sum()
    assert km.index.tolist() == ["all", "west", "east", "3", "outside areas"]
    assert km.to_numpy() == pytest.approx([4, 1.5, 1.5, 0, 1], abs=0.02)
    assert out.pieces["area"].tolist() == ["west", "west", "east", "east", pd.NA]
    assert summarise(boxes, line, areas, SummariseOptions(area_field="code")).table["area"].unique().tolist()[1:4] == [
        "1",
        "2",
        "3",
    ]


def test_bad_input() -> None:
    boxes = classified(straight())
    line = gpd.GeoDataFrame(geometry=[LineString([(5e5, 5e6), (504_000, 5e6)])], crs=UTM)
    with pytest.raises(InputError, match="the shoreline has no coordinate reference system"):
        summarise(boxes, line.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="the shoreline holds Polygon"):
        summarise(boxes, boxes)
    with pytest.raises(InputError, match="the table of areas holds LineString"):
        summarise(boxes, line, line)
    with pytest.raises(InputError, match="the shoreline is empty"):
        summarise(boxes, line.iloc[:0])
    with pytest.raises(InputError, match="level 100 is not below 100 %"):
        summarise(boxes, intervals=IntervalOptions(100))
    with pytest.raises(InputError, match="has no field 'kind'"):
        summarise(boxes, line, boxes, SummariseOptions(area_field="kind"))
    with pytest.raises(InputError, match="has no field PS_<code>: pass what littoral classify --smooth wrote"):
        summarise(boxes, options=SummariseOptions(smoothed=True))
    with pytest.warns(LittoralWarning, match="intervals are too narrow"):
        summarise(boxes.drop(columns=["GroupId", "Previous"]))
    with pytest.warns(LittoralWarning, match="runs through none of the classified rectangles"):
        far = summarise(boxes, line.translate(0, 9000).to_frame("geometry").set_geometry("geometry"))
    assert far.pieces["status"].unique().tolist() == ["outside rectangles"]
    assert far.table.set_index("ClassLabel")["km"]["not classified"] == pytest.approx(4, abs=0.02)


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = gpd.GeoDataFrame(geometry=[wiggly(7)], crs=UTM)
    boxes = write_vector(
        classified(rectangles_along_lines(line, RectangleOptions(class_field=""))),
        tmp_path / "boxes.gpkg",
        provenance={"a": 1},
    )
    shore = write_vector(line, tmp_path / "shore.gpkg")
    x = line.total_bounds
    halves = gpd.GeoDataFrame(
        {"name": ["half"]}, geometry=[box(x[0] - 9, x[1] - 9, (x[0] + x[2]) / 2, x[3] + 9)], crs=UTM
    )
    areas = write_vector(halves, tmp_path / "areas.gpkg")
    out, table = tmp_path / "out.gpkg", tmp_path / "km.csv"
    given = [
        "summarise",
        str(boxes),
        "--shoreline",
        str(shore),
        "--areas",
        str(areas),
        "-o",
        str(out),
        "--table",
        str(table),
    ]
    run(given)
    said = capsys.readouterr().out
    pieces = read_vector(out)
    whole = line_lengths(line).sum() / 1000
    assert f"{whole:.3f} km in {len(pieces)} pieces" in said
    assert "95 % interval" in said
    assert pieces["length_m"].sum() / 1000 == pytest.approx(whole, rel=1e-9)
    figures = pd.read_csv(table)
    assert figures.groupby("area", sort=False)["km"].sum()["all"] == pytest.approx(whole, abs=1e-4)
    assert set(figures["area"]) == {"all", "half", "outside areas"}
    record = read_provenance(out)
    assert record is not None
    assert record["inputs"]["classified"]["provenance"] == {"a": 1}
    assert pyogrio.list_layers(out)[:, 0].tolist() == ["out", "layer_styles"]
    before = out.read_bytes()
    with pytest.raises(ExistsError):
        run(given)
    run([*given, "--overwrite"])
    assert out.read_bytes() == before
    with pytest.raises(InputError, match="to be read and to be written"):
        run(["summarise", str(boxes), "-o", str(boxes), "--overwrite"])
