"""Real coasts, whole places held out: what the default classifier reaches on shores it has never seen.

Tiles of 256 px (B02, B03, B04) from the labelled rectangles of ``realcoast`` with CATCOA 1 to 9; trained on all sites
but three with real ImageNet weights; the three are classified and compared with their labels. The labels are visual
interpretation by one interpreter, see that folder's README. Run: ``python benchmarks/realcoast.py``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from littoral import FeatureClassifier, classify_objects, export_tiles, prepare_data, read_vector
from littoral.learn.evaluation import Baselines, score

BANDS = ["B02", "B03", "B04"]
HELD_OUT = ["andros_bahamas", "sumbawa_indonesia", "terschelling_netherlands"]


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=1e-3)
    given = parser.parse_args()
    folder = given.data / "realcoast"
    weights = given.data / "weights" / "mobilenetv2_100_onnxzoo_in1k" / "model.safetensors"

    table = read_vector(folder / "realcoast.gpkg", "rectangles")
    table = table[table["CATCOA"].between(1, 9).fillna(False)]
    training, unseen = (table[table["site"].isin(HELD_OUT) == held] for held in (False, True))

    with tempfile.TemporaryDirectory() as place:
        tiles = Path(place) / "tiles"
        for image, part in training.groupby("image"):
            print(image, export_tiles(folder / str(image), part, tiles, bands=BANDS))
        data = prepare_data(tiles, batch_size=32, val_split_pct=0.2)
        print(data.describe())
        model = FeatureClassifier(data, "mobilenetv2_100", weights, oversample=True)
        model.fit(given.epochs, given.lr)
        package = model.save(Path(place) / "realcoast.dlpk")

        answers = pd.concat(
            [classify_objects(folder / str(image), part, package) for image, part in unseen.groupby("image")]
        )
        held = Path(place) / "held"
        for image, part in unseen.groupby("image"):
            export_tiles(folder / str(image), part, held, bands=BANDS)
        baselines = model.evaluate(held)["baselines"]

    categories = model.manifest.categories
    codes = [category.code for category in categories]
    told = answers[(answers["status"] == "classified") & answers["CATCOA"].isin(codes)]
    truth = np.array([codes.index(int(code)) for code in told["CATCOA"]])
    found = score(truth, told[[f"P_{code}" for code in codes]].to_numpy(), categories)

    print(f"\n{len(unseen)} rectangles of {', '.join(HELD_OUT)}; status:", answers["status"].value_counts().to_dict())
    print(pd.crosstab(told["CATCOA"], told["ClassValue"]))
    rows = {"network": (found.accuracy, found.macro_f1)}
    rows |= {name: (baselines[name]["accuracy"], baselines[name]["macro_f1"]) for name in Baselines.NAMES}
    for name, (accuracy, macro_f1) in rows.items():
        print(f"{name:<34} accuracy {accuracy:.3f}  macro-F1 {macro_f1:.3f}")
    figures = {name: {"accuracy": round(a, 4), "macro_f1": round(f, 4)} for name, (a, f) in rows.items()}
    print(json.dumps({"benchmark": "realcoast", "rectangles": len(told), "held_out": HELD_OUT, **figures}))


if __name__ == "__main__":
    main()
