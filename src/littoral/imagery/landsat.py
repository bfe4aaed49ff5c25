"""Landsat 8 and 9 products of Collection 2, levels 1 and 2: a folder with one file per band and an ``MTL`` file.

Bands take the names of the Sentinel-2 bands of the same wavelengths, so that indices find them: OLI's near infrared
(865 nm) is B8A, not the wider B08. Reflectance = DN x multiplier + addend of the MTL file; at level 1 this is then
divided by the sine of the sun's height (Landsat 8-9 Collection 2 data format control books, LSDS-1822 and LSDS-1619).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

from littoral.errors import InputError
from littoral.imagery.raster_files import open_files
from littoral.imagery.scene import Scene

BANDS = {1: "B01", 2: "B02", 3: "B03", 4: "B04", 5: "B8A", 6: "B11", 7: "B12", 9: "B10"}
"""Sentinel-2's name for OLI's bands of 30 m. The panchromatic band 8 has no counterpart."""
_LARGEST_MTL = 2**20
_SENSORS = {"LANDSAT_8": "Landsat-8", "LANDSAT_9": "Landsat-9"}


def is_landsat(path: Path) -> bool:
    """Whether a path is a product's folder, or its MTL file."""
    return _metadata(path) is not None


def open_landsat(path: Path) -> Scene:
    """Open a product by its folder or its ``…_MTL.txt``; no pixels are read.

    Returns:
        A scene of the reflective bands with their scale and offset, and QA_PIXEL as mask.

    Raises:
        InputError: no product of Landsat 8 or 9, metadata that is cut off, or a listed band file that is not there.
    """
    found = _metadata(path)
    if found is None:
        raise InputError(path, "is no Landsat product (no …_MTL.txt)", "pass the folder of the product")
    told = _read_mtl(found)
    spacecraft = told.get("SPACECRAFT_ID", "none")
    if spacecraft not in _SENSORS:
        raise InputError(
            found, f"is of {spacecraft}", "pass a product of Landsat 8 or 9, or its files with --band-names"
        )
    files: dict[str, Path] = {}
    factors: dict[str, tuple[float, float]] = {}
    absent: dict[str, str] = {}
    level_2 = told.get("PROCESSING_LEVEL", "").startswith("L2")
    # Level 2 files repeat level 1's factors further down; the first are their own.
    sun = 1.0 if level_2 else math.sin(math.radians(_number(found, told, "SUN_ELEVATION")))
    for number, name in BANDS.items():
        listed = told.get(f"FILE_NAME_BAND_{number}")
        if listed is None:
            continue
        file = found.parent / Path(listed).name
        if not file.exists():
            absent[name] = file.name
            continue
        files[name] = file
        factors[name] = (
            _number(found, told, f"REFLECTANCE_MULT_BAND_{number}") / sun,
            _number(found, told, f"REFLECTANCE_ADD_BAND_{number}") / sun,
        )
    if not files:
        raise InputError(found, f"lists {len(absent)} bands and none of their files is there", "complete the download")
    quality = found.parent / Path(told.get("FILE_NAME_QUALITY_L1_PIXEL", "-")).name
    masks = {"QA_PIXEL": quality} if quality.is_file() else {}
    scene = open_files([str(file) for file in (*files.values(), *masks.values())], names=[*files, *masks])
    bands = tuple(
        replace(band, scale=factors[band.name][0], offset=factors[band.name][1], nodata=0.0) for band in scene.bands
    )
    tags = {"SENSOR": _SENSORS[spacecraft], "LEVEL": told.get("PROCESSING_LEVEL", ""), "DATE": told["DATE_ACQUIRED"]}
    name = told.get("LANDSAT_PRODUCT_ID", found.parent.name)
    return replace(scene, name=name, bands=bands, tags=tags, absent=absent, acquired=told["DATE_ACQUIRED"])


def _metadata(path: Path) -> Path | None:
    if path.is_file():
        return path if path.name.endswith("_MTL.txt") else None
    found = sorted(path.glob("*_MTL.txt")) if path.is_dir() else []
    return found[0] if len(found) == 1 else None


def _read_mtl(path: Path) -> dict[str, str]:
    """``KEY = value`` lines; of a key that stands in several groups, the first."""
    if path.stat().st_size > _LARGEST_MTL:
        raise InputError(path, "is too large for an MTL file", "pass the folder of a Landsat product")
    out: dict[str, str] = {}
    text = path.read_text(encoding="utf-8", errors="replace")
    for key, value in re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE):
        if key not in ("GROUP", "END_GROUP"):
            out.setdefault(key, value.strip('"'))
    if "SPACECRAFT_ID" not in out or "DATE_ACQUIRED" not in out or not text.rstrip("\0\n\r ").endswith("END"):
        raise InputError(path, "is cut off or no MTL file", "download the product again")
    return out


def _number(path: Path, told: dict[str, str], key: str) -> float:
    try:
        value = float(told[key])
    except (KeyError, ValueError) as error:
        raise InputError(path, f"has no number for {key}", "download the product again") from error
    if key == "SUN_ELEVATION" and not 0 < value <= 90:
        raise InputError(path, f"has the sun at {value} degrees", "pass an image taken by day")
    return value
