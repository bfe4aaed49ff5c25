"""Two dates: partners are found, and changes are as likely as Bayes' rule says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from classified_tables import classified, straight, with_probabilities
from littoral import rectangles_along_lines
from littoral.cli.entry import run
from littoral.errors import InputError
from littoral.predictions import ChangeOptions, change, change_probability, change_rate
from littoral.predictions.changes import partners
from littoral.rectangles.options import RectangleOptions
from littoral.vectors import read_provenance, read_vector, write_vector


def test_statuses_and_kilometres() -> None:
    boxes = straight(6)
    before = with_probabilities(boxes, [[1, 0], [1, 0], [0.9, 0.1], [0.6, 0.4], None, [0, 1]]).assign(
        SceneDate="2019-06-01"
    )
    after = with_probabilities(boxes, [[1, 0], [0, 1], [0.4, 0.6], [0.6, 0.4], [1, 0], [0, 1]]).iloc[:5]
    after = after.assign(SceneDate="2024-06-01")
    found = change(before, after, ChangeOptions(rate=0.5))
    table = found.rectangles
    assert table["change"].tolist() == ["same", "changed", "changed", "same", "not classified", "only before"]
    by_hand = [0, 1, 1 - (0.36 + 0.06), 1 - (0.36 + 0.16), np.nan, np.nan]
    assert table["P_changed"].to_numpy() == pytest.approx(by_hand, nan_ok=True)
    assert table["ClassLabel_before"].tolist()[1:5] == ["sandy shore"] * 3 + [pd.NA]
    assert table["ClassLabel_after"].tolist()[1:5] == ["mangrove", "mangrove", "sandy shore", "sandy shore"]
    assert table["SceneDate_after"].tolist()[-2:] == ["2024-06-01", pd.NA]
    assert table["ID"].tolist() == [1, 2, 3, 4, 5, 6]
    assert found.compared_km == pytest.approx(4, abs=1e-6)
    assert found.changed_km == pytest.approx(0 + 1 + 0.58 + 0.48, abs=1e-6)
    low, high = found.interval_km
    assert 0 < low < found.changed_km < high < 4
    assert found.km["before"].tolist() == ["sandy shore"] * 2
    assert found.km["after"].tolist() == ["mangrove", "sandy shore"]
    assert found.km["km"].tolist() == pytest.approx([2, 2])
    # Where change is rare, two answers that hardly differ are no change.
    rare = change(before, after, ChangeOptions(rate=0.02)).rectangles
    assert rare["change"].tolist()[:4] == ["same", "changed", "perhaps changed", "same"]
    assert (rare["P_changed"].dropna() <= table["P_changed"].dropna()).all()


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 40))
def test_the_rate_is_the_likeliest(seed: int, classes: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = (rng.dirichlet(np.full(classes, 0.3), count) for _ in range(2))
    same = (p * q).sum(axis=1)
    rates = np.linspace(0.0005, 0.9995, 2000)[:, None]
    seen = np.log(rates * (1 - same) / (classes - 1) + (1 - rates) * same).sum(axis=1)
    likeliest = rates[(seen + 0.5 * np.log(rates[:, 0]) + 0.5 * np.log(1 - rates[:, 0])).argmax(), 0]
    assert change_rate(p, q) == pytest.approx(likeliest, abs=0.002)


def test_a_coast_does_not_change_into_itself() -> None:
    boxes = straight(60)
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([6, 2], 60).tolist()
    same = with_probabilities(boxes, chances)
    assert change(same, same).changed_km < 3
    assert change(same, same, ChangeOptions(rate=0.5)).changed_km > 15


@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.001, 0.999))
def test_probability_is_bayes_rule(seed: int, classes: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet([0.5] * classes, 2)
    prior = np.full((classes, classes), rate / (classes * (classes - 1)))
    np.fill_diagonal(prior, (1 - rate) / classes)
    joint = prior * np.outer(p, q)
    by_hand = 1 - np.trace(joint) / joint.sum()
    assert change_probability(p[None], q[None], rate)[0] == pytest.approx(by_hand, abs=1e-12)
    assert change_probability(p[None], q[None], 1 - 1 / classes)[0] == pytest.approx(1 - (p * q).sum(), abs=1e-12)
    assert change_probability(q[None], p[None], rate)[0] == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.slow
@settings(max_examples=10)
@given(st.permutations(range(12)), st.floats(-330, 330))
def test_partners_are_the_same_places(order: list[int], shift: float) -> None:
    boxes = straight(12)
    same = partners(boxes, boxes.iloc[order], 0.3)
    assert [order[j] for j in same[1]] == same[0].tolist()
    assert (same[2] == 1).all()
    moved = boxes.iloc[order].set_geometry(boxes.geometry.iloc[order].translate(shift, 0))
    one, other, overlap = partners(boxes, moved, 0.3)
    assert sorted(one.tolist()) == list(range(12))
    assert [order[j] for j in other] == one.tolist()
    assert overlap == pytest.approx(1 if shift == 0 else (1000 - abs(shift)) / (1000 + abs(shift)), abs=1e-6)


@pytest.mark.slow
def test_out_of_step_and_duplicates() -> None:
    boxes = classified(straight(10))
    half = classified(boxes.set_geometry(boxes.geometry.translate(500, 0)), 1)
    table = change(boxes, half).rectangles
    assert table["overlap"].notna().sum() == 10
    assert table["overlap"].dropna().to_numpy() == pytest.approx(1 / 3)
    strict = change(boxes, half, ChangeOptions(min_overlap=0.5)).rectangles
    assert strict["change"].value_counts().to_dict() == {"only before": 10, "only after": 10}
    assert strict["ID"].isna().sum() == 10
    many = pd.concat([boxes] * 30, ignore_index=True)
    with pytest.warns(UserWarning, match="left out of the chain"):
        found = change(many, many)
    assert set(found.rectangles["change"]) <= {"same", "perhaps changed", "not classified"}
    assert found.compared_km == pytest.approx(change(boxes, boxes).compared_km)


def test_other_crs_and_the_antimeridian() -> None:
    line = gpd.GeoDataFrame(geometry=[LineString([(179.96, -16.5), (180.04, -16.5)])], crs=4326)
    boxes = classified(rectangles_along_lines(line, RectangleOptions(class_field="")))
    turned = boxes.set_geometry(boxes.geometry.translate(-360, 0))
    assert set(change(boxes, turned).rectangles["change"]) <= {"same", "perhaps changed", "not classified"}
    plain = classified(straight())
    there = change(plain, plain.to_crs(4326)).rectangles
    assert there.crs == plain.crs
    assert there["overlap"].to_numpy() == pytest.approx(1, abs=1e-6)


def test_bad_input() -> None:
    boxes = classified(straight())
    with pytest.raises(InputError, match=r"differ \(only before: none; only after: steep coast\).*one model"):
        change(boxes, boxes.assign(P_1=0.0))
    other = boxes.assign(ClassLabel=boxes["ClassLabel"].str.replace("class 3", "beach"))
    if (boxes["ClassValue"] == 3).any():
        with pytest.raises(InputError, match="class 3 is class 3 before and beach after"):
            change(boxes, other)
    with pytest.raises(InputError, match="the later coast has no coordinate reference system"):
        change(boxes, boxes.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="the earlier coast has no field 'status'"):
        change(boxes.drop(columns="status"), boxes)
    with pytest.raises(InputError, match="rate 1 is not below 1"):
        change(boxes, boxes, ChangeOptions(rate=1))
    with pytest.raises(InputError, match="min overlap 0 is not above 0"):
        change(boxes, boxes, ChangeOptions(min_overlap=0))


@pytest.mark.slow
def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = straight(5)
    one = write_vector(with_probabilities(boxes, [[1, 0]] * 5), tmp_path / "one.gpkg")
    two = write_vector(with_probabilities(boxes, [[1, 0]] * 3 + [[0, 1]] * 2), tmp_path / "two.parquet")
    out, table = tmp_path / "out.gpkg", tmp_path / "km.csv"
    run(["change", str(one), str(two), "-o", str(out), "--rate", "0.1", "--table", str(table)])
    said = capsys.readouterr().out
    assert "sandy shore to mangrove: 2.0 km" in said
    assert "of 5.0 km compared 2.0 km are expected to have changed (2.0 to 2.0 at 95 %)" in said
    back = read_vector(out)
    assert back["change"].tolist() == ["same"] * 3 + ["changed"] * 2
    assert pd.read_csv(table)["km"].tolist() == pytest.approx([2, 3])
    run(["change", str(one), str(two), "-o", str(out), "--overwrite"])
    # Two of five, and half a place of each kind.
    assert "estimated prior probability of change: 0.417" in capsys.readouterr().out
    record = read_provenance(out)
    assert record is not None
    assert record["parameters"]["rate"] is None


@pytest.mark.slow
def test_coasts_that_were_asked_otherwise_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = with_probabilities(straight(3), [[1, 0]] * 3)

    def record(model: str, tta: bool) -> dict[str, Any]:
        return {"inputs": {"model": {"sha256": model}}, "parameters": {"tta": tta, "engine": "torch"}}

    def said(one: dict[str, Any] | None, other: dict[str, Any] | None) -> str:
        paths = [tmp_path / "one.gpkg", tmp_path / "two.gpkg"]
        for path, each in zip(paths, (one, other), strict=True):
            write_vector(table, path, overwrite=True, provenance=each)
        run(["change", *map(str, paths), "-o", str(tmp_path / "c.gpkg"), "--overwrite"])
        return capsys.readouterr().out

    assert "the two coasts were" not in said(record("a", tta=False), record("a", tta=False)) + said(
        record("a", tta=False), None
    )
    assert "classified by different models" in said(record("a", tta=False), record("b", tta=False))
    assert "different options (tta)" in said(record("a", tta=False), record("a", tta=True))
