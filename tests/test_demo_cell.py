"""The synthetic S-57 cell, as GDAL reads it."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from littoral.demo.s57 import ChartLine, write_cell, write_update

COVERAGE = (-80.3, 25.5, -80.1, 25.7)
TURN = np.linspace(0, 2 * np.pi, 40)[:-1]
ISLAND = np.column_stack([-80.15 + 0.01 * np.cos(TURN), 25.65 + 0.01 * np.sin(TURN)])
LINES = (
    ChartLine(np.column_stack([np.linspace(-80.25, -80.2, 500), np.linspace(25.52, 25.6123456789, 500)]), 8),
    ChartLine(np.array([[-80.2, 25.6123456789], [-80.19, 25.63], [-80.18, 25.64]]), None),
    ChartLine(np.array([[-80.18, 25.64], [-80.17, 25.66]]), 1),
    ChartLine(np.vstack([ISLAND, ISLAND[:1]]), 7),
)


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    return write_cell(tmp_path / "US5XX001.000", LINES, coverage=COVERAGE)


def read(path: Path, layer: str, **options: str) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(path, layer=layer, **options)


def primitives(path: Path, layer: str) -> pd.DataFrame:
    """Records of a layer of primitives, without the geometry: GDAL leaves the end nodes out of an edge's."""
    return pyogrio.read_dataframe(path, layer=layer, read_geometry=False, RETURN_PRIMITIVES="ON")


def categories(frame: gpd.GeoDataFrame) -> list[int | None]:
    return [None if pd.isna(code) else int(code) for code in frame.CATCOA]


def assert_same_lines(frame: gpd.GeoDataFrame, lines: tuple[ChartLine, ...]) -> None:
    assert len(frame) == len(lines)
    for geometry, line in zip(frame.geometry, lines, strict=True):
        np.testing.assert_allclose(shapely.get_coordinates(geometry), line.coordinates, rtol=0, atol=1e-7)


def test_coastline_comes_back(cell: Path, capfd: pytest.CaptureFixture[str]) -> None:
    coast = read(cell, "COALNE")
    assert_same_lines(coast, LINES)
    assert coast.crs.to_epsg() == 4326
    assert categories(coast) == [8, None, 1, 7]
    assert set(coast.SORDAT) == {"20250101"}
    assert set(coast.OBJL) == {30}
    assert set(coast.PRIM) == {2}
    assert coast.LNAM.is_unique
    assert coast.geometry.iloc[3].is_ring
    assert capfd.readouterr().err == ""


def test_layers_are_the_coast_and_its_coverage(cell: Path) -> None:
    assert list(pyogrio.list_layers(cell)[:, 0]) == ["DSID", "COALNE", "M_COVR"]
    coverage = read(cell, "M_COVR")
    assert list(coverage.CATCOV) == [1]
    assert coverage.geometry.iloc[0].equals_exact(shapely.box(*COVERAGE).normalize(), 1e-7, normalize=True)


def test_data_set_fields(tmp_path: Path) -> None:
    path = write_cell(
        tmp_path / "US4XX002.000",
        LINES,
        coverage=COVERAGE,
        scale=45_000,
        usage_band=4,
        agency=540,
        edition=12,
        issue_date="20260304",
    )
    fields = read(path, "DSID").iloc[0]
    expected = {
        "DSID_EXPP": 1,
        "DSID_INTU": 4,
        "DSID_DSNM": "US4XX002.000",
        "DSID_EDTN": "12",
        "DSID_UPDN": "0",
        "DSID_ISDT": "20260304",
        "DSID_AGEN": 540,
        "DSPM_HDAT": 2,
        "DSPM_VDAT": 16,
        "DSPM_SDAT": 12,
        "DSPM_CSCL": 45_000,
        "DSPM_COMF": 10_000_000,
        "DSPM_SOMF": 10,
    }
    assert {name: fields[name] for name in expected} == expected
    assert float(fields["DSID_STED"]) == 3.1
    assert set(read(path, "COALNE").AGEN) == {540}


