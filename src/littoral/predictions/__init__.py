"""Class predictions of rectangles: tables, smoothing along the coast, kilometres per class, change between two dates.

``predictions`` holds class probabilities as arrays and writes and reads them as columns (``columns``), with the classes
that a person changed (``corrections``). ``chains`` orders rectangles along the coast, ``smoothing`` smooths
probabilities with the ``transitions`` between classes, ``summary`` cuts the shoreline by class and adds up
``kilometres``, ``changes`` compares two dates, ``novelty`` measures how far a tile's features are from the training's.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
