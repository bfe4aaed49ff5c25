"""Read many windows of a scene, decoding each block of its files once.

Blocks are decoded in their order in the files, row by row. A window is yielded when the last block it touches is
decoded, so windows come in the order of the blocks, not in the order given. Of a decoded block, only the parts that
unfinished windows need are kept.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from littoral.imagery.raster_files import open_file
from littoral.imagery.resampling import Fit
from littoral.imagery.scene import Band, Grid, Scene, Values, Window
from littoral.imagery.windows import BandFiles, Canvas, open_band, read_part
from littoral.threads import map_ahead

Integers = NDArray[np.int64]

_LEAST_BLOCK = 2**16
"""Pixels read at a time if a file's blocks are strips: thin strips are combined up to this number."""
_GDAL_CACHE_BYTES = 64 * 2**20
"""Size of GDAL's block cache; each block is read once, so it only holds those being decoded."""

_AHEAD_BYTES = 2**24
"""Bytes of pixels decoded ahead, in many small blocks or few large ones, so that workers do not wait for windows."""


@dataclass(frozen=True)
class _Source:
    """Bands of one file, which are read together. Rows and columns are those of the file."""

    number: int
    """Position in the layout, from 0."""
    grid: Grid
    """Pixels of the file."""
    fit: Fit
    """Position of the scene's cells on these pixels."""
    block_height: int
    """Rows of a block, or of several thin blocks that are read together."""
    block_width: int
    """Columns of a block."""

    def blocks_touched(self, edges: Integers) -> Integers:
        """(windows,): number of blocks that each window touches; 0 if it lies outside the file."""
        rows = (edges[:, 1] - 1) // self.block_height - edges[:, 0] // self.block_height + 1
        columns = (edges[:, 3] - 1) // self.block_width - edges[:, 2] // self.block_width + 1
        return np.where(_touching(edges), rows * columns, 0)


@dataclass(frozen=True)
class _Block:
    """A block of a source, and the windows that need it."""

    source: _Source
    """The file."""
    part: Window
    """Pixels of the block, clipped to the file."""
    wanted: Integers
    """(windows,): positions of the windows that touch the block."""


@dataclass(frozen=True)
class _Piece:
    """Decoded pixels of a block, or of a part of it."""

    source: _Source
    """The file."""
    part: Window
    """Pixels of the file that are decoded."""
    values: list[Values]
    """Stored values (height, width) of each band of the source."""
    valid: NDArray[np.bool_]
    """(height, width), True where all measured bands are valid."""

    def crop(self, edges: Integers) -> _Piece:
        """A copy of the part that windows with these edges (windows, 4) need, so that the rest can be freed."""
        top = max(int(edges[:, 0].min()), self.part.row)
        bottom = min(int(edges[:, 1].max()), self.part.row + self.part.height)
        left = max(int(edges[:, 2].min()), self.part.column)
        right = min(int(edges[:, 3].max()), self.part.column + self.part.width)
        here = np.s_[top - self.part.row : bottom - self.part.row, left - self.part.column : right - self.part.column]
        part = Window(top, left, bottom - top, right - left)
        return _Piece(self.source, part, [plane[here].copy() for plane in self.values], self.valid[here].copy())


