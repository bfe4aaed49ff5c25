"""Open Landsat 8 and 9 products of Collection 2, levels 1 and 2.

A product is a folder or ``.tar`` with one file per band and an ``MTL`` file. Bands get the names of the Sentinel-2
bands of the same wavelengths, so that indices find them: OLI's near infrared (865 nm) is B8A, not the wider B08.
Reflectance = DN x multiplier + addend of the MTL file; at level 1 this is then divided by the sine of the sun's
elevation (Landsat 8-9 Collection 2 data format control books, LSDS-1822 and LSDS-1619).
"""

from __future__ import annotations

import math
import re
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from littoral.errors import InputError, first_line
from littoral.http import entry_name
from littoral.imagery.band_names import OLI
from littoral.imagery.raster_files import open_files
from littoral.imagery.scene import Scene

BANDS = {number: name for number, name in OLI.items() if name.startswith("B")}
"""Sentinel-2's names of OLI's 30 m bands, by number."""
_LARGEST_MTL = 2**20
_SENSORS = {"LANDSAT_8": "Landsat-8", "LANDSAT_9": "Landsat-9"}


def is_landsat(path: Path) -> bool:
    """Whether a path is a product's folder, its MTL file, or the ``.tar`` in which it is delivered."""
    return _find(path) is not None


def open_landsat(path: Path) -> Scene:
    """Open a product by its folder, its ``…_MTL.txt`` or its ``.tar``, which is not unpacked; no pixels are read.

    Returns:
        A scene of the reflective bands with their scale and offset, and QA_PIXEL as mask.

    Raises:
        InputError: not a product of Landsat 8 or 9, metadata that are cut off, or no band file at all. Bands whose
            files are missing are in :attr:`Scene.absent`.
    """
    product = _find(path)
    if product is None:
        raise InputError(path, "is no Landsat product (no …_MTL.txt)", "pass the folder of the product")
    found = product.metadata
    mtl = _read_mtl(found, product.read(found.name))
    spacecraft = mtl.get("SPACECRAFT_ID", "none")
    if spacecraft not in _SENSORS:
        raise InputError(
            found, f"is of {spacecraft}", "pass a product of Landsat 8 or 9, or its files with --band-names"
        )
    files: dict[str, str] = {}
    factors: dict[str, tuple[float, float]] = {}
    absent: dict[str, str] = {}
    level_2 = mtl.get("PROCESSING_LEVEL", "").startswith("L2")
    # Level 2 files repeat the factors of level 1 further down; the first ones are those of level 2.
    sun = 1.0 if level_2 else math.sin(math.radians(_number(found, mtl, "SUN_ELEVATION")))
    for number, name in BANDS.items():
        listed = mtl.get(f"FILE_NAME_BAND_{number}")
        if listed is None:
            continue
        file = Path(listed).name
        if file not in product.names:
            absent[name] = file
            continue
        files[name] = file
        factors[name] = (
            _number(found, mtl, f"REFLECTANCE_MULT_BAND_{number}") / sun,
            _number(found, mtl, f"REFLECTANCE_ADD_BAND_{number}") / sun,
        )
    if not files:
        raise InputError(found, f"lists {len(absent)} bands and none of their files is there", "complete the download")
    quality = Path(mtl.get("FILE_NAME_QUALITY_L1_PIXEL", "-")).name
    masks = {"QA_PIXEL": quality} if quality in product.names else {}
    scene = open_files([product.href(file) for file in (*files.values(), *masks.values())], names=[*files, *masks])
    bands = tuple(
        replace(band, scale=factors[band.name][0], offset=factors[band.name][1], nodata=0.0) for band in scene.bands
    )
    tags = {"SENSOR": _SENSORS[spacecraft], "LEVEL": mtl.get("PROCESSING_LEVEL", ""), "DATE": mtl["DATE_ACQUIRED"]}
    name = mtl.get("LANDSAT_PRODUCT_ID", found.parent.name)
    return replace(scene, name=name, bands=bands, tags=tags, absent=absent, acquired=mtl["DATE_ACQUIRED"])


@dataclass(frozen=True)
class _Product:
    """Location of a product's files: a folder, or a ``.tar`` that is not unpacked."""

    metadata: Path
    """Path of the MTL file; in a ``.tar``, as if the ``.tar`` were a folder."""
    names: frozenset[str]
    """Names of its files, without folders."""
    archive: Path | None = None
    """The ``.tar``, None for a folder."""
    inside: str = ""
    """Folder of the files in the ``.tar``, with a ``/`` at the end, or ""."""

    def href(self, name: str) -> str:
        """GDAL's name of a file."""
        if self.archive is None:
            return str(self.metadata.parent / name)
        return f"/vsitar/{{{self.archive}}}/{entry_name(self.inside)}{name}"

    def read(self, name: str) -> bytes:
        """The first MiB of a file, plus one byte if it is larger."""
        if self.archive is None:
            with (self.metadata.parent / name).open("rb") as file:
                return file.read(_LARGEST_MTL + 1)
        with tarfile.open(self.archive, "r:") as archive:
            entry = archive.extractfile(f"{self.inside}{name}")
            return b"" if entry is None else entry.read(_LARGEST_MTL + 1)


def _find(path: Path) -> _Product | None:
    if path.is_file() and path.suffix.casefold() == ".tar":
        return _find_in_tar(path)
    if path.is_file():
        found = [path] if path.name.endswith("_MTL.txt") else []
    else:
        found = [file for file in path.glob("*_MTL.txt") if not file.name.startswith(".")] if path.is_dir() else []
    if len(found) != 1:
        return None
    return _Product(found[0], frozenset(file.name for file in found[0].parent.iterdir() if file.is_file()))


def _find_in_tar(path: Path) -> _Product | None:
    try:
        with tarfile.open(path, "r:") as archive:
            names = [entry.name for entry in archive if entry.isfile()]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(path, f"is not a whole .tar ({first_line(error)})", "download the product again") from error
    found = [name for name in names if name.endswith("_MTL.txt") and not PurePosixPath(name).name.startswith(".")]
    if len(found) != 1:
        return None
    inside, _, last = found[0].rpartition("/")
    inside = f"{inside}/" if inside else ""
    here = frozenset(name.removeprefix(inside) for name in names if name.startswith(inside))
    return _Product(path / last, here, path, inside)


def _read_mtl(path: Path, content: bytes) -> dict[str, str]:
    """Values of the ``KEY = value`` lines; of a key in several groups, the first value."""
    if len(content) > _LARGEST_MTL:
        raise InputError(path, "is too large for an MTL file", "pass the folder of a Landsat product")
    out: dict[str, str] = {}
    text = content.decode("utf-8", errors="replace")
    for key, value in re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE):
        if key not in ("GROUP", "END_GROUP"):
            out.setdefault(key, value.strip('"'))
    if "SPACECRAFT_ID" not in out or "DATE_ACQUIRED" not in out or not text.rstrip("\0\n\r ").endswith("END"):
        raise InputError(path, "is cut off or no MTL file", "download the product again")
    return out


def _number(path: Path, mtl: dict[str, str], key: str) -> float:
    try:
        value = float(mtl[key])
    except (KeyError, ValueError) as error:
        raise InputError(path, f"has no number for {key}", "download the product again") from error
    if key == "SUN_ELEVATION" and not 0 < value <= 90:
        raise InputError(path, f"has the sun at {value} degrees", "pass an image taken by day")
    return value
