"""Find the files of a Sentinel-2 product, in a folder or in a zip that is not unpacked."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from littoral.errors import InputError
from littoral.http import entry_name

PRODUCT_XML = re.compile(r"MTD_MSIL\d\w\.xml|S2\w_\w{4}_MTD_SAFL\d\w(_.+)?\.xml", re.IGNORECASE)
"""Name of a product's metadata file, since December 2016 and before."""
TILE_XML = re.compile(r"MTD_TL\.xml|S2\w_\w{4}_MTD_L\d\w_.+\.xml", re.IGNORECASE)
"""Name of a granule's metadata file, since December 2016 and before."""
IMAGES = (".jp2", ".tif", ".tiff")
"""Suffixes of images: JPEG 2000 in ESA's products; Sen2Cor also writes GeoTIFF."""
_MOST_XML_BYTES = 8 * 2**20
"""Largest size of a metadata file; those of real products have up to 1 MB."""
_DEEPEST = 4
"""Depth of the image folders in a product: GRANULE, the granule, IMG_DATA, R10m."""
_AGAIN = "fetch the product again"


@dataclass(frozen=True)
class Place:
    """Location and files of one product."""

    root: str
    """Path of the product's folder for messages; for one in a zip, the path of the zip followed by that inside it."""
    metadata: str
    """Name of the product's metadata file in that folder."""
    files: tuple[str, ...]
    """Paths of the granules' files, relative to that folder, with ``/`` between parts."""
    archive: Path | None = None
    """The zip that contains the product, None for a folder."""
    inside: str = ""
    """Path of the product's folder in the zip, with a ``/`` at the end, or ""."""
    front: str = ""
    """Prefix that GDAL keeps in names of this zip: ``./`` if they begin with ``.\\``."""

    def shown(self, name: str) -> str:
        """Path of a file for messages."""
        return str(Path(self.root, name))

    def href(self, name: str) -> str:
        """GDAL's name of a file."""
        # Braces enclose the zip's path, so that any name can be split.
        return (
            self.shown(name) if self.archive is None else f"/vsizip/{{{self.archive}}}/{self.front}{self.inside}{name}"
        )

    def in_granule(self, granule: str) -> list[PurePosixPath]:
        """The files of one granule, relative to the product's folder."""
        return [PurePosixPath(name) for name in self.files if PurePosixPath(name).parts[1] == granule]

    def read(self, name: str) -> bytes:
        """Content of a metadata file.

        Raises:
            InputError: it is missing, damaged, or larger than 8 MiB.
        """
        try:
            if self.archive is None:
                with Path(self.root, name).open("rb") as file:
                    content = file.read(_MOST_XML_BYTES + 1)
            else:
                with zipfile.ZipFile(self.archive) as archive:
                    raw = {entry_name(entry.filename): entry for entry in archive.infolist()}[self.inside + name]
                    with archive.open(raw) as file:
                        content = file.read(_MOST_XML_BYTES + 1)
        except (OSError, KeyError, *_DAMAGES) as error:
            raise InputError(self.shown(name), f"could not be read ({error})", _AGAIN) from error
        if len(content) > _MOST_XML_BYTES:
            what = f"is larger than metadata are (over {_MOST_XML_BYTES:,} bytes)"
            raise InputError(self.shown(name), what, "see what the file is, and fetch the product again")
        return content


