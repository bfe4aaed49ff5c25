"""Fractal islands, their shore cut into stretches of a category each, and frayed in the category's own way."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from littoral.demo.noise import COARSE, fine, noise, row_bands, signed_distance, tiled, without_specks
from littoral.demo.textures import STYLES, Field, Numbers

Line = NDArray[np.float64]  # (points, 2) row, column in pixels

PIXEL = 10.0  # metres
SHORTEST_RUN = 600.0  # metres; shorter pieces of a category join their longer neighbour
UNKNOWN_LENGTH, UNKNOWN_SHARE = 700.0, 0.3  # metres without category at the end of this share of the stretches


def make_islands(rng: np.random.Generator, n: int) -> Field:
    """Coarse (n, n) signed distance, metres, of elongated fractal islands that run off the edges in places.

    Of four worlds, the one with the longest shore.
    """

    def draw() -> Field:
        level = noise(rng, n, 6, min(300, n), 2.05, squeeze=1.3)
        return without_specks(level - np.quantile(level, 0.52), min(1200, n * n // 50))

    def steps(level: Field) -> int:
        return sum(int(np.count_nonzero(np.diff(level > 0, axis=axis))) for axis in (0, 1))

    longest = max((draw() for _ in range(4)), key=steps)
    return ndimage.gaussian_filter(signed_distance(longest, PIXEL * COARSE), 1.0)


def zero_lines(level: Field) -> list[Line]:
    """Where the (r, n) level is 0, to a fraction of a cell; unit: cells."""
    return list(find_contours(level, 0.0))  # type: ignore[no-untyped-call]


def _arc(line: Line) -> Line:
    """Metres along the (points, 2) row/column line from its start to each point; pixels as unit of the line."""
    steps = np.hypot(*np.diff(line, axis=0).T) * PIXEL
    return np.concatenate(([0.0], np.cumsum(steps)))


def _allot(rng: np.random.Generator, lines: list[Line], n: int) -> tuple[list[Numbers], list[int]]:
    """Cut the shorelines (pixels) into stretches of 4 to 10 km: stretch number of each point, code of each stretch.

    A stretch gets the category that is scarcest so far, in the scene and in its quarter of it, among those that
    may lie beside its predecessor without a jump in climate.
    """
    codes = list(STYLES)
    total, quarter = np.zeros(len(codes)), np.zeros((4, len(codes)))
    numbers: list[Numbers] = [np.zeros(len(line), np.int64) for line in lines]
    chosen: list[int] = []
    for index in sorted(range(len(lines)), key=lambda i: -len(lines[i])):
        line, arc = lines[index], _arc(lines[index])
        parts = max(1, round(arc[-1] / 6500))
        cuts = arc[-1] * (np.arange(1, parts) + rng.uniform(-0.18, 0.18, parts - 1)) / parts
        numbers[index] = len(chosen) + np.searchsorted(cuts, arc)
        before = -1
        for number in range(len(chosen), len(chosen) + parts):
            mine = numbers[index] == number
            km = float(arc[mine][-1] - arc[mine][0]) / 1000
            row, column = line[mine].mean(axis=0) > n / 2
            cost = total + 1.5 * quarter[2 * int(row) + int(column)] + rng.uniform(0, 6, len(codes))
            if before >= 0:
                cost = cost + [3.0 * abs(STYLES[code].climate - STYLES[codes[before]].climate) for code in codes]
                cost[before] = np.inf
            before = int(np.argmin(cost))
            km *= 1 + sum(metres for _, metres in STYLES[codes[before]].frayed) / 250  # about what fraying adds
            total[before] += km
            quarter[2 * int(row) + int(column), before] += km
            chosen.append(codes[before])
    return numbers, chosen


def _nearest_stretch(lines: list[Line], numbers: list[Numbers], n: int) -> Numbers:
    """Coarse (n, n) number of the stretch nearest to each cell; lines in pixels."""
    grid = np.full((n, n), -1, np.int64)
    cells = np.clip(np.concatenate(lines) / COARSE, 0, n - 1).astype(np.int64)
    grid[cells[:, 0], cells[:, 1]] = np.concatenate(numbers)
    rows, columns = ndimage.distance_transform_edt(grid < 0, return_distances=False, return_indices=True)
    return np.asarray(grid[rows, columns])


def weigh(nearest: Numbers, chosen: list[int]) -> dict[int, Field]:
    """Coarse share of each category in each cell, passing from one to the next over 200 to 300 m."""
    codes = np.asarray(chosen)[nearest]
    return {code: ndimage.gaussian_filter((codes == code).astype(np.float32), 2.2) for code in STYLES}


def _shoreline(islands: Field, weights: dict[int, Field], textures: dict[str, Field]) -> Field:
    """The (n, n) mean-water level: the islands' distance, metres, frayed as each category does it."""
    n = islands.shape[0] * COARSE
    level = np.empty((n, n), np.float32)
    for rows in row_bands(n):
        band = fine(islands, rows)
        for salt, (code, style) in enumerate(STYLES.items()):
            share = fine(weights[code], rows)
            for texture, metres in style.frayed:
                band += share * metres * tiled(textures[texture], rows, n, salt)
        level[rows] = band
    return without_specks(ndimage.gaussian_filter(level, 0.8), 220)  # a round islet of so many pixels is 525 m about


