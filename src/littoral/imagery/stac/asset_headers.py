"""CRS, grid, data type and nodata of an item's file, from the item's metadata or from the file's header.

The metadata are those of STAC's projection and raster extensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from littoral.errors import InputError
from littoral.imagery.decoding import measured_bands
from littoral.imagery.raster_files import crs_of, grid_of, nodata_of, open_file
from littoral.imagery.scene import Grid
from littoral.imagery.stac.bands import Asset, kind_of
from littoral.imagery.stac.item_files import Item
from littoral.imagery.stac.providers import access_of
from littoral.imagery.stac.scaling import band_entries


@dataclass(frozen=True)
class AssetPixels:
    """Georeference and value type of one layer of a file."""

    crs: CRS
    """Coordinate reference system."""
    grid: Grid
    """Transform, rows and columns, with the first row in the north."""
    dtype: str
    """NumPy type of the stored values."""
    nodata: float | None
    """Stored value that means nodata, None if there is none."""
    scale: float = 1.0
    """Scale in the file's header; the scale in an item is read by :mod:`littoral.imagery.stac.scaling`."""
    offset: float = 0.0
    """Offset in the file's header; see ``scale``."""
    alpha: int | None = None
    """Number of the file's alpha layer (0 where there are no pixels), from 1; None without one."""
    flipped: tuple[bool, bool] = (False, False)
    """Whether the file's rows run from south to north, and its columns from east to west; ``grid`` is after the rows
    and columns are reversed."""


def pixels_of(item: Item, asset: Asset) -> AssetPixels:
    """Pixels of an asset: from the item for a remote file, if the item is complete; else from the file's header.

    A remote file is compared with its item when it is opened for reading
    (:func:`littoral.imagery.windows.open_band`), a local file here.

    Raises:
        InputError: the file has no CRS, has fewer layers than its item lists, or differs from its item.
    """
    content = item["assets"][asset.key]
    href = content["href"]
    declared = _declared_pixels(item, content, asset)
    if declared is not None and "://" in href:
        return declared
    with open_file(href, access_of(href, item)) as dataset:
        crs = crs_of(dataset)
        if crs is None:
            raise InputError(href, "has no coordinate reference system", "pass an item of georeferenced files")
        grid, flipped = grid_of(dataset, href)
        if asset.index > dataset.count:
            raise InputError(href, f"has {dataset.count} layers, and its item says more", "ask the catalogue's keepers")
        layer = asset.index - 1
        found = AssetPixels(
            crs,
            grid,
            dataset.dtypes[layer],
            nodata_of(dataset, asset.index),
            float(dataset.scales[layer]),
            float(dataset.offsets[layer]),
            measured_bands(dataset)[1],
            flipped,
        )
    if declared is not None and (declared.crs != found.crs or not _same_place(declared.grid, found.grid)):
        raise InputError(
            href,
            f"has {found.grid.width} x {found.grid.height} pixels in {found.crs.to_string()}, and its item says "
            f"{declared.grid.width} x {declared.grid.height} in {declared.crs.to_string()}, or another place",
            "if it was cropped, pass the file itself; else fetch it again",
        )
    return found


def _declared_pixels(item: Item, content: Mapping[str, Any], asset: Asset) -> AssetPixels | None:
    """Pixels that the item declares for an asset; None if it lacks the CRS, grid, data type or nodata."""
    crs, grid = _declared_crs(item, content), _declared_grid(item, content)
    entries = band_entries(content, asset.index)
    dtype = next((str(entry["data_type"]) for entry in entries if entry.get("data_type")), None)
    nodata = next((entry["nodata"] for entry in entries if entry.get("nodata") is not None), None)
    known = kind_of(item) != ""
    if known:
        # Types of Sentinel-2 and Landsat products: uint8 for classes and percentages, else uint16.
        eight_bits = asset.role in ("scene classes", "cloud probability")
        dtype = dtype or ("uint8" if eight_bits else "uint16")
    if crs is None or grid is None or dtype is None or (nodata is None and not known):
        return None
    try:
        return AssetPixels(crs, grid, np.dtype(dtype).name, None if nodata is None else float(nodata))
    except (TypeError, ValueError):
        # The raster extension has types that NumPy lacks (cint16); the file's header is read instead.
        return None


def _declared_crs(item: Item, content: Mapping[str, Any]) -> CRS | None:
    """CRS by STAC's projection extension 1 or 2, of the asset or else of the item."""
    for place in (content, item["properties"]):
        for key in ("proj:code", "proj:epsg", "proj:wkt2", "proj:projjson"):
            if place.get(key):
                try:
                    return CRS.from_user_input(place[key])
                except CRSError as error:
                    raise InputError(
                        f"The item {item['id']}", f"has an unknown CRS ({place[key]})", "ask the catalogue's keepers"
                    ) from error
    return None


def _declared_grid(item: Item, content: Mapping[str, Any]) -> Grid | None:
    """Grid by STAC's projection extension, of the asset or else of the item; None unless it is north-up."""
    for place in (content, item["properties"]):
        transform, shape = place.get("proj:transform"), place.get("proj:shape")
        if transform and shape:
            a, b, _, d, e, _ = transform[:6]
            # For any other transform, e.g. with its six numbers in GDAL's order, the file's header is read.
            north_up = a > 0 > e and max(abs(b), abs(d)) < 1e-9 * min(a, -e)
            return Grid(Affine(*transform[:6]), int(shape[0]), int(shape[1])) if north_up else None
    return None


def _same_place(one: Grid, other: Grid) -> bool:
    return (one.height, one.width) == (other.height, other.width) and one.transform.almost_equals(other.transform, 1e-3)
