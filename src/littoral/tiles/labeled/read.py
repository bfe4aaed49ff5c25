"""Read folders of tiles into one set; pixels stay on disk."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError, LittoralWarning, printable
from littoral.imagery import AS_STORED, same_scaling
from littoral.progress import Track, silent
from littoral.tiles.labeled.images import Head, ImageFiles, read_head
from littoral.tiles.labeled.layout import DEFINITION, find_folders, unfinished
from littoral.tiles.labeled.listing import Listing, notes_on, numbered_folders, read_listing
from littoral.tiles.tileset import TileSet, acquired_of, outlines_of


def read_tiles(
    path: str | Path | Iterable[str | Path],
    *,
    categories: Scheme = CATCOA,
    unreadable: Literal["fatal", "skip"] = "fatal",
    track: Track = silent,
) -> TileSet:
    """Read Labeled_Tiles or Imagenet folders into one set; pixels stay on disk.

    Args:
        path: A folder, a folder of such folders, or a list of either.
        categories: Colours, and names of classes whose name in a folder is only their number.
        unreadable: ``skip``: leave out images that cannot be opened, with a warning; ``fatal``: raise an error. Pixels
            are not read here.
        track: Shows progress, a step per tile.

    Warns:
        LittoralWarning: some images were left out because they cannot be opened.

    Raises:
        InputError: no such folder, an unfinished export, missing files, bands or tile sizes that differ between the
            tiles, a label of no known class, a tile that cannot be read.

    Memory: 3 KB per tile.
    """
    given = [path] if isinstance(path, str | Path) else list(path)
    folders = [folder for one in given for folder in find_folders(Path(one))]
    if not folders:
        raise InputError("the list of tile folders", "is empty", "pass the folder that littoral tiles wrote")
    categories, notes = numbered_folders(folders, categories)
    listings = [read_listing(folder, categories) for folder in folders]
    notes += [
        *notes_on(listings),
        *(f"an export to {folder} was interrupted; run that export again to add its tiles"
          for folder in folders if unfinished(folder).exists()),
    ]  # fmt: skip
    images = [image for listing in listings for image in listing.images]
    if not images:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise InputError(folders[0], f"holds no labelled tile{why}", "export tiles first, with littoral tiles")
    owners = [listing for listing in listings for _ in listing.images]
    codes = np.array([code for listing in listings for code in listing.codes], np.int64)
    heads: list[Head] = []
    lost: dict[int, Path] = {}
    for number, (image, owner) in enumerate(
        track(zip(images, owners, strict=True), len(images), "reading tile headers")
    ):
        try:
            heads.append(_completed(read_head(image), owner))
        except InputError:
            if unreadable == "fatal":
                raise
            lost[number] = image
    if lost:
        names = ", ".join(printable(str(image)) for image in lost.values())
        notes.append(f"images that cannot be opened were left out ({len(lost)}): {names}")
        warnings.warn(notes[-1], LittoralWarning, stacklevel=2)
        if not heads:
            raise InputError(folders[0], f"holds no tile that can be used ({notes[-1]})", "export the tiles again")
        images = [image for number, image in enumerate(images) if number not in lost]
        codes = np.delete(codes, list(lost))
    _check_alike(images, heads)
    first = heads[0]
    regions = np.array([head.region for head in heads], object)
    return TileSet(
        ImageFiles(tuple(images)),
        codes,
        _present(codes, listings),
        _names(first),
        first.size_px[0],
        first.dtype,
        first.pixels or AS_STORED,
        first.nodata,
        outlines_of([head.corners for head in heads], [head.crs for head in heads]),
        first.cell_size,
        None if first.crs is None else first.crs.to_epsg(),
        {**_origin(listings), **acquired_of(head.acquired for head in heads)},
        sum(len(listing.unlabelled) for listing in listings),
        regions if any(regions) else None,
        tuple(notes),
    )


def _completed(head: Head, listing: Listing) -> Head:
    """A header, completed from the folder's text files."""
    definition, accumulated = listing.definition, listing.accumulated
    made = definition.get("Littoral", {})
    crs, corners = head.crs or _stated_crs(definition, accumulated), head.corners
    # Littoral's own tiles of pixel space have a place all the same.
    if crs is None or (definition.get("ImageSpaceUsed") == "PIXEL_SPACE" and not made):
        crs = corners = None
    return replace(
        head,
        names=head.names or _stated_names(definition, accumulated, head.count),
        crs=None if corners is None else crs,
        corners=corners,
        pixels=head.pixels or made.get("Pixels"),
    )


