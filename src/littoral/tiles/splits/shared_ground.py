"""Find outlines that overlap or touch, in longitude and latitude, across the antimeridian too."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array

KM_PER_DEGREE = 111.2
"""Length of a degree of a meridian."""
_AT_ONCE = 2_000_000
"""Pairs of bounds compared together."""

Outlines = NDArray[np.object_]
"""Polygons in longitude and latitude, None where there is none; longitudes may run beyond 180 degrees."""


def ground_pairs(a: Outlines, b: Outlines) -> NDArray[np.int64]:
    """Pairs ``(2, pairs)`` of positions in ``a`` and ``b`` whose outlines touch or overlap on the ground.

    Args:
        a: Polygons in longitude and latitude, None where there is none; longitudes may run beyond 180 degrees.
        b: The same.

    >>> box = shapely.box
    >>> here, there = np.array([box(179.9, 0, 180.1, 1)]), np.array([box(-180, 0, -179.95, 1), box(0, 0, 1, 1)])
    >>> ground_pairs(here, there).tolist()
    [[0], [0]]
    """
    copies, source = _around(b)
    tree = shapely.STRtree(copies)
    found, hit = tree.query(a, predicate="intersects")
    shifted, origin = _around(a)
    beyond = np.arange(len(shifted)) >= len(a)
    more, more_hit = tree.query(shifted[beyond], predicate="intersects")
    first, second = np.concatenate([found, origin[beyond][more]]), source[np.concatenate([hit, more_hit])]
    # A pair that meets on both sides of the antimeridian is one.
    return np.stack(np.divmod(np.unique(first * max(len(b), 1) + second), max(len(b), 1)))


def touching(outlines: Outlines) -> csr_array:
    """Symmetric (outlines, outlines) matrix, 1 where two overlap or touch, diagonal included."""
    count = len(outlines)
    pairs = np.concatenate([ground_pairs(outlines, outlines), np.tile(np.arange(count), (2, 1))], axis=1)
    matrix = csr_array((np.ones(pairs.shape[1], np.int32), (pairs[0], pairs[1])), shape=(count, count))
    matrix.data[:] = 1
    return matrix


def common_ground(a: Outlines, b: Outlines) -> tuple[int, int] | None:
    """Positions of the first two outlines, one of each, whose insides overlap; None where no two do.

    It verifies a split, so it works in another way than :func:`ground_pairs`: all bounds are compared with all,
    longitudes by their difference on the circle, then areas of intersection.

    >>> box = shapely.box
    >>> common_ground(np.array([box(0, 0, 1, 1)]), np.array([box(1, 0, 2, 1), None]))
    >>> common_ground(np.array([box(179.9, 0, 180.1, 1)]), np.array([None, box(-180, 0, -179.95, 1)]))
    (0, 1)
    """
    (row_a, x_a, y_a, width_a, height_a), (row_b, x_b, y_b, width_b, height_b) = _bounds(a), _bounds(b)
    step = max(_AT_ONCE // max(len(row_b), 1), 1)
    for start in range(0, len(row_a), step):
        part = slice(start, start + step)
        apart = x_b - x_a[part, None]
        turns = np.round(apart / 360)
        near = np.abs(apart - 360 * turns) < width_a[part, None] + width_b
        near &= np.abs(y_b - y_a[part, None]) < height_a[part, None] + height_b
        one, other = np.nonzero(near)
        shift = 360 * turns[one, other]
        first, second = a[row_a[start + one]], b[row_b[other]]
        shifted = [shapely.transform(shape, lambda xy, by=by: xy - [by, 0.0]) if by else shape  # type: ignore[misc]
                   for shape, by in zip(second, shift.tolist(), strict=True)]  # fmt: skip
        common = shapely.area(shapely.intersection(first, np.array(shifted, object)))
        hits = np.flatnonzero(common > 1e-9 * shapely.area(first))
        if len(hits):
            return int(row_a[start + one[hits[0]]]), int(row_b[other[hits[0]]])
    return None


def _bounds(outlines: Outlines) -> tuple[NDArray[Any], ...]:
    """Positions of the outlines that are not None; centres, half widths and half heights of their bounds."""
    there = np.flatnonzero([outline is not None for outline in outlines])
    left, lower, right, upper = shapely.bounds(outlines[there]).reshape(-1, 4).T
    return there, (left + right) / 2, (lower + upper) / 2, (right - left) / 2, (upper - lower) / 2


def _around(outlines: Outlines) -> tuple[Outlines, NDArray[np.int64]]:
    """The outlines, those beyond the antimeridian a second time shifted by 360 degrees, and the position of each."""
    bounds = shapely.bounds(outlines)
    east, west = np.flatnonzero(bounds[:, 2] > 180), np.flatnonzero(bounds[:, 0] < -180)
    copies = [outlines, shapely.transform(outlines[east], _west_360), shapely.transform(outlines[west], _east_360)]
    return np.concatenate(copies), np.concatenate([np.arange(len(outlines)), east, west])


def _west_360(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points - [360.0, 0.0]


def _east_360(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points + [360.0, 0.0]
