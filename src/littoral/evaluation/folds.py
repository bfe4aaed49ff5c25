"""Blocks of ground, which are held out or resampled as a whole, and folds made of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from littoral.errors import InputError
from littoral.tiles import Split, TileSet
from littoral.tiles.splits import Ground, prove, region_blocks, square_blocks, touching

Folds = int | Literal["region"]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """Tiles grouped by their place on the ground."""

    of: Whole
    """(tiles,), number of each tile's block."""
    unit: str
    """What a block is, e.g. ``regions``."""

    @property
    def count(self) -> int:
        """Number of blocks that have tiles."""
        return len(np.unique(self.of))

    def subset(self, keep: NDArray[np.bool_] | Whole) -> Blocks:
        """The blocks of some of the tiles."""
        return Blocks(self.of[keep], self.unit)


def ground_blocks(tiles: TileSet, split: Split | None = None) -> Blocks:
    """Blocks of a set of tiles: those of its split; without a split regions, if all tiles have one and there are two or
    more; else squares of four tiles a side.

    Args:
        tiles: The set.
        split: Its split.
    """
    if split is not None and split.kind == "region":
        return Blocks(region_blocks(tiles)[1], "regions")
    if split is None and tiles.regions is not None and (tiles.regions != "").all() and len(set(tiles.regions)) > 1:
        return Blocks(region_blocks(tiles)[1], "regions")
    return squares(tiles, split.block_km if split is not None else None)


def squares(tiles: TileSet, block_km: float | None = None) -> Blocks:
    """Squares of ground, four tiles a side if none is given; a tile without georeference is a block of its own."""
    block, side_km = square_blocks(tiles.footprints, block_km or None)
    return Blocks(block, f"squares of {side_km:.1f} km" if side_km else "single tiles (they have no georeference)")


def fold_of(block: Whole, targets: Whole, folds: int, seed: int) -> Whole:
    """Fold (tiles,) of each tile, from 0: whole blocks, classes as balanced as the blocks allow; fewer folds where
    there are fewer blocks.

    Args:
        block: (tiles,).
        targets: (tiles,), class index.
        folds: Number of folds, two or more.
        seed: Of the order of blocks that are alike.
    """
    fold = np.zeros(len(block), np.int64)
    most = min(folds, len(np.unique(block)), int(np.bincount(targets).max()))
    if most < 2:
        return fold
    with warnings.catch_warnings():
        # Classes with fewer tiles than folds are common here.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = StratifiedGroupKFold(most, shuffle=True, random_state=seed).split(block, targets, block)
        for number, (_, held) in enumerate(parts):
            fold[held] = number
    return np.asarray(np.unique(fold, return_inverse=True)[1], np.int64)


@dataclass(frozen=True)
class Fold:
    """A part of the tiles that is held out, and those that can be trained on."""

    name: str
    """Its number, or the region's name."""
    held: Whole
    """Positions of the tiles held out."""
    learnt: Whole
    """Positions of the tiles to train on, which share no ground with them."""
    set_aside: int
    """Number of other tiles that share ground with them."""


def fold_tiles(
    tiles: TileSet, folds: Folds, *, seed: int, block_km: float | None = None
) -> tuple[tuple[Fold, ...], Blocks]:
    """Divide a set of tiles into folds, each with the tiles that share no ground with it; and the blocks they consist
    of.

    Args:
        tiles: The set.
        folds: Number of folds of whole squares of ground; or ``region``: each region is one, and tiles without a region
            are only trained on.
        seed: Of the order of blocks that are alike.
        block_km: Side of the squares; None: four tiles.

    Raises:
        InputError: fewer than two folds, fewer blocks than folds, tiles without regions, or folds that leave too little
            to train on.
    """
    names: list[str]
    if folds == "region":
        names, block = region_blocks(tiles)
        blocks, fold = Blocks(block, "regions"), block
    else:
        if folds < 2:
            raise InputError(f"folds {folds}", "is too few", "pass 2 or more, or region")
        blocks = squares(tiles, block_km)
        fold = fold_of(blocks.of, tiles.targets, folds, seed)
        names = [str(number + 1) for number in range(int(fold.max()) + 1)]
        if len(names) < folds:
            what = f"are more than the {len(names)} that {blocks.count} places ({blocks.unit}) make"
            raise InputError(f"folds {folds}", what, "pass fewer folds, or smaller blocks")
    held = [number for number, name in enumerate(names) if name]
    if len(held) < 2:
        raise InputError("the tiles", "are all of one region", "pass a number of folds instead of region")
    ground = Ground(fold, touching(tiles.footprints))
    found = []
    for number in held:
        sides = ground.sides(np.arange(len(names)) == number)
        prove(tiles, sides)
        if len(np.unique(tiles.targets[sides.training])) < 2:
            raise InputError(f"fold {names[number]}", "leaves fewer than two classes to train on",
                             "pass other folds, or add tiles")  # fmt: skip
        aside = int((~sides.training & ~sides.validation).sum())
        found.append(Fold(names[number], np.flatnonzero(sides.validation), np.flatnonzero(sides.training), aside))
    return tuple(found), blocks
