"""A path to pixels: scenes, bands, offsets, masks.

A :class:`Scene` says what there is; :func:`stored_as` decides how values are kept; :func:`read_windows` is the one
function that moves bytes. Values come back as ``(bands, height, width)`` with a mask of ``(height, width)``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.windows import Window as RasterioWindow

from littoral.errors import InputError

Values = NDArray[Any]

SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".img")
"""Of the files taken for bands in a folder."""

REFLECTANCE = "reflectance x 10000"
AS_STORED = "as stored"

_SENTINEL_NAME = re.compile(r"B(\d{1,2})(A?)", re.IGNORECASE)
_HUGE = 1e30
"""Floats beyond it are some program's nodata (often ±3.4e38), whatever the file says."""


@dataclass(frozen=True)
class Band:
    """One band of a scene."""

    name: str
    """As the file describes it (its first word, where that is a Sentinel-2 name), else B1, B2, … by position."""
    described: bool
    """Whether the name comes from the file or the user; a counted B2 must not pass for Sentinel-2's B02."""
    path: Path
    """File that holds it."""
    index: int
    """Position in that file, from 1."""
    dtype: str
    """NumPy type of the stored values."""
    nodata: float | None
    """Value the file declares as nodata; None: every finite value counts, 0 too."""
    scale: float
    """Reflectance (or whatever the unit is) = stored x scale + offset; 1 where the file says nothing."""
    offset: float
    """See ``scale``; 0 where the file says nothing."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels of a scene; it may reach beyond the scene's edges."""

    row: int
    """First row, from 0 at the upper edge; may be negative."""
    column: int
    """First column, from 0 at the left edge; may be negative."""
    height: int
    """Rows."""
    width: int
    """Columns."""


@dataclass(frozen=True)
class Scene:
    """An image of a place: bands on one grid."""

    name: str
    """Short name for messages and records: the file's or folder's."""
    bands: tuple[Band, ...]
    """In file order."""
    crs: CRS
    """Of the grid."""
    transform: Affine
    """Pixel (column, row) to CRS (x, y); (0, 0) is the outer corner of the upper left pixel."""
    height: int
    """Rows."""
    width: int
    """Columns."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What the file says about itself (DATE, SENSOR, …)."""

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a pixel in units of the CRS."""
        a, b, _, d, e, _ = self.transform[:6]
        return float(np.hypot(a, d)), float(np.hypot(b, e))

    def describe(self) -> str:
        """One line per fact a user should check before a long run."""
        x, y = self.cell_size
        lines = [f"{self.name}: {self.width} x {self.height} pixels of {x:.6g} x {y:.6g}, {self.crs.to_string()}"]
        for band in self.bands:
            value = stored_as(band)
            lines.append(
                f"  {band.name}: {band.dtype}, nodata {'none' if band.nodata is None else f'{band.nodata:g}'}, "
                f"scale {band.scale:g}, offset {band.offset:g}, kept {value.meaning}"
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class Stored:
    """How values of a band are kept in tiles."""

    meaning: str
    """:data:`REFLECTANCE` or :data:`AS_STORED`."""
    add: int
    """What is added to each stored value."""
    dtype: str
    """NumPy type of what is kept."""
    fill: float
    """What stands at missing pixels."""
    masked: float | None
    """Stored value that means nodata, None if there is none."""


def stored_as(band: Band, raw: bool = False) -> Stored:
    """Decide how a band's values are kept; learning and classifying both ask here.

    A Sentinel-2 product of processing baseline 04.00 or later carries an offset of -1000 (scale 0.0001, offset -0.1).
    Where the file declares that, values are kept as reflectance x 10000 in int16, so that dark water may be negative,
    as in the product (beyond 32767, a reflectance of 3.28, they are cut); and DN 0 is nodata, as the product says
    (Special_Values). All else keeps its type and its values.

    >>> band = Band("B02", True, Path("x.tif"), 1, "uint16", None, 1e-4, -0.1)
    >>> stored_as(band)
    Stored(meaning='reflectance x 10000', add=-1000, dtype='int16', fill=-32768, masked=0)
    >>> stored_as(band, raw=True).add
    0
    """
    is_product = band.dtype == "uint16" and np.isclose(band.scale, 1e-4)
    if is_product and band.offset and not raw:
        masked = 0 if band.nodata is None else band.nodata
        return Stored(REFLECTANCE, round(band.offset / band.scale), "int16", -32768, masked)
    meaning = REFLECTANCE if is_product and not band.offset else AS_STORED
    unstated = float("nan") if np.dtype(band.dtype).kind == "f" else 0
    fill = unstated if band.nodata is None else band.nodata
    return Stored(meaning, 0, band.dtype, fill, band.nodata)


def kept_as(bands: Sequence[Band], raw: bool = False) -> tuple[str, str]:
    """What the values of some bands mean together, and their NumPy type."""
    meanings = {stored_as(band, raw).meaning for band in bands}
    return (meanings.pop() if len(meanings) == 1 else AS_STORED), dtype_of(bands, raw).name


def same_scaling(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether values kept in two ways (meaning, NumPy type) may be mixed.

    Floats are not integers and 8-bit pictures are neither. Where an offset was taken off one side (int16), the other
    must be known to be free of it; two files without an offset are taken for alike, said or unsaid.

    >>> known, shifted = (REFLECTANCE, "uint16"), (REFLECTANCE, "int16")
    >>> unsaid = (AS_STORED, "uint16")
    >>> same_scaling(known, shifted), same_scaling(known, unsaid), same_scaling(shifted, unsaid)
    (True, True, False)
    >>> same_scaling(unsaid, (AS_STORED, "float32")), same_scaling(unsaid, (AS_STORED, "uint8"))
    (False, False)
    """
    (meaning, first), (other_meaning, second) = one, other
    a, b = np.dtype(first), np.dtype(second)
    if (a.kind == "f") != (b.kind == "f") or (a.itemsize == 1) != (b.itemsize == 1):
        return False
    shifted = (REFLECTANCE, "int16") in (one, other)
    return meaning == other_meaning or not shifted