def test_neighbours_share_their_node(cell: Path) -> None:
    nodes, edges = primitives(cell, "ConnectedNode"), primitives(cell, "Edge")
    assert len(nodes) == 6  # 4 along the three joined lines, 1 of the ring, 1 of the coverage
    begin, end = edges.NAME_RCID_0.to_numpy(), edges.NAME_RCID_1.to_numpy()
    assert list(end[:2]) == list(begin[1:3])
    assert list(begin[3:]) == list(end[3:])
    counts = read(cell, "DSID").iloc[0]
    assert [counts[f"DSSI_{kind}"] for kind in ("NOMR", "NOGR", "NOCN", "NOED")] == [1, 4, len(nodes), len(edges)]


def test_updates_modify_and_delete(cell: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_update(cell.with_suffix(".001"), cell, update=1, catcoa={0: None, 1: 3}, delete=[2])
    write_update(cell.with_suffix(".002"), cell, update=2, catcoa={1: 11}, issue_date="20260401")

    before, after = (read(cell, "COALNE", UPDATES=choice) for choice in ("IGNORE", "APPLY"))
    assert categories(before) == [8, None, 1, 7]
    assert categories(after) == [None, 11, 7]
    assert list(after.RVER) == [2, 3, 1]
    assert list(after.LNAM) == list(before.LNAM[[0, 1, 3]])
    assert set(after.SORDAT) == {"20250101"}
    assert_same_lines(after, (LINES[0], LINES[1], LINES[3]))

    ignored, applied = (read(cell, "DSID", UPDATES=choice).iloc[0] for choice in ("IGNORE", "APPLY"))
    assert (ignored.DSID_UPDN, applied.DSID_UPDN) == ("0", "2")
    assert (ignored.DSID_EDTN, applied.DSID_EDTN) == ("1", "1")
    assert applied.DSID_ISDT == "20260401"
    assert len(primitives(cell, "Edge")) == len(LINES)  # one gone, one of the coverage
    assert len(read(cell, "M_COVR")) == 1
    assert capfd.readouterr().err == ""


def test_same_input_same_bytes(cell: Path) -> None:
    update = cell.with_suffix(".001")
    first = cell.read_bytes(), write_update(update, cell, update=1, catcoa={3: 2}).read_bytes()
    write_cell(cell, LINES, coverage=COVERAGE)
    assert first == (cell.read_bytes(), write_update(update, cell, update=1, catcoa={3: 2}).read_bytes())
    assert sorted(file.name for file in cell.parent.iterdir()) == ["US5XX001.000", "US5XX001.001"]


def test_record_longer_than_its_length_can_say(tmp_path: Path) -> None:
    s = np.linspace(0, 1, 20_000)
    lines = (ChartLine(np.column_stack([-80.3 + 0.2 * s, 25.6 + 0.05 * np.sin(40 * s)]), 2), LINES[1])
    path = write_cell(tmp_path / "US5XX003.000", lines, coverage=COVERAGE)
    write_update(tmp_path / "US5XX003.001", path, update=1, catcoa={0: 4})
    coast = read(path, "COALNE")
    assert_same_lines(coast, lines)
    assert categories(coast) == [4, None]


def test_refuses_what_no_cell_can_hold(cell: Path) -> None:
    def write(*coordinates: tuple[float, float], name: str = "US5XX004.000") -> None:
        write_cell(cell.with_name(name), [ChartLine(np.array(coordinates), 1)], coverage=COVERAGE)

    with pytest.raises(ValueError, match=r"2 or more points"):
        write((-80.2, 25.6))
    with pytest.raises(ValueError, match=r"leaves longitude"):
        write((-80.2, 25.6), (np.nan, 25.6))
    with pytest.raises(ValueError, match=r"named \*\.000"):
        write((-80.2, 25.6), (-80.1, 25.6), name="US5XX004.dat")
    with pytest.raises(ValueError, match=r"update 2 is named"):
        write_update(cell.with_suffix(".001"), cell, update=2, catcoa={})
    with pytest.raises(ValueError, match=r"both changed and deleted: \[1\]"):
        write_update(cell.with_suffix(".001"), cell, update=1, catcoa={1: 2}, delete=[1])
    write_update(cell.with_suffix(".001"), cell, update=1, catcoa={}, delete=[1])
    with pytest.raises(ValueError, match=r"no features \[1, 4\]"):
        write_update(cell.with_suffix(".002"), cell, update=2, catcoa={1: 2, 4: 2})
    assert not cell.with_suffix(".002").exists()
