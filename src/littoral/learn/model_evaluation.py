"""Evaluate a model on its validation tiles or on other tiles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.evaluation import (
    Baselines,
    Record,
    ScoredPredictions,
    band_statistics,
    before_calibration,
    evaluation_record,
    ground_blocks,
    squares,
    tempered,
)
from littoral.imagery import same_scaling
from littoral.learn.band_selection import with_bands
from littoral.learn.data import TileData
from littoral.learn.options import EvaluateOptions
from littoral.learn.trained_model import TrainedModel
from littoral.package import Manifest
from littoral.progress import Track, silent
from littoral.tiles import TileSet, ground_pairs, read_tiles, turned

BATCH = 32
"""Tiles per forward pass, which bound the memory."""

Floats = NDArray[np.float64]


def evaluate(
    model: TrainedModel,
    tiles: TileSet | str | Path | Iterable[str | Path],
    options: EvaluateOptions | None = None,
    *,
    track: Track = silent,
) -> Record:
    """Score a model and its baselines on tiles that share no ground with its training tiles.

    Args:
        model: From :func:`littoral.train` or :func:`littoral.learn.load_model`.
        tiles: Labelled tiles, or their folders.
        options: Which tiles are scored, and how.
        track: Shows progress, a step per tile.

    Returns:
        ``tiles`` (number scored), ``set_aside`` (share ground with training tiles), ``other_classes`` (of classes that
        the model does not have), ``split``, and all of :func:`littoral.evaluation.evaluation_record`. Printed, it is a
        table.

    Raises:
        InputError: tiles that do not fit the model, or none on ground that is new to it.
    """
    options = options or EvaluateOptions()
    found = tiles if isinstance(tiles, TileSet) else read_tiles(tiles, track=track)
    if set(own := model.manifest.preprocessing.tile.bands) < set(found.bands):
        found = with_bands(found, own)
    check_tiles(model.manifest, found)
    chosen, aside, other = _on_new_ground(model.manifest, found, options.allow_seen)
    predictions = scored_predictions(model, chosen, track, tta=options.tta)
    return model_record(model, predictions, set_aside=aside, other_classes=other)


def evaluate_validation(model: TrainedModel, data: TileData, track: Track = silent) -> Record:
    """Score a model on its validation tiles.

    Temperature and thresholds were fitted on these tiles. So that they are not scored with what was fitted on them,
    each fold of their blocks is calibrated anew by the other folds
    (:meth:`littoral.evaluation.ScoredPredictions.cross_calibrated`).

    The weights kept are those of the best epoch by the validation tiles, so these scores are a little too high; those
    of an unseen coast are not.

    Args:
        model: A model.
        data: Its tiles and their split.
        track: Shows progress, a step per tile, where the tiles must be read.
    """
    part, calibration = data.split.validation, model.calibration
    uncalibrated = model.uncalibrated
    if uncalibrated is None or len(uncalibrated) != len(part):
        probabilities = predict_tiles(model, data.tiles.subset(part), track)[0]
        uncalibrated = before_calibration(probabilities, calibration)
    predictions = ScoredPredictions(
        data.tiles.targets[part],
        tempered(uncalibrated, calibration.temperature),
        uncalibrated,
        _baselines(model.manifest, data.statistics[part]),
        ground_blocks(data.tiles, data.split).subset(part),
    ).cross_calibrated(calibration, model.manifest.seed, squares(data.tiles).subset(part))
    return model_record(model, predictions, set_aside=len(data.split.set_aside))


def predict_tiles(
    model: TrainedModel, tiles: TileSet, track: Track = silent, *, tta: bool = False
) -> tuple[Floats, Floats]:
    """Probabilities (tiles, classes) and band statistics (tiles, 2 x bands) of tiles.

    Args:
        model: A model.
        tiles: Read one after the other.
        track: Shows progress, a step per tile.
        tta: Mean prediction over the flips and quarter turns that the kind of tile allows.

    Memory: :data:`BATCH` tiles, and 8 bytes for each number returned.
    """
    turns = model.manifest.preprocessing.tile.turns if tta else (0,)
    probabilities, statistics, batch = [], [], []
    for position in track(range(len(tiles)), len(tiles), "scoring tiles"):
        values, valid = tiles.read(position)
        statistics.append(band_statistics(values, valid))
        batch.append(model.prepare(values, valid))
        if len(batch) == BATCH or position == len(tiles) - 1:
            stacked = np.stack(batch)
            views = [model.predict_inputs(np.ascontiguousarray(turned(stacked, turn))) for turn in turns]
            probabilities.append(np.mean(views, axis=0))
            batch.clear()
    return np.concatenate(probabilities), np.stack(statistics)


def scored_predictions(
    model: TrainedModel, tiles: TileSet, track: Track = silent, *, tta: bool = False
) -> ScoredPredictions:
    """Predictions of a model and its baselines for tiles of the model's classes, with the truth."""
    codes = [category.code for category in model.manifest.categories]
    truth = np.array([codes.index(int(code)) for code in tiles.codes])
    probabilities, statistics = predict_tiles(model, tiles, track, tta=tta)
    return ScoredPredictions(
        truth,
        probabilities,
        before_calibration(probabilities, model.calibration),
        _baselines(model.manifest, statistics),
        ground_blocks(tiles),
    ).calibrated_by(model.calibration)


