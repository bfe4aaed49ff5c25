"""``TileData``: labelled tiles with their split, preprocessing and band statistics."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral.categories import Category
from littoral.errors import InputError, LittoralWarning
from littoral.learn import gallery
from littoral.learn.training.batches import Batches, Order, TileDataset, Transform
from littoral.package import Preprocessing
from littoral.tiles import Split, TileSet


@dataclass(frozen=True, repr=False)
class TileData:
    """Labelled tiles with their split, preprocessing and band statistics, ready for training."""

    tiles: TileSet
    """All tiles, those set aside too."""
    split: Split
    """Which are for training and which for validation."""
    preprocessing: Preprocessing
    """From a tile to the network's input, by mean and standard deviation of the training tiles."""
    statistics: NDArray[np.float64]
    """(tiles, 2 x bands), mean and standard deviation of each band over each tile's valid pixels, for the baselines."""
    batch_size: int
    """Tiles in a batch."""
    seed: int
    """Seed of all that is random."""
    dropped: tuple[str, ...]
    """Classes left out because they have a single tile."""
    folder: Path
    """Models of these tiles are saved in ``<folder>/models`` by default."""
    transforms: Transform | None = None
    """Called in training with each chip, a tensor (bands, chip, chip) of standardised values; returns one of the same
    shape."""
    jitter: float = 0.0
    """Size of random changes of brightness in training (:class:`littoral.learn.training.batches.TileDataset`), 0 to
    1."""
    unreadable: Literal["fatal", "skip"] = "fatal"
    """What happens when a tile cannot be read during training: an error, or it is skipped."""
    transitions: Mapping[str, Any] = field(default_factory=dict)
    """Transitions between classes along the coast (``predictions.Transitions``); empty if unknown."""

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
        """Number of classes."""
        return len(self.categories)

    @property
    def class_mapping(self) -> dict[int, str]:
        """Class value to name."""
        return {category.code: category.name for category in self.categories}

    @property
    def chip_size(self) -> int:
        """Side of the network's input in pixels."""
        return self.preprocessing.chip_px

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or changed on reading, a sentence for each."""
        return self.tiles.notes

    def __str__(self) -> str:
        return self.describe()

    def __repr__(self) -> str:
        return f"TileData({len(self.tiles)} tiles of {self.c} classes: {', '.join(self.classes)})"

    def describe(self) -> str:
        """Table of the class balance, and the split in words."""
        width = max(map(len, self.classes))
        lines = [f"{'class':<{width}} {'training':>9} {'validation':>11} {'set aside':>10}"]
        targets = self.tiles.targets
        parts = (self.split.training, self.split.validation, self.split.set_aside)
        for index, name in enumerate(self.classes):
            training, validation, aside = (int((targets[part] == index).sum()) for part in parts)
            lines.append(f"{name:<{width}} {training:>9} {validation:>11} {aside:>10}")
        lines.append(self.split.describe())
        for codes, what in (
            (self.split.only_training, "in the training tiles only (one place), so not in the validation scores"),
            (self.split.only_validation, "in the validation tiles only, so not trained"),
        ):
            if codes:
                lines.append(f"{what}: {', '.join(self.class_mapping[code] for code in codes)}")
        if self.dropped:
            lines.append(f"dropped, as they have one tile: {', '.join(self.dropped)}")
        lines += self.notes
        return "\n".join(lines)

    def show_batch(self, rows: int = 5, *, columns: int = 5, rgb_bands: Sequence[str | int] | None = None) -> Figure:
        """Figure of some training tiles, drawn by the seed, with their classes.

        Args:
            rows: Rows of the picture.
            columns: Tiles in a row.
            rgb_bands: Bands shown as red, green and blue, or one shown as grey: names, or numbers from 1; None: B04,
                B03, B02 where there are such, else the first three, or the first.

        Raises:
            InputError: a band that is not there, or a number of bands that cannot be shown.
        """
        return gallery.plot_batch(self.tiles, self.split.training, self.seed, rows, columns, rgb_bands)

    def without_damaged(self) -> TileData:
        """The same without tiles that can no longer be read, if ``unreadable`` is ``skip``.

        Warns:
            LittoralWarning: some were left out.

        Raises:
            InputError: no tile is left for training or validation.
        """
        if self.unreadable == "fatal":
            return self
        whole = {"training": self.split.training, "validation": self.split.validation}
        parts = {name: part[[self._can_be_read(int(at)) for at in part]] for name, part in whole.items()}
        lost = np.concatenate([np.setdiff1d(whole[name], parts[name]) for name in whole])
        if not len(lost):
            return self
        if empty := [name for name, part in parts.items() if not len(part)]:
            raise InputError(f"all {empty[0]} tiles", "have become unreadable", "export them again")
        names = ", ".join(self.tiles.name(int(at)) for at in lost[:5]) + (" …" if len(lost) > 5 else "")
        warnings.warn(LittoralWarning(f"tiles that can no longer be read ({len(lost)}): {names}"), stacklevel=3)
        return replace(self, split=replace(self.split, training=parts["training"], validation=parts["validation"]))

    def _can_be_read(self, position: int) -> bool:
        try:
            self.tiles.read(position)
        except InputError:
            return False
        return True

    def loader(self, part: NDArray[np.int64], *, training: bool, oversample: bool = False) -> Batches:
        """Batches of inputs (batch, bands, chip, chip) and class indices (batch,), epoch after epoch.

        Args:
            part: Positions of the tiles.
            training: Shuffled, and randomly cropped, flipped and turned; else in order, the middle of each tile.
            oversample: Draw every class equally often, with replacement; the number of draws is that of classes times
                the tiles of the largest.
        """
        dataset = TileDataset(
            self.tiles,
            self.preprocessing,
            part,
            augment=training,
            seed=self.seed,
            jitter=self.jitter,
            transforms=self.transforms,
            unreadable=self.unreadable,
        )
        return Batches(dataset, Order(self.tiles.targets[part], self.batch_size, training, oversample, self.seed))


def training_area(tiles: TileSet, part: NDArray[np.int64]) -> str:
    """WKT of the ground under some tiles, in longitude and latitude; empty if it is not known."""
    outlines = [outline for outline in tiles.footprints[part] if outline is not None]
    return shapely.to_wkt(shapely.union_all(outlines), rounding_precision=6) if outlines else ""
