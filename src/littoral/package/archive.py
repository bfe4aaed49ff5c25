"""List and read the files of a package from an untrusted source: a zip, or a definition with files beside it."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from littoral.errors import InputError, first_line
from littoral.http import checked_entries
from littoral.package.json_checks import shown

MOST_BYTES = 4 * 2**30
"""Of all files together, unpacked."""
_MOST_FILES = 64
_MOST_DIRECTORY = 2**20
_MOST_RATIO = 200
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END, _LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_SIZE, _LOCATOR_SIZE, _END64_SIZE = 22, 20, 56
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
_DISTRUST = "do not use this file"


class Archive:
    """The files of a zip. A file is unpacked only by :meth:`read`, to no more bytes than the directory states.

    Raises:
        InputError: no zip, damaged; names that lead out of it, links, encrypted or doubled entries, other methods than
            store and deflate; more than 64 files, 4 GiB, or a ratio that only bombs have.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._whole():
            _check_directory(path)
            self._zip = zipfile.ZipFile(path)
        try:
            entries = checked_entries(
                path, self._zip.infolist(), _MOST_FILES, MOST_BYTES, methods=_METHODS, most_ratio=_MOST_RATIO
            )
            self._entries = {entry.filename: entry for entry in entries}
        except InputError:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file, from the zip's directory."""
        return {name: entry.file_size for name, entry in self._entries.items()}

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """A file's bytes, their checksum compared.

        Raises:
            InputError: damaged, or more than ``most`` bytes.
        """
        entry = self._entries[name]
        _check_size(self.path, name, entry.file_size, most)
        with self._whole(), self._zip.open(entry) as file:
            # One byte more than stated: the checksum is compared at the end of the file.
            content = file.read(entry.file_size + 1)
            if len(content) != entry.file_size:
                raise EOFError(f"{shown(name)} ends early")
        return content

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except _DAMAGE as error:
            raise InputError(
                self.path, f"is not a whole .dlpk ({first_line(error)})", "copy or train the model again"
            ) from error


class DefinitionFolder:
    """A definition (``.emd``) and the files beside it.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            beside = [each for each in path.parent.iterdir() if each.is_file() and not each.is_symlink()]
            # Of several definitions in a folder, only the given one.
            files = [each for each in beside if each.suffix.lower() != ".emd" or each.name == path.name]
            self.sizes = {each.name: each.stat().st_size for each in files}
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})", "check the path and your rights") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """A file's bytes.

        Raises:
            InputError: it cannot be read, or is more than ``most`` bytes.
        """
        _check_size(self.path, name, self.sizes[name], most)
        try:
            with (self.path.parent / name).open("rb") as file:
                return file.read(most)
        except OSError as error:
            raise InputError(self.path.parent / name, f"cannot be read ({error.strerror})", "copy it again") from error


def open_files(path: Path) -> Archive | DefinitionFolder:
    """Open a package: a ``.dlpk``, an ``.emd`` with its weights beside it, or a folder that holds one of them.

    Raises:
        InputError: none of these, or an unsafe zip.
    """
    if not path.exists():
        raise InputError(path, "does not exist", "check the path to the model")
    if path.is_dir():
        inside = sorted(path.glob("*.dlpk")) or sorted(path.glob("*.emd"))
        if len(inside) != 1:
            kind = inside[0].suffix if inside else ".dlpk"
            raise InputError(path, f"holds {len(inside)} {kind} files", "pass the path of one")
        path = inside[0]
    if not path.is_file():
        raise InputError(path, "is not a file", "pass the path of a .dlpk or an .emd")
    return DefinitionFolder(path) if path.suffix.lower() == ".emd" else Archive(path)


def _check_size(path: Path, name: str, size: int, most: int) -> None:
    if size > most:
        raise InputError(path, f"has a file {shown(name)} of {size:,} bytes, more than {most:,}", _DISTRUST)


def _check_directory(path: Path) -> None:
    """Refuse a directory of millions of entries before it is read.

    Raises:
        BadZipFile: there is none, or it is too large.
    """
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _END_SIZE - 2**16 - _LOCATOR_SIZE - _END64_SIZE))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise zipfile.BadZipFile("no end of a zip")
    (size,) = struct.unpack_from("<L", tail, at + 12)
    at -= _LOCATOR_SIZE
    if at >= _END64_SIZE and tail[at : at + 4] == _LOCATOR and tail[at - _END64_SIZE :][:4] == _END64:
        (size,) = struct.unpack_from("<Q", tail, at - _END64_SIZE + 40)
    if size > _MOST_DIRECTORY:
        raise zipfile.BadZipFile(f"its directory takes {size:,} bytes")
