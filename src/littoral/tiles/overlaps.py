"""Assign the tiles of a grid to rectangles by overlap area; both must have the same planar coordinates."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

_HAIR = 1e-6
"""Areas that differ by less are equal."""


def shares_inside(footprints: NDArray[np.object_], outlines: NDArray[np.object_]) -> NDArray[np.float64]:
    """Share of each outline's area that lies in the footprint at the same position, 0 to 1; 0 for zero area."""
    outlines = _valid(outlines)
    area = shapely.area(outlines)
    common = shapely.area(shapely.intersection(footprints, outlines))
    return np.divide(common, area, out=np.zeros_like(area), where=area > 0)


def greatest_overlaps(
    footprints: NDArray[np.object_], outlines: NDArray[np.object_], classes: ArrayLike, min_overlap: float = 0.0
) -> NDArray[np.int64]:
    """Assign each footprint to an outline: the largest overlap within the class with the largest overlap.

    The overlap of a class is the area of the union, so that overlapping outlines count once. A tie goes to the lower
    class value, and to the first outline.

    Args:
        footprints: (tiles,) polygons.
        outlines: (outlines,) polygons.
        classes: (outlines,) class values.
        min_overlap: Smallest share of an outline's area that must lie in the footprint, 0 to 1.

    Returns:
        (tiles,) positions of outlines, -1 without one.

    >>> box = shapely.box
    >>> outlines = np.array([box(0, 0, 4, 10), box(1, 0, 5, 10), box(5, 0, 10, 9), box(50, 0, 60, 9)])
    >>> tiles = np.array([box(0, 0, 10, 10), box(59, 0, 69, 10), box(20, 0, 30, 10)])
    >>> greatest_overlaps(tiles, outlines, [3, 3, 7, 7]).tolist()
    [0, 3, -1]
    >>> greatest_overlaps(tiles, outlines, [3, 1, 7, 7], min_overlap=0.5).tolist()
    [2, -1, -1]
    """
    outlines = _valid(outlines)
    tile, outline = shapely.STRtree(outlines).query(footprints, predicate="intersects")
    common = shapely.intersection(footprints[tile], outlines[outline])
    area = shapely.area(common)
    counts = (area > _HAIR) & (area >= min_overlap * shapely.area(outlines[outline]) - _HAIR)
    tile, outline, common, area = tile[counts], outline[counts], common[counts], area[counts]
    # Sorted, so that pairs of the same tile and class are adjacent.
    values = np.asarray(classes)[outline]
    order = np.lexsort((outline, values, tile))
    tile, outline, common, area, values = (one[order] for one in (tile, outline, common, area, values))
    first = np.flatnonzero(np.diff(tile, prepend=-1).astype(bool) | np.diff(values, prepend=values[:1]).astype(bool))
    size = np.diff(np.append(first, len(tile)))
    covered = np.add.reduceat(area, first) if len(first) else area
    for group in np.flatnonzero(size > 1).tolist():
        covered[group] = shapely.area(shapely.union_all(common[first[group] : first[group] + size[group]]))
    owner = np.full(len(footprints), -1, np.int64)
    most = np.zeros(len(footprints))
    for start, length, ground in zip(first.tolist(), size.tolist(), covered.tolist(), strict=True):
        here = tile[start]
        if ground > most[here] + _HAIR:
            most[here] = ground
            own = area[start : start + length]
            owner[here] = outline[start + int(np.argmax(own > own.max() - _HAIR))]
    return owner


def _valid(outlines: NDArray[np.object_]) -> NDArray[np.object_]:
    broken = ~shapely.is_valid(outlines)
    if not broken.any():
        return outlines
    mended = outlines.copy()
    mended[broken] = shapely.make_valid(outlines[broken])
    return mended