_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""Errors that Python raises for a zip that is damaged, encrypted, or of an unsupported compression method."""


def belongs_to_product(path: Path) -> bool:
    """Whether a path belongs to a product, so that :func:`find_product` finds it or raises a helpful error.

    False for folders of band files, also for those inside a product.
    """
    if path.is_file():
        return _is_zip(path) or path.name.casefold() == "manifest.safe" or _is_metadata(path.name)
    if not path.is_dir():
        return _zip_above(path) is not None
    if _metadata_in(path) is not None:
        return True
    if any(file.suffix.casefold() in IMAGES for file in path.iterdir()):
        return False
    above = product_above(path)
    inside = above is not None and path.absolute().relative_to(above.root).parts[0] == "GRANULE"
    return inside or path.suffix.casefold() in (".safe", ".sen3")


def is_remote(path: str) -> bool:
    """Whether a path is a web address or a GDAL name (``/vsi…``) instead of a local path."""
    return re.match(r"\w{2,}:/|/vsi", path) is not None


def find_product(path: Path) -> tuple[Place, str]:
    """Find the product of a path, and the name of its granule if the path is inside one, else "".

    Raises:
        InputError: there is no product, or more than one.
    """
    archive = path if path.is_file() and _is_zip(path) else _zip_above(path)
    if archive is not None:
        return _find_in_zip(path, archive)
    if path.is_file():
        if PRODUCT_XML.fullmatch(path.name):
            return _in_folder(path.parent, path.name), ""
        path = path.parent
    if not path.is_dir():
        raise InputError(path, "does not exist", "check the path to the product")
    metadata = _metadata_in(path)
    if metadata is not None:
        return _in_folder(path, metadata), ""
    place = product_above(path)
    if place is not None:
        return place, _granule(path, path.absolute().relative_to(place.root).parts, Path(place.root))
    below = _products_below(path)
    if below:
        raise InputError(path, f"is the folder above {_counted(below)}", f"pass the product itself, {below[0]}")
    raise InputError(
        path,
        "is no Sentinel-2 product (no MTD_MSIL1C.xml or MTD_MSIL2A.xml in it)",
        "pass a whole .SAFE folder or zip of Level-1C or Level-2A, or the folder of its band files (IMG_DATA)",
    )


def product_above(path: Path) -> Place | None:
    """The product that contains a file or folder, None if there is none."""
    for folder in list(path.absolute().parents)[: _DEEPEST + 1]:
        metadata = _metadata_in(folder)
        if metadata is not None:
            return _in_folder(folder, metadata)
    return None


def _in_folder(folder: Path, metadata: str) -> Place:
    return Place(str(folder), metadata, tuple(sorted(_files_below(folder))))


def _files_below(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder / "GRANULE", followlinks=True):
        part = Path(place).relative_to(folder)
        if len(part.parts) >= _DEEPEST:
            # Symbolic links may form a cycle.
            folders.clear()
        if len(part.parts) > 1:
            yield from ((part / file).as_posix() for file in files)


def _find_in_zip(path: Path, archive: Path) -> tuple[Place, str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            raw = [entry.filename for entry in opened.infolist() if not entry.is_dir()]
    except (OSError, *_DAMAGES) as error:
        raise InputError(archive, f"is not a whole zip ({error})", _AGAIN) from error
    names = [entry_name(name) for name in raw]
    found = {}
    for name in names:
        last = name.rpartition("/")[2]
        if PRODUCT_XML.fullmatch(last):
            found[name.removesuffix(last)] = last
    asked = path.relative_to(archive)
    wanted = "" if asked == Path() else asked.as_posix() + "/"
    products = [inside for inside in found if inside.startswith(wanted)] or [
        inside for inside in found if wanted.startswith(inside)
    ]
    if not products:
        raise InputError(
            path,
            "holds no Sentinel-2 product (no MTD_MSIL1C.xml or MTD_MSIL2A.xml in it)",
            "pass the zip of a whole product of Level-1C or Level-2A, or unpack it and pass the scene's file",
        )
    if len(products) > 1:
        remedy = f"pass one of them, e.g. {archive / products[0]}"
        raise InputError(path, f"holds {_counted([Path(inside) for inside in products])}", remedy)
    inside = products[0]
    files = (name.removeprefix(inside) for name in names if name.startswith(f"{inside}GRANULE/"))
    inner = tuple(sorted(name for name in files if name.count("/") > 1))
    front = "./" if any(name.startswith(".\\") for name in raw) else ""
    place = Place(str(archive / inside), found[inside], inner, archive, inside, front)
    granule = ""
    if wanted.startswith(inside) and wanted != inside:
        granule = _granule(path, PurePosixPath(wanted.removeprefix(inside)).parts, archive / inside)
    return place, granule


def _granule(path: Path, parts: tuple[str, ...], product: Path) -> str:
    """Name of the granule at a path, given as parts relative to the product's folder.

    Raises:
        InputError: the path is another folder of the product.
    """
    if len(parts) == 2 and parts[0] == "GRANULE":
        return parts[1]
    raise InputError(path, f"is a folder inside {product}", "pass the product itself, or a folder of GRANULE in it")


def _metadata_in(folder: Path) -> str | None:
    """Name of a product's metadata file directly in a folder, None if there is none."""
    try:
        with os.scandir(folder) as entries:
            return min((entry.name for entry in entries if PRODUCT_XML.fullmatch(entry.name)), default=None)
    except OSError:
        return None


def _products_below(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and _metadata_in(child) is not None)


def _is_metadata(name: str) -> bool:
    return bool(PRODUCT_XML.fullmatch(name) or TILE_XML.fullmatch(name))


def _is_zip(path: Path) -> bool:
    if path.suffix.casefold() == ".zip":
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _zip_above(path: Path) -> Path | None:
    """The zip that a path leads into, None if there is none."""
    return next((parent for parent in path.parents if parent.suffix and parent.is_file() and _is_zip(parent)), None)


def _counted(products: Iterable[Path]) -> str:
    names = [product.name for product in products]
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"the product {shown}" if len(names) == 1 else f"{len(names)} products ({shown})"
