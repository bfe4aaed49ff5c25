"""Exports that are killed, run in a process of their own by test_resuming.py: a story per way of dying.

Each step is forked from here, so that geopandas and GDAL are imported once.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from littoral import export_tiles
from littoral.errors import InputError
from littoral.tiles import read_tiles
from littoral.tiles.export import staging
from option_values import export_values


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at(what: Any, name: str, call: int) -> Callable[[], None]:
    """Arms a function so that its process dies when it is called for that time, before it does anything."""

    def arm() -> None:
        real, calls = getattr(what, name), []

        def deadly(*given: Any, **more: Any) -> Any:
            calls.append(given)
            if len(calls) == call:
                die()
            return real(*given, **more)

        setattr(what, name, deadly)

    return arm


class Track:
    """Counts the tiles that are cut; dies after some."""

    def __init__(self, deadly: int = -1) -> None:
        self.cut, self.deadly = 0, deadly

    def __call__(self, items: Iterable[Any], total: int, description: str) -> Iterator[Any]:
        for item in items:
            if self.cut == self.deadly:
                die()
            self.cut += 1
            yield item
        if self.cut == self.deadly:
            die()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def listed(folder: Path) -> int | str:
    """Tiles that a reader finds, or what it says."""
    try:
        return len(read_tiles(folder))
    except InputError as error:
        return error.what


def apart(step: Callable[[], Any]) -> tuple[int, Any]:
    """Run a step in a process of its own: how that ended (0, or minus a signal), and what the step gave.

    This process itself touches no raster: threads and locks that GDAL and PROJ hold would not survive the fork.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "wb") as answer:
            pickle.dump(step(), answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        given = answer.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, pickle.loads(given) if given and code == 0 else None


def main(scene: Path, tables: Path, work: Path) -> None:
    first, second = pickle.loads(tables.read_bytes())
    stories: list[dict[str, Any]] = []
    # A stage is cleared once before it is begun, so these calls are counted from there.
    ways: dict[str, tuple[Callable[[], None], int]] = {
        "before the first tile": (lambda: None, 0),
        "after one tile": (lambda: None, 1),
        "after ten tiles": (lambda: None, 10),
        "after the last tile": (lambda: None, 24),
        "between image and label": (dying_at(Path, "write_bytes", 14), -1),
        "while noting": (dying_at(staging.Stage, "note", 6), -1),
        "before the texts": (dying_at(Path, "write_text", 1), -1),
        "between the texts": (dying_at(Path, "write_text", 3), -1),
        "before the commit": (dying_at(Path, "touch", 1), -1),
        "before the first move": (dying_at(os, "replace", 1), -1),
        "among the moves": (dying_at(os, "replace", 20), -1),
        "before the map": (dying_at(os, "replace", 24 * 2 + 4), -1),
        "before clearing up": (dying_at(Path, "unlink", 3), -1),
        "while clearing up": (dying_at(Path, "unlink", 4), -1),
        "before the stage goes": (dying_at(shutil, "rmtree", 2), -1),
    }
    options = {"tile_size": 32}

    def exported(table: Any, out: Path, track: Track | None = None, arm: Callable[[], None] | None = None) -> Any:
        def step() -> tuple[int, int]:
            counting = track or Track()
            if arm is not None:
                arm()
            summary = export_tiles(scene, table, out, track=counting, **export_values(**options))
            return counting.cut, summary.written

        return apart(step)

    for before in (0, 1):
        whole = work / f"whole{before}" / "t"
        for table in (first, second)[1 - before :]:
            exported(table, whole)
        for name, (arm, deadly) in ways.items():
            out = work / f"{before} {name}" / "t"
            if before:
                exported(first, out)
            _, old = apart(lambda out=out: listed(out))
            code, _ = exported(second, out, Track(deadly), arm)
            _, seen = apart(lambda out=out: listed(out))
            _, (again, written) = exported(second, out)
            stories.append(
                {
                    "name": name,
                    "before": old,
                    "code": code,
                    "seen": seen,
                    "again": again,
                    "written": written,
                    "same": contents(out) == contents(whole),
                    "left": sorted(path.name for path in out.parent.iterdir()),
                }
            )
    json.dump(stories, sys.stdout)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
