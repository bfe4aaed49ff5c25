from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio
import pytest

from littoral import read_charts
from littoral.charts import COLUMNS
from littoral.charts.options import ChartOptions
from littoral.demo.s57 import ChartLine, write_cell, write_update
from littoral.errors import InputError
from littoral.geodesy import line_lengths

LINES = [
    ChartLine(np.array([[-80.0, 25.0], [-80.0, 25.01]]), 7),
    ChartLine(np.array([[-80.0, 25.01], [-80.01, 25.02]]), None),
    ChartLine(np.array([[-80.01, 25.02], [-80.02, 25.02]]), 3),
]
COVERAGE = (-80.1, 24.9, -79.9, 25.1)


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    return write_cell(tmp_path / "US5TEST1.000", LINES, coverage=COVERAGE, scale=12_000, edition=4)


def test_reads_lines_with_category_and_provenance(cell: Path) -> None:
    coast = read_charts(cell)
    assert list(coast.columns) == list(COLUMNS)
    assert coast["CATCOA"].astype("object").where(coast["CATCOA"].notna(), None).tolist() == [7, None, 3]
    assert coast["category"].fillna("").tolist() == ["mangrove", "", "sandy shore"]
    first = coast.iloc[0]
    assert (first["cell"], first["producer"], first["usage_band"], first["scale"]) == ("US5TEST1", 550, 5, 12_000)
    assert (first["edition"], first["update"]) == ("4", "0")
    assert coast.crs.to_epsg() == 4326
    assert coast["LNAM"].is_unique


def test_updates_are_applied(cell: Path) -> None:
    write_update(cell.with_suffix(".001"), cell, update=1, catcoa={1: 8}, delete=(2,))
    coast = read_charts(cell)
    assert coast["CATCOA"].tolist() == [7, 8]
    assert coast["update"].tolist() == ["1", "1"]


def test_folders_at_any_depth_and_each_cell_once(cell: Path) -> None:
    deep = cell.parent / "ENC_ROOT" / "X"
    deep.mkdir(parents=True)
    write_cell(deep / "US5TEST0.000", LINES[:1], coverage=COVERAGE)
    assert read_charts(cell.parent, ChartOptions(keep_all_scales=True))["cell"].tolist() == [
        "US5TEST0",
        *["US5TEST1"] * 3,
    ]
    assert len(read_charts([cell, cell.parent], ChartOptions(keep_all_scales=True))) == 4


def test_cell_without_coastline(tmp_path: Path) -> None:
    write_cell(tmp_path / "US5EMPTY.000", [], coverage=COVERAGE)
    coast = read_charts(tmp_path)
    assert len(coast) == 0
    assert list(coast.columns) == list(COLUMNS)


def test_bad_input(tmp_path: Path, cell: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_charts(tmp_path / "none.000")
    (tmp_path / "text.000").write_text("no chart")
    with pytest.raises(InputError, match="not an S-57 cell"):
        read_charts(tmp_path / "text.000")
    (tmp_path / "chart.txt").write_text("x")
    with pytest.raises(InputError, match="not an S-57 base cell"):
        read_charts(tmp_path / "chart.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no S-57 base cell"):
        read_charts(tmp_path / "empty")


def test_all_cells_against_ogr(sample_or_real: Path, data_is_real: bool) -> None:
    coast = read_charts(sample_or_real / "enc", ChartOptions(keep_all_scales=True))
    cells = sorted((sample_or_real / "enc").rglob("*.000"))
    assert coast["cell"].nunique() == len(cells) == (13 if data_is_real else 3)
    for path in cells:
        ours = coast[coast["cell"] == path.stem]
        plain = pyogrio.read_dataframe(path, layer="COALNE")
        assert len(ours) == len(plain)
        assert ours["CATCOA"].value_counts().to_dict() == plain["CATCOA"].value_counts().to_dict()
        assert ours.geometry.reset_index(drop=True).geom_equals_exact(plain.geometry, 0).all()
    assert set(coast["CATCOA"].dropna()) == {1, 3, 7, 8}
    if not data_is_real:
        assert set(coast.loc[coast["cell"] == "US5SAM1B", "update"]) == {"1"}
        return
    updated = coast[coast["cell"] == "US4MD81M"]
    assert set(updated["update"]) == {"3"}
    assert line_lengths(coast).sum() == pytest.approx(4_591_410, rel=1e-4)
