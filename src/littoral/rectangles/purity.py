"""Length of line of each category inside each rectangle."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from littoral.rectangles.frames import Frames
from littoral.rectangles.walk import Integers, Lines, Points, spans

_RUN = 16
"""Most segments in a run; runs are the entries of the spatial index."""
_BOXES = 4096
"""Rectangles per batch; 100 MB if there are some hundred segments near each."""


def length_inside(
    frames: Frames, length_m: float, width_m: float, lines: Lines, value: Integers, values: int
) -> Points:
    """Metres of line of each value inside each rectangle, counting all lines.

    Segments are clipped to the rectangle in its own axes (Liang and Barsky, 1984).

    Args:
        frames: The rectangles.
        length_m: Their size along the line, metres.
        width_m: Their size across the line, metres.
        lines: Lines in the same coordinates as ``frames``.
        value: (lines,), number of the value of each, from 0.
        values: Number of values.

    Returns:
        (rectangles, values), metres.
    """
    lines = _densified(lines, max(length_m, width_m))
    points, line = lines.points, np.repeat(np.arange(len(value)), np.diff(lines.first))
    first, stop = _runs(lines, line, max(length_m, width_m))
    low = np.minimum(np.minimum.reduceat(points[:-1], first), np.minimum.reduceat(points[1:], first))
    high = np.maximum(np.maximum.reduceat(points[:-1], first), np.maximum.reduceat(points[1:], first))
    real = line[first] == line[first + 1]
    first, stop, low, high = first[real], stop[real], low[real], high[real]
    reach = np.hypot(length_m, width_m) / 2 + np.linalg.norm(high - low, axis=1).max() / 2
    runs = cKDTree((low + high) / 2)

    inside = np.zeros((len(frames.centre), values))
    for chunk in range(0, len(inside), _BOXES):
        rows = slice(chunk, chunk + _BOXES)
        near = runs.query_ball_point(frames.centre[rows], reach, workers=-1, return_sorted=True)
        box = np.repeat(np.arange(len(near)), [len(found) for found in near])
        run = np.concatenate([np.asarray(found, np.int64) for found in near])
        segment, owner, _ = spans(first[run], stop[run])
        box = box[owner] + chunk
        offset, step = points[segment] - frames.centre[box], points[segment + 1] - points[segment]
        enter, leave = np.zeros(len(box)), np.ones(len(box))
        for axis, half in ((frames.along, length_m / 2), (frames.across, width_m / 2)):
            _clip(np.einsum("ij,ij->i", offset, axis[box]), np.einsum("ij,ij->i", step, axis[box]), half, enter, leave)
        metres = np.maximum(leave - enter, 0.0) * np.linalg.norm(step, axis=1)
        cell = (box - chunk) * values + value[line[segment]]
        inside[rows] = np.bincount(cell, weights=metres, minlength=len(near) * values).reshape(-1, values)
    return inside


def _clip(offset: Points, step: Points, half: float, enter: Points, leave: Points) -> None:
    """Narrow [enter, leave], fractions of each segment, in place to where ``|offset + fraction × step| <= half``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (-half - offset) / step, (half - offset) / step
    level = step == 0
    outside = np.abs(offset) > half
    np.maximum(enter, np.where(level, np.where(outside, np.inf, -np.inf), np.minimum(one, other)), out=enter)
    np.minimum(leave, np.where(level, np.where(outside, -np.inf, np.inf), np.maximum(one, other)), out=leave)


def _runs(lines: Lines, line: Integers, longest_m: float) -> tuple[Integers, Integers]:
    """Group consecutive segments into runs of at most 16: first vertex of each run, and where it stops.

    The gap between the end of a line and the start of the next is a run of its own.
    """
    segment = np.arange(len(line) - 1)
    changes = np.zeros(len(segment), bool)
    changes[0] = True
    for key in (line[:-1], line[1:], segment // _RUN, lines.arc[:-1] // longest_m):
        changes[1:] |= key[1:] != key[:-1]
    first = segment[changes]
    return first, np.append(first[1:], len(segment))


def _densified(lines: Lines, longest_m: float) -> Lines:
    """The same lines with segments of at most ``longest_m``: longer ones are cut into equal parts."""
    step = np.diff(lines.points, axis=0)
    parts = np.maximum(np.ceil(np.linalg.norm(step, axis=1) / longest_m), 1).astype(np.int64)
    parts[lines.first[1:-1] - 1] = 1
    if (parts == 1).all():
        return lines
    part, owner, starts = spans(np.zeros(len(parts), np.int64), parts)
    points = lines.points[owner] + (part / parts[owner])[:, None] * step[owner]
    first = np.append(starts, len(part))[lines.first[:-1]]
    return Lines(np.concatenate([points, lines.points[-1:]]), np.append(first, len(points) + 1))
