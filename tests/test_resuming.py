"""Exports that were interrupted: killed at any point and run again, they end in the same bytes."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.shutil

from littoral import export_tiles, read_tiles
from littoral.errors import InputError, WriteError
from littoral.tiles.export.staging import locked
from littoral.tiles.options import CutOptions, ExportOptions
from option_values import export_values
from platforms import posix_only
from textured_coast import boxes, textured

pytestmark = pytest.mark.slow

Writer = Callable[..., Path]
SHORE = boxes([(float(x), 60.0) for x in range(20, 140, 5)], [3, 7] * 12)


@pytest.fixture(scope="module")
def scene_path(tmp_path_factory: pytest.TempPathFactory, write_scene: Writer) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.tif", textured(size=160), nodata=0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class BreakError(Exception):
    """What comes from outside."""


class Track:
    """Counts the tiles that are cut; breaks off before one of them."""

    def __init__(self, broken: int = -1) -> None:
        self.cut, self.broken = 0, broken

    def __call__(self, items: Iterable[Any], total: int, description: str) -> Iterator[Any]:
        for item in items:
            if self.cut == self.broken:
                raise BreakError
            self.cut += 1
            yield item


def interrupted(scene: Path, out: Path, after: int = 9, **options: Any) -> None:
    with pytest.raises(BreakError):
        export_tiles(scene, SHORE, out, track=Track(after), **export_values(**{"tile_size": 32, **options}))


@posix_only
def test_killed_exports_go_on(tmp_path: Path, scene_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.write_bytes(pickle.dumps((boxes([(30, 120), (60, 120), (90, 120)], [3, 7, 3]), SHORE)))
    script = Path(__file__).with_name("interrupted.py")
    result = subprocess.run(
        [sys.executable, script, scene_path, tables, tmp_path / "work"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    stories = json.loads(result.stdout)
    assert len(stories) == 30
    for story in stories:
        assert story["code"] == -9, story
        assert story["same"], story
        # The folder is as it was, or complete, or the reader says that it is neither.
        moving = story["name"] in ("before the first move", "among the moves", "before the map", "before clearing up",
                                   "while clearing up")  # fmt: skip
        if moving:
            assert "was interrupted at its very end" in story["seen"], story
        elif story["name"] == "before the stage goes":
            assert story["seen"] == (24 if isinstance(story["before"], str) else 27), story
        elif isinstance(story["before"], str):
            assert story["seen"] == "is not there, as an export to it was interrupted", story
        else:
            assert story["seen"] == story["before"] == 3, story
        assert story["left"] == ["t"], story
    by_name = {story["name"]: story for story in stories}
    # What was done is not cut again; up to eight tiles are being written while others are cut.
    assert by_name["before the first tile"]["again"] == 24
    assert by_name["after ten tiles"]["again"] in range(14, 24)
    assert by_name["while noting"]["again"] == 19
    for name in (
        "before the texts",
        "between the texts",
        "before the commit",
        "before the first move",
        "before the map",
    ):
        assert by_name[name]["again"] == 0, name
    assert by_name["before the texts"]["written"] == 24
    assert by_name["among the moves"]["written"] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"per_category": True},
        {"metadata_format": "Imagenet"},
        {"placement": "grid", "stride": 24, "only_with_features": False},
        {"rotation_angle": 90.0, "image_format": "png"},
        {"min_valid": 0.9},
    ],
)
def test_every_kind_of_export_goes_on(tmp_path: Path, scene_path: Path, options: dict[str, Any]) -> None:
    whole = tmp_path / "whole" / "t"
    export_tiles(scene_path, SHORE, whole, **export_values(tile_size=32, **options))
    for after in (1, 12, 20):
        out = tmp_path / str(after) / "t"
        interrupted(scene_path, out, after, **options)
        assert not out.exists()
        track = Track()
        summary = export_tiles(scene_path, SHORE, out, track=track, **export_values(tile_size=32, **options))
        assert contents(out) == contents(whole)
        assert summary.written + sum(summary.skipped.values()) == track.cut + after


def test_torn_lines_and_short_files_are_done_anew(tmp_path: Path, scene_path: Path) -> None:
    whole = tmp_path / "whole" / "t"
    export_tiles(scene_path, SHORE, whole, CutOptions(tile_size=(32, 32)))

    def torn(stage: Path) -> None:
        with (stage / "journal.jsonl").open("ab") as journal:
            journal.write(b'{"number": 9, "sta')

    def half(stage: Path) -> None:
        content = (stage / "journal.jsonl").read_bytes()
        (stage / "journal.jsonl").write_bytes(content[: len(content) // 2])

    def garbled(stage: Path) -> None:
        lines = (stage / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (stage / "journal.jsonl").write_bytes(b"".join([*lines[:4], b"\0" * 20 + b"\n", *lines[5:]]))

    def short(stage: Path) -> None:
        (stage / "tiles" / "images" / "000000003.tif").write_bytes(b"II*")

    def lost(stage: Path) -> None:
        (stage / "tiles" / "labels" / "000000000.xml").unlink()

    def headless(stage: Path) -> None:
        (stage / "journal.jsonl").write_bytes(b"")

    for number, damage in enumerate((torn, half, garbled, short, lost, headless)):
        out = tmp_path / str(number) / "t"
        interrupted(scene_path, out, 18)
        damage(out.parent / ".t.unfinished")
        track = Track()
        export_tiles(scene_path, SHORE, out, CutOptions(tile_size=(32, 32)), track=track)
        assert contents(out) == contents(whole)
        assert track.cut == {"torn": 6, "half": track.cut, "garbled": 21, "short": 21, "lost": 24, "headless": 24}[
            damage.__name__
        ]  # fmt: skip


def test_another_export_is_not_gone_on_with(tmp_path: Path, scene_path: Path, write_scene: Writer) -> None:
    out = tmp_path / "t"
    interrupted(scene_path, out)
    stage = contents(tmp_path)
    other = write_scene(tmp_path / "scene.tif", textured(1, size=160), nodata=0)
    for table, options, what in (
        (SHORE, {"bands": ["B02"]}, "bands"),
        (SHORE, {"tile_size": 48}, "rectangles, size_px"),
        (SHORE.iloc[:20], {}, "rectangles"),
        (SHORE.assign(CATCOA=3), {}, "categories, rectangles"),
        (SHORE, {"min_valid": 0.9}, "min_valid"),
        (SHORE, {"start_index": 5}, "folders"),
        (SHORE, {"image_format": "png", "raw": True}, "image format, raw"),
    ):
        with pytest.raises(
            InputError, match=rf"unfinished export \(9 tiles done\) of other {what}: run that one again"
        ):
            export_tiles(scene_path, table, out, **export_values(**{"tile_size": 32, **options}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="of other scenes: "):
        export_tiles(other, SHORE, out, CutOptions(tile_size=(32, 32)))
    other.unlink()
    assert contents(tmp_path) == stage
    assert (
        export_tiles(
            scene_path, SHORE.iloc[:20], out, CutOptions(tile_size=(32, 32)), export=ExportOptions(restart=True)
        ).written
        == 20
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t"]


def test_an_export_that_is_over_can_be_restarted_too(tmp_path: Path, scene_path: Path) -> None:
    export_tiles(scene_path, SHORE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(restart=True))
    assert (
        export_tiles(
            scene_path, SHORE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(restart=True)
        ).written
        == 0
    )


def test_two_processes_do_not_write_one_folder(tmp_path: Path, scene_path: Path) -> None:
    out = tmp_path / "t"
    with locked(out), pytest.raises(InputError, match="is being written by another process: wait until it is done"):
        export_tiles(scene_path, SHORE, out, CutOptions(tile_size=(32, 32)))
    assert list(tmp_path.iterdir()) == []
    export_tiles(scene_path, SHORE, out, CutOptions(tile_size=(32, 32)))
    assert len(read_tiles(out)) == 24


def test_a_full_disk_is_gone_on_from(tmp_path: Path, scene_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "t"
    export_tiles(scene_path, boxes([(30, 120)], [3]), out, CutOptions(tile_size=(32, 32)))
    before = contents(out)
    written = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "000000009.tif":
            raise OSError(28, "No space left on device")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match=r"No space left on device.*run the same command again"):
        export_tiles(scene_path, SHORE, out, CutOptions(tile_size=(32, 32)))
    assert contents(out) == before
    assert len(read_tiles(out)) == 1
    monkeypatch.undo()
    track = Track()
    summary = export_tiles(scene_path, SHORE, out, CutOptions(tile_size=(32, 32)), track=track)
    assert (summary.written, track.cut) == (24, 16)
    export_tiles(scene_path, boxes([(30, 120)], [3]), tmp_path / "whole", CutOptions(tile_size=(32, 32)))
    export_tiles(scene_path, SHORE, tmp_path / "whole", CutOptions(tile_size=(32, 32)))
    assert contents(out) == contents(tmp_path / "whole")


def test_a_scene_that_breaks_off(tmp_path: Path, write_scene: Writer) -> None:
    """A scene that was copied by two thirds: what was cut stays, but does not mix with what the whole one gives."""
    values = np.tile(textured(size=640), (1, 2, 1))
    path = tmp_path / "scene.tif"
    # In a COG the directory comes first, so that a part of one still opens.
    rasterio.shutil.copy(write_scene(tmp_path / "s.tif", values, nodata=0), path, driver="COG", blocksize=128)
    table = boxes([(40.0, 40.0 + 40 * row) for row in range(30)], [3, 7] * 15)
    export_tiles(path, table, tmp_path / "whole", CutOptions(tile_size=(32, 32)))
    content = path.read_bytes()
    os.truncate(path, len(content) * 2 // 3)
    for _ in range(2):
        with pytest.raises(InputError, match="could not be read"):
            export_tiles(path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"\(1\d tiles done\) of other scenes: "):
        export_tiles(path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    export_tiles(path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(restart=True))
    assert contents(tmp_path / "t") == contents(tmp_path / "whole")
