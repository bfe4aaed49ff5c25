"""Resize tiles without their missing pixels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from littoral.imagery import Values


def resize(
    values: Values, valid: NDArray[np.bool_], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring a tile to another height and width.

    Triangle filter, as wide as an old or a new pixel, whichever is wider: bilinear where it grows, a weighted mean by
    area where it shrinks (what Pillow calls ``BILINEAR``). Missing pixels have no weight; a new pixel is valid where at
    least half of its weight lies on valid ones.

    Args:
        values: (bands, height, width) of any type.
        valid: (height, width).
        shape: New height and width.

    >>> values, valid = resize(np.array([[[4.0, 8.0, np.nan, 2.0]]]), np.array([[True, True, False, True]]), (1, 2))
    >>> values[0].round(1).tolist(), valid.tolist()
    ([[6.0, 3.5]], [[True, True]])
    """
    (height, width), count = valid.shape, len(values) + 1
    rows, columns = weights(height, shape[0]), weights(width, shape[1])
    planes = np.concatenate([np.where(valid, values, 0), valid[None]]).astype(np.float32)
    taller = (rows @ planes.transpose(1, 0, 2).reshape(height, -1)).reshape(shape[0], count, width)
    wider = (columns @ taller.transpose(2, 1, 0).reshape(width, -1)).reshape(shape[1], count, shape[0])
    *total, share = wider.transpose(1, 2, 0)
    return np.stack(total) / np.maximum(share, np.float32(1e-6)), share >= 0.5 - 1e-6


@lru_cache(maxsize=16)
def weights(old: int, new: int) -> sparse.csr_array:
    """(new, old), share of each old pixel in each new one."""
    step = old / new
    middles = (np.arange(new) + 0.5) * step
    distance = np.abs(np.arange(old) + 0.5 - middles[:, None]) / max(step, 1.0)
    weights = np.maximum(1 - distance, 0)
    return sparse.csr_array((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))
