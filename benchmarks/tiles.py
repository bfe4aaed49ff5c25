"""Tiles of 256 px cut from a Sentinel-2 product of the real size, beside other ways to read them, and the floor.

Windows: one on each rectangle along the shore, in the order of a chart (none), and the grid of stride 128 where it
meets the shore. Scenes: 3, 4 and 13 bands as JPEG 2000, and 3 as cloud-optimised GeoTIFF, on disk and over HTTP from
this machine. Readers, each in a process of its own: ours; a loop of rasterio's window reads (GDAL's block cache of
256 MB, and its default of 5 % of the memory); TorchGeo with a sampler that draws the same windows; and the floor, which
decodes every touched block once on all cores and does nothing else. They take turns and medians are compared. The
small cache and TorchGeo run once, for at most ``--limit`` seconds; for the windows left, their time is that of the
latter half of those read (marked ~). Files are in the system's cache for all. All must have read the same values.

Run: ``python benchmarks/tiles.py --torchgeo-python PATH``, a Python with torchgeo in it; without it TorchGeo is left
out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from figures import print_figures
from numpy.typing import NDArray
from product import BANDS, NORTH, SIDE_M, WEST, Product, real_sized_product
from ranges import RangeServer, tile_bytes
from readers import SAMPLE, Job, blocks, scene_of

from littoral.imagery import gdal_options, select_bands, stored_as

SIZE, STRIDE, SIDE, SEED = 256, 128, SIDE_M // 10, 0
FLOOR_RATIO, PEAK_MB, SERVED_RATIO = 1.2, 512, 1.1
EVEN = 1.03
"""Two runs of one reader differ by as much: less does not count as behind."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    label: str
    reader: str
    options: dict[str, str | int] = field(default_factory=dict)
    workers: int = 0
    repeated: bool = False


ROWS = (
    Row("floor", "floor", {"GDAL_CACHEMAX": 64 * 2**20}, repeated=True),
    Row("ours", "ours", repeated=True),
    Row("ours, cut_tiles", "cut", repeated=True),
    Row("loop, default cache", "loop", repeated=True),
    Row("loop, 256 MB", "loop", {"GDAL_CACHEMAX": 256 * 2**20}),  # bytes: a plain 256 would be 256 bytes
    Row("TorchGeo", "torchgeo"),
    Row("TorchGeo, 2 workers", "torchgeo", workers=2),
)


