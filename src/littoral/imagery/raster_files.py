"""Files to a scene: what they say about themselves."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePath
from typing import Any

import rasterio
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from littoral.errors import InputError, first_line
from littoral.http import shown_address
from littoral.imagery.resampling import fit_grid
from littoral.imagery.scene import SENTINEL_NAME, Band, Grid, Role, Scene, renamed
from littoral.imagery.stac.redaction import path_of, without_secrets, without_signature
from littoral.imagery.stac.signing import gdal_environment, gdal_name


def open_files(
    files: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    crs: str | None = None,
    band_names: Sequence[str] | None = None,
) -> Scene:
    """One scene of one file or of several that show the same place; no pixels are read.

    The scene's cells are the pixels of the finest file.

    Args:
        files: Paths or addresses of rasters; one file has all the bands, or each has some.
        names: Of each file, the name of its band.
        crs: Coordinate reference system (``EPSG:32617``) of a scene that does not say it.
        band_names: Names for the bands in order, where the files have none or other ones.

    Raises:
        InputError: not a raster, no georeference, bands in several CRS or turned against each other, names that do
            not fit.
    """
    files = [without_signature(file) for file in files]
    with ExitStack() as stack:
        datasets = [stack.enter_context(open_file(file)) for file in files]
        for dataset in datasets:
            if dataset.transform.is_identity:
                raise InputError(
                    without_secrets(dataset.name),
                    "has no georeference (no transform)",
                    "give it one, e.g. gdal_translate -a_ullr -a_srs, or add a world file",
                )
        finest = min(datasets, key=lambda dataset: abs(dataset.transform.determinant))
        found_crs = _crs(finest, crs)
        own = Grid(finest.transform, finest.height, finest.width)
        bands = _distinct(
            replace(
                _band(dataset, index, names[position] if names else None, len(files) > 1, own), href=files[position]
            )
            for position, dataset in enumerate(datasets)
            for index in dataset.indexes
            if dataset.colorinterp[index - 1] != ColorInterp.alpha
        )
        stem = PurePath(path_of(files[0]))
        name = stem.stem if len(files) == 1 else stem.parent.name
        if band_names is not None:
            if len(band_names) != len(bands) or len(set(band_names)) != len(bands):
                raise InputError(
                    name,
                    f"has {len(bands)} bands and {len(set(band_names))} different names were given",
                    "name each band once, in order",
                )
            bands = [
                replace(renamed(band, new), role=role_of(new)) for band, new in zip(bands, band_names, strict=True)
            ]
        measured = tuple(band for band in bands if band.role == "measured")
        scene = Scene(
            name, measured, found_crs, own.transform, own.height, own.width, dict(finest.tags()),
            masks=tuple(band for band in bands if band.role != "measured"),
        )  # fmt: skip
        for dataset in datasets:
            if dataset.crs != finest.crs:
                raise InputError(
                    without_secrets(dataset.name),
                    f"is in another CRS than {without_secrets(finest.name)}",
                    "these are separate scenes: pass one of them; or warp the bands to one CRS with gdalwarp",
                )
            fit_grid(scene, Grid(dataset.transform, dataset.height, dataset.width), without_secrets(dataset.name))
        return replace(scene, acquired=date_of(scene) or "")


def role_of(name: str) -> Role:
    """What values of a band of that name are.

    >>> [role_of(name) for name in ("B02", "SCL", "SCL_20m", "MSK_CLDPRB_20m", "QA_PIXEL")]
    ['measured', 'scene classes', 'scene classes', 'cloud probability', 'cloud bits']
    """
    return next((role for mask, role in _ROLES.items() if _in_name(mask, name)), "measured")


def _in_name(mask: str, name: str) -> bool:
    return re.search(rf"(^|_){mask}(_|$)", name, re.IGNORECASE) is not None


_ROLES: dict[str, Role] = {"SCL": "scene classes", "CLDPRB": "cloud probability", "QA_PIXEL": "cloud bits"}


def date_of(scene: Scene) -> str | None:
    """When the image was taken, ``YYYY-MM-DD``, by the scene's tags, its name or its files' names.

    >>> date_of(Scene("S2B_MSIL2A_20230613T155819_N0509_R097_T17RNJ", (), None, None, 1, 1))
    '2023-06-13'
    """
    tags = [scene.tags.get(tag, "") for tag in ("DATE", "ACQUISITIONDATETIME", "TIFFTAG_DATETIME")]
    for text in (*tags, scene.name, *(band.stem for band in scene.bands)):
        found = re.search(r"(?<!\d)((?:19|20)\d\d)[-:/]?([01]\d)[-:/]?([0-3]\d)(?!\d)", text)
        if found:
            try:
                return date(*map(int, found.groups())).isoformat()
            except ValueError:
                continue
    return None


def open_file(href: str, access: str = "") -> Any:
    """A file by its path or address; ``access`` names the catalogue that signs it (:attr:`Band.access`).

    Raises:
        InputError: not a raster, nothing there, or keys that are not set.
        DownloadError: no token is handed out for it.
    """
    try:
        with warnings.catch_warnings(), gdal_environment(href, access):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(gdal_name(href, access))
    except (RasterioIOError, RasterioError) as error:
        if "://" in href:
            named, what, remedy = shown_address(href), "cannot be read", "check the address and your rights there"
        else:
            named, what, remedy = href, "is not a raster that can be read", "pass a GeoTIFF, COG, VRT or JPEG 2000"
        # Not from the error: its text may hold what was taken out here.
        raise InputError(named, f"{what} ({reason(error)})", remedy) from None


def _crs(dataset: Any, given: str | None) -> CRS:
    own = None if dataset.crs is None else CRS.from_wkt(dataset.crs.to_wkt())
    if given is None:
        if own is None:
            raise InputError(
                without_secrets(dataset.name),
                "has no coordinate reference system",
                "say which it is with --scene-crs EPSG:… (open_scene(…, crs=…))",
            )
        return own
    try:
        told = CRS.from_user_input(given)
    except CRSError as error:
        raise InputError(f"the CRS {given!r}", "is not known", "write it like EPSG:32617") from error
    if own is not None and own != told:
        raise InputError(
            without_secrets(dataset.name),
            f"says itself that it is in {own.to_string()}, not {told.to_string()}",
            "leave --scene-crs away, or mend the file with gdal_edit -a_srs",
        )
    return told


def _band(dataset: Any, index: int, given: str | None, single: bool, finest: Grid) -> Band:
    position = index - 1
    description = (dataset.descriptions[position] or "").strip()
    stem = Path(path_of(dataset.name)).stem
    in_file_name = SENTINEL_NAME.findall(stem)
    mask = next((mask for mask in _ROLES if _in_name(mask, stem)), None)
    if given is not None:
        name, described = given, True
    elif description:
        first = description.split()[0]
        name, described = (first if SENTINEL_NAME.fullmatch(first) else description), True
    elif mask is not None and dataset.count == 1:
        name, described = mask, True
    elif dataset.count == 1 and in_file_name:
        number, letter = in_file_name[-1]
        name, described = (f"B{int(number)}A" if letter else f"B{int(number):02d}"), True
    elif single:
        name, described = stem, True
    else:
        name, described = f"B{index}", False
    nodata = dataset.nodatavals[position]
    grid = Grid(dataset.transform, dataset.height, dataset.width)
    return Band(
        name,
        described,
        dataset.name,
        index,
        dataset.dtypes[position],
        None if nodata is None else float(nodata),
        float(dataset.scales[position]),
        float(dataset.offsets[position]),
        None if grid == finest else grid,
        role_of(name),
    )


def _distinct(bands: Iterable[Band]) -> list[Band]:
    """Names told apart: the second TCI is TCI:2."""
    out: list[Band] = []
    seen: dict[str, int] = {}
    for band in bands:
        seen[band.name] = seen.get(band.name, 0) + 1
        out.append(band if seen[band.name] == 1 else renamed(band, f"{band.name}:{seen[band.name]}"))
    return out


def reason(error: Exception) -> str:
    cause = error.__cause__ or error
    return first_line(cause, without_secrets)
