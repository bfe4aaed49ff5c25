"""A stranger's files: a zip, or a definition with its weights beside it, listed and read without trusting either."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from littoral.errors import InputError
from littoral.package.json_checks import harmless, one_line, shown

MOST_BYTES = 4 * 2**30
"""Of all files together, unpacked."""
_MOST_FILES = 64
_MOST_DIRECTORY = 2**20
_MOST_RATIO, _SMALL = 200, 2**20
_REPARSE_POINT = 0x400
_END, _LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_SIZE, _LOCATOR_SIZE, _END64_SIZE = 22, 20, 56
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
_DISTRUST = "do not use this file"


class Archive:
    """The files of a zip. What is not asked for is never unpacked, and no more than the directory says.

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
            self._entries = {entry.filename: entry for entry in _checked(path, self._zip.infolist())}
        except InputError:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file, as the directory says."""
        return {name: entry.file_size for name, entry in self._entries.items()}

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """A file's bytes, their checksum compared.

        Raises:
            InputError: damaged, or more than ``most`` bytes.
        """
        entry = self._entries[name]
        _check_size(self.path, name, entry.file_size, most)
        with self._whole(), self._zip.open(entry) as file:
            # One byte more than said: so the end is reached, where the checksum is compared.
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
                self.path, f"is not a whole .dlpk ({one_line(error)})", "copy or train the model again"
            ) from error


class Beside:
    """A definition (``.emd``) and the files beside it.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            beside = [each for each in path.parent.iterdir() if each.is_file() and not each.is_symlink()]
            self.sizes = {
                each.name: each.stat().st_size for each in beside if each.suffix != ".emd" or each.name == path.name
            }
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


def open_files(path: Path) -> Archive | Beside:
    """The files of a package: a ``.dlpk``, an ``.emd`` with its weights beside it, or a folder that holds one of them.

    Raises:
        InputError: none of these, or not one that can be trusted.
    """
    if not path.exists():
        raise InputError(path, "does not exist", "check the path to the model")
    if path.is_dir():
        inside = sorted(path.glob("*.dlpk")) or sorted(path.glob("*.emd"))
        if len(inside) != 1:
            kind = inside[0].suffix if inside else ".dlpk"
            raise InputError(path, f"holds {len(inside)} {kind} files", "pass the path of one")
        path = inside[0]
    return Beside(path) if path.suffix.lower() == ".emd" else Archive(path)


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


def _checked(path: Path, entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Files among the entries, refused where they could do harm."""
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        parts = name.removesuffix("/").replace("\\", "/").split("/")
        if {"", ".", ".."} & set(parts) or ":" in name or not harmless(name):
            raise InputError(path, f"holds the unsafe name {shown(name)}", _DISTRUST)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or entry.external_attr & _REPARSE_POINT:
            raise InputError(path, f"holds {shown(name)}, which is a link", _DISTRUST)
        if name.casefold() in seen:
            raise InputError(path, f"holds {shown(name)} twice", _DISTRUST)
        seen.add(name.casefold())
        if entry.flag_bits & 0x1:
            raise InputError(path, f"holds {shown(name)} encrypted", "unpack it with its password and pack it anew")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            what = f"holds {shown(name)} packed by method {entry.compress_type}"
            raise InputError(path, what, "pack it anew with deflate")
        if entry.file_size > max(_SMALL, _MOST_RATIO * entry.compress_size):
            what = f"holds {shown(name)}, which unpacks to {entry.file_size:,} from {entry.compress_size:,} bytes"
            raise InputError(path, what, _DISTRUST)
    files = [entry for entry in entries if not entry.is_dir()]
    size = sum(entry.file_size for entry in files)
    if len(files) > _MOST_FILES or size > MOST_BYTES:
        raise InputError(path, f"unpacks to {len(files)} files of {size} bytes", "pass a .dlpk of one model")
    return files
