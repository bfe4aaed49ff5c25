"""The cache of packs: a pack is created by one process while others wait, and appears only when complete."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from littoral.errors import LittoralWarning, WriteError
from littoral.tiles.packed.pack import PackContents, read_pack

Make = Callable[[Path, str], PackContents]
"""Function that writes a pack to an empty folder, given the folder and the key of the pack."""


def cache_folder(given: str | Path | None = None) -> Path:
    """The given folder, else that in ``LITTORAL_CACHE``, else the user's cache folder on this system."""
    own = os.environ.get("LITTORAL_CACHE")
    if given is not None or own:
        return Path(given or own or "").expanduser()
    return user_cache_path("littoral", appauthor=False)


def keep(cache: str | Path | None, key: str | None, needed_bytes: int, make: Make) -> PackContents:
    """Open the pack of a key, and create it first if it does not exist.

    Args:
        cache: Cache folder; None: the user's.
        key: Key of the pack; None: a temporary pack, which exists as long as this process has it mapped.
        needed_bytes: Size of the pack.
        make: Creates the pack.

    Raises:
        WriteError: writing failed, or the disk has too little free space; nothing is left behind.
    """
    root = cache_folder(cache) / "tiles"
    try:
        root.mkdir(parents=True, exist_ok=True)
        if key is not None:
            return _kept(root, key, needed_bytes, make)
        _need_room(root, needed_bytes)
        # Mapped files stay readable after their folder is deleted, until they are unmapped.
        with tempfile.TemporaryDirectory(dir=root, prefix=".once-", ignore_cleanup_errors=True) as stage:
            return make(Path(stage), "")
    except OSError as error:
        raise WriteError(root, error) from error


def _kept(root: Path, key: str, needed_bytes: int, make: Make) -> PackContents:
    place = root / key
    if (found := read_pack(place, key)) is not None:
        return found
    with _alone(root / f"{key}.lock"):
        if (found := read_pack(place, key)) is not None:
            return found
        if place.exists():
            warnings.warn(f"{place} was damaged, so its tiles are made anew", LittoralWarning, stacklevel=4)
            shutil.rmtree(place)
        # With the lock held, any staging folder of this key was left by a killed process.
        for left in root.glob(f".{key}-*"):
            shutil.rmtree(left, ignore_errors=True)
        _need_room(root, needed_bytes)
        stage = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=root))
        try:
            # The returned pack is not kept: Windows cannot rename a folder while a file in it is mapped.
            make(stage, key)
            os.replace(stage, place)
        except OSError:
            # If the cache was deleted meanwhile, with its lock, another process may have created the pack.
            if not place.exists():
                raise
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        if (found := read_pack(place, key)) is None:
            raise OSError(errno.EIO, "what was written there does not read back")
        return found


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Lock a file; other processes wait, with a warning, until it is released."""
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        warnings.warn("another process makes the same tiles: waiting for it", LittoralWarning, stacklevel=6)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _need_room(root: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(root).free
    if needed_bytes > free:
        raise OSError(errno.ENOSPC, f"it takes {needed_bytes / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")
