"""Classes that a person changed in the table count for every reader."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classified_tables import straight, with_probabilities
from littoral import change, summarise
from littoral.cli.entry import run
from littoral.errors import InputError
from littoral.predictions import ChangeOptions, Predictions, SummariseOptions, Transitions, smooth
from littoral.report import write_report
from littoral.vectors import read_vector, write_vector

NAMES = {3: "sandy shore", 7: "mangrove", 8: "marshy shore"}


@pytest.fixture
def coast() -> gpd.GeoDataFrame:
    """Five rectangles of 1 km: three sandy, two mangrove."""
    return with_probabilities(straight(5), [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9]])


def corrected(coast: gpd.GeoDataFrame, row: int, code: int | None) -> gpd.GeoDataFrame:
    """As a person leaves it who changes code and name of a row."""
    out = coast.copy()
    out.loc[out.index[row], ["ClassValue", "ClassLabel"]] = [code, None if code is None else NAMES[code]]
    return out


def km(coast: gpd.GeoDataFrame, **how: object) -> pd.DataFrame:
    return summarise(coast, **how).table.set_index("ClassLabel")[["km", "expected_km"]].round(3)  # type: ignore[arg-type]


def test_a_changed_class_is_summed_up_and_noted(coast: gpd.GeoDataFrame) -> None:
    before, after = summarise(coast), summarise(corrected(coast, 1, 7))
    assert before.notes == ()
    assert [note.split(" (")[0] for note in after.notes] == ["1 rectangle with a class that a person gave"]
    table = km(corrected(coast, 1, 7))
    assert table["km"].to_dict() == {"sandy shore": 2, "mangrove": 3, "not classified": 0}
    # 0.9 + 0.7 + 0.2 + 0.1 of the model, and nothing of the row that is certain.
    assert table["expected_km"].to_dict()["sandy shore"] == pytest.approx(1.9, abs=1e-3)
    assert table["expected_km"].to_dict()["mangrove"] == pytest.approx(0.1 + 1 + 0.3 + 0.8 + 0.9, abs=1e-3)
    assert after.pieces["ClassValue"].tolist() == [3, 7, 3, 7, 7]
    assert after.pieces["Confidence"].isna().tolist() == [False, True, False, False, False]


def test_a_class_that_the_model_does_not_have_is_added(coast: gpd.GeoDataFrame) -> None:
    table = km(corrected(coast, 4, 8))
    assert table["km"].to_dict() == {"sandy shore": 3, "mangrove": 1, "marshy shore": 1, "not classified": 0}
    assert table["expected_km"].to_dict()["marshy shore"] == pytest.approx(1, abs=1e-3)


def test_a_removed_class_is_none(coast: gpd.GeoDataFrame) -> None:
    found = summarise(corrected(coast, 0, None))
    assert found.table.set_index("ClassLabel")["km"].round(3).to_dict() == {
        "sandy shore": 2, "mangrove": 2, "not classified": 1
    }  # fmt: skip
    assert found.pieces["status"].tolist()[:2] == ["uncertain", "classified"]
    assert "whose class a person removed" in found.notes[0]


def test_a_name_and_a_code_that_differ_are_refused(coast: gpd.GeoDataFrame) -> None:
    refused = "in row {}, which do not belong together: change both to the same class"
    one = coast.assign(ClassLabel=["sandy shore", "mangrove", "sandy shore", "mangrove", "mangrove"])
    with pytest.raises(InputError, match="has ClassLabel 'mangrove' and ClassValue 3 " + refused.format(1)):
        summarise(one)
    with pytest.raises(InputError, match="has ClassLabel 'sandy shore' and ClassValue 7 " + refused.format(2)):
        summarise(coast.assign(ClassValue=[3, 3, 7, 7, 7]))
    with pytest.raises(InputError, match=refused.format(1)):
        change(one, coast)
    # One edited name does not rename the class of the others.
    with pytest.raises(InputError, match="has ClassLabel 'beach' and ClassValue 3 " + refused.format(2)):
        summarise(coast.assign(ClassLabel=["sandy shore", "sandy shore", "beach", "mangrove", "mangrove"]))
    with pytest.raises(InputError, match="has ClassLabel 'sandy shore' and no ClassValue"):
        summarise(coast.assign(ClassValue=pd.array([None, 3, 3, 7, 7], "Int64")))


def test_all_names_of_a_class_rename_it_and_case_is_no_matter(coast: gpd.GeoDataFrame) -> None:
    renamed = coast.assign(ClassLabel=["Strand", "strand", "Strand", "mangrove", "mangrove"])
    assert km(renamed).index.tolist() == ["Strand", "mangrove", "not classified"]


def test_without_codes_the_names_count(coast: gpd.GeoDataFrame) -> None:
    edited = corrected(coast, 1, 7).drop(columns="ClassValue")
    assert km(edited).equals(km(corrected(coast, 1, 7)))
    assert km(coast.drop(columns=["ClassValue", "ClassLabel"])).equals(km(coast))


def test_a_column_that_was_dropped_is_missed(coast: gpd.GeoDataFrame) -> None:
    with pytest.raises(InputError, match=r"sum to 0\.90 in row 0: a column P_<code> is missing"):
        summarise(coast.drop(columns="P_7"))


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_rounding_changes_no_class(seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    table = with_probabilities(straight(20), rng.dirichlet([1, 1], 20).tolist())
    rounded = table.assign(P_3=table["P_3"].round(digits), P_7=table["P_7"].round(digits))
    for values in (rounded, table.astype({"P_3": "float32", "P_7": "float32"})):
        found = Predictions.from_table(values)
        assert found.by_person is not None
        assert not found.by_person.any()
        assert found.notes == ()


@given(st.integers(0, 10_000))
def test_a_table_read_is_the_table_written(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chances = [None if rng.random() < 0.2 else row for row in rng.dirichlet([0.5] * 2, 12).tolist()]
    table = with_probabilities(straight(12), chances)
    found = Predictions.from_table(table)
    again = Predictions.from_table(found.to_table(straight(12)))
    for name in ("probabilities", "evidence", "chosen"):
        assert np.array_equal(getattr(found, name), getattr(again, name), equal_nan=True)
    assert (found.categories, found.codes) == (again.categories, (3, 7))


def test_change_takes_what_a_person_gave(coast: gpd.GeoDataFrame) -> None:
    found = change(coast, corrected(coast, 0, 7), ChangeOptions(rate=0.05))
    assert found.rectangles["change"].tolist() == ["perhaps changed", *["same"] * 4]
    # Certain afterwards, 0.1 before: rate / 1 * 0.9 over itself + 0.95 * 0.1.
    assert found.rectangles["P_changed"].iloc[0] == pytest.approx(0.045 / (0.045 + 0.095))
    assert found.notes == (
        "the later coast: 1 rectangle with a class that a person gave (not the most probable by P_<code>), used with "
        "probability 1",
    )
    other = change(coast, corrected(coast, 0, 8), ChangeOptions(rate=0.05))
    assert other.km.loc[other.km["after"] == "marshy shore", "km"].tolist() == pytest.approx([1], abs=1e-3)


def test_smoothing_starts_from_what_a_person_gave(coast: gpd.GeoDataFrame) -> None:
    process = Transitions((3, 7), (5000.0, 5000.0), ((0.0, 1.0), (1.0, 0.0)))
    plain, edited = (smooth(Predictions.from_table(each), process) for each in (coast, corrected(coast, 1, 7)))
    assert plain.smoothed is not None
    assert edited.smoothed is not None
    assert edited.smoothed.chosen.tolist()[1] == 1
    assert edited.smoothed.probabilities[1, 1] > 0.999
    # Its neighbours take it for what it is.
    assert edited.smoothed.probabilities[0, 1] > plain.smoothed.probabilities[0, 1]
    # In a table that was smoothed before, the change counts too.
    table = edited.to_table(straight(5))
    before = plain.to_table(straight(5)).assign(ClassValue=table["ClassValue"], ClassLabel=table["ClassLabel"])
    pieces = summarise(before, options=SummariseOptions(smoothed=True)).pieces
    assert pieces["ClassValue"].tolist()[1] == 7


def test_the_report_says_the_same(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    page = write_report(corrected(coast, 1, 7), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "mangrove, changed by a person" in page
    assert "1 rectangle with a class that a person gave" in page
    table = km(corrected(coast, 1, 7))["km"]
    for name in ("sandy shore", "mangrove"):
        assert f'{name}</td><td class="n">{table[name]:.0f}</td><td class="n">{table[name]:.1f}</td>' in page
    with pytest.raises(InputError, match="do not belong together"):
        write_report(coast.assign(ClassValue=[3, 3, 7, 7, 7]), tmp_path / "other.html")


def test_a_class_beside_another_status_does_not_count(coast: gpd.GeoDataFrame) -> None:
    found = summarise(coast.assign(status=["cloud", *["classified"] * 4]))
    assert found.table.set_index("ClassLabel")["km"].round(3)["not classified"] == 1
    assert found.notes == ("1 rectangle with a ClassValue that is not used, as the status is not classified",)


def test_outputs_of_other_verbs_are_refused(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    pieces, changes = summarise(coast).pieces, change(coast, coast).rectangles
    for reader in (
        summarise,
        lambda table: change(table, coast),
        lambda table: write_report(table, tmp_path / "p.html"),
    ):
        with pytest.raises(InputError, match=r"holds pieces of shoreline \(littoral summarise\)|holds LineString"):
            reader(pieces)
        with pytest.raises(InputError, match=r"holds the changes between two coasts \(littoral change\)"):
            reader(changes)


def test_coasts_apart_are_one_sentence(
    coast: gpd.GeoDataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = coast.set_geometry(coast.geometry.translate(50_000, 0))
    paths = [str(write_vector(each, tmp_path / name)) for each, name in ((coast, "a.gpkg"), (far, "b.gpkg"))]
    run(["change", *paths, "-o", str(tmp_path / "c.gpkg")])
    printed = capsys.readouterr().out
    assert "nan" not in printed
    assert "no rectangles could be compared: none overlaps one of the other coast enough" in printed
    assert set(read_vector(tmp_path / "c.gpkg")["change"]) == {"only before", "only after"}
