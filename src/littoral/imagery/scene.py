"""Scenes, bands and windows, and the rules for band names, scaling, nodata and cloud masks. No file is read here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Literal, NoReturn

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from littoral.errors import InputError

Values = NDArray[Any]

REFLECTANCE = "reflectance x 10000"
AS_STORED = "as stored"

SENTINEL_NAME = re.compile(r"B(\d{1,2})(A?)", re.IGNORECASE)
_FINEST_STEP, _COARSEST_STEP = 1e-5, 1e-3
"""Values of 16 bits or more with a scale in this range are taken for reflectance: Sentinel-2 has 1/10000 (in 2015 also
1/1000), Landsat 0.0000275 or 0.00002 / sine of the sun's elevation."""
_HUGE = 1e30
"""Floats of larger magnitude are nodata (often ±3.4e38), even if the file does not declare it."""


Role = Literal["measured", "scene classes", "cloud probability", "cloud bits", "cloud"]
"""Kind of a band's values: measurements; classes as in Sentinel-2's SCL; cloud probability in percent; bits as in
Landsat's QA_PIXEL; or ``cloud``, which is cloud wherever not 0."""
CLOUD_CLASSES = (3, 8, 9, 10)
"""Cloud classes of Sentinel-2's scene classification: shadow, cloud of medium and of high probability, cirrus."""


@dataclass(frozen=True)
class Grid:
    """Georeferenced grid of pixels."""

    transform: Affine
    """Pixel (column, row) to CRS (x, y); (0, 0) is the outer corner of the upper left pixel."""
    height: int
    """Rows."""
    width: int
    """Columns."""


@dataclass(frozen=True)
class Band:
    """One band of a scene."""

    name: str
    """Name from the file's description (its first word, if that is a Sentinel-2 name), else B1, B2, … by position."""
    described: bool
    """Whether the name comes from the file or the user; a B2 by position must not be taken for Sentinel-2's B02."""
    href: str
    """File of the band: a path, a GDAL name (``/vsizip/…``), or a web address without key or signature."""
    index: int
    """Position in the file, from 1."""
    dtype: str
    """NumPy type of the stored values."""
    nodata: float | None
    """Stored value that means nodata; None: every finite value is valid, also 0."""
    scale: float
    """Reflectance (or another quantity) = stored x scale + offset; 1 by default."""
    offset: float
    """See ``scale``; 0 by default."""
    grid: Grid | None = None
    """Pixels of the file if they differ from those of the scene; in the scene's CRS, with parallel axes."""
    role: Role = "measured"
    """Kind of its values; bands other than ``measured`` are never averaged."""
    access: str = ""
    """Name of the catalogue whose token or key opens the file, "" for public and local files."""
    alpha: int | None = None
    """Number of the file's alpha layer (0 where there are no pixels), from 1; None without one."""
    flipped: tuple[bool, bool] = (False, False)
    """Whether the file's rows run from south to north, and its columns from east to west; ``grid`` is after the rows
    and columns are reversed."""

    @property
    def stem(self) -> str:
        """Name of the file without folder and suffix."""
        return PurePosixPath(self.href.replace("\\", "/")).stem


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
    """Short name for messages and records: that of the file or folder."""
    bands: tuple[Band, ...]
    """Bands of the role ``measured``, in file order."""
    crs: CRS
    """Coordinate reference system of the grid."""
    transform: Affine
    """Pixel (column, row) to CRS (x, y); (0, 0) is the outer corner of the upper left pixel."""
    height: int
    """Rows."""
    width: int
    """Columns."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Metadata of the file or product (DATE, SENSOR, …)."""
    masks: tuple[Band, ...] = ()
    """Cloud masks: bands of a role other than ``measured``."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Bands that the product lists but whose files are missing: name to file. Selecting one raises an error."""
    acquired: str = ""
    """Acquisition date, ``YYYY-MM-DD``; "" if unknown."""

    @property
    def grid(self) -> Grid:
        """Grid of the scene's pixels."""
        return Grid(self.transform, self.height, self.width)

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a pixel in units of the CRS."""
        a, b, _, d, e, _ = self.transform[:6]
        return float(np.hypot(a, d)), float(np.hypot(b, e))

    def describe(self) -> str:
        """Text for checking a scene before a long run: size and CRS, then a line per band."""
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
    """Scaling of a band's values in tiles: tile value = stored x ``times`` + ``add``."""

    meaning: str
    """:data:`REFLECTANCE` or :data:`AS_STORED`."""
    times: float
    """Factor, 1 for most bands."""
    add: float
    """Offset, in units of the tile value."""
    dtype: str
    """NumPy type of the tile values."""
    fill: float
    """Tile value of missing pixels."""
    masked: float | None
    """Stored value that means nodata, None if there is none."""


