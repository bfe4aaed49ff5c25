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
from littoral.shoreline.water import WaterIndex, choose_index, otsu
from littoral.vectors import require_crs

Mask = NDArray[np.bool_]

_STRIP_PX = 512
"""Rows that are worked on together."""
_LEVELS = 16_000
"""The index, less its threshold, is kept in 16 bits: a step moves a line by a thousandth of a pixel or so."""
_NEAR_PX = 10
"""Pixels on either side of the water's edge from which Otsu's threshold is taken."""
_PURE_PX = 2
"""Pixels from the water's edge that tell the local water and land; farther ones are another ground, as dry sand is."""
_CELL_PX = 16
"""Side of the cells in which local land and water are averaged."""
_AROUND_CELLS = 2.0
"""Standard deviation, in cells, of the neighbourhood that counts as local: 320 m at 10 m pixels."""
_AS_BRIGHT = 0.75
"""Of the land's median in the near infrared: what passes for water and is so bright is ice or surf."""
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

    Memory: 9 bytes for each pixel of the scene (1.1 GB for 10980 × 10980), and 20 MB for each band of a strip.
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
        threshold = _threshold(field, valid, scene.name) if given is None else given
        field -= np.int16(round(threshold * _LEVELS))
        if given is None:
            _refine(scene, index, field, valid, threshold, track)
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


def _strips(height: int, overlap: int = 0) -> list[slice]:
    return [slice(row, min(row + _STRIP_PX + overlap, height)) for row in range(0, height, _STRIP_PX)]


def _measure(scene: Scene, index: WaterIndex, rules: Rules, field: NDArray[np.int16], track: Track) -> Mask:
    """Fill in the index, times 16000; returns which pixels count."""
    bands = select_bands(scene, index.bands, exact=True)
    strips = _strips(scene.height)
    windows = [Window(rows.start, 0, rows.stop - rows.start, scene.width) for rows in strips]
    valid = np.zeros(field.shape, bool)
    read = zip(strips, read_windows(scene, bands, windows), strict=True)
    for rows, (values, seen) in track(read, len(strips), "measuring water"):
        plane = index.of(*np.maximum(values, 0).astype(np.float32))
        field[rows] = np.round(plane * _LEVELS)
        valid[rows] = seen
    clear = ~_cloud(scene, windows, strips, valid)
    if rules.cloud_buffer_m and not clear.all():
        reach = round(rules.cloud_buffer_m / scene.cell_size[0])
        clear = ndimage.distance_transform_cdt(clear, "chessboard") > reach
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


def _threshold(field: NDArray[np.int16], valid: Mask, name: str) -> float:
    """Otsu's threshold of all pixels, and then of those near the water's edge that it gives."""
    edges = np.linspace(-_LEVELS, _LEVELS, 1025)
    first = otsu(_histogram(field, valid, edges), edges)
    if first is None:
        raise InputError(name, "has one value everywhere", "check its bands")
    water = (field > first) & valid
    near = ndimage.distance_transform_cdt(water, "chessboard") if water.any() else np.zeros(water.shape, np.int32)
    edge = (near > 0) & (near <= _NEAR_PX)
    land = valid & ~water
    near = ndimage.distance_transform_cdt(land, "chessboard") if land.any() else near
    edge |= (near > 0) & (near <= _NEAR_PX)
    second = otsu(_histogram(field, edge & valid, edges), edges)
    return (first if second is None else second) / _LEVELS


