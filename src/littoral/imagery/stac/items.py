"""Open STAC items as scenes, without reading pixels; headers are read only where the item's metadata are incomplete."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pyproj import CRS

from littoral.errors import InputError, LittoralWarning
from littoral.http import PATIENT, Patience
from littoral.imagery.options import SceneOptions
from littoral.imagery.raster_files import LANDSAT_SURFACE, with_names
from littoral.imagery.resampling import at_cell_size, fit_grid
from littoral.imagery.safe.metadata import take_resolution
from littoral.imagery.scene import Band, Grid, Scene
from littoral.imagery.stac.asset_headers import AssetPixels, pixels_of
from littoral.imagery.stac.bands import Asset, bands_of, kind_of
from littoral.imagery.stac.item_files import Item, Items, cloud_cover, is_web, read_items, taken, tile_of
from littoral.imagery.stac.providers import access_of
from littoral.imagery.stac.scaling import (
    baseline_of,
    declared,
    is_doubtful,
    reflectance_scaling,
    scaling_metadata,
)

_AS_IT_IS = SceneOptions()
_CELL_M = 10.0
"""Default cell size of Sentinel-2 scenes, metres."""
_AT_ONCE = 8
"""Number of headers read at the same time."""


def open_item(item: Items, options: SceneOptions = _AS_IT_IS, *, patience: Patience = PATIENT) -> Scene:
    """Open an item of a STAC catalogue as a scene; its files are read in place, block by block.

    Bands of Sentinel-2 are named B01 to B12 and B8A, and Landsat's bands get the names of Sentinel-2's bands of the
    same wavelengths, in every catalogue; bands of other items keep their own names (see
    :func:`littoral.imagery.stac.bands.bands_of`). Scale and offset of Sentinel-2 are those of
    :func:`littoral.imagery.stac.scaling.reflectance_scaling`.

    Args:
        item: An item's file, its web address, or its content; a file with one item in a FeatureCollection.
        options: The cell size, which also selects the resolution of bands that come in several; names for the bands
            in the item's order.
        patience: Retries and timeouts.

    Raises:
        InputError: no item, several items, no asset that is a band, or unknown scaling of the values.
        DownloadError: the address cannot be downloaded.

    Warns:
        LittoralWarning: the offset depends on a catalogue flag that is wrong for some scenes.
    """
    scenes = open_items(item, options, patience=patience)
    if len(scenes) > 1:
        raise InputError(_shown(item), f"holds {len(scenes)} items", "open them with open_items, or pass one")
    return scenes[0]


def open_items(items: Items, options: SceneOptions = _AS_IT_IS, *, patience: Patience = PATIENT) -> list[Scene]:
    """Open all the items of a file or a search as scenes; see :func:`open_item`.

    Args:
        items: The file written by ``littoral search``, the result of :func:`search_scenes`, or an item.
        options: See :func:`open_item`.
        patience: Retries and timeouts.
    """
    found = read_items(items, patience=patience)
    scenes = [_scene(item, options) for item in found]
    doubtful = [item["id"] for item in found if _doubtful(item)]
    if doubtful:
        many = f"{doubtful[0]} and {len(doubtful) - 1} more are" if len(doubtful) > 1 else f"{doubtful[0]} is"
        warnings.warn(
            f"{many} said to hold the offset of -0.1 still (boa_offset_applied is false); Earth Search says so of some "
            "scenes that were shifted already: compare dark water, or take them from the collection sentinel-2-c1-l2a",
            LittoralWarning,
            stacklevel=2,
        )
    return scenes


def _scene(item: Item, options: SceneOptions) -> Scene:
    name = str(item["id"])
    chosen = assets_for(item, options.cell_size)
    absent = {asset.name: file for asset in chosen if (file := _missing(item["assets"][asset.key]["href"]))}
    there = [asset for asset in chosen if asset.name not in absent]
    if not any(asset.role == "measured" for asset in there):
        listed = ", ".join(item["assets"])
        what = f"has no file of its {len(absent)} bands" if absent else f"has no asset that is a band ({listed})"
        raise InputError(
            f"The item {name}", what, "fetch it again" if absent else "pass an item with GeoTIFF or JPEG 2000 assets"
        )
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pixels = list(pool.map(lambda asset: pixels_of(item, asset), there))
    measured = [found for asset, found in zip(there, pixels, strict=True) if asset.role == "measured"]
    finest = min(measured, key=lambda found: abs(found.grid.transform.determinant))
    bands = [_band(item, asset, found, finest.grid) for asset, found in zip(there, pixels, strict=True)]
    scene = Scene(
        name,
        tuple(band for band in bands if band.role == "measured"),
        finest.crs,
        finest.grid.transform,
        finest.grid.height,
        finest.grid.width,
        _tags(item),
        tuple(band for band in bands if band.role != "measured"),
        absent,
        taken(item)[:10],
    )
    for band, found in zip(bands, pixels, strict=True):
        if found.crs != finest.crs:
            raise InputError(
                f"The item {name}", f"has {band.name} in another CRS than {scene.bands[0].name}", "open its files apart"
            )
        fit_grid(scene, band.grid, f"{band.name} of {name}")
    if options.crs is not None and CRS.from_user_input(options.crs) != scene.crs:
        what = f"says itself that it is in {scene.crs.to_string()}, not {options.crs}"
        raise InputError(f"The item {name}", what, "leave --scene-crs away, or mend the item")
    if options.band_names is not None:
        scene = replace(scene, bands=tuple(with_names(scene.bands, options.band_names, f"The item {name}")))
    return scene if options.cell_size is None else at_cell_size(scene, options.cell_size)


def assets_for(item: Item, cell_size: float | None = None) -> list[Asset]:
    """The bands and masks of an item, each from one asset.

    Where a band comes in several pixel sizes, the largest that does not exceed ``cell_size`` (metres) is taken, else
    the smallest. Default ``cell_size``: 10 m for Sentinel-2, else the smallest pixel size.
    """
    by_name: dict[str, dict[int, Asset]] = {}
    for asset in bands_of(item):
        by_name.setdefault(asset.name, {}).setdefault(round(asset.metres), asset)
    metres = cell_size or (_CELL_M if kind_of(item) == "sentinel-2" else 0.0)
    return [listed[take_resolution(listed, metres)] for listed in by_name.values()]


def _missing(href: str) -> str:
    """Name of a local file that does not exist, "" for an existing or remote one."""
    if "://" in href or href.startswith("/vsi") or Path(href).exists():
        return ""
    return Path(href).name


def _band(item: Item, asset: Asset, found: AssetPixels, finest: Grid) -> Band:
    content = item["assets"][asset.key]
    href = content["href"]
    nodata = found.nodata
    scale, offset = 1.0, 0.0
    if asset.role == "measured":
        scale, offset = _scaling(item, asset, found)
        # A declared value is used; Sentinel-2 and Landsat products that declare none use 0.
        nodata = 0.0 if nodata is None and kind_of(item) else nodata
    elif asset.role == "cloud probability":
        # Some catalogues declare 0 as nodata, but 0 is a valid probability: no cloud.
        nodata = None
    grid = None if found.grid == finest else found.grid
    return Band(
        asset.name,
        asset.described,
        href,
        asset.index,
        found.dtype,
        nodata,
        scale,
        offset,
        grid,
        asset.role,
        access_of(href, item),
        found.alpha,
        found.flipped,
    )


def _scaling(item: Item, asset: Asset, found: AssetPixels) -> tuple[float, float]:
    content, kind = item["assets"][asset.key], kind_of(item)
    if kind == "sentinel-2":
        scaling = reflectance_scaling(scaling_metadata(item, content, asset.index))
        if scaling is None:
            raise InputError(
                f"{asset.name} of the item {item['id']}",
                "does not say whether 1000 was added to its values: it has no processing baseline and no raster:bands "
                "with an offset",
                "take the scene from another catalogue, or add s2:processing_baseline to the item if you know it",
            )
        return scaling
    scale, offset = declared(content, asset.index)
    if kind == "landsat" and scale is None and _is_landsat_level_2(item):
        return LANDSAT_SURFACE
    return found.scale if scale is None else scale, found.offset if offset is None else offset


def _is_landsat_level_2(item: Item) -> bool:
    collection = str(item["properties"].get("landsat:collection_number", "02"))
    names = f"{item.get('collection') or ''} {item['id']}".lower()
    return collection == "02" and any(mark in names for mark in ("-l2", "c2l2", "_l2sp_", "_l2sr_"))


def _doubtful(item: Item) -> bool:
    assets = [asset for asset in bands_of(item) if asset.role == "measured"]
    return kind_of(item) == "sentinel-2" and any(
        is_doubtful(scaling_metadata(item, item["assets"][asset.key], asset.index)) for asset in assets
    )


def _tags(item: Item) -> dict[str, str]:
    """Metadata of the item, under the same names as the tags of products (:mod:`littoral.imagery.safe`)."""
    properties = item["properties"]
    baseline = baseline_of(item) if kind_of(item) == "sentinel-2" else None
    cloud = cloud_cover(item)
    tags = {
        "SENSOR": str(properties.get("platform") or "").title(),
        "BASELINE": "" if baseline is None else f"{baseline:05.2f}",
        "TILE": tile_of(item),
        "PRODUCT": str(properties.get("s2:product_uri") or ""),
        "COLLECTION": str(item.get("collection") or ""),
        "DATE": taken(item),
        "CLOUD_COVER": "" if cloud is None else f"{cloud:.6g}",
    }
    return {tag: value for tag, value in tags.items() if value}


def _shown(item: Items) -> str:
    return str(item) if isinstance(item, str | Path) and not is_web(str(item)) else "The document"
