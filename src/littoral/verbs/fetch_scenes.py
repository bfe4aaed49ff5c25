"""Fetch the files of scenes into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.imagery.options import FetchScenesOptions
from littoral.options import File
from littoral.progress import Track, silent
from littoral.verbs.parameters import FolderOut

if TYPE_CHECKING:
    from littoral.imagery.stac.download import FetchedScenes


@dataclass(frozen=True)
class FetchScenesSummary:
    """A folder of scenes brought up to date."""

    output: Path
    """The folder."""
    fetched: FetchedScenes
    """Files that were fetched and kept."""

    def __str__(self) -> str:
        return f"{self.output}: {self.fetched}"


def fetch_scenes(
    items: Annotated[str | Path, File("items")],
    output: FolderOut,
    options: FetchScenesOptions = FetchScenesOptions(),
    *,
    track: Track = silent,
) -> FetchScenesSummary:
    """Fetch the scenes that search found.

    A folder for each scene, with whole files and an item.json that opens offline. Run again, it fetches only what has
    changed since.

    Args:
        items: What search wrote, or the file or address of an item.
        output: Folder to write; brought up to date if it exists.
        options: Which files are fetched.
        track: Shows progress, a step per 64 KiB.
    """
    from littoral.imagery import fetch_scenes as fetch

    return FetchScenesSummary(Path(output), fetch(items, output, options, track=track))
