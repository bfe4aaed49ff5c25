"""Evaluation of predictions: scores with intervals, calibration, prediction sets, baselines, folds. No torch here.

``scores`` compares predictions with the truth, ``intervals`` gives confidence intervals by a bootstrap over blocks of
ground, ``calibration`` fits temperature and prediction sets, ``baselines`` are simple models to compare with, ``folds``
the parts of ground that are held out; ``record`` puts all of it into one record, and ``text`` writes that in words.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
