"""Answers along the chain beside those of each rectangle alone, on coasts whose model has not seen them.

* The demo's unseen coast, as ``littoral demo`` left it; transitions from its training coast.
* ``realcoast``, each place in turn left out: means and spreads of the visible bands of each tile, standardised logistic
  regression, transitions from the other places' labels. Rectangles of a place in the order of their numbers are
  neighbours where they are less than 2 km apart. The labels come in runs of one class, and rectangles that were hard to
  label have none: both flatter smoothing.
* The same by networks, as ``benchmarks/coasts.py`` left them in a folder. Tried beside what ``littoral classify`` does:
  other trusts, the coast's shares, changes three times as frequent or a third as, and answers whose temperature is
  fitted on what was said of the other places (``tempered``), as smoothing takes probabilities at their word.

Run: ``python benchmarks/smoothing.py --demo littoral-demo --coasts FOLDER``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
from figures import print_figures
from sites import BANDS, DATA, read_sites
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from littoral import open_scene, read_vector
from littoral.evaluation import fit_temperature, tempered
from littoral.package import read_package
from littoral.predictions import UNLIKE, Predictions, Transitions, estimate_transitions, smooth
from littoral.tiles import TileSpec, cut_tiles

TRUSTS = (1.0, 0.4, 0.2)


def main() -> None:
    """Print a line per coast and way, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--demo", type=Path, help="Folder of littoral demo.")
    parser.add_argument("--coasts", type=Path, action="append", default=[], help="Folder of benchmarks/coasts.py.")
    given = parser.parse_args()
    figures: dict[str, dict[str, dict[str, float]]] = {}
    if given.demo:
        table = read_vector(given.demo / "classified.gpkg")
        codes = Predictions.from_table(table).codes
        coast = read_vector(given.demo / "rectangles-training.gpkg")
        figures["demo"] = compare([(table, estimate_transitions(coast, codes=codes))])
    figures["realcoast"] = compare(realcoast(given.data / "realcoast"))
    for folder in given.coasts:
        figures[folder.name] = compare(networks(folder))
    for coast_name, ways in figures.items():
        for way, scores in ways.items():
            print(f"{coast_name:<10} {way:<34}", "  ".join(f"{name} {value:.3f}" for name, value in scores.items()))
    print_figures("smoothing", figures)


def compare(coasts: list[tuple[gpd.GeoDataFrame, Transitions]]) -> dict[str, dict[str, float]]:
    """Scores of all coasts together, without and with smoothing."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    cool = tempered_by_others(coasts)
    for at, (table, transitions) in enumerate(coasts):
        place, known = known_rows(table)
        told = {"": table} | ({"tempered, ": cool[at]} if cool else {})
        for begin, coast in told.items():
            alone = Predictions.from_table(coast)
            ways = {"alone": alone.evidence}
            for trust in TRUSTS:
                for word, shares in (("", False), (", coast's shares", True)):
                    smoothed = smooth(alone, transitions, trust=trust, coast_shares=shares)
                    ways[f"trust {trust:g}{word}"] = probabilities_of(smoothed)
            for word, factor in (("three times the changes", 3.0), ("a third of the changes", 1 / 3)):
                changes = tuple(tuple(factor * each for each in row) for row in transitions.changes)
                smoothed = smooth(alone, replace(transitions, changes=changes))
                ways[word] = probabilities_of(smoothed)
            for way, chance in ways.items():
                found.setdefault(begin + way, []).append((place, chance[known]))
    out = {}
    for way, parts in found.items():
        right = np.concatenate([chance.argmax(axis=1) == place for place, chance in parts])
        given = np.concatenate([chance[np.arange(len(place)), place] for place, chance in parts])
        sure = np.concatenate([chance.max(axis=1) for _, chance in parts])
        out[way] = {
            "rectangles": float(len(right)),
            "accuracy": round(float(right.mean()), 4),
            "log_loss": round(float(-np.log(np.maximum(given, 1e-9)).mean()), 4),
            "confidence": round(float(sure.mean()), 4),
        }
    return out


def probabilities_of(predictions: Predictions) -> np.ndarray:
    """Smoothed probabilities, (rows, classes)."""
    assert predictions.smoothed is not None
    return predictions.smoothed.probabilities


def known_rows(table: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Place of the true class of the rows that have an answer and one of its classes, and which they are."""
    found = Predictions.from_table(table)
    truth = table["CATCOA"].to_numpy(float, na_value=np.nan)
    known = np.isin(truth, found.codes) & (found.chosen >= 0)
    return np.array([found.codes.index(int(code)) for code in truth[known]], int), known


