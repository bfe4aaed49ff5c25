"""The GDAL driver for a raster file's suffix.

By default GDAL selects the driver by content: a ``.tif`` from an untrusted source that contains a VRT or WMS
description would read other files or make requests.
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
