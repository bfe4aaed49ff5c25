"""Splits that do not leak: no validation tile shares ground with a training tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from littoral.errors import InputError
from littoral.tiles.labeled import TileSet

Kind = Literal["spatial", "random"]
_TRIALS = 64
_KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Split:
    """Which tiles are for training, which for validation, which for neither."""

    kind: str
    """``spatial`` or ``random``."""
    training: NDArray[np.int64]
    """Positions in the tile set."""
    validation: NDArray[np.int64]
    """Positions in the tile set."""
    set_aside: NDArray[np.int64]
    """Positions of tiles that would stand on both sides' ground."""
    only_training: tuple[int, ...]
    """Class values on the training side only, as they exist in one place: not in the validation scores."""
    block_km: float
    """Side of the square blocks that went to one side as a whole; 0 for a random split."""
    unplaced: int = 0
    """Tiles without georeference, of which nobody can say what ground they show."""

    def describe(self) -> str:
        """One line for people and records."""
        text = f"{len(self.training)} tiles to train, {len(self.validation)} to validate"
        if self.kind == "random":
            return f"{text}; random split: neighbouring tiles overlap, so the validation scores LEAK and flatter"
        text += f", {len(self.set_aside)} set aside because they share ground with validation tiles"
        text += f"; blocks of {self.block_km:.1f} km"
        if self.unplaced:
            text += f"; {self.unplaced} tiles have no georeference, so NOTHING PROVES that they share no ground"
        return text


def split_tiles(tiles: TileSet, val_share: float, *, kind: Kind = "spatial", seed: int = 42) -> Split:
    """Split a set of tiles in training and validation.

    ``spatial``: tiles are gathered in square blocks (four tiles wide) within each connected stretch of ground; whole
    blocks go to validation, chosen from 64 seeded draws so that as many classes as can be stand on both sides, the
    share comes near the asked one, and little has to be set aside. Training tiles that share ground with a validation
    tile (outlines compared in longitude and latitude, whatever their CRS) are set aside. A class found in one block
    only stays on the training side. Tiles without georeference cannot be compared and count as a place each.

    ``random``: what other tools do; it leaks.

    Raises:
        InputError: a share that is not between 0 and 1, or fewer than two places.
    """
    if not 0 < val_share < 1:
        raise InputError(f"validation share {val_share}", "is not between 0 and 1", "pass e.g. 0.2")
    rng = np.random.default_rng(seed)
    count = len(tiles)
    if kind == "random":
        order = rng.permutation(count)
        cut = max(round(val_share * count), 1)
        return Split(kind, np.sort(order[cut:]), np.sort(order[:cut]), np.empty(0, np.int64), (), 0.0)
    if kind != "spatial":
        raise InputError(f"split {kind!r}", "is not known", "choose spatial or random")

    touching = _touching(tiles.footprints)
    block, block_km = _blocks(tiles.footprints, touching)
    if block.max() == 0:
        raise InputError(
            "the tiles",
            "all lie in one place, so nothing can be held out without leaking",
            "add tiles of another place, or accept the leak with split='random' (--split random)",
        )
    targets = tiles.targets
    holds = np.zeros((block.max() + 1, len(tiles.categories)), np.int64)
    np.add.at(holds, (block, targets), 1)
    may_validate = np.asarray(~(holds[:, (holds > 0).sum(axis=0) == 1] > 0).any(axis=1))
    while True:
        validation = _choose(holds, targets, may_validate, block, touching, val_share, rng)
        training = ~_beside(touching, validation)
        left = np.bincount(targets[training], minlength=holds.shape[1])
        lost = (left == 0) & (holds.sum(axis=0) > 0)
        if not lost.any():
            break
        # Setting aside took the last training tiles of a class: its blocks stay on the training side.
        may_validate &= ~(holds[:, lost] > 0).any(axis=1)
    if not validation.any():
        raise InputError(
            "the tiles",
            "cannot be split without leaking: each block holds a class found nowhere else",
            "add places, or accept the leak with split='random' (--split random)",
        )
    seen = set(targets[validation].tolist())
    only = tuple(
        category.code for index, category in enumerate(tiles.categories) if holds[:, index].any() and index not in seen
    )
    aside = ~validation & ~training
    unplaced = sum(outline is None for outline in tiles.footprints)
    return Split(
        kind, np.flatnonzero(training), np.flatnonzero(validation), np.flatnonzero(aside), only, block_km, unplaced
    )


