"""Classified rectangles made by code: a chain of boxes with given probabilities, a line with random ones."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import LineString, box

from littoral import rectangles_along_lines
from littoral.predictions import Transitions
from littoral.rectangles.options import RectangleOptions

THREE = Transitions((2, 3, 7), (9000.0, 5000.0, 3000.0), ((0.0, 3.0, 1.0), (3.0, 0.0, 0.5), (1.0, 0.5, 0.0)))


def sequence(
    probabilities: np.ndarray, *, group: int = 1, ring: bool = False, codes: tuple[int, ...] = THREE.codes
) -> gpd.GeoDataFrame:
    """A classified chain of boxes of 1 km; NaN rows have no class."""
    count = len(probabilities)
    known = np.isfinite(probabilities).all(axis=1)
    table = gpd.GeoDataFrame(
        {"GroupId": group, "SeqId": np.arange(1, count + 1)},
        geometry=[box(1000 * i, 0, 1000 * i + 1000, 1000) for i in range(count)],
        crs=32631,
    )
    table["Previous"] = pd.array([None, *range(1, count)], dtype="Int64")
    table["Next"] = pd.array([*range(2, count + 1), None], dtype="Int64")
    if ring:
        table.loc[0, "Previous"], table.loc[count - 1, "Next"] = count, 1
    table["line_m"] = 1000.0
    best = np.nan_to_num(probabilities).argmax(axis=1)
    table["ClassValue"] = pd.Series(np.take(codes, best), dtype="Int64").mask(~known)
    table["ClassLabel"] = pd.Series([f"class {c}" for c in np.take(codes, best)], dtype="string").mask(~known)
    for code, values in zip(codes, probabilities.T, strict=True):
        table[f"P_{code}"] = values
    table["status"] = np.where(known, "classified", "nodata")
    return table


UTM = "EPSG:32631"


def classified(rectangles: gpd.GeoDataFrame, seed: int = 0, codes: tuple[int, ...] = (3, 7)) -> gpd.GeoDataFrame:
    """Rectangles with class probabilities drawn by a seed; every seventh has none."""
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet([0.5] * len(codes), len(rectangles))
    none = np.arange(len(rectangles)) % 7 == 6
    chance[none] = np.nan
    out = rectangles.copy()
    best = np.nan_to_num(chance).argmax(axis=1)
    out["ClassLabel"] = pd.Series(np.take([f"class {c}" for c in codes], best), out.index, dtype="string").mask(none)
    out["ClassValue"] = pd.Series(np.take(codes, best), out.index, dtype="Int64").mask(none)
    for code, values in zip(codes, chance.T, strict=True):
        out[f"P_{code}"] = values
    out["status"] = np.where(none, "cloud", "classified")
    return out


def straight(count: int = 4, x: float = 5e5) -> gpd.GeoDataFrame:
    line = LineString([(x, 5e6), (x + 1000 * count, 5e6)])
    return rectangles_along_lines(gpd.GeoDataFrame(geometry=[line], crs=UTM), RectangleOptions(class_field=""))


def with_probabilities(boxes: gpd.GeoDataFrame, chances: list[list[float] | None]) -> gpd.GeoDataFrame:
    """Rectangles with class probabilities given one by one; None has none."""
    values = np.array([[np.nan] * 2 if chance is None else chance for chance in chances])
    none = np.isnan(values[:, 0])
    best = np.nan_to_num(values).argmax(axis=1)
    return boxes.assign(
        P_3=values[:, 0],
        P_7=values[:, 1],
        ClassValue=pd.Series(np.take([3, 7], best), boxes.index, dtype="Int64").mask(none),
        ClassLabel=pd.Series(np.take(["sandy shore", "mangrove"], best), boxes.index, dtype="string").mask(none),
        Confidence=values.max(axis=1),
        status=np.where(none, "cloud", "classified"),
    )
