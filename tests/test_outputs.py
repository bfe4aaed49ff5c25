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

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from littoral import __version__
from littoral.categories import CATCOA
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


@given(st.lists(st.text(st.sampled_from("abAB_ü1"), min_size=1, max_size=14), unique_by=str.casefold))
def test_short_names_fit_and_never_collide(names: list[str]) -> None:
    short = short_names(names)
    assert list(short) == names
    assert all(len(each.encode()) <= 10 for each in short.values())
    assert len({each.casefold() for each in short.values()}) == len(names)
    assert all(short[name] == name for name in names if len(name.encode()) <= 10)
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
