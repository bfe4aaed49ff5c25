"""The GDAL driver that a raster file may be opened with: that of its suffix.

GDAL goes by content. A ``.tif`` from an untrusted source that holds a VRT or a WMS description would read other files
and make requests.
"""

from __future__ import annotations

from pathlib import PurePath

_BY_SUFFIX = {
    ".tif": "GTiff",
    ".tiff": "GTiff",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jp2": "JP2OpenJPEG",
    ".mrf": "MRF",
}


def driver_of(path: str | PurePath) -> str | None:
    """Name of the driver for a path's suffix, for ``rasterio.open(path, driver=…)``; None for an unknown suffix.

    >>> driver_of("bay.TIF"), driver_of("bay.vrt")
    ('GTiff', None)
    """
    return _BY_SUFFIX.get(PurePath(path).suffix.lower())
