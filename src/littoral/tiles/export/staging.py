"""Where an export is gathered before it appears: broken off at any point, it is gone on with.

Beside the folder ``out`` lies ``.out.unfinished`` while it is written::

    journal.jsonl     what is exported; then a line for each tile, written after the tile's files
    tiles/…           the files, each where it will be in the folder
    commit            from here on they belong into place

and ``.out.lock``, which one process holds. Without ``commit`` the folder is as it was before; with it, whoever comes
next goes on moving files. ``map.txt`` goes last, so a folder shows its new tiles all at once.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from littoral.errors import InputError
from littoral.tiles.labeled.layout import COMMITTED, MAP, unfinished

_JOURNAL, _TILES = "journal.jsonl", "tiles"


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of an export's target; what an earlier export left to be put in place is put there first.

    Raises:
        InputError: another process holds it.
    """
    place = target.absolute()
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = place.parent / f".{place.name}.lock"
    try:
        with FileLock(lock, timeout=0):
            try:
                _roll_forward(target)
                yield
            finally:
                # Held until here, so nobody can be waiting on a file that is no more the lock. Windows keeps it.
                with suppress(OSError):
                    lock.unlink()
    except Timeout as error:
        raise InputError(
            target, "is being written by another process", "wait until it is done, or choose another folder"
        ) from error


class Stage:
    """An export under way."""

    def __init__(self, target: Path, header: Mapping[str, Any], *, restart: bool) -> None:
        """Open the stage of a target, or go on with the one that is there.

        Args:
            target: What is exported to, locked by this process.
            header: What is exported; an export goes on only if all of it is the same.
            restart: Drop what an interrupted export left.

        Raises:
            InputError: an interrupted export of something else.
        """
        self.place = unfinished(target)
        self.tiles = self.place / _TILES
        """Takes the files; a path below it is one below the target."""
        self.done: set[int] = set()
        """Numbers of the tiles that are noted."""
        self._target, self._journal = target, self.place / _JOURNAL
        if restart:
            _remove(self.place)
        # As a journal gives it back.
        asked = json.loads(json.dumps(header))
        begun: dict[str, Any] | None = None
        size = 0
        for record, end in self._records():
            if begun is None:
                begun = record
            elif self._whole(record):
                self.done.add(int(record["number"]))
            else:
                break
            size = end
        if begun is None:
            _remove(self.place)
        elif begun != asked:
            other = sorted(key for key in {*begun, *asked} if begun.get(key) != asked.get(key))
            raise InputError(
                target,
                f"has an unfinished export ({len(self.done)} tiles done) of other {', '.join(other)}",
                "run that one again to finish it, or drop it with --restart (restart=True)",
            )
        self.tiles.mkdir(parents=True, exist_ok=True)
        self._file = self._journal.open("ab" if begun else "wb")
        if begun:
            # What follows, as a line torn off, is done anew.
            self._file.truncate(size)
        else:
            self._write(asked)

    def note(self, entry: Mapping[str, Any]) -> None:
        """Note a tile by its ``number``, when its ``files`` (name below the target: bytes) are all written."""
        self.done.add(int(entry["number"]))
        self._write(entry)

    def noted(self) -> Iterator[dict[str, Any]]:
        """All that is noted, in order."""
        return (record for record, _ in itertools.islice(self._records(), 1, None))

    def commit(self) -> None:
        """Put everything into place, for good."""
        self._file.close()
        (self.place / COMMITTED).touch()
        _roll_forward(self._target)

    def drop(self) -> None:
        """Leave nothing of it."""
        self._file.close()
        _remove(self.place)

    def close(self) -> None:
        """Leave it for another time; where nothing is noted, leave nothing."""
        self._file.close()
        if not self.done:
            _remove(self.place)

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()

    def _records(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Whole lines of the journal, and where each ends."""
        end = 0
        with suppress(FileNotFoundError, ValueError), self._journal.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                yield json.loads(line), end

    def _whole(self, entry: Mapping[str, Any]) -> bool:
        """Whether the files of a tile are as long as they were written."""
        files: Mapping[str, int] = entry.get("files", {})
        try:
            return all((self.tiles / name).stat().st_size == size for name, size in files.items())
        except OSError:
            return False


def _roll_forward(target: Path) -> None:
    """Move what an export has gathered into place, if it was gathered to its end; may be broken off and repeated."""
    stage = unfinished(target)
    if not (stage / COMMITTED).exists():
        return
    files = [path for path in (stage / _TILES).rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path.name == MAP, path)):
        place = target / path.relative_to(stage / _TILES)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
    _remove(stage)


def _remove(stage: Path) -> None:
    """Drop a stage; broken off, it is one that has nothing to tell."""
    (stage / _JOURNAL).unlink(missing_ok=True)
    (stage / COMMITTED).unlink(missing_ok=True)
    shutil.rmtree(stage, ignore_errors=True)
