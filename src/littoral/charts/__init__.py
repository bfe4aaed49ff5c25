"""Download S-57 electronic navigational charts and read their labelled coastline."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
