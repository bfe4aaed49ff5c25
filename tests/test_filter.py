"""Conditions on fields: SQL's answers, by SQLite; errors that name the place; nothing that is code."""

from __future__ import annotations

import sqlite3
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point

from littoral.errors import InputError
from littoral.vectors.filter import MAX_DEPTH, evaluate_condition, filter_rows

FIELDS = {"n": "number", "f": "number", "t": "text", "odd name": "text", "b": "boolean"}
texts = st.text("ab'é ", max_size=2)
numbers = st.integers(-3, 3) | st.sampled_from([-0.5, 0.25, 1.5, 2.0])


def quoted(field: str) -> str:
    return f'"{field}"' if " " in field else field


@st.composite
def literals(draw: st.DrawFn, kind: str) -> str:
    if draw(st.integers(0, 9)) == 0:
        return "null"
    if kind == "boolean":
        return draw(st.sampled_from(["true", "FALSE"]))
    if kind == "number":
        return repr(draw(numbers))
    return "'" + draw(texts).replace("'", "''") + "'"


@st.composite
def predicates(draw: st.DrawFn) -> str:
    field = draw(st.sampled_from(list(FIELDS)))
    kind, name = FIELDS[field], quoted(field)
    form = draw(st.sampled_from(["compare", "in", "null", "between", "fields"]))
    not_ = draw(st.sampled_from(["", " not"]))
    if form == "compare":
        return f"{name} {draw(st.sampled_from(['=', '==', '<>', '!=', '<', '<=', '>', '>=']))} {draw(literals(kind))}"
    if form == "in":
        values = draw(st.lists(literals(kind), min_size=1, max_size=3))
        return f"{name}{not_} in ({', '.join(values)})"
    if form == "null":
        return f"{name} IS{not_} NULL"
    if form == "between":
        return f"{name}{not_} between {draw(literals(kind))} and {draw(literals(kind))}"
    other = draw(st.sampled_from([quoted(each) for each in FIELDS if FIELDS[each] == kind]))
    return f"{name} < {other}"


conditions = st.recursive(
    predicates(),
    lambda inner: (
        st.builds("({}) and {}".format, inner, inner)
        | st.builds("{} or ({})".format, inner, inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=5,
)
rows = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 3),
        st.none() | numbers.map(float),
        st.none() | texts,
        st.none() | texts,
        st.none() | st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(rows, conditions)
def test_like_sqlite(rows: list[tuple[object, ...]], condition: str) -> None:
    base = sqlite3.connect(":memory:")
    columns = ", ".join(f'"{name}" {"TEXT" if kind == "text" else "NUMERIC"}' for name, kind in FIELDS.items())
    base.execute(f"create table t ({columns})")
    base.executemany("insert into t values (?, ?, ?, ?, ?)", rows)
    expected = [row[0] for row in base.execute(f"select {condition} from t order by rowid")]
    base.close()
    found = evaluate_condition(pd.DataFrame(rows, columns=list(FIELDS)), condition)
    assert [None if value is pd.NA else int(value) for value in found] == expected


@pytest.mark.parametrize(
    ("condition", "wrong"),
    [
        ("", "at the end"),
        ("site", "expected a comparison"),
        ("site = ", "at the end"),
        ("site = 'a", 'at "\'" at character 8 (a quote that is not closed)'),
        ("site == 'a' and", "at the end"),
        ("site ~ 'a'", "at '~' at character 6"),
        ("site.name = 'a'", "at '.' at character 5"),
        ("len(site) = 1", "has no field 'len'"),
        ("__import__('os')", "has no field '__import__'"),
        ("site = 3", "a text is compared with a number"),
        ("Purity = 'x'", "a number is compared with a text"),
        ("site in 'a'", "expected ("),
        ("site in ()", "at ')' at character 10"),
        ("site = 'a' site", "expected and, or, or the end"),
        ("other = 1", "has no field 'other' (character 1 of --where)"),
        ('site = "a"', "texts stand in single quotes"),
        ("geometry is null", "has no field 'geometry'"),
        ("(" * 60 + "site = 'a'" + ")" * 60, f"more than {MAX_DEPTH}"),
        ("not " * 2000, "more than 4000 characters"),
        ("not " * 900, f"more than {MAX_DEPTH}"),
        ("site = 'z'", "has no row where site = 'z'"),
    ],
)
def test_one_sentence_for_what_is_wrong(condition: str, wrong: str) -> None:
    table = gpd.GeoDataFrame({"site": ["a"], "purity": [1.0]}, geometry=[Point(0, 0)])
    with pytest.raises(InputError) as error:
        filter_rows(table, condition, "rects.gpkg")
    assert wrong in str(error.value)


def test_columns_as_they_come_from_files() -> None:
    table = pd.DataFrame(
        {
            "day": pd.to_datetime(["2023-06-13", None]),
            "moment": pd.to_datetime(["2023-06-13 10:00", None]),
            "python": [date(2023, 6, 13), None],
            "whole": pd.array([2**53 + 1, None], "Int64"),
            "float": [1.0, np.nan],
            "empty": [None, None],
            "SITE": pd.Categorical(["a", "b"]),
        }
    )
    for condition in (
        "day >= '2023-06-13' and day < '2023-07'",
        "moment > '2023-06-13'",
        "python = '2023-06-13'",
        "whole = 9007199254740993",
        "not whole = 9007199254740992 and float = 1",
        "empty is null and site = 'a'",
    ):
        assert filter_rows(table, condition).index.tolist() == [0], condition
    with pytest.raises(InputError):
        filter_rows(table, "empty = 'a'")


def test_attributes_and_geometry_stay() -> None:
    table = gpd.GeoDataFrame({"n": [1, 2]}, geometry=[Point(0, 0), Point(1, 1)], crs=32617)
    table.attrs["layer"] = "x"
    kept = filter_rows(table, "n > 1")
    assert (type(kept), kept.crs, kept.attrs) == (gpd.GeoDataFrame, table.crs, {"layer": "x"})
    assert filter_rows(table, None) is table