def stream_windows(
    scene: Scene, bands: Sequence[Band], windows: Sequence[Window], *, raw: bool = False, workers: int = 2
) -> Iterator[tuple[int, Values, NDArray[np.bool_]]]:
    """Read windows of a scene in the order of its blocks; each block that a window touches is decoded once.

    Args:
        scene: The scene.
        bands: Bands of the scene, in the order of the values; their files may differ in pixel size and blocks.
        windows: Any number, in any order; they may overlap, and reach beyond the scene.
        raw: Keep stored values; no scale or offset is applied.
        workers: Number of blocks decoded at the same time.

    Yields:
        The position of a window in ``windows``, then its values and mask as from :func:`read_windows`. The order is
        that of the blocks and does not depend on ``workers``.

    Raises:
        InputError: a file cannot be read.

    Memory: :func:`most_held_bytes` of pixels, 64 MB in GDAL, and for each window 60 bytes and 32 for each pixel size.
    """
    layout = BandFiles(scene, bands, raw)
    sources = _sources(layout)
    places = np.array([(w.row, w.column, w.height, w.width) for w in windows], np.int64).reshape(-1, 4)
    # Files with the same grid share the edges of the windows.
    edges = {(source.fit, source.grid): _edges(places, source.fit, source.grid) for source in sources}
    under = [edges[source.fit, source.grid] for source in sources]
    left = np.sum([source.blocks_touched(own) for source, own in zip(sources, under, strict=True)], axis=0)
    for position in np.flatnonzero(left == 0).tolist():
        yield position, *Canvas(layout, windows[position]).finished()

    parts: dict[int, list[_Piece]] = {}
    blocks = heapq.merge(*(_blocks(source, own) for source, own in zip(sources, under, strict=True)), key=_sweep)
    for block, piece in _decoded(blocks, layout, workers, _blocks_ahead(sources, layout, workers)):
        left[block.wanted] -= 1
        for position in block.wanted[left[block.wanted] == 0].tolist():
            canvas = Canvas(layout, windows[position])
            for done in (*parts.pop(position, ()), piece):
                canvas.put(done.source.number, done.part, done.values, done.valid)
            yield position, *canvas.finished()
        waiting = block.wanted[left[block.wanted] > 0]
        own = under[block.source.number]
        below = own[waiting, 1] > block.part.row + block.part.height
        for group in (waiting[below], waiting[~below]):
            if len(group):
                margin = piece.crop(own[group])
                for position in group.tolist():
                    parts.setdefault(position, []).append(margin)


