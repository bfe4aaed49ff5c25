"""Many windows of a scene, each block of its files decoded once.

The work is ordered by the files' own blocks, row by row; a window is handed on as soon as the last block it touches is
there, so windows come in the order of the blocks and not in that in which they were given. Of a block, only the margins
that windows still wait for are kept.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from littoral.imagery.opening import open_file
from littoral.imagery.reading import Canvas, clip_window, read_part
from littoral.imagery.scene import Band, Scene, Values, Window

Integers = NDArray[np.int64]

_LEAST_BLOCK = 2**16
"""Pixels that are asked for in one go where blocks are strips: those of a row or two are read together."""
_GDAL_CACHE_BYTES = 64 * 2**20
"""GDAL's own cache: blocks are asked for once, so it only has to hold those being decoded."""


@dataclass(frozen=True)
class _Source:
    """Bands that are read together: those of one file."""

    href: str
    positions: tuple[int, ...]
    """Of its bands, among the bands asked for."""
    height: int
    """Rows of a block, or of several where they are thin."""
    width: int
    """Columns of a block."""


@dataclass(frozen=True)
class _Block:
    """A block of a source, and who waits for it."""

    source: _Source
    part: Window
    """Pixels of the scene, within its edges."""
    wanted: Integers
    """Positions of the windows that touch it."""


@dataclass(frozen=True)
class _Piece:
    """Decoded pixels of a block, or a margin of it."""

    source: _Source
    part: Window
    values: list[Values]
    """(height, width) of each band of the source, as stored."""
    valid: NDArray[np.bool_]
    """(height, width), where all of them are."""

    def crop(self, windows: Sequence[Window]) -> _Piece:
        """A copy of what these windows need, so that the rest can be freed."""
        top = max(min(window.row for window in windows), self.part.row)
        left = max(min(window.column for window in windows), self.part.column)
        bottom = min(max(window.row + window.height for window in windows), self.part.row + self.part.height)
        right = min(max(window.column + window.width for window in windows), self.part.column + self.part.width)
        rows, columns = (
            slice(top - self.part.row, bottom - self.part.row),
            slice(left - self.part.column, right - self.part.column),
        )
        part = Window(top, left, bottom - top, right - left)
        values = [plane[rows, columns].copy() for plane in self.values]
        return _Piece(self.source, part, values, self.valid[rows, columns].copy())


