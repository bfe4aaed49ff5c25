"""Class predictions of rectangles, and what follows from them.

``predictions`` holds class probabilities as arrays and writes and reads them as columns (``columns``), with the classes
that a person changed (``corrections``). ``chains`` orders rectangles along the coast, ``smoothing`` smooths
probabilities with the ``transitions`` between classes, ``summary`` cuts the shoreline by class and adds up
``kilometres``, ``changes`` compares two dates, ``novelty`` measures how unlike the training a place is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
