"""littoral says what kind of shore each stretch of coast is, from sea charts and Sentinel-2.

Names are loaded when they are first used, here and in every room: ``import littoral`` loads neither torch nor rasterio.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
