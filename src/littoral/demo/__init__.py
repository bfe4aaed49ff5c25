"""All steps on a small synthetic world: chart, scenes and truth are made by code from a seed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
