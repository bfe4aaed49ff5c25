"""Shorelines extracted from images, beside lines that are known: the synthetic world, and real places.

On the synthetic world the truth is where its water stood, unsimplified; on real places the lines are others' (see the
README beside them), within 1 to 5 pixels of the visible edge, so that small distances say agreement, not accuracy.
Distances go from the known line to the nearest of ours. Run: ``python benchmarks/shoreline.py``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from littoral import CATCOA, extract_shoreline, open_scene, read_charts
from littoral.demo.world import make_world
from littoral.shoreline import Rules

STEP_M = 10.0
SEEDS = (0, 1, 2)


def main() -> None:
    """Print two tables and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = parser.parse_args()
    print(json.dumps({"benchmark": "shoreline", "synthetic": synthetic(), "realcoast": real(given.data / "realcoast")}))


def synthetic() -> dict[str, object]:
    """Distances in pixels on the training coasts of three worlds of 1536 pixels, by category of the chart."""
    away: list[NDArray[np.float64]] = []
    codes: list[NDArray[np.float64]] = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as place:
            coast = make_world(Path(place), seed=seed, size_px=1536, unseen_px=256).training
            points = along(gpd.read_file(coast.waterline).geometry.to_numpy())
            chart = read_charts(coast.chart).to_crs(open_scene(coast.scene).crs)
            nearest = shapely.STRtree(chart.geometry.to_numpy()).nearest(points)
            codes.append(chart["CATCOA"].astype(float).to_numpy()[nearest])
            away.append(distances(points, extract_shoreline(coast.scene)) / 10)
    pixels, code = np.concatenate(away), np.concatenate(codes)
    print(f"synthetic world, seeds {SEEDS}, NDWI, distance in pixels of 10 m")
    print(f"{'':<24}{'km':>7}{'median':>8}{'90 %':>8}{'RMSE':>8}")
    rows: dict[str, object] = {}
    for name, own in {
        **{CATCOA[int(each)].name: code == each for each in np.unique(code[np.isfinite(code)])},
        "all": np.ones(len(code), bool),
    }.items():
        part = pixels[own]
        rows[name] = row = {
            "km": round(len(part) * STEP_M / 1000, 1),
            "median": round(float(np.median(part)), 2),
            "p90": round(float(np.percentile(part, 90)), 2),
            "rmse": round(float(np.sqrt(np.mean(part**2))), 2),
        }
        print(f"{name:<24}{row['km']:>7}{row['median']:>8}{row['p90']:>8}{row['rmse']:>8}")
    return rows


def real(folder: Path) -> dict[str, object]:
    """Distances in metres, per region, with the index that the bands allow."""
    known = gpd.read_file(folder / "realcoast.gpkg", layer="shoreline")
    print(f"\n{'realcoast, distance in m':<32}{'index':>7}{'km':>7}{'median':>8}{'90 %':>8}")
    rows: dict[str, object] = {}
    for path in sorted(folder.glob("*.tif")):
        scene = open_scene(path)
        theirs = known[known["region"] == path.stem].to_crs(scene.crs)
        ours = extract_shoreline(scene, Rules(min_length_m=300))
        away = distances(along(theirs.geometry.to_numpy()), ours)
        rows[path.stem] = row = {
            "index": ours["index"].iloc[0],
            "km": round(float(theirs.length.sum()) / 1000, 1),
            "median": round(float(np.median(away)), 1),
            "p90": round(float(np.percentile(away, 90)), 1),
        }
        print(f"{path.stem:<32}{row['index']:>7}{row['km']:>7}{row['median']:>8}{row['p90']:>8}")
    return rows


def along(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Points every 10 m along lines."""
    steps = [np.arange(STEP_M / 2, line.length, STEP_M) for line in shapely.get_parts(lines)]
    parts = np.repeat(shapely.get_parts(lines), [len(step) for step in steps])
    return np.asarray(shapely.line_interpolate_point(parts, np.concatenate(steps)))


def distances(points: NDArray[np.object_], lines: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Distance from each point to the nearest line, in units of the CRS."""
    place, line = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
    same = line[1:] == line[:-1]
    segments = shapely.linestrings(np.stack([place[:-1][same], place[1:][same]], axis=1))
    return np.asarray(shapely.distance(points, segments[shapely.STRtree(segments).nearest(points)]))


if __name__ == "__main__":
    main()