def most_held_bytes(scene: Scene, bands: Sequence[Band], height: int, width: int, *, workers: int = 2) -> int:
    """Upper bound of the bytes of pixels that :func:`stream_windows` holds, for any number of windows.

    It is the sum of, for each file, a margin below the current row of blocks (as high as a window, as wide as the
    scene), a margin beside the current block (as wide as a window), and the rows that wait for higher blocks of other
    files; twice the blocks that are being decoded or wait for their turn; and the window being filled.

    Args:
        scene: The scene.
        bands: Bands of the scene.
        height: Height of the highest window, pixels.
        width: Width of the widest window, pixels.
        workers: Number of blocks decoded at the same time.
    """
    layout = BandFiles(scene, bands, False)
    sources = _sources(layout)
    held = 0
    for source in sources:
        pixel = _pixel_bytes(source, layout)
        high, wide = (
            int(np.ceil(axis.step * count)) + 1
            for axis, count in ((source.fit.rows, height), (source.fit.columns, width))
        )
        # Margins of neighbouring blocks overlap by up to a window.
        across = source.grid.width + wide * (source.grid.width // source.block_width + 1)
        held += pixel * (
            min(high, source.block_height) * across + 2 * source.block_height * min(wide, source.block_width)
        )
        held += 2 * pixel * max(0, high - source.block_height) * source.grid.width
    canvas = height * width * (len(bands) * 4 + 1) * 2
    largest = max(_pixel_bytes(source, layout) * source.block_height * source.block_width for source in sources)
    return held + largest * 2 * (_blocks_ahead(sources, layout, workers) + 2) + canvas


def _pixel_bytes(source: _Source, layout: BandFiles) -> int:
    """Bytes per pixel of a file's bands and their mask."""
    return 1 + sum(np.dtype(band.dtype).itemsize for band in layout.sources[source.number])


def _blocks_ahead(sources: Sequence[_Source], layout: BandFiles, workers: int) -> int:
    """Largest number of blocks decoded ahead."""
    largest = max(_pixel_bytes(source, layout) * source.block_height * source.block_width for source in sources)
    return min(max(workers, _AHEAD_BYTES // largest), 8 * workers)


def _sources(layout: BandFiles) -> list[_Source]:
    out = []
    for number, (bands, grid, fit) in enumerate(zip(layout.sources, layout.grids, layout.fits, strict=True)):
        with open_file(bands[0].href, bands[0].access) as dataset:
            height, width = dataset.block_shapes[bands[0].index - 1]
        if width >= grid.width:
            height *= max(1, _LEAST_BLOCK // (height * width))
        out.append(_Source(number, grid, fit, height, width))
    return out


def _edges(places: Integers, fit: Fit, grid: Grid) -> Integers:
    """(windows, 4): first row, row after the last, first column, column after the last; pixels of a file, clipped."""
    top, bottom = fit.rows.span(places[:, 0], places[:, 2])
    left, right = fit.columns.span(places[:, 1], places[:, 3])
    rows, columns = np.clip([top, bottom], 0, grid.height), np.clip([left, right], 0, grid.width)
    return np.column_stack([*rows, *columns])


def _touching(edges: Integers) -> NDArray[np.bool_]:
    return np.asarray((edges[:, 0] < edges[:, 1]) & (edges[:, 2] < edges[:, 3]))


def _sweep(block: _Block) -> tuple[float, float, int]:
    """Sort key: row and column of the scene at which a block begins, then the number of its file."""
    fit, part = block.source.fit, block.part
    row = (part.row - fit.rows.shift) / fit.rows.step
    return row, (part.column - fit.columns.shift) / fit.columns.step, block.source.number


def _blocks(source: _Source, edges: Integers) -> Iterator[_Block]:
    """Blocks of a source that windows touch, row by row; windows are looked up once for each row of blocks."""
    inside = np.flatnonzero(_touching(edges))
    inside = inside[np.argsort(edges[inside, 0], kind="stable")]
    top, bottom, left, right = edges[inside].T
    tallest = int((bottom - top).max(initial=0))
    for row in range(0, source.grid.height, source.block_height):
        near = slice(np.searchsorted(top, row - tallest, "right"), np.searchsorted(top, row + source.block_height))
        here = np.flatnonzero(bottom[near] > row) + near.start
        if not len(here):
            continue
        first, last = left[here] // source.block_width, (right[here] - 1) // source.block_width
        column = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
        window = np.repeat(inside[here], last - first + 1)
        order = np.lexsort((window, column))
        bounds = np.flatnonzero(np.diff(column[order])) + 1
        height = min(source.block_height, source.grid.height - row)
        for wanted, number in zip(np.split(window[order], bounds), np.unique(column), strict=True):
            start = int(number) * source.block_width
            part = Window(row, start, height, min(source.block_width, source.grid.width - start))
            yield _Block(source, part, wanted)


def _decoded(blocks: Iterator[_Block], layout: BandFiles, workers: int, most: int) -> Iterator[tuple[_Block, _Piece]]:
    """Blocks in order with their pixels; up to ``most`` are decoded ahead."""
    own = threading.local()
    with ExitStack() as stack:
        opened: list[Any] = []
        stack.callback(lambda: [dataset.close() for dataset in opened])
        pool = stack.enter_context(ThreadPoolExecutor(workers))

        def decode(block: _Block) -> _Piece:
            # A GDAL dataset may be used by one thread only.
            datasets = own.__dict__.setdefault("datasets", {})
            with rasterio.Env(GDAL_CACHEMAX=_GDAL_CACHE_BYTES):
                number = block.source.number
                bands = layout.sources[number]
                if number not in datasets:
                    datasets[number] = open_band(bands[0], layout.scene)
                    opened.append(datasets[number])
                return _Piece(block.source, block.part, *read_part(datasets[number], bands, block.part))

        yield from map_ahead(pool, lambda block: (block, decode(block)), blocks, most)
