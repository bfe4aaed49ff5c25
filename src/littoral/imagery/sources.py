"""Open scenes from any source: files, folders, Sentinel-2 and Landsat products, STAC items."""

from __future__ import annotations

import errno
import json
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from littoral.errors import InputError, LittoralWarning
from littoral.imagery.landsat import is_landsat, open_landsat
from littoral.imagery.options import SceneOptions
from littoral.imagery.raster_files import date_in, open_file, open_files
from littoral.imagery.resampling import at_cell_size
from littoral.imagery.safe import is_safe, open_safe, with_product_scaling
from littoral.imagery.safe.files import is_remote
from littoral.imagery.scene import SENTINEL_NAME, Band, Scene
from littoral.imagery.stac.item_files import is_item
from littoral.imagery.stac.items import open_items
from littoral.imagery.stac.redaction import without_secrets
from littoral.imagery.stac.scaling import ScalingMetadata, baseline_of, reflectance_scaling

IMAGE_FOLDERS = ("IMG_DATA", "R10m", "R20m", "R60m")
"""Names of the image folders in Sentinel-2 products."""
PRODUCT_IMAGE = re.compile(r"(L[12][AC]_)?T\d{2}[A-Z]{3}_\d{8}T\d{6}_B\d[\dA]")
"""Beginning of the names of images in Sentinel-2 products."""
Source = str | Path | Sequence[str | Path] | Mapping[str, str | Path]
"""A path or address; a list of files; or files by the names of their bands."""
Scenes = Scene | str | Path | Sequence[Scene | str | Path]
"""A scene, a source, or a list of them."""
_AS_IT_IS = SceneOptions()
SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".img")
"""Suffixes of the files in a folder that are opened as bands or scenes."""


def open_scene(
    source: Source,
    options: SceneOptions = _AS_IT_IS,
) -> Scene:
    """Open a scene: one file with all its bands, one file per band, or a product. No pixels are read.

    Args:
        source: A GeoTIFF, COG, VRT or JPEG 2000, by path or web address; a folder with one file per band; a Landsat
            product's folder; a Sentinel-2 product (:func:`littoral.imagery.safe.open_safe`); an item of a STAC
            catalogue or a file of one item (:func:`open_item`); a list of files; or a mapping from band names to files.
            Bands may differ in pixel size.
        options: CRS and names of bands, if the file has none; the cell size (the value of a cell is the mean of the
            pixels under it).

    Raises:
        InputError: no such file, not a raster, no georeference, several scenes, bands in different CRS or rotated
            against each other, or a wrong number of names.
    """
    scenes = open_scenes(source, options)
    if len(scenes) > 1:
        named = ", ".join(scene.name for scene in scenes[:3]) + (", …" if len(scenes) > 3 else "")
        raise InputError(without_secrets(str(source)), f"holds {len(scenes)} scenes ({named})", "pass one of them")
    return scenes[0]


def open_scenes(
    source: Source,
    options: SceneOptions = _AS_IT_IS,
) -> list[Scene]:
    """Open all scenes of a source: one, or those of a folder of images or products.

    Arguments and errors are those of :func:`open_scene`. Images in one folder are bands of one scene if they cover the
    same ground on the same day, else separate scenes (:func:`group_files`).
    """
    if isinstance(source, Mapping):
        files = [str(path) for path in source.values()]
        scenes = [open_files(files, options, names=[str(name) for name in source])]
    elif not isinstance(source, str | Path):
        scenes = [open_files([str(path) for path in source], options)]
    else:
        scenes = _open_path(str(source), options)
    scenes = [_named(replace(scene, bands=_by_baseline(with_product_scaling(scene.bands)))) for scene in scenes]
    for scene in scenes:
        _warn_of_offsets(scene)
    return scenes if options.cell_size is None else [at_cell_size(scene, options.cell_size) for scene in scenes]


def as_scenes(given: Scenes, options: SceneOptions = _AS_IT_IS) -> list[Scene]:
    """Open the scenes of paths, and keep scenes that are already open; the order is that of ``given``.

    Args:
        given: A scene, a path with one or several scenes (:func:`open_scenes`), or a list of them.
        options: Options for opening; not applied to scenes that are already open.

    Raises:
        InputError: as :func:`open_scenes`, or an empty list.
    """
    listed = [given] if isinstance(given, Scene | str | Path) else list(given)
    if not listed:
        raise InputError("the list of scenes", "is empty", "pass at least one")
    return [scene for one in listed for scene in ([one] if isinstance(one, Scene) else open_scenes(one, options))]


