"""Training: labelled tiles to a model, and the model's scores, files and figures.

Names are loaded when they are first used; all but the options need torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
