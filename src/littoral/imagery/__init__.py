"""Open satellite scenes and read pixels: bands, scale and offset, nodata and cloud masks.

A :class:`Scene` describes an image, :func:`stored_as` determines the scaling of a band's values, and
:func:`read_windows` reads pixels: values ``(bands, height, width)`` with a mask of valid pixels ``(height, width)``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
