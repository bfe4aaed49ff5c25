"""Updates and damaged cells: what is applied, and what is said of the rest.

The oracle is the geometry that was written: lengths on the ellipsoid of the coordinates given to the writer.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod

from littoral import read_charts
from littoral.charts import apply_updates, iso8211
from littoral.charts.options import ChartOptions
from littoral.demo import s57
from littoral.demo.s57 import ChartLine, write_cell, write_update
from littoral.errors import InputError, LittoralWarning
from littoral.geodesy import line_lengths

STRAIGHT = np.array([[10.0, 40.0], [10.05, 40.0]])
BENT = np.array([[10.05, 40.0], [10.06, 40.02], [10.07, 40.0]])
COVERAGE = (9.9, 39.9, 10.2, 40.1)
GEOD = Geod(ellps="WGS84")


def kilometres(*points: tuple[float, float]) -> float:
    return float(GEOD.line_length(*np.transpose(points))) / 1000


def cell_in(folder: Path, **how: object) -> Path:
    lines = [ChartLine(STRAIGHT, 3), ChartLine(BENT, 7)]
    return write_cell(folder / "US5TEST1.000", lines, coverage=COVERAGE, **how)  # type: ignore[arg-type]


def rewritten(path: Path, change: Callable[[s57.Record], s57.Record | None]) -> None:
    """The file with changed records; None leaves one out."""
    _, *records = s57._read(path)
    bodies = [{tag: body for tag, body in record.items() if tag != "0001"} for record in records]
    s57._write(path, [new for record in bodies if (new := change(record)) is not None])


def update_of(base: Path, *records: s57.Record, number: int = 1) -> Path:
    """An update of records made by hand, whose header announces them."""
    path = base.with_suffix(f".{number:03d}")
    header = {
        "DSID": s57._identification(path.name, 2, 5, 1, number, " " * 8, "20260201", 550),
        "DSSI": s57._counts(meta=0, geo=len(records), nodes=0, edges=0),
    }
    return s57._write(path, [header, *records])


def points(*places: tuple[float, float]) -> bytes:
    return np.rint(np.array(places)[:, ::-1] * 1e7).astype("<i4").tobytes()


def edge(number: int, version: int, **fields: bytes) -> s57.Record:
    return {"VRID": struct.pack("<BIHB", 130, number, version, 3), **fields}


def by_class(path: Path) -> dict[str, float]:
    coast = read_charts(path)
    return (line_lengths(coast) / 1000).groupby(coast["category"]).sum().round(6).to_dict()


def test_coordinates_of_an_edge_change(tmp_path: Path) -> None:
    """Inserted in a straight edge with and without control field, then modified, inserted and deleted."""
    base = cell_in(tmp_path)
    a, b, c, d = (10.01, 40.02), (10.03, 40.02), (10.02, 39.98), (10.04, 40.01)
    start, end = map(tuple, STRAIGHT)
    steps = [
        ({"SG2D": points(a, b)}, (a, b)),
        ({"SGCC": struct.pack("<BHH", 1, 2, 1), "SG2D": points(c)}, (a, c, b)),
        ({"SGCC": struct.pack("<BHH", 3, 1, 1), "SG2D": points(d)}, (d, c, b)),
        ({"SGCC": struct.pack("<BHH", 1, 4, 1), "SG2D": points(a)}, (d, c, b, a)),
        ({"SGCC": struct.pack("<BHH", 2, 2, 2)}, (d, a)),
        ({"SG2D": points(a, c)}, (a, c)),
        ({"SGCC": struct.pack("<BHH", 2, 1, 2)}, ()),
        ({"SGCC": struct.pack("<BHH", 1, 1, 2), "SG2D": points(a, b)}, (a, b)),
    ]
    for number, (change, expected) in enumerate(steps, 1):
        update_of(base, edge(1, number + 1, **change), number=number)
        coast = read_charts(base)
        assert set(coast["updates"] + coast["update"]) == {f"applied{number}"}
        assert line_lengths(coast).iloc[0] / 1000 == pytest.approx(kilometres(start, *expected, end), abs=1e-5)
        assert line_lengths(coast).iloc[1] / 1000 == pytest.approx(kilometres(*map(tuple, BENT)), abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        edge(1, 3, SG2D=points((10.01, 40.02))),
        edge(9, 2, SG2D=points((10.01, 40.02))),
        edge(2, 2, SG2D=points((10.01, 40.02), (10.02, 40.02))),
        edge(2, 2, SGCC=struct.pack("<BHH", 3, 2, 1), SG2D=points((10.01, 40.02))),
        edge(2, 2, SGCC=struct.pack("<BHH", 1, 1, 2), SG2D=points((10.01, 40.02))),
        edge(2, 2, SGCC=struct.pack("<BHH", 2, 1, 5)),
        edge(2, 2, SGCC=struct.pack("<BHH", 9, 1, 1), SG2D=points((10.01, 40.02))),
        edge(2, 2, SGCC=b"\x01"),
        {"VRID": struct.pack("<BIHB", 130, 1, 1, 1)},
        {"VRID": struct.pack("<BIHB", 130, 1, 2, 7)},
        {"VRID": struct.pack("<BIHB", 130, 2, 2, 2)},
        {"VRID": struct.pack("<BIHB", 120, 1, 2, 2)},
        {"FRID": struct.pack("<BI2B2HB", 100, 9, 2, 2, 30, 2, 2)},
        {"FRID": b"d"},
    ],
    ids=["version", "absent", "whole list", "index", "count", "too many", "instruction", "control", "twice", "RUIN",
         "used edge", "used node", "feature", "short"],
)  # fmt: skip
def test_an_update_that_does_not_fit_changes_nothing(tmp_path: Path, change: s57.Record) -> None:
    base = cell_in(tmp_path)
    plain = read_charts(base)
    good = {"FRID": struct.pack("<BI2B2HB", 100, 1, 2, 2, 30, 2, 3), "ATTF": struct.pack("<H", 15) + b"8\x1f"}
    update_of(base, good, change)
    with pytest.warns(LittoralWarning, match=r"US5TEST1\.001 does not fit US5TEST1 .*as of the base cell"):
        coast = read_charts(base)
    assert coast.drop(columns="updates").equals(plain.drop(columns="updates"))
    assert set(coast["updates"]) == {"ignored"}


def test_edges_of_a_line_change(tmp_path: Path) -> None:
    """An update deletes an edge, inserts two and points the line to them."""
    base = cell_in(tmp_path)
    middle, node = (10.02, 40.03), struct.pack("<BI", 120, 77)
    ends = next(record["VRPT"] for record in s57._read(base) if "VRPT" in record and "0000" not in record)
    new = [
        {"VRID": struct.pack("<BIHB", 120, 77, 1, 1), "SG2D": points(middle)},
        {"VRID": struct.pack("<BIHB", 130, 51, 1, 1), "VRPT": ends[:9] + node + bytes([255, 255, 2, 255])},
        {"VRID": struct.pack("<BIHB", 130, 52, 1, 1), "VRPT": ends[9:14] + bytes([255, 255, 1, 255]) + node
         + bytes([255, 255, 2, 255])},
        {"VRID": struct.pack("<BIHB", 130, 1, 2, 2)},
        {"FRID": struct.pack("<BI2B2HB", 100, 1, 2, 2, 30, 2, 3), "FSPC": struct.pack("<BHH", 3, 1, 1),
         "FSPT": struct.pack("<BI3B", 130, 51, 1, 255, 2)},
    ]  # fmt: skip
    update_of(base, *new)
    append = {"FRID": struct.pack("<BI2B2HB", 100, 1, 2, 2, 30, 3, 3), "FSPC": struct.pack("<BHH", 1, 2, 1),
              "FSPT": struct.pack("<BI3B", 130, 52, 2, 255, 2)}  # fmt: skip
    update_of(base, append, number=2)
    coast = read_charts(base)
    assert coast.geometry[0].geom_type == "LineString"
    expected = kilometres(*[tuple(STRAIGHT[0]), middle, tuple(STRAIGHT[1])])
    assert line_lengths(coast)[0] / 1000 == pytest.approx(expected, abs=1e-5)


def test_lines_that_lack_edges_are_named(tmp_path: Path) -> None:
    for lost, left in (((130, 2), 1), ((120, 2), 1), ((120, 4), 2)):
        base = cell_in(tmp_path)
        name = struct.pack("<BI", *lost)
        rewritten(base, lambda record, name=name: None if record.get("VRID", b"")[:5] == name else record)  # type: ignore[misc]
        lower_count(base)
        with pytest.warns(LittoralWarning, match=r"lacks edges or nodes of \d COALNE lines \(0226"):
            coast = read_charts(base)
        assert len(coast) == left


def lower_count(base: Path) -> None:
    def fewer(record: s57.Record) -> s57.Record:
        return {**record, "DSSI": s57._counts(meta=0, geo=0, nodes=0, edges=0)} if "DSSI" in record else record

    rewritten(base, fewer)


def test_a_header_that_miscounts(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    plain = read_charts(base)

    def more(record: s57.Record) -> s57.Record:
        return {**record, "DSSI": s57._counts(meta=3, geo=9, nodes=9, edges=9)} if "DSSI" in record else record

    rewritten(base, more)
    with pytest.warns(LittoralWarning, match="announces 30 records and holds"):
        assert read_charts(base).equals(plain)
    lower_count(base)
    assert read_charts(base).equals(plain)


@pytest.mark.parametrize(("at", "value"), [(5, 1), (5, 255), (15, 2), (15, 3)])
def test_other_datums_and_coordinates_are_refused(tmp_path: Path, at: int, value: int) -> None:
    base = cell_in(tmp_path)

    def other(record: s57.Record) -> s57.Record:
        body = record.get("DSPM")
        return record if body is None else {"DSPM": body[:at] + bytes([value]) + body[at + 1 :]}

    rewritten(base, other)
    with pytest.raises(InputError, match="not degrees of WGS 84"):
        read_charts(base)
    with pytest.warns(LittoralWarning, match="left out"), pytest.raises(InputError, match="is empty"):
        read_charts(base, ChartOptions(skip_broken=True))


@pytest.mark.parametrize("text", ["?", "3,4", "-3", "3.0", "³", "0x3", "9" * 30])
def test_attributes_that_are_no_code_are_null(tmp_path: Path, text: str) -> None:
    lines = [ChartLine(STRAIGHT, None, {15: text, 83: text}), ChartLine(BENT, None, {15: " 7 "})]
    base = write_cell(tmp_path / "US5TEST1.000", lines, coverage=COVERAGE)
    with pytest.warns(LittoralWarning) as said:
        coast = read_charts(base)
    assert coast["CATCOA"].astype(object).where(coast["CATCOA"].notna(), None).tolist() == [None, 7]
    assert coast["CONVIS"].isna().all()
    assert sorted(str(each.message).split()[1] for each in said) == ["CATCOA", "CONVIS"]


def test_a_coverage_that_does_not_close(tmp_path: Path) -> None:
    """The lines are read; an area without outline replaces nothing."""
    ring = np.array([(9.9, 39.9), (9.9, 40.1), (10.2, 40.1), (10.2, 39.9)])
    coarse = tmp_path / "US3TEST1.000"
    write_cell(coarse, [ChartLine(BENT, 1)], coverage=COVERAGE, scale=200_000, usage_band=3)
    lines = [ChartLine(STRAIGHT, 3), ChartLine(BENT, 7)]
    write_cell(tmp_path / "US5TEST1.000", lines, coverage=[ring])
    with pytest.warns(LittoralWarning, match="outline is not closed"):
        coast = read_charts(tmp_path)
    assert coast["cell"].tolist() == ["US3TEST1", "US5TEST1", "US5TEST1"]


def test_s101_and_encrypted_cells_are_named(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    base.write_bytes(base.read_bytes().replace(b"DSPM", b"ATCS").replace(b"DSSI", b"CSID").replace(b"DSID", b"DSIX"))
    with pytest.raises(InputError, match="S-101"):
        read_charts(base)
    base.write_bytes(np.random.default_rng(1).bytes(8000))
    with pytest.raises(InputError, match=r"encrypted \(S-63\).*permit"):
        read_charts(base)
    base.write_bytes(b"text that is no chart at all, and of some length " * 80)
    with pytest.raises(InputError, match="is not an S-57 cell"):
        read_charts(base)


def test_small_cases(cases: Path) -> None:
    def read(name: str) -> dict[str, float]:
        return by_class(cases / "charts" / name)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bent = read("update-bends-straight-edge")
    assert bent["sandy shore"] == pytest.approx(12.598, abs=1e-3)
    with pytest.warns(LittoralWarning, match=r"\.001 does not fit"):
        assert read("update-deletes-used-edge")["mangrove"] == pytest.approx(14.0, abs=0.1)
    with pytest.warns(LittoralWarning, match=r"\.001 does not fit"):
        assert len(read("update-deletes-used-node"))
    with pytest.warns(LittoralWarning, match=r"\.002 does not fit"):
        coast = read_charts(cases / "charts" / "second-update-does-not-fit")
    assert set(coast["update"] + coast["updates"]) == {"1partly"}


def test_random_damage_ends_in_a_sentence(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    write_update(base.with_suffix(".001"), base, update=1, catcoa={0: 8})
    random = np.random.default_rng(7)
    whole = {path: path.read_bytes() for path in (base, base.with_suffix(".001"))}
    for _ in range(300):
        for path, data in whole.items():
            damaged = bytearray(data)
            for at in random.integers(0, len(data), random.integers(0, 4)):
                damaged[at] = random.integers(0, 256)
            path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LittoralWarning)
            with suppress(InputError):
                read_charts(base)


def test_the_records_of_a_file(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    records = iso8211.read_records(base.read_bytes(), base)
    cell = apply_updates.CellRecords.of(records)
    assert (len(cell.vectors), len(cell.features)) == (3 + 1 + 3, 3)
    assert cell.unused() == 0
    assert list(cell.missing()) == []
