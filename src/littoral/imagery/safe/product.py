"""Open a Sentinel-2 product as a scene, from its metadata and files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

import numpy as np

from littoral.errors import InputError
from littoral.imagery.options import SceneOptions
from littoral.imagery.raster_files import open_file
from littoral.imagery.resampling import at_cell_size
from littoral.imagery.safe.checksums import verify_product
from littoral.imagery.safe.files import (
    IMAGES,
    TILE_XML,
    Place,
    belongs_to_product,
    find_product,
    is_remote,
    product_above,
)
from littoral.imagery.safe.metadata import (
    NATIVE_M,
    Granule,
    GranuleTile,
    Product,
    image_of,
    read_product,
    read_tile,
    take_resolution,
)
from littoral.imagery.safe.scaling import scale_and_offset
from littoral.imagery.scene import Band, Grid, Role, Scene

_AS_IT_IS = SceneOptions()
_CELL_M = 10.0
_NODATA = 0
"""Nodata value of bands. Special_Values is ignored: some products of 2015 list 1, which is a valid value. Saturated
pixels (65535) are valid."""
_CLASSI_M = 60
"""Pixel size of MSK_CLASSI, metres."""
_CLASSI = {"CLASSI_OPAQUE": 1, "CLASSI_CIRRUS": 2}
"""Cloud layers of MSK_CLASSI; the third layer is snow."""


def is_safe(path: str | Path) -> bool:
    """Whether a path belongs to a Sentinel-2 product, so that :func:`open_safe` opens it or raises a helpful error.

    True for a ``.SAFE`` folder under any name, its metadata (MTD_MSIL1C.xml, manifest.safe), a zip or a path that leads
    into one, and a folder without band files inside a product.
    """
    return not is_remote(str(path)) and belongs_to_product(Path(path))


def open_safe(path: str | Path, options: SceneOptions = _AS_IT_IS) -> Scene:
    """Open a Sentinel-2 product of Level-1C or Level-2A, with the current naming or that before December 2016.

    Of a band in several resolutions, the one with the largest pixels that do not exceed the cell size is taken, else
    the finest; each band keeps its own pixels (:attr:`Band.grid`). Scale and offset are those that the metadata list
    for each band, and 0 is nodata. Bands whose file is missing are in :attr:`Scene.absent`. Only headers are read, and
    a zip is not unpacked; if its images are compressed, reading their blocks later takes several times as long.

    Masks are read in their finest resolution: of Level-2A the scene classes (SCL) and the cloud probability, of
    Level-1C opaque cloud and cirrus (MSK_CLASSI, from baseline 04.00 on; the GML polygons of older products are not
    read).

    Args:
        path: A ``.SAFE`` folder, the metadata in it, or a zip that holds one; of a product with several granules, the
            folder of one in GRANULE (also ``product.zip/….SAFE/GRANULE/…``).
        options: Cell size of the scene in metres (10 if None), and whether checksums are compared.

    Raises:
        InputError: no such product, several products, metadata only, damaged, or files that differ from the metadata.

    Memory: a few megabytes for the metadata, 100 MB for the largest that are accepted.
    """
    metres = _CELL_M if options.cell_size is None else float(options.cell_size)
    place, asked = find_product(Path(path))
    if options.verify:
        verify_product(place)
    product = _product(place)
    granule = _granule(place, product, asked)
    files = place.in_granule(granule.name)
    tile = _tile(place, granule, files)
    bands, absent = _bands(place, product, granule, tile, files, metres)
    masks, absent_masks = _masks(place, product, granule, tile, files)
    name = (product.uri or Path(place.root).name).removesuffix(".SAFE")
    tags = {
        "SENSOR": product.sensor,
        "LEVEL": product.level,
        "BASELINE": product.baseline,
        "TILE": granule.tile,
        "PRODUCT": product.uri,
        "ORBIT": product.orbit,
        "DATE": product.acquired,
    }
    finest = tile.grids[min(tile.grids)]
    scene = Scene(
        name if len(product.granules) == 1 else f"{name}_T{granule.tile}",
        tuple(bands),
        tile.crs,
        finest.transform,
        finest.height,
        finest.width,
        {tag: value for tag, value in tags.items() if value},
        tuple(masks),
        {**absent, **absent_masks},
        product.acquired,
    )
    scene = at_cell_size(scene, metres)
    return replace(scene, bands=_without_grid(scene.bands, scene.grid), masks=_without_grid(scene.masks, scene.grid))


def with_product_scaling(bands: Sequence[Band]) -> list[Band]:
    """Set scale, offset and nodata of band files in a product's IMG_DATA from its metadata; other bands are unchanged.

    Only the product's metadata give the offset of 1000, not the band files. A band file that declares a scale, offset
    or nodata itself is unchanged.

    Raises:
        InputError: the product's metadata are damaged.
    """
    products: dict[Path, Product | None] = {}
    out = []
    for band in bands:
        image, file = image_of(band.stem), Path(band.href)
        undeclared = band.dtype == "uint16" and (band.scale, band.offset, band.nodata) == (1, 0, None)
        in_images = "IMG_DATA" in file.absolute().parts[-3:-1] and not is_remote(band.href)
        if image is None or image[0] not in NATIVE_M or not (undeclared and in_images):
            out.append(band)
            continue
        if file.parent not in products:
            place = product_above(file)
            products[file.parent] = None if place is None else _product(place)
        product = products[file.parent]
        out.append(band if product is None else _measured(band, image[0], product))
    return out


def _product(place: Place) -> Product:
    return read_product(place.read(place.metadata), place.shown(place.metadata))


def _granule(place: Place, product: Product, asked: str) -> Granule:
    names = [granule.name for granule in product.granules]
    if not asked and len(names) == 1:
        return product.granules[0]
    if asked in names:
        return product.granules[names.index(asked)]
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    what = f"has no granule {asked} but {shown}" if asked else f"holds {len(names)} granules ({shown})"
    raise InputError(place.root, what, f"pass the folder of one, e.g. {place.shown(f'GRANULE/{names[0]}')}")


def _tile(place: Place, granule: Granule, files: Iterable[PurePosixPath]) -> GranuleTile:
    names = [file for file in files if len(file.parts) == 3 and TILE_XML.fullmatch(file.name)]
    if not names:
        folder = place.shown(f"GRANULE/{granule.name}")
        raise InputError(folder, "has no metadata of the granule (MTD_TL.xml)", "fetch the product again")
    return read_tile(place.read(str(names[0])), place.shown(str(names[0])))


def _bands(
    place: Place, product: Product, granule: Granule, tile: GranuleTile, files: Sequence[PurePosixPath], metres: float
) -> tuple[list[Band], dict[str, str]]:
    listed = _listed(granule)
    bands, absent = [], {}
    for name in NATIVE_M:
        if name in listed:
            taken = take_resolution(listed[name], metres)
            file = _file(listed[name][taken], files)
            if file is None:
                absent[name] = listed[name][taken]
            else:
                (band,) = _opened(place, file, tile, taken, {name: 1}, "measured")
                bands.append(_measured(band, name, product))
    if not bands:
        _refuse_empty(place, listed, files, metres)
    return bands, absent


def _refuse_empty(
    place: Place, listed: dict[str, dict[int, str]], files: Sequence[PurePosixPath], metres: float
) -> NoReturn:
    count = sum(name in NATIVE_M for name in listed)
    there = sorted(
        size for name in listed.keys() & NATIVE_M.keys() for size, path in listed[name].items() if _file(path, files)
    )
    if there:
        raise InputError(
            place.root,
            f"lists {count} bands and has the file of none at a cell size of {metres:g} m, but some of {there[0]} m",
            f"complete the download, or ask for a cell size of {there[0]} m",
        )
    raise InputError(
        place.root,
        f"is metadata only: it lists {count} bands and not one of their files is there",
        "fetch the whole product",
    )


def _masks(
    place: Place, product: Product, granule: Granule, tile: GranuleTile, files: Sequence[PurePosixPath]
) -> tuple[list[Band], dict[str, str]]:
    listed = _listed(granule)
    for kind, path in tile.masks:
        size = path.rpartition("_")[2].partition("m.")[0]
        if kind == "MSK_CLDPRB" and size.isdigit():
            listed.setdefault("CLDPRB", {})[int(size)] = path
        if kind == "MSK_CLASSI" and product.level == "L1C":
            listed["CLASSI"] = {_CLASSI_M: path}
    kinds: dict[str, tuple[Role, dict[str, int]]] = {
        "SCL": ("scene classes", {"SCL": 1}),
        "CLD": ("cloud probability", {"CLD": 1}),
        "CLDPRB": ("cloud probability", {"CLDPRB": 1}),
        "CLASSI": ("cloud", _CLASSI),
    }
    masks: list[Band] = []
    absent: dict[str, str] = {}
    for kind, (role, layers) in kinds.items():
        there = {size: file for size, path in sorted(listed.get(kind, {}).items()) if (file := _file(path, files))}
        if there:
            finest = min(there)
            masks += _opened(place, there[finest], tile, finest, layers, role)
        elif kind in listed:
            absent |= dict.fromkeys(layers, listed[kind][min(listed[kind])])
    return masks, absent


def _listed(granule: Granule) -> dict[str, dict[int, str]]:
    """Listed image paths by band or mask, and by pixel size in metres."""
    listed: dict[str, dict[int, str]] = {}
    for path in granule.images:
        image = image_of(path)
        if image is not None:
            listed.setdefault(image[0], {})[image[1]] = path
    return listed


def _file(listed: str, files: Sequence[PurePosixPath]) -> PurePosixPath | None:
    """The file of a listed image, None if it is missing; products before December 2016 list names instead of paths."""
    names = [listed] if listed.endswith(IMAGES) else [listed + suffix for suffix in IMAGES]
    for name in names:
        for file in files:
            if name in (str(file), file.name):
                return file
    return None


def _opened(
    place: Place, file: PurePosixPath, tile: GranuleTile, metres: int, layers: dict[str, int], role: Role
) -> list[Band]:
    """Layers of a file as bands.

    Raises:
        InputError: the file cannot be opened, or its header differs from the metadata.
    """
    path, grid = place.shown(str(file)), tile.grids.get(metres)
    if grid is None:
        raise InputError(path, f"has pixels of {metres} m, and the metadata name none of that size", "fetch it again")
    try:
        with open_file(place.href(str(file))) as image:
            size, origin, dtypes = image.shape, image.transform, image.dtypes
    except InputError as error:
        raise InputError(path, error.what, "fetch the product again") from error
    corner = np.hypot(origin.c - grid.transform.c, origin.f - grid.transform.f)
    if size != (grid.height, grid.width) or (not origin.is_identity and corner > metres):
        images = file.parent if "IMG_DATA" in file.parts else PurePosixPath(*file.parts[:2], "IMG_DATA")
        unpack = "" if place.archive is None else "unpack it and "
        raise InputError(
            path,
            f"has {size[1]} x {size[0]} pixels from {origin.c:.0f}, {origin.f:.0f}, and the metadata say "
            f"{grid.width} x {grid.height} from {grid.transform.c:.0f}, {grid.transform.f:.0f}",
            f"if it was cropped, {unpack}pass the folder of its band files, {place.shown(str(images))}",
        )
    if max(layers.values()) > len(dtypes):
        raise InputError(path, f"has {len(dtypes)} layers, not {max(layers.values())}", "fetch the product again")
    return [
        Band(name, True, place.href(str(file)), layer, dtypes[layer - 1], None, 1.0, 0.0, grid, role)
        for name, layer in layers.items()
    ]


def _measured(band: Band, name: str, product: Product) -> Band:
    offset = product.offsets.get(list(NATIVE_M).index(name))
    of = f"band {name} of {product.uri or band.href}"
    scale, add = scale_and_offset(product.baseline, product.quantification, offset, of=of)
    return replace(band, nodata=float(_NODATA), scale=scale, offset=add)


def _without_grid(bands: Iterable[Band], grid: Grid) -> tuple[Band, ...]:
    """Bands with ``grid`` set to None where it is the scene's own grid."""
    return tuple(replace(band, grid=None) if band.grid == grid else band for band in bands)
