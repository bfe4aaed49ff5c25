"""The record of an evaluation: scores with intervals, calibration, prediction sets, and comparison with baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.categories import Category
from littoral.evaluation.calibration import Calibration, cross_fitted, prediction_sets, tempered
from littoral.evaluation.folds import Blocks, fold_of
from littoral.evaluation.intervals import FEW_BLOCKS, LEVEL, MEASURES, REPLICATES, block_bootstrap, interval
from littoral.evaluation.scores import Scores, score

SET_PERCENT = 90
"""Level of the prediction sets that are evaluated, per cent."""
CALIBRATION_FOLDS = 5
"""Folds of the validation tiles, each calibrated on the others."""

BEATS, NOT_SHOWN, LOSES = "beats", "is not shown to beat", "loses to"
"""Comparison of the network with the better baseline. ``BEATS``: the 95 % interval of the difference in macro-F1 is
above 0. ``LOSES``: the network's macro-F1 is lower. ``NOT_SHOWN``: neither. Records in packages hold these texts."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredPredictions:
    """Predictions of a network and its baselines for the same tiles, with the truth; arrays have a row for each
    tile."""

    truth: NDArray[np.int64]
    """(tiles,), class index."""
    network: Floats
    """(tiles, classes), calibrated probabilities."""
    uncalibrated: Floats
    """(tiles, classes), of the network as it was trained."""
    baselines: Mapping[str, Floats]
    """Name of each baseline to its probabilities (tiles, classes)."""
    blocks: Blocks
    """Blocks of ground of the tiles."""
    sets: NDArray[np.bool_] | None = None
    """(tiles, classes), whether a class is in the prediction set of level :data:`SET_PERCENT`; None without
    calibration."""
    fitted: str = "on validation tiles"
    """Tiles that temperature and thresholds were fitted on, as part of a sentence."""

    def calibrated_by(self, calibration: Calibration) -> ScoredPredictions:
        """With the prediction sets of a calibration that was fitted on other tiles."""
        if not calibration.thresholds:
            return replace(self, fitted="on no tiles (the model has no calibration)")
        return replace(self, sets=prediction_sets(self.network, calibration.threshold(SET_PERCENT)))

    def cross_calibrated(self, calibration: Calibration, seed: int, squares: Blocks | None = None) -> ScoredPredictions:
        """For tiles that a calibration was fitted on: each fold of blocks calibrated anew on the other folds.

        Args:
            calibration: Fitted on these tiles.
            seed: Of the folds.
            squares: Blocks to make folds of where all tiles are in one block (one region held out).
        """
        if not calibration.thresholds:
            return self.calibrated_by(calibration)
        blocks = squares if squares is not None and self.blocks.count < 2 else self.blocks
        fold = fold_of(blocks.of, self.truth, CALIBRATION_FOLDS, seed)
        count = int(fold.max()) + 1
        if count < 2:
            fitted = "on these same tiles (all are in one block), so these figures are too optimistic"
            return replace(self.calibrated_by(calibration), fitted=fitted)
        network, sets = cross_fitted(self.uncalibrated, self.truth, fold, SET_PERCENT)
        fitted = f"for each of {count} folds of {blocks.unit} on the other folds"
        return replace(self, network=network, sets=sets, fitted=fitted)


def pooled(parts: Sequence[ScoredPredictions], blocks: Blocks) -> ScoredPredictions:
    """Predictions of several folds as those of one set.

    Args:
        parts: Predictions of each fold.
        blocks: Of all tiles, in the order of the parts.
    """
    sets = [part.sets for part in parts if part.sets is not None]
    return ScoredPredictions(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.network for part in parts]),
        np.concatenate([part.uncalibrated for part in parts]),
        {name: np.concatenate([part.baselines[name] for part in parts]) for name in parts[0].baselines},
        blocks,
        np.concatenate(sets) if len(sets) == len(parts) else None,
        "in each fold on that fold's validation tiles",
    )


