"""Rectangles and scenes to tiles: the one path from rectangle to array, Labeled_Tiles on disk, leak-free splits.

Training sets that others host are fetched here too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
