from .baselines import Baselines, band_statistics, fit_baselines, rows_of_classes
from .calibration import Calibration, conformal_threshold, fit_calibration, fit_temperature, prediction_sets, tempered
from .folds import Blocks, Fold, Folds, fold_of, fold_tiles, ground_blocks, squares
from .intervals import block_bootstrap, interval
from .record import ScoredPredictions, before_calibration, evaluation_record, pooled
from .scores import Bin, ClassScore, Scores, bins_before, class_table, score
from .text import Record, record_text, verdict

__all__ = [
    "Baselines",
    "Bin",
    "Blocks",
    "Calibration",
    "ClassScore",
    "Fold",
    "Folds",
    "Record",
    "ScoredPredictions",
    "Scores",
    "band_statistics",
    "before_calibration",
    "bins_before",
    "block_bootstrap",
    "class_table",
    "conformal_threshold",
    "evaluation_record",
    "fit_baselines",
    "fit_calibration",
    "fit_temperature",
    "fold_of",
    "fold_tiles",
    "ground_blocks",
    "interval",
    "pooled",
    "prediction_sets",
    "record_text",
    "rows_of_classes",
    "score",
    "squares",
    "tempered",
    "verdict",
]
