"""Lines, rectangles and kilometres mean the same in every CRS: widths, azimuths, rings, ends and maps of the world.

The oracle is geodesic: lengths and azimuths of the coordinates in longitude and latitude, by GeographicLib.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod
from shapely import LineString

from littoral import read_vector, rectangles_along_lines, transfer_labels
from littoral.errors import InputError, LittoralWarning
from littoral.geodesy import line_lengths
from littoral.predictions.stretches import chords_as_pieces, cut_shoreline
from littoral.rectangles import RectangleOptions
from littoral.shoreline import LabelOptions

GEOD = Geod(ellps="WGS84")
WORLDS = ["EPSG:3857", "ESRI:54009", "EPSG:8857", "EPSG:4326", "EPSG:3395", "EPSG:6933"]


def across_180(crs: str, middle: float = 180.0, latitude: float = -17.0) -> gpd.GeoDataFrame:
    """A wavy line of 12 km across a meridian, in longitude and latitude that do not exceed 180 degrees."""
    lon = middle + np.linspace(-0.056, 0.056, 15)
    lat = latitude + 0.002 * np.sin(np.arange(15))
    points = np.column_stack([(lon + 180) % 360 - 180, lat])
    return gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[LineString(points)], crs=4326).to_crs(crs)


def sides(boxes: gpd.GeoDataFrame) -> np.ndarray:
    """(rectangles, 4) geodesic lengths of their sides; and none may be torn apart in its own CRS."""
    corners = shapely.get_coordinates(boxes.to_crs(4326).geometry.to_numpy()).reshape(-1, 5, 2)
    return np.array([[GEOD.inv(*ring[i], *ring[i + 1])[2] for i in range(4)] for ring in corners])


@pytest.mark.parametrize("crs", WORLDS)
@pytest.mark.parametrize("latitude", [-17.0, 62.0])
def test_rectangles_across_the_edge_of_a_map(crs: str, latitude: float) -> None:
    line = across_180(crs, latitude=latitude)
    with warnings.catch_warnings():
        if crs == "ESRI:54009":
            warnings.filterwarnings("ignore", ".*cannot hold those across its edge", LittoralWarning)
        boxes = rectangles_along_lines(line)
    assert sides(boxes) == pytest.approx(1000.0, rel=2e-3)
    width = boxes.bounds["maxx"] - boxes.bounds["minx"]
    assert width.max() < 4 * width.min()
    true = line_lengths(line).sum()
    assert boxes["line_m"].sum() == pytest.approx(true, rel=1e-5)
    pieces = cut_shoreline(line, boxes)
    assert (pieces.row >= 0).all()
    assert pieces.length_m.sum() == pytest.approx(true, rel=1e-6)
    chords = chords_as_pieces(boxes).lines
    assert line_lengths(chords).to_numpy() == pytest.approx(1000.0, rel=2e-3)


def test_a_map_that_is_cut_elsewhere() -> None:
    line = across_180("EPSG:3832", middle=-30.0)
    boxes = rectangles_along_lines(line)
    assert sides(boxes) == pytest.approx(1000.0, rel=2e-3)
    assert (boxes.bounds["maxx"] - boxes.bounds["minx"]).max() < 3000


@pytest.mark.parametrize("crs", WORLDS)
def test_labels_across_the_edge_of_a_map(crs: str) -> None:
    line = across_180(crs)
    true = line_lengths(line).sum()
    half = across_180("EPSG:4326")
    points = shapely.get_coordinates(half.geometry.to_numpy())
    chart = gpd.GeoDataFrame({"CATCOA": [3, 7]}, geometry=[LineString(points[:6]), LineString(points[8:])], crs=4326)
    pieces = transfer_labels(line.drop(columns="CATCOA"), chart, LabelOptions(within_m=3000))
    assert set(pieces["CATCOA"].dropna()) == {3, 7}
    assert pieces["length_m"].sum() == pytest.approx(true, rel=1e-6)
    assert line_lengths(pieces).sum() == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:3413", "EPSG:2048", "EPSG:32605", "EPSG:3031", "EPSG:2154", "EPSG:4326"])
def test_angle_is_the_true_azimuth(crs: str) -> None:
    place = {"EPSG:3413": (-150.0, 70.5), "EPSG:2048": (18.2, -33.5), "EPSG:3031": (75.0, -71.0),
             "EPSG:2154": (-1.5, 46.0)}.get(crs, (-152.0, 65.0))  # fmt: skip
    for azimuth in (-170.0, -60.0, 0.0, 35.0, 90.0):
        lon, lat, _ = GEOD.fwd(*place, azimuth, 1000.0)
        line = gpd.GeoDataFrame(geometry=[LineString([place, (lon, lat)])], crs=4326)
        boxes = rectangles_along_lines(line.to_crs(crs), RectangleOptions(length_m=990, width_m=200))
        turned = (boxes["Angle"].iloc[0] - azimuth) % 180
        assert min(turned, 180 - turned) < 0.02
        begin, end = chords_as_pieces(boxes).lines.to_crs(4326).geometry.iloc[0].coords
        along = GEOD.inv(*begin, *end)[0]
        assert abs((along - boxes["Angle"].iloc[0] + 180) % 360 - 180) < 0.1


@pytest.mark.parametrize("radius", [95.0, 300.0, 732.0])
@pytest.mark.parametrize("tail", ["full", "shift_back"])
def test_a_ring_has_no_first_vertex(radius: float, tail: str) -> None:
    turn = np.linspace(0, 2 * np.pi, 73)[:-1]
    # Bays that leave the rectangles and come back to them.
    reach = radius * (1 + 0.35 * np.sin(5 * turn))
    points = np.column_stack([5e5 + reach * np.cos(turn), 5e6 + reach * np.sin(turn)])
    found = []
    for first in (0, 7, 13, 30, 51, 72):
        ring = np.roll(points, -first, axis=0)
        table = gpd.GeoDataFrame(geometry=[LineString([*ring, ring[0]])], crs=32631)
        boxes = rectangles_along_lines(table, RectangleOptions(length_m=500, width_m=120, tail=tail))  # type: ignore[arg-type]
        pieces = cut_shoreline(table, boxes)
        found.append(pieces.length_m[pieces.row >= 0].sum())
        assert found[-1] == pytest.approx(boxes["line_m"].sum(), rel=1e-3)
    assert np.ptp(found) < 1.0


@pytest.mark.parametrize("length", [700.0, 1000.0, 7000.0])
def test_of_a_dropped_end_only_the_reach_is_counted(length: float) -> None:
    line = gpd.GeoDataFrame(geometry=[LineString([(5e5, 5e6), (5e5 + 15_080, 5e6)])], crs=32631)
    boxes = rectangles_along_lines(line, RectangleOptions(length_m=length, tail="drop"))
    pieces = cut_shoreline(line, boxes)
    beyond = pieces.length_m[pieces.row >= 0].sum() - boxes["line_m"].sum()
    assert min(100.0, 15_080 % length) - 15 < beyond < 115


@pytest.mark.parametrize("tail", ["full", "shift_back"])
@pytest.mark.parametrize("length", [1000.0, 7000.0])
def test_ends_of_lines_agree_with_line_m(tail: str, length: float) -> None:
    random = np.random.default_rng(4)
    for _ in range(5):
        heading = np.cumsum(random.normal(0, 0.35, 200))
        points = np.cumsum(80 * np.column_stack([np.cos(heading), np.sin(heading)]), axis=0) + (5e5, 5e6)
        line = gpd.GeoDataFrame(geometry=[LineString(points)], crs=32631)
        boxes = rectangles_along_lines(line, RectangleOptions(length_m=length, width_m=length, tail=tail))  # type: ignore[arg-type]
        pieces = cut_shoreline(line, boxes)
        counted = pieces.length_m[pieces.row >= 0].sum()
        # Metres of the plane beside those of the ellipsoid: 0.04 % at most.
        assert counted == pytest.approx(boxes["line_m"].sum(), rel=1e-3, abs=12)


def test_small_cases(cases: Path) -> None:
    line = read_vector(cases / "lines" / "across-180-web-mercator.gpkg")
    boxes = rectangles_along_lines(line)
    assert sides(boxes) == pytest.approx(1000.0, rel=2e-3)
    assert transfer_labels(line[["geometry"]], line)["length_m"].sum() == pytest.approx(12_600, abs=60)
    polar = read_vector(cases / "lines" / "north-slope-polar-stereographic.gpkg")
    there, here = (rectangles_along_lines(polar.to_crs(crs)) for crs in ("EPSG:3413", "EPSG:32605"))
    assert len(there) == len(here)
    turned = there["Angle"] - here["Angle"]
    assert ((turned + 180) % 360 - 180).abs().max() < 3.0
    for boxes in (there, here):
        chords = chords_as_pieces(boxes).lines.to_crs(4326).geometry.to_numpy()
        begin, end = (shapely.get_coordinates(shapely.get_point(chords, at)) for at in (0, -1))
        azimuth = np.array(GEOD.inv(*begin.T, *end.T)[0])
        assert np.abs((azimuth - boxes["Angle"].to_numpy() + 180) % 360 - 180).max() < 0.5


def table_of(**columns: list[object]) -> gpd.GeoDataFrame:
    lines = [LineString([(5e5 + 1500 * i, 5e6), (5e5 + 1500 * (i + 1), 5e6)]) for i in range(4)]
    return gpd.GeoDataFrame(columns, geometry=lines, crs=32631)


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"kind": ["rock", "rock", "sand", "sand"]}, "kind"),
        ({"type": [1, 1, 2, 2]}, "type"),
        ({"shore": pd.array([1, None, 2, 2], "Int64")}, "shore"),
        ({"shore": [1.0, 1.0, 2.0, None]}, "shore"),
        ({"kind": pd.Categorical(["a", "b", "a", "b"]), "name": list("abcd")}, "kind"),
    ],
)
def test_a_class_field_that_nobody_named(columns: dict[str, list[object]], named: str) -> None:
    table = table_of(**columns)
    with pytest.raises(InputError, match=f"has no field CATCOA, and {named} differs along its lines"):
        rectangles_along_lines(table)
    assert len(rectangles_along_lines(table, RectangleOptions(class_field=""))) == 6
    assert set(rectangles_along_lines(table, RectangleOptions(class_field=named.upper()))[named].dropna())


@pytest.mark.parametrize(
    "columns",
    [
        {"name": list("abcd")},
        {"id": [1, 2, 3, 4], "OBJECTID": [1, 2, 3, 4], "siteName": list("abcd"), "shore_id": [1, 1, 2, 2]},
        {"length": [1.5, 2.5, 3.5, 4.5]},
        {"year": [2019, 2020, 2021, 2022]},
        {"kind": ["rock"] * 4},
        {"CATCOA": [3, 3, 7, 7], "kind": ["rock", "rock", "sand", "sand"]},
        {"date": ["2020-01-01", "2020-01-02", "2020-01-01", "2020-01-02"]},
    ],
)
def test_fields_that_are_no_class(columns: dict[str, list[object]]) -> None:
    assert len(rectangles_along_lines(table_of(**columns))) >= 6


@pytest.mark.parametrize("options", [{"length_m": 1e-300}, {"spacing_m": 1e-9}, {"overlap": 0.99999999}])
def test_more_rectangles_than_anyone_can_hold(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="10,000,000 is the most"):
        rectangles_along_lines(table_of(CATCOA=[3] * 4), RectangleOptions(**options))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="more than"):
        RectangleOptions(length_m=1e300)