def ground_pairs(a: NDArray[np.object_], b: NDArray[np.object_]) -> NDArray[np.int64]:
    """Pairs ``(2, pairs)`` of positions in ``a`` and ``b`` whose outlines touch or overlap on the ground.

    Args:
        a: Polygons in longitude and latitude, None where there is none; longitudes may run beyond 180 degrees.
        b: The same.

    >>> box = shapely.box
    >>> here, there = np.array([box(179.9, 0, 180.1, 1)]), np.array([box(-180, 0, -179.95, 1), box(0, 0, 1, 1)])
    >>> ground_pairs(here, there).tolist()
    [[0], [0]]
    """
    copies, source = _around(b)
    found, hit = shapely.STRtree(copies).query(a, predicate="intersects")
    shifted, origin = _around(a)
    beyond = np.arange(len(shifted)) >= len(a)
    more, more_hit = shapely.STRtree(copies).query(shifted[beyond], predicate="intersects")
    pairs = np.stack([np.concatenate([found, origin[beyond][more]]), source[np.concatenate([hit, more_hit])]])
    return np.unique(pairs, axis=1)


def _around(outlines: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The outlines, and those beyond the antimeridian once more where their longitudes also name them."""
    bounds = shapely.bounds(outlines)
    east, west = np.flatnonzero(bounds[:, 2] > 180), np.flatnonzero(bounds[:, 0] < -180)
    copies = [outlines, shapely.transform(outlines[east], _west_360), shapely.transform(outlines[west], _east_360)]
    return np.concatenate(copies), np.concatenate([np.arange(len(outlines)), east, west])


def _west_360(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points - [360.0, 0.0]


def _east_360(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points + [360.0, 0.0]


def _touching(footprints: NDArray[np.object_]) -> csr_array:
    """Symmetric (tiles, tiles) matrix, 1 where two tiles share ground, diagonal included."""
    count = len(footprints)
    pairs = np.concatenate([ground_pairs(footprints, footprints), np.tile(np.arange(count), (2, 1))], axis=1)
    matrix = csr_array((np.ones(pairs.shape[1], np.int32), (pairs[0], pairs[1])), shape=(count, count))
    matrix.data[:] = 1
    return matrix


def _blocks(footprints: NDArray[np.object_], touching: csr_array) -> tuple[NDArray[np.int64], float]:
    """Block of each tile, and the side of the blocks in km: a square grid within each connected stretch of ground."""
    place = connected_components(touching, directed=False)[1].astype(np.int64)
    known = np.array([outline is not None for outline in footprints])
    if not known.any():
        return place, 0.0
    centres = np.zeros((len(footprints), 2))
    centres[known] = shapely.get_coordinates(shapely.centroid(footprints[known]))
    bounds = shapely.bounds(footprints[known])
    side_km = 4 * float(np.median(bounds[:, 3] - bounds[:, 1])) * _KM_PER_DEGREE
    # Local kilometres are enough here: blocks need a size, not an exact one.
    first = np.unique(place, return_index=True)[1][place]
    x = ((centres[:, 0] - centres[first, 0] + 180) % 360 - 180) * np.cos(np.radians(centres[first, 1]))
    km = np.column_stack([x, centres[:, 1]]) * _KM_PER_DEGREE
    corner = np.full((place.max() + 1, 2), np.inf)
    np.minimum.at(corner, place, km)
    cell = np.floor((km - corner[place]) / side_km).astype(np.int64)
    block = np.unique(np.column_stack([place, cell]), axis=0, return_inverse=True)[1]
    return block.ravel().astype(np.int64), side_km


def _choose(
    holds: NDArray[np.int64],
    targets: NDArray[np.int64],
    may_validate: NDArray[np.bool_],
    block: NDArray[np.int64],
    touching: csr_array,
    val_share: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Validation mask (tiles,) of the best of some draws of blocks; ``holds`` counts (blocks, classes)."""
    count, classes = len(block), holds.shape[1]
    best, best_score = np.zeros(count, bool), (0, -np.inf, -np.inf)
    for _ in range(_TRIALS):
        chosen = np.zeros(len(holds), bool)
        # A block of each class not yet seen, in random order, then more blocks until the share is reached.
        for index in rng.permutation(classes):
            candidates = np.flatnonzero(may_validate & (holds[:, index] > 0))
            if len(candidates) and not holds[chosen, index].any():
                chosen[rng.choice(candidates)] = True
        for candidate in rng.permutation(np.flatnonzero(may_validate)):
            if holds[chosen].sum() >= val_share * count:
                break
            chosen[candidate] = True
        validation = chosen[block]
        training = ~_beside(touching, validation)
        both = (np.bincount(targets[validation], minlength=classes) > 0) & (
            np.bincount(targets[training], minlength=classes) > 0
        )
        used = validation.sum() + training.sum()
        score = (int(both.sum()), -abs(float(validation.sum() / used) - val_share), float(used))
        if score > best_score:
            best, best_score = validation, score
    return best


def _beside(touching: csr_array, validation: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tiles that share ground with a validation tile, those themselves included."""
    return np.asarray(touching @ validation.astype(np.int32)) > 0
