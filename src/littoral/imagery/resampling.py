"""Resample a file's pixels to a scene's cells of another size, by area-weighted averaging.

The value of a cell is the mean of the pixels under it, weighted by the share of the cell that each covers. A cell
within one pixel gets that pixel's value: 20 m pixels keep their values in 10 m cells, and 10 m pixels are averaged in
20 m cells, as Sen2Cor does. Classes are not averaged: a cell gets the class of the pixel under its centre.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.imagery.scene import Grid, Scene, Window

_NEAR = 1e-6
"""Tolerance in pixels, for the limited number of digits in transforms."""


MOST_CELLS = 2**32
"""Largest number of cells of a scene with a chosen cell size; extracting its shoreline takes 3 bytes for each."""


@dataclass(frozen=True, eq=False)
class Cover:
    """Overlap of cells with the pixels under them, along one axis."""

    shares: NDArray[np.float64]
    """(cells, pixels): share of each cell that lies on each pixel; rows sum to 1."""
    within: NDArray[np.int64] | None
    """(cells,): the pixel that contains each cell; None if a cell lies on several pixels."""


@lru_cache(maxsize=256)
def _cover(step: float, begin: float, count: int, pixels: int) -> Cover:
    """Overlap of cells that begin at pixel ``begin``; cached, because windows of one size have few different ones."""
    edges = begin + step * np.arange(count + 1)
    pixel = np.arange(pixels)
    common = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    common[common < _NEAR] = 0
    shares = np.asarray(common / common.sum(axis=1, keepdims=True))
    within = shares.argmax(axis=1) if (shares.max(axis=1) == 1).all() else None
    for array in (shares, within):
        if array is not None:
            array.flags.writeable = False
    return Cover(shares, within)


@dataclass(frozen=True)
class Axis:
    """Position of cells on pixels along one axis: cell ``i`` begins at pixel coordinate ``shift + step * i``.

    >>> twenty_metres = Axis(0.5, 0.0)
    >>> [int(edge) for edge in twenty_metres.span(3, 4)]
    [1, 4]
    >>> twenty_metres.cover(3, 4).within.tolist()
    [0, 1, 1, 2]
    >>> Axis(1.5, 0.0).cover(0, 2).shares.round(2).tolist()
    [[0.67, 0.33, 0.0], [0.0, 0.33, 0.67]]
    """

    step: float
    """Pixels per cell."""
    shift: float
    """Pixel coordinate at which cell 0 begins."""

    @property
    def same(self) -> bool:
        """Whether cell ``i`` is pixel ``i``."""
        return self.step == 1 and self.shift == 0

    def span(self, first: Any, count: Any) -> tuple[Any, Any]:
        """First pixel under the ``count`` cells from ``first`` on, and the pixel after the last; numbers or arrays."""
        start, stop = self.shift + self.step * first, self.shift + self.step * (first + count)
        return np.floor(start + _NEAR).astype(np.int64), np.ceil(stop - _NEAR).astype(np.int64)

    def cover(self, first: int, count: int) -> Cover:
        """Overlap of the ``count`` cells from ``first`` on with the pixels of their :meth:`span`."""
        start, stop = self.span(first, count)
        return _cover(self.step, round(float(self.shift + self.step * first - start), 9), count, int(stop - start))

    def centres(self, first: int, count: int) -> NDArray[np.int64]:
        """(cells,): the pixel under the centre of each cell, counted from the first pixel of their :meth:`span`."""
        start, stop = self.span(first, count)
        under = np.floor(self.shift + self.step * (first + 0.5 + np.arange(count)) + _NEAR).astype(np.int64)
        return np.asarray(np.clip(under, start, stop - 1) - start)


@dataclass(frozen=True)
class Fit:
    """Position of a scene's cells on the pixels of a file."""

    rows: Axis
    """Along the rows' axis."""
    columns: Axis
    """Along the columns' axis."""

    @property
    def same(self) -> bool:
        """Whether the scene's cells are the file's pixels."""
        return self.rows.same and self.columns.same

    def area(self, window: Window) -> Window:
        """The window of pixels under a window of cells; it may reach beyond the file."""
        top, bottom = self.rows.span(window.row, window.height)
        left, right = self.columns.span(window.column, window.width)
        return Window(int(top), int(left), int(bottom - top), int(right - left))


