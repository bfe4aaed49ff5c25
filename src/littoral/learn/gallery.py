"""Figures of tiles: a batch, predictions, and those with the largest loss; :mod:`littoral.figures` draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.errors import InputError
from littoral.imagery import Values
from littoral.learn.band_selection import band_positions
from littoral.package import Preprocessing
from littoral.tiles import TileSet

Bands = Sequence[str | int] | None
Explain = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]
"""From inputs (tiles, bands, chip, chip) and class indices (tiles,) to maps (tiles, height, width) of 0 to 1."""
Explained = tuple[Preprocessing, Explain]
"""Preprocessing of a tile, and the function that computes attribution maps for a class."""


def plot_batch(tiles: TileSet, part: NDArray[np.int64], seed: int, rows: int, columns: int, rgb_bands: Bands) -> Figure:
    """Some tiles of a part, drawn by the seed, each framed in the colour of its class.

    Args:
        tiles: All tiles.
        part: Positions to draw from.
        seed: Of the draw.
        rows: Rows of the picture.
        columns: Tiles in a row.
        rgb_bands: Bands shown.

    Raises:
        InputError: no rows or columns, or bands that cannot be shown.
    """
    chosen = drawn(tiles, part, seed, rows, columns)
    shown = [tiles.categories[target] for target in chosen.targets]
    return figures.plot_tiles(
        _images(chosen, rgb_bands),
        [category.name for category in shown],
        columns=columns,
        colours=[category.colour for category in shown],
    )


def plot_results(
    tiles: TileSet,
    probabilities: NDArray[np.float64],
    columns: int,
    rgb_bands: Bands,
    explained: Explained | None = None,
    losses: NDArray[np.float64] | None = None,
) -> Figure:
    """Draw tiles with true and predicted class; the frame has the colour of the true class on the left and top, of the
    predicted class on the right and bottom.

    Args:
        tiles: Tiles to draw.
        probabilities: (tiles, classes).
        columns: Tiles in a row.
        rgb_bands: Bands shown.
        explained: If given, the chip is drawn, darkened where the attribution to the predicted class is low.
        losses: (tiles,), shown if given.
    """
    targets, predicted = tiles.targets, probabilities.argmax(axis=1)
    pairs = [(tiles.categories[t], tiles.categories[a]) for t, a in zip(targets, predicted, strict=True)]
    marks = ["✓" if true == guess else f"→ {guess.name}" for true, guess in pairs]
    sure = [f" {probability:.0%}" for probability in probabilities.max(axis=1)]
    if losses is not None:
        sure = [f"\n{text.strip()}, loss {loss:.2f}" for text, loss in zip(sure, losses, strict=True)]
    titles = [f"{true.name}\n{mark}{end}" for (true, _), mark, end in zip(pairs, marks, sure, strict=True)]
    heat = share = None
    if explained is not None:
        given, explain = explained
        share = given.chip_px / (given.resize_px or given.tile.size_px)
        inputs = np.stack([given.apply(*tiles.read(position)) for position in range(len(tiles))])
        heat = list(explain(inputs, predicted))
    return figures.plot_tiles(
        _images(tiles, rgb_bands, share),
        titles,
        columns=columns,
        colours=[(true.colour, guess.colour) for true, guess in pairs],
        heat=heat,
    )


def plot_hard_examples(
    tiles: TileSet, probabilities: NDArray[np.float64], count: int, columns: int, rgb_bands: Bands
) -> Figure:
    """The tiles with the largest loss, largest first.

    Args:
        tiles: To choose from.
        probabilities: (tiles, classes).
        count: How many are shown.
        columns: Tiles in a row.
        rgb_bands: Bands shown.
    """
    if count < 1:
        raise InputError(f"num_examples {count}", "is not a number of tiles", "pass 1 or more")
    losses = losses_of(tiles.targets, probabilities)
    hardest = np.argsort(-losses, kind="stable")[:count]
    return plot_results(tiles.subset(hardest), probabilities[hardest], columns, rgb_bands, losses=losses[hardest])


def losses_of(targets: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cross-entropy (tiles,) of each: minus the logarithm of the probability of its true class.

    >>> losses_of(np.array([0, 1]), np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.0, 0.693]
    """
    truth = probabilities[np.arange(len(targets)), targets]
    return np.asarray(-np.log(np.maximum(truth, np.finfo(np.float64).tiny)) + 0.0)


def drawn(tiles: TileSet, part: NDArray[np.int64], seed: int, rows: int, columns: int) -> TileSet:
    """As many tiles of a part as fit the picture, drawn by the seed."""
    if rows < 1 or columns < 1:
        raise InputError(f"a picture of {rows} x {columns} tiles", "shows nothing", "pass 1 or more rows and columns")
    return tiles.subset(np.random.default_rng(seed).permutation(part)[: rows * columns])


def _images(tiles: TileSet, rgb_bands: Bands, share: float | None = None) -> list[figures.Image]:
    """Pictures of tiles, or of the middle of each: ``share`` of its side."""
    if rgb_bands is None:
        shown = figures.rgb_bands(tiles.bands)
    else:
        places = band_positions(tiles.bands, rgb_bands)
        if len(places) not in (1, 3):
            raise InputError(
                f"rgb_bands of {len(places)} bands", "cannot be shown", "pass three, as red, green and blue, or one"
            )
        shown = (places[0], places[len(places) // 2], places[-1])
    pictures = []
    for position in range(len(tiles)):
        values, valid = tiles.read(position)
        if share is not None:
            values, valid = _middle(values, valid, round(values.shape[1] * share))
        pictures.append(figures.stretch(values, valid, shown))
    return pictures


def _middle(values: Values, valid: NDArray[np.bool_], side: int) -> tuple[Values, NDArray[np.bool_]]:
    top, left = (values.shape[1] - side) // 2, (values.shape[2] - side) // 2
    return values[:, top : top + side, left : left + side], valid[top : top + side, left : left + side]
