"""Cut tiles from scenes: from a rectangle to an array, the same for training and for prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from littoral.imagery import (
    Band,
    Scene,
    Values,
    Window,
    cloudy,
    dtype_of,
    select_bands,
    stored_as,
    stream_windows,
)
from littoral.tiles.grid import moved
from littoral.tiles.plan import Placed, Plan

CLASSIFIED = "classified"
"""Status of a rectangle whose tile can be used."""
OUTSIDE = "outside imagery"
"""Status of a rectangle of which too small a share lies on the scene."""
NODATA = "nodata"
"""Status of a rectangle on the scene of which too few pixels are valid."""
CLOUD = "cloud"
"""Status of a rectangle of which too large a share is cloud or cloud shadow."""


@dataclass(frozen=True)
class Tile:
    """One tile and the rectangle it was cut for."""

    number: int
    """Position in the plan, from 0; equal to ``position`` if each rectangle has one tile."""
    position: int
    """Row of the rectangle in its table, from 0; -1 for a tile of a grid without a rectangle."""
    status: str
    """:data:`CLASSIFIED`, :data:`OUTSIDE`, :data:`NODATA` or :data:`CLOUD`."""
    valid_share: float
    """Share of valid pixels in the rectangle (without a rectangle: in the tile), 0 to 1."""
    values: Values
    """``(bands, height, width)``; empty ``(bands, 0, 0)`` unless the status is :data:`CLASSIFIED`."""
    valid: NDArray[np.bool_]
    """``(height, width)``, True where all bands are valid; empty if ``values`` are."""
    transform: Affine
    """Tile (column, row) to scene CRS (x, y)."""
    box_px: tuple[float, float, float, float]
    """Bounds of the rectangle in the tile: left, upper, right, lower, pixels from its upper left corner."""
    turn_deg: float
    """Rotation angle in degrees, if tiles are cut at several angles (:attr:`Layout.turns_deg`)."""
    crs: CRS
    """Coordinate reference system of the scene."""
    scene: str
    """Name of the scene it was cut from; of a median, the names of all scenes used."""
    acquired: str
    """Acquisition date of the scene, ``YYYY-MM-DD``; of a median, the first and the last with ``/`` between; "" if
    unknown."""
    cloud_share: float | None
    """Share of pixels in the rectangle that the scene's masks mark as cloud or shadow, 0 to 1; None without masks."""
    clear_share: float
    """Share of pixels in the rectangle that are valid and not cloud, 0 to 1; without masks, ``valid_share``."""
    cloud: NDArray[np.bool_] | None
    """``(height, width)``, True where the masks mark cloud or shadow; None without masks, or without values."""


@dataclass(frozen=True)
class Shares:
    """Shares of the pixels in a rectangle, 0 to 1."""

    valid: float
    """Share of valid pixels."""
    cloud: float | None
    """Share of cloud or cloud shadow; None without masks."""
    clear: float
    """Share of pixels that are valid and not cloud."""


def cut_best(plan: Plan, numbers: Sequence[int] | None = None) -> Iterator[Tile]:
    """Cut the tiles of a plan, each from its own scene.

    Upright tiles contain the scene's pixels unchanged. A rotated tile is resampled: bilinear interpolation of the
    valid pixels for measured bands, nearest neighbour for class bands and the mask.

    Args:
        plan: The tiles.
        numbers: Positions of the tiles to cut; None: all.

    Yields:
        Tiles of one scene after the other: first those of rectangles outside the scene, then the others in the order
        of the scene's blocks. Leaving tiles out of ``numbers`` does not change the order of the rest.

    Raises:
        InputError: the scene lacks a band, or a file cannot be read.

    Memory: that of :func:`~littoral.imagery.stream_windows`, plus one tile, and the window of a rotated one.
    """
    by_scene: dict[int, list[int]] = {id(scene): [] for scene in plan.scenes}
    for number in range(len(plan.tiles)) if numbers is None else numbers:
        by_scene[id(plan.tiles[number].scene)].append(number)
    for scene in plan.scenes:
        yield from _cut_scene(plan, scene, by_scene[id(scene)])


