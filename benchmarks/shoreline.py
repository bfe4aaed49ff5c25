"""Shorelines extracted from images, beside lines that are known: the synthetic world, and real places.

On the synthetic world the truth is where its water stood, unsimplified; on real places the lines are others' (see the
README beside them), within 1 to 5 pixels of the visible edge, so that small distances say agreement, not accuracy.
Distances go from the known line to the nearest of ours, and back. On the synthetic world both keep islands by the same
rule; yet a floe of nearly its area, or a pond at the end of a channel of a pixel's width, may be in one line only, and
is then many pixels from the other. So it is said, too, how much of each line is met by the other (completeness and
correctness, as Heipke et al. 1997 define them) and how exact that part is.
Indices of visible bands are tried beside each other.

Run: ``python benchmarks/shoreline.py``.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path
from unittest.mock import patch

import geopandas as gpd
import numpy as np
import shapely
from figures import print_figures
from numpy.typing import NDArray

from littoral import CATCOA, extract_shoreline, open_scene, read_charts
from littoral.demo.world import make_world
from littoral.errors import LittoralWarning
from littoral.shoreline import ShorelineOptions
from littoral.shoreline.water_index import INDICES, WaterIndex

STEP_M = 10.0
MET_PX = 3.0
SEEDS = (0, 1, 2)


def main() -> None:
    """Print two tables and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = parser.parse_args()
    folder = given.data / "realcoast"
    figures = {"synthetic": synthetic(), "realcoast": real(folder), "visible": visible(folder)}
    print_figures("shoreline", figures)


