"""Real coasts, one site after another held out, by what the product does: ``littoral train --method head``.

Tiles around the labelled rectangles of ``realcoast`` (CATCOA 2, 3, 7), bands B02, B03, B04. For each site a model is
trained on the others, whose own sites choose its strength, and asked about that site. Over all sites: accuracy and
macro-F1, the baselines' on the same tiles, and 95 % intervals by bootstrap over sites; and the same under a random
split, which leaks, to show what it would have claimed. The labels are visual interpretation by one interpreter, see
that folder's README. How the recipe was found: ``benchmarks/trials.py`` and ``docs/figures/trials.md``.
Run: ``python benchmarks/realcoast.py``.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from figures import print_figures
from numpy.typing import NDArray
from sites import DATA, accuracy_and_f1, drawn_sites, open_tiles, read_sites
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from littoral import FeatureClassifier, prepare_data
from littoral.tiles import TileSet

NETWORK, MAJORITY, STATISTICS = "network", "majority", "logistic regression on band statistics"
SPLITS = {"site": "one site after another", "random": "a fifth at random, which LEAKS"}


def main() -> None:
    """Print a table for each split and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--backbone", default="mobilenetv2_100/8")
    parser.add_argument("--tile-size", type=int, default=256)
    parser.add_argument("--turns", action="store_true", help="learn from flips and turns too")
    given = parser.parse_args()
    figures: dict[str, Any] = {"backbone": given.backbone, "tile_size": given.tile_size}
    with tempfile.TemporaryDirectory() as place:
        folder = given.data / "realcoast"
        tiles = open_tiles(folder, read_sites(folder), Path(place), given.tile_size)
        truth, sites = tiles.targets, np.asarray(tiles.regions, str)
        folds = {"site": np.unique(sites, return_inverse=True)[1], "random": np.zeros(len(tiles), np.int64)}
        for number, (_, held) in enumerate(StratifiedKFold(5, shuffle=True, random_state=0).split(sites, truth)):
            folds["random"][held] = number
        for name, fold in folds.items():
            print(f"\n{len(tiles)} tiles; held out: {SPLITS[name]}")
            answers = {who: np.zeros(len(tiles), np.int64) for who in (NETWORK, MAJORITY, STATISTICS)}
            for number in np.unique(fold):
                held = fold == number
                for who, said in _answers(tiles, held, name, given).items():
                    answers[who][held] = said
            figures[name] = _judged(truth, sites, answers)
            for site in np.unique(sites):
                here = sites == site
                right = ", ".join(f"{(said[here] == truth[here]).sum()} by {who}" for who, said in answers.items())
                print(f"  {site:<30}{here.sum():>3} tiles, right: {right}")
    print_figures("realcoast", {"tiles": len(tiles), **figures})


def _answers(tiles: TileSet, held: NDArray[np.bool_], split: str, given: argparse.Namespace) -> dict[str, Any]:
    """Class index of each held tile, said by what was learnt from all others."""
    if split == "site":
        data = prepare_data(tiles, split="region", val_regions=[str(tiles.regions[held][0])])  # type: ignore[index]
    else:
        data = prepare_data(tiles, split="random")
        parts = replace(data.split, training=np.flatnonzero(~held), validation=np.flatnonzero(held))
        data = replace(data, split=parts)
    weights = given.data / "weights" / "mobilenetv2_100_onnxzoo_in1k" / "model.safetensors"
    model = FeatureClassifier(data, given.backbone, weights, oversample=True)
    model.fit_head(flips=given.turns)
    asked = [data.preprocessing.apply(*tiles.read(place)) for place in data.split.validation]
    known, targets = data.split.training, tiles.targets[data.split.training]
    simple = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    simple.fit([_statistics(tiles, place) for place in known], targets)
    return {
        NETWORK: model.trained.predict_inputs(np.stack(asked)).argmax(1),
        MAJORITY: np.full(held.sum(), np.bincount(targets).argmax()),
        STATISTICS: simple.predict([_statistics(tiles, place) for place in data.split.validation]),
    }


def _statistics(tiles: TileSet, place: int) -> NDArray[np.float64]:
    """Mean and deviation of each band in the middle km, which does better than the whole tile."""
    values, valid = tiles.read(int(place))
    edge = (values.shape[1] - 100) // 2
    middle = np.s_[edge : edge + 100, edge : edge + 100]
    pixels = values[(slice(None), *middle)][:, valid[middle]]
    return np.concatenate([pixels.mean(axis=1), pixels.std(axis=1)])


def _judged(truth: NDArray[np.int64], sites: NDArray[np.str_], answers: dict[str, NDArray[np.int64]]) -> dict[str, Any]:
    """Print, and return, accuracy and macro-F1 with 95 % intervals, and by how much the better baseline is beaten."""
    names = np.unique(sites)
    draws = drawn_sites(len(names))
    counts = {
        who: np.stack([confusion_matrix(truth[sites == n], said[sites == n], labels=range(3)) for n in names])
        for who, said in answers.items()
    }
    found, drawn = {}, {}
    for who, matrices in counts.items():
        accuracy, f1 = accuracy_and_f1(matrices.sum(axis=0))
        drawn[who] = np.stack(accuracy_and_f1(matrices[draws].sum(axis=1)))
        (a, c), (b, d) = np.quantile(drawn[who], (0.025, 0.975), axis=1)
        print(f"  {who:<42}accuracy {accuracy:.3f} ({a:.2f} to {b:.2f})  macro-F1 {f1:.3f} ({c:.2f} to {d:.2f})")
        found[who] = {"accuracy": round(float(accuracy), 4), "macro_f1": round(float(f1), 4)}
    better = max((MAJORITY, STATISTICS), key=lambda who: found[who]["macro_f1"])
    low, high = np.quantile(drawn[NETWORK][1] - drawn[better][1], (0.025, 0.975))
    more = found[NETWORK]["macro_f1"] - found[better]["macro_f1"]
    print(f"  macro-F1 beyond the better baseline: {more:+.3f} ({low:+.2f} to {high:+.2f})")
    return {**found, "beyond_baseline": [round(float(one), 4) for one in (more, low, high)]}


if __name__ == "__main__":
    main()
