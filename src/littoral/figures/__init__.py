"""How a tile, a curve, a confusion matrix, a map is drawn: arrays in, matplotlib figures out.

Figures are made without pyplot, so nothing is global and nothing needs a screen: ``look`` is what they share;
``tiles``, ``curves``, ``scores`` and ``maps`` are what is drawn; ``giving`` is a figure for a notebook or a page.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
