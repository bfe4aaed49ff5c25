"""Ways to read windows of a scene, each run in a process of its own by ``benchmarks/tiles.py``.

``python benchmarks/readers.py JOB``: JOB is a JSON file (:class:`Job`); one JSON line comes back, and sums over the
values of each window and band in a file beside it, so that the readers can be held against each other. The clock runs
from before the files are opened until the last window is there; imports are outside it, and inside the peak of memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

SAMPLE = np.s_[:, ::5, ::5]
"""Of each window's values, what is summed to hold the readers against each other: all would cost time of its own."""
Pixels = NDArray[np.generic]
Sums = Iterator[tuple[int, Pixels]]
"""Position of a window, and its values (bands, rows, columns)."""


@dataclass(frozen=True)
class Job:
    """What to read and how."""

    reader: str
    """Name of a function of :data:`READERS`."""
    files: dict[str, str]
    """Band name to file, in the order of the values."""
    windows: str
    """NumPy file of (n, 2): row and column of the first pixel, on the grid of the finest file."""
    size_px: int
    """Rows and columns of a window."""
    limit_s: float
    """Stop after it; the rest is reckoned by the pace of the latter half of what was read."""
    options: dict[str, str | int]
    """Of GDAL."""
    workers: int = 0
    """Processes that read, where the reader has such."""
    scene: str = ""
    """Product to open for our own reader, where its bands are not the files themselves."""
    local: dict[str, str] | None = None
    """The same files on disk, where ``files`` are addresses: a scene is opened from these."""
    rectangles: str = ""
    """Vector file of the rectangles that the windows are centred on, for ``cut``."""
    rows: str = ""
    """NumPy file of (n,): the row of each window's rectangle."""


def ours(job: Job, windows: NDArray[np.int64]) -> Sums:
    """``littoral.imagery.stream_windows``."""
    from littoral.imagery import Window as Pixels
    from littoral.imagery import select_bands, stream_windows

    scene = scene_of(job)
    asked = [Pixels(int(row), int(column), job.size_px, job.size_px) for row, column in windows]
    for position, values, _ in stream_windows(scene, select_bands(scene, list(job.files)), asked):
        yield position, values


def cut(job: Job, windows: NDArray[np.int64]) -> Sums:
    """``littoral.tiles.cut_tiles``: the same windows, from the rectangles that they are centred on."""
    import geopandas as gpd

    from littoral.tiles import TileSpec, cut_tiles

    scene = scene_of(job)
    rectangles = gpd.read_file(job.rectangles).iloc[np.load(job.rows)]
    for tile in cut_tiles(scene, rectangles, TileSpec(job.size_px, tuple(job.files))):
        yield tile.position, tile.values


def scene_of(job: Job) -> Any:
    """The scene that our own reader opens."""
    from littoral.imagery import open_scene

    scene = open_scene(job.scene or job.local or job.files)
    if job.local:
        bands = [replace(band, href=job.files[band.name]) for band in scene.bands]
        scene = replace(scene, bands=tuple(bands))
    return scene


