"""Vector files by suffix, the QGIS style inside a GeoPackage, where a file comes from, and checks of columns.

Every file is written beside its place and then renamed, so a reader never sees half of one. Files carry no clock time:
the same table gives the same bytes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