def _open_path(source: str, options: SceneOptions) -> list[Scene]:
    path = Path(source)
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) not in (errno.ENOENT, errno.ENOTDIR) and not is_remote(source):
            what = getattr(error, "strerror", None) or error
            raise InputError(path, f"cannot be opened ({what})", "check the path to the scene") from error
    if is_item(source):
        return open_items(source, options)
    if "://" in source or source.startswith("/vsi"):
        return [open_files([source], options)]
    if is_safe(path) or is_landsat(path):
        for option, given in (("--scene-crs", options.crs), ("--band-names", options.band_names)):
            if given is not None:
                raise InputError(path, f"is a product, which says itself what {option} would", f"leave {option} away")
        return [open_safe(path, options) if is_safe(path) else open_landsat(path)]
    if not path.exists():
        raise InputError(path, "does not exist", "check the path to the scene")
    if not path.is_dir():
        return [open_files([source], options)]
    inside = [child for child in sorted(path.iterdir()) if not child.name.startswith(".")]
    products = [child for child in inside if is_landsat(child) or is_safe(child) or is_item(str(child))]
    files = [str(file) for file in inside if file.suffix.lower() in SUFFIXES and file not in products]
    if products:
        if files:
            warnings.warn(
                f"{path} holds products, and beside them {len(files)} images that are left out ({Path(files[0]).name}"
                f"{', …' if len(files) > 1 else ''}); pass those themselves if they are scenes",
                LittoralWarning,
                stacklevel=4,
            )
        return [scene for product in products for scene in _open_path(str(product), options)]
    if not files:
        raise InputError(path, f"has no band files ({', '.join(SUFFIXES)}) in it", "pass the folder that holds them")
    groups = group_files(files)
    scenes = [open_files(group, options) for group in groups.values()]
    several = len(scenes) > 1
    return [
        replace(scene, name=name) if several and len(group) > 1 else scene
        for scene, (name, group) in zip(scenes, groups.items(), strict=True)
    ]


def group_files(files: Sequence[str]) -> dict[str, list[str]]:
    """Group the images of a folder into scenes; returns the files of each scene by a unique name.

    Files belong to one scene if they cover the same ground, to within 1.5 pixels of the coarser file, on the same day.
    If two files would then be the same band, files also need equal names apart from the band's name.
    """
    facts = {file: _facts(file) for file in files}
    by_place: list[list[str]] = []
    for file in files:
        same = (group for group in by_place if facts[group[0]].same_place(facts[file]))
        group = next(same, None)
        group.append(file) if group is not None else by_place.append([file])
    groups: dict[str, list[str]] = {}
    for place in by_place:
        days = {facts[file].day for file in place} - {None}
        for day in sorted({facts[file].day for file in place}, key=str) if len(days) > 1 else [None]:
            one_day = [file for file in place if len(days) < 2 or facts[file].day == day]
            bands = [band for file in one_day for band in facts[file].bands]
            rests = {facts[file].rest for file in one_day} if len(set(bands)) < len(bands) else {None}
            for rest in sorted(rests, key=str):
                chosen = [file for file in one_day if rest is None or facts[file].rest == rest]
                name = facts[chosen[0]].rest or Path(chosen[0]).stem
                groups[name if name not in groups else f"{name}:{len(groups) + 1}"] = chosen
    return groups


@dataclass(frozen=True)
class _Facts:
    """Properties of an image by which the images of a folder are grouped."""

    crs: object
    """CRS as rasterio reads it."""
    bounds: tuple[float, ...]
    """West, south, east, north in units of the CRS."""
    step: float
    """Longer side of a pixel, units of the CRS."""
    day: str | None
    """Date in the file's name, ``YYYY-MM-DD``."""
    bands: tuple[str, ...]
    """Names of its bands."""
    rest: str
    """Name of the file without the name of its band."""

    def same_place(self, other: _Facts) -> bool:
        apart = max(abs(a - b) for a, b in zip(self.bounds, other.bounds, strict=True))
        return self.crs == other.crs and apart <= 1.5 * max(self.step, other.step)


