"""What tells that a place is unlike the training: scores from the literature, on real coasts, sites left out.

Each site of ``realcoast`` in turn is asked of what was learnt from the labelled tiles (CATCOA 2, 3, 7) of the others.
Judged by the area under the ROC curve

* inland: squares of land without shore (places chosen by eye, :data:`INLAND`) against labelled rectangles;
* wrong: answers that are wrong against those that are right, as ``benchmarks/coasts.py`` left them;
* other: rectangles of classes that nobody learnt (steep, shingle, glacial, coral, constructed) against the learnt ones;

and by what share of labelled rectangles of an unseen site is beyond the threshold that should let pass 99 %, where
thresholds are from tiles drawn at random, and from whole sites left out; and what share of the inland squares is found.
First, what the models of ``benchmarks/coasts.py`` themselves say of all these places (``--coasts``: what it left), and
what their confidence tells of the same.

Run: ``python benchmarks/unlike.py --cache FOLDER --coasts FOLDER``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from figures import print_figures
from numpy.typing import NDArray
from sites import BANDS, CLASSES, DATA, open_tiles, read_sites
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from littoral import FeatureClassifier, classify_objects, open_scene, prepare_data
from littoral.classify import DecisionOptions
from littoral.predictions import fit_novelty, novelty_of, signed_sqrt
from littoral.tiles import TileSpec, cut_tiles

Numbers = NDArray[np.float64]
Score = Callable[[Numbers, Numbers, NDArray[np.int64]], Numbers]
"""Of (tiles, features) asked, known, and classes of the known: larger is stranger."""

MOST_FEATURES = 1000
"""Of a covariance: that of 2560 features takes an hour."""
INLAND = {
    "abu_ali_saudi_arabia": [(351.0, 3015.0), (350.8, 3016.4)],
    "darwin_north_coast_australia": [
        (727.5, 8653.5),
        (727.5, 8652.0),
        (728.6, 8653.0),
        (728.6, 8651.0),
        (727.4, 8650.6),
    ],
    "keep_river_mouth_australia": [(564.0, 8360.8), (565.0, 8360.0), (565.4, 8358.8), (564.4, 8359.4)],
    "klamath_california": [(411.9, 4583.0), (411.9, 4585.0), (411.9, 4587.0), (411.9, 4592.0)],
    "sumbawa_indonesia": [(648.0 + x, 9042.4 + y) for x in (0, 1.2, 2.4) for y in (0, 1.5, 3.0, 4.5)],
    "tawi_tawi_sulu_sea": [(808.2, 562.6), (808.0, 561.2), (809.2, 562.0), (808.8, 563.2)],
    "unalakleet_alaska": [(707.4, 7091.9), (707.6, 7090.9)],
    "unalakleet_alaska_l9": [(413.0, 7086.3), (412.9, 7085.2)],
}
"""Easting and northing, km, in the scene's UTM zone: land, the middle of a square of 1 km."""


