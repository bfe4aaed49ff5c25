"""The network: a body from timm under one head, its weights, the device that computes it.

Importing anything here checks first that the libraries of the extra ``learn`` are installed.
"""

import lazy_loader

from littoral.errors import require

require("learn", "computing with torch", "torch", "timm", "lightning", "torchmetrics", "safetensors")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