def stream_windows(
    scene: Scene, bands: Sequence[Band], windows: Sequence[Window], *, raw: bool = False, workers: int = 2
) -> Iterator[tuple[int, Values, NDArray[np.bool_]]]:
    """Read windows of a scene in the order of its blocks; each block that a window touches is decoded once.

    Args:
        scene: The scene.
        bands: Bands of it, in the order of the values.
        windows: Any number, in any order; they may overlap, and reach beyond the scene.
        raw: Keep stored values where an offset is known.
        workers: Blocks decoded at the same time.

    Yields:
        The position of a window in ``windows``, then its values and mask as :func:`read_windows` gives them. The order
        is that of the blocks, whatever ``workers`` is.

    Raises:
        InputError: a file cannot be read.

    Memory: :func:`most_held_bytes` of pixels, 64 MB in GDAL, and 100 bytes for each window.
    """
    sources = _sources(scene, bands)
    clipped = np.array([_edges(window, scene) for window in windows], np.int64).reshape(-1, 4)
    touching = clipped[:, 0] < clipped[:, 1]
    left = np.zeros(len(windows), np.int64)
    for source in sources:
        rows = (clipped[:, 1] - 1) // source.height - clipped[:, 0] // source.height + 1
        left += rows * ((clipped[:, 3] - 1) // source.width - clipped[:, 2] // source.width + 1)
    for position in np.flatnonzero(~touching).tolist():
        yield position, *Canvas(scene, windows[position], bands, raw).finished()

    parts: dict[int, list[_Piece]] = {}
    inside = np.flatnonzero(touching)
    blocks = heapq.merge(*(_blocks(source, scene, clipped, inside) for source in sources), key=_sweep)
    for block, piece in _decoded(blocks, bands, workers):
        left[block.wanted] -= 1
        for position in block.wanted[left[block.wanted] == 0].tolist():
            canvas = Canvas(scene, windows[position], bands, raw)
            for done in (*parts.pop(position, ()), piece):
                canvas.put(done.source.positions, done.part, done.values, done.valid)
            yield position, *canvas.finished()
        waiting = block.wanted[left[block.wanted] > 0]
        below = clipped[waiting, 1] > block.part.row + block.part.height
        for group in (waiting[below], waiting[~below]):
            if len(group):
                margin = piece.crop([windows[position] for position in group])
                for position in group.tolist():
                    parts.setdefault(position, []).append(margin)


def most_held_bytes(scene: Scene, bands: Sequence[Band], height: int, width: int, *, workers: int = 2) -> int:
    """Bytes of pixels that :func:`stream_windows` holds at most, however many windows there are.

    Of every file a margin below its blocks, as high as a window and as wide as the scene; one beside its blocks, as
    wide as a window; the blocks that are being decoded, or were but wait for their turn, twice over while they are cut;
    and the window being filled.

    Args:
        scene: The scene.
        bands: Bands of it.
        height: Of the highest window.
        width: Of the widest window.
        workers: Blocks decoded at the same time.
    """
    sources = _sources(scene, bands)
    held = 0
    largest = 0
    for source in sources:
        pixel = 1 + sum(np.dtype(bands[position].dtype).itemsize for position in source.positions)
        # Margins of neighbouring blocks overlap by up to a window.
        across = scene.width + width * (scene.width // source.width + 1)
        held += pixel * (min(height, source.height) * across + 2 * source.height * min(width, source.width))
        held += 2 * pixel * max(0, height - source.height) * scene.width
        largest = max(largest, pixel * source.height * source.width)
    canvas = height * width * (len(bands) * 4 + 1) * 2
    return held + largest * 2 * (workers + 2) + canvas


def _sources(scene: Scene, bands: Sequence[Band]) -> list[_Source]:
    out = []
    for href in dict.fromkeys(band.href for band in bands):
        positions = tuple(position for position, band in enumerate(bands) if band.href == href)
        with open_file(href) as dataset:
            height, width = dataset.block_shapes[bands[positions[0]].index - 1]
        if width >= scene.width:
            height *= max(1, _LEAST_BLOCK // (height * width))
        out.append(_Source(href, positions, height, width))
    return out


def _edges(window: Window, scene: Scene) -> tuple[int, int, int, int]:
    """First row, row after the last, first column, column after the last, on the scene; zeros beyond it."""
    part = clip_window(window, scene)
    if part is None:
        return 0, 0, 0, 0
    return part.row, part.row + part.height, part.column, part.column + part.width


def _sweep(block: _Block) -> tuple[int, int, tuple[int, ...]]:
    return block.part.row, block.part.column, block.source.positions


def _blocks(source: _Source, scene: Scene, clipped: Integers, inside: Integers) -> Iterator[_Block]:
    """Blocks of a source that windows touch, row by row; windows are looked up a row of blocks at a time."""
    inside = inside[np.argsort(clipped[inside, 0], kind="stable")]
    top, bottom, left, right = clipped[inside].T
    tallest = int((bottom - top).max(initial=0))
    for row in range(0, scene.height, source.height):
        near = slice(np.searchsorted(top, row - tallest, "right"), np.searchsorted(top, row + source.height))
        here = np.flatnonzero(bottom[near] > row) + near.start
        if not len(here):
            continue
        first, last = left[here] // source.width, (right[here] - 1) // source.width
        column = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
        window = np.repeat(inside[here], last - first + 1)
        order = np.lexsort((window, column))
        edges = np.flatnonzero(np.diff(column[order])) + 1
        for wanted, number in zip(np.split(window[order], edges), np.unique(column), strict=True):
            start = int(number) * source.width
            part = Window(row, start, min(source.height, scene.height - row), min(source.width, scene.width - start))
            yield _Block(source, part, wanted)


def _decoded(blocks: Iterator[_Block], bands: Sequence[Band], workers: int) -> Iterator[tuple[_Block, _Piece]]:
    """Blocks in order with their pixels, a few of them decoded ahead."""
    own = threading.local()
    with ExitStack() as stack:
        opened: list[Any] = []
        stack.callback(lambda: [dataset.close() for dataset in opened])
        pool = stack.enter_context(ThreadPoolExecutor(workers))

        def decode(block: _Block) -> _Piece:
            # GDAL's datasets belong to one thread each.
            datasets = own.__dict__.setdefault("datasets", {})
            with rasterio.Env(GDAL_CACHEMAX=_GDAL_CACHE_BYTES):
                if block.source.href not in datasets:
                    datasets[block.source.href] = open_file(block.source.href)
                    opened.append(datasets[block.source.href])
                chosen = [bands[position] for position in block.source.positions]
                return _Piece(block.source, block.part, *read_part(datasets[block.source.href], chosen, block.part))

        ahead: deque[tuple[_Block, Future[_Piece]]] = deque()
        try:
            for block in blocks:
                ahead.append((block, pool.submit(decode, block)))
                if len(ahead) > workers:
                    done, future = ahead.popleft()
                    yield done, future.result()
            while ahead:
                done, future = ahead.popleft()
                yield done, future.result()
        finally:
            for _, future in ahead:
                future.cancel()
