"""Find and read the text files of a folder of tiles, and the files that its map names."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from littoral.errors import InputError

MAP, STATS, ACCUMULATED, DEFINITION = "map.txt", "stats.txt", "esri_accumulated_stats.json", "esri_model_definition.emd"
IMAGES = "images"
COMMITTED = "commit"
"""File in an unfinished export from the moment on when all of it is written and only has to be renamed."""
_SUFFIXES = {".tif", ".tiff", ".png", ".jpg", ".jpeg", ".mrf"}


def find_folders(path: Path) -> list[Path]:
    """The folder itself, or the folders in it that hold tiles.

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
    above = [folder for folder in path.absolute().parents[:2] if holds_tiles(folder)]
    if not above:
        for plain in ([path], _folders_in(path)):
            if found := [folder for folder in plain if _plain_class_folders(folder)]:
                return found
    what, remedy = "is no Labeled_Tiles folder (no map.txt)", "pass the folder that holds map.txt"
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
    """Where an export to ``folder`` writes until it is whole.

    >>> unfinished(Path("/coast/tiles")).as_posix()
    '/coast/.tiles.unfinished'
    """
    place = folder.absolute()
    return place.parent / f".{place.name}.unfinished"


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """Images by class, of folders ``images/<class>`` or ``<class>``, in the order of the names."""
    return _images_by_class(find_entry(folder, IMAGES)) or _plain_class_folders(folder)


def _plain_class_folders(folder: Path) -> dict[str, list[Path]]:
    """Images by class of a folder ``<class>/*.png``, as image datasets come; empty for any other folder."""
    by_class = _images_by_class(folder)
    return {} if {name.casefold() for name in by_class} & {IMAGES, "labels"} else by_class


def _images_by_class(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        return {}
    by_class = {
        one.name: sorted(file for file in one.iterdir() if file.suffix.lower() in _SUFFIXES)
        for one in _folders_in(folder)
    }
    return {name: files for name, files in by_class.items() if files}


class MappedFiles:
    """Files of a folder by the paths that its map has for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path:
        """Path of a file, in the letter case that it has; of one that is not there, the path as the map has it.

        Of an absolute path, which was that of another computer, the part from ``images`` or ``labels`` on counts, or
        else the last folder and the file.

        Args:
            name: With slashes.

        Raises:
            ValueError: it leads out of the folder.
        """
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts or not parts:
            raise ValueError(name)
        if name.startswith("/") or re.match("[A-Za-z]:", name):
            known = [at for at, part in enumerate(parts[:-1]) if part.casefold() in (IMAGES, "labels")]
            parts = parts[known[-1] if known else -2 :]
        path = self._folder.joinpath(*parts)
        if path.exists():
            return path
        path = self._folder
        for part in parts:
            if path not in self._listed:
                entries = path.iterdir() if path.is_dir() else ()
                self._listed[path] = {entry.name.casefold(): entry.name for entry in entries}
            path /= self._listed[path].get(part.casefold(), part)
        return path


def find_entry(folder: Path, name: str) -> Path:
    """Path of an entry of the folder, whose name may be in another letter case."""
    path = folder / name
    if path.exists() or not folder.is_dir():
        return path
    return next((entry for entry in folder.iterdir() if entry.name.casefold() == name.casefold()), path)


def read_map(folder: Path) -> Iterator[tuple[int, str, str | None]]:
    """Lines of the map: their number, the image, and the label if the line names one; paths with slashes.

    Raises:
        InputError: not a text that can be read.
    """
    for number, line in enumerate(read_text(find_entry(folder, MAP)).splitlines(), start=1):
        columns = _columns(line)
        if columns:
            # With a second raster, the images cut from it stand between.
            yield number, columns[0], next((name for name in columns[1:] if name.lower().endswith(".xml")), None)


def read_image_map(folder: Path) -> list[str] | None:
    """Images that the map of an Imagenet folder names, one in each line, with slashes; None without a map.

    Raises:
        InputError: not a text that can be read.
    """
    path = find_entry(folder, MAP)
    if not path.exists():
        return None
    return [line.strip() for line in read_text(path).replace("\\", "/").splitlines() if line.strip()]


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


def decoded(content: bytes) -> str:
    """Text in UTF-8, in UTF-16, or in the code page of Windows for western Europe (cp1252).

    Raises:
        UnicodeDecodeError: none of them.

    >>> [decoded("Côte".encode(name)) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252")]
    ['Côte', 'Côte', 'Côte', 'Côte', 'Côte']
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    if b"\0" in content[:2]:
        # Without a mark: such files begin with an ASCII character.
        return content.decode("utf-16-be" if content[0] == 0 else "utf-16-le")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def read_text(path: Path) -> str:
    """Read a text file in any of the encodings of :func:`decoded`.

    Raises:
        InputError: not there, not a file, or not a text.
    """
    remedy = "pass a whole Labeled_Tiles folder"
    if path.exists() and not path.is_file():
        raise InputError(path, "is not a file", remedy)
    try:
        return decoded(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", remedy) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: not there, or not a JSON object.
    """
    try:
        content = json.loads(read_text(path))
    except RecursionError as error:
        raise InputError(path, "is nested too deep", "pass a whole Labeled_Tiles folder") from error
    except ValueError as error:
        raise InputError(path, f"cannot be read ({error})", "pass a whole Labeled_Tiles folder") from error
    if not isinstance(content, dict):
        raise InputError(path, "is no JSON object", "pass a whole Labeled_Tiles folder")
    return content


def holds_tiles(folder: Path) -> bool:
    """Whether a folder has a map, or images in ``images/<class>``."""
    return find_entry(folder, MAP).exists() or bool(_images_by_class(find_entry(folder, IMAGES)))


def _folders_in(path: Path) -> list[Path]:
    """Folders in a folder, sorted by name, without hidden ones."""
    return sorted(one for one in path.iterdir() if not one.name.startswith(".") and one.is_dir())
