"""Cross-validation by folds of ground: a model trained anew for each, and scored on the fold that is held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.evaluation import Folds, Record, evaluation_record, fold_tiles, pooled
from littoral.learn.data import TileData, measured
from littoral.learn.model_evaluation import model_record, scored_predictions
from littoral.learn.trained_model import TrainedModel
from littoral.learn.training import is_first_process
from littoral.progress import Track, silent
from littoral.tiles import split_tiles
from littoral.tiles.splits import Kind


def cross_validate(
    train: Callable[[TileData], TrainedModel], data: TileData, folds: Folds, *, track: Track = silent
) -> Record:
    """Score a method of training on every fold of the tiles.

    Each model is trained without the fold and without tiles that share ground with it. It has a validation part of its
    own for the best epoch and the calibration, so that the fold is new to it when it is scored.

    Args:
        train: From tiles, split and measured, to a model.
        data: All tiles; each fold's are split as these are.
        folds: How many, of whole blocks of ground; or ``region``, each region held out once.
        track: Shows progress, a step per fold.

    Returns:
        The record of all tiles together (:func:`littoral.evaluation.evaluation_record`), and that of ``each`` fold.

    Raises:
        InputError: folds that leave too little to train on.
    """
    parts, blocks = fold_tiles(data.tiles, folds, seed=data.seed, block_km=data.split.block_km or None)
    found, each = [], []
    for fold in track(parts, len(parts), "training folds"):
        if is_first_process():
            print(
                f"fold {fold.name}: {len(fold.held)} tiles held out, {fold.set_aside} set aside beside them", flush=True
            )
        model = train(_without(data, fold.learnt, fold.name))
        predictions = scored_predictions(model, data.tiles.subset(fold.held))
        predictions = replace(predictions, blocks=blocks.subset(fold.held))
        each.append({"name": fold.name, **model_record(model, predictions, set_aside=fold.set_aside)})
        found.append(predictions)
    everything = pooled(found, blocks.subset(np.concatenate([fold.held for fold in parts])))
    kind = "regions left out one at a time" if folds == "region" else f"{len(parts)} folds of whole {blocks.unit}"
    method = f"{kind}; a network trained anew for each, on tiles that share no ground with it"
    record = evaluation_record(everything, data.categories, data.seed)
    counts = {"tiles": len(everything.truth), "set_aside": 0, "other_classes": 0, "split": method, "method": method}
    return Record({**counts, **record, "each": each})


def _without(data: TileData, remaining: NDArray[np.int64], fold: str) -> TileData:
    """The tiles that a fold leaves, split as the whole was and measured on their own training part."""
    tiles, split = data.tiles.subset(remaining), data.split
    share = len(split.validation) / (len(split.validation) + len(split.training))
    parts = split_tiles(tiles, share, kind=cast(Kind, split.kind), seed=data.seed, block_km=split.block_km or None)
    if len(np.unique(tiles.targets[parts.training])) < 2:
        raise InputError(f"fold {fold}", "leaves fewer than two classes to train on", "pass other folds or more tiles")
    statistics, preprocessing = measured(tiles, parts.training, data.preprocessing, silent)
    return replace(data, tiles=tiles, split=parts, preprocessing=preprocessing, statistics=statistics)
