"""The fast path: how long features and head take for the original's volume, and how right it is beside training.

The original learnt from 13,640 tiles of 256 px in 20 epochs, 157 minutes on a GPU. Here: tiles a second of features
(resnet34; random weights, which changes no time), read from a pack; the time of choosing and fitting the head
on 13,640 of them; the eight turns timed apart; the sum. Extrapolated from ``--measure`` tiles unless ``--full``.

Then both paths on one split of ``--tiles`` tiles of a synthetic coast (:mod:`littoral.demo`), with the only pretrained
weights there are here, mobilenetv2_100's: ``fit`` and ``fit_head``, and the validation tiles' macro-F1 of each.
Ends with one JSON line. Run: ``python benchmarks/features.py`` on a quiet machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from figures import print_figures

from littoral import FeatureClassifier, prepare_data, read_charts, rectangles_along_lines
from littoral.demo.world import make_world
from littoral.learn.data import TileData
from littoral.learn.network import build_network
from littoral.learn.training.head import extract, fit_features
from littoral.progress import bar

VOLUME, MINUTES = 13_640, 157
PIXELS_PER_TILE = 35_000
"""Of a synthetic scene, roughly."""


def main() -> None:
    """Print a line for each figure and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--tiles", type=int, default=1500, help="to compare both paths on")
    parser.add_argument("--size", type=int, default=256, help="side of a tile")
    parser.add_argument("--measure", type=int, default=512, help="tiles to measure the speed on")
    parser.add_argument("--backbone", default="resnet34", help="whose speed is measured")
    parser.add_argument("--speed-only", action="store_true", help="leave the comparison of both paths out")
    parser.add_argument("--full", action="store_true", help="measure the speed on the whole volume")
    parser.add_argument("--volume", type=int, default=VOLUME, help="tiles of the whole volume")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=1e-3)
    given = parser.parse_args()
    weights = given.data / "weights" / "mobilenetv2_100_onnxzoo_in1k" / "model.safetensors"
    figures: dict[str, float] = {"volume": given.volume}
    with tempfile.TemporaryDirectory() as place:
        data = _data(Path(place), given.tiles, given.size)
        print(data.describe())
        _speed(data, given.backbone, given.volume if given.full else given.measure, given.volume, figures)
        paths = {} if given.speed_only else {"fit": {}, "head": {}, "head_turned": {"flips": True}}
        for name, options in paths.items():
            model = FeatureClassifier(data, "mobilenetv2_100", weights, oversample=True)
            with _timed(figures, f"{name}_s"):
                if name == "fit":
                    model.fit(given.epochs, given.lr, progress=True)
                else:
                    model.fit_head(track=bar, **options)
            record = model.evaluate()
            figures[f"{name}_accuracy"] = record["network"]["accuracy"]
            figures[f"{name}_macro_f1"] = record["network"]["macro_f1"]
            figures["baseline_macro_f1"] = max(one["macro_f1"] for one in record["baselines"].values())
    for name, value in figures.items():
        print(f"{name:<28}{value:>12.3f}")
    told = {name: round(value, 3) for name, value in figures.items()}
    print_figures("features", {"speed_of": given.backbone, "accuracy_of": "mobilenetv2_100", **told})


def _data(folder: Path, tiles: int, size: int) -> TileData:
    world = make_world(folder / "world", size_px=round((tiles * PIXELS_PER_TILE) ** 0.5), unseen_px=512)
    boxes = rectangles_along_lines(read_charts(world.training.chart))
    boxes = boxes[boxes["CATCOA"].notna()].iloc[:tiles]
    return prepare_data(scene=world.training.scene, rectangles=boxes, tile_size=size, cache=folder / "cache",
                        batch_size=32, val_split_pct=0.2, seed=0, track=bar)  # fmt: skip


def _speed(data: TileData, backbone: str, measured: int, volume: int, figures: dict[str, float]) -> None:
    network = build_network(backbone, len(data.tiles.bands), data.c)
    features_of_body = int(network.body.num_features)  # type: ignore[arg-type]
    part = np.arange(measured) % len(data.tiles)
    for name, turns in (("", (0,)), ("turned_", tuple(range(8)))):
        # The turns of an eighth of the tiles are as many passes.
        some = part[: max(len(part) // len(turns), 32)]
        out = np.empty((len(some), len(turns), 2 * features_of_body), np.float32)
        extract(network, data, some[:32], turns, out[:32])
        start = time.perf_counter()
        extract(network, data, some, turns, out, bar)
        figures[f"{name}tiles_per_s"] = len(some) / (time.perf_counter() - start)
        figures[f"{name}features_s"] = volume / figures[f"{name}tiles_per_s"]
    # Choosing and fitting take what they take, whatever the features say: they are made up, one cloud for each class.
    rng = np.random.default_rng(0)
    copies = -(-volume // len(data.split.training))
    part = np.tile(data.split.training, copies)[:volume]
    targets = data.tiles.targets[part]
    clouds = rng.normal(size=(data.c, 2 * features_of_body)) * 0.15

    features = (clouds[targets] + rng.normal(size=(volume, clouds.shape[1]))).astype(np.float32)[:, None]
    with _timed(figures, "head_s"):
        many = replace(data, split=replace(data.split, training=part))
        print(fit_features(network, many, features, oversample=True, track=bar))
    figures["total_minutes"] = (figures["features_s"] + figures["head_s"]) / 60
    figures["original_over_ours"] = MINUTES / figures["total_minutes"]


@contextmanager
def _timed(figures: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - start


if __name__ == "__main__":
    main()
