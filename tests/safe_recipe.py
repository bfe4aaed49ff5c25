"""Small Sentinel-2 products made by seeded code: folders, names, XML elements and JPEG 2000 of real ones, 1.2 km wide.

Structure after real products (S2A L1C 03.01 and 05.00, L2A 02.12, 04.00 and 05.09) and, for those before December 2016,
after the Sentinel-2 Products Specification Document 13.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

NATIVE_M = {
    "B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20, "B09": 60,
    "B10": 60, "B11": 20, "B12": 20,
}  # fmt: skip
L2A_COPIES = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B09", "B11", "B12"),
}
ORIGIN = 499_980, 5_900_040
SIDE_M = 1200


def write_safe(
    folder: Path,
    *,
    level: str = "L2A",
    baseline: str = "05.09",
    offsets: float | dict[int, float] | None = -1000,
    quantification: float = 10_000,
    tiles: Sequence[str] = ("29UNU",),
    old: bool = False,
    without: Collection[str] = (),
    side_m: int = SIDE_M,
    origin: tuple[int, int] = ORIGIN,
    acquired: str = "2022-10-05",
    seed: int = 0,
) -> Path:
    """Write one product into a folder.

    Args:
        folder: Where to.
        level: L1C or L2A.
        baseline: Processing baseline.
        offsets: That the metadata list, for every band or by ``band_id``; None: no list at all.
        quantification: Stored values per unit of reflectance.
        tiles: Names of its granules; more than one only with ``old``.
        old: Naming before December 2016 (L1C).
        without: Parts of file names; images whose name has one of them are listed and not written.
        side_m: Width and height in metres, a multiple of 60.
        origin: X and y of the upper left corner in UTM zone 29 N.
        acquired: Date.
        seed: Of the pixels.

    Returns:
        The ``.SAFE`` folder.
    """
    day = acquired.replace("-", "")
    taken, made = f"{day}T115411", f"{day}T164454"
    if old:
        name = f"S2A_OPER_PRD_MSI{level}_PDMC_{made}_R023_V{taken}_{taken}.SAFE"
        metadata = f"S2A_OPER_MTD_SAF{level}_PDMC_{made}_R023_V{taken}_{taken}.xml"
    else:
        name = f"S2A_MSI{level}_{taken}_N{baseline.replace('.', '')}_R023_T{tiles[0]}_{made}.SAFE"
        metadata = f"MTD_MSI{level}.xml"
    product = folder / name
    granules = []
    for number, tile in enumerate(tiles):
        stem = f"S2A_OPER_MSI_{level}_TL_EPA__{made}_A038058_T{tile}"
        granule = f"{stem}_N{baseline}" if old else f"{level}_T{tile}_A038058_{taken}"
        place = product / "GRANULE" / granule
        corner = origin[0] + number * side_m, origin[1]
        image = stem if old else f"T{tile}_{taken}"
        listed = _write_images(place, level, image, side_m, corner, without, seed + number)
        masks = [] if old else _write_masks(place, level, baseline, side_m, corner, without, seed + number)
        tile_xml = f"{stem.replace('_MSI_', '_MTD_')}.xml" if old else "MTD_TL.xml"
        (place / tile_xml).write_text(_tile_xml(level, tile, side_m, corner, granule, masks))
        granules.append((granule, [path if old else f"GRANULE/{granule}/IMG_DATA/{path}" for path in listed]))
    text = _product_xml(level, baseline, offsets, quantification, "" if old else name, acquired, granules, old)
    (product / metadata).write_text(text)
    (product / "manifest.safe").write_text('<?xml version="1.0"?>\n<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"/>\n')
    return product


def zip_safe(product: Path, path: Path, *, within: str = "") -> Path:
    """Zip a product as it is downloaded; ``within`` is a folder around it (``"a/"``)."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(product.rglob("*")):
            if file.is_file():
                archive.write(file, f"{within}{product.name}/{file.relative_to(product).as_posix()}")
    return path


