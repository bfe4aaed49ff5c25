"""Tiles on disk to batches: split, normalisation by the training part, augmentation, oversampling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError, MissingExtraError
from littoral.learn.evaluation import band_means
from littoral.package import Preprocessing, standardise
from littoral.progress import Track, silent
from littoral.tiles import Split, TileSet, TileSpec, read_tile, read_tiles, split_tiles
from littoral.tiles.splits import Kind

try:
    import torch
    from torch import Tensor
    from torch.utils.data import DataLoader, Dataset, Sampler
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, repr=False)
class TileData:
    """Labelled tiles, split and measured: what a classifier learns from."""

    tiles: TileSet
    """All tiles, those set aside too."""
    split: Split
    """Which are for training and which for validation."""
    preprocessing: Preprocessing
    """From tile to input, by the training part's statistics."""
    means: NDArray[np.float64]
    """(tiles, bands), band means over each tile's valid pixels, for the baseline."""
    batch_size: int
    """Tiles in a batch."""
    seed: int
    """Of everything random."""
    dropped: tuple[str, ...]
    """Classes left out because they have a single tile."""
    folder: Path
    """Where models of this data are saved unless told otherwise: ``<folder>/models``."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """Classes in the order of a network's outputs."""
        return self.tiles.categories

    @property
    def classes(self) -> list[str]:
        """Their names."""
        return [category.name for category in self.categories]

    @property
    def c(self) -> int:
        """How many classes there are."""
        return len(self.categories)

    @property
    def class_mapping(self) -> dict[int, str]:
        """Class value to name."""
        return {category.code: category.name for category in self.categories}

    @property
    def chip_size(self) -> int:
        """Side of the network's input in pixels."""
        return self.preprocessing.chip_px

    def __repr__(self) -> str:
        return f"TileData({len(self.tiles)} tiles of {self.c} classes: {', '.join(self.classes)})"

    def describe(self) -> str:
        """Class balance and split, for people."""
        width = max(map(len, self.classes))
        lines = [f"{'class':<{width}} {'training':>9} {'validation':>11} {'set aside':>10}"]
        targets = self.tiles.targets
        parts = (self.split.training, self.split.validation, self.split.set_aside)
        for index, name in enumerate(self.classes):
            training, validation, aside = (int((targets[part] == index).sum()) for part in parts)
            lines.append(f"{name:<{width}} {training:>9} {validation:>11} {aside:>10}")
        lines.append(self.split.describe())
        if self.split.only_training:
            names = ", ".join(self.class_mapping[code] for code in self.split.only_training)
            lines.append(f"on the training side only (one place), so not in the validation scores: {names}")
        if self.tiles.missing_labels:
            lines.append(f"{self.tiles.missing_labels} images have no label file and were left out")
        if self.dropped:
            lines.append(f"dropped, as they have one tile: {', '.join(self.dropped)}")
        return "\n".join(lines)

    def show_batch(self, rows: int = 5, *, columns: int = 5) -> Figure:
        """Some training tiles, drawn at random (by the seed), with their classes.

        Args:
            rows: Rows of the picture.
            columns: Tiles in a row.
        """
        rng = np.random.default_rng(self.seed)
        chosen = rng.permutation(self.split.training)[: rows * columns]
        categories = [self.categories[self.tiles.targets[i]] for i in chosen]
        rgb = figures.rgb_bands(self.tiles.bands)
        images = [figures.stretch(*read_tile(self.tiles.paths[i]), rgb) for i in chosen]
        return figures.plot_tiles(
            images, [c.name for c in categories], columns=columns, colours=[c.colour for c in categories]
        )

    def loader(self, part: NDArray[np.int64], *, training: bool, oversample: bool = False) -> DataLoader[Batch]:
        """Batches of inputs (batch, bands, chip, chip) and class indices (batch,).

        Args:
            part: Positions of the tiles.
            training: Shuffled, and randomly cropped, flipped and turned; else in order, the middle of each tile.
            oversample: Draw every class equally often, with replacement; as many draws as classes times the largest.
        """
        dataset = _Tiles(self, part, augment=training)
        batches = _Batches(self.tiles.targets[part], self.batch_size, shuffle=training, oversample=oversample)
        # No worker processes: reading a tile takes a fraction of the step, and nothing has to be forked.
        return DataLoader(dataset, batch_sampler=batches)