def _stated_crs(definition: Mapping[str, Any], accumulated: Mapping[str, Any]) -> CRS | None:
    """The CRS of a folder's cell sizes, if all of them have the same."""
    found: set[int] = set()
    for key in ("MinCellSize", "MaxCellSize"):
        for content in (definition, accumulated):
            cell = content.get(key)
            place = cell.get("spatialReference") if isinstance(cell, dict) else None
            code = (place.get("latestWkid") or place.get("wkid")) if isinstance(place, dict) else None
            if isinstance(code, int) or (isinstance(code, str) and re.fullmatch(r"\d{1,9}", code, re.ASCII)):
                found.add(int(code))
    return _crs_of_wkid(found.pop()) if len(found) == 1 else None


def _crs_of_wkid(code: int) -> CRS | None:
    """CRS of a well-known id: an EPSG code, or one of Esri's own.

    >>> _crs_of_wkid(32617).to_string(), _crs_of_wkid(102008).to_string(), _crs_of_wkid(7)
    ('EPSG:32617', 'ESRI:102008', None)
    """
    for authority in ("EPSG", "ESRI"):
        try:
            return CRS.from_authority(authority, code)
        except CRSError:
            continue
    return None


def _stated_names(definition: Mapping[str, Any], accumulated: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    """Band names from the folder's text files; None where they are only ``Band_1``, ``Band_2``, ….

    >>> _stated_names({"InputRastersProps": {"BandNames": ["Red", "Green"]}}, {}, 2)
    ('Red', 'Green')
    >>> _stated_names({"InputRastersProps": {"BandNames": ["Band_1", "Band_2"]}}, {}, 2) is None
    True
    """
    for content in (definition, accumulated):
        properties = content.get("InputRastersProps")
        names = properties.get("BandNames") if isinstance(properties, dict) else None
        if isinstance(names, list) and len(set(map(str, names))) == count == len(names):
            found = tuple(str(name) for name in names)
            return None if all(re.fullmatch(r"Band_?\d+", name, re.IGNORECASE) for name in found) else found
    return None


def _names(head: Head) -> tuple[str, ...]:
    return head.names or tuple(f"B{number}" for number in range(1, head.count + 1))


def _check_alike(images: Sequence[Path], heads: Sequence[Head]) -> None:
    first = heads[0]
    for image, head in zip(images, heads, strict=True):
        if head.size_px != first.size_px:
            raise InputError(
                image,
                f"has {head.size_px[0]} x {head.size_px[1]} pixels, {images[0]} has "
                f"{first.size_px[0]} x {first.size_px[1]}",
                "export tiles of one fixed size, not cropped to the rectangles (FIXED_SIZE, fix_chip_size=True)",
            )
        if head.size_px[0] != head.size_px[1]:
            raise InputError(image, f"is {head.size_px[0]} x {head.size_px[1]} pixels", "train on square tiles")
        if head.count != first.count:
            raise InputError(
                image, f"has {head.count} bands, {images[0]} has {first.count}", "train on tiles of the same bands"
            )
        if _names(head) != _names(first):
            raise InputError(
                image,
                f"has bands {', '.join(_names(head))}, {images[0]} has {', '.join(_names(first))}",
                "train on tiles of the same bands in the same order",
            )
        kept, kept_first = ((one.pixels or AS_STORED, one.dtype) for one in (head, first))
        if not same_scaling(kept, kept_first):
            raise InputError(
                image,
                f"holds {head.dtype} values ({kept[0]}), {images[0]} {first.dtype} ({kept_first[0]})",
                "train on tiles of one scaling",
            )


def _present(codes: NDArray[np.int64], listings: Sequence[Listing]) -> tuple[Category, ...]:
    """Classes that occur; of several names for one value, the first counts."""
    found: dict[int, Category] = {}
    for listing in listings:
        found = {**listing.classes, **found}
    return tuple(sorted((found[code] for code in sorted(set(codes.tolist()))), key=lambda category: category.name))


def _origin(listings: Sequence[Listing]) -> dict[str, Any]:
    """How the tiles were cut.

    Raises:
        InputError: not all in one way.
    """
    origins = [_made(listing) for listing in listings]
    ways = [_way(origin) for origin in origins]
    for listing, origin, way in zip(listings, origins, ways, strict=True):
        if other := [name for name in way if way[name] != ways[0][name]]:
            raise InputError(
                listing.folder,
                f"holds tiles of {other[0]} {way[other[0]]}, {listings[0].folder} of {ways[0][other[0]]}",
                "train on tiles that were cut in one way",
            )
        if origin.get("Raw", False) != origins[0].get("Raw", False):
            raise InputError(
                listing.folder,
                f"was exported with another --raw than {listings[0].folder}",
                "train on tiles of one scaling",
            )
    filled = [{"Fill": origin["Fill"]} for origin in origins if "Fill" in origin]
    return origins[0] | (filled[0] if filled else {})


def _made(listing: Listing) -> dict[str, Any]:
    """How the tiles of a folder were cut, from littoral's own record or the keys of other programs.

    Other programs blacken with zeros: ``Fill`` is what then stands for missing pixels.

    Raises:
        InputError: an unknown value.
    """
    if "Littoral" in listing.definition:
        return dict(listing.definition["Littoral"])
    cut: dict[str, Any] = {}
    for keys, words in _CUT_KEYS:
        for key in keys:
            for content in (listing.definition, listing.accumulated):
                value = content.get(key)
                # Old exports hold hints in the place of values.
                if value is None or value == "" or (isinstance(value, str) and value.startswith("e.g.")):
                    continue
                whole = int(value) if isinstance(value, float) and value.is_integer() else value
                word = re.sub("[^a-z0-9]", "", str(whole).casefold())
                if word not in words:
                    what = f"has the unknown {key} {value!r}"
                    raise InputError(listing.folder / DEFINITION, what, "export the folder again")
                cut.update([words[word]])
    return {"Tile": cut, **({"Fill": 0.0} if cut.get("blacken") else {})} if cut else {}


_BLACK, _SHOWN = ("blacken", True), ("blacken", False)
_FIXED, _BOUNDS = ("crop", "fixed"), ("crop", "bounding-box")
_CUT_KEYS: tuple[tuple[tuple[str, ...], dict[str, tuple[str, object]]], ...] = (
    (
        ("BlackenAroundFeature", "BlackenAround"),
        {"1": _BLACK, "true": _BLACK, "yes": _BLACK, "blackenaroundfeature": _BLACK, "blacken": _BLACK,
         "0": _SHOWN, "false": _SHOWN, "no": _SHOWN, "noblacken": _SHOWN},
    ),
    (
        ("CropTileMode", "CropMode"),
        {"fixedsize": _FIXED, "fixed": _FIXED, "boundingbox": _BOUNDS, "bounds": _BOUNDS},
    ),
    (("CropSizeFixed", "FixChipSize"), {"1": _FIXED, "true": _FIXED, "0": _BOUNDS, "false": _BOUNDS}),
    (
        ("ImageSpaceUsed", "ReferenceSystem"),
        {"mapspace": ("space", "map"), "pixelspace": ("space", "pixel"), "imagespace": ("space", "pixel")},
    ),
)  # fmt: skip
"""Keys of other programs' definitions, and what their values mean: a field of :class:`littoral.tiles.TileSpec`."""


def _way(origin: Mapping[str, Any]) -> dict[str, Any]:
    """How tiles lie on their rectangles; where nothing is recorded, the defaults of the first versions."""
    cut = origin.get("Tile", {})
    usual = {"crop": "fixed", "blacken": False, "space": "map"}
    return {
        "placement": origin.get("Placement", "centred"),
        **{name: cut.get(name, value) for name, value in usual.items()},
    }
