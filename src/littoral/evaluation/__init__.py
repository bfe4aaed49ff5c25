"""Evaluation: what a classifier gets right, how sure that is, and what simple models reach.

No torch here, so that a report can be written without it. ``scores`` compares answers with the truth, ``intervals``
says how sure that is, ``calibration`` makes confidence mean what it says, ``baselines`` are the opponents, ``folds``
the parts of ground; ``judgement`` puts them in one record and ``telling`` puts the record in words.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