def prepare_data(
    path: str | Path | Iterable[str | Path],
    *,
    batch_size: int = 64,
    val_split_pct: float = 0.1,
    split: Kind = "spatial",
    chip_size: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    drop_rare: bool = False,
    seed: int = 42,
    categories: Scheme = CATCOA,
    track: Track = silent,
) -> TileData:
    """Read Labeled_Tiles folders, split them, and measure the training part.

    Args:
        path: A folder, a folder of folders (one per category), or a list of either.
        batch_size: Tiles in a batch.
        val_split_pct: Share of the tiles to validate with, 0 to 1.
        split: ``spatial`` leaks nothing; ``random`` is what other tools do, and says that it leaks.
        chip_size: Side of the network's input; None: the tile's own size. Smaller: random crops in training, the
            middle otherwise.
        class_mapping: Other names for class values.
        drop_rare: Leave out classes that have a single tile instead of refusing them.
        seed: Of split, augmentation and training.
        categories: Names and colours for class values.
        track: Shows progress, a step per tile.

    Raises:
        InputError: folders that cannot be read, fewer than two classes, a class with one tile, no split without a
            leak, a chip larger than the tiles.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    tiles = read_tiles(paths, categories=categories, track=track)
    if class_mapping:
        renamed = [replace(c, name=class_mapping.get(c.code, c.name)) for c in tiles.categories]
        tiles = replace(tiles, categories=tuple(sorted(renamed, key=lambda category: category.name)))
    tiles, dropped = _without_rare(tiles, drop_rare)
    if len(tiles.categories) < 2:
        raise InputError(
            "the tiles",
            f"are all of one class ({tiles.categories[0].name})",
            "add tiles of another class: there is nothing to tell apart",
        )
    if chip_size is not None and not 8 <= chip_size <= tiles.size_px:
        raise InputError(
            f"chip_size {chip_size}",
            f"does not fit tiles of {tiles.size_px} pixels",
            f"pass 8 to {tiles.size_px}, or None for the tile's own size",
        )
    if batch_size < 2:
        raise InputError(f"batch_size {batch_size}", "is too small for batch normalisation", "pass 2 or more")
    parts = split_tiles(tiles, val_split_pct, kind=split, seed=seed)
    if len(set(tiles.targets[parts.training].tolist())) < 2:
        raise InputError(
            "the training part", f"of {len(parts.training)} tiles shows fewer than two classes", "add tiles"
        )
    means, mean, std = _measure(tiles, parts.training, track)
    raw, min_valid = tiles.origin.get("Raw", False), tiles.origin.get("MinValid", 0.5)
    told = {"size_px": tiles.size_px, "bands": tiles.bands, "raw": raw, "min_valid": min_valid}
    # A model cuts as its tiles were cut.
    spec = TileSpec.from_json({**told, **tiles.origin.get("Tile", {})})
    preprocessing = Preprocessing(spec, chip_size or tiles.size_px, mean, std, tiles.dtype, tiles.pixels, tiles.nodata)
    return TileData(tiles, parts, preprocessing, means, batch_size, seed, dropped, paths[0].absolute().parent)


def training_area(tiles: TileSet, part: NDArray[np.int64]) -> str:
    """WKT of the ground under some tiles, in longitude and latitude; empty if it is not known."""
    outlines = [outline for outline in tiles.footprints[part] if outline is not None]
    return shapely.to_wkt(shapely.union_all(outlines), rounding_precision=6) if outlines else ""


def _without_rare(tiles: TileSet, drop: bool) -> tuple[TileSet, tuple[str, ...]]:
    """The tiles without classes of a single one, and the names of those."""
    counts = np.bincount(tiles.targets, minlength=len(tiles.categories))
    rare = [category.name for category, count in zip(tiles.categories, counts, strict=True) if count == 1]
    if not rare:
        return tiles, ()
    if not drop:
        raise InputError(
            f"class {rare[0]}",
            "has one tile, which cannot be both learnt and checked",
            "add tiles of it, or leave such classes out with --drop-rare (drop_rare=True)",
        )
    kept = tiles.subset(counts[tiles.targets] > 1)
    common = tuple(c for c, count in zip(tiles.categories, counts, strict=True) if count > 1)
    return replace(kept, categories=common), tuple(rare)


def _measure(
    tiles: TileSet, training: NDArray[np.int64], track: Track
) -> tuple[NDArray[np.float64], tuple[float, ...], tuple[float, ...]]:
    """Band means of every tile, and mean and deviation of each band over the training tiles' valid pixels."""
    bands = len(tiles.bands)
    means = np.zeros((len(tiles), bands))
    count, total, squares = 0, np.zeros(bands), np.zeros(bands)
    for_training = np.zeros(len(tiles), bool)
    for_training[training] = True
    for position, path in enumerate(track(tiles.paths, len(tiles), "measuring tiles")):
        values, valid = read_tile(path)
        if not valid.any():
            raise InputError(path, "has no valid pixel", "take it out of map.txt")
        means[position] = band_means(values, valid)
        if for_training[position]:
            pixels = values[:, valid].astype(np.float64)
            # Chan's update: deviations are taken from each tile's own mean, so that large offsets cost no digits.
            number = pixels.shape[1]
            delta = means[position] - (total / count if count else means[position])
            squares += ((pixels - means[position][:, None]) ** 2).sum(axis=1) + delta**2 * count * number / (
                count + number
            )
            total += pixels.sum(axis=1)
            count += number
    std = np.sqrt(squares / count)
    flat = [name for name, deviation in zip(tiles.bands, std, strict=True) if not deviation > 0]
    if flat:
        raise InputError(f"band {flat[0]}", "has the same value in all training tiles", "leave it out with --bands")
    return means, tuple((total / count).tolist()), tuple(std.tolist())


class _Tiles(Dataset[Batch]):
    """Tiles read from disk as they are asked for: memory does not grow with their number."""

    def __init__(self, data: TileData, part: NDArray[np.int64], *, augment: bool) -> None:
        self.data, self.part, self.augment = data, part, augment
        self.targets = torch.from_numpy(data.tiles.targets)

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> Batch:
        position = int(self.part[index])
        given = self.data.preprocessing
        values, valid = read_tile(self.data.tiles.paths[position])
        if not self.augment:
            return torch.from_numpy(given.apply(values, valid)), self.targets[position]
        spare = values.shape[1] - given.chip_px
        top, left = (int(torch.randint(spare + 1, ())) for _ in range(2))
        crop = np.s_[top : top + given.chip_px, left : left + given.chip_px]
        x = torch.from_numpy(standardise(values[(slice(None), *crop)], valid[crop], given.mean, given.std))
        # A shore looks the same from any side: one of the eight flips and turns.
        turn = int(torch.randint(8, ()))
        x = torch.rot90(x, turn % 4, (1, 2))
        return (x.flip(2) if turn >= 4 else x).contiguous(), self.targets[position]


class _Batches(Sampler[list[int]]):
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


def inputs(batch: Any) -> Tensor:
    """A tensor in the memory layout that convolutions like best."""
    return torch.as_tensor(batch).contiguous(memory_format=torch.channels_last)
