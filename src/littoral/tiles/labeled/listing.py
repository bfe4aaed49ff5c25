"""What a folder of tiles lists: images, the class of each, and what the classes are called."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from littoral.categories import UNKNOWN_COLOUR, Category, Scheme
from littoral.errors import InputError
from littoral.tiles.labeled.layout import (
    ACCUMULATED,
    DEFINITION,
    MAP,
    class_folders,
    read_image_map,
    read_json,
    read_map,
)

IMAGENET = "Imagenet"
_ONE_CLASS = {"Labeled_Tiles", IMAGENET}
_OTHER_KINDS = {
    "KITTI_rectangles", "PASCAL_VOC_rectangles", "Classified_Tiles", "RCNN_Masks", "MultiLabeled_Tiles", "Export_Tiles",
    "CycleGAN", "Panoptic_Segmentation",
}  # fmt: skip


@dataclass
class Listing:
    """A folder's tiles by its own text files."""

    folder: Path
    """Where it is."""
    definition: Mapping[str, Any]
    """Its model definition, empty without one."""
    accumulated: Mapping[str, Any]
    """Its statistics, empty without them."""
    classes: dict[int, Category]
    """By value."""
    images: list[Path] = field(default_factory=list)
    """In the order of the map."""
    codes: list[int] = field(default_factory=list)
    """Class value of each image."""
    unlabelled: list[Path] = field(default_factory=list)
    """Images whose label file is not there."""
    classless: list[Path] = field(default_factory=list)
    """Images whose label names no object: they show nothing of any class."""
    absent: list[Path] = field(default_factory=list)
    """Images that are not there."""
    crowded: list[Path] = field(default_factory=list)
    """Labels that name several objects."""
    listed: int = 0
    """Tiles in the map."""

    @property
    def stated(self) -> int | None:
        """How many tiles the folder's statistics speak of; older versions have another key."""
        for key in ("NumTiles", "NumTilesAsDouble"):
            if isinstance(count := self.accumulated.get(key), int | float) and abs(count) < 2**63:
                return int(count)
        return None


def read_listing(folder: Path, scheme: Scheme) -> Listing:
    """Read a folder's text files and labels, no image.

    Raises:
        InputError: a file that is missing or cannot be read, tiles of another kind, a class that is not listed.
    """
    definition, accumulated = (
        read_json(folder / name) if (folder / name).exists() else {} for name in (DEFINITION, ACCUMULATED)
    )
    made = definition.get("Littoral", {})
    if not isinstance(made, dict) or not isinstance(made.get("Tile", {}), dict):
        raise InputError(folder / DEFINITION, "has a Littoral that cannot be read", "export the folder again")
    kind = str(definition.get("MetaDataMode") or accumulated.get("MetaDataMode"))
    if kind in _OTHER_KINDS:
        raise InputError(folder, f"holds tiles of the kind {kind}", f"export {' or '.join(sorted(_ONE_CLASS))}")
    has_map = (folder / MAP).exists()
    if kind == IMAGENET or not has_map:
        classes = _classes(folder, definition, accumulated, scheme, needed=False)
        listing = Listing(folder, definition, accumulated, classes)
        _list_class_folders(listing, scheme)
    else:
        classes = _classes(folder, definition, accumulated, scheme, needed=True)
        listing = Listing(folder, definition, accumulated, classes)
        _list_map(listing)
    return listing


def notes_on(listings: Sequence[Listing]) -> list[str]:
    """What was left out of folders, or taken otherwise than it stands, in sentences."""
    notes = []
    for what, paths in (
        ("images have no label file and were left out", [path for one in listings for path in one.unlabelled]),
        ("images show no object and were left out", [path for one in listings for path in one.classless]),
        ("images in the map are not there and were left out", [path for one in listings for path in one.absent]),
        ("labels name several objects, of which the first counts", [path for one in listings for path in one.crowded]),
    ):
        if paths:
            more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
            notes.append(f"{len(paths)} {what}: {', '.join(str(path) for path in paths[:3])}{more}")
    notes += [
        f"{one.folder} states {one.stated} tiles and lists {one.listed}"
        for one in listings
        if one.stated is not None and one.stated != one.listed
    ]
    return notes + _renamed(listings)


def _renamed(listings: Sequence[Listing]) -> list[str]:
    """Classes that a later folder calls otherwise than the first that has them."""
    first: dict[int, tuple[str, Path]] = {}
    notes = []
    for one in listings:
        for code in sorted(set(one.codes)):
            name, folder = first.setdefault(code, (one.classes[code].name, one.folder))
            if one.classes[code].name != name:
                other = f"{one.classes[code].name} in {one.folder}"
                notes.append(f"class {code} is called {name} in {folder} and {other}; the first name stands for both")
    return notes