def _refine(
    scene: Scene, index: WaterIndex, field: NDArray[np.int16], valid: Mask, threshold: float, track: Track
) -> None:
    """Move the zero of the field, in place, to where a pixel is half the water and half the land of its surroundings.

    An index is no linear measure of the share of water: half canopy and half sea has another NDWI than half sand and
    half sea. The local threshold is the index of the mean of the two, each averaged next to the edge.
    """
    water = (field > 0) & valid
    if "B08" in {band.name for band in scene.bands}:
        # Ice and surf pass for water in a ratio of bands, but not in the near infrared.
        water &= _dark(scene, water, valid)
    zones = [_zone(water, valid & ~water), _zone(valid & ~water, water)]
    bands = select_bands(scene, index.bands, exact=True)
    cells = (-(-scene.height // _CELL_PX), -(-scene.width // _CELL_PX))
    sums = np.zeros((2, len(bands) + 1, *cells))
    strips = _strips(scene.height)
    read = read_windows(scene, bands, [Window(rows.start, 0, rows.stop - rows.start, scene.width) for rows in strips])
    for rows, (values, _) in track(zip(strips, read, strict=True), len(strips), "measuring the shore"):
        for zone, total in zip(zones, sums, strict=True):
            inside = zone[rows]
            for plane, out in zip((*np.maximum(values, 0), np.ones(inside.shape)), total, strict=True):
                out[rows.start // _CELL_PX : -(-rows.stop // _CELL_PX)] += _in_cells(plane * inside)
    if not (sums[:, -1].any(axis=(1, 2))).all():
        return
    wet, dry = (_local_means(total) for total in sums)
    half = index.of(*((wet + dry) / 2).astype(np.float32)).astype(np.float64)
    for rows in strips:
        shift = _fine(half, rows, scene.width) - threshold
        field[rows] = np.clip(field[rows] - np.round(shift * _LEVELS), -32_000, 32_000)


def _fine(cells: NDArray[np.float64], rows: slice, width: int) -> NDArray[np.float64]:
    """Rows of pixels from values at the middles of cells, bilinear."""
    y = (np.arange(rows.start, rows.stop) + 0.5) / _CELL_PX - 0.5
    x = (np.arange(width) + 0.5) / _CELL_PX - 0.5

    def weights(
        at: NDArray[np.float64], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        at = np.clip(at, 0, count - 1)
        low = np.floor(at).astype(np.int64)
        return low, np.minimum(low + 1, count - 1), at - low

    low, high, part = weights(y, cells.shape[0])
    strip = cells[low] * (1 - part)[:, None] + cells[high] * part[:, None]
    low, high, part = weights(x, cells.shape[1])
    return np.asarray(strip[:, low] * (1 - part) + strip[:, high] * part)


def _zone(own: Mask, other: Mask) -> Mask:
    """Pixels of one side that are next to the other."""
    if not other.any():
        return np.zeros(own.shape, bool)
    away = ndimage.distance_transform_cdt(~other, "chessboard")
    return np.asarray(own & (away <= _PURE_PX))


def _dark(scene: Scene, water: Mask, valid: Mask) -> Mask:
    """Pixels that are not as bright in the near infrared as land is, if some of the water is (Otsu's method)."""
    bands = select_bands(scene, ["B08"], exact=True)
    strips = _strips(scene.height)
    plane = np.zeros(water.shape, np.uint16)
    read = read_windows(scene, bands, [Window(rows.start, 0, rows.stop - rows.start, scene.width) for rows in strips])
    for rows, (values, _) in zip(strips, read, strict=True):
        plane[rows] = np.clip(values[0], 0, 65_535)
    land, wet = plane[valid & ~water], plane[water]
    edges = np.linspace(0, float(plane.max()) + 1, 1025)
    bound = otsu(np.histogram(wet, edges)[0], edges) if len(wet) and len(land) else None
    if bound is None or wet[wet > bound].mean() < _AS_BRIGHT * np.median(land):
        return np.ones(water.shape, bool)
    return np.asarray(plane < bound)


def _in_cells(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over cells of 16 x 16 pixels."""
    rows = np.add.reduceat(plane, np.arange(0, plane.shape[0], _CELL_PX), axis=0)
    return np.asarray(np.add.reduceat(rows, np.arange(0, plane.shape[1], _CELL_PX), axis=1))


def _local_means(total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means (bands, rows, columns) around each cell, of the nearest cell that has any where there are none around."""
    smooth = np.stack([ndimage.gaussian_filter(plane, _AROUND_CELLS, truncate=4) for plane in total])
    none = smooth[-1] <= 1e-3
    nearest = ndimage.distance_transform_edt(none, return_distances=False, return_indices=True)
    means = smooth[:-1] / np.where(none, 1, smooth[-1])
    return np.asarray(means[:, nearest[0], nearest[1]])


def _histogram(field: NDArray[np.int16], where: Mask, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    total = np.zeros(len(edges) - 1, np.int64)
    for rows in _strips(len(field)):
        total += np.histogram(field[rows][where[rows]], edges)[0]
    return total


def _sea(water: Mask, valid: Mask, scene: Scene, polygons: gpd.GeoDataFrame | None) -> Mask:
    """The bodies of water that are sea."""
    label, count = ndimage.label(water, _WATER)
    if not count:
        return water
    size = np.bincount(label.ravel(), minlength=count + 1)
    size[0] = 0
    chosen = np.zeros(count + 1, bool)
    if polygons is not None:
        require_crs(polygons, "the sea polygons")
        for polygon in polygons.geometry.to_crs(scene.crs):
            rows, columns, inside = _inside(polygon, scene)
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
        off[label[ndimage.binary_dilation(beyond, _WATER)]] = True
        chosen = off & (size >= _LESSER_SEA * size.max())
        chosen[size.argmax()] = True
        chosen[0] = False
    return np.asarray(chosen[label])


def _inside(polygon: shapely.Polygon, scene: Scene) -> tuple[slice, slice, Mask]:
    """Rows and columns that a polygon spans, and which of their pixel centres lie in it."""
    to_pixels = ~scene.transform
    outline = shapely.transform(polygon, lambda xy: np.column_stack(to_pixels @ (xy[:, 0], xy[:, 1])))
    left, upper, right, lower = outline.bounds
    rows = slice(max(int(upper), 0), max(min(int(lower) + 1, scene.height), 0))
    columns = slice(max(int(left), 0), max(min(int(right) + 1, scene.width), 0))
    y, x = np.mgrid[rows, columns]
    shapely.prepare(outline)
    return rows, columns, np.asarray(shapely.contains_xy(outline, x + 0.5, y + 0.5))


def _without_islets(sea: Mask, valid: Mask, least_px: float) -> Mask:
    """The sea with islands drowned that are smaller."""
    label, count = ndimage.label(~sea & valid)
    small = np.bincount(label.ravel(), minlength=count + 1) < least_px
    small[0] = False
    return np.asarray(sea | small[label])


def _contours(field: NDArray[np.int16], sea: Mask, valid: Mask, track: Track) -> Iterator[NDArray[np.float64]]:
    """Lines (points, 2) of row and column between pixel centres, sea on their right; a strip of rows at a time."""
    strips = _strips(len(field), overlap=1)
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
