"""Draw tiles, curves, confusion matrices and maps: arrays in, matplotlib figures out.

Figures are made without pyplot, so there is no global state and no display is needed. ``tiles``, ``curves``, ``scores``
and ``maps`` draw, ``style`` is the common style, ``render`` writes a figure as SVG or PNG or shows it in a notebook.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
