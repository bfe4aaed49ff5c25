"""Encode a tile as an image file, with its world file, auxiliary metadata and mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from littoral.errors import InputError
from littoral.imagery import Band, Values, kept_as, stored_as
from littoral.tiles.cut import Tile
from littoral.tiles.options import ImageFormat

SUFFIXES = {"tiff": ".tif", "png": ".png", "jpeg": ".jpg"}
"""Suffix of image files by format."""
_WORLD_FILES = {"tiff": ".tfw", "png": ".pgw", "jpeg": ".jgw"}
_TAKES = {"png": ("uint8", "uint16"), "jpeg": ("uint8",)}
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class Encoder:
    """Encodes tiles with the same properties in one image format."""

    format: ImageFormat
    """Format of the images."""
    bands: tuple[str, ...]
    """Names of the bands."""
    dtype: str
    """NumPy type of the values."""
    nodata: float | None
    """Value of missing pixels; None if the bands have several such values, or none."""
    world_file: bool
    """Whether a GeoTIFF gets a world file too; other formats always have one."""

    @classmethod
    def of(cls, bands: Sequence[Band], raw: bool, image_format: ImageFormat, world_file: bool) -> Encoder:
        """Encoder for bands.

        Raises:
            InputError: an unknown format, or one that cannot store the number of bands or their type.
        """
        if image_format not in get_args(ImageFormat):
            raise InputError(
                f"image format {image_format!r}", "is not known", f"choose {', '.join(get_args(ImageFormat))}"
            )
        dtype = kept_as(bands, raw)[1]
        name = image_format.upper()
        if image_format != "tiff" and len(bands) not in (1, 3):
            reason = "takes two for grey and its transparency" if len(bands) == 2 else "takes no more than 3"
            raise InputError(f"{len(bands)} bands", f"do not fit in {name}, which {reason}", "choose 1 or 3, or TIFF")
        if dtype not in _TAKES.get(image_format, (dtype,)):
            raise InputError(
                f"values of type {dtype}",
                f"do not fit in {name}, which takes {' and '.join(_TAKES[image_format])}",
                "choose TIFF, which takes any"
                + (
                    ", or --raw for values as stored"
                    if dtype == "int16" and kept_as(bands, True)[1] == "uint16"
                    else ""
                ),
            )
        rules = [stored_as(band, raw) for band in bands]
        # A file has one nodata value for all bands; if they differ, the mask marks missing pixels.
        fills = {rule.fill if rule.masked is not None else None for rule in rules}
        nodata = fills.pop() if len(fills) == 1 else None
        names = tuple(band.name for band in bands)
        return cls(image_format, names, dtype, nodata, world_file)

    @property
    def suffix(self) -> str:
        """Suffix of image files."""
        return SUFFIXES[self.format]

    def encoded(self, tile: Tile, tags: Mapping[str, str]) -> dict[str, bytes]:
        """Content of a tile's files by suffix; the image comes first.

        A GeoTIFF contains all metadata. A PNG or JPEG has side-car files: a world file, GDAL's auxiliary metadata
        (``.aux.xml``: CRS, band names, nodata, tags) and, if pixels are missing, a mask (``.msk``).
        """
        suffix, world = SUFFIXES[self.format], _WORLD_FILES[self.format]
        # Scenes may differ in their nodata value: if a valid pixel has it, only the mask marks missing pixels.
        taken = self.nodata is not None and bool((tile.values[:, tile.valid] == self.nodata).any())
        nodata, masked = None if taken else self.nodata, taken or not tile.valid.all()
        if self.format == "tiff":
            files = {suffix: self._tiff(tile, tags, nodata, masked)}
        else:
            files = {suffix: self._picture(tile), f"{suffix}.aux.xml": self._auxiliary(tile, tags, nodata)}
            if masked:
                files[f"{suffix}.msk"] = _mask(tile)
        if self.world_file or self.format != "tiff":
            files[world] = _world_file(tile)
        return files

    def _tiff(self, tile: Tile, tags: Mapping[str, str], nodata: float | None, masked: bool) -> bytes:
        count, height, width = tile.values.shape
        options = {
            "count": count,
            "height": height,
            "width": width,
            "dtype": self.dtype,
            "crs": rasterio.crs.CRS.from_wkt(tile.crs.to_wkt()),
            "transform": tile.transform,
            "nodata": nodata,
        }
        if count == 4 and self.dtype == "uint8":
            # By default, four bands of bytes would be red, green, blue and alpha.
            options["photometric"] = "minisblack"
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
            with memory.open(driver="GTiff", compress="deflate", zlevel=1, interleave="band", **options) as image:
                image.write(tile.values)
                image.descriptions = self.bands
                image.update_tags(**tags)
                if masked:
                    image.write_mask(tile.valid)
            return bytes(memory.getbuffer())

    def _picture(self, tile: Tile) -> bytes:
        if self.format == "jpeg":
            return _written(tile.values, tile.transform, driver="JPEG", quality=_JPEG_QUALITY)
        return _written(tile.values, tile.transform, driver="PNG")

    def _auxiliary(self, tile: Tile, tags: Mapping[str, str], nodata: float | None) -> bytes:
        c, a, b, f, d, e = tile.transform.to_gdal()
        place = ", ".join(f"{number!r}" for number in (c, a, b, f, d, e))
        stated = "" if nodata is None else f"<NoDataValue>{nodata!r}</NoDataValue>"
        lines = [
            "<PAMDataset>",
            f'  <SRS dataAxisToSRSAxisMapping="1,2">{escape(tile.crs.to_wkt())}</SRS>',
            f"  <GeoTransform>{place}</GeoTransform>",
            "  <Metadata>",
            *(f"    <MDI key={quoteattr(key)}>{escape(value)}</MDI>" for key, value in tags.items()),
            "  </Metadata>",
            *(
                f'  <PAMRasterBand band="{number}"><Description>{escape(name)}</Description>{stated}</PAMRasterBand>'
                for number, name in enumerate(self.bands, start=1)
            ),
            "</PAMDataset>",
        ]
        return "\n".join(lines).encode() + b"\n"


def _world_file(tile: Tile) -> bytes:
    """World file: six lines with the pixel size and rotation, and the centre of the upper left pixel."""
    a, b, _, d, e, _ = tile.transform[:6]
    x, y = tile.transform @ (0.5, 0.5)
    return "".join(f"{number!r}\n" for number in (a, d, b, e, x, y)).encode()


def _mask(tile: Tile) -> bytes:
    """Side-car file that GDAL reads as the mask of all bands of an image."""
    shown = np.where(tile.valid, 255, 0).astype(np.uint8)[None]
    # The flag is GDAL's GMF_PER_DATASET.
    flag = {"INTERNAL_MASK_FLAGS_1": "2"}
    return _written(shown, tile.transform, driver="GTiff", compress="deflate", tags=flag)


def _written(values: Values, transform: Affine, *, tags: Mapping[str, str] | None = None, **how: Any) -> bytes:
    count, height, width = values.shape
    size = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    with MemoryFile() as memory:
        with memory.open(transform=transform, **size, **how) as image:
            image.write(values)
            if tags:
                image.update_tags(**tags)
        return bytes(memory.getbuffer())
