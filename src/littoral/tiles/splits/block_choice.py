"""Choose the blocks of tiles for validation: no class is lost from training, as many classes as possible are on
both sides, and the share of each class in validation is near the wanted one.

A class is on both sides when a block with tiles of it is for validation and a tile of it is for training. That tile,
the class's witness, stays in training as long as no block with a tile that touches it is for validation. A choice that
puts some classes on both sides is therefore a set of blocks for validation and a disjoint set of blocks kept from it;
the remaining blocks may go to either side. To find the choice for the most classes is the set-splitting problem, which
is NP-hard; here rare classes come first, and the search is exact unless it takes more than ``_STEPS`` steps.

scikit-learn's GroupShuffleSplit and StratifiedGroupKFold split by group, too, but cannot replace this search: both take
groups as independent, while here training tiles that touch a validation block are set aside, which may remove a class
from training; the first ignores classes, the second guarantees neither a class on both sides nor any share but 1/k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_DRAWS = 64
_STEPS = 20_000


@dataclass(frozen=True)
class Choice:
    """Training and validation tiles; those in neither are set aside."""

    training: NDArray[np.bool_]
    """(tiles,)"""
    validation: NDArray[np.bool_]
    """(tiles,)"""


class Ground:
    """Blocks of tiles, and which tiles overlap or touch.

    Args:
        block: (tiles,) block of each, from 0.
        touching: (tiles, tiles), nonzero where two tiles share ground, diagonal included.
    """

    def __init__(self, block: NDArray[np.int64], touching: csr_array) -> None:
        self.block = block
        self.blocks = int(block.max()) + 1
        tiles = np.arange(len(block))
        own = csr_array((np.ones(len(block), np.int32), (tiles, block)), shape=(len(block), self.blocks))
        self.near = csr_array(touching @ own)
        """(tiles, blocks), nonzero for the blocks of the tiles that a tile touches, its own included."""

    def sides(self, validate: NDArray[np.bool_]) -> Choice:
        """Training and validation tiles for a choice of validation blocks (blocks,)."""
        beside = np.asarray(self.near @ validate.astype(np.int32)) > 0
        return Choice(~beside, validate[self.block])


def choose_blocks(
    ground: Ground,
    targets: NDArray[np.int64],
    val_share: float,
    rng: np.random.Generator,
    may_validate: NDArray[np.bool_],
) -> Choice | None:
    """The best of some random choices of validation blocks.

    Args:
        ground: The tiles.
        targets: (tiles,) class of each, from 0.
        val_share: Wanted share of every class in validation.
        rng: Source of the random choices.
        may_validate: (blocks,), which blocks may be for validation.

    Returns:
        The choice, or None where every choice loses a class from training.
    """
    holds = np.zeros((ground.blocks, int(targets.max()) + 1), np.int64)
    np.add.at(holds, (ground.block, targets), 1)
    holds = holds[:, holds.sum(axis=0) > 0]
    targets = np.unique(targets, return_inverse=True)[1]
    total = holds.sum(axis=0)
    search = _Search(ground, targets, holds, may_validate)
    best, least = None, np.inf
    for _ in range(_DRAWS):
        found = search.run(rng)
        if found is None:
            return None
        validate = _filled(*found, holds, val_share * total, rng, may_validate)
        choice = ground.sides(validate)
        validated, trained = (
            np.bincount(targets[side], minlength=len(total)) for side in (choice.validation, choice.training)
        )
        used = np.maximum(validated + trained, 1)
        cost = float((np.abs(validated / used - val_share) + 1 - used / total).sum())
        if cost < least:
            best, least = choice, cost
    return best


def _filled(
    validate: int,
    keep: int,
    holds: NDArray[np.int64],
    wanted: NDArray[np.float64],
    rng: np.random.Generator,
    may_validate: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Validation blocks (blocks,): the given ones, and others that bring the classes nearer to the wanted counts."""
    chosen = np.array([bool(validate >> block & 1) for block in range(len(holds))])
    weight = 1 / holds.sum(axis=0)
    lacking = wanted - holds[chosen].sum(axis=0)
    off = np.abs(lacking) @ weight
    for block in rng.permutation(len(holds)).tolist():
        if may_validate[block] and not chosen[block] and not keep >> block & 1:
            left = lacking - holds[block]
            if (nearer := np.abs(left) @ weight) < off:
                chosen[block], lacking, off = True, left, nearer
    return chosen


