"""Real charts under a real scene: five NOAA cells and Sentinel-2 at Miami, from chart to tiles.

Prints km and rectangles per category inside the image for the two scales of chart, and the tiles that come of them.
Run: ``python benchmarks/miami.py``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import geopandas as gpd
import shapely

from littoral import export_tiles, open_scene, read_charts, read_tiles, rectangles_along_lines
from littoral.shoreline import line_lengths, merge_lines

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
        long = _on_long_lines(centred, merged)
        rows = {}
        print(f"\n{name}: {len(coast)} lines, {len(merged)} merged, {len(boxes)} rectangles")
        print(f"{'CATCOA':<8}{'km in image':>12}{'rectangles':>12}{'on lines >= 300 m':>19}{'fully inside':>14}")
        for code in (7, None):
            part = centred[_is(centred, code)]
            km = float(line_lengths(inside[_is(inside, code)]).sum()) / 1000
            rows[str(code)] = {
                "km": round(km, 2),
                "rectangles": len(part),
                "long": int(long[part.index].sum()),
                "inside": int(part.within(image).sum()),
            }
            numbers = rows[str(code)]
            print(
                f"{code or 'null':<8}{km:>12.1f}{numbers['rectangles']:>12}{numbers['long']:>19}{numbers['inside']:>14}"
            )
        with tempfile.TemporaryDirectory() as place:
            summary = export_tiles(scene, boxes, Path(place) / "tiles", bands=["B02", "B03", "B04"])
            print(summary, "| read back:", len(read_tiles(Path(place) / "tiles")))
        figures[name] = {**rows, "tiles": summary.written}
    print(json.dumps({"benchmark": "miami", **figures}))


def _is(table: gpd.GeoDataFrame, code: int | None) -> object:
    return table["CATCOA"].isna() if code is None else (table["CATCOA"] == code).fillna(False)


def _on_long_lines(boxes: gpd.GeoDataFrame, merged: gpd.GeoDataFrame) -> object:
    """Whether the merged line nearest to a rectangle's centre, of its category, is at least 300 m long."""
    long = boxes["line_m"] * 0 > 1
    for code in (7, None):
        part, lines = boxes[_is(boxes, code)], merged[_is(merged, code)]
        nearest = shapely.STRtree(lines.geometry.to_numpy()).nearest(shapely.centroid(part.geometry.to_numpy()))
        long[part.index] = (lines["merged_m"].to_numpy() >= 300)[nearest]
    return long


if __name__ == "__main__":
    main()
