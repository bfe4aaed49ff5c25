"""A Sentinel-2 L1C product of the real size, made by code: no full one can be had where the benchmarks run.

Written once into a cache folder outside the repository (``LITTORAL_BENCH``, else ``~/.cache/littoral-bench``):

* ``<product>.SAFE``: the 13 bands at their own cell sizes (10980², 5490², 1830² of uint16) as lossless JPEG 2000 with
  the tiles, precincts, code-blocks, resolutions and 15 bits of real products, and the two XML files that say what they
  are (baseline 05.09, offset -1000). Of each cell size two bands are painted and the rest are hard links to them:
  decoding costs the same, and encoding less.
* ``cog/``: the bands of 10 m as cloud-optimised GeoTIFFs (deflate, blocks of 512, overviews), offset and scale inside.
* ``shoreline.gpkg`` and ``rectangles.gpkg``: the waterline, and rectangles of 1 km along it.

The coast is the zero line of a fractal surface. Sea is smooth with little noise, land has parcels and more noise, so
that a band of 10 m takes about 100 MB, as real ones do. Seeded: the pixels are the same on every machine.
Run: ``python benchmarks/product.py``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from figures import print_figures
from numpy.typing import NDArray
from scipy import fft
from shapely import LineString
from skimage.measure import find_contours

from littoral import rectangles_along_lines
from littoral.vectors import write_vector

Pixels = NDArray[np.uint16]

SEED = 0
NAME = "S2A_MSIL1C_20230625T105631_N0509_R094_T30TXR_20230625T130000.SAFE"
GRANULE = "L1C_T30TXR_A041826_20230625T105647"
STEM = "T30TXR_20230625T105631"
EPSG = 32630
WEST, NORTH, SIDE_M = 600_000, 5_100_000, 109_800
COARSE_M = 100
"""Cell of the fractal surface; pixels see it interpolated."""
FALL, SLOPE = 1.7, 1.5
"""Power with which its spectrum falls, and its rise from west to east: some 600 rectangles, half of it land."""
LAND_NOISE, SEA_NOISE = 60, 12
"""Standard deviations, DN: they decide how large the files are."""
BANDS = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B09", "B10"),
}
XML_ORDER = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
# Tile, precinct and code-block, pixels. Those of 20 and 60 m are read from real files (../shared/data/safe, L2A), those
# of 10 m are what OpenJPEG's changes of 2020 (option -PLT) name as those of a real B02. All have five resolutions.
LAYOUT = {10: (1024, 256, 64), 20: (640, 128, 8), 60: (192, 64, 4)}
RESOLUTIONS = 5


@dataclass(frozen=True)
class Product:
    """Where things are."""

    folder: Path

    @property
    def safe(self) -> Path:
        """The product's own folder."""
        return self.folder / NAME

    @property
    def shoreline(self) -> Path:
        """Lines."""
        return self.folder / "shoreline.gpkg"

    @property
    def rectangles(self) -> Path:
        """Rectangles of 1 km along them."""
        return self.folder / "rectangles.gpkg"

    def band(self, name: str) -> Path:
        """JPEG 2000 file of a band."""
        return self.safe / "GRANULE" / GRANULE / "IMG_DATA" / f"{STEM}_{name}.jp2"

    def cog(self, name: str) -> Path:
        """GeoTIFF of a band of 10 m."""
        return self.folder / "cog" / f"{name}.tif"


