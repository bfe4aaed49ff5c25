"""Connected bodies of water and land, found strip by strip in images too large to label at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from littoral.errors import InputError
from littoral.shoreline.index_grid import CLEAR, MISSING, SEA, Field, Mask, spread

Integers = NDArray[np.int64]

_LESSER_SEA = 0.02
"""Least size of other sea bodies at the edge of the image, as a share of the largest body of water."""


@dataclass(frozen=True)
class Bodies:
    """Connected bodies of a mask, numbered from 1; 0 is the background."""

    mask: Callable[[slice], Mask]
    """Returns the mask of a slice of rows."""
    corners: bool
    """Whether pixels that touch at a corner are connected."""
    strips: list[slice]
    """Rows labelled together."""
    number: list[Integers]
    """For each strip, the body of each label in the strip."""
    size: Integers
    """(bodies + 1,), pixels of each body; 0 for the background."""

    def labels(self) -> Iterator[tuple[slice, Integers]]:
        """Strips of rows, and the body of each pixel."""
        for rows, number in zip(self.strips, self.number, strict=True):
            yield rows, number[_label(self.mask(rows), self.corners)]


def find_bodies(mask: Callable[[slice], Mask], strips: list[slice], *, corners: bool) -> Bodies:
    """Label each strip, and join bodies that touch across the seams of strips.

    >>> image = np.array([[1, 0, 1], [1, 0, 1], [0, 1, 0]], bool)
    >>> one_by_one = [slice(row, row + 1) for row in range(3)]
    >>> find_bodies(image.__getitem__, one_by_one, corners=True).size.tolist()
    [0, 5]
    >>> find_bodies(image.__getitem__, one_by_one, corners=False).size.tolist()
    [0, 2, 2, 1]
    """
    first, sizes, pairs = [0], [np.zeros(1, np.int64)], [np.zeros((2, 0), np.int64)]
    above: Integers | None = None
    for rows in strips:
        label = _label(mask(rows), corners)
        count = int(label.max(initial=0))
        sizes.append(np.bincount(label.ravel(), minlength=count + 1)[1:])
        top, bottom = (np.where(row > 0, row + first[-1], 0) for row in (label[0], label[-1]))
        if above is not None:
            pairs.append(_meeting(above, top, corners))
        above = bottom
        first.append(first[-1] + count)
    one, other = np.concatenate(pairs, axis=1)
    total = first[-1] + 1
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(total, total))
    body = connected_components(graph, directed=False)[1].astype(np.int64)
    size = np.bincount(body, weights=np.concatenate(sizes)).astype(np.int64)
    number = [np.append(0, body[start + 1 : stop + 1]) for start, stop in pairwise(first)]
    return Bodies(mask, corners, strips, number, size)


def mark_sea(field: Field, transform: Affine, marks: NDArray[np.object_] | None) -> None:
    """Set the state of the pixels of the sea to SEA, in place.

    Sea is the largest body of water, and each other body of at least a fiftieth of its size that reaches the edge of
    the image; with ``marks``, each body that one of them touches.

    Args:
        field: Index with the threshold subtracted.
        transform: Affine transformation from pixel (column, row) to the CRS of the marks.
        marks: Geometries of any type that lie in the sea.

    Raises:
        InputError: no mark touches water.
    """
    strips = field.strips()
    bodies = find_bodies(field.water, strips, corners=True)
    if len(bodies.size) == 1:
        return
    if marks is not None:
        sea = _marked(bodies, field.index.shape[1], transform, marks)
        if not sea.any():
            raise InputError(
                "the sea mask",
                "touches nothing that the index takes for water",
                "draw it where the scene has its sea; if it lies there, give another --index or --threshold",
            )
    else:
        sea = _running_off(bodies, field) & (bodies.size >= _LESSER_SEA * bodies.size.max())
        sea[bodies.size.argmax()] = True
        sea[0] = False
    for rows, label in bodies.labels():
        field.state[rows][sea[label]] = SEA


def drown_islets(field: Field, least_px: float) -> None:
    """Set the state of islands with fewer than ``least_px`` pixels to SEA, in place."""
    bodies = find_bodies(lambda rows: field.state[rows] == CLEAR, field.strips(), corners=False)
    small = bodies.size < least_px
    small[0] = False
    # Changing the strips one after the other is safe: a changed strip does not affect the labels of the next.
    for rows, label in bodies.labels():
        field.state[rows][small[label]] = SEA


def _label(mask: Mask, corners: bool) -> NDArray[np.int32]:
    return np.asarray(ndimage.label(mask, ndimage.generate_binary_structure(2, 2 if corners else 1))[0], np.int32)


def _meeting(above: Integers, below: Integers, corners: bool) -> Integers:
    """Pairs (2, n) of labels that touch across a seam."""
    pairs = [(above, below)]
    if corners:
        pairs += [(above[1:], below[:-1]), (above[:-1], below[1:])]
    one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    both = (one > 0) & (other > 0)
    return np.unique(np.stack([one[both], other[both]]), axis=1)


def _running_off(bodies: Bodies, field: Field) -> Mask:
    """Whether each body, (bodies + 1,), touches the edge of the image or missing pixels; clouds do not count."""
    off = np.zeros(len(bodies.size), bool)
    last = len(field.state)
    for rows, label in bodies.labels():
        wide, own = field.around(rows, 1)
        beside = spread(field.state[wide] == MISSING, 1)[own]
        beside[:, [0, -1]] = True
        beside[0] |= rows.start == 0
        beside[-1] |= rows.stop == last
        off[label[beside]] = True
    return off


def _marked(bodies: Bodies, width: int, transform: Affine, marks: NDArray[np.object_]) -> Mask:
    """Whether a mark touches each body, (bodies + 1,)."""
    a, b, c, d, e, f = (~transform)[:6]
    grown = shapely.transform(marks, lambda xy: np.column_stack([xy @ (a, b) + c, xy @ (d, e) + f]))
    # Marks are buffered by half a pixel's diagonal, so that a point touches the centre of its pixel.
    outline = shapely.union_all(shapely.buffer(grown, 0.71))
    if outline.is_empty:
        return np.zeros(len(bodies.size), bool)
    shapely.prepare(outline)
    left, upper, right, lower = outline.bounds
    columns = slice(int(np.clip(left, 0, width)), int(np.clip(right + 1, 0, width)))
    found = np.zeros(len(bodies.size), bool)
    for rows, label in bodies.labels():
        if rows.start < lower and rows.stop > upper:
            part = label[:, columns]
            row, column = np.nonzero((part > 0) & ~found[part])
            inside = shapely.contains_xy(outline, column + columns.start + 0.5, row + rows.start + 0.5)
            found[part[row[inside], column[inside]]] = True
    return found


def marks_of(table: gpd.GeoDataFrame, crs: object) -> NDArray[np.object_]:
    """Geometries of a sea mask, transformed to a CRS."""
    geometry = table.geometry.to_crs(crs)
    return np.asarray(geometry[geometry.notna()].to_numpy(), object)
