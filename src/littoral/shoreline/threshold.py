"""Where water begins: a threshold of the index for the whole image, then for each place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from littoral.errors import InputError
from littoral.imagery import Scene, Window, read_windows, select_bands
from littoral.progress import Track
from littoral.shoreline.water import WaterIndex, otsu

Mask = NDArray[np.bool_]

LEVELS = 16_000
"""The index, less its threshold, is kept in 16 bits: a step moves a line by a thousandth of a pixel or so."""
STRIP_PX = 512
"""Rows that are worked on together."""
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


def row_strips(height: int, overlap: int = 0) -> list[slice]:
    return [slice(row, min(row + STRIP_PX + overlap, height)) for row in range(0, height, STRIP_PX)]


def grown(mask: Mask, reach_px: int) -> Mask:
    """Where a pixel of the mask is at most so many rows and columns away.

    >>> grown(np.array([[True, False, False, False]]), 2).tolist()
    [[True, True, True, False]]
    """
    return np.asarray(ndimage.maximum_filter(mask.view(np.uint8), 2 * reach_px + 1, mode="constant").view(bool))


def find_threshold(field: NDArray[np.int16], valid: Mask, name: str) -> float:
    """Otsu's threshold of all pixels, and then of those near the water's edge that it gives."""
    edges = np.linspace(-LEVELS, LEVELS, 1025)
    first = otsu(_histogram(field, valid, edges), edges)
    if first is None:
        raise InputError(name, "has one value everywhere", "check its bands")
    water = (field > first) & valid
    land = valid & ~water
    edge = (water & grown(land, _NEAR_PX)) | (land & grown(water, _NEAR_PX))
    second = otsu(_histogram(field, edge, edges), edges)
    return (first if second is None else second) / LEVELS


def _histogram(field: NDArray[np.int16], where: Mask, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    total = np.zeros(len(edges) - 1, np.int64)
    for rows in row_strips(len(field)):
        total += np.histogram(field[rows][where[rows]], edges)[0]
    return total


def refine(
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
    land = valid & ~water
    zones = [water & grown(land, _PURE_PX), land & grown(water, _PURE_PX)]
    bands = select_bands(scene, index.bands, exact=True)
    cells = (-(-scene.height // _CELL_PX), -(-scene.width // _CELL_PX))
    sums = np.zeros((2, len(bands) + 1, *cells))
    strips = row_strips(scene.height)
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
        field[rows] = np.clip(field[rows] - np.round(shift * LEVELS), -32_000, 32_000)


def _dark(scene: Scene, water: Mask, valid: Mask) -> Mask:
    """Pixels that are not as bright in the near infrared as land is, if some of the water is (Otsu's method)."""
    bands = select_bands(scene, ["B08"], exact=True)
    strips = row_strips(scene.height)
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