def main() -> None:
    """Print a table of scores for each kind of features, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, required=True, help="Folder for features; delete it when this changes.")
    parser.add_argument("--coasts", type=Path, required=True, help="Folder that benchmarks/coasts.py wrote.")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    coast = places(given.data / "realcoast")
    said = answers(coast, given)
    figures: dict[str, Any] = {"models": as_shipped(coast, said)}
    right = said["right"].to_numpy(bool)
    for kind, values in features(coast, given).items():
        trials = PRODUCT | SCORES if kind == "mobilenetv2_100/8" else SCORES
        print(f"\n{kind}, {values.shape[1]} features")
        print(f"{'':<44}{'AUROC':>7}{'':>16}{'false alarms at 99 %':>28}{'inland found':>20}")
        print(f"{'':<44}{'inland':>7}{'wrong':>8}{'other':>8}{'random':>16}{'places':>12}{'random':>10}{'places':>10}")
        for name, score in trials.items():
            if "Mahalanobis" in name and values.shape[1] > MOST_FEATURES:
                continue
            figures[f"{kind}, {name}"] = judged(coast, values, score, right, name)
    print_figures("unlike", figures)


def places(folder: Path) -> gpd.GeoDataFrame:
    """Rectangles and inland squares; ``kind``: learnt, other, none (without label), inland."""
    coast = read_sites(folder)
    coast["kind"] = np.where(coast["CATCOA"].isna(), "none", "other")
    coast.loc[coast["CATCOA"].isin(CLASSES).fillna(False), "kind"] = "learnt"
    squares = []
    for region, middles in INLAND.items():
        first = coast[coast["region"] == region].iloc[0]
        shapes = [shapely.box(x * 1000 - 500, y * 1000 - 500, x * 1000 + 500, y * 1000 + 500) for x, y in middles]
        boxes = gpd.GeoDataFrame(geometry=shapes, crs=int(first["epsg"])).to_crs(coast.crs)
        told = {name: first[name] for name in ("region", "site", "image")}
        ids = [f"inland {number}" for number in range(len(boxes))]
        squares.append(boxes.assign(**told, rect_id=ids, kind="inland"))
    return pd.concat([coast, *squares], ignore_index=True)


def answers(coast: gpd.GeoDataFrame, given: argparse.Namespace) -> pd.DataFrame:
    """What the model that has not seen a place says of it: ``Novelty``, ``Confidence``, and whether it is right."""
    parts = []
    for (site, image), part in coast.groupby(["site", "image"]):
        (model,) = given.coasts.glob(f"without-{site}-*.dlpk")
        scene = given.data / "realcoast" / str(image)
        found = classify_objects(scene, part, model, decisions=DecisionOptions(keep_unlike=True))
        parts.append(found[["Novelty", "Confidence", "ClassValue", "CATCOA"]].set_index(part.index))
    said: pd.DataFrame = pd.concat(parts).reindex(coast.index)
    said["right"] = (said["ClassValue"] == said["CATCOA"]).fillna(False)
    return said


def as_shipped(coast: gpd.GeoDataFrame, said: pd.DataFrame) -> dict[str, Any]:
    """Print, and return, how many of each kind are called unlike, and what novelty and doubt tell."""
    strange = said["Novelty"].to_numpy()
    print("as the models say it: called unlike training")
    found: dict[str, Any] = {}
    for kind, part in pd.Series(strange > 1).groupby(coast["kind"].to_numpy()):
        print(f"  {kind:<10}{int(part.sum()):>4} of {len(part)}")
        found[str(kind)] = [int(part.sum()), len(part)]
    kind = coast["kind"].to_numpy(str)
    mine, told = (kind == "learnt") & np.isfinite(strange), said["right"].to_numpy(bool)
    for name, values in {"Novelty": strange, "1 - Confidence": 1 - said["Confidence"].to_numpy()}.items():
        area = {
            "inland": _area(values[(kind == "inland") & np.isfinite(values)], values[mine]),
            "wrong": _area(values[mine & ~told], values[mine & told]),
            "other": _area(values[(kind == "other") & np.isfinite(values)], values[mine]),
        }
        print(f"  AUROC of {name}: " + ", ".join(f"{what} {value:.2f}" for what, value in area.items()))
        found[name] = area
    return found


def features(coast: gpd.GeoDataFrame, given: argparse.Namespace) -> dict[str, Numbers]:
    """(places, features) of each kind; networks that were never trained on a coast."""
    path = given.cache / "features.npz"
    if not path.exists():
        folder = given.data / "realcoast"
        weights = given.data / "weights" / "mobilenetv2_100_onnxzoo_in1k" / "model.safetensors"
        data = prepare_data(open_tiles(folder, coast, given.cache), split="spatial", val_split_pct=0.2)
        models = {name: FeatureClassifier(data, name, weights) for name in ("mobilenetv2_100/8", "mobilenetv2_100")}
        rows: dict[str, list[Numbers]] = {name: [np.empty(0)] * len(coast) for name in [*models, "bands"]}
        for image, part in coast.groupby("image"):
            at = np.flatnonzero(coast["image"] == image)
            for tile in cut_tiles([open_scene(folder / str(image))], part, TileSpec(bands=BANDS, size_px=256)):
                row = at[tile.position]
                if tile.status != "classified":
                    continue
                for name, model in models.items():
                    inputs = model.trained.prepare(tile.values, tile.valid)[None]
                    rows[name][row] = model.trained.predict_with_features(inputs)[1][0]
                middle = np.s_[78:178, 78:178]
                seen = tile.values[:, *middle][:, tile.valid[middle]].astype(float)
                rows["bands"][row] = np.array([*seen.mean(axis=1), *seen.std(axis=1)])
        size = {name: max(map(len, found)) for name, found in rows.items()}
        np.savez(
            path,
            allow_pickle=False,
            **{
                name: np.stack([f if len(f) else np.full(size[name], np.nan) for f in found])
                for name, found in rows.items()
            },
        )
    with np.load(path) as held:
        return {name: held[name].astype(float) for name in held}


# Scores


def nearest(count: int, *, unit: bool) -> Score:
    """Distance to the count-th nearest neighbour, of features of unit length or standardised (Sun and others, 2022)."""

    def score(asked: Numbers, known: Numbers, _: NDArray[np.int64]) -> Numbers:
        if unit:
            asked, known = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (asked, known))
        else:
            mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-9
            asked, known = (asked - mean) / spread, (known - mean) / spread
        apart = np.sqrt(np.maximum(np.square(asked[:, None] - known).sum(axis=2), 0))
        return np.sort(apart, axis=1)[:, count - 1]

    return score


def mahalanobis(asked: Numbers, known: Numbers, kind: NDArray[np.int64], *, relative: bool = False) -> Numbers:
    """To the nearest class, shrunk covariance (Lee 2018); relative: less that to all together (Ren 2021)."""
    present = np.unique(kind)
    centres = np.stack([known[kind == each].mean(axis=0) for each in present])
    precision = np.linalg.inv(ledoit_wolf(known - centres[np.searchsorted(present, kind)], assume_centered=True)[0])
    gap = asked[:, None] - centres
    near: Numbers = np.einsum("nki,ij,nkj->nk", gap, precision, gap).min(axis=1)
    if not relative:
        return near
    whole = np.linalg.inv(ledoit_wolf(known)[0])
    gap = asked - known.mean(axis=0)
    return np.asarray(near - np.einsum("ni,ij,nj->n", gap, whole, gap))


def components(some: int, part: str) -> Score:
    """Of principal components: the distance in the first ones, or what is left over (ViM's)."""

    def score(asked: Numbers, known: Numbers, _: NDArray[np.int64]) -> Numbers:
        mean = known.mean(axis=0)
        _, spread, directions = np.linalg.svd(known - mean, full_matrices=False)
        inner = (asked - mean) @ directions[:some].T
        if part == "inside":
            return np.asarray(np.square(inner / spread[:some]).sum(axis=1))
        return np.asarray(np.square(asked - mean).sum(axis=1) - np.square(inner).sum(axis=1))

    return score


def product(asked: Numbers, known: Numbers, kind: NDArray[np.int64]) -> Numbers:
    """The score of littoral.predictions; what is usual and thresholds are not used here."""
    return novelty_of(fit_novelty(known, kind), asked)


PRODUCT: dict[str, Score] = {"littoral.predictions.novelty": product}
SCORES: dict[str, Score] = {
    "nearest neighbour, unit length": nearest(1, unit=True),
    "3rd nearest neighbour, unit length": nearest(3, unit=True),
    "10th nearest neighbour, unit length": nearest(10, unit=True),
    "nearest neighbour, standardised": nearest(1, unit=False),
    "3rd nearest neighbour, standardised": nearest(3, unit=False),
    "Mahalanobis, nearest class": mahalanobis,
    "Mahalanobis, one class": lambda asked, known, kind: mahalanobis(asked, known, np.zeros_like(kind)),
    "relative Mahalanobis": lambda asked, known, kind: mahalanobis(asked, known, kind, relative=True),
    "5 components, inside": components(5, "inside"),
    "12 components, inside": components(12, "inside"),
    "5 components, left over": components(5, "left over"),
    "12 components, left over": components(12, "left over"),
}


def judged(
    coast: gpd.GeoDataFrame, values: Numbers, score: Score, right: NDArray[np.bool_], name: str
) -> dict[str, Any]:
    """Print, and return, how good a score is."""
    seen = np.isfinite(values).all(axis=1)
    values = signed_sqrt(values)
    kind, site = coast["kind"].to_numpy(str), coast["site"].to_numpy(str)
    code = coast["CATCOA"].to_numpy(float, na_value=np.nan)
    learnt = seen & (kind == "learnt")
    strange, beyond = np.full(len(coast), np.nan), {way: np.zeros(len(coast), bool) for way in ("random", "sites out")}
    for held in np.unique(site):
        known = np.flatnonzero(learnt & (site != held))
        asked = np.flatnonzero(seen & (site == held))
        label = np.array([CLASSES.index(int(one)) for one in code[known]])
        found = score(values[asked], values[known], label)
        folds = {
            "random": np.empty(len(known), np.int64),
            "sites out": np.unique(site[known], return_inverse=True)[1],
        }
        for number, (_, test) in enumerate(KFold(5, shuffle=True, random_state=0).split(known)):
            folds["random"][test] = number
        for way, fold in folds.items():
            left_out = np.empty(len(known))
            for number in np.unique(fold):
                test = fold == number
                left_out[test] = score(values[known[test]], values[known[~test]], label[~test])
            ordered = np.sort(left_out)
            limit = ordered[min(int(np.ceil((len(ordered) + 1) * 0.99)), len(ordered)) - 1]
            beyond[way][asked] = found > limit
            if way == "sites out":
                # So that sites can be compared: distances grow with what is known.
                strange[asked] = found / np.median(np.abs(left_out))
    mine = learnt & np.isfinite(strange)
    inland, other = seen & (kind == "inland"), seen & (kind == "other")
    area = {
        "inland": _area(strange[inland], strange[mine]),
        "wrong": _area(strange[mine & ~right], strange[mine & right]),
        "other": _area(strange[other], strange[mine]),
    }
    alarms = {way: round(float(flags[mine].mean()), 3) for way, flags in beyond.items()}
    caught = {way: round(float(flags[inland].mean()), 3) for way, flags in beyond.items()}
    print(
        f"{name:<44}{area['inland']:>7.2f}{area['wrong']:>8.2f}{area['other']:>8.2f}"
        f"{alarms['random']:>16.2f}{alarms['sites out']:>12.2f}{caught['random']:>10.2f}{caught['sites out']:>10.2f}"
    )
    return {"auroc": area, "false_alarms": alarms, "inland_found": caught}


def _area(strange: Numbers, usual: Numbers) -> float:
    truth = np.repeat([1, 0], [len(strange), len(usual)])
    return round(float(roc_auc_score(truth, np.concatenate([strange, usual]))), 3)


if __name__ == "__main__":
    main()
