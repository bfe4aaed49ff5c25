"""Read the pixels of a scene's windows, scaled and masked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from littoral.errors import InputError
from littoral.imagery.decoding import check_window, decoding
from littoral.imagery.raster_files import crs_of, grid_of, open_file, reason
from littoral.imagery.resampling import Fit, average, fit_grid
from littoral.imagery.scene import Band, Grid, Scene, Stored, Values, Window, dtype_of, stored_as, valid_values

_BEYOND = 1e12
"""Floats are clipped to this magnitude before conversion to integers; no measurement is larger."""


def read_windows(
    scene: Scene, bands: Sequence[Band], windows: Iterable[Window], *, raw: bool = False
) -> Iterator[tuple[Values, NDArray[np.bool_]]]:
    """Read windows of a scene, in the order given; each file is opened once.

    Yields:
        Values ``(bands, height, width)`` scaled by :func:`stored_as`, with its fill value where pixels are missing, and
        the mask ``(height, width)``, True where all measured bands are valid. Pixels outside the scene are missing.

    Raises:
        InputError: a file cannot be read.
    """
    layout = BandFiles(scene, bands, raw)
    with ExitStack() as stack:
        datasets = [stack.enter_context(open_band(source[0], scene)) for source in layout.sources]
        for window in windows:
            canvas = Canvas(layout, window)
            for number, dataset in enumerate(datasets):
                part = canvas.part(number)
                if part is not None:
                    canvas.put(number, part, *read_part(dataset, layout.sources[number], part))
            yield canvas.finished()


def open_band(band: Band, scene: Scene) -> Any:
    """Open the file of a band for reading pixels; a remote file is compared with the scene's metadata.

    Raises:
        InputError: the file is damaged, or its pixels, place, type or CRS differ from those in its STAC item.
    """
    dataset = open_file(band.href, band.access, whole=True)
    if "://" not in band.href:
        return dataset
    try:
        grid, flipped = grid_of(dataset, band.href)
        crs, expected = crs_of(dataset), band.grid or scene.grid
        near = 1e-3 * max(abs(step) for step in expected.transform[:6:4])
        wrong = (
            (grid.height, grid.width) != (expected.height, expected.width)
            or not grid.transform.almost_equals(expected.transform, near)
            or flipped != band.flipped
            or (crs is not None and crs != scene.crs)
        )
        if wrong or dataset.dtypes[band.index - 1] != band.dtype:
            raise InputError(
                band.href,
                f"has {grid.width} x {grid.height} pixels of {dataset.dtypes[band.index - 1]} from "
                f"{grid.transform.c:.10g}, {grid.transform.f:.10g}, and its item says {expected.width} x "
                f"{expected.height} of {band.dtype} from {expected.transform.c:.10g}, {expected.transform.f:.10g}, or "
                "another pixel size or CRS",
                "pass the address of the file itself, or tell its catalogue",
            )
    except InputError:
        dataset.close()
        raise
    return dataset


def clip_window(window: Window, grid: Grid) -> Window | None:
    """The part of a window that lies on a grid, None if there is none.

    >>> clip_window(Window(-5, 90, 10, 20), Grid(None, height=100, width=100))
    Window(row=0, column=90, height=5, width=10)
    """
    top, left = max(window.row, 0), max(window.column, 0)
    bottom = min(window.row + window.height, grid.height)
    right = min(window.column + window.width, grid.width)
    return Window(top, left, bottom - top, right - left) if top < bottom and left < right else None


class BandFiles:
    """Bands of a scene grouped by file, with the position of the scene's cells on each file's pixels."""

    def __init__(self, scene: Scene, bands: Sequence[Band], raw: bool) -> None:
        self.scene, self.bands, self.raw = scene, tuple(bands), raw
        self.rules = [stored_as(band, raw) for band in bands]
        self.dtype = dtype_of(bands, raw)
        hrefs = list(dict.fromkeys(band.href for band in bands))
        self.positions = [[i for i, band in enumerate(bands) if band.href == href] for href in hrefs]
        """Positions in ``bands`` of each file's bands."""
        self.sources = [[self.bands[i] for i in positions] for positions in self.positions]
        """Bands of each file."""
        self.grids = [source[0].grid or scene.grid for source in self.sources]
        """Pixels of each file."""
        self.fits = [fit_grid(scene, source[0].grid, source[0].href) for source in self.sources]
        """Position of the scene's cells on each file's pixels."""


