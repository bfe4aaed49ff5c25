"""Imagery or raw lines to one clean line, merged, measured and labelled."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
