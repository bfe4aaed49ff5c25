"""List the images of a folder of tiles with their classes, from its text files."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from littoral.categories import UNKNOWN_COLOUR, Category, Scheme, user_scheme
from littoral.errors import InputError, printable
from littoral.tiles.labeled.layout import (
    ACCUMULATED,
    DEFINITION,
    MAP,
    MappedFiles,
    class_folders,
    decoded,
    find_entry,
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
    """Tiles of a folder, from its text files."""

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
    """Images whose label names no object."""
    absent: list[Path] = field(default_factory=list)
    """Images of the map that are not there."""
    crowded: list[Path] = field(default_factory=list)
    """Label files that name several objects."""
    listed: int = 0
    """Tiles in the map."""

    @property
    def stated(self) -> int | None:
        """Number of tiles in the folder's statistics; older versions have another key."""
        for key in ("NumTiles", "NumTilesAsDouble"):
            if isinstance(count := self.accumulated.get(key), int | float) and abs(count) < 2**63:
                return int(count)
        return None


def read_listing(folder: Path, scheme: Scheme) -> Listing:
    """Read a folder's text files and labels, no image.

    Raises:
        InputError: a file that is missing or cannot be read, tiles of another kind, a class that is not listed.
    """
    texts = (find_entry(folder, name) for name in (DEFINITION, ACCUMULATED))
    definition, accumulated = (read_json(path) if path.exists() else {} for path in texts)
    made = definition.get("Littoral", {})
    if not isinstance(made, dict) or not isinstance(made.get("Tile", {}), dict):
        raise InputError(folder / DEFINITION, "has a Littoral that cannot be read", "export the folder again")
    kind = str(definition.get("MetaDataMode") or accumulated.get("MetaDataMode"))
    if kind in _OTHER_KINDS:
        raise InputError(folder, f"holds tiles of the kind {kind}", f"export {' or '.join(sorted(_ONE_CLASS))}")
    has_map = find_entry(folder, MAP).exists()
    if kind == IMAGENET or not has_map:
        classes = _classes(folder, definition, accumulated, scheme, needed=False)
        listing = Listing(folder, definition, accumulated, classes)
        _list_class_folders(listing, scheme)
    else:
        classes = _classes(folder, definition, accumulated, scheme, needed=True)
        listing = Listing(folder, definition, accumulated, classes)
        _list_map(listing)
    return listing


def numbered_folders(folders: Sequence[Path], scheme: Scheme) -> tuple[Scheme, list[str]]:
    """A scheme for class folders of another's data set, and a note on it; the given scheme for all others.

    Where no folder has a definition, and no class folder is named after a category or a number, the classes are
    numbered from 1 in the order of their names.
    """
    names: set[str] = set()
    for folder in folders:
        if any(find_entry(folder, name).exists() for name in (MAP, DEFINITION, ACCUMULATED)):
            return scheme, []
        names |= class_folders(folder).keys()
    known = {category.name.casefold() for category in scheme.values()}
    if any(name.casefold() in known or re.fullmatch(r"-?\d+(\.0+)?", name) for name in names):
        return scheme, []
    numbered = user_scheme(enumerate(sorted(names), start=1))
    classes = ", ".join(f"{code} {category.name}" for code, category in numbered.items())
    return numbered, [f"classes are numbered in the order of their folders' names: {classes}"]


def notes_on(listings: Sequence[Listing]) -> list[str]:
    """What was left out of folders or interpreted, a sentence each."""
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
    return [printable(note) for note in notes + _renamed(listings)]


def _renamed(listings: Sequence[Listing]) -> list[str]:
    """A sentence for each class that has another name in a later folder."""
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
    files = MappedFiles(listing.folder)
    labels: list[tuple[Path, Path, str]] = []
    for number, image, label in read_map(listing.folder):
        if label is None:
            raise InputError(
                listing.folder / MAP, f"has no label in line {number}", "each line names an image and a label (.xml)"
            )
        listing.listed += 1
        written, place = (_mapped(files, listing.folder, name, number) for name in (image, label))
        if not written.exists():
            listing.absent.append(written)
        elif not place.exists():
            listing.unlabelled.append(written)
        else:
            names = _object_names(place)
            if not names:
                listing.classless.append(written)
                continue
            if len(names) > 1:
                listing.crowded.append(place)
            labels.append((written, place, names[0]))
    by_name = {category.name: code for code, category in listing.classes.items()}
    codes = _codes({name for *_, name in labels}, by_name, listing.classes)
    for written, place, name in labels:
        code = codes[name]
        if code is None:
            raise InputError(
                place,
                f"names class {name!r}, which {DEFINITION} does not list",
                f"use one of {', '.join(map(str, listing.classes))}",
            )
        listing.images.append(written)
        listing.codes.append(code)


def _mapped(files: MappedFiles, folder: Path, name: str, line: int) -> Path:
    """
    Raises:
        InputError: a path that leads out of the folder, or that no file can have.
    """
    try:
        path = files.find(name)
        path.exists()
    except ValueError as error:
        what = f"has a path in line {line} that leads out of the folder, {name!r}"
        raise InputError(folder / MAP, what, "do not use this folder") from error
    except OSError as error:
        what = f"has a name in line {line} that no file can have ({error.strerror})"
        raise InputError(folder / MAP, what, "export the folder again") from error
    return path


