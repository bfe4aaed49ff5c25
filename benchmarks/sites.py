"""``realcoast`` as the benchmarks see it: rectangles that know their neighbours, and scores over whole sites.

The labels are visual interpretation by one interpreter, see that folder's README.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral import read_vector
from littoral.predictions import read_chains
from littoral.tiles import TileSet, open_pack

BANDS = ("B02", "B03", "B04")
CLASSES = (2, 3, 7)
"""CATCOA of several places each: flat coast, sandy shore, mangrove. The others are tied to one place or two."""
DATA = Path(__file__).parents[2] / "shared" / "data"
DRAWS = 5000
_NEIGHBOURS_M = 2000


def read_sites(folder: Path) -> gpd.GeoDataFrame:
    """All rectangles, in the order of regions and numbers, which is that of the shore; GroupId, SeqId, Previous, Next.

    Rectangles of a region that follow one another are neighbours where they are less than 2 km apart.
    """
    table = read_vector(folder / "realcoast.gpkg", "rectangles").sort_values(["region", "rect_id"], ignore_index=True)
    middles = table.geometry.to_crs(3857).centroid
    lat = np.radians(table.geometry.to_crs(4326).bounds["miny"])
    apart = np.hypot(middles.x.diff(), middles.y.diff()) * np.cos(lat)
    joins = ((table["region"] == table["region"].shift()) & (apart < _NEIGHBOURS_M)).to_numpy()
    table["GroupId"] = pd.factorize(table["region"])[0] + 1
    table["SeqId"] = table.groupby("GroupId").cumcount() + 1
    table["Previous"] = (table["SeqId"] - 1).astype("Int64").where(joins)
    table["Next"] = (table["SeqId"] + 1).astype("Int64").where(np.append(joins[1:], False))
    assert len(read_chains(table).row) == len(table)
    return table


def taught(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The same with the class of those that may teach, null for the others."""
    return table.assign(CATCOA=table["CATCOA"].where(table["CATCOA"].isin(CLASSES).fillna(False)))


def open_tiles(folder: Path, table: gpd.GeoDataFrame, cache: Path, size: int = 256) -> TileSet:
    """Tiles around the rectangles that may teach."""
    table = taught(table).dropna(subset="CATCOA")
    scenes = [folder / name for name in sorted(set(table["image"]))]
    return open_pack(scenes, table, tile_size=size, bands=BANDS, region_field="site", cache=cache)


def drawn_sites(sites: int) -> NDArray[np.int64]:
    """(draws, sites), of a bootstrap over sites."""
    return np.random.default_rng(0).integers(sites, size=(DRAWS, sites))


def accuracy_and_f1(matrix: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy and macro-F1 (...) of confusion matrices (..., truth, answer), of the classes that occur."""
    right, true, said = np.einsum("...ii->...i", matrix), matrix.sum(-1), matrix.sum(-2)
    f1 = 2 * right / np.maximum(true + said, 1)
    accuracy = right.sum(-1) / np.maximum(true.sum(-1), 1)
    return accuracy, (f1 * (true > 0)).sum(-1) / np.maximum((true > 0).sum(-1), 1)
