"""Connect lines that meet at their ends to chains.

Lines meet where their end points are equal, as at the connected nodes of S-57. Longitudes may differ by multiples of
360, so that a coast continues across the antimeridian. Lines that only cross do not meet. Rules at a meeting point:

1. If exactly two ends of one category meet, these two lines are connected.
2. If exactly two of the other ends are left, they are connected, and the category changes there.
3. All other lines end: a junction has no unique continuation.
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
    """Lines sorted by chain and along it; each array but ``ring`` has one entry per line, in that order."""

    line: Integers
    """(lines,), position of the line in the input."""
    backward: NDArray[np.bool_]
    """(lines,), whether the chain runs against the line's direction; False for the first input line of a chain."""
    chain: Integers
    """(lines,), number of the chain from 0, ascending; chains are in the order of their first input line."""
    ring: NDArray[np.bool_]
    """(chains,), whether the chain is a closed ring."""


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
    """For each end the end it is connected to, (2 × lines,), or -1, by the rules of this module.

    Args:
        node: (2 × lines,), from :func:`end_nodes`.
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

    A chain runs in the direction of its first input line. A ring starts with that line or, if it has several
    categories, with the first line from there on whose category differs from that of the line before it.

    Args:
        link: (2 × lines,), from :func:`link_ends`.
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
    """Sort items into chains by their successors; an item without neighbours is a chain of its own.

    Args:
        after: Position of the item that follows each, or -1.
        before: Position of the item before each, or -1.
        ends_per_line: With 2, items ``2 * line`` and ``2 * line + 1`` are the two directions of a line, of which only
            one is visited.

    Returns:
        Items in the order of chains and along each; number of items of each chain; whether each chain is a ring.
        Chains are in the order of their smallest item, and a ring starts with it.

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
        # Go back to where the chain begins; on a ring this returns to the line itself.
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
    """Connected set of each line, (lines,), numbered by the smallest owner in the set.

    Args:
        node: (2 × lines,), from :func:`end_nodes`; lines that share a node are connected, also at junctions.
        owner: (lines,), number of the feature a line is part of; parts of one feature are connected.

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
