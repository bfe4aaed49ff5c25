"""The self-describing file: a ``.dlpk`` is a zip with a model definition (``.emd``), weights and a manifest.

Weights are bytes here; nothing in a package is executed or unpickled by this room. Layout and keys of the ``.emd``
are those that GIS deep-learning tools write and read for a feature classifier; ``littoral.json`` is ours and holds all
that the ``.emd`` has no place for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