def stored_as(band: Band, raw: bool = False) -> Stored:
    """Scaling of a band's values in tiles, the same for training and for prediction.

    Sentinel-2 products of processing baseline 04.00 or later have an offset of -1000 (scale 0.0001, offset -0.1),
    products of Landsat's Collection 2 a scale of 0.0000275 and an offset of -0.2. For a band with such a scale or
    offset, tile values are reflectance x 10000 in int16, so that dark water may be negative, as in the product; values
    above 32767 (a reflectance of 3.28) are clipped, and DN 0 is nodata, as in the products (Special_Values), unless
    the band declares another value. All other bands keep their values and type, and so do all with ``raw``.

    >>> band = Band("B02", True, "x.tif", 1, "uint16", None, 1e-4, -0.1)
    >>> stored_as(band)
    Stored(meaning='reflectance x 10000', times=1, add=-1000, dtype='int16', fill=-32768, masked=0)
    >>> stored_as(band, raw=True).add
    0
    >>> stored_as(replace(band, scale=2.75e-5, offset=-0.2)).times
    0.275
    """
    # Other quantities do not use such scales; temperatures are in hundredths.
    wide_enough = np.dtype(band.dtype).itemsize >= 2
    in_steps = wide_enough and band.role == "measured" and _FINEST_STEP <= band.scale <= _COARSEST_STEP
    as_it_is = np.isclose(band.scale, 1e-4) and not band.offset
    if in_steps and not as_it_is and not raw:
        masked = 0 if band.nodata is None else band.nodata
        times = 1 if np.isclose(band.scale, 1e-4) else float(np.round(band.scale * 1e4, 12))
        add = round(band.offset / band.scale) if times == 1 else float(np.round(band.offset * 1e4, 9))
        return Stored(REFLECTANCE, times, add, "int16", -32768, masked)
    meaning = REFLECTANCE if in_steps and as_it_is and np.dtype(band.dtype).kind in "iu" else AS_STORED
    unstated = float("nan") if np.dtype(band.dtype).kind == "f" else 0
    fill = unstated if band.nodata is None else band.nodata
    return Stored(meaning, 1, 0, band.dtype, fill, band.nodata)


def cloudy(values: Values, role: Role) -> NDArray[np.bool_]:
    """Where a mask band marks cloud or cloud shadow: an array of the shape of ``values``.

    Sentinel-2's scene classification: 3 shadow, 8 and 9 cloud, 10 cirrus. Cloud probability: half or more. Landsat's
    QA_PIXEL: bits 1 to 4, dilated cloud, cirrus, cloud, shadow.

    >>> cloudy(np.arange(12), "scene classes").nonzero()[0].tolist()
    [3, 8, 9, 10]
    >>> cloudy(np.array([0, 49, 50, 100]), "cloud probability").tolist()
    [False, False, True, True]
    >>> cloudy(np.array([1, 21824, 22280, 2]), "cloud bits").tolist()
    [False, False, True, True]
    >>> cloudy(np.array([1.0, np.nan, 22280.0]), "cloud bits").tolist()
    [False, False, True]
    """
    if role == "scene classes":
        return np.isin(values, CLOUD_CLASSES)
    if role == "cloud probability":
        return np.asarray(values >= 50)
    if role == "cloud bits":
        # Resampled masks may be floats, with NaN where there are no pixels.
        bits = values if values.dtype.kind in "iu" else np.nan_to_num(values, posinf=0, neginf=0).astype(np.int64)
        return np.asarray((bits & 0b11110) != 0)
    return np.asarray(values != 0)


def kept_as(bands: Sequence[Band], raw: bool = False) -> tuple[str, str]:
    """Meaning of the tile values of several bands together, and their common NumPy type."""
    meanings = {stored_as(band, raw).meaning for band in bands}
    return (meanings.pop() if len(meanings) == 1 else AS_STORED), dtype_of(bands, raw).name


