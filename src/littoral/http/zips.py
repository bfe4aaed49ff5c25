"""Zips of strangers, unpacked whole or not at all."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from littoral.errors import InputError, WriteError

_CHUNK = 2**16


def unpack_zip(
    path: str | Path,
    folder: str | Path,
    *,
    must_hold: str | None = None,
    within: str = "",
    most_files: int = 10_000,
    most_bytes: int = 2**32,
) -> Path:
    """Unpack a zip as a whole into ``folder``, in the place of what was there.

    Every file's CRC-32 is checked. A stranger's zip is not trusted: names that lead out of the folder, links, files
    under one name and more than ``most_files`` or ``most_bytes`` are refused before anything is written (no file
    unpacks to more than the zip's directory says). All is unpacked to ``.<folder>.new`` beside and then renamed.

    Args:
        path: The zip.
        folder: Made, or replaced; its own folder must be there.
        must_hold: Name of a file (without folders, any case) that the zip must have.
        within: Name of a folder that is left out where all files of the zip are in it.
        most_files: Allowed.
        most_bytes: Allowed when unpacked.

    Returns:
        ``folder``.

    Raises:
        InputError: not a zip, damaged, unsafe, or without ``must_hold``; ``folder`` is as it was.
        WriteError: the disk refused; ``folder`` is as it was.
    """
    path, folder = Path(path), Path(folder)
    new = folder.with_name(f".{folder.name}.new")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(path, f"is not a whole zip ({error})", "fetch it again") from error
    with archive:
        entries = _checked_entries(path, archive, most_files, most_bytes)
        names = {entry.filename.rpartition("/")[2].casefold() for entry in entries}
        if must_hold is not None and must_hold.casefold() not in names:
            raise InputError(path, f"does not hold {must_hold}", "see what the zip is, or tell the office")
        outer = f"{within}/"
        if not entries or not all(entry.filename.startswith(outer) for entry in entries):
            outer = ""
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for entry in entries:
                target = new / entry.filename.removeprefix(outer)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
            _put_in_place(new, folder)
        except OSError as error:
            raise WriteError(folder, error) from error
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError) as error:
            raise InputError(path, f"is damaged ({error})", "fetch it again") from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return folder


def _checked_entries(path: Path, archive: zipfile.ZipFile, most_files: int, most_bytes: int) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    size = sum(entry.file_size for entry in entries)
    if len(entries) > most_files or size > most_bytes:
        what = f"unpacks to {len(entries):,} files of {size:,} bytes, more than {most_files:,} files or {most_bytes:,}"
        raise InputError(path, what, "do not unpack this file")
    seen: set[str] = set()
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if {"", ".", ".."} & set(parts) or ":" in entry.filename or "\\" in entry.filename:
            raise InputError(path, f"holds the unsafe name {entry.filename!r}", "do not unpack this file")
        if kind not in (0, stat.S_IFREG):
            raise InputError(path, f"holds {entry.filename!r}, which is a link", "do not unpack this file")
        if entry.filename.casefold() in seen:
            raise InputError(path, f"holds {entry.filename!r} twice", "do not unpack this file")
        seen.add(entry.filename.casefold())
    return entries


def _put_in_place(new: Path, folder: Path) -> None:
    """Two renames: the old folder away, the new one there; on failure the old one back."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
