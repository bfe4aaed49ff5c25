"""Every package that means harm or is broken ends in one sentence; nothing of it runs, nothing is written."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import hostile_packages
from hostile_packages import FIXTURE, MARK, UNREAD, changed, ours, places, their_zip, theirs, with_value
from littoral import FeatureClassifier
from littoral.errors import InputError, LittoralWarning, is_printable
from littoral.package import inspect_package, read_package

CASES = hostile_packages.cases()
ZIPS = CASES["zips"]
MOST_MB = 200


def test_there_are_enough() -> None:
    assert sum(map(len, CASES.values())) > 1000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some folders deep, so that what leads out of it is seen."""
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    return deep


def sentence(read: Callable[[Path], object], path: Path) -> str:
    """What it ends in; empty where it is read."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return ""


def peak_kb() -> int:
    """Most memory that this process has held; 0 where the system does not say it in these units."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.filterwarnings("ignore::littoral.errors.LittoralWarning")
@pytest.mark.parametrize("kind", CASES)
def test_one_sentence_and_nothing_else(kind: str, folder: Path, tmp_path: Path) -> None:
    path = folder / "m.dlpk"
    for name, write in CASES[kind].items():
        write(path)
        before = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")}
        held = peak_kb()
        said = [sentence(read, path) for read in (read_package, FeatureClassifier.from_model, inspect_package)]
        assert said[1], f"{name}: it was loaded"
        for text in filter(None, said):
            assert is_printable(text), name
            assert text.startswith(str(path)), name
            assert text.endswith("."), name
            assert len(text) < 1000, name
        if not said[2]:
            assert all(is_printable(line) for line in inspect_package(path).describe().split("\n")), name
        assert not (folder / MARK).exists(), name
        assert {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")} == before, name
        assert peak_kb() - held < MOST_MB * 1024, name


@pytest.mark.parametrize("name", [name for name in ZIPS if "bomb" in name or "entries" in name or "4 GB" in name])
def test_bombs_are_not_unpacked(name: str, folder: Path) -> None:
    path = folder / "m.dlpk"
    ZIPS[name](path)
    size = path.stat().st_size
    tracemalloc.start()
    try:
        assert sentence(read_package, path) or name == "bomb in a zip"
        assert tracemalloc.get_traced_memory()[1] < 2 * size + 2**23
    finally:
        tracemalloc.stop()


def test_what_nobody_reads_does_no_harm(folder: Path) -> None:
    path = folder / "m.dlpk"
    read = set()
    for content in (theirs(), theirs(3)):
        for key, value in places(content):
            if set(key) & UNREAD and value is not None:
                for other in ("x", 3, [["x"]], {"a": None}, None):
                    their_zip(json.loads(with_value(content, key, other)), b"", path)
                    assert read_package(path).manifest.backbone == "resnet18"
                    read.add(key[-1])
    assert {"LearningRate", "band_mean_values"} <= read


def test_the_one_they_are_made_of_is_sound(folder: Path) -> None:
    changed(folder / "m.dlpk")
    assert FeatureClassifier.from_model(folder / "m.dlpk").manifest == read_package(FIXTURE).manifest
    their_zip(theirs(), b"", folder / "t.dlpk")
    assert len(read_package(folder / "t.dlpk").assumed) == 1
    assert set(ours()) >= {"littoral.json", "metrics.json"}


def test_warnings_show_no_control_characters(folder: Path) -> None:
    path = folder / "t.dlpk"
    their_zip(theirs(3) | {"Description": "\x1b[2J"}, b"", path)
    with pytest.warns(LittoralWarning) as caught, pytest.raises(InputError):
        FeatureClassifier.from_model(path)
    assert all(is_printable(str(each.message)) for each in caught)
