"""Read the image files of tiles: headers and pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from littoral.errors import InputError, first_line
from littoral.imagery import Values, valid_values
from littoral.imagery.decoding import check_file, check_window, decoding, measured_bands
from littoral.imagery.drivers import driver_of
from littoral.imagery.raster_files import nodata_of

_SIDECARS = (".msk", ".ovr")
"""Of a mask or of overviews, which GDAL opens with any driver."""
_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_TEXT = 2**20
_MRF_LINKS = (b"<CachedSource", b"<DataFile", b"<IndexFile")


@dataclass(frozen=True)
class ImageFiles:
    """Tiles that are a file each; a :class:`littoral.tiles.tileset.Store`."""

    paths: tuple[Path, ...]
    """In the order of the set."""

    def read(self, position: int) -> tuple[Values, NDArray[np.bool_]]:
        return read_tile(self.paths[position])

    def name(self, position: int) -> str:
        return str(self.paths[position])

    def subset(self, chosen: NDArray[np.int64]) -> ImageFiles:
        return ImageFiles(tuple(self.paths[position] for position in chosen))


@dataclass(frozen=True)
class Head:
    """Properties of an image file, from its header."""

    count: int
    """Bands."""
    size_px: tuple[int, int]
    """Width and height."""
    names: tuple[str, ...] | None
    """Of its bands; None where it does not name them all."""
    dtype: str
    """NumPy type."""
    nodata: float | None
    """Value that means nodata."""
    crs: CRS | None
    """None where it has none."""
    corners: NDArray[np.float64] | None
    """(4, 2), clockwise from the upper left one, in its CRS; None without georeference."""
    cell_size: tuple[float, float]
    """Width and height of a pixel."""
    pixels: str | None
    """Meaning of the values (tag ``PIXELS`` of littoral's own tiles)."""
    region: str
    """Region (tag ``REGION`` of littoral's own tiles); may be empty."""
    acquired: str
    """Day, or first and last day, of the images that it was cut from (tag ``ACQUIRED``); may be empty."""


def read_head(path: Path) -> Head:
    """Read the header of an image file.

    Raises:
        InputError: not a raster that can be read.
    """
    with _open_image(path) as image:
        bands, _ = measured_bands(image)
        names = tuple(image.descriptions[band - 1] or "" for band in bands)
        width, height = image.width, image.height
        # A file without a place has the identity for a transform.
        placed = not image.transform.is_identity
        corners = np.array([image.transform @ xy for xy in ((0, 0), (width, 0), (width, height), (0, height))])
        tags = image.tags()
        return Head(
            len(bands),
            (width, height),
            names if all(names) else None,
            image.dtypes[0],
            nodata_of(image, 1),
            None if image.crs is None else _crs(image.crs.to_wkt()),
            corners if placed else None,
            cell_size_of(image.transform),
            tags.get("PIXELS"),
            tags.get("REGION", ""),
            tags.get("ACQUIRED", ""),
        )


def cell_size_of(transform: Affine) -> tuple[float, float]:
    """Width and height of a pixel, turned or not.

    >>> cell_size_of(Affine.translation(5e5, 3e6) @ Affine.rotation(30) @ Affine.scale(10, -20))
    (10.0, 20.0)
    """
    a, b, _, d, e, _ = transform[:6]
    return float(np.hypot(a, d)), float(np.hypot(b, e))


def read_tile(path: str | Path) -> tuple[Values, NDArray[np.bool_]]:
    """Values ``(bands, height, width)`` of one tile and the mask ``(height, width)`` of pixels valid in all bands.

    Raises:
        InputError: not a raster that can be read to its end.
    """
    with _open_image(path) as image:
        bands, alpha = measured_bands(image)
        check_file(image)
        check_window(image, bands, 0, 0, image.height, image.width)
        values = image.read(bands)
        flags = image.mask_flag_enums[bands[0] - 1]
        valid = np.ones(values.shape[1:], bool)
        if alpha is not None:
            valid &= image.read(alpha) > 0
        if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:
            valid &= image.read_masks(bands[0]) > 0
        else:
            for plane, band in zip(values, bands, strict=True):
                valid &= valid_values(plane, nodata_of(image, band))
    return values, valid


def origin_of(path: Path) -> tuple[object, ...]:
    """Scene, class and transform (six numbers) of one of littoral's own tiles.

    Raises:
        InputError: not a raster that can be read.
    """
    with _open_image(path) as image:
        tags = image.tags()
        return tags.get("SOURCE"), tags.get("CLASS"), *image.transform[:6]


@contextmanager
def _open_image(path: str | Path) -> Iterator[Any]:
    """A tile's file, opened with the driver of its suffix.

    Raises:
        InputError: not a raster that can be read, or one that refers to other files.
    """
    path, remedy = Path(path), "export it again or take it out of map.txt"
    driver = driver_of(path)
    if driver is None:
        raise InputError(path, "is in no format that tiles have", "use tiles in .tif, .png, .jpg or .mrf")
    try:
        if not path.is_file():
            raise InputError(path, "is not a file" if path.exists() else "is not there", remedy)
        if _refers_elsewhere(path):
            raise InputError(path, "refers to other files, which littoral does not open", "do not use this file")
        with warnings.catch_warnings():
            # Tiles of other programs may have no georeference; the split warns of it.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with decoding(), rasterio.open(path, driver=driver) as image:
                yield image
    except (RasterioError, ValueError, OSError) as error:
        raise InputError(path, f"could not be read ({first_line(error)})", remedy) from error


def _refers_elsewhere(path: Path) -> bool:
    """Whether the file, or one of those beside it that GDAL reads with it, sends GDAL to further files."""
    if path.suffix.lower() == ".mrf":
        with path.open("rb") as file:
            content = file.read(_MOST_TEXT)
        if any(link in content for link in _MRF_LINKS):
            return True
    for suffix in _SIDECARS:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            if not beside.is_file():
                return True
            with beside.open("rb") as file:
                if file.read(4) not in _TIFF_MARKS:
                    return True
    notes = path.with_name(f"{path.name}.aux.xml")
    return notes.exists() and (not notes.is_file() or b"OVERVIEW_FILE" in notes.read_bytes())


@lru_cache(maxsize=256)
def _crs(wkt: str) -> CRS | None:
    """The CRS of a WKT, parsed once for all tiles; None for an engineering CRS, which has no place on the ground."""
    try:
        crs = CRS.from_wkt(wkt)
    except CRSError:
        return None
    return crs if crs.is_projected or crs.is_geographic else None
