"""Tables that other programs write: columns, names, places and numbers that are unusual and legal."""

from __future__ import annotations

import datetime
import decimal
import json
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import CRS
from shapely import LineString, Point

from littoral import merge_lines, read_vector, rectangles_along_lines, transfer_labels, write_vector
from littoral.errors import InputError, LittoralWarning
from littoral.rectangles import RectangleOptions
from littoral.vectors import DRIVERS, check_output, numeric_column, read_provenance

FORMATS = sorted(DRIVERS)
LINE = LineString([(5e5, 5e6), (503_000, 5e6)])
LARGE = 2**53 + 1

COLUMNS: dict[str, object] = {
    "lists": [[1, 2], [3]],
    "structs": [{"a": 1}, {"a": 2}],
    "arrays": [np.array([1.5]), None],
    "sets": [{"b", "a"}, set()],
    "timedelta": pd.to_timedelta([1, None], unit="h"),
    "uint64": np.array([1, 2**63 + 5], np.uint64),
    "uint8": np.array([1, 255], np.uint8),
    "masked uint": pd.array([1, None], "UInt32"),
    "bytes": [b"\x00\xff", None],
    "decimal": [decimal.Decimal("1.10"), None],
    "time": [datetime.time(12, 30), None],
    "period": pd.PeriodIndex(["2020-01", "2020-02"], freq="M"),
    "interval": pd.IntervalIndex.from_tuples([(0, 1), (1, 2)]),
    "complex": np.array([1 + 2j, 0]),
    "category": pd.Categorical(["x", None]),
    "float16": np.array([1, 2], np.float16),
    "mixed": [1, "one"],
    "nothing": [None, None],
}


def table(**columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[LINE, shapely.affinity.translate(LINE, 3000, 0)], crs=32631)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.filterwarnings("ignore::littoral.errors.LittoralWarning")
def test_every_kind_of_column_is_written_and_read(kind: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    again = read_vector(write_vector(table(value=COLUMNS[kind]), path))
    assert len(again) == 2
    assert len(rectangles_along_lines(again.to_crs(32631), RectangleOptions(class_field=""))) == 6
    if kind in ("lists", "structs") and suffix != ".shp":
        assert all(json.loads(text) in ([1, 2], [3], {"a": 1}, {"a": 2}) for text in again["value"])
    if kind == "uint64":
        assert str(2**63 + 5) in set(again["value"].astype(str))


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".pq", ".geoparquet", ".fgb"])
def test_whole_numbers_beyond_2_to_53(suffix: str, tmp_path: Path) -> None:
    numbers = pd.array([LARGE, None], "Int64")
    path = write_vector(table(big=numbers, small=pd.array([None, 7], "Int64")), tmp_path / f"x{suffix}")
    again = read_vector(path)
    assert again["big"].dtype == "Int64"
    assert sorted(again["big"].dropna().tolist()) == [LARGE]
    assert again["small"].dropna().tolist() == [7]
    twice = read_vector(write_vector(again, tmp_path / f"y{suffix}"))
    assert twice["big"].dropna().tolist() == [LARGE]


def test_two_columns_of_geometry(tmp_path: Path) -> None:
    both = table().assign(centre=gpd.GeoSeries([Point(1, 2), None], crs=32631))
    for suffix in (".gpkg", ".parquet", ".geojson"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LittoralWarning)
            path = write_vector(both, tmp_path / f"x{suffix}")
            again = read_vector(path)
        assert again["centre"].iloc[0].startswith("POINT (1 2")
        assert again.geometry.name == "geometry"
    both.to_parquet(tmp_path / "theirs.parquet")
    with pytest.warns(LittoralWarning, match="centre"):
        assert read_vector(tmp_path / "theirs.parquet")["centre"].iloc[0] == "POINT (1 2)"


@pytest.mark.parametrize(
    "crs", ['ENGCRS["site",EDATUM["site"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]']
)
def test_a_plane_without_place(crs: str, tmp_path: Path) -> None:
    lines = table().set_crs(CRS.from_wkt(crs), allow_override=True)
    for call in (merge_lines, rectangles_along_lines, lambda each: transfer_labels(each, table(CATCOA=[1, 2]))):
        with pytest.raises(InputError, match="no place on Earth"):
            call(lines)
    undefined = write_vector(table(), tmp_path / "x.gpkg")
    import sqlite3

    for number in (-1, 0):
        with sqlite3.connect(undefined) as database:
            database.execute("UPDATE gpkg_geometry_columns SET srs_id = ?", (number,))
            database.execute("UPDATE gpkg_contents SET srs_id = ?", (number,))
        database.close()
        with pytest.raises(InputError):
            rectangles_along_lines(read_vector(undefined))


def test_names_that_the_system_cannot_hold(tmp_path: Path) -> None:
    for name in ("x" * 300 + ".gpkg", "é" * 140 + ".gpkg"):
        with pytest.raises(InputError, match="more than 255 bytes"):
            check_output(tmp_path / name, False, DRIVERS)
        with pytest.raises(InputError, match="does not exist"):
            read_vector(tmp_path / name)
        with pytest.raises(InputError, match="not a folder"):
            check_output(tmp_path / name / "x.gpkg", False, DRIVERS)
    longest = tmp_path / ("x" * 240 + ".gpkg")
    assert len(read_vector(write_vector(table(), longest))) == 2


def test_layers_where_there_are_none(tmp_path: Path) -> None:
    path = write_vector(table(), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="has no layers"):
        read_vector(path, "x")


def test_empty_lines_and_coordinates_that_are_no_numbers() -> None:
    empty = gpd.GeoDataFrame(geometry=[LineString(), None], crs=32631)
    with pytest.raises(InputError, match="no line longer than zero"):
        rectangles_along_lines(empty)
    assert merge_lines(empty).empty
    with pytest.raises(InputError, match="is empty"):
        transfer_labels(empty, table(CATCOA=[1, 2]))
    with np.errstate(invalid="ignore"):
        wrong = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (np.nan, 1)])], crs=32631)
    for call in (merge_lines, rectangles_along_lines):
        with pytest.raises(InputError, match="no number in row 0"):
            call(wrong)


def test_text_where_a_number_should_be() -> None:
    with pytest.raises(InputError, match=r"has 'far' in the field line_m, row 1"):
        numeric_column(pd.DataFrame({"line_m": ["1.5", "far"]}), "LINE_M", "the table")


def test_json_that_is_nested_too_deep(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    path = tmp_path / "x.geojson"
    path.write_text('{"type":"FeatureCollection","features":' + deep + "}")
    with pytest.raises(InputError, match="not a vector file"):
        read_vector(path)
    assert read_provenance(path) is None
    shape = write_vector(table(), tmp_path / "x.shp")
    (tmp_path / "x.shp.json").write_text(deep)
    assert len(read_vector(shape)) == 2
    assert read_provenance(shape) is None
