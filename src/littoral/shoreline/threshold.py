"""Threshold between water and land: one for the whole scene, then refined locally."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from littoral.errors import InputError
from littoral.imagery import Band, Scene, Window, read_windows, select_bands
from littoral.progress import Track
from littoral.shoreline.index_grid import CELL_PX, LEVELS, Field, spread
from littoral.shoreline.water_index import WaterIndex, near_infrared, otsu

Numbers = NDArray[np.float64]

_NEAR_PX = 20
"""Distance in pixels from the water's edge of the pixels used for the second Otsu threshold."""
_PURE_PX = 2
"""Distance in pixels from the water's edge of the pixels averaged as local water and land; ground farther away, such
as dry sand, differs."""
_AROUND_CELLS = 2.0
"""Standard deviation, in cells, of the neighbourhood that counts as local: 320 m at 10 m pixels."""
_SURE_SHARE = 0.75
"""Least share of water in a pixel that is certainly water. A true shore pixel has such a neighbour, mud has none."""
_AS_BRIGHT = 0.75
"""Share of the median near-infrared value of land from which on pixels classified as water are ice or surf."""
_HIGHEST = 32_000
"""Greatest absolute value of the stored index, within 16 bits."""


def find_threshold(field: Field, name: str) -> float:
    """Otsu's threshold of all pixels of a scene; then of those near the resulting water's edge, if that is higher.

    A lower second threshold is not used: near the edge, sand and forest may differ more than water and sand, and the
    line would lie 100 m or more inland, behind a wide beach (``benchmarks/shoreline_threshold.py``).

    Raises:
        InputError: all pixels have the same index.
    """
    edges = np.linspace(-LEVELS, LEVELS, 1025)
    every = sum(np.histogram(field.index[rows][field.clear(rows)], edges)[0] for rows in field.strips())
    first = otsu(np.asarray(every), edges)
    if first is None:
        raise InputError(name, "has one value everywhere", "check its bands")
    near = sum(np.histogram(field.index[rows][edge], edges)[0] for rows, edge in field.shore(_NEAR_PX, int(first)))
    second = otsu(np.asarray(near), edges)
    return max(first, first if second is None else second) / LEVELS


