"""What a file of an item has, by the item (STAC's projection and raster extensions) or by the file's own header."""

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
class Pixels:
    """Of one layer of a file."""

    crs: CRS
    grid: Grid
    dtype: str
    nodata: float | None
    scale: float = 1.0
    """As the file's header says; items say it elsewhere."""
    offset: float = 0.0
    """See ``scale``."""
    alpha: int | None = None
    """Layer that is 0 where there are no pixels, as the file's header says."""
    flipped: tuple[bool, bool] = (False, False)
    """Whether the file's rows run from the south, its columns from the east; ``grid`` is as if they did not."""


def pixels_of(item: Item, asset: Asset) -> Pixels:
    """By the item, or by the file's header where the item is silent or the file is at hand.

    What the item of a file on a server says is held against the file when that is opened to be read
    (:func:`littoral.imagery.windows.open_band`).
    """
    content = item["assets"][asset.key]
    href = content["href"]
    said = _said_pixels(item, content, asset)
    if said is not None and "://" in href:
        return said
    with open_file(href, access_of(href, item)) as dataset:
        crs = crs_of(dataset)
        if crs is None:
            raise InputError(href, "has no coordinate reference system", "pass an item of georeferenced files")
        grid, flipped = grid_of(dataset, href)
        if asset.index > dataset.count:
            raise InputError(href, f"has {dataset.count} layers, and its item says more", "ask the catalogue's keepers")
        layer = asset.index - 1
        found = Pixels(
            crs,
            grid,
            dataset.dtypes[layer],
            nodata_of(dataset, asset.index),
            float(dataset.scales[layer]),
            float(dataset.offsets[layer]),
            measured_bands(dataset)[1],
            flipped,
        )
    if said is not None and (said.crs != found.crs or not _same_place(said.grid, found.grid)):
        raise InputError(
            href,
            f"has {found.grid.width} x {found.grid.height} pixels in {found.crs.to_string()}, and its item says "
            f"{said.grid.width} x {said.grid.height} in {said.crs.to_string()}, or another place",
            "if it was cropped, pass the file itself; else fetch it again",
        )
    return found


def _said_pixels(item: Item, content: Mapping[str, Any], asset: Asset) -> Pixels | None:
    crs, grid = _said_crs(item, content), _said_grid(item, content)
    entries = band_entries(content, asset.index)
    dtype = next((str(entry["data_type"]) for entry in entries if entry.get("data_type")), None)
    nodata = next((entry["nodata"] for entry in entries if entry.get("nodata") is not None), None)
    known = kind_of(item) != ""
    if known:
        # The products' own: classes and percentages in 8 bits, all else in 16.
        eight_bits = asset.role in ("scene classes", "cloud probability")
        dtype = dtype or ("uint8" if eight_bits else "uint16")
    if crs is None or grid is None or dtype is None or (nodata is None and not known):
        return None
    try:
        return Pixels(crs, grid, np.dtype(dtype).name, None if nodata is None else float(nodata))
    except (TypeError, ValueError):
        # The raster extension has types that numpy has not (cint16); the header decides.
        return None


def _said_crs(item: Item, content: Mapping[str, Any]) -> CRS | None:
    """By STAC's projection extension 1 or 2, in the asset or else the item."""
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


def _said_grid(item: Item, content: Mapping[str, Any]) -> Grid | None:
    for place in (content, item["properties"]):
        transform, shape = place.get("proj:transform"), place.get("proj:shape")
        if transform and shape:
            a, b, _, d, e, _ = transform[:6]
            # Others, GDAL's order of the six numbers among them, are left to the file's header.
            north_up = a > 0 > e and max(abs(b), abs(d)) < 1e-9 * min(a, -e)
            return Grid(Affine(*transform[:6]), int(shape[0]), int(shape[1])) if north_up else None
    return None


def _same_place(one: Grid, other: Grid) -> bool:
    return (one.height, one.width) == (other.height, other.width) and one.transform.almost_equals(other.transform, 1e-3)
