"""Rectangles a second, classified on a Sentinel-2 product of the real size, beside a user's loop and beside the floor.

The rectangles lie along the shore and come in two orders: as they were walked, and mixed, as in a chart. Rows, each in
a process of its own, in turns, medians compared (of the loops, which take minutes, one turn):

* ours: ``littoral.classify.predict_rectangles``, by torch; by the engine that is faster on this machine
  (``--engine fastest``), where that is another; and in 16-bit arithmetic (``torch-bf16``), where the processor has it;
* the loop a user would write: for each rectangle rasterio's window reads, then one call of the model; with GDAL's
  default cache of blocks and with 64 MB, which the mixed order defeats. Stopped after ``--limit`` seconds, it is
  reckoned by the pace of the latter half (marked ~);
* the floor 1 / (1/decode + 1/forward): each touched block decoded once on all processors, and the bare forward pass at
  the best batch size, either with all processors for each batch or with one for each of several batches.

All must have said the same, but for the 16-bit arithmetic, of which is told how many labels it changes (of weights as
they are drawn, which is the worst: classes are nearly even). ``--memory`` prints instead what memory 1,000 to 1,000,000
rectangles take, with a model and tiles that are tiny: the peak beyond what was there when the table of rectangles was.

Run: ``python benchmarks/classify.py``, or with ``--rectangles 64 --repeats 1`` for a look. After the JSON line comes
what the world's coast costs by these figures (``docs/how-to/scale.md``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from figures import print_figures
from numpy.typing import NDArray
from product import NORTH, SIDE_M, WEST, real_sized_product
from readers import Job, blocks
from tiles import execute, warm

from littoral.classify.pipeline import BATCH

BANDS, SIZE, SEED, CLASSES = ("B02", "B03", "B04"), 256, 0, (1, 3, 7)
FLOOR_SHARE, LOOP_RATIO, DEFEATED_RATIO = 0.85, 1.8, 8.0
SMALL_CACHE = 64 * 2**20
BATCHES = (1, 4, 8, 16, 32)
PER_SCENE, SCENES = 83, 12_000
"""Of the world's coast: a million rectangles on so many Sentinel-2 tiles."""
BLOCKS = 121
"""Of a band of 10 m, 1024 pixels square."""
COUNTS = (1_000, 10_000, 100_000, 1_000_000)


