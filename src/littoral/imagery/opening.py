"""A path to a scene: what the files say about themselves."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import rasterio
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from littoral.errors import InputError
from littoral.imagery.scene import SENTINEL_NAME, Band, Scene, renamed

SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".img")
"""Of the files taken for bands in a folder."""


def open_scene(
    source: str | Path | Sequence[str | Path] | Mapping[str, str | Path],
    *,
    crs: str | None = None,
    band_names: Sequence[str] | None = None,
) -> Scene:
    """Open a scene: one file with all its bands, or one file per band. No pixels are read.

    Args:
        source: A GeoTIFF, COG, VRT or JPEG 2000; a folder with one file per band; a list of files; or a mapping from
            band names to files. Files of one scene must share one grid.
        crs: Coordinate reference system (``EPSG:32617``) of a scene that does not say it.
        band_names: Names for the bands in order, where the file has none or other ones.

    Raises:
        InputError: nothing there, not a raster, no georeference, bands on different grids, names that do not fit.
    """
    from littoral.imagery.safe import as_product_says, is_safe, open_safe  # it opens files as this module does

    if isinstance(source, str | Path) and is_safe(source):
        return open_safe(source)
    files, names = _files(source)
    name = Path(files[0]).stem if len(files) == 1 else Path(files[0]).parent.name
    opened = [open_file(str(file)) for file in files]
    with ExitStack() as stack:
        datasets = [stack.enter_context(dataset) for dataset in opened]
        first = datasets[0]
        for dataset in datasets[1:]:
            if (dataset.crs, dataset.transform, dataset.shape) != (first.crs, first.transform, first.shape):
                raise InputError(
                    dataset.name,
                    f"lies on another grid than {first.name}",
                    "bring the bands to one cell size, e.g. gdalbuildvrt -separate -resolution highest",
                )
        if first.transform.is_identity:
            raise InputError(
                first.name,
                "has no georeference (no transform)",
                "give it one, e.g. gdal_translate -a_ullr -a_srs, or add a world file",
            )
        found_crs = _crs(first, crs)
        bands = _distinct(
            _band(dataset, index, names[position] if names else None, single=len(files) > 1)
            for position, dataset in enumerate(datasets)
            for index in dataset.indexes
            if dataset.colorinterp[index - 1] != ColorInterp.alpha
        )
        if band_names is not None:
            if len(band_names) != len(bands) or len(set(band_names)) != len(bands):
                raise InputError(
                    name,
                    f"has {len(bands)} bands and {len(set(band_names))} different names were given",
                    "name each band once, in order",
                )
            bands = [renamed(band, new) for band, new in zip(bands, band_names, strict=True)]
        bands = as_product_says(bands)
        return Scene(name, tuple(bands), found_crs, first.transform, first.height, first.width, dict(first.tags()))


def _files(source: str | Path | Sequence[str | Path] | Mapping[str, str | Path]) -> tuple[list[Path], list[str] | None]:
    if isinstance(source, Mapping):
        return [Path(path) for path in source.values()], [str(name) for name in source]
    if not isinstance(source, str | Path):
        return [Path(path) for path in source], None
    path = Path(source)
    if not path.exists():
        raise InputError(path, "does not exist", "check the path to the scene")
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise InputError(
                path, f"has no band files ({', '.join(SUFFIXES)}) in it", "pass the folder that holds them"
            )
        return files, None
    return [path], None


def open_file(href: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(href)
    except (RasterioIOError, RasterioError) as error:
        raise InputError(
            href, f"is not a raster that can be read ({reason(error)})", "pass a GeoTIFF, COG, VRT or JPEG 2000"
        ) from error


def _crs(dataset: Any, given: str | None) -> CRS:
    own = None if dataset.crs is None else CRS.from_wkt(dataset.crs.to_wkt())
    if given is None:
        if own is None:
            raise InputError(
                dataset.name,
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
            dataset.name,
            f"says itself that it is in {own.to_string()}, not {told.to_string()}",
            "leave --scene-crs away, or mend the file with gdal_edit -a_srs",
        )
    return told


def _band(dataset: Any, index: int, given: str | None, single: bool) -> Band:
    position = index - 1
    description = (dataset.descriptions[position] or "").strip()
    in_file_name = SENTINEL_NAME.findall(Path(dataset.name).stem)
    if given is not None:
        name, described = given, True
    elif description:
        first = description.split()[0]
        name, described = (first if SENTINEL_NAME.fullmatch(first) else description), True
    elif single and in_file_name:
        number, letter = in_file_name[-1]
        name, described = (f"B{int(number)}A" if letter else f"B{int(number):02d}"), True
    elif single:
        name, described = Path(dataset.name).stem, True
    else:
        name, described = f"B{index}", False
    nodata = dataset.nodatavals[position]
    return Band(
        name,
        described,
        dataset.name,
        index,
        dataset.dtypes[position],
        None if nodata is None else float(nodata),
        float(dataset.scales[position]),
        float(dataset.offsets[position]),
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
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__
