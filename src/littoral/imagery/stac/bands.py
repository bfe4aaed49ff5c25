"""Find the bands and masks among an item's assets, and name the bands the same for all catalogues."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from littoral.imagery.band_names import name_by_wavelength, name_in, sensor_of
from littoral.imagery.landsat import BANDS as OLI_BANDS
from littoral.imagery.safe.metadata import NATIVE_M
from littoral.imagery.scene import SENTINEL_NAME, Role
from littoral.imagery.stac.item_files import Item

COMMON_NAMES = {
    "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge1": "B05", "rededge2": "B06",
    "rededge3": "B07", "nir": "B08", "nir08": "B8A", "nir09": "B09", "cirrus": "B10", "swir16": "B11", "swir22": "B12",
}  # fmt: skip
"""Sentinel-2's band name for each common name of STAC's eo extension; Landsat's bands of the same wavelengths get the
same names."""
_LANDSAT_NAMES = {"coastal", "blue", "green", "red", "nir08", "cirrus", "swir16", "swir22"}
_MASKS: dict[str, tuple[str, Role]] = {
    "scl": ("SCL", "scene classes"),
    "cloud": ("CLDPRB", "cloud probability"),
    "cld": ("CLDPRB", "cloud probability"),
    "cldprb": ("CLDPRB", "cloud probability"),
    "msk_cldprb": ("CLDPRB", "cloud probability"),
    "qa_pixel": ("QA_PIXEL", "cloud bits"),
}
"""Name and role of each mask, by asset key."""
_PICTURES = {"thumbnail", "overview", "visual", "metadata"}
"""Roles of assets that hold no measurements."""
_SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt", ".img")
_SENTINEL_2 = re.compile(r"S2[A-D]_MSIL(1C|2A)_|S2MSI(1C|2A)|^S2[A-D]_T?\d\d[A-Z]{3}_\d{8}\w*_L(1C|2A)$")
_COLLECTION = re.compile(r"(^|[-_])s(entinel)?[-_]?s?2[-_].*l(1c|2a)|sentinel-?s?2\b.*l(1c|2a)", re.IGNORECASE)
_AWS_IMAGE = re.compile(r"/R[126]0m/(B\d\d|B8A)\.jp2$")
_SENTINEL_2_FACTS = ("s2:", "sentinel:", "earthsearch:")
_SENTINEL_2_WORDS = ("processing_baseline", "boa_offset_applied")
_LANDSAT = re.compile(r"^L[COTEM]0[1-9]_L")


@dataclass(frozen=True)
class Asset:
    """A band or mask: an asset, or one layer of an asset."""

    key: str
    """Key of the asset in the item."""
    index: int
    """Layer of the file, from 1."""
    name: str
    """Name of the band or mask."""
    role: Role
    """Kind of its values."""
    metres: float
    """Pixel size in metres, 0 if the item does not give it."""
    described: bool = True
    """False if the name is only a band number of an unknown sensor."""


def kind_of(item: Item) -> str:
    """Kind of product: ``sentinel-2`` (ESA's L1C and L2A products), ``landsat``, or "" for anything else.

    >>> kind_of({"id": "S2B_T38XNF_20250422T091553_L2A", "properties": {}})
    'sentinel-2'
    >>> kind_of({"id": "x", "collection": "sentinel-s2-l2a-cogs", "properties": {}})
    'sentinel-2'
    >>> kind_of({"id": "x", "collection": "landsat-c2-l2", "properties": {}})
    'landsat'
    >>> kind_of({"id": "c9c0ae5b", "collection": "s2_l2a", "properties": {}})
    'sentinel-2'
    >>> kind_of({"id": "ga_s2am_ard_3", "properties": {"platform": "sentinel-2a"}})
    ''
    """
    properties, collection = item["properties"], str(item.get("collection") or "")
    names = [item["id"], *(properties.get(key, "") for key in ("s2:product_uri", "s2:product_type", "product:type"))]
    if _COLLECTION.search(collection) or any(_SENTINEL_2.search(str(name)) for name in names):
        return "sentinel-2"
    if collection.startswith("landsat-") or _LANDSAT.match(str(item["id"])):
        return "landsat"
    assets = item.get("assets") or {}
    has_properties = any(key.startswith(_SENTINEL_2_FACTS) and key.endswith(_SENTINEL_2_WORDS) for key in properties)
    if has_properties and any(_sentinel_name(_core(str(key)), []) for key in assets):
        return "sentinel-2"
    if any(_AWS_IMAGE.search(str(asset.get("href"))) for asset in assets.values() if isinstance(asset, Mapping)):
        return "sentinel-2"
    return ""


def bands_of(item: Item) -> list[Asset]:
    """Bands and masks of an item; Sentinel-2's in band order, others in the item's order.

    A band that is there in several resolutions is listed once for each.
    """
    kind = kind_of(item)
    found = [
        asset
        for key, content in item["assets"].items()
        if _is_raster(content) and not key.endswith("-jp2")
        for asset in _layers(item, key, content, kind)
    ]
    if kind == "sentinel-2":
        order = [*NATIVE_M]
        return sorted(found, key=lambda asset: order.index(asset.name) if asset.name in order else len(order))
    return found


def _layers(item: Item, key: str, content: Mapping[str, Any], kind: str) -> list[Asset]:
    core = _core(key)
    metres = _metres(key, content)
    entries = _entries(item, content)
    if kind and core in _MASKS:
        return [Asset(key, 1, *_MASKS[core], metres)]
    if kind == "sentinel-2":
        name = _sentinel_name(core, entries)
        return [Asset(key, 1, name, "measured", metres or NATIVE_M[name])] if name and len(entries) < 2 else []
    if kind == "landsat":
        name = _landsat_name(core, content, entries)
        return [Asset(key, 1, name, "measured", metres)] if name else []
    names = [str(entry.get("name") or f"{key}:{index}") for index, entry in enumerate(entries, 1)]
    listed = [(key, entries[0] if entries else {})] if len(entries) < 2 else list(zip(names, entries, strict=True))
    found = [_other_name(item, content, name, entry) for name, entry in listed]
    return [Asset(key, index, name, role, metres, described) for index, (name, role, described) in enumerate(found, 1)]


def _other_name(item: Item, content: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> tuple[str, Role, bool]:
    """Name, role and ``described`` of a band that is neither Sentinel-2's nor Landsat's.

    A name that is only a number (B4, SR_B4) is resolved by the common name, the wavelength, or the item's sensor.
    """
    first = re.sub(r"_\d+m$", "", name)
    number = SENTINEL_NAME.fullmatch(first) or re.fullmatch(r"SR_B\d+", first, re.IGNORECASE)
    if not number:
        return name, "measured", True
    common = str(entry.get("common_name") or entry.get("eo:common_name") or content.get("eo:common_name") or "").lower()
    if common in COMMON_NAMES:
        return COMMON_NAMES[common], "measured", True
    wavelength = entry.get("center_wavelength") or entry.get("eo:center_wavelength")
    if isinstance(wavelength, int | float) and (near := name_by_wavelength(wavelength * 1000)):
        return near, "measured", True
    properties = item["properties"]
    platforms = [properties.get("platform"), properties.get("constellation"), *(properties.get("instruments") or [])]
    sensor = sensor_of(*(str(word) for word in platforms if word), str(item["id"]))
    if any(str(word).lower() == "msi" for word in platforms) and not sensor:
        sensor = "sentinel-2"
    return (own, "measured", True) if sensor and (own := name_in(first, sensor)) else (name, "measured", False)


def _core(key: str) -> str:
    """An asset's key without suffix and pixel size."""
    return re.sub(r"_\d+m$", "", key.lower().removesuffix(".tif"))


def _is_raster(content: Mapping[str, Any]) -> bool:
    kind = str(content.get("type") or "").lower()
    suffix = PurePosixPath(urlsplit(content["href"]).path).suffix.lower()
    raster = ("tiff" in kind or "jp2" in kind) if kind else suffix in _SUFFIXES
    return raster and not _PICTURES & set(content["roles"])


def _entries(item: Item, content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Entries of an asset's bands; old items list positions in the ``eo:bands`` of their properties instead."""
    listed: list[Any] = next((content[key] for key in ("eo:bands", "bands", "raster:bands") if content.get(key)), [])
    central = item["properties"].get("eo:bands") or []
    entries = (central[entry] if isinstance(entry, int) and entry < len(central) else entry for entry in listed)
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _sentinel_name(core: str, entries: list[Mapping[str, Any]]) -> str:
    """Sentinel-2's band name, "" if there is none.

    The asset key comes first, because ``eo:bands`` has one common name, rededge, for three bands.
    """
    words = [
        core,
        *(str(entry.get(key) or "") for entry in entries for key in ("name", "common_name", "eo:common_name")),
    ]
    for word in words:
        match = SENTINEL_NAME.fullmatch(word)
        name = f"B{int(match[1]):02d}{match[2].upper()}" if match else COMMON_NAMES.get(word.lower(), "")
        name = "B8A" if name == "B08A" else name
        if name in NATIVE_M:
            return name
    return ""


def _landsat_name(core: str, content: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> str:
    words = [core, *(str(entry.get(key) or "") for entry in entries for key in ("common_name", "eo:common_name"))]
    common = next((word for word in words if word in _LANDSAT_NAMES), None)
    if common is not None:
        return COMMON_NAMES[common]
    file = PurePosixPath(urlsplit(content["href"]).path).name
    number = re.match(r"LC0[89]_.*_B(\d+)\.tiff?$", file, re.IGNORECASE)
    return OLI_BANDS.get(int(number[1]), "") if number else ""


def _metres(key: str, content: Mapping[str, Any]) -> float:
    if content.get("proj:transform"):
        return abs(float(content["proj:transform"][0]))
    suffix = re.search(r"_(\d+)m$", key)
    return float(content.get("gsd") or (suffix[1] if suffix else 0))