def _cut_scene(plan: Plan, scene: Scene, numbers: Sequence[int]) -> Iterator[Tile]:
    bands = select_bands(scene, plan.spec.bands, exact=True)
    # Only masks of the first mask's role are used; products list their most accurate mask first.
    masks = [mask for mask in scene.masks if mask.role == scene.masks[0].role]
    windows: list[Window] = []
    read: list[int] = []
    for number in numbers:
        placed = plan.tiles[number]
        if placed.window is None:
            yield finished(placed, number, OUTSIDE, Shares(0.0, 0.0 if masks else None, 0.0), *nothing(len(bands)))
        else:
            windows.append(placed.window)
            read.append(number)
    both = [*bands, *masks]
    for at, values, valid in stream_windows(scene, both, windows, raw=plan.spec.raw):
        placed = plan.tiles[read[at]]
        if placed.resampled:
            values, valid = _resampled(placed, both, values, valid, plan.spec.raw)
        cloud = None
        if masks:
            # Masks were read in the bands' type; bit masks need their own integer type.
            planes = [plane.astype(mask.dtype) for plane, mask in zip(values[len(bands) :], masks, strict=True)]
            cloud = np.logical_or.reduce([cloudy(plane, mask.role) for plane, mask in zip(planes, masks, strict=True)])
            values = values[: len(bands)].astype(dtype_of(bands, plan.spec.raw), copy=False)
        yield judged(plan, read[at], bands, values, valid, cloud)


def judged(
    plan: Plan,
    number: int,
    bands: Sequence[Band],
    values: Values,
    valid: NDArray[np.bool_],
    cloud: NDArray[np.bool_] | None,
) -> Tile:
    """Determine the status of a tile from its pixels; unless it is :data:`CLASSIFIED`, its values are dropped.

    Args:
        plan: The plan.
        number: Position of the tile in the plan.
        bands: Bands of the values.
        values: ``(bands, height, width)``.
        valid: ``(height, width)``, True where all bands are valid.
        cloud: ``(height, width)``, True where masks mark cloud; None without masks.
    """
    placed, spec = plan.tiles[number], plan.spec
    own = _own_pixels(placed)
    status, valid_share = _judge(own, valid, _on_scene(placed), spec.min_valid)
    clear = valid if cloud is None else valid & ~cloud
    shares = Shares(
        valid_share, None if cloud is None else _mean(cloud[own]), valid_share if cloud is None else _mean(clear[own])
    )
    if status == CLASSIFIED and (shares.cloud or 0.0) > spec.max_cloud:
        status = CLOUD
    if status != CLASSIFIED:
        return finished(placed, number, status, shares, *nothing(len(bands)))
    if spec.blacken:
        valid = valid & own
        for plane, band in zip(values, bands, strict=True):
            plane[~valid] = stored_as(band, spec.raw).fill
    return finished(placed, number, CLASSIFIED, shares, values, valid, cloud)


def nothing(bands: int) -> tuple[Values, NDArray[np.bool_], None]:
    """Empty values, mask and cloud of a tile that is not used."""
    return np.empty((bands, 0, 0)), np.empty((0, 0), bool), None


