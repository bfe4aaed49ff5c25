"""Run all steps on a small synthetic world, whose charts and scenes are generated from a seed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
