"""Files keep where they come from, and what a format cannot hold is told and given back."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from littoral import __version__
from littoral.categories import CATCOA, Category
from littoral.errors import InputError, LittoralWarning, WriteError
from littoral.vectors import qgis_style, read_provenance, read_vector, staged, trace, write_vector
from littoral.vectors.shapefiles import cut, short_names

SUFFIXES = [".gpkg", ".parquet", ".fgb", ".geojson", ".shp"]
RECORD = {
    "littoral": "0.1",
    "model": {"sha256": "ab" * 32, "name": "m<o>d&el \"ü'.dlpk"},
    "scenes": ["S2A", "S2B"],
    "n": 1.5,
}


@pytest.fixture
def table() -> gpd.GeoDataFrame:
    values = {"code": pd.array([3, None], dtype="Int64"), "name": ["a", None], "share": [0.5, 1.0]}
    return gpd.GeoDataFrame(values, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], crs=4326)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_provenance_comes_back_and_bytes_are_the_same(table: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = write_vector(table, tmp_path / folder / f"t{suffix}", provenance=RECORD)
        assert read_provenance(path) == RECORD
        files.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / folder).iterdir()})
    assert files[0] == files[1]
    back = read_vector(path).sort_values("share", ignore_index=True)
    assert list(back.columns) == list(table.columns)
    assert back["code"].isna().tolist() == [False, True]
    bare = write_vector(table, tmp_path / f"bare{suffix}")
    assert read_provenance(bare) is None
    # The name in full, as nobody but the writer knows where it was.
    assert str(tmp_path) not in json.dumps(read_provenance(path))


def test_other_programs_find_it_where_the_format_keeps_it(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    style = qgis_style("code", list(CATCOA.values()), text_values=False)
    path = write_vector(table, tmp_path / "t.gpkg", style=style, provenance=RECORD)
    with closing(sqlite3.connect(path)) as database:
        (scope, kind, text), *more = database.execute(
            "SELECT md_scope, mime_type, metadata FROM gpkg_metadata"
        ).fetchall()
        (name, when), *_ = database.execute("SELECT table_name, timestamp FROM gpkg_metadata_reference").fetchall()
        (styled,) = database.execute("SELECT count(*) FROM layer_styles").fetchone()
    assert (scope, kind, more, name, styled) == ("dataset", "text/xml", [], "t", 1)
    assert when.startswith("2000-01-01")
    assert "ab" * 32 in text
    parquet = write_vector(table, tmp_path / "t.parquet", provenance=RECORD)
    keys = pq.read_schema(parquet).metadata
    assert json.loads(keys[b"littoral"]) == RECORD
    assert {b"geo", b"pandas"} <= set(keys)
    assert gpd.read_parquet(parquet).crs == table.crs
    assert (
        json.loads(
            pyogrio.read_info(write_vector(table, tmp_path / "t.fgb", provenance=RECORD))["layer_metadata"]["littoral"]
        )
        == RECORD
    )
    collection = json.loads(write_vector(table, tmp_path / "t.geojson", provenance=RECORD).read_text())
    assert json.loads(collection["description"])["littoral"] == RECORD


def test_a_large_parquet_keeps_its_rows(tmp_path: Path) -> None:
    many = gpd.GeoDataFrame({"n": range(3000)}, geometry=[box(i, 0, i + 1, 1) for i in range(3000)], crs=32631)
    path = tmp_path / "many.parquet"
    write_vector(many, path, provenance=RECORD)
    assert read_vector(path).equals(many)


def test_shapefile_names_and_texts(tmp_path: Path) -> None:
    names = ["ClassLabel", "ClassLabelSmoothed", "classlabel_in", "PredictionSet", "PredictionSetSize", "PS_10"]
    table = gpd.GeoDataFrame(
        {name: [f"{name} {i}" for i in range(2)] for name in names}, geometry=[box(0, 0, 1, 1)] * 2, crs=4326
    )
    table.loc[1, "PredictionSet"] = "ü" * 200
    with pytest.warns(LittoralWarning) as told:
        path = write_vector(table, tmp_path / "t.shp", provenance=RECORD)
    (said,) = [str(warning.message) for warning in told]
    assert "ClassLabelSmoothed (ClassLab_1), classlabel_in (classlab_2)" in said
    assert "1 texts of Prediction" in said
    assert "t.shp.json keeps the names" in said
    raw = pyogrio.read_dataframe(path)
    assert list(raw.columns) == [
        "ClassLabel",
        "ClassLab_1",
        "classlab_2",
        "Prediction",
        "Predicti_1",
        "PS_10",
        "geometry",
    ]
    back = read_vector(path)
    assert list(back.columns) == [*names, "geometry"]
    assert back["ClassLabelSmoothed"].tolist() == ["ClassLabelSmoothed 0", "ClassLabelSmoothed 1"]
    assert back["PredictionSet"].iloc[1] == "ü" * 127
    assert table["PredictionSet"].iloc[1] == "ü" * 200
    # Written again with other names, it does not remember the old ones.
    write_vector(table[["PS_10", "geometry"]].rename(columns={"PS_10": "Prediction"}), path, overwrite=True)
    assert list(read_vector(path).columns) == ["Prediction", "geometry"]
    assert read_provenance(path) is None
    (tmp_path / "t.shp.json").write_text("{")
    assert list(read_vector(path).columns) == ["Prediction", "geometry"]


@given(st.lists(st.text(st.sampled_from("abAB_ü1"), min_size=1, max_size=14), unique=True))
def test_short_names_fit_and_never_collide(names: list[str]) -> None:
    short = short_names(names)
    assert list(short) == names
    assert all(len(each.encode()) <= 10 for each in short.values())
    assert len({each.casefold() for each in short.values()}) == len(names)
    fit = [name for name in names if len(name.encode()) <= 10]
    folded = [name.casefold() for name in fit]
    assert all(short[name] == name for at, name in enumerate(fit) if name.casefold() not in folded[:at])
    assert short == short_names(names)


@given(st.text(max_size=20), st.integers(0, 20))
def test_cut_is_the_longest_whole_beginning(text: str, size: int) -> None:
    begin = cut(text, size)
    assert text.startswith(begin)
    assert len(begin.encode()) <= size
    assert begin == text or len(text[: len(begin) + 1].encode()) > size


def test_trace_names_inputs_by_their_bytes_and_their_own_past(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    first = write_vector(table, tmp_path / "boxes.gpkg", provenance={"verb": "rectangles"})
    record = trace(
        "classify", {"rectangles": first, "scene": tmp_path, "mask": None, "web": "https://a.b/c.tif"}, {"n": 2}
    )
    assert record["littoral"] == __version__
    assert record["verb"] == "classify"
    assert record["parameters"] == {"n": 2}
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    assert record["inputs"]["rectangles"] == {
        "name": "boxes.gpkg",
        "sha256": digest,
        "provenance": {"verb": "rectangles"},
    }
    assert record["inputs"]["scene"] == {"name": tmp_path.name}
    assert record["inputs"]["web"] == {"name": "c.tif"}
    assert "mask" not in record["inputs"]
    (tmp_path / "else").mkdir()
    moved = write_vector(table, tmp_path / "else" / "boxes.gpkg", provenance={"verb": "rectangles"})
    assert trace("classify", {"rectangles": moved}, {"n": 2})["inputs"]["rectangles"] == record["inputs"]["rectangles"]


def test_files_of_others_have_no_provenance(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_provenance(tmp_path / "none.gpkg")
    for name in ("a.gpkg", "a.parquet", "a.shp", "a.geojson", "a.tif"):
        (tmp_path / name).write_text("no")
        assert read_provenance(tmp_path / name) is None
    pyogrio.write_dataframe(table, tmp_path / "d.geojson", DESCRIPTION="my coast")
    assert read_provenance(tmp_path / "d.geojson") is None
    pyogrio.write_dataframe(table, tmp_path / "e.geojson", DESCRIPTION='{"littoral": 3}')
    assert read_provenance(tmp_path / "e.geojson") is None


LONG = "sehr lang, mit Umläuten äöü – " * 12


@pytest.fixture
def classified() -> gpd.GeoDataFrame:
    """All kinds of fields that a classified coast may have, with gaps; clockwise outlines in metres."""
    values = {
        "ID": pd.array([1, 2, 3], "Int64"),
        "Previous": pd.array([None, 1, 2**40], "Int64"),
        "classlabel_in": ["x", None, "日本"],
        "a_long_name_of_the_user_1": [1.5, None, 2.0],
        "a_long_name_of_the_user_2": [2.5, None, 3.0],
        "note": [LONG, None, "a\"b<c>&'"],
        "charted": pd.array([True, None, False], "boolean"),
        "surveyed": pd.to_datetime(["2024-01-01 12:00", None, "2024-01-03 00:00"]),
        "ClassLabel": pd.array(["sandy shore", None, "mangrove"], "string"),
        "ClassValue": pd.array([3, None, 7], "Int64"),
        "Confidence": [0.9, None, 0.8],
        "P_3": [0.9, None, 0.2],
        "P_7": [0.1, None, 0.8],
        "Novelty": [0.1, None, 1.5],
        "CloudShare": [0.0, None, 0.25],
        "SceneDate": pd.array(["2024-06-01", None, "2024-06-02"], "string"),
        "status": pd.array(["classified", "nodata", "unlike training"], "string"),
        "PredictionSet": pd.array(["sandy shore; mangrove", None, "mangrove"], "string"),
        "PredictionSetSize": pd.array([2, None, 1], "Int64"),
        "ClassLabelSmoothed": pd.array(["sandy shore", None, "mangrove"], "string"),
        "PS_3": [0.9, None, 0.2],
    }
    shapes = [box(500_000 + 1000 * i, 0, 501_000 + 1000 * i, 1000, ccw=False) for i in range(3)]
    return gpd.GeoDataFrame(values, geometry=shapes, crs=32633)


@pytest.mark.filterwarnings("ignore::littoral.errors.LittoralWarning")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_field_comes_back(classified: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    path = write_vector(classified, tmp_path / f"küste{suffix}", provenance=RECORD)
    back = read_vector(path)
    if suffix == ".fgb":
        back = back.sort_values("ID", ignore_index=True)
    assert list(back.columns) == list(classified.columns)
    assert back.crs.to_epsg() == (4326 if suffix == ".geojson" else 32633)
    for name in classified.columns.drop(["geometry", "note", "surveyed"]):
        told = [None if pd.isna(value) else value for value in back[name]]
        assert told == [None if pd.isna(value) else value for value in classified[name]], name
    assert str(back["charted"].dtype) == "boolean"
    assert {str(back[name].dtype) for name in ("ID", "Previous", "ClassValue", "PredictionSetSize")} == {"Int64"}
    assert back["note"].isna().tolist() == [False, True, False]
    assert back["note"].iloc[0] == (cut(LONG, 254) if suffix == ".shp" else LONG)
    assert back["note"].iloc[2] == classified["note"].iloc[2]
    # Neither has a moment, so it is text there; a day that was text stays text.
    if suffix in (".shp", ".geojson"):
        assert str(back["surveyed"].iloc[0])[:10].replace("/", "-") == "2024-01-01"
    else:
        assert back["surveyed"].iloc[0] == classified["surveyed"].iloc[0]
    assert back["surveyed"].isna().tolist() == [False, True, False]
    assert read_provenance(path) == RECORD


@pytest.mark.filterwarnings("ignore::littoral.errors.LittoralWarning")
def test_formats_keep_to_their_standards(classified: gpd.GeoDataFrame, tmp_path: Path) -> None:
    # RFC 7946: WGS 84 and no other, outlines to the right hand, seven decimals are a centimetre.
    text = write_vector(classified, tmp_path / "c.geojson").read_text(encoding="utf-8")
    collection = json.loads(text)
    assert "crs" not in collection
    for feature in collection["features"]:
        (ring,) = feature["geometry"]["coordinates"]
        assert shapely.LinearRing(ring).is_ccw
        assert all(round(number, 7) == number for point in ring for number in point)
    # GeoParquet 1.1: where the geometry is, how it is written, in which CRS, as PROJJSON.
    geo = json.loads(
        pq.read_schema(write_vector(classified, tmp_path / "c.parquet", provenance=RECORD)).metadata[b"geo"]
    )
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"].startswith("1.")
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Polygon"])
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 32633}
    assert column["bbox"] == [500_000, 0, 503_000, 1000]
    # FlatGeobuf with its index; a Shapefile that says its CRS and its letters.
    flat = pyogrio.read_info(write_vector(classified, tmp_path / "c.fgb"))
    assert (flat["capabilities"]["fast_spatial_filter"], flat["crs"]) == (True, "EPSG:32633")
    shape = write_vector(classified, tmp_path / "c.shp")
    assert shape.with_suffix(".cpg").read_text() == "UTF-8"
    assert "UTM_Zone_33N" in shape.with_suffix(".prj").read_text()
    # Bytes 1 to 3 of its table are the day of writing.
    assert shape.with_suffix(".dbf").read_bytes()[1:4] == bytes([100, 1, 1])


def test_what_crosses_the_antimeridian_is_cut_there(tmp_path: Path) -> None:
    across = gpd.GeoDataFrame(geometry=[box(-500, -500, 500, 500)], crs="+proj=aeqd +lat_0=-18 +lon_0=180")
    with pytest.warns(LittoralWarning):
        path = write_vector(across, tmp_path / "fiji.geojson")
    west, _, east, _ = read_vector(path).total_bounds
    assert (west, east) == (-180, 180)
    assert {part.area < 1 for part in read_vector(path).geometry.explode()} == {True}


# The style


def _parsed(**how: Any) -> ElementTree.Element:
    style = qgis_style("ClassLabel", [CATCOA[3], Category(5, "a \"b\" <c> & 'd'", "#112233")], text_values=True, **how)
    return ElementTree.fromstring(style.split("\n", 1)[1])


@pytest.mark.parametrize("geometry", ["fill", "line"])
def test_style_has_a_symbol_for_every_value(geometry: str) -> None:
    root = _parsed(geometry=geometry)
    assert root.attrib == {"version": "3.22", "styleCategories": "Symbology"}
    (renderer,) = root.findall("renderer-v2")
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "ClassLabel")
    # The last, of no value, is QGIS's "all other values".
    told = [(each.get("value"), each.get("label")) for each in renderer.iter("category")]
    assert told == [("sandy shore",) * 2, ("a \"b\" <c> & 'd'",) * 2, ("", "not classified")]
    symbols = {each.get("name"): each for each in renderer.iter("symbol")}
    assert [each.get("symbol") for each in renderer.iter("category")] == list(symbols)
    for symbol in symbols.values():
        assert symbol.get("type") == geometry
        for layer in symbol.iter("layer"):
            # QGIS from 3.18 on reads the map, an older one the rest; both say the same.
            assert {o.get("name"): o.get("value") for o in layer.findall("Option/Option")} == {
                p.get("k"): p.get("v") for p in layer.findall("prop")
            }
    painted = [p.get("v") for p in symbols["0"].iter("prop") if p.get("k") in ("color", "line_color")]
    assert any(colour is not None and colour.startswith("247,247,60,") for colour in painted)


def test_style_says_why_there_is_no_class() -> None:
    root = _parsed(
        status="status",
        hatched={"uncertain": "b_diagonal", "unlike training": "diagonal_x"},
        aliases={"P_3": "probability of <sand>"},
        confidence="Confidence",
    )
    (renderer,) = root.findall("renderer-v2")
    assert renderer.get("attr") == 'coalesce("ClassLabel", "status")'
    values = [each.get("value") for each in renderer.iter("category")]
    assert values[2:] == ["uncertain", "unlike training", ""]
    styles = [p.get("v") for p in renderer.iter("prop") if p.get("k") == "style"]
    assert styles == ["solid", "solid", "b_diagonal", "diagonal_x", "solid"]
    assert [(each.get("field"), each.get("name")) for each in root.iter("alias")] == [("P_3", "probability of <sand>")]
    tip = root.findtext("mapTip")
    assert tip is not None
    assert tip.startswith('<b>[% coalesce("ClassLabel", "status") %]</b>')
    assert root.get("styleCategories") == "Symbology|Fields|MapTips"


def test_a_category_may_be_called_not_classified() -> None:
    style = qgis_style("change", [Category(5, "not classified", "#B4B4B4")], text_values=True)
    assert style.count("<category ") == 1


def test_layer_styles_is_the_table_that_qgis_makes(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    style = qgis_style("code", [CATCOA[3]], text_values=False)
    path = write_vector(table, tmp_path / "t.gpkg", style=style)
    with closing(sqlite3.connect(path)) as database:
        columns = [(name, kind) for _, name, kind, *_ in database.execute("PRAGMA table_info(layer_styles)")]
        row = dict(
            zip([name for name, _ in columns], database.execute("SELECT * FROM layer_styles").fetchone(), strict=True)
        )
    # As QgsOgrProviderMetadata::saveStyle creates them by GDAL.
    assert columns == [
        ("id", "INTEGER"), ("f_table_catalog", "TEXT(256)"), ("f_table_schema", "TEXT(256)"),
        ("f_table_name", "TEXT(256)"), ("f_geometry_column", "TEXT(256)"), ("styleName", "TEXT(30)"),
        ("styleQML", "TEXT"), ("styleSLD", "TEXT"), ("useAsDefault", "BOOLEAN"), ("description", "TEXT"),
        ("owner", "TEXT(30)"), ("ui", "TEXT(30)"), ("update_time", "DATETIME"),
    ]  # fmt: skip
    # It looks for rows of an empty schema, by table and geometry column.
    assert (row["f_table_catalog"], row["f_table_schema"], row["f_table_name"], row["f_geometry_column"]) == (
        "", "", "t", "geom"
    )  # fmt: skip
    assert (row["useAsDefault"], row["styleQML"]) == (1, style)


def test_the_first_of_several_styles_is_the_default(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    styles = {name: qgis_style(name, [CATCOA[3]], text_values=False) for name in ("code", "share")}
    path = write_vector(table, tmp_path / "t.gpkg", style=styles)
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT styleName, useAsDefault, styleQML FROM layer_styles ORDER BY id").fetchall()
    assert rows == [("code", 1, styles["code"]), ("share", 0, styles["share"])]


def test_ctrl_c_while_clearing_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, pressed = shutil.rmtree, []

    def rmtree(*given: Any, **more: Any) -> None:
        if not pressed:
            pressed.append(given)
            raise KeyboardInterrupt
        real(*given, **more)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "t.txt") as stage:
        stage.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]


def test_a_full_disk_is_called_that_whatever_gdal_says(
    table: gpd.GeoDataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*given: Any, **more: Any) -> None:
        raise pyogrio.errors.FeatureError("Could not add feature to layer at index 0: no such table")

    monkeypatch.setattr(pyogrio, "write_dataframe", refused)
    with pytest.raises(WriteError, match=r"no such table.*check the place, the space left and your rights"):
        write_vector(table, tmp_path / "t.gpkg")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=4096))
    with pytest.raises(WriteError, match=r"t.gpkg could not be written \(No space left on device\): free some space"):
        write_vector(table, tmp_path / "t.gpkg")
    assert list(tmp_path.iterdir()) == []


def test_rows_that_lie_nowhere_are_kept(tmp_path: Path) -> None:
    table = gpd.GeoDataFrame({"a": [1, 2, 3]}, geometry=[shapely.Point(5, 50), None, shapely.Polygon()], crs=4326)
    for suffix in ("gpkg", "fgb", "parquet"):
        found = read_vector(write_vector(table, tmp_path / f"t.{suffix}"))
        assert found["a"].tolist() == [1, 2, 3]
        assert (found.geometry.isna() | found.geometry.is_empty).tolist() == [False, True, True]
