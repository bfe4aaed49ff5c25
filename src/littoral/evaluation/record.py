"""Answers to one record: scores and how sure they are, calibration, prediction sets, and whether simple models do as
well."""

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
"""Level of the prediction sets that are judged."""
CALIBRATION_FOLDS = 5
"""In how many parts validation tiles are when each is calibrated by the others."""

BEATS, NOT_SHOWN, LOSES = "beats", "is not shown to beat", "loses to"
"""What a network does to the better baseline: the interval of the difference lies above 0, or not; or it is worse."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What models said of the same tiles; arrays have a row for each."""

    truth: NDArray[np.int64]
    """(tiles,), class index."""
    network: Floats
    """(tiles, classes), calibrated probabilities."""
    uncalibrated: Floats
    """(tiles, classes), of the network as it was trained."""
    baselines: Mapping[str, Floats]
    """Name of each to (tiles, classes)."""
    blocks: Blocks
    """Of the tiles."""
    sets: NDArray[np.bool_] | None = None
    """(tiles, classes), classes in each prediction set of the level :data:`SET_PERCENT`; None if the model has none."""
    fitted: str = "on validation tiles"
    """On what temperature and sets were fitted."""

    def calibrated_by(self, calibration: Calibration) -> Answers:
        """With the sets of a calibration that was fitted elsewhere."""
        if not calibration.thresholds:
            return replace(self, fitted="nowhere: the model carries no calibration")
        return replace(self, sets=prediction_sets(self.network, calibration.threshold(SET_PERCENT)))

    def calibrated_by_each_other(self, calibration: Calibration, seed: int, squares: Blocks | None = None) -> Answers:
        """Of the very tiles that a calibration was fitted on: each fold of blocks by the others.

        Args:
            calibration: What was fitted on them.
            seed: Of the folds.
            squares: Blocks to make folds of where all tiles are in one (one region held out).
        """
        if not calibration.thresholds:
            return self.calibrated_by(calibration)
        blocks = squares if squares is not None and self.blocks.count < 2 else self.blocks
        fold = fold_of(blocks.of, self.truth, CALIBRATION_FOLDS, seed)
        count = int(fold.max()) + 1
        if count < 2:
            told = "on these very tiles (all are in one block), which flatters"
            return replace(self.calibrated_by(calibration), fitted=told)
        network, sets = cross_fitted(self.uncalibrated, self.truth, fold, SET_PERCENT)
        told = f"for each of {count} folds of {blocks.unit} on the other folds"
        return replace(self, network=network, sets=sets, fitted=told)


def pooled(parts: Sequence[Answers], blocks: Blocks) -> Answers:
    """Answers of several folds as those of one set; ``blocks`` are of the tiles in the order of the parts."""
    sets = [part.sets for part in parts if part.sets is not None]
    return Answers(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.network for part in parts]),
        np.concatenate([part.uncalibrated for part in parts]),
        {name: np.concatenate([part.baselines[name] for part in parts]) for name in parts[0].baselines},
        blocks,
        np.concatenate(sets) if len(sets) == len(parts) else None,
        "in each fold on validation tiles of its own",
    )


def judge(answers: Answers, categories: Sequence[Category], seed: int) -> dict[str, Any]:
    """All that can be said of answers, as plain JSON values.

    Args:
        answers: Of the network and the baselines.
        categories: Classes in the order of the columns.
        seed: Of the bootstrap.

    Returns:
        ``network`` and ``baselines`` (name to :class:`Scores`, with calibrated confidence), ``left_out`` (classes of
        which no tile was scored), ``intervals`` (of each measure of each model, over what blocks, and what they are
        worth), ``comparison`` (the better baseline, the difference in macro-F1 to it with its interval, the verdict;
        None where there is no baseline, as in another program's model), ``beats_baselines``, ``calibration`` (expected
        calibration error before and after), ``prediction_sets`` (coverage and mean size).
    """
    network = score(answers.truth, answers.network, categories)
    before = score(answers.truth, answers.uncalibrated, categories)
    baselines = {name: score(answers.truth, given, categories) for name, given in answers.baselines.items()}
    better = max(baselines, key=lambda name: baselines[name].macro_f1, default=None)
    given = {"network": answers.network, **answers.baselines}
    count = answers.blocks.count
    replicates = (
        block_bootstrap(
            answers.truth,
            {name: probabilities.argmax(axis=1) for name, probabilities in given.items()},
            answers.blocks.of,
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
            "unit": answers.blocks.unit,
            "replicates": REPLICATES,
            "note": _worth(count, answers.blocks.unit),
            "of": {
                name: {measure: interval(replicates[name][measure]) if replicates else None for measure in MEASURES}
                for name in given
            },
        },
        "comparison": comparison,
        "beats_baselines": None if comparison is None else comparison["verdict"] == BEATS,
        "calibration": {
            "fitted": answers.fitted,
            "error_before": before.calibration_error,
            "error_after": network.calibration_error,
            "bins_before": before.to_json()["bins"],
        },
        "prediction_sets": _sets(answers),
    }


def _compared(network: Scores, baseline: Scores, name: str, replicates: Mapping[str, Any]) -> dict[str, Any]:
    difference = network.macro_f1 - baseline.macro_f1
    ends = interval(replicates["network"]["macro_f1"] - replicates[name]["macro_f1"]) if replicates else None
    verdict = BEATS if ends is not None and ends[0] > 0 else LOSES if difference < 0 else NOT_SHOWN
    return {"baseline": name, "macro_f1_difference": difference, "interval": ends, "verdict": verdict}


def _worth(blocks: int, unit: str) -> str:
    """What an interval over so many blocks is worth; nothing where there is nothing to say."""
    if blocks < 2:
        return f"all tiles are in one block ({unit}), so nothing says how sure the scores are"
    return f"{blocks} blocks are too few: these intervals are not to be believed" if blocks < FEW_BLOCKS else ""


def _sets(answers: Answers) -> dict[str, Any] | None:
    if answers.sets is None:
        return None
    size = answers.sets.sum(axis=1)
    return {
        "level": SET_PERCENT / 100,
        "fitted": answers.fitted,
        "coverage": float(answers.sets[np.arange(len(size)), answers.truth].mean()),
        "mean_size": float(size.mean()),
        "of_one": float((size == 1).mean()),
    }


def before_calibration(probabilities: Floats, calibration: Calibration) -> Floats:
    """Probabilities (tiles, classes) of the network as it was trained, from those of its calibrated weights."""
    return tempered(probabilities, 1 / calibration.temperature)
