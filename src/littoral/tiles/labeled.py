"""``Labeled_Tiles`` folders: images with one class each, as deep-learning tools of GIS export and read them.

Layout::

    images/000000000.tif     9-digit running number; GeoTIFF with band names and, where pixels are missing, a mask
    labels/000000000.xml     PASCAL-VOC-style, one object whose name is the class value
    map.txt                  one line per tile: images\000000000.tif␠␠labels\000000000.xml␠
    stats.txt                for people
    esri_accumulated_stats.json, esri_model_definition.emd

``map.txt`` is written last: a tile is in the folder when it is in the map.
"""

from __future__ import annotations

import json
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from littoral.categories import CATCOA, UNKNOWN_COLOUR, Category, Scheme
from littoral.errors import InputError
from littoral.imagery import AS_STORED, Values, same_scaling, valid_values
from littoral.progress import Track, silent

MAP, STATS, ACCUMULATED, DEFINITION = "map.txt", "stats.txt", "esri_accumulated_stats.json", "esri_model_definition.emd"


@dataclass(frozen=True, repr=False)
class TileSet:
    """Labelled tiles on disk, of one or several folders."""

    paths: tuple[Path, ...]
    """Image files, in the order of the folders and their maps."""
    codes: NDArray[np.int64]
    """(tiles,), class value of each."""
    categories: tuple[Category, ...]
    """Classes that occur, ordered by name as text: the order in which a network's outputs and a package's Classes
    stand, because one consumer sorts names and another takes them as listed."""
    bands: tuple[str, ...]
    """Band names, in the order of a tile's first axis."""
    size_px: int
    """Width and height of a tile."""
    dtype: str
    """NumPy type of the first tile's values."""
    pixels: str
    """What they mean: reflectance x 10000, or as stored."""
    nodata: float | None
    """Value that means nodata in the first tile, None if there is none."""
    footprints: NDArray[np.object_]
    """(tiles,), outlines on the ground in EPSG:4326 (longitude may run beyond 180); None without georeference."""
    cell_size: tuple[float, float]
    """Of the first tile: width and height of a pixel in the units of its CRS."""
    cell_epsg: int | None
    """EPSG code of the first tile's CRS."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """How littoral cut them (raw, min_valid, pixels); empty for folders made by other programs."""
    missing_labels: int = 0
    """Images in the maps whose label file is not there."""

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        bands = ", ".join(self.bands)
        return f"TileSet({len(self)} tiles of {self.size_px} px, bands {bands}, {len(self.categories)} classes)"

    @property
    def targets(self) -> NDArray[np.int64]:
        """(tiles,), index into :attr:`categories`."""
        index = {category.code: position for position, category in enumerate(self.categories)}
        return np.array([index[int(code)] for code in self.codes], np.int64)

    def subset(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> TileSet:
        """The chosen tiles; categories stay as they are."""
        chosen = np.arange(len(self))[keep]
        return TileSet(
            tuple(self.paths[i] for i in chosen),
            self.codes[chosen],
            self.categories,
            self.bands,
            self.size_px,
            self.dtype,
            self.pixels,
            self.nodata,
            self.footprints[chosen],
            self.cell_size,
            self.cell_epsg,
            self.origin,
            self.missing_labels,
        )


def read_tiles(
    path: str | Path | Iterable[str | Path], *, categories: Scheme = CATCOA, track: Track = silent
) -> TileSet:
    """Read what Labeled_Tiles folders hold, pixels left on disk; several folders become one set.

    Args:
        path: A folder, a folder of such folders, or a list of either.
        categories: Colours, and names where a folder's own name of a class is just its number.
        track: Shows progress, a step per tile.

    Raises:
        InputError: no such folder, one without the needed files or with bands or a tile size of its own, a label that
            cannot be resolved, a tile that cannot be read.
    """
    folders = [
        folder for given in ([path] if isinstance(path, str | Path) else path) for folder in _folders(Path(given))
    ]
    if not folders:
        raise InputError("the list of tile folders", "is empty", "pass the folder that littoral tiles wrote")
    entries: list[tuple[Path, int]] = []
    found: dict[int, Category] = {}
    missing = 0
    for folder in folders:
        listed, classes, absent = _read_folder(folder, categories)
        entries += listed
        missing += absent
        # Of several names for one value, the first wins.
        found = {**classes, **found}
    if not entries:
        raise InputError(folders[0], "holds no labelled tile", "export tiles first, with littoral tiles")
    heads = [_read_head(image) for image, _ in track(entries, len(entries), "reading tile headers")]
    first = heads[0]
    for (image, _), head in zip(entries, heads, strict=True):
        if (head.count, head.size) != (first.count, first.size):
            raise InputError(
                image,
                f"has {head.count} bands of {head.size} pixels, {entries[0][0]} has {first.count} of {first.size}",
                "train on tiles of one kind",
            )
        if head.bands != first.bands:
            raise InputError(
                image,
                f"has bands {', '.join(head.bands)}, {entries[0][0]} has {', '.join(first.bands)}",
                "train on tiles of the same bands in the same order",
            )
        if not same_scaling((head.pixels, head.dtype), (first.pixels, first.dtype)):
            raise InputError(
                image,
                f"holds {head.dtype} values ({head.pixels}), {entries[0][0]} {first.dtype} ({first.pixels})",
                "train on tiles of one scaling",
            )
    codes = np.array([code for _, code in entries], np.int64)
    present = sorted((found[code] for code in sorted(set(codes.tolist()))), key=lambda category: category.name)
    return TileSet(
        tuple(image for image, _ in entries),
        codes,
        tuple(present),
        first.bands,
        first.size,
        first.dtype,
        first.pixels,
        first.nodata,
        _footprints(heads),
        first.cell_size,
        None if first.crs is None else first.crs.to_epsg(),
        _origin(folders),
        missing,
    )


def read_tile(path: str | Path) -> tuple[Values, NDArray[np.bool_]]:
    """Values ``(bands, height, width)`` of one tile and the mask ``(height, width)`` of pixels valid in all bands.

    Raises:
        InputError: not a raster that can be read to its end.
    """
    with open_image(path) as image:
        values = image.read()
        has_mask = any(flag.name == "per_dataset" for flag in image.mask_flag_enums[0])
        valid = image.read_masks(1) > 0 if has_mask else np.ones(values.shape[1:], bool)
        if not has_mask:
            for plane, nodata in zip(values, image.nodatavals, strict=True):
                valid &= valid_values(plane, nodata)
    return values, valid


def _folders(path: Path) -> list[Path]:
    """The folder itself, or those in it that are Labeled_Tiles folders."""
    if not path.is_dir():
        raise InputError(path, "is not a folder", "pass the folder that littoral tiles wrote")
    if (path / MAP).exists():
        return [path]
    inside = sorted(folder for folder in path.iterdir() if (folder / MAP).exists())
    if not inside:
        level = "pass the folder one level up" if (path.parent / MAP).exists() else "pass the folder that holds map.txt"
        raise InputError(path, "is no Labeled_Tiles folder (no map.txt)", level)
    return inside


def _read_folder(folder: Path, scheme: Scheme) -> tuple[list[tuple[Path, int]], dict[int, Category], int]:
    """Images with their class value, the classes by value, and how many labels are missing."""
    classes = _classes(folder, scheme)
    by_name = {category.name: code for code, category in classes.items()}
    entries: list[tuple[Path, int]] = []
    missing = 0
    for number, line in enumerate(read_text(folder / MAP).splitlines(), start=1):
        columns = line.replace("\\", "/").split()
        if not columns:
            continue
        if len(columns) < 2:
            raise InputError(folder / MAP, f"has no label in line {number}", "each line names an image and a label")
        image, label = folder / columns[0], folder / columns[1]
        if not label.exists():
            missing += 1
            continue
        name = _label_name(label)
        code = int(name) if name.lstrip("-").isdigit() else by_name.get(name)
        if code is None or code not in classes:
            raise InputError(
                label,
                f"names class {name!r}, which {DEFINITION} does not list",
                f"use one of {', '.join(map(str, classes))}",
            )
        entries.append((image, code))
    return entries, classes, missing


def _classes(folder: Path, scheme: Scheme) -> dict[int, Category]:
    """Old spellings too; where a class is named by its number only, the scheme names it."""
    entries = read_json(folder / DEFINITION).get("Classes") or []
    classes: dict[int, Category] = {}
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(folder / DEFINITION, "has Classes that are no list of classes", "export the folder again")
    for entry in entries:
        value, name = entry.get("Value", entry.get("ClassValue")), entry.get("Name", entry.get("ClassName"))
        try:
            code = int(value)
            red, green, blue = (int(part) for part in entry.get("Color") or [-1, -1, -1])
        except (TypeError, ValueError) as error:
            raise InputError(
                folder / DEFINITION, f"has a class {entry!r} that cannot be read", "give it a whole number and a colour"
            ) from error
        painted = all(0 <= part <= 255 for part in (red, green, blue))
        own = f"#{red:02X}{green:02X}{blue:02X}" if painted else UNKNOWN_COLOUR
        known = scheme.get(code)
        text = str(name) if name not in (None, "") else str(code)
        if known and text in (str(code), known.name):
            classes[code] = known
        else:
            classes[code] = Category(code, text, own if own != UNKNOWN_COLOUR else scheme.category(code).colour)
    if not classes:
        raise InputError(folder / DEFINITION, "lists no Classes", "export the folder again")
    return classes


def _label_name(label: Path) -> str:
    try:
        name = ET.parse(label).getroot().findtext("object/name")
    except (ET.ParseError, OSError) as error:
        raise InputError(label, f"cannot be read ({error})", "export the tile again") from error
    if not name:
        raise InputError(label, "names no class (object/name)", "export the tile again")
    return name.strip()


@contextmanager
def open_image(path: str | Path) -> Iterator[Any]:
    """A tile's file.

    Raises:
        InputError: not a raster that can be read.
    """
    try:
        with warnings.catch_warnings():
            # Tiles of other programs may have none; the split says so.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as image:
                yield image
    except RasterioError as error:
        raise InputError(path, f"could not be read ({error})", "export it again or take it out of map.txt") from error


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "pass a whole Labeled_Tiles folder") from error


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(path, f"cannot be read ({error})", "pass a whole Labeled_Tiles folder") from error
    if not isinstance(content, dict):
        raise InputError(path, "is no JSON object", "pass a whole Labeled_Tiles folder")
    return content


@dataclass(frozen=True)
class _Head:
    count: int
    pixels: str
    nodata: float | None
    size: int
    bands: tuple[str, ...]
    dtype: str
    crs: CRS | None
    corners: NDArray[np.float64]
    cell_size: tuple[float, float]


def _read_head(path: Path) -> _Head:
    with open_image(path) as image:
        size = image.width
        if size != image.height:
            raise InputError(path, f"is {size} x {image.height} pixels", "train on square tiles")
        corners = np.array([image.transform @ xy for xy in ((0, 0), (size, 0), (size, size), (0, size))])
        return _Head(
            image.count,
            image.tags().get("PIXELS", AS_STORED),
            image.nodata,
            size,
            tuple(name or f"B{i}" for i, name in enumerate(image.descriptions, start=1)),
            image.dtypes[0],
            None if image.crs is None else _crs_of(image.crs.to_wkt()),
            corners,
            (abs(image.transform.a), abs(image.transform.e)),
        )


_KNOWN_CRS: dict[str, CRS] = {}


def _crs_of(wkt: str) -> CRS:
    """One object per CRS: parsing the text for each of thousands of tiles would take most of the time."""
    if wkt not in _KNOWN_CRS:
        _KNOWN_CRS[wkt] = CRS.from_wkt(wkt)
    return _KNOWN_CRS[wkt]


def _footprints(heads: list[_Head]) -> NDArray[np.object_]:
    out = np.full(len(heads), None, object)
    groups = pd.Series([None if head.crs is None else head.crs.to_wkt() for head in heads])
    for wkt, index in groups.groupby(groups).groups.items():
        positions = np.asarray(index)
        corners = np.stack([heads[i].corners for i in positions])
        transformer = Transformer.from_crs(_crs_of(str(wkt)), "EPSG:4326", always_xy=True)
        lon, lat = transformer.transform(corners[..., 0], corners[..., 1])
        # Across the antimeridian longitudes run on, so that an outline stays in one piece.
        lon = lon[:, :1] + (lon - lon[:, :1] + 180) % 360 - 180
        out[positions] = shapely.polygons(np.stack([lon, lat], axis=-1))
    return out


def _origin(folders: list[Path]) -> dict[str, Any]:
    origins = [read_json(folder / DEFINITION).get("Littoral", {}) for folder in folders]
    for folder, origin in zip(folders, origins, strict=True):
        if origin.get("Raw", False) != origins[0].get("Raw", False):
            raise InputError(
                folder, f"was exported with another --raw than {folders[0]}", "train on tiles of one scaling"
            )
    return dict(origins[0])
