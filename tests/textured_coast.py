"""A synthetic scene of two textures and labelled rectangles on it, made by seeded code."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

ORIGIN = 500_000.0, 3_000_000.0


CRS = "EPSG:32617"


def boxes(centres: list[tuple[float, float]], codes: list[int | None], side_m: float = 200.0) -> gpd.GeoDataFrame:
    """Rectangles around pixels (column, row) of a scene at ORIGIN, with their category."""
    x, y = np.array(centres, float).T * 10
    outlines = shapely.box(
        ORIGIN[0] + x - side_m / 2, ORIGIN[1] - y - side_m / 2, ORIGIN[0] + x + side_m / 2, ORIGIN[1] - y + side_m / 2
    )
    table = {"ID": range(1, len(codes) + 1), "CATCOA": pd.array(codes, dtype="Int64")}
    return gpd.GeoDataFrame(table, geometry=outlines, crs=CRS)


def textured(seed: int = 0, size: int = 640) -> np.ndarray:
    """A scene (3, size, size) of four 160-pixel-high strips: fine noise and stripes, twice each, of equal mean."""
    rng = np.random.default_rng(seed)
    rows = np.arange(size)[:, None] // (size // 4) % 2
    stripes = np.where(np.arange(size)[None, :] // 4 % 2, 700.0, -700.0)
    noise = rng.normal(0, 700, (size, size))
    plane = 2000 + np.where(rows == 0, noise, stripes)
    return (np.stack([plane, plane * 1.1, plane * 0.9]) + rng.normal(0, 30, (3, size, size))).clip(1).astype("uint16")


def textured_boxes(seed: int = 0, size: int = 640) -> gpd.GeoDataFrame:
    """Rectangles in the strips of :func:`textured`: sandy shore on noise, mangrove on stripes; far enough apart that a
    spatial split has places to choose from."""
    centres, codes = [], []
    strip = size // 4
    for number in range(4):
        for column in range(32, size - 31, 48):
            centres.append((float(column), number * strip + strip / 2))
            codes.append(3 if number % 2 == 0 else 7)
    return boxes(centres, codes)
