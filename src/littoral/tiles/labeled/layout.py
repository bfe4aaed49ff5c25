"""Where things stand in a folder of tiles, and its text files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from littoral.errors import InputError

MAP, STATS, ACCUMULATED, DEFINITION = "map.txt", "stats.txt", "esri_accumulated_stats.json", "esri_model_definition.emd"
IMAGES = "images"
COMMITTED = "commit"
"""In what is unfinished: from here on it is only moved to its place."""
_SUFFIXES = {".tif", ".tiff", ".png", ".jpg", ".jpeg", ".mrf"}


def find_folders(path: Path) -> list[Path]:
    """The folder itself, or those in it that hold tiles.

    Raises:
        InputError: not there, left unfinished by an export, or no folder of tiles; the sentence names one nearby.
    """
    for target in (path, path.absolute().parent):
        if (unfinished(target) / COMMITTED).exists():
            raise InputError(
                path, f"is not whole, as an export to {target} was interrupted at its very end", "run that export again"
            )
    if not path.is_dir():
        if unfinished(path).exists() or (unfinished(path.parent) / "tiles" / path.name).exists():
            raise InputError(path, "is not there, as an export to it was interrupted", "run that export again")
        raise InputError(path, "is not a folder", "pass the folder that littoral tiles wrote")
    if holds_tiles(path):
        return [path]
    if inside := [folder for folder in _folders_in(path) if holds_tiles(folder)]:
        return inside
    what, remedy = "is no Labeled_Tiles folder (no map.txt)", "pass the folder that holds map.txt"
    above = [folder for folder in path.absolute().parents[:2] if holds_tiles(folder)]
    below = [folder for one in _folders_in(path) for folder in _folders_in(one) if holds_tiles(folder)]
    if above:
        up = "the folder one level up" if above[0] == path.absolute().parent else "the folder two levels up"
        remedy = f"pass {up}, {above[0]}"
    elif below:
        remedy = f"the tiles lie further down, pass {below[0]}"
    elif any(path.glob(unfinished(path / "*").name)):
        what, remedy = "holds no tiles, as an export into it was interrupted", "run that export again"
    raise InputError(path, what, remedy)


def unfinished(folder: Path) -> Path:
    """Where an export collects what is to become ``folder``.

    >>> unfinished(Path("/coast/tiles")).as_posix()
    '/coast/.tiles.unfinished'
    """
    place = folder.absolute()
    return place.parent / f".{place.name}.unfinished"


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """Images by class, where each class has its folder; in the order of the names."""
    images = folder / IMAGES
    if not images.is_dir():
        return {}
    by_class = {
        one.name: sorted(file for file in one.iterdir() if file.suffix.lower() in _SUFFIXES)
        for one in _folders_in(images)
    }
    return {name: files for name, files in by_class.items() if files}


def read_map(folder: Path) -> Iterator[tuple[int, str, str | None]]:
    """Lines of the map: their number, the image, and the label if the line names one; paths with slashes.

    Raises:
        InputError: not a text that can be read.
    """
    for number, line in enumerate(read_text(folder / MAP).splitlines(), start=1):
        columns = _columns(line)
        if columns:
            # With a second raster, the images cut from it stand between.
            yield number, columns[0], next((name for name in columns[1:] if name.lower().endswith(".xml")), None)


def read_image_map(folder: Path) -> set[Path] | None:
    """Images that the map of an Imagenet folder names, one in each line; None without a map.

    Raises:
        InputError: not a text that can be read.
    """
    if not (folder / MAP).exists():
        return None
    lines = read_text(folder / MAP).replace("\\", "/").splitlines()
    return {folder / line.strip() for line in lines if line.strip()}


def _columns(line: str) -> list[str]:
    """
    >>> _columns(r"images\\0.tif  labels\\0.xml "), _columns("images/0.tif labels/0.xml"), _columns(" ")
    (['images/0.tif', 'labels/0.xml'], ['images/0.tif', 'labels/0.xml'], [])
    >>> _columns(r"images\\old pier\\0.tif  labels\\0.xml")
    ['images/old pier/0.tif', 'labels/0.xml']
    """
    line = line.strip().replace("\\", "/")
    # Names may have a blank in them, so two of them or a tab part columns where there are any.
    columns = re.split(r"\t\s*|\s{2,}", line) if line else []
    return line.split() if len(columns) == 1 else columns


def read_text(path: Path) -> str:
    """
    Raises:
        InputError: not there, or not a text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "pass a whole Labeled_Tiles folder") from error


def read_json(path: Path) -> dict[str, Any]:
    """
    Raises:
        InputError: not there, or not a JSON object.
    """
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(path, f"cannot be read ({error})", "pass a whole Labeled_Tiles folder") from error
    if not isinstance(content, dict):
        raise InputError(path, "is no JSON object", "pass a whole Labeled_Tiles folder")
    return content


def holds_tiles(folder: Path) -> bool:
    return (folder / MAP).exists() or bool(class_folders(folder))


def _folders_in(path: Path) -> list[Path]:
    """Sorted by name; hidden ones are what other programs, or unfinished exports, keep for themselves."""
    return sorted(one for one in path.iterdir() if not one.name.startswith(".") and one.is_dir())
