"""The water index of a scene, whole but in few bytes, and what each of its pixels is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STRIP_PX = 256
"""Rows that are worked on together; a multiple of :data:`CELL_PX`."""
CELL_PX = 16
"""Side of the cells in which local water and land are averaged."""
LEVELS = 16_000
"""The index is kept in 16 bits: a step of it moves a line by a thousandth of a pixel or so."""

MISSING, CLOUDY, BESIDE_CLOUD, CLEAR, SEA = range(5)
"""What a pixel is: without data; hidden; too near to what is hidden; seen; seen, and of the sea."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Field:
    """Index and state of all pixels, three bytes for each."""

    index: NDArray[np.int16]
    """(height, width), times :data:`LEVELS`; once a threshold is taken off, water is above zero."""
    state: NDArray[np.uint8]
    """(height, width): MISSING to SEA."""

    @classmethod
    def empty(cls, height: int, width: int) -> Field:
        return cls(np.zeros((height, width), np.int16), np.zeros((height, width), np.uint8))

    def strips(self) -> list[slice]:
        """Rows from the first to the last, some at a time."""
        height = len(self.index)
        return [slice(row, min(row + STRIP_PX, height)) for row in range(0, height, STRIP_PX)]

    def around(self, rows: slice, reach: int) -> tuple[slice, slice]:
        """Those rows and so many more on either side, where there are any; and where the first lie in these.

        >>> Field.empty(100, 1).around(slice(0, 20), 3)
        (slice(0, 23, None), slice(0, 20, None))
        """
        wide = slice(max(rows.start - reach, 0), min(rows.stop + reach, len(self.index)))
        return wide, slice(rows.start - wide.start, rows.stop - wide.start)

    def water(self, rows: slice, above: int = 0) -> Mask:
        """Pixels with an index above a level."""
        return np.asarray((self.index[rows] > above) & (self.state[rows] >= CLEAR))

    def clear(self, rows: slice) -> Mask:
        """Pixels that are seen."""
        return np.asarray(self.state[rows] >= CLEAR)

    def shore(self, reach: int, above: int = 0) -> Iterator[tuple[slice, Mask]]:
        """Strips of rows, and the pixels of water and of land that have the other within reach."""
        for rows in self.strips():
            wide, own = self.around(rows, reach)
            water = self.water(wide, above)
            land = self.clear(wide) & ~water
            yield rows, ((water & spread(land, reach)) | (land & spread(water, reach)))[own]


def spread(mask: Mask, down: int, across: int | None = None) -> Mask:
    """A mask grown by so many pixels, in rows and in columns.

    >>> spread(np.array([[False, False, False, True]]), 1).tolist()
    [[False, False, True, True]]
    """
    size = (2 * down + 1, 2 * (down if across is None else across) + 1)
    return np.asarray(ndimage.maximum_filter(mask.view(np.uint8), size, mode="constant").view(bool))
