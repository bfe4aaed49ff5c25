"""Scores to statements: what probabilities say about stretches of coast, once pixels and models are out of sight.

All of it works on tables of rectangles with ``P_<code>`` and on arrays: along the chain (:func:`smooth`), as sets of
classes, on the shoreline itself, between two dates, and how unlike the training a place looks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
