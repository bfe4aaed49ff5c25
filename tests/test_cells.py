"""Which cells are found, which updates apply, and what is said of broken ones."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from littoral import read_charts
from littoral.charts import find_cells
from littoral.charts.options import ChartOptions
from littoral.demo.s57 import CATSLC, SLCONS, WATLEV, ChartLine, write_cell, write_update
from littoral.errors import InputError, LittoralWarning

LINES = [
    ChartLine(np.array([[-80.0, 25.0], [-80.0, 25.01]]), 7),
    ChartLine(np.array([[-80.0, 25.01], [-80.01, 25.02]])),
    ChartLine(np.array([[-80.01, 25.02], [-80.02, 25.02]]), 3),
]
COVERAGE = (-80.1, 24.9, -79.9, 25.1)


def cell_in(folder: Path, name: str = "US5TEST1", **how: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return write_cell(folder / f"{name}.000", LINES, coverage=COVERAGE, **how)  # type: ignore[arg-type]


def zipped(folder: Path, path: Path, root: str = "ENC_ROOT/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, f"{root}{file.relative_to(folder)}")
    return path


def codes(path: Path) -> list[int | None]:
    return [None if code != code else int(code) for code in read_charts(path)["CATCOA"].astype(float)]


def test_zip_with_updates_and_nested_zips(tmp_path: Path) -> None:
    base = cell_in(tmp_path / "a" / "US5TEST1")
    write_update(base.with_suffix(".001"), base, update=1, catcoa={1: 8})
    other = cell_in(tmp_path / "a" / "US5TEST2", "US5TEST2")
    plain = read_charts([base, other], ChartOptions(keep_all_scales=True))
    archive = zipped(tmp_path / "a", tmp_path / "published.zip")
    assert read_charts(archive, ChartOptions(keep_all_scales=True)).equals(plain)
    assert plain["updates"].tolist() == ["applied"] * 3 + ["none"] * 3
    (tmp_path / "b").mkdir()
    shutil.copy(archive, tmp_path / "b" / "US5TEST1.zip")
    assert read_charts(tmp_path / "b", ChartOptions(keep_all_scales=True)).equals(plain)


def test_zip_without_a_cell_or_broken(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "README.TXT").write_text("x")
    with pytest.raises(InputError, match=r"none\.zip has no S-57 base cell"):
        read_charts(zipped(tmp_path / "t", tmp_path / "none.zip"))
    cell_in(tmp_path / "c")
    whole = zipped(tmp_path / "c", tmp_path / "whole.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    with pytest.raises(InputError, match="not a whole zip"):
        read_charts(tmp_path / "cut.zip")
    spoilt = bytearray(whole)
    spoilt[80:90] = b"0123456789"
    (tmp_path / "spoilt.zip").write_bytes(spoilt)
    with pytest.raises(InputError, match=r"spoilt\.zip/ENC_ROOT/US5TEST1\.000 cannot be read"):
        read_charts(tmp_path / "spoilt.zip")


def test_the_newest_of_two_copies(tmp_path: Path) -> None:
    old, new = cell_in(tmp_path / "old", edition=3), cell_in(tmp_path / "new", edition=4)
    write_update(old.with_suffix(".001"), old, update=1, catcoa={0: 1})
    for order in ([old, new], [new, old]):
        with pytest.warns(LittoralWarning, match="US5TEST1 is there twice"):
            (cell,) = find_cells(order)
        assert cell.base.path == new
    write_update(new.with_suffix(".001"), new, update=1, catcoa={0: 1})
    again = cell_in(tmp_path / "again", edition=4)
    with pytest.warns(LittoralWarning, match="twice"):
        assert find_cells([again, new])[0].base.path == new
    assert len(find_cells([again, again, again.parent])) == 1
    cell_in(again.parent / ".US5TEST1.new", edition=9)
    assert find_cells([again.parent])[0].base.path == again


def test_updates_in_folders_of_their_own(tmp_path: Path) -> None:
    """As exchange sets of some offices are laid out: cell / edition / update / file."""
    first = cell_in(tmp_path / "GB5TEST1" / "1" / "0", "GB5TEST1", agency=540)
    update = write_update(first.with_suffix(".001"), first, update=1, catcoa={0: 2})
    second = cell_in(tmp_path / "GB5TEST1" / "2" / "0", "GB5TEST1", agency=540, edition=2)
    newer = write_update(second.with_suffix(".001"), second, update=1, catcoa={0: 8})
    for file, edition in ((update, "1"), (newer, "2")):
        place = tmp_path / "GB5TEST1" / edition / "1"
        place.mkdir()
        file.rename(place / file.name)
    for source in (tmp_path / "GB5TEST1", zipped(tmp_path / "GB5TEST1", tmp_path / "set.zip")):
        with pytest.warns(LittoralWarning) as said:
            coast = read_charts(source)
        assert any("GB5TEST1 is there twice" in str(warning.message) for warning in said)
        assert coast["CATCOA"].astype(float).fillna(0).tolist() == [8, 0, 3]
        assert set(coast["edition"] + "/" + coast["update"] + coast["updates"]) == {"2/1applied"}


def test_damaged_behind_the_header(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    whole = base.read_bytes()
    base.write_bytes(whole + b"^" * 50)  # padding, as some producers write it
    assert codes(base) == [7, None, 3]
    for tail in (b"garbage that is longer than a leader", b"00000 D     00000   0000" + b"a" * 50):
        base.write_bytes(whole + tail)
        with pytest.raises(InputError, match=r"US5TEST1\.000 is damaged"):
            read_charts(base)


def test_truncated_anywhere(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    write_update(base.with_suffix(".001"), base, update=1, catcoa={0: 1})
    for path in (base, base.with_suffix(".001")):
        whole = path.read_bytes()
        for size in (10, 100, len(whole) // 2, len(whole) - 5):
            path.write_bytes(whole[:size])
            with pytest.raises(InputError, match=r"US5TEST1\.00[01] (ends at byte|is not an S-57)"):
                read_charts(base)
        path.write_bytes(whole)
    assert codes(base) == [1, None, 3]


def test_cut_off_between_two_records(tmp_path: Path) -> None:
    """What is left is a whole file of fewer records; it must not take the place of a good result."""
    base = cell_in(tmp_path)
    whole = base.read_bytes()
    starts, at = [], 0
    while at < len(whole):
        starts.append(at)
        at += int(whole[at : at + 5])
    for end in starts[3], starts[-1]:
        base.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"US5TEST1\.000 is cut off: it holds \d+ of the \d+ records"):
            read_charts(base)


def test_broken_cells_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    good = cell_in(tmp_path / "good")
    cut, late = cell_in(tmp_path / "cut", "US5TEST2"), cell_in(tmp_path / "late", "US5TEST3")
    cut.write_bytes(cut.read_bytes()[:-40])
    for number in (1, 2):
        write_update(late.with_suffix(f".00{number}"), late, update=number, catcoa={0: 1})
    late.with_suffix(".001").unlink()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "US5TEST4.000").write_text("no chart")
    (tmp_path / "US5TEST5.zip").write_text("no zip")
    with pytest.raises(InputError):
        read_charts(tmp_path)
    with pytest.warns(LittoralWarning) as said:
        coast = read_charts(tmp_path, ChartOptions(skip_broken=True))
    assert coast.equals(read_charts(good))
    told = " ".join(str(warning.message) for warning in said)
    assert [
        name
        for name in ("TEST2.000 ends", "lacks update 1", "TEST4.000 is not", "TEST5.zip is not")
        if name not in told
    ] == []
    with pytest.raises(InputError, match="list of cells is empty"), pytest.warns(LittoralWarning, match="left out"):
        read_charts(cut, ChartOptions(skip_broken=True))


def test_missing_update(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    for number in (1, 2, 3):
        write_update(base.with_suffix(f".00{number}"), base, update=number, catcoa={0: number})
    base.with_suffix(".002").unlink()
    with pytest.raises(InputError, match="lacks update 2, and there is update 3"):
        read_charts(base)


def test_reissued_cell_takes_the_updates_that_follow(tmp_path: Path) -> None:
    """The driver itself starts at .001 and would ignore .003 or refuse a stale .001."""
    base = cell_in(tmp_path, update=2)
    write_update(base.with_suffix(".003"), base, update=3, catcoa={0: 8})
    write_update(base.with_suffix(".004"), base, update=4, catcoa={1: 1})
    old = cell_in(tmp_path / "old")
    for number in (1, 2):
        write_update(old.with_suffix(f".00{number}"), old, update=number, catcoa={0: 9})
        shutil.copy(old.with_suffix(f".00{number}"), base.with_suffix(f".00{number}"))
    coast = read_charts(base)
    assert coast["CATCOA"].tolist() == [8, 1, 3]
    assert set(coast["update"]) == {"4"}
    assert set(coast["updates"]) == {"applied"}
    for number in (3, 4):
        base.with_suffix(f".00{number}").unlink()
    alone = read_charts(base)
    assert (set(alone["update"]), set(alone["updates"])) == ({"2"}, {"none"})


def test_updates_that_do_not_fit_are_left_out_and_said(tmp_path: Path) -> None:
    base = cell_in(tmp_path)
    write_update(base.with_suffix(".001"), base, update=1, catcoa={0: 8})
    write_update(base.with_suffix(".002"), base, update=2, catcoa={0: 9})
    # The second counts on a version of the feature that the first no longer makes.
    write_update(base.with_suffix(".001"), base, update=1, catcoa={1: 8})
    with pytest.warns(LittoralWarning, match=r"US5TEST1\.002 does not fit .* was read as of its update 1"):
        coast = read_charts(base)
    assert coast["CATCOA"].tolist() == [7, 8, 3]
    assert set(coast["updates"]) == {"partly"}
    assert set(coast["update"]) == {"1"}
    base.with_suffix(".002").unlink()
    again = cell_in(tmp_path / "again")
    write_update(again.with_suffix(".001"), again, update=1, catcoa={0: 8})
    write_update(again.with_suffix(".002"), again, update=2, catcoa={0: 9})
    again.with_suffix(".002").rename(base.with_suffix(".001"))
    base.with_suffix(".001").write_bytes(base.with_suffix(".001").read_bytes().replace(b"\x1f2\x1f", b"\x1f1\x1f"))
    with pytest.warns(LittoralWarning, match=r"US5TEST1\.001 does not fit .* was read as of the base cell"):
        coast = read_charts(base)
    assert coast["CATCOA"].astype(float).tolist()[0] == 7
    assert set(coast["updates"] + coast["update"]) == {"ignored0"}


def test_other_editions_and_cancelled_cells(tmp_path: Path) -> None:
    base = cell_in(tmp_path, edition=3)
    write_update(base.with_suffix(".001"), base, update=1, catcoa={0: 8}, edition=2)
    assert codes(base) == [7, None, 3]
    write_update(base.with_suffix(".001"), base, update=1, catcoa={0: 8}, edition=4)
    with pytest.warns(LittoralWarning, match="announces edition 4"):
        assert codes(base) == [7, None, 3]
    write_update(base.with_suffix(".001"), base, update=1, catcoa={}, edition=0)
    with pytest.warns(LittoralWarning, match="was cancelled"), pytest.raises(InputError, match="is empty"):
        read_charts(base)


def test_other_producers(tmp_path: Path) -> None:
    base = cell_in(tmp_path, "GB5X0001", agency=540, units_per_degree=1_000_000, usage_band=5)
    coast = read_charts(base)
    assert set(coast["producer"]) == {540}
    assert coast.geometry[0].coords[1] == pytest.approx((-80.0, 25.01))


def test_values_that_the_table_does_not_know(tmp_path: Path) -> None:
    lines = [ChartLine(LINES[0].coordinates, 70), ChartLine(LINES[1].coordinates, 11)]
    base = write_cell(tmp_path / "US5TEST1.000", lines, coverage=COVERAGE)
    with pytest.warns(LittoralWarning, match="CATCOA 70 is not in the table"):
        coast = read_charts(base)
    assert coast["category"].tolist() == ["category 70", "shelly shore"]


def test_constructed_shore(tmp_path: Path) -> None:
    wall = ChartLine(np.array([[-80.02, 25.02], [-80.03, 25.02]]), None, {CATSLC: "10", WATLEV: "2"}, SLCONS)
    base = write_cell(tmp_path / "US5TEST1.000", [*LINES, wall], coverage=COVERAGE)
    assert len(read_charts(base)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coast = read_charts(base, ChartOptions(constructed=True))
    assert coast["object"].tolist() == ["COALNE"] * 3 + ["SLCONS"]
    row = coast.iloc[3]
    assert (row["CATCOA"], row["category"], row["CATSLC"], row["WATLEV"]) == (100, "constructed shore", 10, 2)
    assert coast["CATSLC"].isna().tolist() == [True, True, True, False]


def test_every_cell_from_a_zip(sample_or_real: Path, data_is_real: bool, tmp_path: Path) -> None:
    plain = read_charts(sample_or_real / "enc", ChartOptions(constructed=True))
    archive = zipped(sample_or_real / "enc", tmp_path / "all.zip")
    assert read_charts(archive, ChartOptions(constructed=True)).equals(plain)
    walls = (plain["object"] == "SLCONS").sum()
    assert walls > 3000 if data_is_real else walls == 2
