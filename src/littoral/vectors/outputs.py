"""Check output paths, and write files completely or not at all."""

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
"""Longest file name of common file systems, bytes."""
_FULL = 2**20
"""Free bytes below which a failed write is reported as a full disk."""


def check_output(
    path: Path, overwrite: bool, suffixes: Iterable[str] = (), *, inputs: Iterable[str | Path | None] = ()
) -> None:
    """Check, before the work starts, that an output can be written and does not replace one of its inputs.

    Args:
        path: The file to be written.
        overwrite: Whether an existing file may be replaced.
        suffixes: Allowed suffixes; empty: any.
        inputs: Files that are read to make the output; None and paths that do not exist are ignored.

    Raises:
        ExistsError: the path exists and ``overwrite`` is False.
        InputError: the path is a folder or one of the inputs, its folder does not exist, its name is too long, or its
            suffix is not allowed.
    """
    allowed = sorted(suffixes)
    if allowed and path.suffix.lower() not in allowed:
        raise InputError(path, "has the suffix of no known format", f"use one of {', '.join(allowed)}")
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
    """Whether a path exists; False, not an error, for a name that the file system does not allow.

    >>> is_there(Path("x" * 300)), is_there(Path("a\\0b"))
    (False, False)
    """
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, which is renamed to it at the end, or removed after an error.

    Raises:
        WriteError: the file cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.absolute().parent))
    except OSError as error:
        raise WriteError(path, error) from error
    try:
        stage = folder / path.name
        yield stage
        # Of the several files of a Shapefile, .shp is moved last, so that it is never there without the others.
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
            # Interrupted while deleting: finish the deletion first.
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _reason(error: Exception, folder: Path) -> OSError:
    """The error as an OSError; ENOSPC if the disk is full, which GDAL's message does not mention."""
    full = shutil.disk_usage(folder).free < _FULL
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else OSError(first_line(error))