def _runs(ids: Numbers, arc: Line) -> list[tuple[int, int, int]]:
    """Pieces (first point, last point, stretch) of a line, each at least SHORTEST_RUN long where the line is."""
    cuts = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist()]
    kept = [int(ids[cut]) for cut in cuts]
    while len(cuts) > 1:
        lengths = np.diff(arc[[*cuts, len(arc) - 1]])
        k = int(np.argmin(lengths))
        if lengths[k] >= SHORTEST_RUN:
            break
        into = k - 1 if k == len(cuts) - 1 or (k > 0 and lengths[k - 1] > lengths[k + 1]) else k + 1
        kept[k] = kept[into]
        keep = [i for i in range(len(cuts)) if i == 0 or kept[i] != kept[i - 1]]
        cuts, kept = [cuts[i] for i in keep], [kept[i] for i in keep]
    return list(zip(cuts, [*cuts[1:], len(arc) - 1], kept, strict=True))


def _pieces(level: Field, nearest: Numbers) -> list[tuple[Line, int]]:
    """The zero line of the level, (points, 2) row/column in pixels, cut where the nearest stretch changes."""
    found: list[tuple[Line, int]] = []
    for line in zero_lines(level):
        cell = np.clip(line / COARSE, 0, len(nearest) - 1).astype(np.int64)
        ids = nearest[cell[:, 0], cell[:, 1]]
        changes = np.flatnonzero(np.diff(ids))
        if np.array_equal(line[0], line[-1]) and changes.size:  # a ring begins where a stretch does
            turn = -int(changes[0]) - 1
            line, ids = np.roll(line[:-1], turn, axis=0), np.roll(ids[:-1], turn)
            line, ids = np.concatenate((line, line[:1])), np.concatenate((ids, ids[-1:]))
        found += [(line[first : last + 1], stretch) for first, last, stretch in _runs(ids, _arc(line))]
    return found


def _wavering(nearest: Numbers, islands: Field, textures: dict[str, Field]) -> Numbers:
    """The coarse (n, n) map with its bounds bent by noise, the more the farther they are from the shore."""
    n = len(nearest)
    reach = 0.4 * np.minimum(np.abs(islands), 1500) / (PIXEL * COARSE)
    south, east = (reach * tiled(textures["mid"], slice(0, n), n, salt) for salt in (1, 2))
    rows, columns = np.mgrid[0:n, 0:n]
    bent = (np.clip(np.rint(at), 0, n - 1).astype(np.int64) for at in (rows + south, columns + east))
    return np.asarray(nearest[tuple(bent)])


def shape_shore(
    rng: np.random.Generator, islands: Field, textures: dict[str, Field]
) -> tuple[Field, list[tuple[Line, int]], Numbers, list[int]]:
    """The coast's level (n, n), its shoreline in pieces, the coarse map of nearest stretches, and their codes."""
    small = islands.shape[0]
    outline = [line * COARSE + (COARSE - 1) / 2 for line in zero_lines(islands)]
    numbers, chosen = _allot(rng, outline, small * COARSE)
    level = _shoreline(islands, weigh(_nearest_stretch(outline, numbers, small), chosen), textures)
    pieces = _pieces(level, _nearest_stretch(outline, numbers, small))
    ids = [np.full(len(line), stretch) for line, stretch in pieces]
    nearest = _nearest_stretch([line for line, _ in pieces], ids, small)
    return level, pieces, _wavering(nearest, islands, textures), chosen


def with_gaps(
    rng: np.random.Generator, pieces: list[tuple[Line, int]], chosen: list[int]
) -> list[tuple[Line, int | None]]:
    """The pieces with their codes, and None at the end of some: there the chart does not know."""
    charted: list[tuple[Line, int | None]] = []
    for line, stretch in pieces:
        arc = _arc(line)
        cut = int(np.searchsorted(arc, arc[-1] - UNKNOWN_LENGTH))
        if arc[-1] > 5 * UNKNOWN_LENGTH and rng.random() < UNKNOWN_SHARE:
            charted += [(line[: cut + 1], chosen[stretch]), (line[cut:], None)]
        else:
            charted.append((line, chosen[stretch]))
    return charted
