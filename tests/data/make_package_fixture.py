"""Makes ``package_0.1.0.dlpk``: what littoral 0.1.0 wrote, kept so that later versions go on reading it.

Run with the code of that version: after ``git worktree add ../old fde8eaa`` with PYTHONPATH=../old/src. The data are
noise and the weights mostly zeros, which keeps the file small.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from littoral import CATCOA
from littoral.evaluation import fit_baselines, score
from littoral.learn.feature_classifier import FeatureClassifier
from littoral.learn.network import build_network, state_bytes
from littoral.package import Manifest, Package, Preprocessing, write_package
from littoral.tiles import TileSpec

HERE = Path(__file__).parent
BACKBONE, BANDS = "test_convnext", ("B02", "B03", "B08")
CATEGORIES = (CATCOA[7], CATCOA[3])


def example() -> np.ndarray:
    """A tile (bands, height, width) of reflectances."""
    return np.random.default_rng(5).integers(0, 4000, (len(BANDS), 48, 48)).astype("uint16")


def main() -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    network = build_network(BACKBONE, len(BANDS), len(CATEGORIES))
    with torch.no_grad():
        for value in network.parameters():
            value *= torch.from_numpy(rng.random(value.shape) < 0.07) if value.ndim > 1 else 1
    truth = np.arange(40) % 2
    means = rng.normal(1000, 200, (40, len(BANDS))) + 300 * truth[:, None]
    answers = rng.random((40, 2))
    answers /= answers.sum(axis=1, keepdims=True)
    baselines = fit_baselines(means, truth, 2)
    result = score(truth, answers, CATEGORIES)
    simple = {name: score(truth, answer, CATEGORIES) for name, answer in baselines.predict(means).items()}
    record = {
        "tiles": 40,
        "set_aside": 3,
        "other_classes": 0,
        "split": "spatial",
        "left_out": [],
        "network": result.to_json(),
        "baselines": {name: one.to_json() for name, one in simple.items()},
        "beats_baselines": result.macro_f1 > max(one.macro_f1 for one in simple.values()),
    }
    preprocessing = Preprocessing(
        TileSpec(48, BANDS), 40, (1500.0, 1400.0, 2500.0), (600.0, 500.0, 900.0), "uint16", "reflectance x 10000", 0.0
    )
    area = "MULTIPOLYGON (((-80.2 25.6, -80.1 25.6, -80.1 25.7, -80.2 25.7, -80.2 25.6)))"
    manifest = Manifest(
        BACKBONE,
        preprocessing,
        CATEGORIES,
        (10.0, 10.0),
        32617,
        "120 tiles to train, 40 to validate, 3 set aside because they share ground with validation tiles",
        (),
        area,
        baselines.to_json(),
        {"littoral": "0.1.0", "torch": "2.14.1"},
        7,
    )
    package = Package("package_0.1.0", manifest, state_bytes(network, BACKBONE), record, page="<p>old</p>")
    path = write_package(HERE / "package_0.1.0.dlpk", package, overwrite=True)
    answer = FeatureClassifier.from_model(path).predict_proba(example())
    path.with_suffix(".json").write_text(json.dumps({"probabilities": answer.tolist()}) + "\n")


if __name__ == "__main__":
    main()
