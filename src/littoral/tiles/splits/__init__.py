"""Split tiles in training and validation so that no validation tile overlaps a training tile.

``shared_ground`` compares outlines, ``block_choice`` chooses the blocks for validation, ``split`` makes the blocks and
the split, ``proof`` checks it in another way.
"""

from littoral.tiles.splits.block_choice import Ground
from littoral.tiles.splits.proof import prove
from littoral.tiles.splits.shared_ground import ground_pairs, touching
from littoral.tiles.splits.split import (
    Kind,
    Split,
    UnplacedWarning,
    region_blocks,
    split_tiles,
    square_blocks,
)

__all__ = [
    "Ground",
    "Kind",
    "Split",
    "UnplacedWarning",
    "ground_pairs",
    "prove",
    "region_blocks",
    "split_tiles",
    "square_blocks",
    "touching",
]
