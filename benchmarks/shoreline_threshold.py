"""Compare thresholds of the water index on real clips with near infrared, in both directions.

Ours (Otsu's, refined locally) stands beside a threshold of 0 and Otsu's of all pixels, which is CoastSat's rule where
it finds no sand (Vos et al. 2019, doi:10.1016/j.envsoft.2019.104528). The reference are the lines that come with the
clips, within 1 to 5 pixels of the visible edge. ``landward`` is the median distance by which a line lies landward of
the reference, in metres (negative: seaward).

Run: ``python benchmarks/shoreline_threshold.py``.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from figures import print_figures
from numpy.typing import NDArray

from littoral import extract_shoreline, open_scene
from littoral.errors import LittoralWarning
from littoral.imagery import Scene, Window, read_windows, select_bands
from littoral.shoreline import ShorelineOptions
from littoral.shoreline.water_index import choose_index, otsu

STEP_M = 10.0
FAR_M = 200.0
MIN_LENGTH_M = 300.0


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    folder = parser.parse_args().data / "realcoast"
    known = gpd.read_file(folder / "realcoast.gpkg", layer="shoreline")
    warnings.simplefilter("ignore", LittoralWarning)
    print(f"{'':<28}{'rule':>10}{'threshold':>11}{'landward':>10}{'median':>8}{'90 %':>8}{'back':>8}{'90 %':>8}")
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for path in sorted(folder.glob("*.tif")):
        scene = open_scene(path)
        if not {"B08", "B8A"} & {band.name for band in scene.bands}:
            continue
        reference = known[known["region"] == path.stem].to_crs(scene.crs)
        rules = {"ours": None, "zero": 0.0, "otsu": otsu_of_all(scene)}
        for rule, threshold in rules.items():
            lines = extract_shoreline(scene, ShorelineOptions(threshold=threshold, min_length_m=MIN_LENGTH_M))
            row = compared(lines, reference)
            row["threshold"] = round(float(lines["threshold"].iloc[0]), 3)
            figures.setdefault(path.stem, {})[rule] = row
            print(f"{path.stem:<28}{rule:>10}{row['threshold']:>11}{row['landward']:>10}{row['median']:>8}"
                  f"{row['p90']:>8}{row['back_median']:>8}{row['back_p90']:>8}")  # fmt: skip
    print_figures("shoreline_threshold", figures)


def otsu_of_all(scene: Scene) -> float:
    """Otsu's threshold of all valid pixels."""
    index = choose_index("auto", [band.name for band in scene.bands])
    window = Window(0, 0, scene.height, scene.width)
    ((values, seen),) = read_windows(scene, select_bands(scene, index.bands, exact=True), [window])
    edges = np.linspace(-1, 1, 1025)
    found = otsu(np.histogram(index.of(*np.maximum(values, 0).astype(np.float32))[seen], edges)[0], edges)
    return float(np.nan if found is None else found)


def compared(lines: gpd.GeoDataFrame, reference: gpd.GeoDataFrame) -> dict[str, float]:
    """Distances in metres from the reference to the lines, which have land on their left, and back."""
    own = lines.explode(ignore_index=True).geometry.to_numpy()
    points = along(reference.explode(ignore_index=True).geometry.to_numpy())
    (_, nearest), away = shapely.STRtree(own).query_nearest(points, return_distance=True, all_matches=False)
    place = shapely.line_locate_point(own[nearest], points)
    begin, end = (
        shapely.get_coordinates(shapely.line_interpolate_point(own[nearest], np.maximum(place + step, 0)))
        for step in (-3, 3)
    )
    step, offset = end - begin, shapely.get_coordinates(points) - begin
    right = step[:, 0] * offset[:, 1] - step[:, 1] * offset[:, 0] < 0
    landward = np.where(right, away, -away)[away < FAR_M]
    others = shapely.STRtree(reference.explode(ignore_index=True).geometry.to_numpy())
    back = others.query_nearest(along(own), return_distance=True, all_matches=False)[1]
    values = (np.median(landward), np.median(away), np.percentile(away, 90), np.median(back), np.percentile(back, 90))
    names = ("landward", "median", "p90", "back_median", "back_p90")
    return {name: round(float(value), 1) for name, value in zip(names, values, strict=True)}


def along(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Points every 10 m."""
    return np.concatenate([shapely.line_interpolate_point(line, np.arange(0, line.length, STEP_M)) for line in lines])


if __name__ == "__main__":
    main()
