"""Cut tiles as the pixelwise median of several scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from littoral.imagery import Band, Scene, Values, dtype_of, select_bands, stored_as
from littoral.tiles.cut import CLASSIFIED, Shares, Tile, cut_best, finished, judged, nothing
from littoral.tiles.grid import moved
from littoral.tiles.plan import Placed, Plan, window_of

_HELD_BYTES = 192 * 2**20
"""Bytes of layers (tiles of all scenes) held at a time."""
_HAIR_PX = 1e-3
"""Largest distance between pixels of two scenes that count as coincident, pixels."""


def cut_median(plan: Plan, numbers: Sequence[int] | None = None) -> Iterator[Tile]:
    """Cut the tiles of a plan as the median over all scenes of each pixel's valid and cloud-free values.

    A tile has the pixels of its own scene. Values of another scene are used unchanged if its CRS is the same and its
    pixels coincide, else they are resampled bilinearly.

    Args:
        plan: The tiles.
        numbers: Positions of the tiles to cut; None: all.

    Yields:
        Tiles in the order of their windows on their own scenes. ``scene`` lists the scenes that had a clear pixel, and
        ``acquired`` their first and last date.

    Raises:
        InputError: a scene lacks a band, or a file cannot be read.

    Memory: 192 MB of layers, or the layers of one tile if they are larger, plus that of cutting from one scene.
    """
    ordered = list(range(len(plan.tiles)) if numbers is None else numbers)
    index = {id(scene): position for position, scene in enumerate(plan.scenes)}
    ordered.sort(key=lambda number: _along(plan.tiles[number], index))
    width, height = plan.spec.size
    held = width * height * len(plan.spec.bands) * 4 * len(plan.scenes)
    chunk = max(1, _HELD_BYTES // held)
    for start in range(0, len(ordered), chunk):
        some = ordered[start : start + chunk]
        layers: dict[int, list[Tile]] = {number: [] for number in some}
        for scene in plan.scenes:
            carried_tiles = tuple(carried(plan.tiles[number], scene) for number in some)
            plain = replace(plan.spec, min_valid=0.0, max_cloud=1.0, blacken=False)
            for tile in cut_best(Plan((scene,), plain, carried_tiles)):
                if tile.status == CLASSIFIED:
                    layers[some[tile.number]].append(tile)
        for number in some:
            yield _median(plan, number, layers.pop(number))


def _median(plan: Plan, number: int, layers: list[Tile]) -> Tile:
    placed = plan.tiles[number]
    bands: tuple[Band, ...] = select_bands(placed.scene, plan.spec.bands, exact=True)
    if not layers:
        blank = np.zeros((placed.height, placed.width), bool)
        tile = judged(plan, number, bands, np.zeros((len(bands), *blank.shape)), blank, None)
        return finished(placed, number, tile.status, Shares(0.0, None, 0.0), *nothing(len(bands)))
    clear = np.stack([layer.valid if layer.cloud is None else layer.valid & ~layer.cloud for layer in layers])
    values = median_of(np.stack([layer.values for layer in layers]), clear)
    names = dict.fromkeys(layer.scene for layer, seen in zip(layers, clear, strict=True) if seen.any())
    dates = sorted({layer.acquired for layer in layers if layer.scene in names and layer.acquired})
    kind = dtype_of(bands, plan.spec.raw)
    seen, values = np.logical_or.reduce(clear), values.astype(kind)
    for plane, band in zip(values, bands, strict=True):
        plane[~seen] = stored_as(band, plan.spec.raw).fill
    tile = judged(plan, number, bands, values, seen, None)
    return replace(tile, scene=", ".join(names), acquired="/".join(dates[:: max(len(dates) - 1, 1)]))


def median_of(stack: Values, clear: NDArray[np.bool_]) -> Values:
    """Median over scenes of the clear pixels, (bands, height, width); 0 where no scene is clear.

    In integer types the median is rounded, halves up.

    Args:
        stack: Values (scenes, bands, height, width).
        clear: (scenes, height, width), True where a pixel is valid and not cloud.

    >>> stack = np.array([1, 9, 4, 8], "int16").reshape(4, 1, 1, 1)
    >>> median_of(stack, np.array([True, True, True, False]).reshape(4, 1, 1)).item()
    4
    >>> median_of(stack, np.array([True, True, False, False]).reshape(4, 1, 1)).item()
    5
    """
    sorted_up = np.sort(np.where(clear[:, None], stack, np.inf), axis=0)
    count = clear.sum(axis=0)[None, None]
    lower, upper = (
        np.take_along_axis(sorted_up, np.broadcast_to(np.maximum(at, 0), (1, *stack.shape[1:])), axis=0)[0]
        for at in ((count - 1) // 2, count // 2)
    )
    with np.errstate(invalid="ignore"):
        middle = (lower + upper) / 2
    middle = np.where(count[0] > 0, middle, 0)
    return np.floor(middle + 0.5).astype(stack.dtype) if stack.dtype.kind in "iu" else middle.astype(stack.dtype)


def carried(placed: Placed, scene: Scene) -> Placed:
    """The same tile on another scene; its window is None if it lies outside.

    The affine frame is fitted to three projected corners, which is exact to 1/100 pixel over the few kilometres of a
    tile, also in the neighbouring UTM zone.
    """
    if scene is placed.scene:
        return placed
    places = [placed.transform @ corner for corner in ((0, 0), (placed.width, 0), (0, placed.height))]
    if scene.crs != placed.scene.crs:
        to_scene = Transformer.from_crs(placed.scene.crs, scene.crs, always_xy=True)
        places = [(x, y) for x, y in to_scene.itransform(places)]
    corners = np.array([~scene.transform @ place for place in places])
    if not np.isfinite(corners).all():
        return replace(placed, scene=scene, window=None)
    right, down = (corners[1] - corners[0]) / placed.width, (corners[2] - corners[0]) / placed.height
    frame = Affine(right[0], down[0], corners[0, 0], right[1], down[1], corners[0, 1])
    ends = np.array([(0, 0), (placed.width, 0), (0, placed.height)])
    if np.abs(corners - ends - np.round(corners[0])).max() < _HAIR_PX:
        frame = Affine.translation(*np.round(corners[0]).tolist())
    outline = moved(placed.outline, frame @ ~placed.frame)
    tile = replace(placed, scene=scene, frame=frame, outline=outline, window=None)
    footprint = shapely.Polygon(
        [frame @ xy for xy in ((0, 0), (tile.width, 0), (tile.width, tile.height), (0, tile.height))]
    )
    shown = footprint.intersects(shapely.box(0, 0, scene.width, scene.height))
    return replace(tile, window=window_of(tile)) if shown else tile


def _along(placed: Placed, index: dict[int, int]) -> tuple[int, int, int]:
    window = placed.window
    where = (0, 0) if window is None else (window.row, window.column)
    return index[id(placed.scene)], *where