def tempered_by_others(coasts: list[tuple[gpd.GeoDataFrame, Transitions]]) -> list[gpd.GeoDataFrame]:
    """Each coast with the temperature that is best for the others; none where there is one coast only, or where coasts
    do not know the same classes."""
    if len(coasts) < 2 or len({Predictions.from_table(table).codes for table, _ in coasts}) > 1:
        return []
    site = [table["site"].iloc[0] for table, _ in coasts]
    out = []
    for at, (table, _) in enumerate(coasts):
        truth, chance = [], []
        for other, (elsewhere, _) in enumerate(coasts):
            if site[other] != site[at]:
                place, known = known_rows(elsewhere)
                truth.append(place)
                chance.append(Predictions.from_table(elsewhere).evidence[known])
        temperature, _ = fit_temperature(np.concatenate(chance), np.concatenate(truth))
        found = Predictions.from_table(table)
        cool = table.copy()
        rows = found.chosen >= 0
        values = tempered(found.evidence[rows], temperature)
        for code, column in zip(found.codes, values.T, strict=True):
            cool.loc[rows, f"P_{code}"] = column
        out.append(cool)
    return out


def networks(folder: Path) -> list[tuple[gpd.GeoDataFrame, Transitions]]:
    """Each region as a model that has not seen its place classified it, and the transitions that this model knows."""
    coasts = []
    for path in sorted(folder.glob("*.gpkg")):
        table = read_vector(path)
        (package,) = folder.glob(f"without-{table['site'].iloc[0]}-*.dlpk")
        table["status"] = table["status"].replace(UNLIKE, "classified")
        # Without them the likeliest class is every row's.
        table = table.drop(columns=["ClassLabel", "ClassValue"])
        coasts.append((table, Transitions.from_json(read_package(package).manifest.transitions)))
    return coasts


def realcoast(folder: Path) -> list[tuple[gpd.GeoDataFrame, Transitions]]:
    """Each place, classified by the others; and the transitions of the others."""
    table = read_sites(folder)
    table["CATCOA"] = table["CATCOA"].where(table["CATCOA"].between(1, 9).fillna(False))
    features = np.full((len(table), 2 * len(BANDS)), np.nan)
    for image, part in table.groupby("image"):
        scene = open_scene(folder / str(image))
        spec = TileSpec(bands=BANDS, size_px=96)
        for tile in cut_tiles([scene], part, spec):
            if tile.status == "classified":
                seen = tile.values[:, tile.valid].astype(float)
                features[part.index[tile.position]] = [*seen.mean(axis=1), *seen.std(axis=1)]
    seen = np.isfinite(features).all(axis=1)
    labelled = seen & table["CATCOA"].notna().to_numpy()
    coasts = []
    for site in table["site"].unique():
        here = (table["site"] == site).to_numpy()
        rest = labelled & ~here
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=5000))
        model.fit(features[rest], table["CATCOA"][rest].astype(int))
        codes = [int(code) for code in model.classes_]
        rows = np.flatnonzero(here)
        chance = np.full((len(rows), len(codes)), np.nan)
        chance[seen[rows]] = model.predict_proba(features[rows[seen[rows]]])
        own = table.iloc[rows].reset_index(drop=True)
        for code, values in zip(codes, chance.T, strict=True):
            own[f"P_{code}"] = values
        own["status"] = np.where(seen[rows], "classified", "nodata")
        coasts.append((own, estimate_transitions(table[~here], codes=codes)))
    return coasts


if __name__ == "__main__":
    main()