def _write_images(
    place: Path, level: str, image: str, side_m: int, corner: tuple[int, int], without: Collection[str], seed: int
) -> list[str]:
    rng = np.random.default_rng(seed)
    listed = []
    copies = L2A_COPIES if level == "L2A" else {m: [b for b in NATIVE_M if NATIVE_M[b] == m] for m in (10, 20, 60)}
    for metres, names in copies.items():
        size = side_m // metres
        for band in (*names, *(("SCL",) if level == "L2A" and metres > 10 else ()), "TCI"):
            if band == "TCI" and level == "L1C" and metres > 10:
                continue
            path = f"R{metres}m/{image}_{band}_{metres}m" if level == "L2A" else f"{image}_{band}"
            listed.append(path)
            if band == "SCL":
                values = rng.integers(0, 12, (1, size, size)).astype("uint8")
            elif band == "TCI":
                values = rng.integers(0, 256, (3, size, size)).astype("uint8")
            else:
                values = rng.integers(900, 4000, (1, size, size)).astype("uint16")
                values[:, : size // 4, : size // 4] = 0
                values[:, -1, -1] = 65535
            _write_image(place / "IMG_DATA" / f"{path}.jp2", values, metres, corner, without)
    return listed


def _write_masks(
    place: Path, level: str, baseline: str, side_m: int, corner: tuple[int, int], without: Collection[str], seed: int
) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed + 1000)
    masks = []
    if baseline >= "04.00":
        masks.append(("MSK_CLASSI", "MSK_CLASSI_B00.jp2"))
        values = rng.integers(0, 2, (3, side_m // 60, side_m // 60)).astype("uint8")
        _write_image(place / "QI_DATA" / masks[-1][1], values, 60, corner, without)
    else:
        masks.append(("MSK_CLOUDS", "MSK_CLOUDS_B00.gml"))
    for metres in (20, 60) if level == "L2A" else ():
        masks.append(("MSK_CLDPRB", f"MSK_CLDPRB_{metres}m.jp2"))
        values = rng.integers(0, 101, (1, side_m // metres, side_m // metres)).astype("uint8")
        _write_image(place / "QI_DATA" / masks[-1][1], values, metres, corner, without)
    return masks


def _write_image(
    path: Path, values: np.ndarray, metres: int, corner: tuple[int, int], without: Collection[str]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if any(part in path.name for part in without):
        return
    count, height, width = values.shape
    lossless = {"QUALITY": "100", "REVERSIBLE": "YES", "YCC": "NO", "BLOCKXSIZE": "64", "BLOCKYSIZE": "64"}
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    transform = Affine(metres, 0, corner[0], 0, -metres, corner[1])
    with rasterio.open(path, "w", "JP2OpenJPEG", crs="EPSG:32629", transform=transform, **shape, **lossless) as image:
        image.write(values)


def _product_xml(
    level: str,
    baseline: str,
    offsets: float | dict[int, float] | None,
    quantification: float,
    uri: str,
    acquired: str,
    granules: list[tuple[str, list[str]]],
    old: bool,
) -> str:
    tag, image_tag = ("Granules", "IMAGE_ID") if old else ("Granule", "IMAGE_FILE")
    lists = "\n".join(
        f'<Granule_List><{tag} granuleIdentifier="{name}" imageFormat="JPEG2000">'
        + "".join(f"\n<{image_tag}>{path}</{image_tag}>" for path in images)
        + f"</{tag}></Granule_List>"
        for name, images in granules
    )
    if level == "L1C":
        amount = f'<QUANTIFICATION_VALUE unit="none">{quantification:g}</QUANTIFICATION_VALUE>'
        around, one = "Radiometric_Offset_List", "RADIO_ADD_OFFSET"
    else:
        amount = (
            f'<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit="none">{quantification:g}'
            '</BOA_QUANTIFICATION_VALUE><AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>'
            "</QUANTIFICATION_VALUES_LIST>"
        )
        around, one = "BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET"
    by_id = dict.fromkeys(range(13), offsets) if isinstance(offsets, int | float) else offsets
    offset_list = (
        ""
        if by_id is None
        else f"<{around}>\n"
        + "".join(f'<{one} band_id="{number}">{value:g}</{one}>\n' for number, value in by_id.items())
        + f"</{around}>"
    )
    options = '<Query_Options completeSingleTile="true"><PRODUCT_FORMAT>SAFE_COMPACT</PRODUCT_FORMAT></Query_Options>'
    if old:
        bands = "".join(f"<BAND_NAME>{name.replace('B0', 'B')}</BAND_NAME>" for name in NATIVE_M)
        options = f"<Query_Options><Band_List>{bands}</Band_List></Query_Options>"
    word = {"L1C": "Level-1C", "L2A": "Level-2A"}[level]
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:{word}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_{word}.xsd">
<n1:General_Info>
<Product_Info>
<PRODUCT_START_TIME>{acquired}T11:54:11.024Z</PRODUCT_START_TIME>
<PRODUCT_URI>{uri}</PRODUCT_URI>
<PROCESSING_LEVEL>{word}</PROCESSING_LEVEL>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
<GENERATION_TIME>2023-11-10T09:43:13.000000Z</GENERATION_TIME>
<Datatake datatakeIdentifier="GS2A_20221005T115411_038058_N{baseline}">
<SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>
<DATATAKE_SENSING_START>{acquired}T11:54:11.024Z</DATATAKE_SENSING_START>
<SENSING_ORBIT_NUMBER>23</SENSING_ORBIT_NUMBER>
</Datatake>
{options}
<Product_Organisation>
{lists}
</Product_Organisation>
</Product_Info>
<Product_Image_Characteristics>
<Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
</Special_Values>
{amount}
{offset_list}
</Product_Image_Characteristics>
</n1:General_Info>
</n1:{word}_User_Product>
"""


def _tile_xml(
    level: str, tile: str, side_m: int, corner: tuple[int, int], granule: str, masks: list[tuple[str, str]]
) -> str:
    word = {"L1C": "Level-1C", "L2A": "Level-2A"}[level]
    sizes = "\n".join(
        f'<Size resolution="{m}"><NROWS>{side_m // m}</NROWS><NCOLS>{side_m // m}</NCOLS></Size>' for m in (10, 20, 60)
    )
    places = "\n".join(
        f'<Geoposition resolution="{m}"><ULX>{corner[0]}</ULX><ULY>{corner[1]}</ULY><XDIM>{m}</XDIM><YDIM>-{m}</YDIM>'
        "</Geoposition>"
        for m in (10, 20, 60)
    )
    names = "\n".join(
        f'<MASK_FILENAME type="{kind}">GRANULE/{granule}/QI_DATA/{name}</MASK_FILENAME>' for kind, name in masks
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:{word}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_{word}_Tile_Metadata.xsd">
<n1:General_Info>
<TILE_ID metadataLevel="Brief">S2A_OPER_MSI_{level}_TL_EPA__20221005T164454_A038058_T{tile}_N04.00</TILE_ID>
</n1:General_Info>
<n1:Geometric_Info>
<Tile_Geocoding metadataLevel="Brief">
<HORIZONTAL_CS_NAME>WGS84 / UTM zone 29N</HORIZONTAL_CS_NAME>
<HORIZONTAL_CS_CODE>EPSG:32629</HORIZONTAL_CS_CODE>
{sizes}
{places}
</Tile_Geocoding>
</n1:Geometric_Info>
<n1:Quality_Indicators_Info metadataLevel="Standard">
<Pixel_Level_QI geometry="FULL_RESOLUTION">
<MASK_FILENAME bandId="1" type="MSK_DETFOO">GRANULE/{granule}/QI_DATA/MSK_DETFOO_B02.jp2</MASK_FILENAME>
{names}
</Pixel_Level_QI>
</n1:Quality_Indicators_Info>
</n1:{word}_Tile_ID>
"""