def _list_map(listing: Listing) -> None:
    by_name = {category.name: code for code, category in listing.classes.items()}
    for number, image, label in read_map(listing.folder):
        if label is None:
            raise InputError(
                listing.folder / MAP, f"has no label in line {number}", "each line names an image and a label (.xml)"
            )
        listing.listed += 1
        place, written = listing.folder / label, listing.folder / image
        try:
            image_there, label_there = written.exists(), place.exists()
        except OSError as error:
            what = f"has a name in line {number} that no file can have ({error.strerror})"
            raise InputError(listing.folder / MAP, what, "export the folder again") from error
        if not image_there:
            listing.absent.append(written)
        elif not label_there:
            listing.unlabelled.append(written)
        else:
            names = _object_names(place)
            if not names:
                listing.classless.append(written)
                continue
            if len(names) > 1:
                listing.crowded.append(place)
            code = _code(names[0], by_name)
            if code is None or code not in listing.classes:
                raise InputError(
                    place,
                    f"names class {names[0]!r}, which {DEFINITION} does not list",
                    f"use one of {', '.join(map(str, listing.classes))}",
                )
            listing.images.append(written)
            listing.codes.append(code)


def _list_class_folders(listing: Listing, scheme: Scheme) -> None:
    stated = dict(listing.classes)
    by_name = {category.name.casefold(): code for code, category in stated.items()}
    # Names that no file system takes are told apart from those of the folders.
    told = listing.definition.get("Littoral", {}).get("ClassFolders", {})
    try:
        by_name |= {str(name).casefold(): int(code) for code, name in told.items()}
    except (AttributeError, ValueError) as error:
        what = f"has ClassFolders that cannot be read ({error})"
        raise InputError(listing.folder / DEFINITION, what, "export the folder again") from error
    mapped = read_image_map(listing.folder)
    for name, found in class_folders(listing.folder).items():
        files = [file for file in found if mapped is None or file in mapped]
        if not files:
            continue
        code = _code(name.casefold(), by_name)
        if code is None and not stated:
            code = scheme.code_of(name)
        if code is None or (stated and code not in stated):
            raise InputError(
                files[0].parent,
                f"is named after no class in {DEFINITION}",
                f"call it one of {', '.join(category.name for category in stated.values())}",
            )
        listing.classes.setdefault(code, scheme.category(code))
        listing.images += files
        listing.codes += [code] * len(files)
        listing.listed += len(files)


def _object_names(label: Path) -> list[str]:
    """Names of the objects of a label file; none, where the tile shows none."""
    try:
        objects = ET.parse(label).getroot().iterfind("object")
        names = [(found.findtext("name") or "").strip() for found in objects]
    except (ET.ParseError, OSError) as error:
        raise InputError(label, f"cannot be read ({error})", "export the tile again") from error
    if names and not names[0]:
        raise InputError(label, "names no class (object/name)", "export the tile again")
    return names


def _code(text: str, by_name: Mapping[str, int]) -> int | None:
    """Class value of a name, which may be the value itself.

    >>> _code("3", {}), _code("3.0", {}), _code("dune", {"dune": 9}), _code("3b", {})
    (3, 3, 9, None)
    """
    return int(text.partition(".")[0]) if re.fullmatch(r"-?\d{1,18}(\.0+)?", text) else by_name.get(text)


def _classes(
    folder: Path, definition: Mapping[str, Any], accumulated: Mapping[str, Any], scheme: Scheme, *, needed: bool
) -> dict[int, Category]:
    """By value. Old spellings too; where a class is named by its number only, the scheme names it."""
    name, entries = DEFINITION, definition.get("Classes")
    if not entries and accumulated.get("Classes"):
        name, entries = ACCUMULATED, accumulated["Classes"]
    entries = entries or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(folder / name, "has Classes that are no list of classes", "export the folder again")
    if needed and not entries:
        what = "lists no Classes" if definition else "is not there"
        raise InputError(folder / DEFINITION, what, "pass a whole Labeled_Tiles folder, or export it again")
    classes: dict[int, Category] = {}
    for entry in entries:
        try:
            category = _category(entry, scheme)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                folder / name, f"has a class {entry!r} that cannot be read", "give it a whole number and a colour"
            ) from error
        classes[category.code] = category
    return classes


def _category(entry: Mapping[str, Any], scheme: Scheme) -> Category:
    """
    Raises:
        TypeError, ValueError, OverflowError: no whole number of 32 bits, or a colour that is none.
    """
    code = int(entry.get("Value", entry.get("ClassValue")))
    if abs(code) >= 2**31:
        raise OverflowError(code)
    name = entry.get("Name", entry.get("ClassName"))
    text = str(name) if name not in (None, "") else str(code)
    known = scheme.get(code)
    red, green, blue = (int(part) for part in entry.get("Color") or [-1, -1, -1])
    if known and text in (str(code), known.name):
        return known
    painted = all(0 <= part <= 255 for part in (red, green, blue))
    colour = f"#{red:02X}{green:02X}{blue:02X}" if painted else UNKNOWN_COLOUR
    return Category(code, text, colour if colour != UNKNOWN_COLOUR else scheme.category(code).colour)
