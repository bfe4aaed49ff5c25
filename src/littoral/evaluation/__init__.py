"""Evaluation of predictions: scores with intervals, calibration, prediction sets, baselines, folds. No torch here.

``scores`` compares predictions with the true classes, ``intervals`` gives confidence intervals by a bootstrap over
blocks of ground, ``calibration`` fits the temperature and the thresholds of prediction sets, ``baselines`` holds simple
models for comparison, ``folds`` divides tiles for cross-validation. ``record`` combines these into one record, and
``text`` writes the record as sentences and tables.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
