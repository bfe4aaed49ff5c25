"""Files from elsewhere: fetched over HTTP, and unpacked where they are zips; whatever they hold."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