def main() -> None:
    """Make the product and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    begin = time.perf_counter()
    product = real_sized_product()
    seconds = time.perf_counter() - begin
    print(f"{product.folder}: {seconds:.0f} s")
    files = [*sorted(product.safe.rglob("*.jp2")), *sorted(product.folder.glob("cog/*.tif"))]
    for path in files:
        print(f"  {path.name:<32}{path.stat().st_size / 1e6:>8.1f} MB{' (link)' if path.stat().st_nlink > 1 else ''}")
    rectangles = len(gpd.read_file(product.rectangles))
    print(f"  {rectangles} rectangles")
    size_mb = sum(path.stat().st_size for path in files) / 1e6
    print_figures("product", {"made_s": seconds, "files": len(files), "size_mb": size_mb, "rectangles": rectangles})


def real_sized_product() -> Product:
    """The product in the cache, made first where it is not there yet; a folder of its name is whole."""
    cache = Path(os.environ.get("LITTORAL_BENCH", "~/.cache/littoral-bench")).expanduser()
    product = Product(cache / f"product-{SEED}")
    if not product.folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".product-", dir=cache))
        try:
            _make(Product(stage))
            stage.rename(product.folder)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    return product


def _make(product: Product) -> None:
    product.band("B02").parent.mkdir(parents=True)
    product.cog("B02").parent.mkdir()
    (product.safe / "MTD_MSIL1C.xml").write_text(_product_xml(), encoding="utf-8")
    (product.safe / "GRANULE" / GRANULE / "MTD_TL.xml").write_text(_tile_xml(), encoding="utf-8")
    shoreline = _shoreline()
    write_vector(shoreline, product.shoreline)
    write_vector(rectangles_along_lines(shoreline), product.rectangles)
    # The large ones first, so that all cores are busy to the end.
    with ProcessPoolExecutor() as pool:
        for done in [
            pool.submit(_write_band, product, name, cell) for cell, names in BANDS.items() for name in names[:2]
        ]:
            done.result()
    for names in BANDS.values():
        for position, name in enumerate(names[2:]):
            product.band(name).hardlink_to(product.band(names[position % 2]))
            if names is BANDS[10]:
                product.cog(name).hardlink_to(product.cog(names[position % 2]))


def _surface() -> NDArray[np.float64]:
    """(rows, columns) of :data:`COARSE_M`: above 0 is land. Noise whose spectrum falls with a power, and a slope."""
    size = SIDE_M // COARSE_M
    side = 2 * size
    wave = np.hypot(fft.fftfreq(side)[:, None], fft.rfftfreq(side)[None, :]) * side
    wave[0, 0] = np.inf
    noise = fft.irfft2(fft.rfft2(np.random.default_rng(SEED).standard_normal((side, side))) * wave**-FALL)
    noise = noise[:size, :size] / noise.std()
    along = np.linspace(-1, 1, size)
    return np.asarray(noise + SLOPE * (along[None, :] + 0.3 * along[:, None]))


def _shoreline() -> gpd.GeoDataFrame:
    """Lines where the surface is 0, in metres; specks of less than 2 km left out."""
    lines = [
        LineString(np.column_stack([WEST + (place[:, 1] + 0.5) * COARSE_M, NORTH - (place[:, 0] + 0.5) * COARSE_M]))
        for place in find_contours(_surface(), 0.0)  # type: ignore[no-untyped-call]
    ]
    return gpd.GeoDataFrame(geometry=[line for line in lines if line.length > 2000], crs=EPSG)


def _write_band(product: Product, name: str, cell_m: int) -> None:
    """Paint a band into an uncompressed file, and encode that."""
    size = SIDE_M // cell_m
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": 1,
        "width": size,
        "height": size,
        "crs": rasterio.CRS.from_epsg(EPSG),
        "transform": Affine(cell_m, 0, WEST, 0, -cell_m, NORTH),
    }
    tile, precinct, code_block = LAYOUT[cell_m]
    with tempfile.TemporaryDirectory(dir=product.folder) as place:
        plain = Path(place) / "plain.tif"
        with rasterio.open(plain, "w", **profile) as out:
            for row, pixels in _painted(name, cell_m):
                out.write(pixels, 1, window=((row, row + len(pixels)), (0, size)))
        rasterio.shutil.copy(
            plain,
            product.band(name),
            driver="JP2OpenJPEG",
            QUALITY=100,
            REVERSIBLE="YES",
            NBITS=15,
            BLOCKXSIZE=tile,
            BLOCKYSIZE=tile,
            RESOLUTIONS=RESOLUTIONS,
            PRECINCTS=",".join([f"{{{precinct},{precinct}}}"] * RESOLUTIONS),
            CODEBLOCK_WIDTH=code_block,
            CODEBLOCK_HEIGHT=code_block,
        )
        if cell_m == 10:
            with rasterio.open(plain, "r+") as out:
                out.nodata, out.scales, out.offsets = 0, (1e-4,), (-0.1,)
                out.descriptions = (name,)
            rasterio.shutil.copy(
                plain, product.cog(name), driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES", BLOCKSIZE=512
            )


def _painted(name: str, cell_m: int) -> Iterator[tuple[int, Pixels]]:
    """First row and pixels of strips from north to south: DN, reflectance x 10000 + 1000."""
    surface, size = _surface(), SIDE_M // cell_m
    band = XML_ORDER.index(name)
    parcels = np.random.default_rng([SEED, band]).normal(0, 120, (SIDE_M // 300, SIDE_M // 300))
    for number, row in enumerate(range(0, size, 512)):
        rows = np.arange(row, min(row + 512, size))
        height = _between(
            surface, (rows + 0.5) * cell_m / COARSE_M - 0.5, (np.arange(size) + 0.5) * cell_m / COARSE_M - 0.5
        )
        noise = np.random.default_rng([SEED, band, number]).standard_normal(height.shape, np.float32)
        own = np.ix_(rows * cell_m // 300, np.arange(size) * cell_m // 300)
        land = 2000 + 40 * band + 300 * height + parcels[own] + LAND_NOISE * noise
        sea = 1250 - 10 * band + 60 * height + SEA_NOISE * noise
        yield row, np.clip(np.where(height > 0, land, sea), 1, 2**15 - 1).astype(np.uint16)


def _between(
    surface: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The surface at fractional rows and columns, by the four cells around."""
    upper = np.clip(np.floor(rows).astype(int), 0, len(surface) - 2)
    left = np.clip(np.floor(columns).astype(int), 0, surface.shape[1] - 2)
    down, right = (rows - upper)[:, None].astype(np.float32), (columns - left)[None, :].astype(np.float32)
    cells = surface.astype(np.float32)
    strip = cells[upper] * (1 - down) + cells[upper + 1] * down
    return np.asarray(strip[:, left] * (1 - right) + strip[:, left + 1] * right)