_BAND_IN_NAME = re.compile(
    r"[-_. ]?(?<![A-Za-z0-9])((SR_)?B\d{1,2}A?|SCL|CLD|(MSK_)?CLDPRB|QA_PIXEL)(?![A-Za-z0-9])([-_]\d\dm)?",
    re.IGNORECASE,
)


def _facts(file: str) -> _Facts:
    with open_file(file) as dataset:
        west, east = sorted((dataset.bounds.left, dataset.bounds.right))
        south, north = sorted((dataset.bounds.bottom, dataset.bounds.top))
        stem = Path(file).stem
        if dataset.count > 1:
            described = [text or f"B{index}" for index, text in enumerate(dataset.descriptions, 1)]
            bands, rest = tuple(described), stem
        else:
            found = _BAND_IN_NAME.search(stem)
            own = (dataset.descriptions[0] or "").strip()
            bands, rest = (found[1] if found else own or stem,), _BAND_IN_NAME.sub("", stem)
        return _Facts(
            dataset.crs,
            (west, south, east, north),
            max(dataset.res),
            date_in(stem),
            tuple(band.split()[0].casefold() for band in bands if band.strip()),
            rest.strip("-_. "),
        )


def _named(scene: Scene) -> Scene:
    """Name a scene after its images if it has only the name of a product's image folder, such as IMG_DATA."""
    if scene.name not in IMAGE_FOLDERS:
        return scene
    words = zip(*(band.stem.split("_") for band in scene.bands), strict=False)
    common = takewhile(lambda alike: len(set(alike)) == 1, words)
    return replace(scene, name="_".join(word for word, *_ in common) or scene.name)


def _by_baseline(bands: Sequence[Band]) -> tuple[Band, ...]:
    """Set the scale and offset of ESA's JPEG 2000 files outside their product (AWS: ``R10m/B02.jp2``).

    They follow from the processing baseline in a folder's name or in ``tileInfo.json`` in one of the two folders above.
    """
    out = []
    for band in bands:
        if _is_bare(band) and band.href.lower().endswith(".jp2") and (baseline := _baseline_beside(Path(band.href))):
            scaling = reflectance_scaling(ScalingMetadata(baseline=baseline))
            if scaling is not None:
                band = replace(band, scale=scaling[0], offset=scaling[1], nodata=0.0)
        out.append(band)
    return tuple(out)


def _baseline_beside(file: Path) -> float | None:
    """Processing baseline from the names of the folders above a file, or from ``tileInfo.json``; None if unknown."""
    names = [part for part in file.absolute().parts if "_MSIL" in part]
    for folder in file.absolute().parents[:2]:
        try:
            if (folder / "tileInfo.json").is_file():
                names.append(str(json.loads((folder / "tileInfo.json").read_bytes()).get("productName")))
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
    return next(filter(None, (baseline_of({"id": name, "properties": {}}) for name in names)), None)


def _is_bare(band: Band) -> bool:
    """Whether a band is an image of a Sentinel-2 product without the metadata that give its offset."""
    undeclared = band.dtype == "uint16" and band.scale == 1 and band.role == "measured"
    of_product = PRODUCT_IMAGE.match(band.stem) or (
        band.href.lower().endswith(".jp2") or re.search(r"[/\\](R[126]0m|IMG_DATA)[/\\][^/\\]+$", band.href)
    )
    return bool(undeclared and of_product and band.described and SENTINEL_NAME.fullmatch(band.name))


def _warn_of_offsets(scene: Scene) -> None:
    """Warn about images of a Sentinel-2 product without the metadata that give their offset."""
    bare = [band for band in scene.bands if _is_bare(band)]
    if bare:
        warnings.warn(
            f"{bare[0].href} is an image of a Sentinel-2 product without the product's metadata: it is unknown whether "
            "its values include the offset of 1000, so they stay as stored; keep it in its .SAFE folder, or set its "
            "scale and offset with gdal_edit -scale 0.0001 -offset -0.1 -a_nodata 0 (baseline 04.00 or later)",
            LittoralWarning,
            stacklevel=4,
        )
