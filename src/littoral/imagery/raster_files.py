"""Open raster files as a scene, with the CRS, grid, band names, scaling and date given by the files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioError, RasterioIOError

from littoral.errors import InputError, first_line
from littoral.http import shown_address
from littoral.imagery.band_names import (
    are_sentinel_2,
    name_by_wavelength,
    name_in,
    sensor_in_tags,
    sensor_of,
    wavelength_in,
)
from littoral.imagery.decoding import check_file, measured_bands, open_raster
from littoral.imagery.options import SceneOptions
from littoral.imagery.resampling import fit_grid
from littoral.imagery.scene import SENTINEL_NAME, Band, Grid, Role, Scene, renamed
from littoral.imagery.stac.redaction import path_of, without_secrets, without_signature
from littoral.imagery.stac.signing import gdal_environment, gdal_name

_AS_IT_IS = SceneOptions()


def open_files(files: Sequence[str], options: SceneOptions = _AS_IT_IS, *, names: Sequence[str] | None = None) -> Scene:
    """Open one file, or several files of the same place, as one scene; no pixels are read.

    The scene's cells are the pixels of the file with the smallest ones.

    Args:
        files: Paths or addresses of rasters; one file has all the bands, or each has some.
        options: CRS and names of bands, if the files have none; the cell size is ignored.
        names: Name of the band of each file.

    Raises:
        InputError: not a raster, no georeference, bands in several CRS or rotated against each other, or a wrong
            number of names.
    """
    files = [without_signature(file) for file in files]
    with ExitStack() as stack:
        datasets = [stack.enter_context(open_file(file)) for file in files]
        grids = [grid_of(dataset, without_secrets(dataset.name))[0] for dataset in datasets]
        finest, own = min(zip(datasets, grids, strict=True), key=lambda pair: abs(pair[1].transform.determinant))
        found_crs = _crs(finest, options.crs)
        metres = max(abs(step) for step in own.transform[:2] + own.transform[3:5]) * _metres_per_unit(found_crs)
        sentinel_2 = are_sentinel_2([label for dataset in datasets for label in _labels(dataset)], metres)
        bands = _distinct(
            replace(
                _band(dataset, index, names[position] if names else None, len(files) > 1, own, sentinel_2),
                href=files[position],
            )
            for position, dataset in enumerate(datasets)
            for index in measured_bands(dataset)[0]
        )
        stem = PurePath(path_of(files[0]))
        name = stem.stem if len(files) == 1 else stem.parent.name
        if options.band_names is not None:
            bands = with_names(bands, options.band_names, name)
        measured = tuple(band for band in bands if band.role == "measured")
        scene = Scene(
            name, measured, found_crs, own.transform, own.height, own.width, dict(finest.tags()),
            masks=tuple(band for band in bands if band.role != "measured"),
        )  # fmt: skip
        for dataset, grid in zip(datasets, grids, strict=True):
            if dataset.crs != finest.crs:
                raise InputError(
                    without_secrets(dataset.name),
                    f"is in another CRS than {without_secrets(finest.name)}",
                    "these are separate scenes: pass one of them; or warp the bands to one CRS with gdalwarp",
                )
            fit_grid(scene, grid, without_secrets(dataset.name))
        return replace(scene, acquired=date_of(scene) or "")


def with_names(bands: Sequence[Band], names: Sequence[str], scene: str) -> list[Band]:
    """Rename bands, in order.

    Raises:
        InputError: the number of names differs from that of bands, or a name occurs twice.
    """
    if len(names) != len(bands) or len(set(names)) != len(bands):
        raise InputError(
            scene,
            f"has {len(bands)} bands and {len(set(names))} different names were given",
            "name each band once, in order",
        )
    return [replace(renamed(band, new), role=role_of(new)) for band, new in zip(bands, names, strict=True)]


def role_of(name: str) -> Role:
    """Role of a band by its name: a mask, or ``measured``.

    >>> [role_of(name) for name in ("B02", "SCL", "SCL_20m", "MSK_CLDPRB_20m", "QA_PIXEL")]
    ['measured', 'scene classes', 'scene classes', 'cloud probability', 'cloud bits']
    """
    return next((role for mask, role in _ROLES.items() if _in_name(mask, name)), "measured")


def _metres_per_unit(crs: CRS) -> float:
    unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
    return _METRES_PER_DEGREE * np.degrees(unit) if crs.is_geographic else unit


def _in_name(mask: str, name: str) -> bool:
    return re.search(rf"(^|_){mask}(_|$)", name, re.IGNORECASE) is not None


_NUMBERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
LANDSAT_SURFACE = 2.75e-5, -0.2
"""Scale and offset of surface reflectance of Landsat's Collection 2, level 2 (LSDS-1619), which the files do not
contain."""
_LANDSAT_SURFACE = re.compile(r"L[CTE]0\d_L2S[PR]_\d{6}_\d{8}_\d{8}_02_T[12]_SR_B\d", re.IGNORECASE)
_METRES_PER_DEGREE = 111_320.0
_PARALLEL = 1e-9
"""Axes that are rotated by less than this slope count as parallel to those of the CRS."""
_ROLES: dict[str, Role] = {"SCL": "scene classes", "CLDPRB": "cloud probability", "QA_PIXEL": "cloud bits"}


def date_of(scene: Scene) -> str | None:
    """Acquisition date, ``YYYY-MM-DD``, from the scene's tags, its name or the names of its files; None if unknown.

    >>> date_of(Scene("S2B_MSIL2A_20230613T155819_N0509_R097_T17RNJ", (), None, None, 1, 1))
    '2023-06-13'
    """
    tags = [scene.tags.get(tag, "") for tag in ("DATE", "ACQUISITIONDATETIME", "TIFFTAG_DATETIME")]
    return next(filter(None, map(date_in, (*tags, scene.name, *(band.stem for band in scene.bands)))), None)


def date_in(text: str) -> str | None:
    """The first date in a text, as ``YYYY-MM-DD``; it may be written with month and day, or with the day of the year.

    >>> [date_in(text) for text in ("bay_2023_06_13_B03", "20230613T155819", "HLS.S30.T17RNJ.2023164T155819")]
    ['2023-06-13', '2023-06-13', '2023-06-13']
    >>> date_in("LC80150422023164LGN00_B3"), date_in("tile_1234567")
    ('2023-06-13', None)
    """
    for pattern, form in _DATES:
        for found in re.finditer(pattern, text):
            try:
                day = datetime.strptime(" ".join(found.groups()), form).date()
            except ValueError:
                continue
            # Day 366 of a common year would fall in the next year.
            if day.year == int(found[1]):
                return day.isoformat()
    return None


_DATES = (
    (r"(?<!\d)((?:19|20)\d\d)[-_.:/]?([01]\d)[-_.:/]?([0-3]\d)(?!\d)", "%Y %m %d"),
    (r"(?<!\d)((?:19|20)\d\d)[-_.]?([0-3]\d\d)(?!\d)", "%Y %j"),
    # Landsat names before the collections: the date follows satellite, path and row.
    (r"(?<=^L[A-Z]\d\d{6})((?:19|20)\d\d)([0-3]\d\d)(?!\d)", "%Y %j"),
)


def open_file(href: str, access: str = "", *, whole: bool = False) -> Any:
    """Open a raster file by its path or address.

    Args:
        href: Path or address of the file.
        access: Name of the catalogue whose token or key opens it (:attr:`Band.access`), "" if none is needed.
        whole: Check that the file is complete, as far as possible without decoding it; used before pixels are read.

    Raises:
        InputError: no such file, not a raster, damaged, or keys that are not set.
        DownloadError: no token could be obtained.
    """
    try:
        with gdal_environment(href, access), ExitStack() as stack:
            dataset = stack.enter_context(open_raster(gdal_name(href, access)))
            if whole:
                check_file(dataset)
            stack.pop_all()
            return dataset
    except (RasterioIOError, RasterioError) as error:
        if "://" in href:
            named, what, remedy = shown_address(href), "cannot be read", "check the address and your rights there"
        else:
            named, what, remedy = href, "is not a raster that can be read", "pass a GeoTIFF, COG, VRT or JPEG 2000"
        # "from None": the text of the original error may hold secrets.
        raise InputError(named, f"{what} ({reason(error)})", remedy) from None
    except ValueError as error:
        named = shown_address(href) if "://" in href else href
        raise InputError(named, f"is damaged ({reason(error)})", "fetch it again") from None


def grid_of(dataset: Any, name: str) -> tuple[Grid, tuple[bool, bool]]:
    """Grid of a file, and whether its rows and its columns must be reversed to match the grid.

    In the grid, rows run from north to south and columns from west to east. A rotated image keeps its rotation; it is
    reversed only if it is mirrored.

    Args:
        dataset: The open file.
        name: Name of the file in messages.

    Raises:
        InputError: no georeference, or an invalid one.
    """
    own = dataset.transform
    if own.is_identity:
        raise InputError(
            name,
            "has no georeference (no transform)",
            "give it one, e.g. gdal_translate -a_ullr -a_srs, or add a world file",
        )
    if not np.isfinite(own[:6]).all() or own.is_degenerate:
        raise InputError(name, f"has a georeference that is none ({own[:6]})", "give it a right one with gdal_edit")
    height, width = dataset.height, dataset.width
    if max(abs(own.b), abs(own.d)) <= _PARALLEL * min(abs(own.a), abs(own.e)):
        upwards, leftwards = own.e > 0, own.a < 0
    else:
        upwards, leftwards = own.determinant > 0, False
    if upwards:
        own = own @ Affine.translation(0, height) @ Affine.scale(1, -1)
    if leftwards:
        own = own @ Affine.translation(width, 0) @ Affine.scale(-1, 1)
    return Grid(own, height, width), (upwards, leftwards)


def nodata_of(dataset: Any, band: int) -> float | None:
    """The nodata value that a file declares for a band; None if there is none, or if its data type cannot hold it."""
    with np.errstate(over="ignore"):
        value = dataset.nodatavals[band - 1]
    kind = np.dtype(dataset.dtypes[band - 1])
    if value is None or kind.kind == "f":
        return None if value is None else float(value)
    limits = np.iinfo(kind)
    return float(value) if value == np.floor(value) and limits.min <= value <= limits.max else None


def crs_of(dataset: Any) -> CRS | None:
    """A file's coordinate reference system; None without one, or if it is neither projected nor geographic (a local
    engineering CRS)."""
    try:
        own = None if dataset.crs is None else CRS.from_wkt(dataset.crs.to_wkt())
    except (CRSError, RasterioError) as error:
        raise InputError(
            without_secrets(dataset.name), f"has a damaged CRS ({first_line(error)})", "mend it with gdal_edit -a_srs"
        ) from error
    return own if own is not None and (own.is_projected or own.is_geographic) else None


def _crs(dataset: Any, given: str | None) -> CRS:
    """The file's CRS, or the given one if the file has none.

    Raises:
        InputError: neither has one, the given one is invalid, or they differ.
    """
    own = crs_of(dataset)
    if given is None:
        if own is None:
            raise InputError(
                without_secrets(dataset.name),
                "has no coordinate reference system",
                "say which it is with --scene-crs EPSG:… (open_scene(…, crs=…))",
            )
        return own
    try:
        crs = CRS.from_user_input(given)
    except CRSError as error:
        raise InputError(f"the CRS {given!r}", "is not known", "write it like EPSG:32617") from error
    if not (crs.is_projected or crs.is_geographic):
        raise InputError(f"the CRS {given!r}", "is none of places on the ground", "write it like EPSG:32617")
    if own is not None and own != crs:
        raise InputError(
            without_secrets(dataset.name),
            f"says itself that it is in {own.to_string()}, not {crs.to_string()}",
            "leave --scene-crs away, or mend the file with gdal_edit -a_srs",
        )
    return crs


def _labels(dataset: Any) -> list[str]:
    """Candidates for a file's band names: first words of the descriptions; else, of a file with one band, the words of
    the file name."""
    words = [description.split()[0] for description in dataset.descriptions if description and description.strip()]
    stem = Path(path_of(dataset.name)).stem
    return words or (re.split(r"[^A-Za-z0-9]+", stem) if dataset.count == 1 else [])


def _name(dataset: Any, index: int, single: bool, sentinel_2: bool) -> tuple[str, bool]:
    """Name of a band, and whether it identifies the band (a number by position does not).

    Args:
        dataset: The open file.
        index: Number of the band, from 1.
        single: Whether the scene has several files, so that a file's name may be the name of its band.
        sentinel_2: Whether names like B3 are Sentinel-2's.
    """
    position = index - 1
    description = (dataset.descriptions[position] or "").strip()
    stem = Path(path_of(dataset.name)).stem
    sensor = sensor_of(stem) or sensor_in_tags(dataset.tags())
    wavelength = wavelength_in({**dataset.tags(index), **dataset.tags(index, ns="IMAGERY")})
    by_wavelength = None if wavelength is None else name_by_wavelength(wavelength)
    first = description.split()[0] if description else ""
    if SENTINEL_NAME.fullmatch(first) or re.fullmatch(r"SR_B\d", first, re.IGNORECASE):
        if re.fullmatch(r"B(\d\d|8A)", first, re.IGNORECASE):
            return first, True
        if sensor in ("oli", "tm"):
            return name_in(first, sensor) or first, True
        if by_wavelength or sensor == "sentinel-2" or (sentinel_2 and not sensor):
            return by_wavelength or name_in(first, "sentinel-2") or first, True
        # Among Landsat's sensors, only OLI has a band SR_B6 of surface reflectance.
        oli = "SR_B6" in map(str.upper, _labels(dataset))
        return (name_in(first, "oli") or first, True) if oli else (first, False)
    if description:
        return description, True
    mask = next((mask for mask in _ROLES if _in_name(mask, stem)), None)
    if dataset.count == 1 and mask is not None:
        return mask, True
    if dataset.count == 1 and by_wavelength is not None:
        return by_wavelength, True
    if dataset.count == 1 and (sensor or sentinel_2) and (name := name_in(stem, sensor)) is not None:
        return name, True
    return (stem, True) if single else (f"B{index}", False)


def _band(dataset: Any, index: int, given: str | None, single: bool, finest: Grid, alike: bool) -> Band:
    position = index - 1
    name, described = (given, True) if given is not None else _name(dataset, index, single, alike)
    dtype = dataset.dtypes[position]
    if dtype not in _NUMBERS:
        raise InputError(
            without_secrets(dataset.name),
            f"has values of the type {dtype}",
            "convert it, e.g. gdal_translate -ot Float32",
        )
    grid, flipped = grid_of(dataset, without_secrets(dataset.name))
    nodata = nodata_of(dataset, index)
    scale, offset = float(dataset.scales[position]), float(dataset.offsets[position])
    if dtype == "uint16" and (scale, offset) == (1, 0) and _LANDSAT_SURFACE.match(Path(path_of(dataset.name)).name):
        (scale, offset), nodata = LANDSAT_SURFACE, 0.0
    return Band(
        name,
        described,
        dataset.name,
        index,
        dtype,
        nodata,
        scale,
        offset,
        None if grid == finest else grid,
        role_of(name),
        alpha=measured_bands(dataset)[1],
        flipped=flipped,
    )


def _distinct(bands: Iterable[Band]) -> list[Band]:
    """Bands with unique names: a second TCI becomes TCI:2."""
    out: list[Band] = []
    seen: dict[str, int] = {}
    for band in bands:
        seen[band.name] = seen.get(band.name, 0) + 1
        out.append(band if seen[band.name] == 1 else renamed(band, f"{band.name}:{seen[band.name]}"))
    return out


def reason(error: Exception) -> str:
    """First line of an error's cause, without secrets."""
    cause = error.__cause__ or error
    return first_line(cause, without_secrets)
