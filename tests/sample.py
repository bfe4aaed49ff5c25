"""A small public sample in the layout of ``../shared/data``, made by seeded code: charts of two scales and clips.

``enc/``: two cells of 1:22 000 side by side, whose lines meet on their border, one of them with an update, over a cell
of 1:80 000. ``realcoast/``: two clips of one place in UTM zones 3 and 4, and
``realcoast.gpkg`` with labelled rectangles.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from littoral.demo.s57 import SLCONS, ChartLine, write_cell, write_update
from textured_coast import textured

WEST, BORDER, EAST, SOUTH, NORTH = -80.4, -80.2, -80.0, 25.0, 25.4
CODES = (1, 3, 7, 8, None)
CLIPS = {"bay_zone_3": 32603, "bay_zone_4": 32604}
MIDDLE = -162.0, 63.9
"""Longitude and latitude of the clips, on the border of the two zones."""


def make_sample(folder: Path) -> Path:
    """Write the sample into ``folder``, which is made; the same bytes each time."""
    _charts(folder / "enc")
    _clips(folder / "realcoast")
    return folder


def _charts(folder: Path) -> None:
    rng = np.random.default_rng(5)
    for name, west, east in (("US5SAM1A", WEST, BORDER), ("US5SAM1B", BORDER, EAST)):
        lines = [
            ChartLine(piece, code)
            for row in (0, 1)
            for piece, code in zip(_pieces(rng, row, west, east), CODES, strict=True)
        ]
        wall = np.array([[west + 0.05, 25.3], [west + 0.06, 25.31]])
        path = _cell(folder, name)
        write_cell(path, [*lines, ChartLine(wall, objl=SLCONS)], coverage=(west, SOUTH, east, NORTH))
    write_update(path.with_suffix(".001"), path, update=1, catcoa={0: 7})
    coarse = [ChartLine(piece, code) for piece, code in zip(_pieces(rng, 0, WEST - 0.2, EAST), CODES, strict=True)]
    coverage = (WEST - 0.2, SOUTH, EAST, NORTH)
    write_cell(_cell(folder, "US4SAM1M"), coarse, coverage=coverage, scale=80_000, usage_band=4)


def _cell(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    return folder / name / f"{name}.000"


def _pieces(rng: np.random.Generator, row: int, west: float, east: float) -> list[NDArray[np.float64]]:
    """A wavy line from west to east, a piece for each code; on the borders it is always at one height."""
    x = np.linspace(west, east, 20 * len(CODES) + 1)
    y = SOUTH + 0.1 + 0.15 * row + 0.01 * np.sin(40 * x) * np.sin(np.pi * (x - WEST) / (BORDER - WEST))
    y[1:-1] += rng.normal(0, 0.0005, len(y) - 2)
    points = np.column_stack([x, y])
    return [points[start : start + 21] for start in range(0, len(points) - 1, 20)]


def _clips(folder: Path) -> None:
    folder.mkdir(parents=True)
    values, tables = textured(size=640), []
    for name, zone in CLIPS.items():
        x, y = Transformer.from_crs(4326, zone, always_xy=True).transform(*MIDDLE)
        left, top = round(x, -1) - 3200, round(y, -1) + 3200
        profile = {"driver": "GTiff", "count": 3, "height": 640, "width": 640, "dtype": "uint16", "nodata": 0}
        with rasterio.open(
            folder / f"{name}.tif", "w", crs=f"EPSG:{zone}", transform=Affine(10, 0, left, 0, -10, top), **profile
        ) as image:
            image.write(values)
            image.descriptions = ("B02", "B03", "B04")
        at = np.array([(column, row) for row in range(80, 640, 160) for column in range(64, 600, 96)]) * 10
        outlines = shapely.box(left + at[:, 0] - 200, top - at[:, 1] - 200, left + at[:, 0] + 200, top - at[:, 1] + 200)
        codes = np.where(at[:, 1] // 1600 % 2 == 0, 3, 7)
        table = gpd.GeoDataFrame({"image": f"{name}.tif", "site": name, "CATCOA": codes}, geometry=outlines, crs=zone)
        tables.append(table.to_crs(4326))
    gpd.GeoDataFrame(pd.concat(tables, ignore_index=True)).to_file(folder / "realcoast.gpkg", layer="rectangles")
