"""Zips from untrusted sources: entries checked, unpacked whole or not at all."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path

from littoral.errors import InputError, WriteError, is_printable

_CHUNK = 2**16
_SMALL = 2**20
_REPARSE_POINT = 0x400
_DISTRUST = "do not use this file"


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

    Every file's CRC-32 is checked. Names that lead out of the folder, links, files
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
        entries = checked_entries(path, archive.infolist(), most_files, most_bytes)
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


def entry_name(name: str) -> str:
    r"""Name of a zip's entry with ``/`` between folders and none in front; some programs write ``.\\a`` or ``./a``.

    >>> entry_name("./a/b"), entry_name("a\\b")
    ('a/b', 'a/b')
    """
    name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name


def checked_entries(
    path: Path,
    entries: Iterable[zipfile.ZipInfo],
    most_files: int,
    most_bytes: int,
    *,
    methods: Collection[int] | None = None,
    most_ratio: int | None = None,
) -> list[zipfile.ZipInfo]:
    """The files among a zip's entries, none of which can do harm; nothing is unpacked.

    Names with ``./`` in front or backslashes between folders, as some programs write them, are put right in
    ``filename``; the entries still open.

    Args:
        path: The zip, for messages.
        entries: Of its directory.
        most_files: Allowed.
        most_bytes: Allowed when unpacked.
        methods: Of packing that are allowed; None: all.
        most_ratio: Of unpacked to packed bytes, for files over 1 MiB; None: any.

    Raises:
        InputError: names that lead out of the folder or hold control characters, links, two files of one name,
            encrypted files, other methods, or more than is allowed.
    """
    found, seen = [], set()
    for entry in entries:
        name = entry_name(entry.filename)
        parts = name.removesuffix("/").split("/")
        if name and ({"", ".", ".."} & set(parts) or ":" in name or not is_printable(name)):
            raise InputError(path, f"holds the unsafe name {entry.filename!r}", _DISTRUST)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or entry.external_attr & _REPARSE_POINT:
            raise InputError(path, f"holds {name!r}, which is a link", _DISTRUST)
        if not name or name.endswith("/"):
            continue
        if name.casefold() in seen:
            raise InputError(path, f"holds {name!r} twice", _DISTRUST)
        seen.add(name.casefold())
        if entry.flag_bits & 0x1:
            raise InputError(path, f"holds {name!r} encrypted", "unpack it with its password and pack it anew")
        if methods is not None and entry.compress_type not in methods:
            what = f"holds {name!r} packed by method {entry.compress_type}"
            raise InputError(path, what, "pack it anew with deflate")
        if most_ratio is not None and entry.file_size > max(_SMALL, most_ratio * entry.compress_size):
            what = f"holds {name!r}, which unpacks to {entry.file_size:,} from {entry.compress_size:,} bytes"
            raise InputError(path, what, _DISTRUST)
        entry.filename = name
        found.append(entry)
    size = sum(entry.file_size for entry in found)
    if len(found) > most_files or size > most_bytes:
        what = f"unpacks to {len(found):,} files of {size:,} bytes, more than {most_files:,} files or {most_bytes:,}"
        raise InputError(path, what, _DISTRUST)
    return found


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
