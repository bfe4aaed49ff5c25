"""What a scene is, and the rules for its values: names of bands, offsets, nodata. No file is touched here."""

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
"""Scales between which values of 16 bits or more are taken for reflectance: those of Sentinel-2 (1/10000, in 2015 also
1/1000) and of Landsat (0.0000275; 0.00002 over the sine of the sun's height)."""
_HUGE = 1e30
"""Floats beyond it are some program's nodata (often ±3.4e38), whatever the file says."""


Role = Literal["measured", "scene classes", "cloud probability", "cloud bits", "cloud"]
"""What a band's values are: measurements; classes as in Sentinel-2's SCL; percent of cloud; bits as in Landsat's
QA_PIXEL; or cloud where not 0."""
CLOUD_CLASSES = (3, 8, 9, 10)
"""Of Sentinel-2's scene classification: cloud shadow, cloud of medium and of high probability, cirrus."""


@dataclass(frozen=True)
class Grid:
    """Pixels on the ground: where they lie and how many there are."""

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
    """As the file describes it (its first word, where that is a Sentinel-2 name), else B1, B2, … by position."""
    described: bool
    """Whether the name comes from the file or the user; a counted B2 must not pass for Sentinel-2's B02."""
    href: str
    """File that holds it: a path, a name of GDAL's (``/vsizip/…``), or a web address without key or signature."""
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
    grid: Grid | None = None
    """Its file's own pixels, where they are not those of the scene; in the scene's CRS, its axes parallel."""
    role: Role = "measured"
    """What its values are; all but measurements are classes of a kind, and never averaged."""
    access: str = ""
    """Name of the source that signs its address, "" where anyone may read it."""
    alpha: int | None = None
    """Layer of its file that is 0 where the file has no pixels, if there is one."""
    flipped: tuple[bool, bool] = (False, False)
    """Whether its file has rows from south to north, and columns from east to west; ``grid`` is as if it had not."""

    @property
    def stem(self) -> str:
        """Name of its file without folder and suffix."""
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
    masks: tuple[Band, ...] = ()
    """Bands that say where clouds are, of a role other than ``measured``."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Bands that the product lists and whose files are not there: name to file. Asking for one is an error."""
    acquired: str = ""
    """Date of the image, ``YYYY-MM-DD``; empty where nothing says it."""

    @property
    def grid(self) -> Grid:
        """Its pixels."""
        return Grid(self.transform, self.height, self.width)

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
    """How values of a band are kept in tiles: stored x ``times`` + ``add``."""

    meaning: str
    """:data:`REFLECTANCE` or :data:`AS_STORED`."""
    times: float
    """What each stored value is multiplied by, 1 for most."""
    add: float
    """What is then added to it."""
    dtype: str
    """NumPy type of what is kept."""
    fill: float
    """What stands at missing pixels."""
    masked: float | None
    """Stored value that means nodata, None if there is none."""


def stored_as(band: Band, raw: bool = False) -> Stored:
    """Decide how a band's values are kept; learning and classifying both ask here.

    A Sentinel-2 product of processing baseline 04.00 or later carries an offset of -1000 (scale 0.0001, offset -0.1),
    one of Landsat's Collection 2 a scale of 0.0000275 and an offset of -0.2. Where the file declares such a thing,
    values are kept as reflectance x 10000 in int16, so that dark water may be negative, as in the product (beyond
    32767, a reflectance of 3.28, they are cut); and DN 0 is nodata, as the products say (Special_Values). All else
    keeps its type and its values.

    >>> band = Band("B02", True, "x.tif", 1, "uint16", None, 1e-4, -0.1)
    >>> stored_as(band)
    Stored(meaning='reflectance x 10000', times=1, add=-1000, dtype='int16', fill=-32768, masked=0)
    >>> stored_as(band, raw=True).add
    0
    >>> stored_as(replace(band, scale=2.75e-5, offset=-0.2)).times
    0.275
    """
    # No other quantity has such steps; temperatures are in hundredths.
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
    """Where a mask band says that cloud or its shadow hides the ground.

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
        # Programs that resample write them as floats, with NaN where there is nothing.
        bits = values if values.dtype.kind in "iu" else np.nan_to_num(values, posinf=0, neginf=0).astype(np.int64)
        return np.asarray((bits & 0b11110) != 0)
    return np.asarray(values != 0)


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


def dtype_of(bands: Sequence[Band], raw: bool) -> np.dtype[Any]:
    """NumPy type of what :func:`read_windows` yields for these bands."""
    return np.result_type(*(np.dtype(stored_as(band, raw).dtype) for band in bands))


def select_bands(scene: Scene, wanted: Sequence[str | int] | None, *, exact: bool = False) -> tuple[Band, ...]:
    """Bands by name (any case; B2 is B02 where the file names its bands) or by number from 1; None: all.

    Args:
        scene: The scene.
        wanted: Names or numbers, each once.
        exact: Only whole names: what a model was trained on must not be met by a band that is just counted alike.

    Raises:
        InputError: a band the scene lacks, one whose file is not there, one named twice, or none.
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
    return replace(band, name=name, described=True)


def same_band(one: str, other: str) -> bool:
    """Whether two names are those of one band: B2 and b02 are.

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
