"""Download an item of a portal, unpack it, and list the folders of tiles in it."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from littoral.categories import CATCOA, Scheme
from littoral.errors import ExistsError, InputError, WriteError
from littoral.http import PATIENT, Patience, unpack_zip
from littoral.progress import Track, silent
from littoral.tiles.labeled.layout import holds_tiles
from littoral.tiles.labeled.listing import read_listing
from littoral.tiles.portal.items import Item, ask_item, checked_name
from littoral.tiles.portal.rest import find_portal, one_line
from littoral.vectors import staged

_DOWNLOADS = ".downloads"
_MOST_FILES = 1_000_000
_MOST_TIMES, _AT_LEAST_BYTES = 100, 2**28
"""Most times its size that a zip may unpack to, as tiles that are mostly empty do; 256 MiB are always allowed."""


@dataclass(frozen=True)
class TileFolder:
    """A folder of labelled tiles that came with an item."""

    path: Path
    """Of the folder."""
    tiles: dict[str, int]
    """Number of tiles by name of the class, in the order of the class values."""
    problem: str | None
    """Why littoral cannot read it, a sentence; None where it can."""

    def __str__(self) -> str:
        classes = ", ".join(f"{name} {count:,}" for name, count in self.tiles.items())
        content = self.problem or f"{sum(self.tiles.values()):,} tiles ({classes or 'no class'})"
        return one_line(f"{self.path.name}: {content}")


@dataclass(frozen=True)
class FetchedItem:
    """Result of :func:`fetch_item`."""

    item: Item
    """Its description by the portal."""
    path: Path
    """The folder that the zip was unpacked to, or the file."""
    size: int
    """Bytes fetched; 0 where the item was there unchanged."""
    folders: tuple[TileFolder, ...]
    """Folders of tiles in it, by path."""

    def __str__(self) -> str:
        done = f"{self.size / 1e6:.1f} MB fetched" if self.size else "unchanged, nothing fetched"
        return f"{self.item.title or self.item.id} ({self.item.type}), {done}"


def fetch_item(
    item_id: str,
    folder: str | Path,
    *,
    portal: str | None = None,
    token: str | None = None,
    overwrite: bool = False,
    categories: Scheme = CATCOA,
    patience: Patience = PATIENT,
    track: Track = silent,
) -> FetchedItem:
    """Fetch an item of a portal into a folder, and unpack it where its file is a zip.

    A zip ``<name>.zip`` is unpacked to ``<folder>/<name>`` as a whole or not at all, without an outermost folder of the
    same name; it is not trusted, see :func:`littoral.http.unpack_zip`. Any other file is kept as it is. The portal's
    description of the item, with its terms of use, is written to ``<folder>/<id>.item.json``; as long as the portal
    has the same file, size and time of change, a later call fetches nothing. An interrupted download is resumed.

    Args:
        item_id: 32 hexadecimal digits.
        folder: Made if it is not there.
        portal: Its address; None: that of the environment variable LITTORAL_PORTAL, or ArcGIS Online.
        token: Of a member with access to the item; None: that of the environment variable LITTORAL_PORTAL_TOKEN, or
            none.
        overwrite: Replace what is in the place of the item, with all that was added to it since.
        categories: Names of classes whose name in a folder is only their number.
        patience: Retries and time limits.
        track: Shows progress, a step per 64 KiB.

    Raises:
        InputError: not an id, an item without a file, a zip that is damaged or unsafe; files that were there stay.
        ExistsError: something else is in the place of the item.
        DownloadError: the portal has no such item, refuses the token, cannot be reached, or sent something else.
        WriteError: the disk refused; the downloaded part stays for the next call.

    Memory: 1 KB per file of a zip.
    """
    folder = Path(folder)
    item = ask_item(find_portal(portal, token), item_id, patience)
    record = folder / f"{item.id}.item.json"
    name = item.name or item.id
    place = folder / checked_name(name[: -len(".zip")] if _is_zip(item) else name)
    waiting, size = folder / _DOWNLOADS / item.id, 0
    if not _is_current(item, record, place):
        _check_place(item, record, place, overwrite)
        size = _fetch(item, waiting, record, place, patience, track)
    shutil.rmtree(waiting, ignore_errors=True)
    with suppress(OSError):
        waiting.parent.rmdir()
    return FetchedItem(item, place, size, tuple(_tile_folders(place, categories)))


def _is_zip(item: Item) -> bool:
    return item.name is not None and item.name.lower().endswith(".zip")


def _fetch(item: Item, waiting: Path, record: Path, place: Path, patience: Patience, track: Track) -> int:
    """Download the file to a folder of its own, move or unpack it to its place, and return its size in bytes."""
    path = Path(item.download(waiting, patience=patience, track=track))
    size = path.stat().st_size
    replaces = place.exists()
    try:
        if not replaces:
            # Written first: after a kill in between, the next call recognises the folder as the item's.
            _write_record(item, record)
        if _is_zip(item):
            most = max(_AT_LEAST_BYTES, _MOST_TIMES * size)
            unpack_zip(path, place, within=place.name, most_files=_MOST_FILES, most_bytes=most)
        else:
            os.replace(path, place)
        if replaces:
            _write_record(item, record)
    except InputError:
        # A file that stayed would be taken for the item, and refused in each call.
        shutil.rmtree(waiting, ignore_errors=True)
        if not replaces:
            record.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise WriteError(place, error) from error
    return size


def _write_record(item: Item, record: Path) -> None:
    with staged(record) as stage:
        stage.write_text(json.dumps(_stated(item), indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _stated(item: Item) -> dict[str, Any]:
    """The item's description as JSON values, without the token."""
    stated = {each.name: getattr(item, each.name) for each in fields(item) if each.name != "portal"}
    return {"portal": item.portal.address, **stated}


def _is_current(item: Item, record: Path, place: Path) -> bool:
    known, now = _read_record(record), _stated(item)
    there = place.is_dir() if _is_zip(item) else place.is_file() and item.size in (-1, 0, place.stat().st_size)
    return there and all(known.get(key) == now[key] for key in ("portal", "id", "name", "size", "modified"))


def _check_place(item: Item, record: Path, place: Path, overwrite: bool) -> None:
    if overwrite or not place.exists():
        return
    if _read_record(record).get("name") == item.name:
        raise InputError(
            place,
            "is not as the portal has the item now",
            "pass --overwrite (overwrite=True) to replace all that is in it, or choose another folder",
        )
    raise ExistsError(place)


def _read_record(record: Path) -> dict[str, Any]:
    """Empty where there is none or it is damaged: the item is then fetched again."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _tile_folders(place: Path, categories: Scheme) -> list[TileFolder]:
    found = []
    for where, folders, _ in os.walk(place):
        folders.sort()
        if holds_tiles(Path(where)):
            folders.clear()
            found.append(_tile_folder(Path(where), categories))
    return found


def _tile_folder(path: Path, categories: Scheme) -> TileFolder:
    try:
        listing = read_listing(path, categories)
    except InputError as error:
        return TileFolder(path, {}, str(error))
    counts = Counter(listing.codes)
    return TileFolder(path, {listing.classes[code].name: counts[code] for code in sorted(counts)}, None)