def model_record(
    model: TrainedModel, predictions: ScoredPredictions, *, set_aside: int, other_classes: int = 0
) -> Record:
    """The record of a model's predictions, with its temperature and split."""
    manifest, calibration = model.manifest, model.calibration
    record = evaluation_record(predictions, manifest.categories, manifest.seed)
    record["calibration"] |= {"temperature": calibration.temperature, "notes": list(calibration.notes)}
    counts = {"tiles": len(predictions.truth), "set_aside": set_aside, "other_classes": other_classes}
    return Record({**counts, "split": manifest.split, **record})


def check_tiles(manifest: Manifest, tiles: TileSet) -> None:
    """
    Raises:
        InputError: tiles of other bands or values than the model's, or smaller than its input.
    """
    own = manifest.preprocessing
    if tiles.bands != own.tile.bands:
        raise InputError(
            "the tiles",
            f"have bands {', '.join(tiles.bands)}, the model {', '.join(own.tile.bands)}",
            "export them with --bands as the model's",
        )
    stored, trained = (tiles.pixels, tiles.dtype), (own.pixels, own.dtype)
    if not same_scaling(stored, trained):
        raise InputError(
            "the tiles",
            f"hold {stored[1]} values ({stored[0]}) where the model was trained on {trained[1]} ({trained[0]})",
            "export them as the training tiles were",
        )
    scale = own.resize_px / own.tile.size_px if own.resize_px else 1
    if (side := round(tiles.size_px * scale)) < own.chip_px:
        raise InputError(
            "the tiles", f"show {side} pixels a side where the model needs {own.chip_px}", "cut larger tiles"
        )


def _baselines(manifest: Manifest, statistics: Floats) -> dict[str, Floats]:
    """Probabilities of each baseline; another program's model has none."""
    return Baselines.from_json(manifest.baselines).predict(statistics) if manifest.baselines else {}


def _on_new_ground(manifest: Manifest, tiles: TileSet, allow_seen: bool) -> tuple[TileSet, int, int]:
    """Tiles of the model's classes that share no ground with its training tiles; how many share ground with them, and
    how many are of other classes."""
    of_classes = np.isin(tiles.codes, [category.code for category in manifest.categories])
    seen = np.zeros(len(tiles), bool)
    if manifest.training_area and not allow_seen:
        area = shapely.get_parts(shapely.from_wkt(manifest.training_area))
        seen[ground_pairs(tiles.footprints, area)[0]] = True
    if not of_classes.any():
        raise InputError("the tiles", "are of no class of the model", "evaluate on tiles of its classes")
    if not (of_classes & ~seen).any():
        raise InputError(
            "the tiles",
            "all share ground with the model's training tiles",
            "evaluate on another place, or pass --allow-seen for scores that are too high",
        )
    return tiles.subset(of_classes & ~seen), int((of_classes & seen).sum()), int((~of_classes).sum())
