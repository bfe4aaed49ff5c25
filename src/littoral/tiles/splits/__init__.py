"""Splits that do not leak: no validation tile shares ground with a training tile.

``ground`` compares outlines, ``choosing`` says which blocks validate, ``splitting`` makes the blocks and the split.
"""

from littoral.tiles.splits.ground import ground_pairs
from littoral.tiles.splits.splitting import Kind, Split, UnplacedWarning, split_tiles

__all__ = ["Kind", "Split", "UnplacedWarning", "ground_pairs", "split_tiles"]
