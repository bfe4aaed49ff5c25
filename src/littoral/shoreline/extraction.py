"""An image to a shoreline: the water's edge at sub-pixel accuracy.

The index (:mod:`littoral.shoreline.water`) is contoured at its threshold between pixel centres (marching squares,
Lorensen and Cline 1987, as scikit-image has it). Pixels that touch at a corner are one water, but not one land, in
finding bodies as in contouring.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from littoral.errors import InputError
from littoral.geodesy import line_lengths
from littoral.imagery import Scene, Window, open_scene, read_windows, select_bands
from littoral.progress import Track, silent
from littoral.shoreline.merging import merge_stretches
from littoral.shoreline.threshold import LEVELS, Mask, find_threshold, grown, refine, row_strips
from littoral.shoreline.water import WaterIndex, choose_index
from littoral.vectors import require_crs

_LESSER_SEA = 0.02
"""Of the largest body of water: so large must another be that runs off the image, to be sea as well."""
_WATER = np.ones((3, 3), bool)
"""Neighbours of a pixel of water; those of land share a side (scipy's default)."""

CLOUDY: Mapping[str, tuple[float, ...]] = {"SCL": (0, 1, 3, 8, 9, 10)}
"""Values of a band that say that the ground is not to be seen: Sentinel-2's scene classification."""


@dataclass(frozen=True)
class Rules:
    """What is taken for shore."""

    index: str = "auto"
    """Of :data:`littoral.shoreline.water.INDICES`; ``auto``: the first whose bands the scene has."""
    threshold: float | None = None
    """Of the index; None: the index's own, or Otsu's."""
    min_area_m2: float = 10_000.0
    """Smaller islands, and waters within the land, are left out."""
    min_length_m: float = 0.0
    """Shorter lines are left out."""
    cloud_buffer_m: float = 100.0
    """No shore so near to cloud or its shadow."""

    def __post_init__(self) -> None:
        for name in ("min_area_m2", "min_length_m", "cloud_buffer_m"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{name} {getattr(self, name)}", "is no size", "pass 0 or more")
        if self.threshold is not None and not -1 < self.threshold < 1:
            raise InputError(f"the threshold {self.threshold}", "is out of reach of an index", "pass -1 to 1")


def extract_shoreline(
    scene: Scene | str | Path,
    rules: Rules | None = None,
    *,
    sea: gpd.GeoDataFrame | None = None,
    taken: str | None = None,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Extract the shoreline of a scene: where the sea met the land when the image was taken.

    Sea is the largest body of water, and each other of a fiftieth of its size or more that runs off the image; or,
    with ``sea``, every body that one of those polygons touches. All other water is land here. Missing and cloudy
    pixels, and the image's own edge, never become shore: lines end there.

    Args:
        scene: A scene, or the path to one, with a projected CRS. Its bands are named as Sentinel-2's. An index
            is a ratio: an offset that the file does not declare falsifies it.
        rules: What is taken for shore.
        sea: Polygons that lie in the sea, in any CRS.
        taken: Date of the image, ``YYYY-MM-DD``; from the file's tags or name where None.
        track: Shows progress, a step per strip of 512 rows, twice.

    Returns:
        One row per line in the scene's CRS, land on its left: ``length_m`` (geodesic), ``scene``, ``date`` (null where
        not known), ``index``, ``threshold``, ``land_side``.

    Raises:
        InputError: bands that the index needs are missing, a CRS in degrees, nothing valid, no water's edge.

    Memory: 14 bytes for each pixel of the scene (1.7 GB for 10980 × 10980), and 20 MB for each band of a strip.
    """
    scene = scene if isinstance(scene, Scene) else open_scene(scene)
    rules = rules or Rules()
    if not scene.crs.is_projected:
        raise InputError(scene.name, f"is in degrees ({scene.crs.to_string()})", "reproject it, e.g. to its UTM zone")
    index = choose_index(rules.index, [band.name for band in scene.bands])
    given = rules.threshold if rules.threshold is not None else index.threshold
    with tempfile.TemporaryFile() as file:
        field = np.memmap(file, np.int16, "w+", shape=(scene.height, scene.width))
        valid = _measure(scene, index, rules, field, track)
        threshold = find_threshold(field, valid, scene.name) if given is None else given
        field -= np.int16(round(threshold * LEVELS))
        if given is None:
            refine(scene, index, field, valid, threshold, track)
        body = _sea((field > 0) & valid, valid, scene, sea)
        body = _without_islets(body, valid, rules.min_area_m2 / scene.cell_size[0] / scene.cell_size[1])
        lines = list(_contours(field, body, valid, track))
    table = gpd.GeoDataFrame(geometry=_placed(lines, scene.transform), crs=scene.crs)
    table = merge_stretches(table).table
    table["length_m"] = line_lengths(table)
    table = table[table["length_m"] >= rules.min_length_m].reset_index(drop=True)
    if table.empty:
        raise InputError(
            scene.name,
            f"shows no shore: {body.mean():.0%} of it is sea at {index.name} above {threshold:.3f}",
            "give another --index or --threshold, or a smaller --min-area or --min-length",
        )
    return table.assign(
        scene=scene.name,
        date=taken or date_of(scene),
        index=index.name,
        threshold=float(threshold),
        land_side="left",
    )[["length_m", "scene", "date", "index", "threshold", "land_side", "geometry"]].astype({"date": "string"})


def date_of(scene: Scene) -> str | None:
    """When the image was taken, ``YYYY-MM-DD``, by the scene's tags or its name.

    >>> date_of(Scene("S2B_MSIL2A_20230613T155819_N0509_R097_T17RNJ", (), None, None, 1, 1))
    '2023-06-13'
    """
    for text in (*(scene.tags.get(tag, "") for tag in ("DATE", "ACQUISITIONDATETIME", "TIFFTAG_DATETIME")), scene.name):
        found = re.search(r"(?<!\d)((?:19|20)\d\d)[-:/]?([01]\d)[-:/]?([0-3]\d)(?!\d)", text)
        if found:
            try:
                return date(*map(int, found.groups())).isoformat()
            except ValueError:
                continue
    return None


def _measure(scene: Scene, index: WaterIndex, rules: Rules, field: NDArray[np.int16], track: Track) -> Mask:
    """Fill in the index, times 16000; returns which pixels count."""
    bands = select_bands(scene, index.bands, exact=True)
    strips = row_strips(scene.height)
    windows = [Window(rows.start, 0, rows.stop - rows.start, scene.width) for rows in strips]
    valid = np.zeros(field.shape, bool)
    read = zip(strips, read_windows(scene, bands, windows), strict=True)
    for rows, (values, seen) in track(read, len(strips), "measuring water"):
        plane = index.of(*np.maximum(values, 0).astype(np.float32))
        field[rows] = np.round(plane * LEVELS)
        valid[rows] = seen
    clear = ~_cloud(scene, windows, strips, valid)
    if rules.cloud_buffer_m and not clear.all():
        reach = round(rules.cloud_buffer_m / scene.cell_size[0])
        clear = ~grown(~clear, reach)
    valid &= clear
    if not valid.any():
        raise InputError(scene.name, "has no valid, cloudless pixel", "choose another scene")
    return valid


def _cloud(scene: Scene, windows: list[Window], strips: list[slice], valid: Mask) -> Mask:
    cloud = np.zeros(valid.shape, bool)
    for band in scene.bands:
        if band.name.upper() in CLOUDY:
            for rows, (values, seen) in zip(strips, read_windows(scene, [band], windows, raw=True), strict=True):
                cloud[rows] |= seen & np.isin(values[0], CLOUDY[band.name.upper()])
    return cloud


def _sea(water: Mask, valid: Mask, scene: Scene, polygons: gpd.GeoDataFrame | None) -> Mask:
    """The bodies of water that are sea."""
    label, count = ndimage.label(water, _WATER)
    if not count:
        return water
    size = _sizes(label, count)
    chosen = np.zeros(count + 1, bool)
    if polygons is not None:
        require_crs(polygons, "the sea polygons")
        for polygon in polygons.geometry.to_crs(scene.crs):
            for rows, columns, inside in _inside(polygon, scene):
                chosen[np.unique(label[rows, columns][inside])] = True
        chosen[0] = False
        if not chosen.any():
            raise InputError("the sea polygons", f"touch no water of {scene.name}", "draw them in its sea")
    else:
        beyond = ~valid
        off = np.zeros(count + 1, bool)
        for edge in (label[0], label[-1], label[:, 0], label[:, -1]):
            off[edge] = True
        # Beside missing pixels a body runs off the image, too.
        off[label[grown(beyond, 1)]] = True
        chosen = off & (size >= _LESSER_SEA * size.max())
        chosen[size.argmax()] = True
        chosen[0] = False
    return np.asarray(chosen[label])


def _sizes(label: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Pixels of each body by its number; of what is none (0), none."""
    size = np.zeros(count + 1, np.int64)
    for rows in row_strips(len(label)):
        size += np.bincount(label[rows].ravel(), minlength=count + 1)
    size[0] = 0
    return size


def _inside(polygon: shapely.Polygon, scene: Scene) -> Iterator[tuple[slice, slice, Mask]]:
    """Rows and columns that a polygon spans, a strip at a time, and which of their pixel centres lie in it."""
    to_pixels = ~scene.transform
    outline = shapely.transform(polygon, lambda xy: np.column_stack(to_pixels @ (xy[:, 0], xy[:, 1])))
    left, upper, right, lower = outline.bounds
    columns = slice(max(int(left), 0), max(min(int(right) + 1, scene.width), 0))
    shapely.prepare(outline)
    for strip in row_strips(scene.height):
        rows = slice(max(int(upper), strip.start), min(int(lower) + 1, strip.stop))
        if rows.start < rows.stop:
            y, x = np.mgrid[rows, columns]
            yield rows, columns, np.asarray(shapely.contains_xy(outline, x + 0.5, y + 0.5))


def _without_islets(sea: Mask, valid: Mask, least_px: float) -> Mask:
    """The sea with islands drowned that are smaller."""
    label, count = ndimage.label(~sea & valid)
    small = _sizes(label, count) < least_px
    small[0] = False
    return np.asarray(sea | small[label])


def _contours(field: NDArray[np.int16], sea: Mask, valid: Mask, track: Track) -> Iterator[NDArray[np.float64]]:
    """Lines (points, 2) of row and column between pixel centres, sea on their right; a strip of rows at a time."""
    strips = row_strips(len(field), overlap=1)
    for rows in track(strips, len(strips), "following the water's edge"):
        above = field[rows].astype(np.float64)
        # What is not what its index says, a pond or an islet, is as far on the other side.
        height = np.where(sea[rows], 1, -1) * np.maximum(np.abs(above), 0.5)
        found = find_contours(height, 0.0, fully_connected="high", mask=valid[rows])  # type: ignore[no-untyped-call]
        for line in found:
            line[:, 0] += rows.start
            yield line


def _placed(lines: list[NDArray[np.float64]], transform: Affine) -> NDArray[np.object_]:
    """Lines in the CRS."""
    a, b, c, d, e, f = transform[:6]
    out = []
    for line in lines:
        row, column = line.T + 0.5
        out.append(shapely.LineString(np.column_stack([a * column + b * row + c, d * column + e * row + f])))
    return np.array(out, object)
