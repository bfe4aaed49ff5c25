"""Summary of the training data in a manifest: class shares, features for novelty, transitions along the coast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.evaluation import ground_blocks
from littoral.learn.data import TileData
from littoral.learn.trained_model import TrainedModel
from littoral.learn.training import EpochTraining, TrainingStep
from littoral.predictions import fit_novelty, signed_sqrt

MOST = 2048
"""Most training tiles whose features are computed, drawn by the seed; enough for a summary in 32 dimensions."""
FEWEST = 20
"""With fewer training tiles there is no summary of features."""
_BATCH = 32


def training_summary(model: TrainedModel, data: TileData, step: TrainingStep) -> dict[str, Any]:
    """Fields ``prior``, ``novelty`` and ``transitions`` of the manifest.

    Features are those of the upright tiles' middle chips, as in classifying.

    Args:
        model: Just trained.
        data: That it was trained on.
        step: How.

    Memory: :data:`MOST` x 2 x channels x 12 bytes (resnet34: 25 MB), and a batch.
    """
    part = data.split.training
    if len(part) > MOST:
        part = np.sort(np.random.default_rng(data.seed).permutation(part)[:MOST])
    novelty = {}
    if len(part) >= FEWEST:
        block = ground_blocks(data.tiles, data.split).of
        unseen = data.split.validation[:MOST]
        novelty = fit_novelty(
            features(model, data, part),
            data.tiles.targets[part],
            block[part],
            features(model, data, unseen) if len(unseen) else None,
        )
    return {"prior": _prior(data, step), "novelty": novelty, "transitions": data.transitions}


def features(model: TrainedModel, data: TileData, part: NDArray[np.int64]) -> NDArray[np.float64]:
    """Features (tiles, 2 x channels) of some tiles, each number as its square root with its sign."""
    found = []
    for start in range(0, len(part), _BATCH):
        tiles = [model.prepare(*data.tiles.read(int(at))) for at in part[start : start + _BATCH]]
        found.append(model.predict_with_features(np.stack(tiles))[1])
    return signed_sqrt(np.concatenate(found))


def _prior(data: TileData, step: TrainingStep) -> tuple[float, ...]:
    """Share of each class in what training showed; a class without tiles counts as one tile."""
    targets = data.tiles.targets[data.split.training]
    shown = np.maximum(np.bincount(targets, minlength=data.c), 1).astype(np.float64)
    if step.oversample:
        shown[:] = 1
    if isinstance(step, EpochTraining):
        shown *= step.objective(data.categories, targets).class_weights or 1.0
    return tuple((shown / shown.sum()).tolist())
