"""Read the XML metadata of Sentinel-2 products, from bytes: bands, grids, scale and offset, checksums."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from littoral.errors import InputError
from littoral.imagery.scene import Grid

NATIVE_M = {
    "B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20, "B09": 60,
    "B10": 60, "B11": 20, "B12": 20,
}  # fmt: skip
"""Native pixel size in metres by band, in the order of the XML's ``band_id``: B01 is 0, B8A is 8."""
_IMAGE = re.compile(r".*_(B\d\d|B8A|SCL|CLD)(?:_L2A_\w+?)?(?:_(\d\d)m)?")
"""An image's name without suffix: a band, the scene classes, or (before 2018) the probability of cloud."""
_TILE = re.compile(r"_T(\d\d[A-Z]{3})_")
_ROOTS = {"Level-1C_User_Product": "L1C", "Level-2A_User_Product": "L2A"}
_MOST_ELEMENTS = 100_000
"""Largest number of elements of a metadata file; those of real products have about 6,000."""
_AGAIN = "fetch the product again"


@dataclass(frozen=True)
class Granule:
    """One granule (tile) listed in a product's metadata."""

    name: str
    """Name of its folder in GRANULE."""
    images: tuple[str, ...]
    """Paths of its images in the product, or before December 2016 their names; without suffix."""

    @property
    def tile(self) -> str:
        """Tile of the Military Grid Reference System (29UNU) from the granule's name, "" if it has none."""
        match = _TILE.search(self.name)
        return match[1] if match else ""


@dataclass(frozen=True)
class Product:
    """Metadata of a product."""

    uri: str
    """Name of the product, with ``.SAFE``; "" if not given."""
    level: str
    """L1C (top of the atmosphere) or L2A (at the ground)."""
    baseline: str
    """Processing baseline, such as 05.09."""
    sensor: str
    """Name of the satellite, such as Sentinel-2A."""
    orbit: str
    """Relative orbit, 1 to 143."""
    acquired: str
    """Acquisition date, ``YYYY-MM-DD``, or ""."""
    quantification: float
    """Stored values per unit of reflectance."""
    offsets: Mapping[int, float]
    """Offset in stored values, added before division by ``quantification``, by ``band_id``; empty before baseline
    04.00."""
    granules: tuple[Granule, ...]
    """Granules, in the order of the metadata."""


@dataclass(frozen=True)
class GranuleTile:
    """Metadata of a granule."""

    crs: CRS
    """Coordinate reference system of its grids."""
    grids: Mapping[int, Grid]
    """Grids by pixel size in metres (10, 20, 60)."""
    masks: tuple[tuple[str, str], ...]
    """Type (MSK_CLDPRB, …) and listed path of each mask that is not for a single band."""


def take_resolution(listed: Collection[int], cell_size: float) -> int:
    """Select the pixel size to read for a cell size, both in metres: the largest that does not exceed it, else the
    smallest.

    >>> [take_resolution((10, 20, 60), size) for size in (5, 10, 15, 20, 60, 100)]
    [10, 10, 10, 20, 60, 60]
    >>> take_resolution((20, 60), 10)
    20
    """
    return max((metres for metres in listed if metres <= cell_size), default=min(listed))


def image_of(path: str) -> tuple[str, int] | None:
    """Band or mask, and pixel size in metres, from the name of an image; None for other images.

    >>> image_of("GRANULE/L2A_T29UNU_A038058_20221005T115407/IMG_DATA/R20m/T29UNU_20221005T115411_B8A_20m")
    ('B8A', 20)
    >>> image_of("S2A_OPER_MSI_L1C_TL_EPA__20160520T123456_A004750_T32TQR_B01")
    ('B01', 60)
    >>> image_of("S2A_USER_SCL_L2A_TL_EPA__20160520T123456_A004750_T32TQR_60m")
    ('SCL', 60)
    >>> image_of("T29UNU_20221005T115411_TCI_10m") is None
    True
    """
    match = _IMAGE.fullmatch(path.rpartition("/")[2][-255:])
    metres = 0 if match is None else int(match[2] or NATIVE_M.get(match[1], 0))
    return (match[1], metres) if match is not None and metres else None


def read_product(text: bytes, path: str) -> Product:
    """Parse a product's metadata; ``path`` is its name in messages.

    Raises:
        InputError: cut off, of another satellite or level, or a required element is missing.
    """
    found = _Found(text, path)
    level = _ROOTS.get(found.root.tag)
    if level is None:
        raise InputError(
            path,
            f"is not the metadata of a Sentinel-2 product of Level-1C or Level-2A (but {found.root.tag!r})",
            "pass a product of one of these levels, or the folder of its band files",
        )
    quantity, offset = ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET") if level == "L1C" else (
        "BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET"
    )  # fmt: skip
    granules: dict[str, list[str]] = {}
    for entry in found.all("Granule", "Granules"):
        for element in entry:
            if element.tag.startswith(("IMAGE_FILE", "IMAGE_ID")) and element.text:
                image = element.text.strip()
                # A path contains the folder; before December 2016, only the granule identifier gives it.
                folder = image.split("/")[1] if image.startswith("GRANULE/") else entry.get("granuleIdentifier", "")
                granules.setdefault(folder, []).append(image)
    if not granules:
        found.lacks("a granule")
    start = found.text("DATATAKE_SENSING_START", "PRODUCT_START_TIME", default="")
    return Product(
        uri=found.text("PRODUCT_URI", "PRODUCT_URI_2A", default="").rpartition("/")[2],
        level=level,
        baseline=found.text("PROCESSING_BASELINE"),
        sensor=found.text("SPACECRAFT_NAME", default=""),
        orbit=found.text("SENSING_ORBIT_NUMBER", default=""),
        acquired=start[:10] if re.match(r"\d{4}-\d\d-\d\d", start) else "",
        quantification=found.number(quantity, f"L2A_{quantity}"),
        offsets={int(found.value(entry.get("band_id"), offset)): found.value(entry.text, offset)
                 for entry in found.all(offset)},
        granules=tuple(Granule(name, tuple(images)) for name, images in granules.items()),
    )  # fmt: skip


