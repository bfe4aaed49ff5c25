from .baselines import Baselines, band_statistics, fit_baselines, rows_of_classes
from .calibration import Calibration, conformal_threshold, fit_calibration, fit_temperature, prediction_sets, tempered
from .folds import Blocks, Fold, Folds, fold_of, fold_tiles, ground_blocks, squares
from .intervals import block_bootstrap, interval
from .record import Answers, before_calibration, judge, pooled
from .scores import Bin, ClassScore, Scores, bins_before, score
from .text import Record, told, verdict

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
    "prediction_sets",
    "rows_of_classes",
    "score",
    "squares",
    "tempered",
    "told",
    "verdict",
]