def fit_grid(scene: Scene, grid: Grid | None, name: str) -> Fit:
    """Position of a scene's cells on the pixels of one of its files.

    Args:
        scene: The scene.
        grid: Pixels of the file; None: those of the scene.
        name: Name of the file in messages.

    Raises:
        InputError: the file's pixels are rotated or mirrored relative to the scene's.
    """
    if grid is None:
        return Fit(Axis(1.0, 0.0), Axis(1.0, 0.0))
    turn = ~grid.transform @ scene.transform
    if max(abs(turn.b) * scene.width, abs(turn.d) * scene.height) > 0.01 or turn.a <= 0 or turn.e <= 0:
        raise InputError(
            name, f"is turned or mirrored against {scene.name}", "bring the bands to one grid, e.g. with gdalwarp"
        )
    return Fit(Axis(*_clean(turn.e, turn.f)), Axis(*_clean(turn.a, turn.c)))


def _clean(step: float, shift: float) -> tuple[float, float]:
    """Step and shift without rounding errors from inverting a transform."""
    step = round(step) if abs(step - round(step)) * 1e5 < _NEAR and round(step) else step
    return float(step), float(round(shift)) if abs(shift - round(shift)) < _NEAR else float(shift)


def average(plane: NDArray[Any], rows: Cover, columns: Cover) -> NDArray[Any]:
    """Area-weighted means of pixels ``(rows, columns)`` over cells ``(height, width)``; integers are rounded.

    >>> half = Axis(2.0, 0.0).cover(0, 1)
    >>> average(np.array([[1, 2], [3, 8]], "uint16"), half, half)
    array([[4]], dtype=uint16)
    """
    if rows.within is not None and columns.within is not None:
        return np.asarray(plane.take(columns.within, axis=1).take(rows.within, axis=0))
    mean = rows.shares @ plane.astype(np.float64) @ columns.shares.T
    # Halves are rounded up, not to the nearest even number.
    return np.floor(mean + 0.5).astype(plane.dtype) if plane.dtype.kind in "iu" else mean.astype(plane.dtype)


def at_cell_size(scene: Scene, cell_size: float) -> Scene:
    """The same scene with cells of another size and the same upper left corner; no pixel is read.

    Args:
        scene: The scene.
        cell_size: Width and height of a cell in units of the CRS (metres in UTM).

    Raises:
        InputError: not a positive number, larger than the scene, or so small that there are more than
            :data:`MOST_CELLS` cells.
    """
    across, down = scene.cell_size
    if not (np.isfinite(cell_size) and cell_size > 0):
        raise InputError(f"the cell size {cell_size}", "is no size", "pass e.g. 10 (metres, in a UTM scene)")
    if np.isclose([across, down], cell_size, rtol=1e-9).all():
        return scene
    columns, rows = scene.width * across / cell_size, scene.height * down / cell_size
    if cell_size > max(scene.width * across, scene.height * down):
        raise InputError(
            f"the cell size {cell_size:g}",
            f"is larger than the scene {scene.name}",
            f"pass one in units of its CRS, such as {across:.6g}",
        )

    if columns * rows > MOST_CELLS:
        raise InputError(
            f"the cell size {cell_size:g}",
            f"makes {columns:,.6g} x {rows:,.6g} cells of the scene {scene.name}, more than {MOST_CELLS:,}",
            f"pass one nearer to its own, {across:.6g}, or cut the scene with gdal_translate -projwin",
        )

    def own(band: Any) -> Any:
        return replace(band, grid=band.grid or scene.grid)

    return replace(
        scene,
        bands=tuple(map(own, scene.bands)),
        masks=tuple(map(own, scene.masks)),
        transform=scene.transform @ Affine.scale(cell_size / across, cell_size / down),
        height=int(np.ceil(rows - _NEAR)),
        width=int(np.ceil(columns - _NEAR)),
    )
