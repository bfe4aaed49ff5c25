"""Download files over HTTP and unpack zip archives, independent of their content."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
