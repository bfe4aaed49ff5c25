"""Preprocessing of a model: how tiles are cut, resized, cropped and standardised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.imagery import Values
from littoral.package.resizing import resize
from littoral.tiles import TileSpec


@dataclass(frozen=True)
class Preprocessing:
    """From a scene's pixels to a network's input, the same in training and in classifying."""

    tile: TileSpec
    """How tiles are cut."""
    chip_px: int
    """Side of the network's input: the middle of the tile."""
    mean: tuple[float, ...]
    """Mean of each band over the valid pixels of the training tiles."""
    std: tuple[float, ...]
    """Standard deviation of each band, likewise."""
    dtype: str
    """NumPy type of the training tiles."""
    pixels: str
    """Meaning of their values: reflectance x 10000, or as stored."""
    nodata: float | None = None
    """Value that means nodata in the training tiles; None if there is none."""
    fill: float | None = None
    """Value of missing pixels before scaling; None: the training mean."""

    resize_px: int | None = None
    """Side that a tile of ``tile.size_px`` is resized to before the chip is taken; None: as it is cut."""

    def resized(self, values: Values, valid: NDArray[np.bool_]) -> tuple[Values, NDArray[np.bool_]]:
        """A tile resized for the network; one of another size than ``tile.size_px`` is scaled by the same factor."""
        if self.resize_px is None:
            return values, valid
        scale = self.resize_px / self.tile.size_px
        return resize(values, valid, (round(values.shape[1] * scale), round(values.shape[2] * scale)))

    def apply(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Resize, crop and standardise one tile ``(bands, height, width)``.

        Missing pixels become 0, which is the training mean, or the scaled ``fill``.

        Raises:
            InputError: another number of bands, or smaller than the network's input.
        """
        return standardise(*self.crop(values, valid), self.mean, self.std)

    def crop(self, values: Values, valid: NDArray[np.bool_]) -> tuple[Values, NDArray[np.bool_]]:
        """The middle of one tile ``(bands, height, width)`` and of its mask, as large as the network's input.

        Raises:
            InputError: another number of bands, or smaller than the network's input.
        """
        if values.shape[0] != len(self.mean):
            raise InputError(
                f"a tile of {values.shape[0]} bands",
                f"cannot be used by a model of {len(self.mean)}",
                f"cut it with bands {', '.join(self.tile.bands)}",
            )
        values, valid = self.resized(values, valid)
        if min(values.shape[1:]) < self.chip_px:
            raise InputError(
                f"a tile of {values.shape[1]} x {values.shape[2]} pixels",
                f"is smaller than the {self.chip_px} the model needs",
                "cut larger tiles",
            )
        top, left = (values.shape[1] - self.chip_px) // 2, (values.shape[2] - self.chip_px) // 2
        middle = np.s_[top : top + self.chip_px, left : left + self.chip_px]
        values, valid = values[(slice(None), *middle)], valid[middle]
        if self.fill is not None:
            return np.where(valid, values, np.float64(self.fill)), np.ones_like(valid)
        return values, valid


def standardise(
    values: Values, valid: NDArray[np.bool_], mean: tuple[float, ...], std: tuple[float, ...]
) -> NDArray[np.float32]:
    """(values - mean) / std per band, 0 where a pixel is missing.

    >>> standardise(np.array([[[10, 99]]]), np.array([[True, False]]), (6.0,), (2.0,)).tolist()
    [[[2.0, 0.0]]]
    """
    middle, spread = (np.array(numbers, np.float32)[:, None, None] for numbers in (mean, std))
    scaled = (values.astype(np.float32) - middle) / spread
    return np.where(valid, scaled, np.float32(0)).astype(np.float32)
