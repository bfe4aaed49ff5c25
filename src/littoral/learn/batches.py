"""Tiles to batches: cropped and turned for training, classes drawn equally where that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.errors import MissingExtraError
from littoral.package import Preprocessing, standardise
from littoral.tiles import TileSet, TileSpec

try:
    import torch
    from torch import Tensor
    from torch.utils.data import Dataset, Sampler
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

Batch = tuple[Tensor, Tensor]


class TileDataset(Dataset[Batch]):
    """Tiles read from disk as they are asked for: memory does not grow with their number."""

    def __init__(self, tiles: TileSet, preprocessing: Preprocessing, part: NDArray[np.int64], *, augment: bool) -> None:
        self.tiles, self.preprocessing, self.part, self.augment = tiles, preprocessing, part, augment
        self.targets = torch.from_numpy(tiles.targets)

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> Batch:
        position = int(self.part[index])
        given = self.preprocessing
        values, valid = self.tiles.read(position)
        if not self.augment:
            return torch.from_numpy(given.apply(values, valid)), self.targets[position]
        spare = values.shape[1] - given.chip_px
        top, left = (int(torch.randint(spare + 1, ())) for _ in range(2))
        crop = np.s_[top : top + given.chip_px, left : left + given.chip_px]
        x = torch.from_numpy(standardise(values[(slice(None), *crop)], valid[crop], given.mean, given.std))
        turns = turns_of(given.tile)
        turn = turns[int(torch.randint(8, ())) * len(turns) // 8]
        return turned(x, turn).contiguous(), self.targets[position]


class Batches(Sampler[list[int]]):
    """Batches of indices; a last batch of one joins the batch before, as batch normalisation needs two."""

    def __init__(self, targets: NDArray[np.int64], size: int, *, shuffle: bool, oversample: bool) -> None:
        counts = np.bincount(targets)
        self.weights = torch.from_numpy(1.0 / counts[targets]) if oversample else None
        self.draws = int((counts > 0).sum() * counts.max()) if oversample else len(targets)
        self.count, self.size, self.shuffle = len(targets), size, shuffle

    def __len__(self) -> int:
        full, rest = divmod(self.draws, self.size)
        return full + (rest > 1 or (rest == 1 and full == 0))

    def __iter__(self) -> Iterator[list[int]]:
        if self.weights is not None:
            order: list[int] = torch.multinomial(self.weights, self.draws, replacement=True).tolist()
        else:
            order = (torch.randperm(self.count) if self.shuffle else torch.arange(self.count)).tolist()
        for number in range(len(self)):
            start = number * self.size
            yield order[start : start + self.size] if number < len(self) - 1 else order[start:]


def turns_of(tile: TileSpec) -> tuple[int, ...]:
    """Of the eight flips and turns, those that leave a tile what it is.

    A shore looks the same from any side. In a tile that is oriented by it, it goes on running along the rows; one of
    pixel space stays as the sensor saw it.
    """
    if tile.space == "pixel":
        return (0,)
    return (0, 2, 4, 6) if tile.placement == "oriented" else tuple(range(8))


def turned(x: Tensor, turn: int) -> Tensor:
    """Tiles (…, height, width) after ``turn % 4`` quarter turns, mirrored from 4 on."""
    x = torch.rot90(x, turn % 4, (-2, -1))
    return x.flip(-1) if turn >= 4 else x


def inputs(batch: Any) -> Tensor:
    """A tensor in the memory layout that convolutions like best."""
    return torch.as_tensor(batch).contiguous(memory_format=torch.channels_last)
