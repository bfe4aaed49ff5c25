"""Open and read rasters such that a damaged or incomplete file always raises an error, in every format."""

from __future__ import annotations

import os
import re
import struct
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import PurePosixPath
from typing import IO, Any
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Compression, Interleaving
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from littoral.http import entry_name
from littoral.imagery.drivers import driver_of
from littoral.imagery.jpeg2000 import HOLE, Codestream, Read, check_end, read_codestream

_OPTIONS = {
    # GDAL loses decoding errors in its own threads.
    "GDAL_NUM_THREADS": "1",
    # For a truncated JPEG, libjpeg only gives a warning.
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
    # GDAL's fast path for reading a whole PNG loses decoding errors.
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
}
_SELF_CONTAINED = ("GTiff", "JP2OpenJPEG", "PNG", "JPEG", "WEBP", "GIF", "BMP")
"""GDAL's drivers of formats that contain all their pixels and refer to no other file."""
_BY_SUFFIX_ONLY = {".vrt": ("VRT",), ".img": ("HFA", "ENVI"), ".bsq": ("ENVI",), ".dat": ("ENVI",), ".nc": ("netCDF",)}
"""Drivers of formats that may refer to other files, by suffix; not used for other suffixes."""
_ZIPPED = re.compile(r"/vsizip/\{(?P<archive>[^}]+)\}/(?P<inside>.*)")
_GAP = 512
"""Run of zero bytes that does not occur in a compressed WebP file."""


def open_raster(name: str, suffix: str | None = None) -> Any:
    """Open a raster by its path or GDAL name.

    A format that refers to other files or addresses (VRT, WMS) is opened only with its own suffix, so that a ``.tif``
    from an untrusted source cannot read other files.

    Args:
        name: Path, or GDAL name.
        suffix: Final suffix of a file that still has a temporary name; None: that of ``name``.

    Raises:
        RasterioIOError: no such file, not a raster, or not a regular file.
    """
    if not name.startswith("/vsi") and os.path.exists(name) and not os.path.isfile(name):
        # Opening a pipe would block forever.
        raise RasterioIOError("it is not a regular file")
    own = PurePosixPath(re.sub(r"[?#].*", "", name) if "://" in name else name).suffix
    suffix = (suffix or own).lower()
    own_driver = driver_of(f"a{suffix}")
    first = _BY_SUFFIX_ONLY.get(suffix) or ((own_driver,) if own_driver else ())
    failure: RasterioError | None = None
    for driver in dict.fromkeys((*first, *_SELF_CONTAINED)):
        try:
            # NumPy would warn about a nodata value outside the range of the data type.
            with warnings.catch_warnings(), np.errstate(over="ignore"), decoding():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                return rasterio.open(name, driver=driver)
        except (RasterioIOError, RasterioError) as error:
            failure = failure or error
            if "not recognized" not in str(error):
                break
    raise failure or RasterioIOError("it is no raster")


@contextmanager
def decoding() -> Iterator[None]:
    """GDAL environment for reading pixels; without it GDAL loses decoding errors."""
    with rasterio.Env(**_OPTIONS):
        yield


def check_file(dataset: Any) -> None:
    """Check that a JPEG 2000 or WebP file is complete, which its decoder does not check.

    JPEG 2000: the parts of all tiles must be there, and the code stream must end with its marker; of a remote file only
    the end is checked. The result is cached until the file changes.

    Raises:
        ValueError: it is cut off, or parts of it were never written.
        RasterioError: the server failed.
    """
    if dataset.driver == "JP2OpenJPEG":
        if _is_remote(dataset.name):
            _check_end(dataset.name)
        else:
            _codestream(dataset.name, *_version(dataset.name))
    elif dataset.driver == "WEBP" and os.path.isfile(dataset.name):
        with open(dataset.name, "rb") as file:
            if bytes(_GAP) in file.read():
                raise ValueError("it has a gap of zeros, as files have that were never fetched to their end")


def check_complete(dataset: Any) -> None:
    """Check that a downloaded local file is complete: block offsets of a GeoTIFF; PNG, JPEG, GIF, BMP and WebP by
    decoding.

    Raises:
        ValueError: it is cut off, or parts of it were never written.
        RasterioError: it cannot be decoded.
    """
    check_file(dataset)
    if dataset.driver == "GTiff":
        size = os.path.getsize(dataset.name)
        for _, (offset, count) in _blocks(dataset, dataset.indexes, 0, 0, dataset.height, dataset.width):
            if offset + count > size:
                raise ValueError(f"it is cut off at byte {size:,}")
    elif dataset.driver in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        with decoding():
            dataset.read()


def check_window(dataset: Any, bands: Iterable[int], row: int, column: int, height: int, width: int) -> None:
    """Check the compressed blocks of a local file under a window for gaps that were never written (runs of zeros).

    Only JPEG 2000 and GeoTIFF with deflate are checked; decoders of other formats detect gaps.

    Args:
        dataset: The open file.
        bands: Numbers of bands, from 1.
        row: First row of the window, pixels of the file.
        column: First column.
        height: Rows.
        width: Columns.

    Raises:
        ValueError: there is a gap.
    """
    jpeg_2000 = dataset.driver == "JP2OpenJPEG"
    if _is_remote(dataset.name) or not (jpeg_2000 or dataset.compression == Compression.deflate):
        return
    version = _version(dataset.name)
    with _bytes_of(dataset.name) as (read, anywhere):
        if read is None or not anywhere:
            return
        if not jpeg_2000:
            # GDAL does not verify the checksums of deflate.
            for unpacked, (offset, size) in _blocks(dataset, bands, row, column, height, width):
                # Deflate packs up to 1032 equal bytes into one byte, which may be zero.
                most_zeros = HOLE + unpacked // 1000
                if size > most_zeros and bytes(most_zeros) in read(offset, size):
                    raise ValueError("it has a gap of zeros, as files have that were never fetched to their end")
        elif (codestream := _codestream(dataset.name, *version)) is not None:
            for tile in codestream.tiles(row, column, height, width):
                codestream.check_tile(read, tile)


