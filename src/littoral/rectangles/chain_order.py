"""Start point and direction of each chain, and the order of chains and stretches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from littoral.rectangles.options import Sort
from littoral.shoreline import Stretches


def start_at_corner(stretches: Stretches, sort: Sort) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Let every chain start nearest to a corner of its group's bounding box, and sort chains and stretches.

    Args:
        stretches: Merged lines, in the CRS in which corners are determined.
        sort: The corner: upper or lower, left or right.

    Returns:
        Positions of the stretches in the new order (groups as given, the chains of a group by the distance of their
        start from the corner, stretches along their chain), and their geometry in that order and in the direction
        of the chain.
    """
    geometry = stretches.table.geometry.to_numpy().copy()
    table = pd.DataFrame({"group": stretches.group, "chain": stretches.chain, "ring": stretches.ring})
    if not len(table):
        return np.empty(0, np.int64), geometry
    table[["x0", "y0"]] = shapely.get_coordinates(shapely.get_point(geometry, 0))
    table[["x1", "y1"]] = shapely.get_coordinates(shapely.get_point(geometry, -1))
    corner = _corners(geometry, stretches.group, sort)
    table["corner_x"], table["corner_y"] = corner.T

    chains = table.groupby("chain")
    chain = chains.agg(
        group=("group", "first"), ring=("ring", "first"), size=("group", "size"), corner_x=("corner_x", "first"),
        corner_y=("corner_y", "first"), x0=("x0", "first"), y0=("y0", "first"), x1=("x1", "last"), y1=("y1", "last"),
    )  # fmt: skip
    backward = _ends_nearer(chain)
    ring = chain["ring"].to_numpy()
    if ring.any():
        of_ring = ring[stretches.chain]
        number = np.cumsum(ring) - 1
        backward[ring] = _signed_area(geometry[of_ring], number[stretches.chain[of_ring]]) < 0
    flip = backward[stretches.chain]
    geometry[flip] = shapely.reverse(geometry[flip])
    x0, y0 = np.where(flip, table["x1"], table["x0"]), np.where(flip, table["y1"], table["y0"])

    lone_ring = (chain["ring"] & (chain["size"] == 1)).to_numpy()[stretches.chain]
    for position in np.flatnonzero(lone_ring):
        geometry[position] = _turned(geometry[position], corner[position])
    x0[lone_ring], y0[lone_ring] = shapely.get_coordinates(shapely.get_point(geometry[lone_ring], 0)).T

    table["near"] = np.hypot(x0 - table["corner_x"], y0 - table["corner_y"])
    along = chains.cumcount().to_numpy()
    size = chain["size"].to_numpy()[stretches.chain]
    along = np.where(flip, size - 1 - along, along)
    # A ring of several categories starts with the stretch that begins nearest to the corner.
    many = table["ring"] & (size > 1)
    nearest = table[many].assign(along=along[many]).sort_values(["chain", "near", "along"]).groupby("chain")["along"]
    begin = nearest.first().reindex(table["chain"], fill_value=0).to_numpy()
    along = (along - begin) % size
    near = table["near"].where(along == 0).groupby(table["chain"]).transform("max").to_numpy()
    order = np.lexsort((along, stretches.chain, near, stretches.group))
    return order, geometry[order]


def _corners(geometry: NDArray[np.object_], group: NDArray[np.int64], sort: Sort) -> NDArray[np.float64]:
    """For each stretch the corner, (stretches, 2), of its group's bounding box."""
    west, south, east, north = shapely.bounds(geometry).T
    # Negated, the eastern and northern bounds become minima as well.
    x = -east if sort[1] == "R" else west
    y = -north if sort[0] == "U" else south
    nearest = pd.DataFrame({"x": x, "y": y}).groupby(group).transform("min").to_numpy()
    return np.asarray(nearest * [-1 if sort[1] == "R" else 1, -1 if sort[0] == "U" else 1], np.float64)


def _ends_nearer(chain: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the end is nearer to the corner than the start; ties are resolved by coordinates (west, then south)."""
    start = np.hypot(chain["x0"] - chain["corner_x"], chain["y0"] - chain["corner_y"])
    end = np.hypot(chain["x1"] - chain["corner_x"], chain["y1"] - chain["corner_y"])
    west = (chain["x1"] < chain["x0"]) | ((chain["x1"] == chain["x0"]) & (chain["y1"] < chain["y0"]))
    return np.array((end < start) | ((end == start) & west))


def _signed_area(geometry: NDArray[np.object_], chain: NDArray[np.int64]) -> NDArray[np.float64]:
    """Twice the enclosed area of each chain, (chains,), positive counter-clockwise (shoelace formula).

    ``chain`` is the number from 0 of the chain of each geometry.
    """
    points, stretch = shapely.get_coordinates(geometry, return_index=True)
    of = chain[stretch]
    origin = points[np.flatnonzero(np.diff(of, prepend=-1))]
    x, y = (points - origin[of]).T
    same = of[1:] == of[:-1]
    cross = (x[:-1] * y[1:] - x[1:] * y[:-1])[same]
    return np.asarray(np.bincount(of[1:][same], weights=cross, minlength=len(origin)), np.float64)


def _turned(ring: shapely.LineString, corner: NDArray[np.float64]) -> shapely.LineString:
    """The same ring, starting at its vertex nearest to the corner."""
    points = shapely.get_coordinates(ring)
    start = int(np.hypot(*(points[:-1] - corner).T).argmin())
    # Around a pole, the longitudes of end and start differ by 360 degrees.
    turn = points[-1] - points[0]
    return shapely.LineString(np.concatenate([points[start:-1], points[: start + 1] + turn]))