def main() -> None:
    """Print a table for each case and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torchgeo-python", type=Path, help="a Python that has torchgeo, rasterio and torch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=90)
    parser.add_argument("--only", nargs="*", default=["3 bands", "4 bands", "13 bands", "GeoTIFF", "HTTP"])
    given = parser.parse_args()
    product = real_sized_product()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        orders = windows_of(product, Path(place))
        for name, job in cases(product, Path(place)):
            if name not in given.only:
                continue
            for order, windows in orders.items():
                files = {**asdict(job), **windows}
                figures[f"{name}, {order}"] = compare(f"{name}, {order}", Job(**files), given)
        if "HTTP" in given.only:
            figures["HTTP"] = over_http(product, orders)
    print_figures("tiles", figures)


def windows_of(product: Product, place: Path) -> dict[str, dict[str, str]]:
    """The two sets of windows, as fields of a job; those that reach beyond the scene are left out."""
    boxes = gpd.read_file(product.rectangles)
    centres = shapely.get_coordinates(boxes.geometry.centroid.to_numpy())
    corners = np.floor(np.column_stack([NORTH - centres[:, 1], centres[:, 0] - WEST]) / 10 - SIZE / 2 + 0.5)
    rows = np.random.default_rng(SEED).permutation(np.flatnonzero(((corners >= 0) & (corners <= SIDE - SIZE)).all(1)))

    first = np.arange(0, SIDE - SIZE + 1, STRIDE)
    grid = np.stack(np.meshgrid(first, first, indexing="ij"), -1).reshape(-1, 2)
    left, upper = WEST + 10 * grid[:, 1], NORTH - 10 * grid[:, 0]
    squares = shapely.box(left, upper - 10 * SIZE, left + 10 * SIZE, upper)
    lines = gpd.read_file(product.shoreline).geometry.to_numpy()
    met = np.unique(shapely.STRtree(squares).query(lines, predicate="intersects")[1])

    out: dict[str, dict[str, str]] = {}
    for name, windows in (("chart order", corners[rows]), ("grid", grid[met])):
        out[name] = {"windows": str(place / f"{name}.npy")}
        np.save(out[name]["windows"], windows.astype(np.int64))
    np.save(place / "rows.npy", rows)
    out["chart order"] |= {"rectangles": str(product.rectangles), "rows": str(place / "rows.npy")}
    return out


def cases(product: Product, place: Path) -> Iterator[tuple[str, Job]]:
    """Scenes by name, as jobs without windows; the finest bands first."""
    bands = {name: str(product.band(name)) for names in BANDS.values() for name in names}
    empty = Job("", {}, "", SIZE, 0, {}, scene=str(product.safe))
    yield "3 bands", replace(empty, files={name: bands[name] for name in ("B02", "B03", "B04")})
    yield "4 bands", replace(empty, files={name: bands[name] for name in BANDS[10]})
    yield "13 bands", replace(empty, files=bands)
    # As in E.3 of the anchors: each of the 13 a file of 10 m.
    links = {name: str(place / f"{name}.jp2") for name in bands}
    for position, link in enumerate(links.values()):
        Path(link).symlink_to(product.band(BANDS[10][position % 4]))
    yield "13 bands of 10 m", replace(empty, files=links, scene="")
    yield "GeoTIFF", replace(empty, files={name: str(product.cog(name)) for name in ("B02", "B03", "B04")}, scene="")


def compare(title: str, job: Job, given: argparse.Namespace) -> dict[str, Any]:
    """Run the readers on one set of windows of one scene, print their table, and give the figures."""
    windows = np.load(job.windows)
    print(f"\n{title}: {len(windows)} windows, {len(blocks(job, windows))} blocks in {len(job.files)} files")
    for path in job.files.values():
        warm(path)
    rows = [row for row in ROWS if row.reader != "cut" or job.rectangles]
    if given.torchgeo_python is None:
        print("without TorchGeo: --torchgeo-python names no Python that has it")
        rows = [row for row in rows if row.reader != "torchgeo"]
    runs: dict[str, list[dict[str, float]]] = {row.label: [] for row in rows}
    sums: dict[str, NDArray[np.float64]] = {}
    for turn in range(given.repeats):
        for row in rows:
            if row.repeated or turn == 0:
                limit = 3600 if row.repeated else given.limit
                python = given.torchgeo_python if row.reader == "torchgeo" else Path(sys.executable)
                asked = replace(job, reader=row.reader, options=row.options, workers=row.workers, limit_s=limit)
                run, sums[row.label] = execute(asked, python)
                runs[row.label].append(run)
    agree(sums, job, title)
    return table(rows, runs, len(windows))


def execute(job: Job, python: Path) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Run one reader in a process of its own: what it took, and the sum of each window's values."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "job.json"
        path.write_text(json.dumps(asdict(job)), encoding="utf-8")
        command = [str(python), str(Path(__file__).with_name("readers.py")), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{job.reader} failed:\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1]), np.load(f"{path}.npy")


def agree(sums: dict[str, NDArray[np.float64]], job: Job, title: str) -> None:
    """Hold the readers against each other where both have read a window.

    Ours takes off the product's offset. TorchGeo interpolates coarser pixels, so that only the finest bands can agree.
    """
    bands = select_bands(scene_of(job), list(job.files))
    shift = np.array([stored_as(band).add for band in bands]) * np.empty((1, SIZE, SIZE))[SAMPLE].size
    finest = np.array([band.grid is None for band in bands])
    for name, read in sums.items():
        theirs = read if name.startswith("ours") else read + shift
        both = np.isfinite(theirs) & np.isfinite(sums["ours"]) & (finest | ("TorchGeo" not in name))
        if name != "floor" and not (both.any() and np.array_equal(sums["ours"][both], theirs[both])):
            raise AssertionError(f"{title}: {name} read other values than ours")


def table(rows: list[Row], runs: dict[str, list[dict[str, float]]], count: int) -> dict[str, Any]:
    """Print medians and goals; the figures of the case."""
    out: dict[str, Any] = {"windows": count}
    print(f"{'':<22}{'s':>8}{'windows/s':>11}{'of floor':>10}{'CPU s':>8}{'peak MB':>9}")
    for row in rows:
        own = runs[row.label]
        whole = bool(own[0]["whole"])
        seconds = statistics.median(run["seconds"] for run in own)
        out[row.label] = figures = {
            "seconds": round(seconds, 2),
            "all": [round(run["seconds"], 1) for run in own],
            "whole": whole,
            "cpu": round(statistics.median(run["cpu"] for run in own), 2) if whole else None,
            "peak_mb": round(max(run["peak_mb"] for run in own)),
        }
        print(
            f"{row.label:<22}{('' if whole else '~') + f'{seconds:.1f}':>8}{count / seconds:>11.1f}"
            f"{seconds / out['floor']['seconds']:>10.2f}{figures['cpu'] or '':>8}{figures['peak_mb']:>9}"
        )
    ours = [out[row.label] for row in rows if row.reader in ("ours", "cut")]
    slowest, peak = max(each["seconds"] for each in ours), max(each["peak_mb"] for each in ours)
    goals = {
        f"at most {FLOOR_RATIO} x the floor": slowest <= FLOOR_RATIO * out["floor"]["seconds"],
        f"at most {PEAK_MB} MB": peak <= PEAK_MB,
    }
    for what, reader in (("never behind the loop", "loop"), ("ahead of TorchGeo", "torchgeo")):
        theirs = [out[row.label]["seconds"] for row in rows if row.reader == reader]
        if theirs:
            goals[what] = slowest <= EVEN * min(theirs)
    print("  " + ", ".join(f"{goal}: {'met' if met else 'NOT MET'}" for goal, met in goals.items()))
    return out | {"goals": goals}


def over_http(product: Product, orders: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What ours and the loop ask of a web server for the GeoTIFFs; the bytes count, not the seconds."""
    local = {name: str(product.cog(name)) for name in ("B02", "B03", "B04")}
    out: dict[str, Any] = {}
    for order, fields in orders.items():
        windows = np.load(fields["windows"])
        job = Job("", local, fields["windows"], SIZE, 600, {}, local=local)
        least = 0
        for name in local:
            parts = [part for _, part in blocks(replace(job, files={name: local[name]}), windows)]
            pixels, header = tile_bytes(
                product.cog(name), {(part.row_off // 512, part.col_off // 512) for part in parts}
            )
            least += pixels + header
        print(f"\nHTTP, {order}: {len(windows)} windows, {least / 1e6:.1f} MB in their blocks and in the headers")
        print(f"{'':<22}{'s':>8}{'requests':>11}{'MB':>10}{'of least':>9}{'peak MB':>8}")
        sums = {}
        # Ours sets GDAL's options itself.
        for row in (Row("ours", "ours"), Row("loop, default cache", "loop", dict(gdal_options()))):
            with RangeServer(product.cog("B02").parent) as server:
                files = {name: server.address(f"{name}.tif") for name in local}
                asked = replace(job, reader=row.reader, files=files, options=row.options)
                run, sums[row.label] = execute(asked, Path(sys.executable))
                ratio, mb = server.bytes / least, server.bytes / 1e6
            print(
                f"{row.label:<22}{run['seconds']:>8.1f}{server.requests:>11}{mb:>10.1f}"
                f"{ratio:>9.3f}{run['peak_mb']:>8.0f}"
            )
            out[f"{order}, {row.label}"] = {"requests": server.requests, "mb": round(mb, 1), "ratio": round(ratio, 3)}
        agree(sums, job, f"HTTP, {order}")
        met = out[f"{order}, ours"]["ratio"] <= SERVED_RATIO
        print(f"  at most {SERVED_RATIO} x the touched blocks' bytes plus headers: {'met' if met else 'NOT MET'}")
    return out


def warm(path: str) -> None:
    """Have a file in the system's cache."""
    with open(path, "rb") as file:
        while file.read(2**24):
            pass


if __name__ == "__main__":
    main()
