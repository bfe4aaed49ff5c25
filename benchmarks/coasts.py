"""Whole real coasts, each classified by a model that has not seen its place: what ``littoral classify`` says of them.

For each site of ``realcoast`` a model is trained on the others' rectangles with CATCOA 2, 3 or 7 (``littoral train
--method head``: part of them is kept to calibrate on, ``--split`` says how), and asked about every rectangle of that
site, those without label too, with flips and turns or without, smoothed along the chain or not. Printed: scores over
all sites, what prediction sets hold, what is called ``unlike training``; drawn, for each region: the coast in true
colour, the answers, the truth. The labels come in runs of one class, and rectangles that were hard have none: both
flatter smoothing.

Run: ``python benchmarks/coasts.py --output FOLDER``; models, tables and maps are left there. Models that are there are
used again: delete them when training has changed.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from figures import print_figures
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sites import CLASSES, DATA, accuracy_and_f1, drawn_sites, open_tiles, read_sites, taught
from sklearn.metrics import confusion_matrix

from littoral import FeatureClassifier, classify_objects, open_scene, prepare_data
from littoral.categories import CATCOA
from littoral.classify import ClassifyOptions, DecisionOptions, write_classified
from littoral.figures import stretch
from littoral.imagery import read_overview
from littoral.package import read_package
from littoral.report import plot_classified

WAYS = {
    "raw": ("", "P_"),
    "smoothed": ("", "PS_"),
    "TTA": ("tta_", "P_"),
    "TTA, smoothed": ("tta_", "PS_"),
}
"""Beginnings of the columns with probabilities: of the asking, and of what is said."""


def main() -> None:
    """Print tables and one JSON line; write models, tables and maps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--backbone", default="mobilenetv2_100/8")
    parser.add_argument("--split", choices=("spatial", "region"), default="spatial", help="Of the other sites' tiles.")
    parser.add_argument("--no-maps", action="store_true")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    folder = given.data / "realcoast"
    coast = read_sites(folder)
    asked = []
    for site in sorted(set(coast["site"])):
        model = train(coast[coast["site"] != site], site, given)
        for region, part in coast[coast["site"] == site].groupby("region"):
            found = classify(part, model, folder, given.output / f"{region}.gpkg")
            asked.append(found)
            if not given.no_maps:
                draw(found, folder, model, given.output / f"{region}.png")
    table = pd.concat(asked, ignore_index=True)
    table.drop(columns="geometry").to_csv(given.output / "answers.csv", index=False)
    figures = {
        "scores": scores(table),
        "sets": sets(table),
        "unlike": unlike(table),
        "regions": regions(table),
    }
    print_figures("coasts", {"backbone": given.backbone, "split": given.split, **figures})


def train(others: gpd.GeoDataFrame, site: str, given: argparse.Namespace) -> Path:
    """A model of all sites but one, saved; how the shore changes from class to class is in it."""
    path = Path(given.output) / f"without-{site}-{given.split}.dlpk"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory() as cache:
        tiles = open_tiles(given.data / "realcoast", others, Path(cache))
        data = prepare_data(tiles, split=given.split, val_split_pct=0.2, coast=taught(others))
        weights = given.data / "weights" / "mobilenetv2_100_onnxzoo_in1k" / "model.safetensors"
        model = FeatureClassifier(data, given.backbone, weights, oversample=True)
        print(f"without {site}: {len(data.split.training)} tiles, {len(data.split.validation)} to validate; ", end="")
        model.fit_head()
        model.save(path)
    return path


