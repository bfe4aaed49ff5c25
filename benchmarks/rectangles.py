"""A world-sized coast walked, beside a plain shapely loop with the same rule.

The coast is made by code: rings whose sides are cut in two again and again, each time moved sideways at random, until a
segment is some 60 m long; many small, few large. For the loop they are cut into lines of 500 vertices, and both walk
those; then the rings are walked whole, in the plane and in degrees.
Run: ``python benchmarks/rectangles.py`` (``--rectangles 100000`` for a tenth of it).
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import geopandas as gpd
import numpy as np
import shapely
from figures import print_figures
from shapely import LineString, Point, Polygon

from littoral import rectangles_along_lines
from littoral.rectangles.options import RectangleOptions

LENGTH_M = WIDTH_M = 1000.0
PIECE = 500
SEGMENT_M = 60.0
CRS = "EPSG:32631"


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rectangles", type=int, default=1_000_000, help="about as many")
    given = parser.parse_args()
    rings = fractal_rings(given.rectangles * LENGTH_M * 1.33, np.random.default_rng(0))
    pieces = cut(rings)
    vertices = int(shapely.get_num_coordinates(rings).sum())
    print(f"{len(rings)} rings, {vertices} vertices; {len(pieces)} lines of at most {PIECE} vertices")
    before_mb = peak_mb()

    seconds: dict[str, float] = {}
    processor: dict[str, float] = {}
    counts: dict[str, int] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        begin, busy = time.perf_counter(), time.process_time()
        yield
        seconds[name], processor[name] = time.perf_counter() - begin, time.process_time() - busy

    for name, lines in (("same lines", pieces), ("rings", rings)):
        table = gpd.GeoDataFrame(geometry=lines, crs=CRS)
        with timed(name):
            boxes = rectangles_along_lines(table, RectangleOptions(length_m=LENGTH_M, width_m=WIDTH_M))
        counts[name] = len(boxes)
        if name == "same lines":
            ours = boxes.geometry.to_numpy()
    memory_kb = (peak_mb() - before_mb) * 1000 / counts["rings"]
    table = gpd.GeoDataFrame(geometry=rings, crs=CRS).to_crs("EPSG:4326")
    with timed("rings in degrees"):
        counts["rings in degrees"] = len(
            rectangles_along_lines(table, RectangleOptions(length_m=LENGTH_M, width_m=WIDTH_M))
        )
    del table
    classes = gpd.GeoDataFrame({"CATCOA": np.arange(len(pieces)) % 8}, geometry=pieces, crs=CRS)
    with timed("same lines, with shares of 8 classes"):
        counts["same lines, with shares of 8 classes"] = len(
            rectangles_along_lines(classes, RectangleOptions(length_m=LENGTH_M, width_m=WIDTH_M))
        )

    with timed("shapely loop"):
        loop = [box for line in pieces for box in walked(line)]
    counts["shapely loop"] = len(loop)
    apart = float(shapely.hausdorff_distance(ours, np.array(loop)).max())

    print(f"{'':<40}{'rectangles':>12}{'s':>8}{'µs each':>9}{'CPU s':>8}")
    for name, count in counts.items():
        each = seconds[name] / count * 1e6
        print(f"{name:<40}{count:>12}{seconds[name]:>8.1f}{each:>9.1f}{processor[name]:>8.1f}")
    ratio = seconds["shapely loop"] / seconds["same lines"]
    busy = processor["shapely loop"] / processor["same lines"]
    print(f"the loop takes {ratio:.1f} times as long on the same lines, and {busy:.1f} times the processor's time")
    print(f"corners differ by at most {apart:.1e} m")
    print(f"memory: {memory_kb:.2f} KB per rectangle above the lines themselves")
    figures = {
        "rectangles": counts,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "processor_seconds": {name: round(value, 2) for name, value in processor.items()},
        "ratio": round(ratio, 1),
        "processor_ratio": round(busy, 1),
        "largest_difference_m": apart,
        "kb_per_rectangle": round(memory_kb, 2),
    }
    print_figures("rectangles", figures)


def fractal_rings(total_m: float, rng: np.random.Generator) -> np.ndarray:
    """Closed lines whose lengths sum to about ``total_m`` metres; their sizes follow a power law."""
    rings: list[LineString] = []
    left = total_m
    while left > 0:
        around = min(3000.0 * (1 + rng.pareto(0.5)), 1.5e6)
        angle = np.linspace(0, 2 * math.pi, 13)
        points = np.column_stack([np.cos(angle), np.sin(angle)]) * around / 2 / math.pi
        points[-1] = points[0]
        while (step := np.hypot(*np.diff(points, axis=0).T)).mean() > SEGMENT_M:
            side = np.diff(points, axis=0)
            middle = (
                points[:-1]
                + side / 2
                + np.column_stack([-side[:, 1], side[:, 0]]) * rng.normal(0, 0.17, (len(side), 1))
            )
            points = np.insert(points, np.arange(1, len(points)), middle, axis=0)
        left -= step.sum()
        rings.append(LineString(points + [500_000 + rng.uniform(-1e5, 1e5), 5e6 + rng.uniform(-2e6, 2e6)]))
    return np.array(rings)


def cut(rings: np.ndarray) -> np.ndarray:
    """Lines of at most 500 vertices that do not meet: a segment is left out between them."""
    points, ring = shapely.get_coordinates(rings, return_index=True)
    first = np.searchsorted(ring, ring)
    piece = np.cumsum((np.arange(len(ring)) - first) % PIECE == 0) - 1
    size = np.bincount(piece)
    # The last vertex of a ring is its first; a piece of one vertex is no line.
    keep = (np.append(np.diff(ring) == 0, False)) & (size[piece] > 2)
    return np.asarray(shapely.linestrings(points[keep], indices=np.unique(piece[keep], return_inverse=True)[1]))


def walked(line: LineString) -> list[Polygon]:
    """The same rule, as one would write it with shapely: a chord at a time."""
    corner = Point(line.bounds[0], line.bounds[3])
    vertices = [Point(place) for place in line.coords]
    if (corner.distance(vertices[-1]), vertices[-1].coords[0]) < (corner.distance(vertices[0]), vertices[0].coords[0]):
        vertices.reverse()
    boxes, here, at = [], vertices[0], 1
    while True:
        done = at
        while at < len(vertices) and here.distance(vertices[at]) < LENGTH_M:
            at += 1
        if at == len(vertices):
            break
        before = here if at == done else vertices[at - 1]
        dx, dy = vertices[at].x - before.x, vertices[at].y - before.y
        ox, oy = before.x - here.x, before.y - here.y
        a, b, c = dx * dx + dy * dy, dx * ox + dy * oy, ox * ox + oy * oy - LENGTH_M**2
        part = min((-b + math.sqrt(max(b * b - a * c, 0))) / a, 1)
        end = Point(before.x + part * dx, before.y + part * dy)
        boxes.append(LineString([here, end]).buffer(WIDTH_M / 2, cap_style="flat"))
        here = end
    rest = [here, *vertices[done:]]
    if not boxes:
        axis = toward(here, rest[1:])
        along = [(point.x * axis[0] + point.y * axis[1]) for point in rest]
        x0, y0, x1, y1 = LineString(rest).bounds
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        shift = (min(along) + max(along)) / 2 - (middle[0] * axis[0] + middle[1] * axis[1])
        boxes.append(
            chord(middle[0] + axis[0] * (shift - LENGTH_M / 2), middle[1] + axis[1] * (shift - LENGTH_M / 2), axis)
        )
    elif LineString(rest).length > 0.05 * LENGTH_M:
        boxes.append(chord(here.x, here.y, toward(here, rest[1:])))
    return boxes


def toward(here: Point, rest: list[Point]) -> tuple[float, float]:
    """Unit vector to the end, or to the farthest vertex where the end has come back."""
    away = [here.distance(point) for point in rest]
    best = len(rest) - 1 if away[-1] > 0.1 * max(away) else away.index(max(away))
    return (rest[best].x - here.x) / away[best], (rest[best].y - here.y) / away[best]


def chord(x: float, y: float, axis: tuple[float, float]) -> Polygon:
    """The rectangle on the chord that begins at a point."""
    end = (x + axis[0] * LENGTH_M, y + axis[1] * LENGTH_M)
    return LineString([(x, y), end]).buffer(WIDTH_M / 2, cap_style="flat")


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
