"""Lines that meet at their ends, followed as chains.

Lines meet where their end points are equal, as S-57's connected nodes are (in degrees, equal but for whole turns of
longitude, so that a coast goes on across the antimeridian); crossing is not meeting. The rule at a meeting point:

1. of each category that has exactly two ends there, the two are one line that goes on;
2. of the ends left over, if they are exactly two, one line goes on there and changes its category;
3. any others end: at a junction there is no one way on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Chains:
    """Lines put in order, chain after chain; each array has one entry per line, in that order."""

    line: Integers
    """Position of the line in what was given."""
    backward: NDArray[np.bool_]
    """Whether the chain runs against the line's own direction; never for the first given line of a chain."""
    chain: Integers
    """Number of the chain from 0, ascending; chains come in the order of their first given line."""
    ring: NDArray[np.bool_]
    """Whether the chain closes on itself."""


def end_nodes(lines: NDArray[np.object_], *, degrees: bool) -> Integers:
    """Number of the meeting point at each end, (2 × lines,): start and end of the first line, of the second, …

    >>> end_nodes(shapely.from_wkt(["LINESTRING (0 0, 1 0)", "LINESTRING (2 0, 1 0)"]), degrees=False).tolist()
    [0, 1, 2, 1]
    """
    ends = np.column_stack([shapely.get_point(lines, 0), shapely.get_point(lines, -1)]).ravel()
    x, y = shapely.get_coordinates(ends).T
    if degrees:
        # A pole is one point, whatever its longitude.
        x = np.where(np.abs(y) == 90, 0.0, x % 360)
    return np.unique(x + 1j * y, return_inverse=True)[1]


def link_ends(node: Integers, value: Integers) -> Integers:
    """Where the line goes on from each end: another end, or -1; the rule is that of this module.

    Args:
        node: (2 × lines,), what :func:`end_nodes` gave.
        value: (lines,), the category of each line, numbered from 0.

    >>> link_ends(np.array([0, 1, 1, 2, 2, 3]), np.array([0, 0, 1])).tolist()
    [-1, 2, 1, 4, 3, -1]
    """
    link = np.full(len(node), -1)
    of_category = node * (value.max(initial=0) + 1) + np.repeat(value, 2)
    for place in (of_category, node):
        free = np.flatnonzero(link < 0)
        _, group, count = np.unique(place[free], return_inverse=True, return_counts=True)
        order = np.argsort(group, kind="stable")
        one, other = free[order][count[group[order]] == 2].reshape(-1, 2).T
        link[one], link[other] = other, one
    return link


def follow(link: Integers, value: Integers) -> Chains:
    """Follow the links from line to line.

    A chain runs in the direction of its first given line. A ring starts with that line, or, where it has several
    categories, with the first line after it that begins one.

    Args:
        link: (2 × lines,), what :func:`link_ends` gave.
        value: (lines,), the category of each line.

    >>> chains = follow(link_ends(np.array([0, 1, 2, 1]), np.array([0, 0])), np.array([0, 0]))
    >>> chains.line.tolist(), chains.backward.tolist(), chains.ring.tolist()
    ([0, 1], [False, True], [False])
    """
    category = value.tolist()
    # A line is entered at one of its ends and left at the other, ``end ^ 1``.
    ends = np.arange(len(link))
    back = np.where(link >= 0, link ^ 1, -1)
    entered, lengths, rings = follow_successors(link[ends ^ 1].tolist(), back.tolist(), ends_per_line=2)
    entries: list[int] = []
    for ring, stop, count in zip(rings, np.cumsum(lengths).tolist(), lengths, strict=True):
        chain = entered[stop - count : stop]
        begins = [at for at in range(count) if category[chain[at] >> 1] != category[chain[at - 1] >> 1]] if ring else []
        first = begins[0] if begins else 0
        entries += chain[first:] + chain[:first]
    entry_of = np.array(entries, np.int64)
    return Chains(
        entry_of >> 1, (entry_of & 1).astype(bool), np.repeat(np.arange(len(lengths)), lengths), np.array(rings, bool)
    )


def follow_successors(
    after: list[int], before: list[int], *, ends_per_line: int = 1
) -> tuple[list[int], list[int], list[bool]]:
    """Follow items from one to the next; each is in one chain, if need be alone.

    Args:
        after: Position of the item that follows each, or -1.
        before: Position of the item that each follows, or -1.
        ends_per_line: With 2, items ``2 * line`` and ``2 * line + 1`` are a line in its two directions, and it is
            visited in one of them.

    Returns:
        Items chain after chain and along each; of each chain the number of items, and whether it is a ring. Chains come
        in the order of their first item, and a ring starts with it.

    >>> follow_successors([2, -1, 1, 3], [-1, 2, 0, 3])
    ([0, 2, 1, 3], [3, 1], [False, True])
    """
    seen = bytearray(len(after) // ends_per_line)
    order: list[int] = []
    lengths: list[int] = []
    rings: list[bool] = []
    for line in range(len(seen)):
        if seen[line]:
            continue
        # Back to where the chain begins; a ring comes round to the line itself.
        item = start = line * ends_per_line
        while before[start] >= 0 and before[start] // ends_per_line != line:
            start = before[start]
        ring = before[start] >= 0
        at, begin = item if ring else start, len(order)
        while at >= 0 and not seen[at // ends_per_line]:
            seen[at // ends_per_line] = True
            order.append(at)
            at = after[at]
        lengths.append(len(order) - begin)
        rings.append(ring)
    return order, lengths, rings


def connected_sets(node: Integers, owner: Integers) -> Integers:
    """Set that each line belongs to, (lines,), as the smallest owner in it.

    Args:
        node: (2 × lines,), what :func:`end_nodes` gave; lines that share a node are connected, junctions included.
        owner: (lines,), the feature a line is part of; parts of one feature are connected.

    >>> connected_sets(np.array([0, 1, 1, 2, 7, 8, 9, 10]), np.array([0, 1, 2, 2])).tolist()
    [0, 0, 2, 2]
    """
    lines = len(owner)
    if not lines:
        return np.empty(0, np.int64)
    joint = np.concatenate([node[0::2], node[1::2], owner + node.max() + 1]) + lines
    line = np.tile(np.arange(lines), 3)
    size = int(joint.max()) + 1
    graph = coo_array((np.ones(len(line), np.int8), (line, joint)), shape=(size, size))
    label = connected_components(graph, directed=False)[1][:lines]
    return np.asarray(pd.Series(owner).groupby(label).transform("min"), np.int64)