def classify(part: gpd.GeoDataFrame, model: Path, folder: Path, output: Path) -> gpd.GeoDataFrame:
    """What the model says of a region, as a user has it, with the probabilities of all ways beside it."""
    scene = folder / part["image"].iloc[0]
    said = classify_objects(scene, part, model, decisions=DecisionOptions(smooth=True))
    write_classified(said, output, read_package(model).manifest.categories, overwrite=True)
    kept = DecisionOptions(smooth=True, keep_unlike=True)
    for begin, tta in (("", False), ("tta_", True)):
        found = classify_objects(scene, part, model, options=ClassifyOptions(tta=tta), decisions=kept)
        for name in (f"{field}{code}" for field in ("P_", "PS_") for code in CLASSES):
            said[f"{begin}{name}"] = found[name]
        if not tta:
            said["Set"], said["SetSize"] = found["PredictionSet"], found["PredictionSetSize"]
    return said


def chances(table: pd.DataFrame, way: str) -> NDArray[np.float64]:
    """(rows, classes)."""
    begin, field = WAYS[way]
    return table[[f"{begin}{field}{code}" for code in CLASSES]].to_numpy(float)


def known_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Rows with an answer and one of the classes, and the place of their class."""
    rows = table[table["CATCOA"].isin(CLASSES).fillna(False).to_numpy() & table["P_2"].notna()]
    return rows, np.array([CLASSES.index(int(code)) for code in rows["CATCOA"]], np.int64)


def scores(table: pd.DataFrame) -> dict[str, Any]:
    """Accuracy, macro-F1 and log loss of each way, and what it gains over the raw answers, by bootstrap over sites."""
    rows, truth = known_rows(table)
    sites, of = np.unique(rows["site"].to_numpy(str), return_inverse=True)
    draws = drawn_sites(len(sites))
    counts = np.bincount(of)[draws].sum(axis=1)
    print(f"\n{len(rows)} rectangles of {len(sites)} sites with CATCOA {', '.join(map(str, CLASSES))}, sites left out")
    print(f"{'':<16}{'accuracy':>22}{'macro-F1':>22}{'log loss':>22}{'accuracy over raw':>26}{'log loss over raw':>26}")
    found: dict[str, Any] = {}
    drawn: dict[str, NDArray[np.float64]] = {}
    whole: dict[str, NDArray[np.float64]] = {}
    for way in WAYS:
        chance = chances(rows, way)
        best = chance.argmax(axis=1)
        matrix = np.stack([confusion_matrix(truth[of == n], best[of == n], labels=range(3)) for n in range(len(sites))])
        misses = -np.log(np.maximum(chance[np.arange(len(truth)), truth], 1e-9))
        lost = np.bincount(of, misses)
        whole[way] = np.array([*accuracy_and_f1(matrix.sum(axis=0)), misses.mean()])
        drawn[way] = np.stack([*accuracy_and_f1(matrix[draws].sum(axis=1)), lost[draws].sum(axis=1) / counts])
        low, high = np.quantile(drawn[way], (0.025, 0.975), axis=1)
        more = np.quantile(drawn[way] - drawn["raw"], (0.025, 0.975), axis=1)
        line = "".join(f"{w:>8.3f} ({a:.2f} to {b:.2f})" for w, a, b in zip(whole[way], low, high, strict=True))
        for at in (0, 2):
            line += f"{whole[way][at] - whole['raw'][at]:>+10.3f} ({more[0][at]:+.2f} to {more[1][at]:+.2f})"
        print(f"{way:<16}{line}")
        found[way] = {
            **dict(zip(("accuracy", "macro_f1", "log_loss"), whole[way].round(4).tolist(), strict=True)),
            "accuracy_gain": [round(float(more[end][0]), 4) for end in (0, 1)],
            "macro_f1_gain": [round(float(more[end][1]), 4) for end in (0, 1)],
        }
    return found


def sets(table: pd.DataFrame) -> dict[str, float]:
    """How often the set of level 90 holds the truth, and how large it is."""
    rows, _ = known_rows(table)
    names = [CATCOA[int(code)].name for code in rows["CATCOA"]]
    held = np.array([name in told.split("; ") for name, told in zip(names, rows["Set"], strict=True)])
    found = {"coverage": round(float(held.mean()), 4), "size": round(float(rows["SetSize"].mean()), 4)}
    sites = pd.Series(held).groupby(rows["site"].to_numpy()).mean()
    print(f"\nprediction sets at 90 %: hold the truth in {held.mean():.1%}, {found['size']:.2f} classes in the mean")
    print("  by site: " + ", ".join(f"{site} {share:.0%}" for site, share in sites.items()))
    return found


def unlike(table: pd.DataFrame) -> dict[str, Any]:
    """How many are called unlike the training, and whether those are the wrong ones."""
    strange = (table["Novelty"] > 1).to_numpy()
    labelled = table["CATCOA"].notna().to_numpy()
    mine = table["CATCOA"].isin(CLASSES).fillna(False).to_numpy(bool)
    parts = {"of the model's classes": mine, "of other classes": labelled & ~mine, "without label": ~labelled}
    found: dict[str, Any] = {}
    print(f"\nunlike training: {strange.mean():.1%} of {len(table)} rectangles")
    for name, part in parts.items():
        print(f"  {name:<26}{strange[part].sum():>4} of {part.sum()}")
        found[name] = [int(strange[part].sum()), int(part.sum())]
    rows, truth = known_rows(table)
    right = chances(rows, "raw").argmax(axis=1) == truth
    odd = (rows["Novelty"] > 1).to_numpy()
    for name, part in {"unlike": odd, "not unlike": ~odd}.items():
        print(f"  right of those called {name:<14}{right[part].sum():>4} of {part.sum()}")
        found[f"right, {name}"] = [int(right[part].sum()), int(part.sum())]
    return found


def regions(table: pd.DataFrame) -> dict[str, Any]:
    """Rectangles of each region: right by each way, and called unlike."""
    print(f"\n{'region':<30}{'all':>5}{'unlike':>8}{'known':>7}", "".join(f"{way:>15}" for way in WAYS))
    found = {}
    for region, part in table.groupby("region"):
        rows, truth = known_rows(part)
        right = {way: int((chances(rows, way).argmax(axis=1) == truth).sum()) for way in WAYS} if len(rows) else {}
        odd = int((part["Novelty"] > 1).sum())
        counts = "".join(f"{right.get(way, 0):>15}" for way in WAYS)
        print(f"{region:<30}{len(part):>5}{odd:>8}{len(rows):>7}", counts)
        found[str(region)] = {"all": len(part), "unlike": odd, "known": len(rows), **right}
    return found


def draw(found: gpd.GeoDataFrame, folder: Path, model: Path, path: Path) -> None:
    """The coast in true colour, the answers, and the truth, side by side."""
    scene = folder / found["image"].iloc[0]
    told = found[["CATCOA", "geometry"]]
    truth = told.assign(ClassValue=told["CATCOA"], Confidence=1.0, status="classified")
    truth["ClassLabel"] = [pd.NA if pd.isna(c) else CATCOA[int(c)].name for c in found["CATCOA"]]
    pictures = [_true_colour(scene)]
    pictures += [
        _pixels(plot_classified(found, model=model, scene=scene)),
        _pixels(plot_classified(truth, scene=scene)),
    ]
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(p, ((0, height - p.shape[0]), (0, 20), (0, 0)), constant_values=1.0) for p in pictures]
    matplotlib.image.imsave(path, np.concatenate(padded, axis=1))


def _true_colour(path: Path) -> NDArray[np.float32]:
    scene = open_scene(path)
    bands = [band for name in ("B04", "B03", "B02") for band in scene.bands if band.name == name]
    values, valid = read_overview(scene, bands, 1000)
    picture = stretch(values, valid) / np.float32(255)
    return np.concatenate([picture, np.ones_like(picture[..., :1])], axis=-1)


def _pixels(figure: Figure) -> NDArray[np.float32]:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, facecolor="white")
    plt.close(figure)
    buffer.seek(0)
    return np.asarray(matplotlib.image.imread(buffer))


if __name__ == "__main__":
    main()