def _list_class_folders(listing: Listing, scheme: Scheme) -> None:
    stated = dict(listing.classes)
    by_name = {category.name: code for code, category in stated.items()}
    # A class whose name no file system takes has a folder of another name.
    folders = listing.definition.get("Littoral", {}).get("ClassFolders", {})
    try:
        by_name |= {str(name): int(code) for code, name in folders.items()}
    except (AttributeError, ValueError) as error:
        what = f"has ClassFolders that cannot be read ({error})"
        raise InputError(listing.folder / DEFINITION, what, "export the folder again") from error
    files, mapped = MappedFiles(listing.folder), read_image_map(listing.folder)
    kept = None if mapped is None else {_mapped(files, listing.folder, name, n) for n, name in enumerate(mapped, 1)}
    found = {
        name: [image for image in images if kept is None or image in kept]
        for name, images in class_folders(listing.folder).items()
    }
    codes = _codes(found, by_name, stated or None)
    for name, images in found.items():
        code = codes[name]
        if not images:
            continue
        if code is None and not stated:
            code = scheme.code_of(name)
        if code is None or (stated and code not in stated):
            raise InputError(
                images[0].parent,
                f"is named after no class in {DEFINITION}",
                f"call it one of {', '.join(category.name for category in stated.values())}",
            )
        listing.classes.setdefault(code, scheme.category(code))
        listing.images += images
        listing.codes += [code] * len(images)
        listing.listed += len(images)


def _object_names(label: Path) -> list[str]:
    """Names of the objects in a label file."""
    try:
        if not label.is_file():
            raise OSError("not a file")
        content = label.read_bytes()
        try:
            root = ET.fromstring(content)
        except ET.ParseError:
            # Without a declaration of its encoding.
            root = ET.fromstring(decoded(content))
        names = [(found.findtext("name") or "").strip() for found in root.iterfind("object")]
    except (ET.ParseError, UnicodeDecodeError, OSError) as error:
        raise InputError(label, f"cannot be read ({error})", "export the tile again") from error
    if names and not names[0]:
        raise InputError(label, "names no class (object/name)", "export the tile again")
    return names


def _codes(texts: Iterable[str], by_name: Mapping[str, int], known: Collection[int] | None) -> dict[str, int | None]:
    """Class value of each text, which is a class's value or its name; None where it is neither.

    Texts are taken for names if one of them is a number that is no class's value, and all of them are names.

    Args:
        texts: Of the labels of one folder.
        by_name: Values of the classes by name.
        known: Values of the classes; None: any.

    >>> _codes(["3", "3.0", "Dune", "3b"], {"dune": 9}, None)
    {'3': 3, '3.0': 3, 'Dune': 9, '3b': None}
    >>> _codes(["10", "20"], {"10": 1, "20": 2}, [1, 2]), _codes(["1", "2"], {"2": 1, "1": 2}, [1, 2])
    ({'10': 1, '20': 2}, {'1': 1, '2': 2})
    """
    texts = list(texts)
    spellings = Counter(name.casefold() for name in by_name)
    anycase = {name.casefold(): code for name, code in by_name.items() if spellings[name.casefold()] == 1}
    names = {text: by_name.get(text, anycase.get(text.casefold())) for text in texts}
    values = {text: int(text.partition(".")[0]) for text in texts if re.fullmatch(r"-?\d{1,18}(\.0+)?", text)}
    strange = known is not None and any(value not in known for value in values.values())
    if strange and None not in names.values():
        return names
    return names | {text: value for text, value in values.items() if known is None or value in known}


def _classes(
    folder: Path, definition: Mapping[str, Any], accumulated: Mapping[str, Any], scheme: Scheme, *, needed: bool
) -> dict[int, Category]:
    """Classes by value, from keys of all versions; a class whose name is its number gets its name from the scheme."""
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
        except InputError as error:
            raise InputError(f"{folder / name}: {error.subject}", error.what, error.remedy) from error
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                folder / name, f"has a class {entry!r} that cannot be read", "give it a whole number and a colour"
            ) from error
        classes[category.code] = category
    return classes


def _category(entry: Mapping[str, Any], scheme: Scheme) -> Category:
    """
    Raises:
        TypeError, ValueError, OverflowError: no whole number, or a colour that is none.
        InputError: a name that a class cannot have, or a number beyond 32 bits.
    """
    number = float(entry.get("Value", entry.get("ClassValue")))
    code = int(number)
    if code != number:
        raise ValueError(number)
    name = entry.get("Name", entry.get("ClassName"))
    text = str("" if name is None else name).strip() or str(code)
    known = scheme.get(code)
    red, green, blue = (int(part) for part in entry.get("Color") or [-1, -1, -1])
    if known and text in (str(code), known.name):
        return known
    painted = all(0 <= part <= 255 for part in (red, green, blue))
    colour = f"#{red:02X}{green:02X}{blue:02X}" if painted else UNKNOWN_COLOUR
    return Category(code, text, colour if colour != UNKNOWN_COLOUR else scheme.category(code).colour)
