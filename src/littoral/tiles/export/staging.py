"""Staging folder of an export, so that an interrupted export can be resumed and the target changes all at once.

During an export to ``out``, the same parent folder contains ``.out.unfinished``::

    journal.jsonl     settings of the export; then a line for each tile, written after the tile's files
    tiles/…           the files, with their final paths relative to ``out``
    commit            marks that all tiles are complete and files are being moved

and ``.out.lock``, held by one process. Without ``commit``, ``out`` is unchanged; with it, the next process finishes
moving the files. ``map.txt`` is moved last, so all new tiles appear at once.
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
    """Lock the target of an export, and first finish moving files of an earlier export that was committed.

    Raises:
        InputError: another process holds the lock.
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
                # Deleted while still held, so that no other process waits on a deleted file. Windows keeps it.
                with suppress(OSError):
                    lock.unlink()
    except Timeout as error:
        raise InputError(
            target, "is being written by another process", "wait until it is done, or choose another folder"
        ) from error


class Stage:
    """Staging folder of a running export."""

    def __init__(self, target: Path, header: Mapping[str, Any], *, restart: bool) -> None:
        """Create the staging folder of a target, or resume the existing one.

        Args:
            target: Folder of the export, locked by this process.
            header: Settings of the export; it is resumed only if all of them are the same.
            restart: Delete an interrupted export instead of resuming it.

        Raises:
            InputError: there is an interrupted export with other settings.
        """
        self.place = unfinished(target)
        self.tiles = self.place / _TILES
        """Folder for the files, with the same relative paths as in the target."""
        self.done: set[int] = set()
        """Numbers of the tiles in the journal."""
        self._target, self._journal = target, self.place / _JOURNAL
        if restart:
            _remove(self.place)
        # In the form in which it is read from a journal.
        wanted = json.loads(json.dumps(header))
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
        elif begun != wanted:
            other = sorted(key for key in {*begun, *wanted} if begun.get(key) != wanted.get(key))
            raise InputError(
                target,
                f"has an unfinished export ({len(self.done)} tiles done) of other {', '.join(other)}",
                "run that one again to finish it, or drop it with --restart (restart=True)",
            )
        self.tiles.mkdir(parents=True, exist_ok=True)
        self._file = self._journal.open("ab" if begun else "wb")
        if begun:
            # Anything after it, such as an incomplete line, is discarded.
            self._file.truncate(size)
        else:
            self._write(wanted)

    def note(self, entry: Mapping[str, Any]) -> None:
        """Add a tile to the journal, after all its files are written.

        ``entry`` has at least ``number`` and, if the tile has files, ``files``: bytes by path relative to the target.
        """
        self.done.add(int(entry["number"]))
        self._write(entry)

    def noted(self) -> Iterator[dict[str, Any]]:
        """Tiles in the journal, in order."""
        return (record for record, _ in itertools.islice(self._records(), 1, None))

    def commit(self) -> None:
        """Move all files to the target; from here on the export cannot be undone."""
        self._file.close()
        (self.place / COMMITTED).touch()
        _roll_forward(self._target)

    def drop(self) -> None:
        """Delete the staging folder."""
        self._file.close()
        _remove(self.place)

    def close(self) -> None:
        """Close the journal and keep the folder for resuming; without tiles it is deleted."""
        self._file.close()
        if not self.done:
            _remove(self.place)

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()

    def _records(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Complete lines of the journal, each with the byte at which it ends."""
        end = 0
        with suppress(FileNotFoundError, ValueError), self._journal.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                yield json.loads(line), end

    def _whole(self, entry: Mapping[str, Any]) -> bool:
        """Whether the files of a tile exist with their original sizes."""
        files: Mapping[str, int] = entry.get("files", {})
        try:
            return all((self.tiles / name).stat().st_size == size for name, size in files.items())
        except OSError:
            return False


def _roll_forward(target: Path) -> None:
    """Move the files of a committed export to the target; may be interrupted and repeated."""
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
    """Delete a staging folder, its journal first, so that an interrupted deletion leaves nothing to resume."""
    (stage / _JOURNAL).unlink(missing_ok=True)
    (stage / COMMITTED).unlink(missing_ok=True)
    shutil.rmtree(stage, ignore_errors=True)
