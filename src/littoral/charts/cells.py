"""Find S-57 cells in files, folders and zips, and the updates that apply to each.

Source: ENC Product Specification 2.0, clauses 5.6.3 and 5.7: the updates of an edition are numbered without gaps; a
re-issued base cell already contains the updates up to its own update number.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from littoral.charts.iso8211 import HEAD, Identification, identify
from littoral.errors import InputError, LittoralWarning

_SUFFIX = re.compile(r"\.\d{3}")
_LARGEST_BYTES = 64 * 2**20
"""Larger members of a zip are ignored; an ENC cell has at most 5 MB."""


@dataclass(frozen=True)
class ChartFile:
    """A file with a base cell or an update, on disk or in a zip."""

    path: Path
    member: str | None = None
    """Name of the file in the zip ``path``; None for a file on disk."""

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    @property
    def name(self) -> PurePath:
        """Path on disk, or within the zip."""
        return self.path if self.member is None else PurePosixPath(self.member)

    def read(self) -> bytes:
        """Content of the file.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            if self.member is None:
                return self.path.read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.member)
        except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise InputError(self, f"cannot be read ({error})", "fetch it again as the office publishes it") from error


Found = tuple[ChartFile, list[ChartFile]]
"""A base cell and the files that may be its updates; those in the same folder come first."""


@dataclass(frozen=True)
class Cell:
    """A base cell with the updates that apply to it."""

    name: str
    base: ChartFile
    header: Identification
    """Header of the base cell."""
    updates: tuple[ChartFile, ...]
    """In order; their numbers continue from that of the base cell."""

    @property
    def last(self) -> tuple[int, int]:
        """Edition and number of the last update; of two copies of a cell the greater one is newer."""
        return self.header.edition, self.header.update + len(self.updates)


def find_cells(paths: Iterable[str | Path], *, skip_broken: bool = False) -> list[Cell]:
    """Find the cells in files, zips and folders (at any depth), sorted by name.

    Updates are searched beside the base cell and, as in the exchange sets of some offices, elsewhere in the same
    folder or zip.

    Warns:
        LittoralWarning: a cell occurs more than once (the newest is taken) or was cancelled (it is left out); with
            ``skip_broken``, a file cannot be read (its cell is left out).

    Raises:
        InputError: a path does not exist or holds no cell; without ``skip_broken``, a file is not S-57, or an update
            is missing.
    """
    cells: dict[str, Cell] = {}
    for base, others in _bases(paths, skip_broken):
        cell = None
        with left_out_if_broken(skip_broken):
            cell = _cell(base, others)
        if cell is None:
            continue
        known = cells.get(cell.name)
        if known is not None:
            newer, older = (cell, known) if cell.last > known.last else (known, cell)
            _warn(f"{cell.name} is there twice: {newer.base} is taken, {older.base} is left out.")
            cell = newer
        cells[cell.name] = cell
    return [cells[name] for name in sorted(cells)]


@contextmanager
def left_out_if_broken(skip: bool) -> Iterator[None]:
    """With ``skip``, turn an :class:`InputError` raised in the block into a :class:`LittoralWarning`."""
    try:
        yield
    except InputError as error:
        if not skip:
            raise
        _warn(f"{error.subject} {error.what}; it is left out.")


def _bases(paths: Iterable[str | Path], skip_broken: bool) -> list[Found]:
    """Base cells without duplicates, each with the files that may be its updates."""
    found: dict[tuple[Path, str | None], Found] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(path, "does not exist", "check the path")
        if path.is_dir():
            # Hidden folders hold unfinished downloads.
            files = [
                file
                for file in sorted(path.rglob("*"))
                if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
            ]
            zips = [file for file in files if file.suffix.lower() == ".zip"]
            here = _with_updates([ChartFile(file) for file in files])
            for file in zips:
                with left_out_if_broken(skip_broken):
                    here += _in_zip(file)
            if not here:
                raise InputError(
                    path, "has no S-57 base cell (.000) in it", "pass a folder that holds .000 files or zips of them"
                )
        elif path.suffix.lower() == ".zip":
            here = _in_zip(path)
            if not here:
                raise InputError(path, "has no S-57 base cell (.000) in it", "pass the zip of an ENC")
        elif path.suffix == ".000":
            here = _with_updates([ChartFile(file) for file in sorted(path.parent.glob(f"{glob_safe(path.stem)}.*"))])
        else:
            raise InputError(
                path,
                "is not an S-57 base cell",
                "pass the .000 file (its updates .001, .002, … are found beside it), a folder or a zip",
            )
        for base, others in here:
            found.setdefault((base.path.resolve(), base.member), (base, others))
    return list(found.values())


def _with_updates(files: Iterable[ChartFile]) -> list[Found]:
    """Base cells among files, each with the files of its name beside it, then those in folders without a base cell."""
    places: dict[PurePath, list[ChartFile]] = {}
    for file in files:
        if _SUFFIX.fullmatch(file.name.suffix):
            places.setdefault(file.name.with_suffix(""), []).append(file)
    bases = {place: file for place, beside in places.items() for file in beside if file.name.suffix == ".000"}
    astray: dict[str, list[ChartFile]] = {}
    for place in places.keys() - bases.keys():
        astray.setdefault(place.name, []).extend(places[place])
    return [
        (base, [file for file in places[place] if file is not base] + sorted(astray.get(place.name, []), key=str))
        for place, base in sorted(bases.items(), key=lambda item: str(item[1]))
    ]


def glob_safe(name: str) -> str:
    """A file name with the special characters of ``glob`` patterns escaped.

    >>> glob_safe("US5[1]")
    'US5[[]1]'
    """
    return re.sub(r"([*?[])", r"[\1]", name)


def _in_zip(path: Path) -> list[Found]:
    """Base cells in a zip; nested zips are not opened."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if entry.file_size <= _LARGEST_BYTES]
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(path, f"is not a whole zip ({error})", "fetch it again") from error
    return _with_updates([ChartFile(path, entry.filename) for entry in entries if not entry.is_dir()])


def _cell(base: ChartFile, others: Iterable[ChartFile]) -> Cell | None:
    """The cell of a base file with those of the other files that are its updates; None if the cell was cancelled."""
    name = base.name.stem
    header = _header(base)
    updates: dict[int, ChartFile] = {}
    for file in others:
        update = _header(file)
        if update.edition == 0:
            _warn(f"{name} was cancelled by {file}, and is left out.")
            return None
        if update.edition == header.edition and update.update > header.update:
            updates.setdefault(update.update, file)
        elif update.edition > header.edition:
            _warn(f"{file} announces edition {update.edition} of {name}, and {base} is edition {header.edition}.")
    for number in range(header.update + 1, max(updates, default=header.update) + 1):
        if number not in updates:
            raise InputError(
                base,
                f"lacks update {number}, and there is update {max(updates)}",
                f"fetch {name}.{number:03d}, or remove the later updates",
            )
    return Cell(name, base, header, tuple(updates[number] for number in sorted(updates)))


def _header(file: ChartFile) -> Identification:
    if file.member is None:
        try:
            with file.path.open("rb") as opened:
                return identify(opened.read(HEAD), file)
        except OSError as error:
            raise InputError(file, f"cannot be read ({error})", "check your rights to it") from error
    return identify(file.read()[:HEAD], file)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, LittoralWarning, stacklevel=2)
