"""Unpack zip archives from untrusted sources: entries are checked, and unpacking is all or nothing."""

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
    """Unpack a zip archive into ``folder``, replacing the folder's content.

    The CRC-32 of every file is checked. Names that lead out of the folder, links, duplicate names, and more than
    ``most_files`` or ``most_bytes`` are rejected before anything is written (no file unpacks to more than the size in
    the archive's directory). The content is unpacked to ``.<folder>.new`` in the same parent folder and then renamed.

    Args:
        path: The archive.
        folder: Created or replaced; its parent folder must exist.
        must_hold: Name of a file (without folders, case ignored) that the archive must contain.
        within: Name of a top folder that is dropped from the paths if all files are in it.
        most_files: Largest number of files.
        most_bytes: Largest total size when unpacked, bytes.

    Returns:
        ``folder``.

    Raises:
        InputError: not a zip, damaged, unsafe, or without ``must_hold``; ``folder`` is unchanged.
        WriteError: writing failed; ``folder`` is unchanged.
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
    r"""Name of a zip entry with ``/`` between folders and no leading ``./``; some programs write ``.\\a`` or ``./a``.

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
    """Check a zip's entries and return those that are files; nothing is unpacked.

    A leading ``./`` and backslashes between folders, as some programs write them, are corrected in ``filename``; the
    entries can still be opened.

    Args:
        path: The archive, for messages.
        entries: Entries of its directory.
        most_files: Largest number of files.
        most_bytes: Largest total size when unpacked, bytes.
        methods: Allowed compression methods; None: all.
        most_ratio: Largest ratio of unpacked to packed size, checked for files over 1 MiB; None: any.

    Raises:
        InputError: names that lead out of the folder or contain control characters, links, duplicate names, encrypted
            files, other compression methods, or limits exceeded.
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
    """Replace a folder by two renames: the old one aside, the new one in place; undone on failure."""
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
