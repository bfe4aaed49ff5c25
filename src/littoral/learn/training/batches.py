"""Batches of tiles: order, crops, flips and turns, prepared in background threads.

Order and augmentation are pure functions of seed, epoch and draw (the position in the epoch's order), so a training can
resume at any batch of any epoch without stored state, and threads do not change the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from littoral.errors import InputError
from littoral.imagery import Values
from littoral.package import Preprocessing
from littoral.threads import map_ahead, processors
from littoral.tiles import TileSet, turned

Batch = tuple[Tensor, Tensor]
Transform = Callable[[Tensor], Tensor]
"""Maps a standardised tile (bands, height, width) to one of the same shape."""


class TileDataset(Dataset[Batch]):
    """Tiles that are read from disk when they are used; memory does not grow with their number.

    Args:
        tiles: All tiles.
        preprocessing: From a tile to a network's input.
        part: Positions of the tiles that belong to this set.
        augment: Crop, flip, turn, jitter and transform at random; else take the middle of each tile.
        seed: Of the augmentation.
        jitter: Size s of a change of brightness, as by sun, haze and sensor: the standardised values of band b
            become g·h_b·z + o_b with ln g ~ N(0, s), ln h_b ~ N(0, s/2) and o_b ~ N(0, s), drawn for each tile. So the
            contrast about the band's training mean changes, and its level by some share of the training deviation.
        transforms: Applied to each tile after that; torch's generator is seeded for each call.
        unreadable: ``fatal`` stops at a tile that cannot be read; ``skip`` leaves it out of its batch and notes its
            name in :attr:`skipped`.
    """

    def __init__(
        self,
        tiles: TileSet,
        preprocessing: Preprocessing,
        part: NDArray[np.int64],
        *,
        augment: bool,
        seed: int = 0,
        jitter: float = 0.0,
        transforms: Transform | None = None,
        unreadable: Literal["fatal", "skip"] = "fatal",
    ) -> None:
        self.tiles, self.preprocessing, self.part, self.augment = tiles, preprocessing, part, augment
        self.seed, self.jitter, self.unreadable = seed, jitter, unreadable
        self.transforms = transforms if augment else None
        self.targets = torch.from_numpy(tiles.targets)
        self.skipped: list[str] = []

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> Batch:
        x, y = self.batch([(index, index)])
        return x[0].contiguous(), y[0]

    def batch(self, draws: Iterable[tuple[int, int]], epoch: int = 0) -> Batch:
        """Inputs (batch, bands, chip, chip) in channels-last layout, and class indices (batch,).

        Args:
            draws: Position in the epoch's order, and index in this set, of each tile.
            epoch: From 0.

        Raises:
            InputError: a tile that cannot be read and may not be skipped, or none of a batch that can be; a transform
                that changes a tile's shape.
        """
        read = [tile for draw, index in draws if (tile := self._read(draw, int(self.part[index]), epoch)) is not None]
        if not read:
            raise InputError(self.skipped[-1], "and all other tiles of its batch cannot be read", "export them again")
        if self.augment and self.unreadable == "skip" and len(read) == 1:
            # Batch normalisation needs two.
            read *= 2
        given = self.preprocessing
        mean, std = (np.array(numbers, np.float32) for numbers in (given.mean, given.std))
        # Tiles are turned in the file's own type, which has fewer bytes; then three passes over floats.
        stored = np.empty((len(read), given.chip_px, given.chip_px, len(mean)), read[0].values.dtype)
        for place, tile in zip(stored, read, strict=True):
            place[:] = tile.values.transpose(1, 2, 0)
        x = stored.astype(np.float32)
        x -= mean
        x /= std
        for values, tile in zip(x, read, strict=True):
            if self.augment and self.jitter:
                gain, offset = _brightness(tile.rng, self.jitter, len(mean))
                values *= gain
                values += offset
            if not tile.valid.all():
                values[~tile.valid] = 0 if given.fill is None else (np.float32(given.fill) - mean) / std
        inputs = torch.from_numpy(x).permute(0, 3, 1, 2)
        if self.transforms is not None:
            for place, tile in zip(inputs, read, strict=True):
                place[:] = _transformed(self.transforms, place.contiguous(), tile.rng)
        return inputs, self.targets[[tile.position for tile in read]]

    def _read(self, draw: int, position: int, epoch: int) -> _Tile | None:
        given = self.preprocessing
        try:
            values, valid = given.resized(*self.tiles.read(position))
        except InputError:
            if self.unreadable == "fatal":
                raise
            self.skipped.append(self.tiles.name(position))
            return None
        spare = values.shape[1] - given.chip_px
        rng = np.random.default_rng((self.seed, epoch, draw))
        top, left = rng.integers(spare + 1, size=2) if self.augment else (spare // 2, spare // 2)
        crop = np.s_[top : top + given.chip_px, left : left + given.chip_px]
        values, valid = values[(slice(None), *crop)], valid[crop]
        if self.augment:
            turn = int(rng.choice(given.tile.turns))
            values, valid = turned(values, turn), turned(valid, turn)
        return _Tile(position, values, valid, rng)


@dataclass(frozen=True)
class _Tile:
    position: int
    """In the set of all tiles."""
    values: Values
    """(bands, chip, chip), cropped and turned."""
    valid: NDArray[np.bool_]
    """(chip, chip), likewise."""
    rng: np.random.Generator
    """Random numbers for jitter and transforms."""


def _brightness(rng: np.random.Generator, size: float, bands: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gain = np.exp(rng.normal(0, size) + rng.normal(0, size / 2, bands))
    return gain.astype(np.float32), rng.normal(0, size, bands).astype(np.float32)


def _transformed(transform: Transform, tile: Tensor, rng: np.random.Generator) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        result = transform(tile)
    if result.shape != tile.shape:
        raise InputError(
            "the transform",
            f"made a tile of shape {tuple(result.shape)} from one of {tuple(tile.shape)}",
            "return (bands, height, width) as given",
        )
    return result


@dataclass(frozen=True)
class Order:
    """Order and batches of the tiles of an epoch."""

    targets: NDArray[np.int64]
    """Class index of each tile."""
    size: int
    """Number of tiles in a batch of one process."""
    shuffle: bool
    """Shuffle by seed and epoch."""
    oversample: bool = False
    """Draw every class equally often, with replacement; the number of draws is that of classes times the largest."""
    seed: int = 0
    """Seed of the order."""

    @property
    def draws(self) -> int:
        """Number of tiles drawn in an epoch."""
        counts = np.bincount(self.targets)
        return int((counts > 0).sum() * counts.max()) if self.oversample else len(self.targets)

    def steps(self, world: int = 1) -> int:
        """Number of batches of each of ``world`` processes in an epoch."""
        full, rest = divmod(self.draws, self.size * world)
        return full + (rest >= 2 * world or full == 0)

    def batches(self, epoch: int, rank: int = 0, world: int = 1) -> list[list[tuple[int, int]]]:
        """(draw, index) of each tile of each batch of one of ``world`` processes.

        All processes get equally many batches; a rest with fewer than two tiles for each, as batch normalisation
        needs, joins the batch before.
        """
        rng = np.random.default_rng((self.seed, epoch))
        if self.oversample:
            weights = 1.0 / np.bincount(self.targets)[self.targets]
            order = rng.choice(len(self.targets), self.draws, p=weights / weights.sum())
        else:
            order = rng.permutation(len(self.targets)) if self.shuffle else np.arange(len(self.targets))
        steps, stride = self.steps(world), self.size * world
        drawn = list(enumerate(order.tolist()))
        ends = [stride * step for step in range(1, steps)] + [len(drawn)]
        return [drawn[stride * step : end][rank::world] for step, end in enumerate(ends)]


class Batches:
    """The batches of a set of tiles, epoch after epoch, made in background threads ahead of their use.

    Memory: a batch for each thread and two more; a thread for every four processors, up to four.
    """

    def __init__(self, dataset: TileDataset, order: Order) -> None:
        self.dataset, self.order = dataset, order

    def __len__(self) -> int:
        return self.order.steps()

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)

    def epoch(self, number: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """The batches of an epoch, or those from ``start`` on, of one of ``world`` processes."""
        work = [draws for draws in self.order.batches(number, rank, world)[start:] if draws]
        # A transform draws from torch's generator, which the training step uses too, so it runs in the same thread.
        threads = 0 if self.dataset.transforms else min(4, max(1, processors() // 4))
        make = partial(self.dataset.batch, epoch=number)
        if not threads:
            yield from map(make, work)
            return
        with ThreadPoolExecutor(threads, "batches") as pool:
            yield from map_ahead(pool, make, work, threads + 1)
