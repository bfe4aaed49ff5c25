"""GDAL drivers that a raster file may be opened with: those of its suffix only.

GDAL goes by content. A ``.tif`` from an untrusted source that holds a VRT or a WMS description would read other files
and make requests.
"""

from __future__ import annotations

from pathlib import PurePath

_BY_SUFFIX = {
    ".tif": ("GTiff",),
    ".tiff": ("GTiff",),
    ".png": ("PNG",),
    ".jpg": ("JPEG",),
    ".jpeg": ("JPEG",),
    ".jp2": ("JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID"),
    ".mrf": ("MRF",),
}


def drivers_of(path: str | PurePath) -> tuple[str, ...] | None:
    """Names of the drivers for a path's suffix, for ``rasterio.open(path, driver=…)``; None for an unknown suffix.

    >>> drivers_of("bay.TIF"), drivers_of("bay.vrt")
    (('GTiff',), None)
    """
    return _BY_SUFFIX.get(PurePath(path).suffix.lower())
