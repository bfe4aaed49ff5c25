"""Model packages: a ``.dlpk`` is a zip with a model definition (``.emd``), weights and a manifest.

Weights are bytes here; nothing in a package is run or unpickled. Layout and keys of the ``.emd`` are those that GIS
deep-learning tools write and read for a feature classifier; ``littoral.json``, the manifest, holds what the ``.emd``
has no key for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