def valid_values(values: Values, masked: float | None) -> NDArray[np.bool_]:
    """Which stored values are measurements: finite, not absurdly large, and not the declared nodata.

    >>> valid_values(np.array([0.0, np.nan, -np.inf, -3.4e38, 7.0]), 7.0).tolist()
    [True, False, False, False, False]
    >>> valid_values(np.array([0, 65535], "uint16"), None).tolist()
    [True, True]
    """
    valid = np.ones(values.shape, bool)
    if values.dtype.kind == "f":
        valid &= np.abs(values, where=np.isfinite(values), out=np.full(values.shape, np.inf, values.dtype)) < _HUGE
    if masked is not None and np.isfinite(masked):
        valid &= values != masked
    return valid


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
    files, names = _files(source)
    name = Path(files[0]).stem if len(files) == 1 else Path(files[0]).parent.name
    opened = [_open_file(file) for file in files]
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
            bands = [_renamed(band, new) for band, new in zip(bands, band_names, strict=True)]
        return Scene(name, tuple(bands), found_crs, first.transform, first.height, first.width, dict(first.tags()))


def select_bands(scene: Scene, wanted: Sequence[str | int] | None, *, exact: bool = False) -> tuple[Band, ...]:
    """Bands by name (any case; B2 is B02 where the file names its bands) or by number from 1; None: all.

    Args:
        scene: The scene.
        wanted: Names or numbers, each once.
        exact: Only whole names: what a model was trained on must not be met by a band that is just counted alike.

    Raises:
        InputError: a band the scene lacks, one named twice, or none.
    """
    if wanted is None:
        return scene.bands
    chosen = tuple(_select(scene, str(band).strip(), exact) for band in wanted)
    if not chosen or len(set(chosen)) < len(chosen):
        what = "is asked for one band twice" if chosen else "is asked for no band"
        raise InputError(scene.name, what, f"name each of the wanted bands once, e.g. {scene.bands[0].name}")
    return chosen


def read_windows(
    scene: Scene, bands: Sequence[Band], windows: Iterable[Window], *, raw: bool = False
) -> Iterator[tuple[Values, NDArray[np.bool_]]]:
    """Read windows of a scene, in the order given; each file is opened once.

    Yields:
        Values ``(bands, height, width)`` kept as :func:`stored_as` says, with its fill where pixels are missing, and
        the mask ``(height, width)`` that is True where all the bands are valid. Beyond the scene nothing is valid.

    Raises:
        InputError: a file cannot be read.
    """
    rules = [stored_as(band, raw) for band in bands]
    dtype = dtype_of(bands, raw)
    fill = np.array([rule.fill for rule in rules])[:, None, None]
    with ExitStack() as stack:
        datasets = {path: stack.enter_context(_open_file(path)) for path in {band.path: None for band in bands}}
        for window in windows:
            values = np.empty((len(bands), window.height, window.width), dtype)
            values[:] = fill
            valid = np.zeros((window.height, window.width), bool)
            top, left = max(window.row, 0), max(window.column, 0)
            bottom = min(window.row + window.height, scene.height)
            right = min(window.column + window.width, scene.width)
            if top < bottom and left < right:
                inside = np.s_[top - window.row : bottom - window.row, left - window.column : right - window.column]
                part = RasterioWindow(left, top, right - left, bottom - top)
                seen = np.ones((bottom - top, right - left), bool)
                for position, (band, rule) in enumerate(zip(bands, rules, strict=True)):
                    stored, mask = _read_band(datasets[band.path], band, rule, part)
                    values[position][inside] = _kept(stored, rule)
                    seen &= mask
                valid[inside] = seen
                # One mask for all bands: where one is missing, none is kept.
                values[:, ~valid] = fill[:, 0]
            yield values, valid


