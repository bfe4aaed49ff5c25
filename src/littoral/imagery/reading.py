"""Windows of a scene to pixels; the one place that moves bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from littoral.errors import InputError
from littoral.imagery.opening import open_file, reason
from littoral.imagery.scene import Band, Scene, Stored, Values, Window, dtype_of, stored_as, valid_values


def read_windows(
    scene: Scene, bands: Sequence[Band], windows: Iterable[Window], *, raw: bool = False
) -> Iterator[tuple[Values, NDArray[np.bool_]]]:
    """Read windows of a scene, in the order given; each file is opened once.

    Yields:
        Values ``(bands, height, width)`` kept as :func:`stored_as` says, with its fill where pixels are missing, and
        the mask ``(height, width)`` that is True where all the bands are valid. Beyond the scene nothing is valid.

    Raises:
        InputError: a file cannot be read.
    """
    with ExitStack() as stack:
        datasets = {href: stack.enter_context(open_file(href)) for href in {band.href: None for band in bands}}
        for window in windows:
            canvas = Canvas(scene, window, bands, raw)
            for href, dataset in datasets.items():
                positions = [position for position, band in enumerate(bands) if band.href == href]
                if canvas.part is not None:
                    stored, valid = read_part(dataset, [bands[position] for position in positions], canvas.part)
                    canvas.put(positions, canvas.part, stored, valid)
            yield canvas.finished()


def clip_window(window: Window, scene: Scene) -> Window | None:
    """The part of a window that lies on the scene, if any.

    >>> scene = Scene("x", (), None, None, height=100, width=100)
    >>> clip_window(Window(-5, 90, 10, 20), scene)
    Window(row=0, column=90, height=5, width=10)
    """
    top, left = max(window.row, 0), max(window.column, 0)
    bottom = min(window.row + window.height, scene.height)
    right = min(window.column + window.width, scene.width)
    return Window(top, left, bottom - top, right - left) if top < bottom and left < right else None


class Canvas:
    """A window's values and mask, filled in from parts of the scene."""

    def __init__(self, scene: Scene, window: Window, bands: Sequence[Band], raw: bool) -> None:
        self.part = clip_window(window, scene)
        self._window = window
        self._rules = [stored_as(band, raw) for band in bands]
        self._values = np.empty((len(bands), window.height, window.width), dtype_of(bands, raw))
        self._valid = np.zeros((window.height, window.width), bool)
        if self.part is not None:
            self._valid[self._slices(self.part)] = True

    def put(self, positions: Iterable[int], part: Window, stored: Sequence[Values], valid: NDArray[np.bool_]) -> None:
        """Fill in some bands, by their positions, from a part of the scene that may be larger than the window."""
        own = self.part
        if own is None:
            return
        top, left = max(own.row, part.row), max(own.column, part.column)
        bottom = min(own.row + own.height, part.row + part.height)
        right = min(own.column + own.width, part.column + part.width)
        common = np.s_[top - part.row : bottom - part.row, left - part.column : right - part.column]
        inside = self._slices(Window(top, left, bottom - top, right - left))
        for position, plane in zip(positions, stored, strict=True):
            self._values[position][inside] = _kept(plane[common], self._rules[position])
        self._valid[inside] &= valid[common]

    def finished(self) -> tuple[Values, NDArray[np.bool_]]:
        """Values and mask. One mask for all bands: where one is missing, none is kept."""
        for plane, rule in zip(self._values, self._rules, strict=True):
            plane[~self._valid] = rule.fill
        return self._values, self._valid

    def _slices(self, part: Window) -> tuple[slice, slice]:
        row, column = part.row - self._window.row, part.column - self._window.column
        return slice(row, row + part.height), slice(column, column + part.width)


def read_part(dataset: Any, bands: Sequence[Band], part: Window) -> tuple[list[Values], NDArray[np.bool_]]:
    """Stored values of bands of one file, and where all of them are valid."""
    where = RasterioWindow(part.column, part.row, part.width, part.height)
    valid = np.ones((part.height, part.width), bool)
    planes = []
    for band in bands:
        stored, seen = _read_band(dataset, band, stored_as(band), where)
        planes.append(stored)
        valid &= seen
    return planes, valid


def read_overview(scene: Scene, bands: Sequence[Band], longest_px: int) -> tuple[Values, NDArray[np.bool_]]:
    """The whole scene, its longer side at most ``longest_px`` pixels: values as stored, and the mask."""
    factor = max(scene.width, scene.height, longest_px) / longest_px
    shape = (max(round(scene.height / factor), 1), max(round(scene.width / factor), 1))
    planes, valid = [], np.ones(shape, bool)
    whole = RasterioWindow(0, 0, scene.width, scene.height)
    for band in bands:
        with open_file(band.href) as dataset:
            plane, mask = _read_band(dataset, band, stored_as(band), whole, shape)
        planes.append(plane)
        valid &= mask
    return np.stack(planes), valid


def _kept(stored: Values, rule: Stored) -> Values:
    if not rule.add:
        return stored
    shifted = stored.astype(np.int32) + rule.add
    limits = np.iinfo(rule.dtype)
    # The lowest value is the fill and must not be a measurement.
    return np.clip(shifted, limits.min + 1, limits.max)


def _read_band(
    dataset: Any, band: Band, rule: Stored, window: RasterioWindow, shape: tuple[int, int] | None = None
) -> tuple[Values, NDArray[np.bool_]]:
    """Stored values and mask of a window; ``shape`` thins it out."""
    how = {"window": window, "out_shape": shape, "resampling": Resampling.nearest}
    try:
        stored = dataset.read(band.index, **how)
        valid = valid_values(stored, rule.masked)
        flags = dataset.mask_flag_enums[band.index - 1]
        if MaskFlags.per_dataset in flags or MaskFlags.alpha in flags:
            valid &= dataset.read_masks(band.index, **how) > 0
    except RasterioError as error:
        raise InputError(band.href, f"could not be read ({reason(error)})", "check that the file is whole") from error
    return stored, valid
