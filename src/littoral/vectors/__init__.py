"""Read and write vector files, with QGIS styles and provenance, and check columns of tables.

Every file is written to a temporary folder beside its path and then renamed, so that it is never seen half-written.
Files contain no time of writing: the same table gives the same bytes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
