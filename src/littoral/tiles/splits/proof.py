"""Proof that a split does not leak: the outlines of both sides are compared once more in longitude and latitude."""

from __future__ import annotations

import numpy as np

from littoral.tiles.splits.block_choice import Choice
from littoral.tiles.splits.shared_ground import common_ground
from littoral.tiles.tileset import TileSet


def prove(tiles: TileSet, choice: Choice) -> None:
    """Compare the outlines of the two sides in another way than the choice was made.

    Raises:
        RuntimeError: a validation tile overlaps a training tile, which is a fault of littoral.
    """
    training, validation = np.flatnonzero(choice.training), np.flatnonzero(choice.validation)
    found = common_ground(tiles.footprints[training], tiles.footprints[validation])
    if found is not None:
        one, other = tiles.name(int(training[found[0]])), tiles.name(int(validation[found[1]]))
        raise RuntimeError(f"the split of littoral leaks, please report it: {one} and {other} share ground")
