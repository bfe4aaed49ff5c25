"""Where files are written: what may be, and whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyogrio
from pyogrio.errors import DataSourceError

from littoral.errors import ExistsError, InputError, WriteError, first_line

_NAME_BYTES = 255
"""Most that file systems hold."""
_FULL = 2**20
"""Bytes left on a disk that a writer has given up on: what is at work takes more, be it deleted by then or not."""


def check_output(
    path: Path, overwrite: bool, suffixes: Iterable[str] = (), *, inputs: Iterable[str | Path | None] = ()
) -> None:
    """Refuse early what would be refused late, and what would destroy its own source.

    Args:
        path: The file to be written.
        overwrite: Whether it may be there.
        suffixes: Those allowed; none: any.
        inputs: Files that are read for it; None and what is no file are passed over.

    Raises:
        ExistsError: the path is there and ``overwrite`` is False.
        InputError: it is a folder or one of the inputs, its folder is not there, or its suffix stands for no format.
    """
    allowed = sorted(suffixes)
    if allowed and path.suffix.lower() not in allowed:
        raise InputError(path, "has a suffix that stands for no format", f"use one of {', '.join(allowed)}")
    if len(os.fsencode(path.name)) > _NAME_BYTES:
        raise InputError(path, f"has a name of more than {_NAME_BYTES} bytes", "choose a shorter name")
    if is_there(path) and path.is_dir():
        raise InputError(path, "is a folder", "name the file to write in it")
    if is_there(path) and any(is_there(Path(each)) and path.samefile(each) for each in inputs if each is not None):
        raise InputError(path, "is to be read and to be written", "choose another name for the output")
    if is_there(path) and not overwrite:
        raise ExistsError(path)
    if not (is_there(path.absolute().parent) and path.absolute().parent.is_dir()):
        raise InputError(path, f"lies in {path.parent}, which is not a folder", "make the folder first")


def is_there(path: Path) -> bool:
    """Whether a path leads to something; a name that the system cannot hold does not.

    >>> is_there(Path("x" * 300)), is_there(Path("a\\0b"))
    (False, False)
    """
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write to; renamed to it when all went well, removed when not.

    Raises:
        WriteError: the disk refused.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.absolute().parent))
    except OSError as error:
        raise WriteError(path, error) from error
    try:
        stage = folder / path.name
        yield stage
        # A Shapefile is several files; the named one comes last, so that it never stands alone.
        for file in sorted(folder.iterdir(), key=lambda file: file == stage):
            os.replace(file, path.parent / file.name)
    except (
        OSError,
        DataSourceError,
        sqlite3.OperationalError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
    ) as error:
        raise WriteError(path, error if isinstance(error, OSError) else _reason(error, folder)) from error
    finally:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        except KeyboardInterrupt:
            # Pressed just when it was to go.
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _reason(error: Exception, folder: Path) -> OSError:
    """GDAL says what it did last, not that the disk is full."""
    full = shutil.disk_usage(folder).free < _FULL
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else OSError(first_line(error))