def _blocks(
    dataset: Any, bands: Iterable[int], row: int, column: int, height: int, width: int
) -> Iterator[tuple[int, tuple[int, int]]]:
    """Blocks of a GeoTIFF under a window: unpacked size, then offset and packed size in the file, all in bytes."""
    by_pixel = dataset.interleaving == Interleaving.pixel
    for band in (1,) if by_pixel else bands:
        down, across = dataset.block_shapes[band - 1]
        unpacked = down * across * np.dtype(dataset.dtypes[band - 1]).itemsize * (dataset.count if by_pixel else 1)
        for y in range(row // down, (row + height - 1) // down + 1):
            for x in range(column // across, (column + width - 1) // across + 1):
                offset, size = (
                    int(dataset.get_tag_item(f"BLOCK_{what}_{x}_{y}", "TIFF", bidx=band) or 0)
                    for what in ("OFFSET", "SIZE")
                )
                yield unpacked, (offset, size)


def measured_bands(dataset: Any) -> tuple[list[int], int | None]:
    """Numbers of the layers that are bands, from 1, and of the alpha layer (0 where there are no pixels), or None.

    GDAL takes every fourth band of bytes for alpha by default; a layer whose description is not alpha or mask is a
    band.
    """
    masking = [
        band
        for band in dataset.indexes
        if dataset.colorinterp[band - 1] == ColorInterp.alpha
        and (dataset.descriptions[band - 1] or "alpha").strip().split(" ")[0].casefold() in ("alpha", "mask")
    ]
    bands = [band for band in dataset.indexes if band not in masking]
    # In a file without other layers, the alpha layer is a band.
    return (bands, masking[-1]) if bands and masking else (list(dataset.indexes), None)


@contextmanager
def _bytes_of(name: str) -> Iterator[tuple[Read | None, bool]]:
    """Function that reads bytes of a local file or of a file in a zip, None for others; and whether seeking is cheap
    (not so in a compressed zip entry)."""
    path, start, deflated = _place(name, *_version(name))
    with ExitStack() as stack:
        if not os.path.isfile(path):
            yield None, False
            return
        if deflated is None:
            file: IO[bytes] = stack.enter_context(open(path, "rb"))
        else:
            file = stack.enter_context(stack.enter_context(zipfile.ZipFile(path)).open(deflated))

        def read(offset: int, count: int) -> bytes:
            file.seek(start + offset)
            return file.read(count)

        yield read, deflated is None


@lru_cache(maxsize=256)
def _place(name: str, size: int, modified_ns: int) -> tuple[str, int, str | None]:
    """Local file that contains a raster, offset of the raster in it, and name of its zip entry if it is compressed."""
    zipped = _ZIPPED.fullmatch(name)
    if zipped is None:
        return name, 0, None
    path = zipped["archive"]
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        entries = {entry_name(entry.filename): entry for entry in archive.infolist()}
        entry = entries.get(entry_name(zipped["inside"]))
        if entry is None:
            return "", 0, None
        if entry.compress_type != zipfile.ZIP_STORED:
            return path, 0, entry.orig_filename
        # The content follows the entry's local header (APPNOTE 4.3.7).
        file.seek(entry.header_offset + 26)
        lengths = struct.unpack("<HH", file.read(4))
    return path, entry.header_offset + 30 + sum(lengths), None


@lru_cache(maxsize=256)
def _codestream(name: str, size: int, modified_ns: int) -> Codestream | None:
    with _bytes_of(name) as (read, _):
        return None if read is None else read_codestream(read)


def _version(name: str) -> tuple[int, int]:
    """Size in bytes and modification time in nanoseconds of a local file, or of the zip that contains it."""
    zipped = _ZIPPED.fullmatch(name)
    try:
        status = os.stat(zipped["archive"] if zipped else name)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _is_remote(name: str) -> bool:
    return re.search(r"\w{2,}://|/vsi(curl|s3|gs|az|adls|oss|swift)/", name) is not None


def _check_end(name: str) -> None:
    """Check that a remote code stream ends with its marker; bytes are read through GDAL, as a raw VRT."""

    def read(offset: int, count: int) -> bytes:
        source = (
            f'<VRTDataset rasterXSize="{count}" rasterYSize="1"><GeoTransform>0, 1, 0, 0, 0, -1</GeoTransform>'
            '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
            f'<SourceFilename relativetoVRT="0">{escape(name)}</SourceFilename>'
            f"<ImageOffset>{offset}</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>{count}</LineOffset>"
            "</VRTRasterBand></VRTDataset>"
        )
        with rasterio.Env(GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE="ALL"), rasterio.open(source, driver="VRT") as dataset:
            return bytes(dataset.read(1).tobytes())

    check_end(read)
