"""Real charts under a real scene: five NOAA cells and Sentinel-2 at Miami, from chart to tiles.

Prints km and rectangles per category inside the image for the two scales of chart, beside what stepping along the arc
instead of the chord would give, and the tiles that come of them.
Run: ``python benchmarks/miami.py``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from figures import print_figures

from littoral import export_tiles, open_scene, read_charts, read_tiles, rectangles_along_lines
from littoral.geodesy import line_lengths
from littoral.shoreline import merge_lines
from littoral.tiles.options import CutOptions

CELLS = {
    "four 1:12 000 to 1:22 000 cells": ["US5MIACB", "US5MIACC", "US5MIABC", "US5MIABB"],
    "US4FL34M, 1:80 000": ["US4FL34M"],
}
SCENE = "miami_S2L2A_B02B03B04_uint16_epsg4326.tif"


def main() -> None:
    """Print a table for each set of cells and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = parser.parse_args()
    scene = open_scene(given.data / "miami" / SCENE)
    print(scene.describe())
    right, lower = scene.transform @ (scene.width, scene.height)
    left, upper = scene.transform @ (0, 0)
    image = shapely.box(left, lower, right, upper)
    figures: dict[str, object] = {}
    for name, cells in CELLS.items():
        coast = read_charts([given.data / "enc" / cell for cell in cells])
        inside = coast.clip(image)
        boxes = rectangles_along_lines(coast)
        merged = merge_lines(coast, "CATCOA")
        centred = boxes[shapely.within(shapely.centroid(boxes.geometry.to_numpy()), image)]
        rows = {}
        print(f"\n{name}: {len(coast)} lines, {len(merged)} merged, {len(boxes)} rectangles")
        print(f"{'CATCOA':<8}{'km in image':>12}{'rectangles':>12}{'by arc':>9}{'fully inside':>14}")
        for code in (7, None):
            part = centred[_is(centred, code)]
            km = float(line_lengths(inside[_is(inside, code)]).sum()) / 1000
            rows[str(code)] = {
                "km": round(km, 2),
                "rectangles": len(part),
                "by_arc": _steps_of_arc(merged[_is(merged, code)], image),
                "inside": int(part.within(image).sum()),
            }
            numbers = rows[str(code)]
            label = "null" if code is None else str(code)
            counts = f"{numbers['rectangles']:>12}{numbers['by_arc']:>9}{numbers['inside']:>14}"
            print(f"{label:<8}{km:>12.1f}{counts}")
        with tempfile.TemporaryDirectory() as place:
            summary = export_tiles(scene, boxes, Path(place) / "tiles", CutOptions(bands=("B02", "B03", "B04")))
            print(summary, "| read back:", len(read_tiles(Path(place) / "tiles")))
        figures[name] = {**rows, "tiles": summary.written}
    print_figures("miami", figures)


def _is(table: gpd.GeoDataFrame, code: int | None) -> object:
    return table["CATCOA"].isna() if code is None else (table["CATCOA"] == code).fillna(False)


def _steps_of_arc(merged: gpd.GeoDataFrame, image: shapely.Polygon) -> int:
    """Rectangles in the image if a line were stepped 1000 m of arc at a time instead of 1000 m of chord."""
    count = 0
    for line in merged.to_crs("EPSG:32617").geometry:
        steps = np.arange(0, line.length, 1000)
        middles = shapely.line_interpolate_point(line, np.minimum(steps + 500, (steps + line.length) / 2))
        inside = gpd.GeoSeries(middles, crs="EPSG:32617").to_crs("EPSG:4326").within(image)
        count += int(inside.sum())
    return count


if __name__ == "__main__":
    main()
