"""The map that can be moved: outlines, answers and a picture of the ground as one JSON, which ``map.js`` draws."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from littoral.categories import UNKNOWN_COLOUR
from littoral.report.coast import Coast, numbers
from littoral.report.maps import Ground, map_crs

MOST = 20_000
"""Rectangles that a browser draws at ease; of more, those to look at first and others at even steps are shown."""
_STEPS = 1_000_000
"""Of the longer side of the map: outlines are whole numbers of these."""
_CORNERS = 32

Rows = NDArray[np.intp]


def map_data(coast: Coast, ground: Ground | None, first: Rows) -> dict[str, Any]:
    """All that the script needs.

    Args:
        coast: The table.
        ground: A picture in the CRS of the scene.
        first: Rows to be shown in any case.

    Returns:
        ``size`` of the map in steps; ``categories`` (name, colour; the last is "not classified"); of each shown
        rectangle ``outline`` (x, y, x, y, … in steps, y down), ``row`` and what is said of it; ``views``: for each way
        to colour, its name and the category of each rectangle; ``ground``: address of the picture in the page itself,
        and its place; ``of``: how many rectangles there are.

    Memory: 600 bytes for each of at most :data:`MOST` rectangles, and the picture.
    """
    rows = shown_rows(len(coast.table), first)
    shapes = coast.table.geometry.iloc[rows].to_crs(map_crs(coast)).to_numpy()
    bounds = shapely.bounds(shapes)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    left, low = bounds[:, :2].min(axis=0)
    right, high = bounds[:, 2:].max(axis=0)
    if ground is not None:
        x0, x1, y0, y1 = ground[1]
        left, right, low, high = min(left, x0), max(right, x1), min(low, y0), max(high, y1)
    step = max(right - left, high - low, 1e-9) / _STEPS

    def placed(points: NDArray[np.float64]) -> list[int]:
        steps = np.column_stack([points[:, 0] - left, high - points[:, 1]]) / step
        found: list[int] = steps.round().astype(int).ravel().tolist()
        return found

    views = {"answer": coast.answer[rows]}
    if (smoothed := coast.smoothed) is not None:
        views["smoothed along the coast"] = smoothed[rows]
    if coast.truth_field is not None:
        views[f"truth ({coast.truth_field})"] = coast.truth[rows]
    codes = sorted({int(code) for values in views.values() for code in values[np.isfinite(values)]})
    categories = [coast.scheme.category(code) for code in codes]
    place = {code: at for at, code in enumerate(codes)}
    none = len(codes)
    return {
        "size": [round((right - left) / step), round((high - low) / step)],
        "categories": [[c.name, c.colour] for c in categories] + [["not classified", UNKNOWN_COLOUR]],
        "views": [
            [name, [none if np.isnan(code) else place[int(code)] for code in values]] for name, values in views.items()
        ],
        "outline": [placed(_corners(shape)) for shape in shapes],
        "row": rows.tolist(),
        "said": [_said(coast, row) for row in rows.tolist()],
        "confidence": [None if np.isnan(each) else round(float(each), 3) for each in coast.confidence[rows]],
        "ground": None if ground is None else _picture(ground, left, high, step),
        "of": len(coast.table),
    }


def shown_rows(count: int, first: Rows) -> Rows:
    """
    >>> shown_rows(5, np.array([3])).tolist(), len(shown_rows(30_000, np.array([7]))) <= MOST + 1
    ([0, 1, 2, 3, 4], True)
    """
    return np.union1d(np.arange(0, count, -(-count // MOST) or 1), first).astype(np.intp)


def _corners(shape: Any) -> NDArray[np.float64]:
    """Of the largest part's outline, without the last that repeats the first; empty of no area."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and not part.is_empty]
    if not parts:
        return np.empty((0, 2))
    points = shapely.get_coordinates(max(parts, key=shapely.area).exterior)[:-1]
    # A rectangle that is drawn as a circle need not be one to the last corner.
    return points[:: -(-len(points) // _CORNERS)]


def _said(coast: Coast, row: int) -> list[str]:
    """Lines that the pointer brings up."""
    record = coast.table.iloc[row]
    status = str(record["status"])
    lines = [f"{coast.name_of(row)}"]
    if np.isfinite(coast.answer[row]):
        lines.append(f"{record[coast.label]}, {coast.confidence[row]:.0%}")
    else:
        lines.append(status)
    if (smoothed := coast.smoothed) is not None and np.isfinite(smoothed[row]) and smoothed[row] != coast.answer[row]:
        lines.append(f"along the coast: {coast.scheme.category(int(smoothed[row])).name}")
    if "PredictionSet" in coast.table.columns and pd.notna(record["PredictionSet"]):
        lines.append(f"set: {record['PredictionSet']}")
    if "Novelty" in coast.table.columns and pd.notna(record["Novelty"]) and numbers(coast.table["Novelty"])[row] > 1:
        lines.append(f"unlike the training: {record['Novelty']:.1f} times as far as usual places go")
    if coast.truth_field is not None and np.isfinite(coast.truth[row]):
        lines.append(f"truth: {coast.scheme.category(int(coast.truth[row])).name}")
    if "SceneDate" in coast.table.columns and pd.notna(record["SceneDate"]):
        lines.append(f"seen {record['SceneDate']}")
    return lines


def _picture(ground: Ground, left: float, high: float, step: float) -> dict[str, Any]:
    picture, (x0, x1, y0, y1) = ground
    held = io.BytesIO()
    matplotlib.image.imsave(held, picture, format="jpeg", pil_kwargs={"quality": 80})
    place = [(x0 - left) / step, (high - y1) / step, (x1 - x0) / step, (y1 - y0) / step]
    address = f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode('ascii')}"
    return {"address": address, "place": [round(each) for each in place]}