def read_overview(scene: Scene, bands: Sequence[Band], longest_px: int) -> tuple[Values, NDArray[np.bool_]]:
    """The whole scene, its longer side at most ``longest_px`` pixels: values as stored, and the mask."""
    factor = max(scene.width, scene.height, longest_px) / longest_px
    shape = (max(round(scene.height / factor), 1), max(round(scene.width / factor), 1))
    planes, valid = [], np.ones(shape, bool)
    whole = RasterioWindow(0, 0, scene.width, scene.height)
    for band in bands:
        with _open_file(band.path) as dataset:
            plane, mask = _read_band(dataset, band, stored_as(band), whole, shape)
        planes.append(plane)
        valid &= mask
    return np.stack(planes), valid


def _kept(stored: Values, rule: Stored) -> Values:
    if not rule.add:
        return stored
    shifted = stored.astype(np.int32) + rule.add
    limits = np.iinfo(rule.dtype)
    # The lowest value is the fill and must not be a measurement.
    return np.clip(shifted, limits.min + 1, limits.max)


def _read_band(
    dataset: Any, band: Band, rule: Stored, window: RasterioWindow, shape: tuple[int, int] | None = None
) -> tuple[Values, NDArray[np.bool_]]:
    """Stored values and mask of a window; ``shape`` thins it out."""
    how = {"window": window, "out_shape": shape, "resampling": Resampling.nearest}
    try:
        stored = dataset.read(band.index, **how)
        valid = valid_values(stored, rule.masked)
        flags = dataset.mask_flag_enums[band.index - 1]
        if MaskFlags.per_dataset in flags or MaskFlags.alpha in flags:
            valid &= dataset.read_masks(band.index, **how) > 0
    except RasterioError as error:
        raise InputError(band.path, f"could not be read ({_reason(error)})", "check that the file is whole") from error
    return stored, valid


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


def _open_file(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path)
    except (RasterioIOError, RasterioError) as error:
        raise InputError(
            path, f"is not a raster that can be read ({_reason(error)})", "pass a GeoTIFF, COG, VRT or JPEG 2000"
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
    in_file_name = _SENTINEL_NAME.findall(Path(dataset.name).stem)
    if given is not None:
        name, described = given, True
    elif description:
        first = description.split()[0]
        name, described = (first if _SENTINEL_NAME.fullmatch(first) else description), True
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
        Path(dataset.name),
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
        out.append(band if seen[band.name] == 1 else _renamed(band, f"{band.name}:{seen[band.name]}"))
    return out


def _renamed(band: Band, name: str) -> Band:
    return Band(name, True, band.path, band.index, band.dtype, band.nodata, band.scale, band.offset)


def _select(scene: Scene, wanted: str, exact: bool) -> Band:
    for band in scene.bands:
        if band.name.casefold() == wanted.casefold():
            return band
    for band in scene.bands:
        if not exact and band.described and _padded(band.name) == _padded(wanted):
            return band
    if not exact and wanted.isdigit() and 1 <= int(wanted) <= len(scene.bands):
        return scene.bands[int(wanted) - 1]
    names = ", ".join(band.name for band in scene.bands)
    remedy = f"choose among {names}, or by number 1 to {len(scene.bands)}"
    if not any(band.described for band in scene.bands):
        remedy += "; the file does not name its bands, --band-names does"
    raise InputError(scene.name, f"has no band {wanted}", remedy)


def _padded(name: str) -> str:
    """B2 and b02 are the same Sentinel-2 band."""
    match = _SENTINEL_NAME.fullmatch(name)
    return f"B{int(match[1]):02d}{match[2].upper()}" if match else name.casefold()


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__


def dtype_of(bands: Sequence[Band], raw: bool) -> np.dtype[Any]:
    """NumPy type of what :func:`read_windows` yields for these bands."""
    return np.result_type(*(np.dtype(stored_as(band, raw).dtype) for band in bands))
