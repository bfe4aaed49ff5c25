"""Evaluation: what a classifier gets right, how sure that is, and what simple models reach.

No torch here, so that a report can be written without it. ``scores`` compares answers with the truth, ``intervals``
says how sure that is, ``calibration`` makes confidence mean what it says, ``baselines`` are the opponents, ``folds``
the parts of ground; ``judgement`` puts them in one record and ``telling`` puts the record in words.
"""

from littoral.learn.evaluation.baselines import Baselines, band_statistics, fit_baselines
from littoral.learn.evaluation.calibration import (
    Calibration,
    conformal_threshold,
    fit_calibration,
    fit_temperature,
    tempered,
)
from littoral.learn.evaluation.folds import Blocks, Fold, Folds, fold_of, fold_tiles, ground_blocks, squares
from littoral.learn.evaluation.intervals import block_bootstrap, interval
from littoral.learn.evaluation.judgement import Answers, before_calibration, judge, pooled
from littoral.learn.evaluation.scores import Bin, ClassScore, Scores, bins_before, score
from littoral.learn.evaluation.telling import Record, told, verdict

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
    "score",
    "squares",
    "tempered",
    "told",
    "verdict",
]