def loop(job: Job, windows: NDArray[np.int64]) -> Sums:
    """Window by window with rasterio, each file opened once; coarser pixels are repeated to fill the window."""
    with ExitStack() as stack:
        opened = [stack.enter_context(rasterio.open(path)) for path in job.files.values()]
        scales = [round(source.transform.a / opened[0].transform.a) for source in opened]
        for position, (row, column) in enumerate(windows.tolist()):
            values = np.empty((len(opened), job.size_px, job.size_px), np.uint16)
            for plane, source, scale in zip(values, opened, scales, strict=True):
                top, left = row // scale, column // scale
                height, width = -(-(row + job.size_px) // scale) - top, -(-(column + job.size_px) // scale) - left
                part = source.read(1, window=Window(left, top, width, height))
                if scale > 1:
                    part = part.repeat(scale, 0).repeat(scale, 1)[row - top * scale :, column - left * scale :]
                plane[:] = part[: job.size_px, : job.size_px]
            yield position, values


def torchgeo(job: Job, windows: NDArray[np.int64]) -> Sums:
    """TorchGeo: a ``RasterDataset`` over the files, a sampler that draws these windows, and torch's data loader."""
    import pandas as pd
    import torch
    from torch.utils.data import DataLoader
    from torchgeo.datasets import RasterDataset, stack_samples
    from torchgeo.samplers import GeoSampler

    class Bands(RasterDataset):
        filename_glob = f"*{next(iter(job.files))}.*"
        filename_regex = r".*(?P<band>B\d[\dA])\..*"
        separate_files = True
        all_bands = tuple(job.files)

    class Drawn(GeoSampler):
        def __iter__(self) -> Iterator[tuple[slice, slice, slice]]:
            for row, column in windows.tolist():
                left, top = grid @ (column, row)
                right, bottom = grid @ (column + job.size_px, row + job.size_px)
                yield slice(left, right), slice(bottom, top), slice(pd.Timestamp.min, pd.Timestamp.max)

        def __len__(self) -> int:
            return len(windows)

    # Nothing is computed: on a busy machine, threads that wait for each other cost more than they bring.
    torch.set_num_threads(1)
    first = next(iter(job.files.values()))
    with rasterio.open(first) as source:
        grid: Affine = source.transform
    dataset = Bands(str(Path(first).parent), res=grid.a)
    batches = DataLoader(
        dataset, batch_size=16, sampler=Drawn(dataset), num_workers=job.workers, collate_fn=stack_samples
    )
    position = 0
    for batch in batches:
        for values in batch["image"].numpy():
            yield position, values
            position += 1


def floor(job: Job, windows: NDArray[np.int64]) -> Sums:
    """Every block that a window touches decoded once, on all cores, and nothing else done with it."""
    own = threading.local()

    def decode(block: tuple[str, Window]) -> None:
        path, part = block
        with rasterio.Env(**job.options):
            sources = own.__dict__.setdefault("sources", {})
            if path not in sources:
                sources[path] = rasterio.open(path)
            sources[path].read(1, window=part)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(decode, blocks(job, windows)):
            pass
    return iter(())


def blocks(job: Job, windows: NDArray[np.int64]) -> list[tuple[str, Window]]:
    """File and pixels of every block that a window touches."""
    out = []
    finest = None
    for path in job.files.values():
        with rasterio.open(path) as source:
            height, width = source.block_shapes[0]
            finest = finest or source.transform.a
            scale = round(source.transform.a / finest)
            touched = {
                (y, x)
                for row, column in windows.tolist()
                for y in range(row // scale // height, ((row + job.size_px - 1) // scale) // height + 1)
                for x in range(column // scale // width, ((column + job.size_px - 1) // scale) // width + 1)
            }
            for y, x in sorted(touched):
                top, left = y * height, x * width
                part = Window(left, top, min(width, source.width - left), min(height, source.height - top))
                out.append((path, part))
    return out


READERS = {reader.__name__: reader for reader in (ours, cut, loop, torchgeo, floor)}


def main(path: str) -> None:
    """Do a job and say what it took."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    windows = np.load(job.windows)
    sums = np.full((len(windows), len(job.files)), np.nan)
    with rasterio.Env(**job.options):
        _load(job.reader)
        cpu, begin = _cpu_seconds(), time.perf_counter()
        times = [0.0]
        for position, values in READERS[job.reader](job, windows):
            sums[position] = values[SAMPLE].sum(axis=(1, 2), dtype=np.float64)
            times.append(time.perf_counter() - begin)
            if times[-1] > job.limit_s:
                break
        seconds, cpu = time.perf_counter() - begin, _cpu_seconds() - cpu
    np.save(path + ".npy", sums)
    done = len(times) - 1
    whole = done in (0, len(windows))
    if not whole:
        half = done // 2
        seconds += (len(windows) - done) * (times[-1] - times[half]) / (done - half)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak += job.workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak / 1000, "whole": whole}), flush=True)
    # A loader with workers that is left early would wait for them.
    os._exit(0)


_MODULES = {
    "ours": ("littoral.imagery",),
    "cut": ("littoral.imagery", "littoral.tiles"),
    "torchgeo": ("torchgeo.datasets", "torchgeo.samplers"),
}


def _load(reader: str) -> None:
    """Import what the reader needs before the clock runs."""
    for name in _MODULES.get(reader, ()):
        import_module(name)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main(sys.argv[1])