class Canvas:
    """A window's values and mask, filled in from parts of the files."""

    def __init__(self, layout: BandFiles, window: Window) -> None:
        self._layout, self._window = layout, window
        self._values = np.empty((len(layout.bands), window.height, window.width), layout.dtype)
        self._patches: dict[tuple[Fit, Grid], _Patch] = {}
        for fit, grid, positions in zip(layout.fits, layout.grids, layout.positions, strict=True):
            if (fit, grid) not in self._patches:
                self._patches[fit, grid] = _Patch(fit, grid, window)
            patch = self._patches[fit, grid]
            for position in positions:
                area, rule = patch.area, layout.rules[position]
                # If cells are pixels, values are written directly to the result.
                plane = self._values[position] if fit.same else np.empty((area.height, area.width), layout.dtype)
                if patch.inside is None or (patch.inside.height, patch.inside.width) != plane.shape:
                    plane[:] = rule.fill
                patch.planes[position] = plane
                patch.measured |= layout.bands[position].role == "measured"

    def part(self, number: int) -> Window | None:
        """The pixels of a source under the window, if any."""
        return self._patch(number).inside

    def put(self, number: int, part: Window, stored: Sequence[Values], valid: NDArray[np.bool_]) -> None:
        """Fill in the bands of a source from a part of its file that may be larger than the window."""
        patch = self._patch(number)
        own = patch.inside
        if own is None:
            return
        top, left = max(own.row, part.row), max(own.column, part.column)
        bottom = min(own.row + own.height, part.row + part.height)
        right = min(own.column + own.width, part.column + part.width)
        common = np.s_[top - part.row : bottom - part.row, left - part.column : right - part.column]
        row, column = patch.area.row, patch.area.column
        here = np.s_[top - row : bottom - row, left - column : right - column]
        for position, plane in zip(self._layout.positions[number], stored, strict=True):
            patch.planes[position][here] = _kept(plane[common], self._layout.rules[position])
        patch.valid[here] &= valid[common]

    def finished(self) -> tuple[Values, NDArray[np.bool_]]:
        """Values ``(bands, height, width)`` and mask ``(height, width)`` of valid pixels.

        The mask is common to all measured bands: where one is missing, all get their fill value.
        """
        window, bands = self._window, self._layout.bands
        seen = np.ones((window.height, window.width), bool)
        for (fit, _), patch in self._patches.items():
            if fit.same:
                seen &= patch.valid if patch.measured else True
                continue
            rows, columns = (
                fit.rows.cover(window.row, window.height),
                fit.columns.cover(window.column, window.width),
            )
            for position, plane in patch.planes.items():
                if bands[position].role == "measured":
                    self._values[position] = average(plane, rows, columns)
                else:
                    down = fit.rows.centres(window.row, window.height)
                    across = fit.columns.centres(window.column, window.width)
                    self._values[position] = plane.take(across, axis=1).take(down, axis=0)
            if patch.measured and not patch.valid.all():
                under = [(cover.shares > 0).astype(np.float32) for cover in (rows, columns)]
                seen &= under[0] @ ~patch.valid @ under[1].T == 0
        if not seen.all():
            for plane, rule, band in zip(self._values, self._layout.rules, bands, strict=True):
                if band.role == "measured":
                    plane[~seen] = rule.fill
        return self._values, seen

    def _patch(self, number: int) -> _Patch:
        return self._patches[self._layout.fits[number], self._layout.grids[number]]


class _Patch:
    """Pixels of one file grid under a window."""

    def __init__(self, fit: Fit, grid: Grid, window: Window) -> None:
        self.area = fit.area(window)
        self.inside = clip_window(self.area, grid)
        self.planes: dict[int, Values] = {}
        """Scaled pixels ``(height, width)`` of each band, by its position."""
        self.valid = np.zeros((self.area.height, self.area.width), bool)
        self.measured = False
        """Whether any of the bands is ``measured``, so that ``valid`` limits the window's mask."""
        if self.inside is not None:
            row, column = self.inside.row - self.area.row, self.inside.column - self.area.column
            self.valid[row : row + self.inside.height, column : column + self.inside.width] = True


def read_part(dataset: Any, bands: Sequence[Band], part: Window) -> tuple[list[Values], NDArray[np.bool_]]:
    """Stored values ``(height, width)`` of bands of one file, and the mask where all measured ones are valid.

    Raises:
        InputError: the file is damaged or cannot be read.
    """
    planes, valid = [], np.ones((part.height, part.width), bool)
    with _reading(bands[0].href):
        where = _in_file(dataset, bands[0], part)
        check_window(dataset, [band.index for band in bands], where.row, where.column, part.height, part.width)
        for band in bands:
            stored, seen = _read_band(dataset, band, where)
            planes.append(stored)
            if band.role == "measured":
                valid &= seen
    return planes, valid