class _Search:
    """Search for the blocks for validation and the blocks kept from it, as bits of integers."""

    def __init__(
        self, ground: Ground, targets: NDArray[np.int64], holds: NDArray[np.int64], may_validate: NDArray[np.bool_]
    ) -> None:
        classes = range(holds.shape[1])
        self.places = [[1 << block for block in np.flatnonzero(may_validate & (held > 0)).tolist()] for held in holds.T]
        """For each class, the blocks that may be for validation and hold tiles of it."""
        self.witnesses = [_witnesses(ground, np.flatnonzero(targets == index)) for index in classes]
        """For each class, sets of blocks: while no block of a set is for validation, a tile of the class is for
        training."""
        self.parted = [
            any(not place & witness for witness in self.witnesses[index] for place in self.places[index])
            for index in classes
        ]
        """Which classes have tiles in two separate places, so that each alone could be on both sides."""
        self.order = sorted(classes, key=lambda index: len(self.places[index]) * len(self.witnesses[index]))
        self.missed = 0
        """Number of such classes that cannot be on both sides together with the others."""

    def run(self, rng: np.random.Generator) -> tuple[int, int] | None:
        """Blocks for validation and blocks kept from it, drawn at random; None where every choice loses a class from
        training or leaves validation empty."""
        for several in (*self.places, *self.witnesses):
            rng.shuffle(several)
        while self.missed < sum(self.parted):
            self.dead: set[tuple[int, int, int, int]] = set()
            found = self._go(0, 0, 0, self.missed)
            if found is not None:
                return found
            self.missed += 1
        return None

    def _go(self, depth: int, validate: int, keep: int, may_miss: int) -> tuple[int, int] | None:
        """Choose for the classes from ``depth`` on, on top of the blocks that are chosen already."""
        if depth == len(self.order):
            return (validate, keep) if validate else None
        state = (depth, validate, keep, may_miss)
        if state in self.dead or len(self.dead) > _STEPS:
            return None
        index = self.order[depth]
        witnesses = [witness for witness in self.witnesses[index] if not witness & validate]
        # Blocks that are kept already cost nothing: no other witness needs to be tried.
        witnesses = [w for w in witnesses if not w & ~keep][:1] or witnesses
        if self.parted[index]:
            there = [0] if any(place & validate for place in self.places[index]) else self.places[index]
            for witness in witnesses:
                for place in there:
                    if not place & (keep | witness):
                        found = self._go(depth + 1, validate | place, keep | witness, may_miss)
                        if found is not None:
                            return found
        if not self.parted[index] or may_miss:
            for witness in witnesses:
                found = self._go(depth + 1, validate, keep | witness, may_miss - self.parted[index])
                if found is not None:
                    return found
        self.dead.add(state)
        return None


def _witnesses(ground: Ground, tiles: NDArray[np.int64]) -> list[int]:
    """Sets of blocks as bits: for each of these tiles, the blocks of the tiles that it touches. Sets that hold a block
    which is a set of its own are left out."""
    near = ground.near[tiles]
    around = {tuple(sorted(part.tolist())) for part in np.split(near.indices, near.indptr[1:-1])}
    alone = {blocks[0] for blocks in around if len(blocks) == 1}
    return [
        sum(1 << block for block in blocks)
        for blocks in sorted(around)
        if len(blocks) == 1 or not alone.intersection(blocks)
    ]
