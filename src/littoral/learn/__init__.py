"""Tiles to a trained classifier: network, training, evaluation; the only room with gradients.

``evaluation`` needs no torch; the rest is loaded when it is first asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
