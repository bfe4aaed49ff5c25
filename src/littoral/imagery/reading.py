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
    rules = [stored_as(band, raw) for band in bands]
    dtype = dtype_of(bands, raw)
    fill = np.array([rule.fill for rule in rules])[:, None, None]
    with ExitStack() as stack:
        datasets = {path: stack.enter_context(open_file(path)) for path in {band.path: None for band in bands}}
        for window in windows:
            values = np.empty((len(bands), window.height, window.width), dtype)
            values[:] = fill
            valid = np.zeros((window.height, window.width), bool)
            top, left = max(window.row, 0), max(window.column, 0)
            bottom = min(window.row + window.height, scene.height)
            right = min(window.column + window.width, scene.width)
            if top < bottom and left < right:
                inside = np.s_[top - window.row : bottom - window.row, left - window.column : right - window.column]
                part = RasterioWindow(left, top, right - left, bottom - top)
                seen = np.ones((bottom - top, right - left), bool)
                for position, (band, rule) in enumerate(zip(bands, rules, strict=True)):
                    stored, mask = _read_band(datasets[band.path], band, rule, part)
                    values[position][inside] = _kept(stored, rule)
                    seen &= mask
                valid[inside] = seen
                # One mask for all bands: where one is missing, none is kept.
                values[:, ~valid] = fill[:, 0]
            yield values, valid


def read_overview(scene: Scene, bands: Sequence[Band], longest_px: int) -> tuple[Values, NDArray[np.bool_]]:
    """The whole scene, its longer side at most ``longest_px`` pixels: values as stored, and the mask."""
    factor = max(scene.width, scene.height, longest_px) / longest_px
    shape = (max(round(scene.height / factor), 1), max(round(scene.width / factor), 1))
    planes, valid = [], np.ones(shape, bool)
    whole = RasterioWindow(0, 0, scene.width, scene.height)
    for band in bands:
        with open_file(band.path) as dataset:
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
        raise InputError(band.path, f"could not be read ({reason(error)})", "check that the file is whole") from error
    return stored, valid
