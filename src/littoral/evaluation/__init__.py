"""Evaluation: what a classifier gets right, how sure that is, and what simple models reach.

No torch here, so that a report can be written without it. ``scores`` compares answers with the truth, ``intervals``
says how sure that is, ``calibration`` makes confidence mean what it says, ``baselines`` are the opponents, ``folds``
the parts of ground; ``judgement`` puts them in one record and ``telling`` puts the record in words.
"""

from littoral.evaluation.baselines import Baselines, band_statistics, fit_baselines, rows_of_classes
from littoral.evaluation.calibration import (
    Calibration,
    conformal_threshold,
    fit_calibration,
    fit_temperature,
    tempered,
)
from littoral.evaluation.folds import Blocks, Fold, Folds, fold_of, fold_tiles, ground_blocks, squares
from littoral.evaluation.intervals import block_bootstrap, interval
from littoral.evaluation.record import Answers, before_calibration, judge, pooled
from littoral.evaluation.scores import Bin, ClassScore, Scores, bins_before, score
from littoral.evaluation.text import Record, told, verdict

__all__ = [
    "Answers",
    "Baselines",
    "Bin",
    "Blocks",
    "Calibration",
    "ClassScore",
    "Fold",
    "Folds",
    "Record",
    "Scores",
    "band_statistics",
    "before_calibration",
    "bins_before",
    "block_bootstrap",
    "conformal_threshold",
    "fit_baselines",
    "fit_calibration",
    "fit_temperature",
    "fold_of",
    "fold_tiles",
    "ground_blocks",
    "interval",
    "judge",
    "pooled",
    "rows_of_classes",
    "score",
    "squares",
    "tempered",
    "told",
    "verdict",
]