def read_tile(text: bytes, path: str) -> GranuleTile:
    """Parse a granule's metadata; ``path`` is its name in messages.

    Raises:
        InputError: cut off, or a required element is missing.
    """
    found = _Found(text, path)
    code = found.text("HORIZONTAL_CS_CODE")
    try:
        crs = CRS.from_user_input(code)
    except CRSError as error:
        raise InputError(path, f"names the coordinate reference system {code!r}, which is none", _AGAIN) from error
    sizes = {entry.get("resolution"): entry for entry in found.all("Size")}
    grids = {}
    for entry in found.all("Geoposition"):
        size = sizes.get(entry.get("resolution"))
        if size is None:
            found.lacks(f"the size at {entry.get('resolution')} m")
        x, y, width, height = (found.value(entry.findtext(tag), tag) for tag in ("ULX", "ULY", "XDIM", "YDIM"))
        rows, columns = (found.value(size.findtext(tag), tag) for tag in ("NROWS", "NCOLS"))
        if not (width > 0 > height and rows >= 1 and columns >= 1):
            raise InputError(path, f"has pixels of {width:g} x {height:g} m, {columns:g} x {rows:g} of them", _AGAIN)
        grids[round(width)] = Grid(Affine(width, 0, x, 0, height, y), int(rows), int(columns))
    if not grids:
        found.lacks("where its pixels lie (Geoposition)")
    masks = [
        (entry.get("type", ""), (entry.text or "").strip())
        for entry in found.all("MASK_FILENAME")
        if entry.get("bandId") is None
    ]
    return GranuleTile(crs, grids, tuple(masks))


def read_checksums(text: bytes, path: str) -> dict[str, tuple[str, str]]:
    """Method and checksum of each file listed in a ``manifest.safe``, by the file's path in the product.

    Paths that lead out of the product are left out.

    Raises:
        InputError: cut off, or not XML.
    """
    listed = {}
    for stream in _Found(text, path).all("byteStream"):
        location, checksum = stream.find("fileLocation"), stream.find("checksum")
        if location is None or checksum is None or not checksum.text:
            continue
        name = (location.get("href") or "").replace("\\", "/").removeprefix("./")
        if name and not name.startswith("/") and ":" not in name and ".." not in name.split("/"):
            listed[name] = checksum.get("checksumName") or "", checksum.text.strip()
    return listed


class _Found:
    """Elements of an XML file from an untrusted source, by their names without namespace."""

    def __init__(self, text: bytes, path: str) -> None:
        self._path = path
        self.root = _parse(text, path)

    def all(self, *names: str) -> list[Element]:
        return [entry for entry in self.root.iter() if entry.tag in names]

    def text(self, *names: str, default: str | None = None) -> str:
        """Text of the first element with text, searched for each name in turn; else ``default``.

        Raises:
            InputError: no such element, and no default.
        """
        for name in names:
            for entry in self.root.iter(name):
                if entry.text and entry.text.strip():
                    return entry.text.strip()
        return self.lacks(names[0]) if default is None else default

    def number(self, *names: str) -> float:
        return self.value(self.text(*names), names[0])

    def value(self, text: str | None, name: str) -> float:
        try:
            number = float(text or "")
        except ValueError:
            number = np.nan
        if not np.isfinite(number):
            raise InputError(self._path, f"has {text!r} for {name}, which is no number", _AGAIN)
        return number

    def lacks(self, what: str) -> NoReturn:
        raise InputError(self._path, f"does not say {what}", _AGAIN)


def _parse(text: bytes, path: str) -> Element:
    """Parse XML into elements without namespaces. A document type is refused, so no entities are expanded or loaded."""

    def refuse(*_: object) -> NoReturn:
        raise InputError(path, "declares a document type, which products do not", "do not trust this file")

    def start(name: str, attributes: dict[str, str]) -> None:
        if next(elements) >= _MOST_ELEMENTS:
            raise InputError(path, f"has more than {_MOST_ELEMENTS:,} elements, which products do not", _AGAIN)
        builder.start(name.rpartition(":")[2], attributes)

    elements = count()
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: builder.end(name.rpartition(":")[2])
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InputError(path, f"is cut off or no XML ({error})", _AGAIN) from error
    return builder.close()