def evaluation_record(predictions: ScoredPredictions, categories: Sequence[Category], seed: int) -> dict[str, Any]:
    """Evaluate predictions; the record has plain JSON values.

    Args:
        predictions: Of the network and the baselines.
        categories: Classes in the order of the columns.
        seed: Of the bootstrap.

    Returns:
        ``network`` and ``baselines`` (name to :class:`Scores`, with calibrated confidence), ``left_out`` (classes of
        which no tile was scored), ``intervals`` (of each measure of each model, over which blocks, and whether they are
        reliable), ``comparison`` (the better baseline, the difference in macro-F1 to it with its interval, the verdict;
        None where there is no baseline, as in another program's model), ``beats_baselines``, ``calibration`` (expected
        calibration error before and after), ``prediction_sets`` (coverage and mean size).
    """
    network = score(predictions.truth, predictions.network, categories)
    before = score(predictions.truth, predictions.uncalibrated, categories)
    baselines = {name: score(predictions.truth, found, categories) for name, found in predictions.baselines.items()}
    better = max(baselines, key=lambda name: baselines[name].macro_f1, default=None)
    models = {"network": predictions.network, **predictions.baselines}
    count = predictions.blocks.count
    replicates = (
        block_bootstrap(
            predictions.truth,
            {name: probabilities.argmax(axis=1) for name, probabilities in models.items()},
            predictions.blocks.of,
            len(categories),
            seed=seed,
        )
        if count > 1
        else {}
    )
    comparison = None if better is None else _compared(network, baselines[better], better, replicates)
    return {
        "network": network.to_json(),
        "baselines": {name: result.to_json() for name, result in baselines.items()},
        "left_out": [entry.name for entry in network.classes if not entry.support],
        "intervals": {
            "level": LEVEL,
            "method": "percentile bootstrap over whole blocks",
            "blocks": count,
            "unit": predictions.blocks.unit,
            "replicates": REPLICATES,
            "note": _reliability_note(count, predictions.blocks.unit),
            "of": {
                name: {measure: interval(replicates[name][measure]) if replicates else None for measure in MEASURES}
                for name in models
            },
        },
        "comparison": comparison,
        "beats_baselines": None if comparison is None else comparison["verdict"] == BEATS,
        "calibration": {
            "fitted": predictions.fitted,
            "error_before": before.calibration_error,
            "error_after": network.calibration_error,
            "bins_before": before.to_json()["bins"],
        },
        "prediction_sets": _sets(predictions),
    }


def _compared(network: Scores, baseline: Scores, name: str, replicates: Mapping[str, Any]) -> dict[str, Any]:
    difference = network.macro_f1 - baseline.macro_f1
    ends = interval(replicates["network"]["macro_f1"] - replicates[name]["macro_f1"]) if replicates else None
    verdict = BEATS if ends is not None and ends[0] > 0 else LOSES if difference < 0 else NOT_SHOWN
    return {"baseline": name, "macro_f1_difference": difference, "interval": ends, "verdict": verdict}


def _reliability_note(blocks: int, unit: str) -> str:
    """A note where intervals over so many blocks are not reliable."""
    if blocks < 2:
        return f"all tiles are in one block ({unit}), so the scores have no intervals"
    return f"{blocks} blocks are too few: these intervals are not reliable" if blocks < FEW_BLOCKS else ""


def _sets(predictions: ScoredPredictions) -> dict[str, Any] | None:
    if predictions.sets is None:
        return None
    size = predictions.sets.sum(axis=1)
    return {
        "level": SET_PERCENT / 100,
        "fitted": predictions.fitted,
        "coverage": float(predictions.sets[np.arange(len(size)), predictions.truth].mean()),
        "mean_size": float(size.mean()),
        "of_one": float((size == 1).mean()),
    }


def before_calibration(probabilities: Floats, calibration: Calibration) -> Floats:
    """Probabilities (tiles, classes) before calibration, from those of the calibrated network."""
    return tempered(probabilities, 1 / calibration.temperature)