def _mean(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0


def _judge(
    own: NDArray[np.bool_], valid: NDArray[np.bool_], on_scene: NDArray[np.bool_], min_valid: float
) -> tuple[str, float]:
    """Status of a rectangle and the valid share of its own pixels, from three masks of its tile.

    >>> own = np.array([[True, True], [False, False]])
    >>> on_scene, valid = np.ones((2, 2), bool), np.array([[True, False], [False, False]])
    >>> _judge(own, valid, on_scene, 0.5), _judge(own, valid, on_scene, 0.6), _judge(own, ~on_scene, ~on_scene, 0.5)
    (('classified', 0.5), ('nodata', 0.5), ('outside imagery', 0.0))
    """
    share = float(valid[own].mean()) if own.any() else 0.0
    if share > 0 and share >= min_valid:
        return CLASSIFIED, share
    return (NODATA if own.any() and on_scene[own].mean() >= max(min_valid, 1e-9) else OUTSIDE), share


def finished(
    placed: Placed,
    number: int,
    status: str,
    shares: Shares,
    values: Values,
    valid: NDArray[np.bool_],
    cloud: NDArray[np.bool_] | None,
) -> Tile:
    """A tile with its position, bounds and scene."""
    box = _box_px(_in_tile(placed), placed)
    place = placed.transform, box, placed.turn_deg, placed.scene.crs, placed.scene.name, placed.scene.acquired
    return Tile(number, placed.position, status, shares.valid, values, valid, *place, shares.cloud, shares.clear, cloud)


def _in_tile(placed: Placed) -> BaseGeometry:
    """The rectangle in tile coordinates (column, row)."""
    return moved(placed.outline, ~placed.frame)


def _own_pixels(placed: Placed) -> NDArray[np.bool_]:
    """(height, width), True where the pixel's centre lies in the rectangle; all True without a rectangle."""
    if placed.position < 0:
        return np.ones((placed.height, placed.width), bool)
    inside = np.zeros((placed.height, placed.width), bool)
    outline = _in_tile(placed)
    if outline.is_empty:
        return inside
    left, upper, right, lower = _box_px(outline, placed)
    rows = np.arange(int(upper), min(int(lower) + 1, placed.height))
    columns = np.arange(int(left), min(int(right) + 1, placed.width))
    x, y = np.meshgrid(columns + 0.5, rows + 0.5)
    shapely.prepare(outline)
    inside[np.ix_(rows, columns)] = shapely.contains_xy(outline, x, y)
    if not inside.any() and left < right and upper < lower:
        # The rectangle is smaller than a pixel: use the pixel that contains its middle.
        inside[int((upper + lower) / 2), int((left + right) / 2)] = True
    return inside


def _on_scene(placed: Placed) -> NDArray[np.bool_]:
    """(height, width), True where the pixel's centre lies on the scene."""
    scene = placed.scene
    if placed.resampled:
        x, y = _centres(placed)
        return np.asarray((x >= 0) & (x < scene.width) & (y >= 0) & (y < scene.height))
    rows = np.arange(placed.height) + placed.frame.f
    columns = np.arange(placed.width) + placed.frame.c
    return np.logical_and.outer((rows >= 0) & (rows < scene.height), (columns >= 0) & (columns < scene.width))


def _centres(placed: Placed) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scene column and scene row of the centres of a tile's pixels, each (height, width)."""
    column, row = np.meshgrid(np.arange(placed.width) + 0.5, np.arange(placed.height) + 0.5)
    x, y = placed.frame @ (column, row)
    return np.asarray(x), np.asarray(y)


def _resampled(
    placed: Placed, bands: Sequence[Band], values: Values, valid: NDArray[np.bool_], raw: bool
) -> tuple[Values, NDArray[np.bool_]]:
    """Values and mask of a rotated tile, resampled from those of its window."""
    assert placed.window is not None
    height, width = valid.shape
    x, y = _centres(placed)
    # Rounded, so that after a quarter turn rounding errors do not mix neighbouring pixels.
    x, y = (x - placed.window.column).round(9), (y - placed.window.row).round(9)
    below = np.clip(np.floor(y), 0, height - 1).astype(np.int64) * width
    below += np.clip(np.floor(x), 0, width - 1).astype(np.int64)
    seen = valid.ravel()[below]
    column, row = np.floor(x - 0.5), np.floor(y - 0.5)
    right, lower = x - 0.5 - column, y - 0.5 - row
    corners, weights = [], []
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at = np.clip(row + down, 0, height - 1).astype(np.int64) * width
        at += np.clip(column + across, 0, width - 1).astype(np.int64)
        share = (lower if down else 1 - lower) * (right if across else 1 - right)
        corners.append(at)
        weights.append(np.where(valid.ravel()[at], share, 0.0))
    whole = np.where(seen, sum(weights), 1.0)
    out = np.empty((len(values), placed.height, placed.width), values.dtype)
    for plane, band, made in zip(values, bands, out, strict=True):
        flat = plane.ravel()
        if band.role == "measured":
            known = np.where(valid.ravel(), flat, 0)
            mixed = sum(weight * known[at] for weight, at in zip(weights, corners, strict=True)) / whole
            made[...] = np.rint(mixed) if out.dtype.kind in "ui" else mixed
        else:
            made[...] = flat[below]
        made[~seen] = stored_as(band, raw).fill
    return out, seen


def _box_px(outline: BaseGeometry, placed: Placed) -> tuple[float, float, float, float]:
    """Bounds of an outline in tile pixels, clipped to the tile: left, upper, right, lower."""
    if outline.is_empty:
        return 0.0, 0.0, 0.0, 0.0
    left, upper, right, lower = outline.bounds
    return (
        min(max(left, 0.0), placed.width),
        min(max(upper, 0.0), placed.height),
        max(min(right, placed.width), 0.0),
        max(min(lower, placed.height), 0.0),
    )
