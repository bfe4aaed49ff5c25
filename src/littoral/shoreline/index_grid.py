"""Water index and state of all pixels of a scene, in three bytes per pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STRIP_PX = 256
"""Rows per strip, the unit of processing; a multiple of :data:`CELL_PX`."""
CELL_PX = 16
"""Side in pixels of the cells in which local water and land are averaged."""
LEVELS = 16_000
"""Factor by which the index is stored in 16 bits; one step moves a line by about a thousandth of a pixel."""

MISSING, CLOUDY, BESIDE_CLOUD, CLEAR, SEA = range(5)
"""States of a pixel: no data; cloud; too near to cloud; valid land or other water; valid and sea."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Field:
    """Index and state of all pixels of a scene."""

    index: NDArray[np.int16]
    """(height, width), water index times :data:`LEVELS`; after the threshold is subtracted, water is above 0."""
    state: NDArray[np.uint8]
    """(height, width), states :data:`MISSING` to :data:`SEA`."""

    @classmethod
    def empty(cls, height: int, width: int) -> Field:
        return cls(np.zeros((height, width), np.int16), np.zeros((height, width), np.uint8))

    def strips(self) -> list[slice]:
        """Consecutive strips of :data:`STRIP_PX` rows that cover the image."""
        height = len(self.index)
        return [slice(row, min(row + STRIP_PX, height)) for row in range(0, height, STRIP_PX)]

    def around(self, rows: slice, reach: int) -> tuple[slice, slice]:
        """The rows with up to ``reach`` more on either side, and the position of ``rows`` within these.

        >>> Field.empty(100, 1).around(slice(0, 20), 3)
        (slice(0, 23, None), slice(0, 20, None))
        """
        wide = slice(max(rows.start - reach, 0), min(rows.stop + reach, len(self.index)))
        return wide, slice(rows.start - wide.start, rows.stop - wide.start)

    def water(self, rows: slice, above: int = 0) -> Mask:
        """Valid pixels whose stored index is greater than ``above``."""
        return np.asarray((self.index[rows] > above) & (self.state[rows] >= CLEAR))

    def clear(self, rows: slice) -> Mask:
        """Valid pixels, not hidden by or next to cloud."""
        return np.asarray(self.state[rows] >= CLEAR)

    def shore(self, reach: int, above: int = 0) -> Iterator[tuple[slice, Mask]]:
        """Strips of rows, and the pixels of water within ``reach`` pixels of land, or of land within reach of water."""
        for rows in self.strips():
            wide, own = self.around(rows, reach)
            water = self.water(wide, above)
            land = self.clear(wide) & ~water
            yield rows, ((water & spread(land, reach)) | (land & spread(water, reach)))[own]


def spread(mask: Mask, down: int, across: int | None = None) -> Mask:
    """Dilate a mask by ``down`` rows and ``across`` columns (None: as many as rows).

    >>> spread(np.array([[False, False, False, True]]), 1).tolist()
    [[False, False, True, True]]
    """
    size = (2 * down + 1, 2 * (down if across is None else across) + 1)
    return np.asarray(ndimage.maximum_filter(mask.view(np.uint8), size, mode="constant").view(bool))