def refine(scene: Scene, index: WaterIndex, field: Field, threshold: float, track: Track) -> None:
    """Subtract a local threshold from the field, in place, so that 0 is a pixel of half local water, half local land.

    A water index is not linear in the share of water: half canopy and half sea has another NDWI than half sand and
    half sea. The local threshold is the index of the mean of local water and local land reflectances, each averaged
    next to the edge. A pixel above it without a neighbour of at least three quarters water is other ground, such as
    the mud of a creek, and becomes land.
    """
    bands = select_bands(scene, index.bands, exact=True)
    cells = (-(-field.index.shape[0] // CELL_PX), -(-field.index.shape[1] // CELL_PX))
    sums = np.zeros((2, len(bands) + 1, *cells))
    strips = field.strips()
    around = [field.around(rows, _PURE_PX) for rows in strips]
    read = _read(scene, bands, [wide for wide, _ in around])
    for rows, (wide, own), values in track(zip(strips, around, read, strict=True), len(strips), "measuring the shore"):
        water = field.water(wide)
        land = field.clear(wide) & ~water
        places = slice(rows.start // CELL_PX, -(-rows.stop // CELL_PX))
        for total, pure, other in zip(sums, (water, land), (land, water), strict=True):
            zone = (pure & spread(other, _PURE_PX))[own]
            for out, plane in zip(total, values, strict=False):
                out[places] = _in_cells(np.where(zone, plane[own], 0))
            total[-1][places] = _in_cells(zone)
    if not sums[:, -1].any(axis=(1, 2)).all():
        return
    wet, dry = (_local_means(total) for total in sums)

    def level(share: float) -> Numbers:
        mixed = wet * share + dry * (1 - share)
        return index.of(*mixed.astype(np.float32)).astype(np.float64) - threshold

    half = level(0.5)
    beyond = level(_SURE_SHARE) - half
    for rows in strips:
        moved = field.index[rows] - np.round(_fine(half, rows, scene.width) * LEVELS)
        field.index[rows] = np.clip(moved, -_HIGHEST, _HIGHEST)
    for rows in strips:
        wide, own = field.around(rows, 1)
        sure = field.clear(wide) & (field.index[wide] > _fine(beyond, wide, scene.width) * LEVELS)
        # Only uncertain pixels change, so ``sure`` of the next strip is not affected.
        lone = (field.index[rows] > 0) & ~spread(sure, 1)[own]
        field.index[rows][lone] *= -1


def without_ice(scene: Scene, index: WaterIndex, field: Field) -> WaterIndex | None:
    """Index that separates ice and surf from water; None if the scene has no ice or surf, or no near infrared.

    Ice and surf have the band ratios of water but are as bright as land in the near infrared. ``field`` holds
    ``index`` with its threshold subtracted.
    """
    infrared = near_infrared([band.name for band in scene.bands])
    if infrared is None:
        return None
    # Logarithmic steps of 0.5 %, for reflectances as well as for reflectances times 10 000.
    edges = np.append(0, np.geomspace(1e-4, 1e5, 4096))
    wet, dry = np.zeros((2, len(edges) - 1), np.int64)
    read = _read(scene, select_bands(scene, (infrared,), exact=True), field.strips())
    for rows, (values,) in zip(field.strips(), read, strict=True):
        water = field.water(rows)
        wet += np.histogram(values[water], edges)[0]
        dry += np.histogram(values[field.clear(rows) & ~water], edges)[0]
    bound = otsu(wet, edges) if dry.any() else None
    if bound is None:
        return None
    centres = (edges[:-1] + edges[1:]) / 2
    above = np.where(centres > bound, wet, 0)
    usual_land = centres[np.searchsorted(np.cumsum(dry), dry.sum() / 2)]
    return index.darker_than(infrared, bound) if centres @ above >= _AS_BRIGHT * usual_land * above.sum() else None


def _read(scene: Scene, bands: Sequence[Band], strips: Sequence[slice]) -> Iterator[NDArray[np.float32]]:
    """Values (bands, rows, columns) of strips of rows; negative values become 0."""
    windows = [Window(rows.start, 0, rows.stop - rows.start, scene.width) for rows in strips]
    return (np.maximum(values, 0).astype(np.float32) for values, _ in read_windows(scene, bands, windows))


def _in_cells(plane: NDArray[np.generic]) -> Numbers:
    """Sums over cells of 16 x 16 pixels."""
    rows = np.add.reduceat(plane, np.arange(0, plane.shape[0], CELL_PX), axis=0, dtype=np.float64)
    return np.asarray(np.add.reduceat(rows, np.arange(0, plane.shape[1], CELL_PX), axis=1))


def _local_means(total: Numbers) -> Numbers:
    """Gaussian-weighted means (bands, rows, columns) around each cell; those of the nearest cell if there are none."""
    smooth = np.stack([ndimage.gaussian_filter(plane, _AROUND_CELLS, truncate=4) for plane in total])
    none = smooth[-1] <= 1e-3
    nearest = ndimage.distance_transform_edt(none, return_distances=False, return_indices=True)
    means = smooth[:-1] / np.where(none, 1, smooth[-1])
    return np.asarray(means[:, nearest[0], nearest[1]])


def _fine(cells: Numbers, rows: slice, width: int) -> Numbers:
    """Interpolate values at the centres of cells bilinearly to rows of pixels."""
    low, high, part = _weights(np.arange(rows.start, rows.stop), cells.shape[0])
    strip = cells[low] * (1 - part)[:, None] + cells[high] * part[:, None]
    low, high, part = _weights(np.arange(width), cells.shape[1])
    return np.asarray(strip[:, low] * (1 - part) + strip[:, high] * part)


def _weights(pixel: NDArray[np.int64], cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Numbers]:
    """The two cells on either side of each pixel, and the weight of the second."""
    at = np.clip((pixel + 0.5) / CELL_PX - 0.5, 0, cells - 1)
    low = np.floor(at).astype(np.int64)
    return low, np.minimum(low + 1, cells - 1), at - low
