"""A path to pixels: scenes, bands, offsets, masks.

A :class:`Scene` says what there is; :func:`stored_as` decides how values are kept; :func:`read_windows` is the one
function that moves bytes. Values come back as ``(bands, height, width)`` with a mask of ``(height, width)``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