def synthetic() -> dict[str, dict[str, float]]:
    """Distances in pixels on the training coasts of three worlds of 1536 pixels, by category of the chart."""
    least_m2 = ShorelineOptions().min_area_m2
    away: dict[str, list[NDArray[np.float64]]] = {"to ours": [], "back": []}
    codes: dict[str, list[NDArray[np.float64]]] = {"to ours": [], "back": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as place:
            coast = make_world(Path(place), seed=seed, size_px=1536, unseen_px=256).training
            truth = gpd.read_file(coast.waterline)
            truth = truth[~(truth["area_m2"] < least_m2)]
            chart = read_charts(coast.chart).to_crs(truth.crs)
            ours = extract_shoreline(coast.scene)
            tree = shapely.STRtree(chart.geometry.to_numpy())
            for way, lines, others in (("to ours", truth, ours), ("back", ours, truth)):
                points = along(lines.geometry.to_numpy())
                away[way].append(distances(points, others) / 10)
                codes[way].append(chart["CATCOA"].astype(float).to_numpy()[tree.nearest(points)])
    print(f"synthetic world, seeds {SEEDS}, NDWI, default rules, islands of {least_m2:g} m2 or more in both lines")
    print(f"distance in pixels of 10 m; met: the other line is within {MET_PX:g} pixels")
    print(f"{'':<33}{'km':>7}{'median':>8}{'90 %':>8}{'RMSE':>8}{'met':>8}{'RMSE met':>10}")
    rows: dict[str, dict[str, float]] = {}
    for way in away:
        pixels, code = np.concatenate(away[way]), np.concatenate(codes[way])
        known = {CATCOA[int(each)].name: code == each for each in np.unique(code[np.isfinite(code)])}
        for name, own in {**known, "all": np.ones(len(code), bool)}.items():
            part = pixels[own]
            met = part <= MET_PX
            rows[f"{way}, {name}"] = row = {
                "km": round(len(part) * STEP_M / 1000, 1),
                "median": round(float(np.median(part)), 2),
                "p90": round(float(np.percentile(part, 90)), 2),
                "rmse": root_mean_square(part),
                "met": round(float(np.mean(met)), 3),
                "rmse_met": root_mean_square(part[met]),
            }
            print(
                f"{f'{way}, {name}':<33}{row['km']:>7}{row['median']:>8}{row['p90']:>8}{row['rmse']:>8}"
                f"{row['met']:>8.1%}{row['rmse_met']:>10}"
            )
    return rows


def real(folder: Path) -> dict[str, object]:
    """Distances in metres, per region and in both directions, with the index that the bands allow.

    The known lines leave out islands, creeks and whole reaches of some clips, which counts in the way back.
    """
    known = gpd.read_file(folder / "realcoast.gpkg", layer="shoreline")
    head = "".join(f"{name:>8}" for name in ("km", "median", "90 %", "< 50 m", "km", "median", "90 %", "< 50 m"))
    print(f"\n{'':<32}{'':>7}{'to ours':>32}{'back':>32}\n{'realcoast, distance in m':<32}{'index':>7}{head}")
    rows: dict[str, object] = {}
    for path in sorted(folder.glob("*.tif")):
        scene = open_scene(path)
        theirs = known[known["region"] == path.stem].to_crs(scene.crs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LittoralWarning)
            ours = extract_shoreline(scene, ShorelineOptions(min_length_m=300))
        row: dict[str, object] = {"index": ours["index"].iloc[0]}
        told = f"{path.stem:<32}{row['index']:>7}"
        for way, lines, others in (("to_ours", theirs, ours), ("back", ours, theirs)):
            away = distances(along(lines.geometry.to_numpy()), others)
            km, median, p90 = lines.length.sum() / 1000, np.median(away), np.percentile(away, 90)
            row[way] = {
                "km": round(float(km), 1),
                "median": round(float(median), 1),
                "p90": round(float(p90), 1),
                "within_50": round(float(np.mean(away < 50)), 2),
            }
            told += f"{km:>8.1f}{median:>8.1f}{p90:>8.1f}{np.mean(away < 50):>8.0%}"
        rows[path.stem] = row
        print(told)
    return rows


def visible(folder: Path) -> dict[str, object]:
    """Share of each line within 50 m of the other, per index of visible bands, mean of the clips without others."""
    known = gpd.read_file(folder / "realcoast.gpkg", layer="shoreline")
    rgb, ndwi = INDICES["RGB"].of, INDICES["NDWI"].of
    print(f"\n{'visible bands, within 50 m':<32}{'to ours':>9}{'back':>9}")
    rows: dict[str, object] = {}
    for name, bands, of in (
        ("(B03-B04)/(B03+B04), kept", ("B03", "B04"), rgb),
        ("(B02-B04)/(B02+B04)", ("B02", "B04"), ndwi),
        ("(B02-B03)/(B02+B03)", ("B02", "B03"), ndwi),
        ("(B02+B03-2B04)/(B02+B03+2B04)", ("B02", "B03", "B04"), lambda b, g, r: ndwi((b + g) / 2, r)),
        ("darkness, 1 - B04/0.5", ("B04",), lambda r: np.clip(1 - r / 5000, -1, 1)),
    ):
        shares: list[tuple[float, float]] = []
        with patch.dict(INDICES, {"RGB": WaterIndex("RGB", bands, of)}):
            for path in sorted(folder.glob("*.tif")):
                scene = open_scene(path)
                if len(scene.bands) == 3:
                    theirs = known[known["region"] == path.stem].to_crs(scene.crs)
                    ours = extract_shoreline(scene, ShorelineOptions(index="RGB", min_length_m=300))
                    to, back = (
                        float(np.mean(distances(along(one.geometry.to_numpy()), other) < 50))
                        for one, other in ((theirs, ours), (ours, theirs))
                    )
                    shares.append((to, back))
        to, back = np.mean(shares, axis=0)
        rows[name] = {"to_ours": round(float(to), 2), "back": round(float(back), 2)}
        print(f"{name:<32}{to:>9.2f}{back:>9.2f}")
    return rows


def along(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Points every 10 m along lines."""
    steps = [np.arange(STEP_M / 2, line.length, STEP_M) for line in shapely.get_parts(lines)]
    parts = np.repeat(shapely.get_parts(lines), [len(step) for step in steps])
    return np.asarray(shapely.line_interpolate_point(parts, np.concatenate(steps)))


def root_mean_square(values: NDArray[np.float64]) -> float:
    """Rounded."""
    return round(float(np.sqrt(np.mean(values**2))), 2)


def distances(points: NDArray[np.object_], lines: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Distance from each point to the nearest line, in units of the CRS."""
    place, line = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
    same = line[1:] == line[:-1]
    segments = np.asarray(shapely.linestrings(np.stack([place[:-1][same], place[1:][same]], axis=1)))
    return np.asarray(shapely.distance(points, segments[shapely.STRtree(segments).nearest(points)]))


if __name__ == "__main__":
    main()
