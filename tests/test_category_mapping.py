from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely import LineString

from littoral import read_vector
from littoral.categories import read_mapping, user_scheme
from littoral.cli import main
from littoral.errors import InputError, LittoralWarning
from littoral.shoreline import map_categories


def table(values: list[object], field: str = "KIND") -> gpd.GeoDataFrame:
    lines = [LineString([(i, 0), (i + 1, 0)]) for i in range(len(values))]
    return gpd.GeoDataFrame({field: values}, geometry=lines, crs=32617)


def codes(frame: gpd.GeoDataFrame) -> list[int | None]:
    return [None if pd.isna(code) else int(code) for code in frame["CATCOA"]]


def mapping_of(folder: Path, text: str) -> Path:
    path = folder / "mapping.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "values", [[10, 20, None], [10.0, 20.0, None], ["10", " 20", None], pd.array([10, 20, None], dtype="Int64")]
)
def test_numbers_and_texts_alike(values: list[object], tmp_path: Path) -> None:
    mapping = read_mapping(mapping_of(tmp_path, "value,category\n10,mangrove\n20,3\n"))
    mapped = map_categories(table(values), "kind", mapping)
    assert codes(mapped) == [7, 3, None]
    assert mapped["category"].fillna("").tolist() == ["mangrove", "sandy shore", ""]


def test_none_and_the_rest(tmp_path: Path) -> None:
    path = mapping_of(tmp_path, "value,category\nrock,natureOfSurface=5\nwall,\n*,flat coast\n")
    assert codes(map_categories(table(["rock", "wall", "meadow"]), "KIND", read_mapping(path))) == [4, None, 2]


def test_values_that_nobody_explained(tmp_path: Path) -> None:
    mapping = read_mapping(mapping_of(tmp_path, "value,category\nrock,4\n"))
    with pytest.raises(InputError, match="the mapping lacks: gravel, wall"):
        map_categories(table(["rock", "wall", "gravel"]), "KIND", mapping)
    with pytest.raises(InputError, match=r"neither codes nor names of categories: rock, wall: .* --mapping"):
        map_categories(table(["wall", "rock", "mangrove"]), "KIND")
    with pytest.raises(InputError, match="NONE"):
        map_categories(table(["rock"]), "NONE", mapping)


def test_codes_of_their_own_are_kept_and_said() -> None:
    with pytest.warns(LittoralWarning, match="code 70 is not in the table"):
        mapped = map_categories(table([70, 7]), "KIND")
    assert mapped["category"].tolist() == ["category 70", "mangrove"]


def test_fields_that_collide() -> None:
    lines = table(["mangrove"]).assign(CATCOA="x", category="y")
    mapped = map_categories(lines, "KIND")
    assert mapped.attrs["renamed"] == {"CATCOA": "CATCOA_in", "category": "category_in"}
    own = map_categories(table([7], "CATCOA"), "CATCOA")
    assert (codes(own), own.attrs["renamed"]) == ([7], {})
    low = map_categories(table([7], "catcoa"), "CATCOA")
    assert (low.attrs["renamed"], list(low.columns)) == ({}, ["geometry", "CATCOA", "category"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("value,category\n", "has no values"),
        ("value,category\n1,2\n1.0,3\n", "line 3 has value"),
        ("kind,class\n1,2\n", "has no column value and no column category: begin it with the line value,category"),
        ("value,category\n,2\n", "line 2 has value ''"),
        ("value,category\n1,swamp\n", "line 2: class 'swamp'"),
    ],
)
def test_bad_mappings(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        read_mapping(mapping_of(tmp_path, text))
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        read_mapping(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("value,category\nM\xfcll,2\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_mapping(tmp_path / "latin.csv")


def test_semicolons(tmp_path: Path) -> None:
    mapping = read_mapping(mapping_of(tmp_path, "value;category\nrock, bare;4\nwall;\n"))
    assert mapping == {"rock, bare": 4, "wall": None}


def test_blank_text_is_null() -> None:
    assert codes(map_categories(table(["mangrove", "", "  "]), "KIND")) == [7, None, None]
    assert codes(map_categories(table(["rock", " "]), "KIND", {"rock": 4})) == [4, None]


def test_attributes_of_s101_have_numbers_of_their_own() -> None:
    """4 is sand as natureOfSurface, and stones as CATCOA."""
    for field in ("natureOfSurface", "NATUREOFSURFACE", "natureOfSu"):
        for values in ([4, 14, None], ["4", "14", ""]):
            assert codes(map_categories(table(values, field), field)) == [3, 9, None]
    assert codes(map_categories(table([7, 10], "categoryOfCoastline"), "categoryOfCoastline")) == [7, 10]
    # Mud is no category of coastline, and sand none of S-101's.
    with pytest.raises(InputError, match=r"natureOfSurface has values .*: 1: .*--mapping"):
        map_categories(table([1, 4], "natureOfSurface"), "natureOfSurface")
    with pytest.raises(InputError, match=": 3: "):
        map_categories(table([3], "categoryOfCoastline"), "categoryOfCoastline")
    assert codes(map_categories(table(["mangrove"], "natureOfSurface"), "natureOfSurface")) == [7]


def test_names_that_say_the_same_are_replaced() -> None:
    named = table([7, None], "CATCOA").assign(category=["mangrove", None])
    mapped = map_categories(named, "CATCOA")
    assert (mapped.attrs["renamed"], list(mapped.columns)) == ({}, ["geometry", "CATCOA", "category"])
    other = map_categories(named.assign(category=["swamp", None]), "CATCOA")
    assert other.attrs["renamed"] == {"category": "category_in"}


def test_own_scheme() -> None:
    scheme = user_scheme({1: "dune", 2: "sea wall"})
    assert map_categories(table(["Sea wall"]), "KIND", None, scheme)["CATCOA"].tolist() == [2]


def test_lines_at_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table([1, 1, 2, 70]).to_file(tmp_path / "mine.gpkg")
    mapping = mapping_of(tmp_path, "value,category\n1,7\n2,\n70,70\n")
    arguments = ["lines", tmp_path / "mine.gpkg", "--class-field", "KIND", "--mapping", mapping]
    monkeypatch.setattr("sys.argv", ["littoral", *map(str, arguments), "-o", str(tmp_path / "line.gpkg")])
    with pytest.raises(SystemExit) as stopped:
        main()
    out, err = capsys.readouterr()
    assert stopped.value.code in (0, None)
    assert "3 lines in 1 chain," in out
    assert "littoral: warning: code 70 is not in the table" in err
    line = read_vector(tmp_path / "line.gpkg", None)
    assert line["to_m"].iloc[-1] == pytest.approx(4, rel=0.01)
