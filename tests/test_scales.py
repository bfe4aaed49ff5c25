"""One place, one line."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from littoral import merge_lines, read_charts
from littoral.charts import cut_to_largest_scale, summarise_coast
from littoral.charts.options import ChartOptions
from littoral.demo.s57 import ChartLine, write_cell
from littoral.geodesy import line_lengths


def chart(*cells: tuple[str, float | None, int, str, shapely.Geometry]) -> gpd.GeoDataFrame:
    columns = ["cell", "scale", "usage_band", "issue_date", "geometry"]
    table = pd.DataFrame(cells, columns=columns).astype({"scale": "Int64"})
    return gpd.GeoDataFrame(table, geometry="geometry", crs=4326)


def lines(*rows: tuple[str, int | None, list[tuple[float, float]]]) -> gpd.GeoDataFrame:
    table = {"cell": [row[0] for row in rows], "CATCOA": pd.array([row[1] for row in rows], dtype="Int64")}
    return gpd.GeoDataFrame(table, geometry=[shapely.LineString(row[2]) for row in rows], crs=4326)


WEST, EAST = shapely.box(0, 0, 1, 1), shapely.box(0.5, 0, 2, 1)


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (("a", 80_000, 4, "20200101"), ("b", 12_000, 5, "20100101"), "b"),
        (("a", 12_000, 5, "20200101"), ("b", 12_000, 4, "20250101"), "a"),
        (("a", 12_000, 5, "20200101"), ("b", 12_000, 5, "20250101"), "b"),
        (("a", 12_000, 5, "20200101"), ("b", 12_000, 5, "20200101"), "a"),
        (("a", None, 5, "20200101"), ("b", 12_000, 3, "20200101"), "b"),
    ],
)
def test_which_cell_stays(first: tuple[object, ...], second: tuple[object, ...], stays: str) -> None:
    both = lines(("a", 3, [(0.2, 0.5), (0.8, 0.5)]), ("b", 7, [(0.6, 0.4), (1.6, 0.4)]))
    kept, replaced = cut_to_largest_scale(both, chart((*first, WEST), (*second, EAST)))  # type: ignore[arg-type]
    middle = shapely.box(0.5, 0, 1, 1)
    inside = kept[shapely.length(shapely.intersection(kept.geometry.to_numpy(), middle)) > 1e-9]
    assert set(inside["cell"]) == {stays}
    assert set(replaced["cell"]) == {"a", "b"} - {stays}
    # A line that enters is cut at the border and keeps its other vertices.
    if stays == "b":
        assert kept.geometry.to_wkt().tolist()[0] == "LINESTRING (0.2 0.5, 0.5 0.5)"


coordinate = st.integers(0, 40).map(lambda value: value / 20)
paths = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=6, unique=True)


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([3, 7, None]), paths), min_size=1, max_size=8))
def test_lengths_add_up(rows: list[tuple[str, int | None, list[tuple[float, float]]]]) -> None:
    given_lines = lines(*rows)
    cells = chart(
        ("a", 80_000, 4, "1", shapely.box(0, 0, 2, 2)), ("b", 12_000, 5, "1", WEST), ("c", 22_000, 5, "1", EAST)
    )
    kept, replaced = cut_to_largest_scale(given_lines, cells)
    for code in (3, 7, None):

        def km(table: gpd.GeoDataFrame, code: int | None = code) -> float:
            own = table["CATCOA"].isna() if code is None else (table["CATCOA"] == code).fillna(False)
            return float(line_lengths(table[own]).sum())

        assert km(kept) + km(replaced) == pytest.approx(km(given_lines), rel=1e-6)
    hidden = {"a": shapely.union(WEST, EAST), "b": shapely.Polygon(), "c": WEST}
    for row in kept.itertuples():
        # What lies on the border alone is drawn by one of the neighbours only, and stays.
        assert shapely.length(shapely.intersection(row.geometry, shapely.buffer(hidden[row.cell], -1e-6))) < 1e-9


def test_cells_of_several_scales(sample_or_real: Path, data_is_real: bool) -> None:
    """US4FL34M under US5MIA*, US3AK12M under US4AK4PH under US5AK5*, US4MD81M beside US5MD1MC."""
    folder = sample_or_real / "enc"
    everything, coast = read_charts(folder, ChartOptions(keep_all_scales=True)), read_charts(folder)
    replaced = coast.attrs["replaced_km"]
    assert set(replaced) == ({"US3AK12M", "US4AK4PH", "US4FL34M", "US4MD81M"} if data_is_real else {"US4SAM1M"})
    before, after = summarise_coast(everything).loc["all"], summarise_coast(coast).loc["all"]
    for name, length in before.items():
        gone = sum(km.get(name, 0.0) for km in replaced.values())
        assert length == pytest.approx(after.get(name, 0.0) + gone, rel=1e-9)
    assert len(before) > 4
    finest = [name for name in everything["cell"].unique() if name not in replaced]
    for name in finest:
        ours = coast[coast["cell"] == name].geometry.reset_index(drop=True)
        theirs = everything[everything["cell"] == name].geometry.reset_index(drop=True)
        assert ours.geom_equals_exact(theirs, 0).all()
    # Away from the cuts no vertex moved, and none came in.
    for name in replaced:
        own = {tuple(p) for p in shapely.get_coordinates(everything[everything["cell"] == name].geometry.to_numpy())}
        points = [tuple(p) for p in shapely.get_coordinates(coast[coast["cell"] == name].geometry.to_numpy())]
        strange = [point for point in points if point not in own]
        # The sample is cut once, and has few vertices.
        assert len(strange) < 0.01 * len(points) if data_is_real else len(strange) == 1


@pytest.mark.slow
def test_cells_of_one_scale_meet_without_gap_or_double(data: Path) -> None:
    names = ["US5MIABB", "US5MIABC", "US5MIACB", "US5MIACC"]
    coast = read_charts([data / "enc" / name for name in names])
    assert not coast.attrs["replaced_km"]
    ends = shapely.get_coordinates(np.concatenate([shapely.get_point(coast.geometry.to_numpy(), at) for at in (0, -1)]))
    cell = np.tile(coast["cell"].to_numpy(), 2)
    shared = pd.DataFrame({"x": ends[:, 0], "y": ends[:, 1], "cell": cell}).groupby(["x", "y"])["cell"].nunique()
    # Measured on these cells: 14 lines end on a common border, and each is met there by one of the other cell.
    assert (shared > 1).sum() == 14
    merged = merge_lines(coast)
    assert line_lengths(merged).sum() == pytest.approx(line_lengths(coast).sum(), rel=1e-9)
    assert merged["cell"].isna().sum() >= 7


def test_summary(tmp_path: Path) -> None:
    table = [
        ChartLine(np.array([[-80.0, 25.0], [-80.0, 25.01]]), 7),
        ChartLine(np.array([[-80.0, 25.02], [-80.0, 25.04]])),
    ]
    for name in ("US5TEST1", "US5TEST2"):
        write_cell(tmp_path / f"{name}.000", table, coverage=(-81, 24, -79, 26))
    km = summarise_coast(read_charts(tmp_path, ChartOptions(keep_all_scales=True)))
    assert km.columns.tolist() == ["mangrove", "no category"]
    assert km.index.tolist() == ["US5TEST1", "US5TEST2", "all"]
    assert km.loc["all", "mangrove"] == pytest.approx(2 * 1.1077, rel=1e-3)
    assert km.loc["US5TEST1", "no category"] == pytest.approx(2.2154, rel=1e-3)
    alone = read_charts(tmp_path)
    assert alone["cell"].unique().tolist() == ["US5TEST1"]
