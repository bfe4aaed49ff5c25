"""Make the data of the interactive map: outlines, classes and the imagery as one JSON that ``map.js`` draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from littoral.geodesy import ELLIPSOID
from littoral.predictions import UNCERTAIN, UNLIKE, columns
from littoral.report.coast import CoastData, Rows
from littoral.report.elements import corners, jpeg
from littoral.report.maps import Ground, colour_without_class, map_crs
from littoral.tiles import CLASSIFIED

MOST = 20_000
"""Most rectangles on the map, so that browsers draw it quickly; of more, those to review first and a regular sample."""
_STEPS = 1_000_000
"""Integer coordinates along the longer side of the map."""
_NO_CLASS, _NO_TRUTH = "not classified", "not known"
_HATCHED = {UNCERTAIN: 1, UNLIKE: 2}
"""Hatching of statuses with probabilities but no class: stripes or crosses; other statuses are plain grey."""
_LATTICE = 17
"""Points along each side of the map whose longitude and latitude are given to the script; between them it
interpolates, on a map of 100 km to some metres."""


def map_data(coast: CoastData, ground: Ground | None, first: Rows) -> dict[str, Any]:
    """Data of the interactive map.

    Args:
        coast: The table.
        ground: A picture in the CRS of the scene.
        first: Rows that are always included.

    Returns:
        ``size`` of the map in steps; ``metres`` of a step; ``lattice``: longitude and latitude at even steps over the
        map, row by row from its upper left corner, empty where the CRS has none; ``categories`` (name, colour,
        hatch): classes, then the statuses without a class; of each rectangle ``outline`` (x, y, x, y, … in steps, y
        down), ``row``, ``confidence`` and lines of ``text``; ``chance``: the least that the highest of all
        probabilities can be; ``views``: for each way to colour, its name and the category of each rectangle;
        ``ground``: address of the picture in the page itself, and its place; ``of``: how many rectangles there are.

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

    categories, views = _coloured(coast, rows)
    lattice, metres = _degrees(map_crs(coast), (left, right, low, high))
    return {
        "size": [round((right - left) / step), round((high - low) / step)],
        "metres": metres * step,
        "lattice": lattice,
        "categories": categories,
        "chance": round(1 / max(len(coast.classes), 1), 3),
        "views": views,
        "outline": [placed(corners(shape)) for shape in shapes],
        "row": rows.tolist(),
        "text": _texts(coast, rows),
        "confidence": [None if np.isnan(each) else round(float(each), 3) for each in coast.highest[rows]],
        "ground": None if ground is None else _picture(ground, left, high, step),
        "of": len(coast.table),
    }


def shown_rows(count: int, first: Rows) -> Rows:
    """
    >>> shown_rows(5, np.array([3])).tolist(), len(shown_rows(30_000, np.array([7]))) <= MOST + 1
    ([0, 1, 2, 3, 4], True)
    """
    return np.union1d(np.arange(0, count, -(-count // MOST) or 1), first).astype(np.intp)


def _coloured(coast: CoastData, rows: Rows) -> tuple[list[list[Any]], list[list[Any]]]:
    """The legend, and for each way to colour its name and each row's position in the legend."""
    status = coast.status[rows]
    without = np.where(status == CLASSIFIED, _NO_CLASS, status)
    views = {"class": (coast.code[rows], without)}
    if (smoothed := coast.smoothed) is not None:
        views["class, smoothed along the coast"] = (smoothed[rows], without)
    if coast.truth_field is not None:
        views[f"true class ({coast.truth_field})"] = (coast.truth[rows], np.full(len(rows), _NO_TRUTH, object))
    codes = sorted({int(code) for values, _ in views.values() for code in values[np.isfinite(values)]})
    names = [name for values, others in views.values() for name in others[np.isnan(values)].tolist()]
    no_class = {name: len(codes) + at for at, name in enumerate(dict.fromkeys([*_HATCHED, *sorted(set(names))]))}
    place = {code: at for at, code in enumerate(codes)}
    categories = [[c.name, c.colour, 0] for c in map(coast.scheme.category, codes)]
    categories += [[name, colour_without_class(name), _HATCHED.get(name, 0)] for name in no_class]
    return categories, [
        [name, [no_class[other] if np.isnan(code) else place[int(code)] for code, other in zip(*of, strict=True)]]
        for name, of in views.items()
    ]


def _degrees(crs: Any, bounds: tuple[float, float, float, float]) -> tuple[list[list[float]], float]:
    """Longitude and latitude over the map, empty where its CRS has none, and metres per unit at its middle."""
    left, right, low, high = bounds
    down, across = np.meshgrid(np.linspace(high, low, _LATTICE), np.linspace(left, right, _LATTICE), indexing="ij")
    to_degrees = Transformer.from_crs(CRS.from_user_input(crs), 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(across.ravel(), down.ravel())
    unit = max(right - left, high - low, 1e-9) / 1000
    x, y = (left + right) / 2, (low + high) / 2
    east, north = to_degrees.transform([x - unit, x + unit], [y, y])
    metres = ELLIPSOID.inv(east[0], north[0], east[1], north[1])[2] / (2 * unit)
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all() and np.isfinite(metres)):
        return [], 0.0
    # Continuous over the antimeridian.
    whole = np.unwrap(np.unwrap(np.reshape(longitude, down.shape), period=360, axis=1), period=360, axis=0)
    return np.column_stack([whole.ravel(), latitude]).round(6).tolist(), float(metres)


def _texts(coast: CoastData, rows: Rows) -> list[list[str]]:
    """Lines of each row's tooltip."""
    table = coast.table.iloc[rows]
    lines = [[coast.name_of(row), coast.description(row)] for row in rows.tolist()]

    def add(column: str, words: Callable[[Any], list[str]]) -> None:
        if column in table.columns:
            for of, value in zip(lines, table[column].tolist(), strict=True):
                if pd.notna(value):
                    of += words(value)

    if (smoothed := coast.smoothed) is not None:
        for of, raw, along in zip(lines, coast.code[rows], smoothed[rows], strict=True):
            if np.isfinite(along) and along != raw:
                of.append(f"smoothed along the coast: {coast.scheme.category(int(along)).name}")
    add(columns.SET, lambda names: [f"prediction set: {names}"])
    add(columns.NOVELTY, lambda far: [f"novelty {far:.2f}: above 1, unlike the training"] if far > 1 else [])
    if coast.truth_field is not None:
        for of, code in zip(lines, coast.truth[rows], strict=True):
            if np.isfinite(code):
                of.append(f"true class: {coast.scheme.category(int(code)).name}")
    add(columns.SCENE_DATE, lambda day: [f"scene of {day}"])
    return lines


def _picture(ground: Ground, left: float, high: float, step: float) -> dict[str, Any]:
    picture, (x0, x1, y0, y1) = ground
    place = [(x0 - left) / step, (high - y1) / step, (x1 - x0) / step, (y1 - y0) / step]
    return {"address": jpeg(picture), "place": [round(each) for each in place]}