def read_overview(scene: Scene, bands: Sequence[Band], longest_px: int) -> tuple[Values, NDArray[np.bool_]]:
    """Read the whole scene, reduced to at most ``longest_px`` pixels on its longer side.

    Returns:
        Stored values ``(bands, height, width)``, and the mask ``(height, width)`` where all bands are valid.

    Raises:
        InputError: a file is damaged or cannot be read.
    """
    factor = max(scene.width, scene.height, longest_px) / longest_px
    height, width = max(round(scene.height / factor), 1), max(round(scene.width / factor), 1)
    planes, valid = [], np.ones((height, width), bool)
    whole = Window(0, 0, scene.height, scene.width)
    for band in bands:
        area = fit_grid(scene, band.grid, band.href).area(whole)
        part = clip_window(area, band.grid or scene.grid)
        plane, mask = np.zeros((height, width), band.dtype), np.zeros((height, width), bool)
        if part is not None:
            rows = _thinned(part.row - area.row, part.height, height / area.height)
            columns = _thinned(part.column - area.column, part.width, width / area.width)
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            with open_band(band, scene) as dataset, _reading(band.href):
                there = _in_file(dataset, band, part)
                if dataset.driver == "JP2OpenJPEG" or not dataset.overviews(band.index):
                    check_window(dataset, [band.index], there.row, there.column, part.height, part.width)
                plane[rows, columns], mask[rows, columns] = _read_band(dataset, band, there, shape)
        planes.append(plane)
        valid &= mask
    return np.stack(planes), valid


def _thinned(first: int, count: int, share: float) -> slice:
    start = min(round(first * share), round((first + count) * share) - 1)
    return slice(max(start, 0), max(round((first + count) * share), 1))


def _kept(stored: Values, rule: Stored) -> Values:
    if rule.times == 1 and rule.add == 0:
        return stored
    if stored.dtype.kind == "f":
        # Missing pixels, including NaN, get the fill value later.
        stored = np.nan_to_num(np.clip(stored, -_BEYOND, _BEYOND))
    if rule.times == 1 and stored.dtype.itemsize <= 2:
        shifted = stored.astype(np.int32) + int(rule.add)
    else:
        shifted = np.floor(stored.astype(np.float64) * rule.times + rule.add + 0.5)
    limits = np.iinfo(rule.dtype)
    # The lowest value is the fill value, so measurements are clipped above it.
    return np.clip(shifted, limits.min + 1, limits.max).astype(rule.dtype, copy=False)


@contextmanager
def _reading(href: str) -> Iterator[None]:
    """Environment for reading a file's pixels, in which every decoding error is raised as an InputError with its name.

    Raises:
        InputError: reading failed.
    """
    try:
        with decoding():
            yield
    except (RasterioError, ValueError, OSError) as error:
        raise InputError(href, f"could not be read ({reason(error)})", "check that the file is whole") from error


def _in_file(dataset: Any, band: Band, part: Window) -> Window:
    """Convert a window of a band's grid to rows and columns of the file, which may be reversed."""
    upwards, leftwards = band.flipped
    row = dataset.height - part.row - part.height if upwards else part.row
    column = dataset.width - part.column - part.width if leftwards else part.column
    return Window(row, column, part.height, part.width)


def _read_band(
    dataset: Any, band: Band, where: Window, shape: tuple[int, int] | None = None
) -> tuple[Values, NDArray[np.bool_]]:
    """Stored values and mask of a window of a file, with rows and columns in the order of the band's grid.

    ``shape`` (height, width) reduces the window by nearest neighbour.
    """
    window = RasterioWindow(where.column, where.row, where.width, where.height)
    how = {"window": window, "out_shape": shape, "resampling": Resampling.nearest}
    stored = dataset.read(band.index, **how)
    valid = valid_values(stored, stored_as(band).masked)
    if band.alpha is not None:
        valid &= dataset.read(band.alpha, **how) > 0
    flags = dataset.mask_flag_enums[band.index - 1]
    if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:
        valid &= dataset.read_masks(band.index, **how) > 0
    upwards, leftwards = band.flipped
    turn = np.s_[:: -1 if upwards else 1, :: -1 if leftwards else 1]
    return stored[turn], valid[turn]