def main() -> None:
    """Print a table for each order, or the curve, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rectangles", type=int, help="only so many, in the middle of the shore")
    parser.add_argument("--backbone", default="resnet34")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=120, help="seconds for a loop")
    parser.add_argument("--seconds", type=float, default=10, help="for the bare forward pass at each batch size")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="for the bare forward pass")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="of --memory")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        name, text = given.alone
        print(json.dumps(ALONE[name](json.loads(text))))
    elif given.memory:
        memory(given.counts)
    else:
        speed(given)


def alone(name: str, options: dict[str, Any], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run one row in a process of its own."""
    command = [sys.executable, __file__, "--alone", name, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def speed(given: argparse.Namespace) -> None:
    """The two orders beside loop and floor."""
    product = real_sized_product()
    files = {name: str(product.band(name)) for name in BANDS}
    for path in files.values():
        warm(path)
    figures: dict[str, Any] = {"backbone": given.backbone, "processors": processors()}
    with tempfile.TemporaryDirectory() as place:
        model = make_model(given.backbone, Path(place) / "m.dlpk")
        orders = rectangles_of(product.rectangles, given.rectangles)
        forward = alone("forward", {"model": model, "seconds": given.seconds, "batches": given.batches})
        engine = alone("fastest", {"model": model})
        figures |= {"forward": forward, "engines": engine}
        print(
            f"bare forward, {given.backbone}: {forward['per_s']:.1f} rectangles/s ({forward['how']})\n"
            f"  all: {', '.join(f'{how} {pace:.1f}' for how, pace in forward['all'].items())}\n"
            f"engines, {BATCH} each alone: {', '.join(f'{name} {pace:.1f}' for name, pace in engine['paces'].items())}"
        )
        for order, (table, corners) in orders.items():
            options = {
                "files": files, "scene": str(product.safe), "model": model, "limit": given.limit,
                "rectangles": str(Path(place) / f"{order}.parquet"), "said": str(Path(place) / "said.npy"),
                "engine": "torch", "engines": [engine["best"], *(["torch-bf16"] if engine["bf16"] else [])],
            }  # fmt: skip
            table.to_parquet(options["rectangles"])
            windows = Path(place) / f"{order}.npy"
            np.save(windows, corners)
            job = Job("floor", files, str(windows), SIZE, 3600, {"GDAL_CACHEMAX": SMALL_CACHE})
            figures[order] = compare(order, options, job, corners, forward["per_s"], given.repeats)
            figures[order] |= {"blocks": len(blocks(job, corners))}
    corners = orders["along the shore"][1]
    few = [corners[at : at + PER_SCENE] for at in range(0, len(corners) - PER_SCENE + 1, PER_SCENE)] or [corners]
    figures["blocks_of_a_scene"] = statistics.mean(len(blocks(job, some)) for some in few)
    figures["bytes_of_a_block"] = statistics.mean(Path(path).stat().st_size for path in files.values()) / BLOCKS
    figures["bytes_of_a_scene"] = sum(Path(path).stat().st_size for path in files.values())
    world(figures)
    print_figures("classify", figures)


def world(figures: dict[str, Any]) -> None:
    """What the world's coast costs by these figures: docs/how-to/scale.md says what is reckoned."""
    shore, cores = figures["along the shore"], figures["processors"]
    filled = -(-PER_SCENE // BATCH) * BATCH
    forward_h = SCENES * filled * cores / figures["forward"]["per_s"] / 3600
    decode_h = SCENES * figures["blocks_of_a_scene"] * shore["decode_s"] * cores / shore["blocks"] / 3600
    blocks_tb = SCENES * figures["blocks_of_a_scene"] * figures["bytes_of_a_block"] / 1e12
    files_tb = SCENES * figures["bytes_of_a_scene"] / 1e12
    print(
        f"\nthe world's coast, {SCENES * PER_SCENE} rectangles on {SCENES} scenes:\n"
        f"  FORWARD_H {forward_h:.0f} processor-hours, DECODE_H {decode_h:.1f}\n"
        f"  BLOCKS_TB {blocks_tb:.2f} TB of blocks, FILES_TB {files_tb:.2f} TB of whole band files"
    )
    for workers in (1, 16, 64, 256):
        hours = (forward_h + decode_h) / FLOOR_SHARE / workers
        rate = (blocks_tb + files_tb) * 1e6 / hours / 3600
        print(f"  {workers:>4} processors: {hours:8.1f} h, {rate:8.0f} MB/s from the disk")


def compare(
    order: str, options: dict[str, Any], job: Job, corners: NDArray[np.int64], forward: float, repeats: int
) -> dict[str, Any]:
    """Run the rows on one order, print their table and the goals."""
    count = len(corners)
    rows: dict[str, Callable[[], dict[str, Any]]] = {
        "decode": lambda: dict(execute(job, Path(sys.executable))[0]),
        "ours": lambda: alone("ours", options),
        **{
            f"ours, {engine}": partial(alone, "ours", {**options, "engine": engine})
            for engine in options["engines"]
            if engine != "torch"
        },
        "loop, default cache": lambda: alone("loop", options),
        "loop, 64 MB": lambda: alone("loop", options, {"GDAL_CACHEMAX": str(SMALL_CACHE)}),
    }
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    said: dict[str, NDArray[np.float64]] = {}
    for turn in range(repeats):
        for name, run in rows.items():
            if turn == 0 or not name.startswith("loop"):
                runs[name].append(run())
                if name != "decode":
                    said[name] = np.load(options["said"])
    for name, other in said.items():
        both = np.isfinite(other).all(axis=1)
        if "bf16" in name:
            changed = int((other.argmax(axis=1) != said["ours"].argmax(axis=1)).sum())
        elif not both.any() or np.abs(other[both] - said["ours"][both]).max() > 1e-4:
            raise AssertionError(f"{order}: {name} said otherwise than ours")
    seconds = {name: statistics.median(run["seconds"] for run in own) for name, own in runs.items()}
    floor = seconds["decode"] + count / forward
    print(f"\n{order}: {count} rectangles, floor {count / floor:.1f}/s ({seconds['decode']:.1f} s decode)")
    out: dict[str, Any] = {"rectangles": count, "floor_per_s": count / floor, "decode_s": seconds["decode"]}
    for name, own in runs.items():
        if name != "decode":
            whole = all(run["whole"] for run in own)
            peak = max(run["peak_mb"] for run in own)
            out[name] = {"per_s": count / seconds[name], "peak_mb": peak, "whole": whole}
            mark = "" if whole else "~"
            print(f"  {name:<22}{mark + f'{count / seconds[name]:.1f}':>9}/s  peak {peak:.0f} MB")
    for name in (name for name in rows if name.startswith("ours")):
        ratios = {
            "of the floor": (floor / seconds[name], FLOOR_SHARE),
            "of the loop": (seconds["loop, default cache"] / seconds[name], LOOP_RATIO),
        }
        if order == "mixed":
            ratios["of the loop with 64 MB"] = seconds["loop, 64 MB"] / seconds[name], DEFEATED_RATIO
        print(f"  {name}:")
        for what, (ratio, goal) in ratios.items():
            print(f"    {ratio:.2f} {what}, goal {goal}: {'met' if ratio >= goal else 'MISSED'}")
            out[name][what] = ratio
        if "bf16" in name:
            print(f"    {changed} of {count} labels are others")
            out[name]["other_labels"] = changed
    return out


def rectangles_of(path: Path, most: int | None) -> dict[str, tuple[gpd.GeoDataFrame, NDArray[np.int64]]]:
    """Of each order the rectangles and the first row and column of their windows; all lie on the scene."""
    table = gpd.read_file(path)
    centres = shapely.get_coordinates(table.geometry.centroid.to_numpy())
    corners = np.floor(np.column_stack([NORTH - centres[:, 1], centres[:, 0] - WEST]) / 10 - SIZE / 2 + 0.5)
    rows = np.flatnonzero(((corners >= 0) & (corners <= SIDE_M // 10 - SIZE)).all(axis=1))
    if most is not None:
        middle = max(0, (len(rows) - most) // 2)
        rows = rows[middle : middle + most]
    mixed = np.random.default_rng(SEED).permutation(rows)
    return {
        name: (table.iloc[order].reset_index(drop=True), corners[order].astype(np.int64))
        for name, order in (("along the shore", rows), ("mixed", mixed))
    }


def make_model(backbone: str, path: Path) -> str:
    """A package with weights as they are drawn; what it says is nonsense, what it costs is not."""
    import torch

    from littoral import CATCOA
    from littoral.imagery import REFLECTANCE
    from littoral.learn.network import build_network, state_bytes
    from littoral.learn.onnx.export import export_graph
    from littoral.package import Manifest, Package, Preprocessing, write_package
    from littoral.tiles import TileSpec

    torch.manual_seed(SEED)
    network = build_network(backbone, len(BANDS), len(CLASSES))
    pixels = Preprocessing(TileSpec(SIZE, BANDS), SIZE, (1500.0,) * 3, (800.0,) * 3, "int16", REFLECTANCE)
    categories = tuple(CATCOA[code] for code in CLASSES)
    manifest = Manifest(backbone, pixels, categories, (10.0, 10.0), 32630, "none", (), "", {})
    weights = state_bytes(network, backbone)
    with contextlib.redirect_stdout(sys.stderr):
        files = {"m.onnx": export_graph(network.eval(), manifest, weights)}
    return str(write_package(path, Package("m", manifest, weights, {}, files=files)))


def fastest(options: dict[str, Any]) -> dict[str, Any]:
    """What ``--engine fastest`` finds, and whether there is 16-bit arithmetic."""
    from littoral.engines import fastest_engine
    from littoral.learn.network import precision

    best, paces = fastest_engine([options["model"]], BATCH, "cpu")
    return {"best": best, "paces": paces, "bf16": precision() == "bf16-mixed"}


def ours(options: dict[str, Any]) -> dict[str, Any]:
    """``predict_rectangles``, from opening the scene to the last answer; the model is open."""
    from littoral.classify import predict_rectangles
    from littoral.engines import open_classifier
    from littoral.imagery import open_scene

    model = open_classifier(options["model"], options["engine"], threads=1, processor="cpu")
    table = gpd.read_parquet(options["rectangles"])
    begin = time.perf_counter()
    answers = predict_rectangles([open_scene(options["scene"])], table, model)
    seconds = time.perf_counter() - begin
    np.save(options["said"], answers.probabilities)
    return {"seconds": seconds, "whole": True, "peak_mb": peak_mb()}


def loop(options: dict[str, Any]) -> dict[str, Any]:
    """A window read and a call of the model for each rectangle, in their order."""
    import rasterio
    from rasterio.windows import Window

    from littoral.engines import open_classifier

    model, table = open_classifier(options["model"], "torch", processor="cpu"), gpd.read_parquet(options["rectangles"])
    said = np.full((len(table), len(CLASSES)), np.nan)
    begin, times = time.perf_counter(), [0.0]
    opened = [rasterio.open(path) for path in options["files"].values()]
    for number, shape in enumerate(table.geometry):
        column, row = ~opened[0].transform @ (shape.centroid.x, shape.centroid.y)
        window = Window(int(np.floor(column - SIZE / 2 + 0.5)), int(np.floor(row - SIZE / 2 + 0.5)), SIZE, SIZE)
        stored = np.stack([source.read(1, window=window) for source in opened])
        tile = model.prepare(stored.astype(np.int16) - 1000, np.asarray((stored > 0).all(axis=0)))
        said[number] = model.predict_inputs(tile[None])[0]
        times.append(time.perf_counter() - begin)
        if times[-1] > options["limit"]:
            break
    np.save(options["said"], said)
    done = len(times) - 1
    pace = (times[-1] - times[done // 2]) / (done - done // 2)
    return {"seconds": times[-1] + pace * (len(table) - done), "whole": done == len(table), "peak_mb": peak_mb()}


def forward(options: dict[str, Any]) -> dict[str, Any]:
    """The network alone on noise, at each batch size: all processors on one batch, and one on each of several."""
    from littoral import load_model
    from littoral.engines import lone_threads

    model = load_model(options["model"])
    noise = (
        np.random.default_rng(SEED)
        .standard_normal((max(options["batches"]), len(BANDS), SIZE, SIZE))
        .astype(np.float32)
    )
    paces: dict[str, float] = {}
    for size in options["batches"]:
        batch = noise[:size].copy()
        with ThreadPoolExecutor(1) as one:
            paces[f"{size} together"] = size / _median(one, 1, model.predict_inputs, batch, options["seconds"])
        with lone_threads(processors()) as pool:
            taken = _median(pool, processors(), model.predict_inputs, batch, options["seconds"])
            paces[f"{size} each alone"] = processors() * size / taken
    best = max(paces, key=lambda how: paces[how])
    return {"per_s": paces[best], "how": best, "all": paces}


def _median(
    pool: ThreadPoolExecutor, many: int, ask: Callable[[Any], Any], batch: NDArray[np.float32], seconds: float
) -> float:
    """Seconds of a pass of ``many`` batches at a time, after one to warm up."""
    list(pool.map(ask, [batch] * many))
    times: list[float] = []
    while sum(times) < seconds or len(times) < 3:
        begin = time.perf_counter()
        list(pool.map(ask, [batch] * many))
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def memory(counts: list[int]) -> None:
    """The curve."""
    figures: dict[str, Any] = {}
    print(f"{'rectangles':>11}{'table MB':>10}{'beyond MB':>11}{'bytes each':>12}{'per s':>9}")
    for count in counts:
        found = figures[str(count)] = alone("held", {"count": count})
        each = found["beyond_mb"] * 2**20 / count
        print(f"{count:>11}{found['table_mb']:>10.0f}{found['beyond_mb']:>11.0f}{each:>12.0f}{found['per_s']:>9.0f}")
    least, most = min(counts), max(counts)
    if most > least:
        slope = (figures[str(most)]["beyond_mb"] - figures[str(least)]["beyond_mb"]) * 2**20 / (most - least)
        figures["bytes_per_rectangle"] = slope
        print(f"{slope:.0f} bytes for each rectangle more")
    print_figures("classify --memory", figures)


class Tiny:
    """Three classes by the mean of a tile of 16 pixels: a model that takes no time and no memory."""

    def __init__(self) -> None:
        from littoral import CATCOA
        from littoral.package import Manifest, Preprocessing
        from littoral.tiles import TileSpec

        pixels = Preprocessing(TileSpec(16, ("B02",)), 16, (0.0,), (1.0,), "uint16", "as stored")
        categories = tuple(CATCOA[code] for code in CLASSES)
        self.manifest = Manifest("none", pixels, categories, (10.0, 10.0), 32630, "none", (), "", {})

    def prepare(self, values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """As it is."""
        return np.where(valid, values, 0).astype(np.float32)

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Bright, darker, dark."""
        mean = batch.mean(axis=(1, 2, 3), dtype=np.float64) / 20_000
        return np.column_stack([mean, (1 - mean) / 2, (1 - mean) / 2])

    def predict_with_features(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], None]:
        """Without features."""
        return self.predict_inputs(batch), None


def held(options: dict[str, Any]) -> dict[str, Any]:
    """Memory while so many rectangles, no two alike, are answered on a scene of 4000 x 4000."""
    import rasterio
    from affine import Affine

    from littoral.classify import predict_rectangles
    from littoral.imagery import open_scene

    side, count = 4000, options["count"]
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "s.tif"
        profile = {"driver": "GTiff", "dtype": "uint16", "count": 1, "width": side, "height": side, "tiled": True}
        with rasterio.open(path, "w", crs="EPSG:32630", transform=Affine(10, 0, WEST, 0, -10, NORTH), **profile) as out:
            out.write(rng.integers(1, 10_000, (1, side, side), dtype=np.uint16))
            out.descriptions = ("B02",)
        x, y = WEST + rng.uniform(100, 10 * side - 100, count), NORTH - rng.uniform(100, 10 * side - 100, count)
        outlines = shapely.box(x - 60, y - 60, x + 60, y + 60)
        table = gpd.GeoDataFrame({"ID": np.arange(count)}, geometry=outlines, crs="EPSG:32630")
        del x, y, outlines
        scene, model = open_scene(path), Tiny()
        predict_rectangles([scene], table.iloc[:64], model)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before, begin = held_mb("VmRSS"), time.perf_counter()
        answers = predict_rectangles([scene], table, model)
        seconds = time.perf_counter() - begin
        if not (answers.status == "classified").all():
            raise AssertionError("not all were classified")
        return {"table_mb": before, "beyond_mb": held_mb("VmHWM") - before, "per_s": count / seconds}


def held_mb(what: str) -> float:
    """A line of this process's status, MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def peak_mb() -> float:
    """Of this process."""
    return held_mb("VmHWM")


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


ALONE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "ours": ours,
    "loop": loop,
    "forward": forward,
    "fastest": fastest,
    "held": held,
}

if __name__ == "__main__":
    main()
