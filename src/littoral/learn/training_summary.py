"""What a model keeps of its training beside the weights, so that it knows later what it knew: the shares of the
classes it was shown, what its features look like, and how the coast changes from class to class."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from littoral.evaluation import ground_blocks
from littoral.learn.data import TileData
from littoral.package import Manifest
from littoral.predictions import fit_novelty, signed_sqrt

if TYPE_CHECKING:
    from littoral.learn.feature_classifier import FeatureClassifier

MOST = 2048
"""Training tiles whose features are looked at, drawn by the seed: a record of 32 directions needs no more."""
FEWEST = 20
"""With fewer there is no record."""
_BATCH = 32


def know(model: FeatureClassifier, data: TileData) -> Manifest:
    """The manifest of a model that has just been trained, with what it knows of its training.

    Features are those of the chips in the middle of upright tiles, as classifying computes them.

    Memory: :data:`MOST` x 2 x channels x 12 bytes (resnet34: 25 MB), and a batch.
    """
    part = data.split.training
    if len(part) > MOST:
        part = np.sort(np.random.default_rng(data.seed).permutation(part)[:MOST])
    novelty = {}
    if len(part) >= FEWEST:
        place = ground_blocks(data.tiles, data.split).of
        unseen = data.split.validation[:MOST]
        novelty = fit_novelty(
            features(model, data, part),
            data.tiles.targets[part],
            place[part],
            features(model, data, unseen) if len(unseen) else None,
        )
    return replace(model.manifest, prior=_prior(model, data), novelty=novelty, transitions=data.transitions)


def features(model: FeatureClassifier, data: TileData, part: NDArray[np.int64]) -> NDArray[np.float64]:
    """Signed square roots of some tiles' features, (tiles, 2 x channels)."""
    found = []
    for start in range(0, len(part), _BATCH):
        tiles = [model.prepare(*data.tiles.read(int(at))) for at in part[start : start + _BATCH]]
        found.append(model.answer_inputs(np.stack(tiles))[1])
    return signed_sqrt(np.concatenate(found))


def _prior(model: FeatureClassifier, data: TileData) -> tuple[float, ...]:
    """Share of each class in what training showed; one that it did not show counts as one tile."""
    shown = np.maximum(np.bincount(data.tiles.targets[data.split.training], minlength=data.c), 1).astype(np.float64)
    if model.oversample:
        shown[:] = 1
    shown *= model.objective.class_weights or 1.0
    return tuple((shown / shown.sum()).tolist())
