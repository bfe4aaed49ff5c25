"""One item of a portal, and its file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from littoral.errors import InputError, WriteError
from littoral.http import PATIENT, Patience, shown_address
from littoral.progress import Track, silent
from littoral.tiles.portal.rest import Portal, one_line

_ID = re.compile(r"[0-9a-fA-F]{32}")
_NO_FILE_NAME = re.compile(r"""^\.|[/\\:*?"<>|\x00-\x1f\x7f]|[. ]$""")
"""Parts of names that lead to another folder, hide the file, or are not allowed on Windows, macOS or Linux."""


@dataclass(frozen=True, repr=False)
class Item:
    """Description of an item by its portal."""

    id: str
    """32 hexadecimal digits."""
    title: str
    """Title."""
    type: str
    """E.g. Image Collection or Deep Learning Package."""
    name: str | None
    """Of its file, chosen by its owner and not trusted; None where it has none."""
    size: int
    """Of its file in bytes; -1 where unknown."""
    modified: int | None
    """When, in milliseconds since 1970 (UTC)."""
    owner: str
    """The member's name."""
    access: str
    """Who may see it: public, org, shared or private."""
    licence: str
    """Terms of use, may be HTML; empty where none are stated."""
    attribution: str
    """Credits; empty where none are stated."""
    url: str | None
    """Of the service or page, for items without a file."""
    portal: Portal = field(compare=False)
    """Where it is."""

    def __repr__(self) -> str:
        return f'<Item title:"{self.title}" type:{self.type} owner:{self.owner}>'

    def download(
        self,
        save_path: str | Path | None = None,
        file_name: str | None = None,
        *,
        patience: Patience = PATIENT,
        track: Track = silent,
    ) -> str:
        """Download the item's file; an interrupted download is resumed by the next call, an unchanged file is kept.

        The version that is there is remembered in ``<name>.version.json`` beside the file.

        Args:
            save_path: Folder, made if it is not there; None: that of the system for temporary files.
            file_name: Without folders; None: the item's.
            patience: Retries and time limits.
            track: Shows progress, a step per 64 KiB.

        Returns:
            Path of the file.

        Raises:
            InputError: the item has no file, or its name is none.
            DownloadError: the portal refuses, or what it sent is not of the item's size.
            WriteError: the disk refused; a file that was there is as it was.
        """
        if not self.name or self.url:
            remedy = f"open {shown_address(self.url)} instead" if self.url else "use it in the portal"
            raise InputError(f"Item {self.id}", f"is of the type {self.type}, which has no file to fetch", remedy)
        folder = Path(tempfile.gettempdir() if save_path is None else save_path)
        path = folder / checked_name(file_name or self.name)
        size = self.size if self.size > 0 else None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.is_file() and path.stat().st_size != size:
                # Another file than the one fetched: its recorded version does not apply.
                path.with_name(f"{path.name}.version.json").unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(folder, error) from error
        self.portal.fetch(self.id, path, size=size, patience=patience, track=track)
        return str(path)


def ask_item(portal: Portal, item_id: str, patience: Patience = PATIENT) -> Item:
    """Get the description of an item from a portal.

    Raises:
        InputError: not an id.
        NoItemError: the portal has no such item.
        DownloadError: it refuses the token, or is no portal.
    """
    wanted = item_id.strip()
    if not _ID.fullmatch(wanted):
        raise InputError(
            f"The id {wanted!r}", "is not that of an item", "pass its 32 digits, as after id= in its address"
        )
    return _item(portal, wanted, portal.describe(wanted, patience))


def checked_name(name: str) -> str:
    """
    >>> checked_name("tiles of 2024.zip")
    'tiles of 2024.zip'

    Raises:
        InputError: no name that a file can have everywhere, or one with a folder in it.
    """
    if not name or len(name.encode(errors="replace")) > 200 or _NO_FILE_NAME.search(name):
        remedy = "use a plain name without a folder; in Python, download(save_path, file_name) takes both"
        raise InputError(f"The file name {name!r}", "cannot be used", remedy)
    return name


def _item(portal: Portal, item_id: str, content: Mapping[str, Any]) -> Item:
    def text(key: str) -> str:
        return one_line(content[key]) if isinstance(content.get(key), str) else ""

    def whole(key: str) -> int | None:
        value = content.get(key)
        return int(value) if isinstance(value, int | float) and abs(value) < 2**63 else None

    name, size = content.get("name"), whole("size")
    return Item(
        item_id,
        text("title"),
        text("type") or "unknown",
        name if isinstance(name, str) and name else None,
        -1 if size is None else size,
        whole("modified"),
        text("owner"),
        text("access"),
        text("licenseInfo"),
        text("accessInformation"),
        text("url") or None,
        portal,
    )
