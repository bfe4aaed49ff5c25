"""Tiles a second of the two engines: torch (32-bit, channels last) and ONNX Runtime, on the processor.

For each network and batch size the same noise is classified by both, in turns, so that a busy machine slows both; the
median pass counts. Both get prepared tiles and as many threads as this process may use processors. Prints a line for
each pair, the largest difference of a probability, the peak memory, and one JSON line.
Run: ``python benchmarks/engines.py --seconds 5``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import print_figures
from numpy.typing import NDArray

from littoral import CATCOA
from littoral.inference import OnnxClassifier
from littoral.learn.network import build_network
from littoral.learn.network.building import channels_last
from littoral.learn.onnx.export import export_graph
from littoral.package import Manifest, Preprocessing
from littoral.tiles import TileSpec

BANDS = ("B02", "B03", "B04")


def main() -> None:
    """Print a line for each pair and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbones", nargs="+", default=["resnet34", "mobilenetv2_100"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--px", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each engine and batch size")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    found: dict[str, Any] = {"px": given.px, "threads": given.threads}
    for backbone in given.backbones:
        by_torch, by_graph = _engines(backbone, given.px, given.threads)
        for size in given.batches:
            shape = (size, len(BANDS), given.px, given.px)
            batch = np.random.default_rng(size).standard_normal(shape).astype(np.float32)
            speeds = [size / each for each in _medians((by_torch, by_graph), batch, given.seconds)]
            difference = float(np.abs(by_torch(batch) - by_graph(batch)).max())
            found[f"{backbone}_{size}"] = {
                "torch": round(speeds[0], 2),
                "onnx": round(speeds[1], 2),
                "ratio": round(speeds[1] / speeds[0], 3),
                "difference": difference,
            }
            print(
                f"{backbone:<18} batch {size:<3} torch {speeds[0]:8.1f}/s  onnx {speeds[1]:8.1f}/s  "
                f"ratio {speeds[1] / speeds[0]:.2f}  difference {difference:.1e}"
            )
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found["peak_mb"] = next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"peak memory of both together: {found['peak_mb']} MB")
    print_figures("engines", found)


Engine = Callable[[NDArray[np.float32]], NDArray[np.float64]]


def _engines(backbone: str, px: int, threads: int) -> tuple[Engine, Engine]:
    """The same network under both; its scaling changes nothing, so that both can be given the same."""
    network = build_network(backbone, len(BANDS), 3).eval()
    # Training leaves the parameters in this layout.
    network = network.to(memory_format=torch.channels_last)
    preprocessing = Preprocessing(TileSpec(px, BANDS), px, (0.0,) * 3, (1.0,) * 3, "float32", "as stored")
    manifest = Manifest(
        backbone, preprocessing, (CATCOA[1], CATCOA[3], CATCOA[7]), (10.0, 10.0), 32617, "none", (), "", {}
    )

    def by_torch(batch: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.inference_mode():
            return torch.softmax(network(channels_last(torch.from_numpy(batch))).double(), dim=1).numpy()

    graph = OnnxClassifier(export_graph(network, manifest, b""), backbone, threads)
    return by_torch, graph.predict_inputs


def _medians(engines: tuple[Engine, ...], batch: NDArray[np.float32], seconds: float) -> list[float]:
    """Seconds of a pass of each engine, in turns, after one to warm up."""
    for engine in engines:
        engine(batch)
    times: list[list[float]] = [[] for _ in engines]
    while sum(map(sum, times)) < seconds * len(engines) or len(times[-1]) < 3:
        for engine, taken in zip(engines, times, strict=True):
            start = time.perf_counter()
            engine(batch)
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


if __name__ == "__main__":
    main()
