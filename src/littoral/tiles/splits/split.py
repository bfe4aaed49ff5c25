"""Split tiles by square blocks or by regions, and verify that the two sides do not overlap."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.errors import InputError, LittoralWarning, printable
from littoral.tiles.splits.block_choice import Choice, Ground, choose_blocks
from littoral.tiles.splits.proof import prove
from littoral.tiles.splits.shared_ground import KM_PER_DEGREE, Outlines, touching
from littoral.tiles.tileset import TileSet

Kind = Literal["spatial", "region", "random"]
_TILES_WIDE = 4
"""Default side of a block, in tiles."""


class UnplacedWarning(LittoralWarning):
    """Tiles without georeference: whether they overlap cannot be checked."""


@dataclass(frozen=True)
class Split:
    """Training tiles, validation tiles, and tiles set aside."""

    kind: str
    """``spatial``, ``region`` or ``random``."""
    training: NDArray[np.int64]
    """Positions in the tile set."""
    validation: NDArray[np.int64]
    """Positions in the tile set."""
    set_aside: NDArray[np.int64]
    """Positions of tiles that overlap a validation tile and are in neither part."""
    only_training: tuple[int, ...]
    """Class values without validation tiles, as they exist in one place only."""
    block_km: float
    """Side of the square blocks, km; 0 where there are none."""
    unplaced: int = 0
    """Number of tiles without georeference."""
    regions: tuple[str, ...] = ()
    """Regions that were held out as a whole."""
    only_validation: tuple[int, ...] = ()
    """Class values without training tiles, as they exist in held-out regions only."""

    def describe(self) -> str:
        """One line of text."""
        text = f"{len(self.training)} tiles to train, {len(self.validation)} to validate"
        if self.kind == "random":
            return f"{text}; random split: neighbouring tiles overlap, so the validation scores LEAK and flatter"
        text += f", {len(self.set_aside)} set aside because they share ground with validation tiles"
        if self.kind == "region":
            text += f"; held out as a whole: {', '.join(map(printable, self.regions))}"
        elif self.block_km:
            text += f"; blocks of {self.block_km:.1f} km (squares; all the shore in one is on one side)"
        if self.unplaced:
            text += f"; {self.unplaced} tiles have no georeference, so NOTHING PROVES that they share no ground"
        return text


def split_tiles(
    tiles: TileSet,
    val_share: float,
    *,
    kind: Kind = "spatial",
    seed: int = 42,
    block_km: float | None = None,
    val_regions: Sequence[str] | None = None,
) -> Split:
    """Split a set of tiles into training and validation tiles.

    ``spatial``: the ground is divided in squares; tiles with their middle in one square are a block, which goes to one
    side as a whole. Training tiles that share ground with a validation tile (outlines compared in longitude and
    latitude, whatever their CRS) are set aside.

    ``region``: the same with the tiles' regions as blocks: ``val_regions``, or else some chosen at random, are for
    validation. Tiles without a region are for training.

    Choice of the validation blocks: every class keeps training tiles, and as many classes as possible are on both
    sides, whatever the seed (:mod:`littoral.tiles.splits.block_choice`). A class in one place only, which is one block
    or tiles that all touch one another, is for training. Of 64 random choices, the one with class shares nearest to
    ``val_share`` and the fewest tiles set aside is taken. The order of the tiles does not matter.

    ``random``: tiles are drawn one by one, as in other tools; validation tiles then overlap training tiles.

    At the end, the outlines of the two sides are compared once more in another way.

    Args:
        tiles: The set.
        val_share: Share of the tiles to validate with, above 0 and below 1.
        kind: See above.
        seed: Of the random choices.
        block_km: Side of the squares; None: four tiles.
        val_regions: Regions to hold out, by name; the share then does not count.

    Raises:
        InputError: a share out of range, tiles in one place only, tiles without regions, or an unknown region.

    Warns:
        UnplacedWarning: tiles without georeference cannot be compared; each counts as a block of its own.

    Memory: 100 bytes for each pair of tiles that share ground, and 100 MB for the proof.
    """
    if not 0 < val_share < 1:
        raise InputError(f"validation share {val_share}", "is not between 0 and 1", "pass e.g. 0.2")
    if block_km is not None and not 0 < block_km < np.inf:
        raise InputError(f"block length {block_km}", "is not a positive number of kilometres", "pass e.g. 10")
    if kind not in ("spatial", "region", "random"):
        raise InputError(f"split {kind!r}", "is not known", "choose spatial, region or random")
    for given, what, needs in ((val_regions, "val_regions", "region"), (block_km, "block_km", "spatial")):
        if given is not None and kind != needs:
            raise InputError(f"{what} {given}", f"is of no use to a {kind} split", f"choose split {needs}")
    rng = np.random.default_rng(seed)
    if kind == "random":
        order = rng.permutation(len(tiles))
        cut = max(round(val_share * len(tiles)), 1)
        return Split(kind, np.sort(order[cut:]), np.sort(order[:cut]), np.empty(0, np.int64), (), 0.0)

    unplaced = sum(outline is None for outline in tiles.footprints)
    if unplaced:
        warnings.warn(
            f"{unplaced} of {len(tiles)} tiles have no georeference: nothing proves that those to train and those to "
            "validate share no ground",
            UnplacedWarning,
            stacklevel=2,
        )
    side_km, names = 0.0, [""]
    if kind == "region":
        names, block = region_blocks(tiles)
        may_validate = np.array([name != "" for name in names])
    else:
        block, side_km = square_blocks(tiles.footprints, block_km)
        may_validate = np.ones(int(block.max()) + 1, bool)
    ground = Ground(block, touching(tiles.footprints))
    if val_regions is None:
        choice = choose_blocks(ground, tiles.targets, val_share, rng, may_validate)
    else:
        choice = ground.sides(_named(val_regions, names))
    if choice is None:
        raise _cannot(ground, kind)
    prove(tiles, choice)
    return _split(tiles, choice, kind, side_km, unplaced, block, names)


def _split(
    tiles: TileSet,
    choice: Choice,
    kind: str,
    side_km: float,
    unplaced: int,
    block: NDArray[np.int64],
    names: Sequence[str],
) -> Split:
    trained, validated = (set(tiles.targets[side].tolist()) for side in (choice.training, choice.validation))
    one_sided = (
        tuple(category.code for index, category in enumerate(tiles.categories) if index in side)
        for side in (trained - validated, validated - trained)
    )
    only_training, only_validation = one_sided
    held = {names[index] for index in block[choice.validation].tolist()} if kind == "region" else ()
    return Split(
        kind,
        np.flatnonzero(choice.training),
        np.flatnonzero(choice.validation),
        np.flatnonzero(~choice.training & ~choice.validation),
        only_training,
        side_km,
        unplaced,
        tuple(sorted(held)),
        only_validation,
    )


def square_blocks(footprints: Outlines, block_km: float | None) -> tuple[NDArray[np.int64], float]:
    """Block (tiles,) of each tile and the side of the blocks in km; rows of squares, each row on its own latitude.

    Blocks are numbered from south to north and west to east; after them come tiles without a place, each a block.
    """
    known = np.flatnonzero([outline is not None for outline in footprints])
    block = np.empty(len(footprints), np.int64)
    side_km, count = block_km or 0.0, 0
    if len(known):
        lon, lat = shapely.get_coordinates(shapely.centroid(footprints[known])).T
        if block_km is None:
            area = shapely.area(footprints[known]) * np.cos(np.radians(lat))
            side_km = _TILES_WIDE * float(np.sqrt(np.median(area))) * KM_PER_DEGREE
        side = side_km / KM_PER_DEGREE
        row = np.floor(lat / side)
        # Longitudes are counted from the antimeridian, where a row of squares begins and ends.
        column = np.floor((lon + 180) % 360 * np.cos(np.radians((row + 0.5) * side)) / side)
        numbered = np.unique(np.column_stack([row, column]), axis=0, return_inverse=True)[1].ravel()
        block[known] = numbered
        count = int(numbered.max()) + 1
    unknown = np.setdiff1d(np.arange(len(footprints)), known)
    block[unknown] = count + np.arange(len(unknown))
    return block, side_km if len(known) else 0.0


def region_blocks(tiles: TileSet) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the regions in order, and the position of each tile's among them."""
    if tiles.regions is None:
        raise InputError(
            "the tiles",
            "have no region",
            "cut them with the field that does (region_field, --region-field), or choose split spatial",
        )
    names, block = np.unique(tiles.regions.astype(str), return_inverse=True)
    return names.tolist(), block.ravel().astype(np.int64)


def _named(wanted: Sequence[str], names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each region (regions,) is among the wanted ones."""
    known = [name for name in names if name]
    for name in wanted:
        if name not in known:
            raise InputError(f"region {name!r}", "is the region of no tile", f"choose among {', '.join(known)}")
    if not wanted:
        raise InputError("the list of regions to hold out", "is empty", f"choose among {', '.join(known)}")
    return np.isin(names, list(wanted))


def _cannot(ground: Ground, kind: str) -> InputError:
    remedy = "add tiles of another place, or accept the leak with split='random' (--split random)"
    if kind == "region":
        one = "are all of one region"
        several = "cannot be split by region: each holds a class that is found nowhere else"
        what = one if ground.blocks == 1 else several
        return InputError("the tiles", what, "choose split spatial (--split spatial)")
    if ground.near.nnz == len(ground.block) * ground.blocks:
        return InputError("the tiles", "all lie in one place, so nothing can be held out without leaking", remedy)
    return InputError(
        "the tiles", "cannot be split without leaking: each place holds a class that is found nowhere else", remedy
    )
