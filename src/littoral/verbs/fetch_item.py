"""Fetch an item of an ArcGIS portal into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from littoral.options import Cli, Overwrite
from littoral.progress import Track, silent
from littoral.vectors.options import CategoryTable
from littoral.verbs.parameters import FolderOut

if TYPE_CHECKING:
    from littoral.tiles import FetchedItem


@dataclass(frozen=True)
class FetchItemSummary:
    """An item of a portal, fetched."""

    fetched: FetchedItem
    """The item, and the folders of tiles in it."""

    def __str__(self) -> str:
        text = [f"  {folder}" for folder in self.fetched.folders]
        if self.fetched.path.is_dir() and not self.fetched.folders:
            text.append("  no folder of labelled tiles is in it")
        if self.fetched.item.attribution:
            text.append(f"credits: {self.fetched.item.attribution}")
        return "\n".join([*text, f"{self.fetched.path}: {self.fetched}"])


def fetch_item(
    item_id: Annotated[str, Cli(metavar="ITEM_ID")],
    output: FolderOut,
    *,
    portal: Annotated[
        str | None, Cli(metavar="URL", default="that of the environment variable LITTORAL_PORTAL, else ArcGIS Online")
    ] = None,
    token: Annotated[str | None, Cli(default="that of LITTORAL_PORTAL_TOKEN, which no list of processes shows")] = None,
    categories: CategoryTable = None,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> FetchItemSummary:
    """Fetch training tiles or a model from an ArcGIS portal.

    The item is unpacked if it is a zip. Run again, it fetches nothing that is there already.

    Args:
        item_id: The item's 32 digits, as after id= in its address.
        output: Folder to write; brought up to date if it exists.
        portal: Address of ArcGIS Enterprise or of an organisation's portal.
        token: Token for an item that is not public.
        overwrite: Replace the item if it is there, with all that was added to it.
        track: Shows progress, a step per 64 KiB.
    """
    from littoral.tiles import fetch_item as fetch
    from littoral.verbs.inputs import read_scheme

    fetched = fetch(
        item_id,
        output,
        portal=portal,
        token=token,
        overwrite=overwrite,
        categories=read_scheme(categories),
        track=track,
    )
    return FetchItemSummary(fetched)
