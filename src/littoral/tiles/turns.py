"""Rotate tiles by quarter turns and mirror them."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = TypeVar("Pixels", bound=np.generic)


def turned(tiles: NDArray[Pixels], turn: int) -> NDArray[Pixels]:
    """A view of arrays (…, height, width) after ``turn % 4`` anticlockwise quarter turns, mirrored if ``turn >= 4``.

    :attr:`littoral.tiles.TileSpec.turns` lists the turns that are allowed for a kind of tile.

    >>> turned(np.array([[1, 2], [3, 4]]), 1).tolist(), turned(np.array([[1, 2], [3, 4]]), 5).tolist()
    ([[2, 4], [1, 3]], [[4, 2], [3, 1]])
    """
    out: Any = np.rot90(tiles, turn % 4, (-2, -1))
    return out[..., ::-1] if turn >= 4 else out  # type: ignore[no-any-return]