def _product_xml() -> str:
    files = "\n".join(
        f"            <IMAGE_FILE>GRANULE/{GRANULE}/IMG_DATA/{STEM}_{name}</IMAGE_FILE>" for name in XML_ORDER
    )
    offsets = "\n".join(
        f'        <RADIO_ADD_OFFSET band_id="{number}">-1000</RADIO_ADD_OFFSET>' for number in range(len(XML_ORDER))
    )
    cells = {name: cell for cell, names in BANDS.items() for name in names}
    spectra = "\n".join(
        f'        <Spectral_Information bandId="{number}" physicalBand="{_short(name)}">\n'
        f"          <RESOLUTION>{cells[name]}</RESOLUTION>\n"
        "        </Spectral_Information>"
        for number, name in enumerate(XML_ORDER)
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-1C_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-1C.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>2023-06-25T10:56:31.024Z</PRODUCT_START_TIME>
      <PRODUCT_STOP_TIME>2023-06-25T10:56:31.024Z</PRODUCT_STOP_TIME>
      <PRODUCT_URI>{NAME}</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-1C</PROCESSING_LEVEL>
      <PRODUCT_TYPE>S2MSI1C</PRODUCT_TYPE>
      <PROCESSING_BASELINE>05.09</PROCESSING_BASELINE>
      <GENERATION_TIME>2023-06-25T13:00:00.000000Z</GENERATION_TIME>
      <Datatake datatakeIdentifier="GS2A_20230625T105631_041826_N05.09">
        <SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>
        <DATATAKE_TYPE>INS-NOBS</DATATAKE_TYPE>
        <DATATAKE_SENSING_START>2023-06-25T10:56:31.024Z</DATATAKE_SENSING_START>
        <SENSING_ORBIT_NUMBER>94</SENSING_ORBIT_NUMBER>
        <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
      </Datatake>
      <Query_Options completeSingleTile="true">
        <PRODUCT_FORMAT>SAFE_COMPACT</PRODUCT_FORMAT>
      </Query_Options>
      <Product_Organisation>
        <Granule_List>
          <Granule datastripIdentifier="S2A_OPER_MSI_L1C_DS_2APS_20230625T130000_S20230625T105647_N05.09" \
granuleIdentifier="S2A_OPER_MSI_L1C_TL_2APS_20230625T130000_A041826_T30TXR_N05.09" imageFormat="JPEG2000">
{files}
          </Granule>
        </Granule_List>
      </Product_Organisation>
    </Product_Info>
    <Product_Image_Characteristics>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>
        <SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
      </Special_Values>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>
        <SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX>
      </Special_Values>
      <QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>
      <Radiometric_Offset_List>
{offsets}
      </Radiometric_Offset_List>
      <Spectral_Information_List>
{spectra}
      </Spectral_Information_List>
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level-1C_User_Product>
"""


def _tile_xml() -> str:
    sizes = "\n".join(
        f'      <Size resolution="{cell}">\n        <NROWS>{SIDE_M // cell}</NROWS>\n'
        f"        <NCOLS>{SIDE_M // cell}</NCOLS>\n      </Size>"
        for cell in BANDS
    )
    places = "\n".join(
        f'      <Geoposition resolution="{cell}">\n        <ULX>{WEST}</ULX>\n        <ULY>{NORTH}</ULY>\n'
        f"        <XDIM>{cell}</XDIM>\n        <YDIM>-{cell}</YDIM>\n      </Geoposition>"
        for cell in BANDS
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-1C_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-1C_Tile_Metadata.xsd">
  <n1:General_Info>
    <TILE_ID metadataLevel="Brief">S2A_OPER_MSI_L1C_TL_2APS_20230625T130000_A041826_T30TXR_N05.09</TILE_ID>
    <SENSING_TIME metadataLevel="Standard">2023-06-25T11:08:38.840367Z</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding metadataLevel="Brief">
      <HORIZONTAL_CS_NAME>WGS84 / UTM zone 30N</HORIZONTAL_CS_NAME>
      <HORIZONTAL_CS_CODE>EPSG:{EPSG}</HORIZONTAL_CS_CODE>
{sizes}
{places}
    </Tile_Geocoding>
  </n1:Geometric_Info>
</n1:Level-1C_Tile_ID>
"""


def _short(name: str) -> str:
    """B02 as the XML writes it: B2."""
    return f"B{name[1:].lstrip('0')}"


if __name__ == "__main__":
    main()
