"""Confidence intervals of scores by a bootstrap over blocks of ground.

Neighbouring tiles share weather, sensor and shore, so they are not independent; whole blocks are drawn with
replacement, each with all its tiles (Davison and Hinkley 1997, *Bootstrap Methods*, 2.4 and 3.8; percentile intervals).
Each block is represented by its confusion matrix, so that the work grows with blocks, not with tiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

REPLICATES = 1000
"""Number of bootstrap replicates."""
LEVEL = 0.95
"""Share of the replicates inside an interval."""
FEW_BLOCKS = 5
"""An interval over fewer blocks is not reliable."""
_AT_ONCE = 1_000_000
"""Draws in memory at a time: 30 MB."""

Floats = NDArray[np.float64]


def accuracies(matrices: NDArray[np.integer[Any]]) -> Floats:
    """Accuracy of confusion matrices (..., truth, prediction)."""
    right = np.trace(matrices, axis1=-2, axis2=-1)
    return np.asarray(right / np.maximum(matrices.sum(axis=(-2, -1)), 1), np.float64)


def macro_f1s(matrices: NDArray[np.integer[Any]]) -> Floats:
    """Mean F1 of the classes that occur in the truth, of confusion matrices (..., truth, prediction)."""
    support, predicted = matrices.sum(axis=-1), matrices.sum(axis=-2)
    f1 = 2 * np.diagonal(matrices, axis1=-2, axis2=-1) / np.maximum(support + predicted, 1)
    return np.asarray((f1 * (support > 0)).sum(axis=-1) / np.maximum((support > 0).sum(axis=-1), 1), np.float64)


def kappas(matrices: NDArray[np.integer[Any]]) -> Floats:
    """Cohen's kappa of confusion matrices (..., truth, prediction); 0 where chance agreement is 1.

    Cohen 1960, Educational and Psychological Measurement 20(1), 37-46.

    >>> round(float(kappas(np.array([[20, 5], [10, 15]]))), 3)
    0.4
    """
    count = np.maximum(matrices.sum(axis=(-2, -1)), 1).astype(np.float64)
    right = np.trace(matrices, axis1=-2, axis2=-1) / count
    chance = (matrices.sum(axis=-1) * matrices.sum(axis=-2)).sum(axis=-1) / count**2
    return np.asarray(np.where(chance < 1, (right - chance) / np.where(chance < 1, 1 - chance, 1), 0.0), np.float64)


MEASURES = {"accuracy": accuracies, "macro_f1": macro_f1s, "kappa": kappas}


def block_bootstrap(
    truth: NDArray[np.int64],
    predictions: Mapping[str, NDArray[np.int64]],
    block: NDArray[np.int64],
    classes: int,
    *,
    seed: int,
    replicates: int = REPLICATES,
) -> dict[str, dict[str, Floats]]:
    """Bootstrap replicates of each measure of each model; in a replicate all models are scored on the same blocks.

    Args:
        truth: (tiles,), class index.
        predictions: Name of a model to its class indices (tiles,).
        block: (tiles,), block of each tile, any numbers.
        classes: Number of classes.
        seed: Of the draws.
        replicates: Number of draws.

    Returns:
        Name of a model to name of a measure to (replicates,).

    Memory: 30 MB, and 8 bytes for each tile and model.
    """
    _, place = np.unique(block, return_inverse=True)
    blocks, cells = int(place.max()) + 1, classes**2
    column = np.concatenate(
        [model * cells + truth * classes + given for model, given in enumerate(predictions.values())]
    )
    row = np.tile(place, len(predictions))
    shape = (blocks, len(predictions) * cells)
    counts = coo_array((np.ones(len(row), np.int64), (row, column)), shape=shape).tocsr().transpose()
    rng = np.random.default_rng(seed)
    totals = []
    step = max(_AT_ONCE // blocks, 1)
    for start in range(0, replicates, step):
        number = min(step, replicates - start)
        drawn = rng.integers(blocks, size=(number, blocks)) + blocks * np.arange(number)[:, None]
        times = np.bincount(drawn.ravel(), minlength=number * blocks).reshape(number, blocks)
        totals.append(np.asarray(counts @ times.T).T)
    matrices = np.concatenate(totals).reshape(replicates, len(predictions), classes, classes)
    return {
        name: {measure: compute(matrices[:, model]) for measure, compute in MEASURES.items()}
        for model, name in enumerate(predictions)
    }


def interval(values: Floats) -> list[float]:
    """Lower and upper end of the percentile interval of :data:`LEVEL` of the replicates (replicates,)."""
    low, high = np.percentile(values, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return [float(low), float(high)]