def same_scaling(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether tile values of two scalings, each (meaning, NumPy type), may be mixed.

    Floats, 8-bit integers and wider integers may not be mixed. If an offset was removed from one (reflectance in
    int16), the other must be reflectance too. Two scalings without an offset may be mixed, even if one of them is
    not declared as reflectance.

    >>> known, shifted = (REFLECTANCE, "uint16"), (REFLECTANCE, "int16")
    >>> undeclared = (AS_STORED, "uint16")
    >>> same_scaling(known, shifted), same_scaling(known, undeclared), same_scaling(shifted, undeclared)
    (True, True, False)
    >>> same_scaling(undeclared, (AS_STORED, "float32")), same_scaling(undeclared, (AS_STORED, "uint8"))
    (False, False)
    """
    (meaning, first), (other_meaning, second) = one, other
    a, b = np.dtype(first), np.dtype(second)
    if (a.kind == "f") != (b.kind == "f") or (a.itemsize == 1) != (b.itemsize == 1):
        return False
    shifted = (REFLECTANCE, "int16") in (one, other)
    return meaning == other_meaning or not shifted


def valid_values(values: Values, masked: float | None) -> NDArray[np.bool_]:
    """Mask of stored values that are measurements: finite, of a magnitude below 1e30, and not the nodata value.

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


def dtype_of(bands: Sequence[Band], raw: bool) -> np.dtype[Any]:
    """NumPy type of the values that :func:`read_windows` yields for these bands."""
    return np.result_type(*(np.dtype(stored_as(band, raw).dtype) for band in bands))


def select_bands(scene: Scene, wanted: Sequence[str | int] | None, *, exact: bool = False) -> tuple[Band, ...]:
    """Select bands by name or number.

    Args:
        scene: The scene.
        wanted: Names (case is ignored, and B2 is B02 if the file names its bands) or numbers from 1, each once; None:
            all bands.
        exact: Match complete names only, so that a model's band is not taken for a band with the same number.

    Raises:
        InputError: a band that the scene lacks or whose file is missing, a band named twice, or an empty selection.
    """
    if wanted is None:
        if scene.absent:
            _refuse_absent(scene, next(iter(scene.absent)))
        return scene.bands
    chosen = tuple(_select(scene, str(band).strip(), exact) for band in wanted)
    if not chosen or len(set(chosen)) < len(chosen):
        what = "is asked for one band twice" if chosen else "is asked for no band"
        raise InputError(scene.name, what, f"name each of the wanted bands once, e.g. {scene.bands[0].name}")
    return chosen


def renamed(band: Band, name: str) -> Band:
    """The band with another name, marked as described."""
    return replace(band, name=name, described=True)


def same_band(one: str, other: str) -> bool:
    """Whether two names denote the same band, such as B2 and b02.

    >>> same_band("B2", "b02"), same_band("B8", "B8A")
    (True, False)
    """
    return _padded(one) == _padded(other)


def _select(scene: Scene, wanted: str, exact: bool) -> Band:
    for band in (*scene.bands, *scene.masks):
        if band.name.casefold() == wanted.casefold():
            return band
    for name in scene.absent:
        if same_band(name, wanted):
            _refuse_absent(scene, name)
    for band in scene.bands:
        if not exact and band.described and same_band(band.name, wanted):
            return band
    if not exact and wanted.isdigit() and 1 <= int(wanted) <= len(scene.bands):
        return scene.bands[int(wanted) - 1]
    names = ", ".join(band.name for band in scene.bands)
    remedy = f"choose among {names}, or by number 1 to {len(scene.bands)}"
    if not any(band.described for band in scene.bands):
        remedy += "; the file does not name its bands, --band-names does"
    raise InputError(scene.name, f"has no band {wanted}", remedy)


def _refuse_absent(scene: Scene, name: str) -> NoReturn:
    there = ", ".join(band.name for band in scene.bands)
    raise InputError(
        f"band {name} of {scene.name}",
        f"is listed by the product and its file {scene.absent[name]} is not there",
        f"complete the download, or choose among {there}",
    )


def _padded(name: str) -> str:
    match = SENTINEL_NAME.fullmatch(name)
    return f"B{int(match[1]):02d}{match[2].upper()}" if match else name.casefold()
