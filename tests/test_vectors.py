from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from shapely import Point, box

from littoral.categories import CATCOA
from littoral.errors import ExistsError, InputError, LittoralWarning, WriteError
from littoral.vectors import check_output, free_names, qgis_style, read_vector, require_column, write_vector
from platforms import posix_only


@pytest.fixture
def table() -> gpd.GeoDataFrame:
    values = {"code": pd.array([3, None], dtype="Int64"), "name": ["a", None], "share": [0.5, 1.0]}
    return gpd.GeoDataFrame(values, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], crs=4326)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb", ".geojson", ".shp"])
def test_round_trip(table: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    path = write_vector(table, tmp_path / f"t{suffix}")
    # FlatGeobuf orders rows by its spatial index.
    back = read_vector(path).sort_values("share", ignore_index=True)
    assert back["code"].dtype == "Int64"
    assert back["code"].isna().tolist() == [False, True]
    assert [a.equals(b) for a, b in zip(back.geometry, table.geometry, strict=True)] == [True, True]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_fields_named_as_a_geopackages_own_columns_are_kept(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    for named in ({"fid": [9, 8]}, {"FID": [1, 1]}, {"Fid": ["x", "y"], "fid_1": [1, 2], "GEOM": ["p", "q"]}):
        given = table.assign(**named)
        path = write_vector(given, tmp_path / "t.gpkg", overwrite=True, style=qgis_style("name", [], text_values=True))
        back = read_vector(path)
        assert {name: back[name].tolist() for name in named} == named
        assert back["share"].tolist() == [0.5, 1.0]


def test_fields_that_differ_in_case_alone_are_kept(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    given = table.assign(name=["a", "b"], NAME=["c", "d"])
    with pytest.warns(LittoralWarning, match=r"NAME \(NAME_1\)"):
        back = read_vector(write_vector(given, tmp_path / "t.gpkg"))
    assert (back["name"].tolist(), back["NAME_1"].tolist()) == (["a", "b"], ["c", "d"])
    with pytest.warns(LittoralWarning, match=r"NAME \(NAME_1\)"):
        back = read_vector(write_vector(given, tmp_path / "t.shp"))
    assert (back["name"].tolist(), back["NAME"].tolist()) == (["a", "b"], ["c", "d"])


def test_same_table_same_bytes(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    style = qgis_style("code", list(CATCOA.values()), text_values=False)
    hashes = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = write_vector(table, tmp_path / folder / "t.gpkg", style=style)
        hashes.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_style_is_the_default_of_its_layer(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    style = qgis_style("name", [CATCOA[3], CATCOA[7]], text_values=True)
    path = write_vector(table, tmp_path / "t.gpkg", style=style)
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        kinds = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents").fetchall())
    assert rows[0][:3] == ("t", "geom", 1)
    assert kinds == {"t": "features", "layer_styles": "attributes"}
    red, green, blue = CATCOA[7].rgb
    assert f"{red},{green},{blue}" in rows[0][3]
    assert "mangrove" in rows[0][3]
    assert pyogrio.read_info(path, layer="layer_styles")["features"] == 1


def test_exists_is_refused(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = write_vector(table, tmp_path / "t.gpkg")
    with pytest.raises(ExistsError, match="--overwrite"):
        write_vector(table, path)
    write_vector(table.iloc[:1], path, overwrite=True)
    assert len(read_vector(path)) == 1


def test_failed_write_leaves_the_old_file(
    table: gpd.GeoDataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_vector(table, tmp_path / "t.gpkg")
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyogrio, "write_dataframe", full)
    with pytest.raises(WriteError, match="No space left"):
        write_vector(table, path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.gpkg"]


@posix_only
def test_an_input_is_no_output(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = write_vector(table, tmp_path / "t.gpkg")
    (tmp_path / "other.gpkg").symlink_to(path)
    for same in (path, tmp_path / "." / "t.gpkg", tmp_path / "other.gpkg"):
        for overwrite in (False, True):
            with pytest.raises(InputError, match="is to be read and to be written: choose another name"):
                check_output(same, overwrite, inputs=(None, "https://a.b/c", tmp_path / "none", path))
    check_output(path, True, inputs=(tmp_path,))


def test_geojson_is_in_degrees(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.warns(LittoralWarning, match=r"t\.geojson is written in WGS 84 degrees, .* not in EPSG:32631"):
        path = write_vector(table.to_crs(32631), tmp_path / "t.geojson")
    back = read_vector(path)
    assert back.crs.to_epsg() == 4326
    assert back.geometry.geom_equals_exact(table.geometry, 1e-6).all()


def test_bad_input(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_vector(tmp_path / "no.gpkg")
    (tmp_path / "no.gpkg").write_text("no")
    with pytest.raises(InputError, match="not a vector file") as said:
        read_vector(tmp_path / "no.gpkg")
    assert "DRIVER" not in str(said.value)
    with pytest.raises(InputError, match="the suffix of no known format"):
        write_vector(table, tmp_path / "t.xyz")
    with pytest.raises(InputError, match="not a folder"):
        write_vector(table, tmp_path / "none" / "t.gpkg")
    with pytest.raises(InputError, match="has no field 'kind': choose one of code, name, share"):
        require_column(table, "kind", "t")
    pyogrio.write_dataframe(table, tmp_path / "two.gpkg", layer="a")
    pyogrio.write_dataframe(table, tmp_path / "two.gpkg", layer="b", append=True)
    with pytest.raises(InputError, match="has 2 layers"):
        read_vector(tmp_path / "two.gpkg")
    assert len(read_vector(tmp_path / "two.gpkg", "b")) == 2


def test_free_names_compares_without_case() -> None:
    table = gpd.GeoDataFrame({"CLASSLABEL": [1], "classlabel_IN": [2]}, geometry=[Point(0, 0)])
    out, renamed = free_names(table, ["ClassLabel"])
    assert renamed == {"CLASSLABEL": "CLASSLABEL_in_in"}
    assert list(out.columns) == ["CLASSLABEL_in_in", "classlabel_IN", "geometry"]
