"""Place chords of fixed length along many lines at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from littoral.rectangles.options import Tail

Points = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_LOOKED_AT = 2**20
"""Most vertices whose distance is computed at once, which bounds the memory of a step (32 MB)."""


@dataclass(frozen=True)
class Lines:
    """Vertices of lines in metres, line after line; each line has at least two."""

    points: Points
    """(points, dimensions), metres, in the direction of the walk."""
    first: Integers
    """(lines + 1,), position in ``points`` where each line begins; the last entry is the number of points."""

    @property
    def arc(self) -> Points:
        """(points,), metres along the lines, continuing from line to line; never decreases."""
        step = np.linalg.norm(np.diff(self.points, axis=0, prepend=self.points[:1]), axis=1)
        step[self.first[:-1]] = 0.0
        return np.asarray(np.cumsum(step))


@dataclass(frozen=True)
class Walk:
    """Chords of fixed length along lines; one entry per rectangle, in the order of the lines and along them."""

    line: Integers
    """(rectangles,), position of the line."""
    start: Points
    """(rectangles, dimensions), metres."""
    end: Points
    """(rectangles, dimensions), metres; ``length_m`` from ``start``."""
    line_m: Points
    """(rectangles,), length of line from this start to the next one, or to the end of the covered line."""


@dataclass(frozen=True)
class _Position:
    """One point on each of several lines."""

    point: Points
    """(lines, dimensions)."""
    arc: Points
    """(lines,), metres, as in ``Lines.arc``."""
    vertex: Integers
    """(lines,), the first vertex after the point."""

    def of(self, which: Flags) -> _Position:
        return _Position(self.point[which], self.arc[which], self.vertex[which])


def walk_lines(
    lines: Lines, length_m: float, spacing_m: float | None = None, *, tail: Tail = "full", min_tail: float = 0.05
) -> Walk:
    """Place chords of fixed length along lines; :mod:`littoral.rectangles` shows the rules.

    Args:
        lines: The lines.
        length_m: Length of the chord, metres.
        spacing_m: Straight-line distance from one start to the next, metres; None: ``length_m``.
        tail: Treatment of the rest of a line that is shorter than a chord.
        min_tail: Shortest rest that gets a rectangle, as a fraction of ``length_m``.

    >>> bend = Lines(np.array([[0.0, 0.0], [0.0, 900.0], [1200.0, 900.0]]), np.array([0, 3]))
    >>> walk_lines(bend, 1000.0).line_m.round().tolist()
    [1336.0, 764.0]
    """
    arc = lines.arc
    begin, stop = lines.first[:-1], lines.first[1:]
    total = arc[stop - 1]
    covered = arc[begin].copy()
    walked = np.zeros(len(begin), bool)
    where: list[Integers] = [np.empty(0, np.int64)]
    starts = [lines.points[:0]]
    ends = [lines.points[:0]]
    at = [arc[:0]]
    rest_line = [np.empty(0, np.int64)]
    rest: list[_Position] = []

    line, here = np.arange(len(begin)), _Position(lines.points[begin], arc[begin], begin + 1)
    while len(line):
        end, fits = _further(lines.points, arc, stop[line], here, length_m)
        rest_line.append(line[~fits])
        rest.append(here.of(~fits))
        line, here, end = line[fits], here.of(fits), end.of(fits)
        where.append(line)
        starts.append(here.point)
        ends.append(end.point)
        at.append(here.arc)
        covered[line], walked[line] = end.arc, True
        if spacing_m is None or spacing_m == length_m:
            here = end
        else:
            here, fits = _further(lines.points, arc, stop[line], here, spacing_m)
            line, here = line[fits], here.of(fits)

    left = np.concatenate(rest_line)
    here = _Position(*(np.concatenate([getattr(part, name) for part in rest]) for name in ("point", "arc", "vertex")))
    done = total.copy()
    if tail == "drop":
        done = covered
    else:
        wanted = walked[left] & (total[left] - np.maximum(here.arc, covered[left]) > min_tail * length_m)
        chord = _last_chords if tail == "shift_back" else _chords_to_end
        for which, (start, end_point) in (
            (wanted, chord(lines, left[wanted], here.of(wanted), length_m)),
            (~walked[left], _centred_chords(lines, left[~walked[left]], length_m)),
        ):
            where.append(left[which])
            starts.append(start)
            ends.append(end_point)
            at.append(here.arc[which])

    line, arc_m = np.concatenate(where), np.concatenate(at)
    order = np.lexsort([arc_m, line])
    line, arc_m = line[order], arc_m[order]
    following = np.append(arc_m[1:], 0.0)
    last = np.diff(line, append=-1) != 0
    following[last] = done[line[last]]
    return Walk(line, np.concatenate(starts)[order], np.concatenate(ends)[order], following - arc_m)


def _further(points: Points, arc: Points, stop: Integers, here: _Position, radius: float) -> tuple[_Position, Flags]:
    """First point ahead on each line at the distance ``radius``, and whether there is one (else it is arbitrary)."""
    # Vertices nearer than the radius along the line are nearer in a straight line too, and are skipped.
    position = np.maximum(here.vertex, np.searchsorted(arc, here.arc + radius * (1 - 1e-9)))
    hit = np.full(len(stop), -1)
    look, width = np.flatnonzero(position < stop), 4
    while len(look):
        index = position[look, None] + np.arange(width)
        away = points[np.minimum(index, stop[look, None] - 1)] - here.point[look, None]
        far = (np.einsum("ijk,ijk->ij", away, away) >= radius**2) & (index < stop[look, None])
        found = far.any(axis=1)
        hit[look[found]] = position[look[found]] + far[found].argmax(axis=1)
        position[look] += width
        look = look[~found]
        look = look[position[look] < stop[look]]
        width = min(2 * width, max(4, _LOOKED_AT // max(len(look), 1)))
    fits = hit >= 0
    hit = np.where(fits, hit, here.vertex)
    before = np.where((hit == here.vertex)[:, None], here.point, points[hit - 1])
    step, offset = points[hit] - before, before - here.point
    a, b, c = _dot(step, step), _dot(step, offset), _dot(offset, offset) - radius**2
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.minimum((-b + np.sqrt(np.maximum(b * b - a * c, 0.0))) / a, 1.0)
    point = before + fraction[:, None] * step
    # The arc is computed from the next vertex, so that rounding errors do not add up along the line.
    return _Position(point, arc[hit] - np.linalg.norm(points[hit] - point, axis=1), hit), fits


def _chords_to_end(lines: Lines, line: Integers, here: _Position, length_m: float) -> tuple[Points, Points]:
    """Chords from where the walk ended, in the direction of the end of the line."""
    toward = _toward(lines.points, here.point, here.vertex, lines.first[line + 1])
    return here.point, here.point + toward * length_m


def _last_chords(lines: Lines, line: Integers, here: _Position, length_m: float) -> tuple[Points, Points]:
    """Chords that end at the end of the line; found by walking back from it."""
    back = Lines(lines.points[::-1], len(lines.points) - lines.first[::-1])
    own = len(lines.first) - 2 - line
    begin = back.first[own]
    arc = back.arc
    end = _Position(back.points[begin], arc[begin], begin + 1)
    return _further(back.points, arc, back.first[own + 1], end, length_m)[0].point, end.point


def _centred_chords(lines: Lines, line: Integers, length_m: float) -> tuple[Points, Points]:
    """Chords of lines that are too short: in the middle of the line's extent, along the line's main direction."""
    begin, stop = lines.first[line], lines.first[line + 1]
    if not len(line):
        return lines.points[:0], lines.points[:0]
    axis = _toward(lines.points, lines.points[begin], begin + 1, stop)
    index, owner, starts = spans(begin, stop)
    points = lines.points[index]
    middle = (np.minimum.reduceat(points, starts) + np.maximum.reduceat(points, starts)) / 2
    along = _dot(points - middle[owner], axis[owner])
    shift = (np.minimum.reduceat(along, starts) + np.maximum.reduceat(along, starts)) / 2
    centre = middle + axis * shift[:, None]
    return centre - axis * length_m / 2, centre + axis * length_m / 2


def _toward(points: Points, here: Points, vertex: Integers, stop: Integers) -> Points:
    """Unit vectors from ``here`` to the end of each line; to its farthest vertex if the end is close to ``here``."""
    if not len(here):
        return here
    index, owner, starts = spans(vertex, stop)
    away = points[index] - here[owner]
    distance = np.linalg.norm(away, axis=1)
    farthest = np.maximum.reduceat(distance, starts)
    final = np.append(starts[1:], len(index)) - 1
    is_farthest = np.flatnonzero(distance == farthest[owner])
    first_farthest = is_farthest[np.diff(owner[is_farthest], prepend=-1) > 0]
    best = np.where(distance[final] > 0.1 * farthest, final, first_farthest)
    return np.asarray(away[best] / distance[best, None])


def spans(begin: Integers, stop: Integers) -> tuple[Integers, Integers, Integers]:
    """Concatenated indices of several ranges, the range each index belongs to, and where each range starts.

    >>> [part.tolist() for part in spans(np.array([5, 0]), np.array([7, 3]))]
    [[5, 6, 0, 1, 2], [0, 0, 1, 1, 1], [0, 2]]
    """
    count = stop - begin
    starts = np.cumsum(count) - count
    owner = np.repeat(np.arange(len(count)), count)
    return np.arange(count.sum()) - starts[owner] + begin[owner], owner, starts


def _dot(one: Points, other: Points) -> Points:
    return np.asarray(np.einsum("ij,ij->i", one, other))
