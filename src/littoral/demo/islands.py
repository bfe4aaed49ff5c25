"""Generate fractal islands, and a shoreline of stretches with one category each, roughened by category."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from littoral.demo.noise import COARSE, fine, noise, row_bands, signed_distance, tiled, without_specks
from littoral.demo.textures import STYLES, Field, Numbers

Line = NDArray[np.float64]  # (points, 2): row, column in pixels

PIXEL = 10.0  # side of a pixel, metres
SHORTEST_RUN = 600.0  # metres; shorter pieces of a category are merged into their longer neighbour
UNKNOWN_LENGTH, UNKNOWN_SHARE = 700.0, 0.3  # metres without category at the end of a piece, and share of such pieces


def make_islands(rng: np.random.Generator, n: int) -> Field:
    """Signed distance from the shore in metres, coarse (n, n), positive inland, of elongated fractal islands.

    Four sets of islands are drawn; the one with the longest shore is taken.
    """

    def draw() -> Field:
        level = noise(rng, n, 6, min(300, n), 2.05, squeeze=1.3)
        return without_specks(level - np.quantile(level, 0.52), min(1200, n * n // 50))

    def steps(level: Field) -> int:
        return sum(int(np.count_nonzero(np.diff(level > 0, axis=axis))) for axis in (0, 1))

    longest = max((draw() for _ in range(4)), key=steps)
    return ndimage.gaussian_filter(signed_distance(longest, PIXEL * COARSE), 1.0)


def zero_lines(level: Field) -> list[Line]:
    """Contours of level 0, (points, 2) row and column in cells, interpolated between cell centres."""
    return list(find_contours(level, 0.0))  # type: ignore[no-untyped-call]


def _arc(line: Line) -> Line:
    """Distance in metres along a line (points, 2) of rows and columns in pixels, from its start to each point."""
    steps = np.hypot(*np.diff(line, axis=0).T) * PIXEL
    return np.concatenate(([0.0], np.cumsum(steps)))


def _allot(rng: np.random.Generator, lines: list[Line], n: int) -> tuple[list[Numbers], list[int]]:
    """Cut shorelines (in pixels) into stretches of 4 to 10 km and choose a category for each.

    A stretch gets the category that is rarest so far in the scene and in its quarter of the scene, other than that of
    the stretch before it; differences in climate between neighbours are penalised.

    Returns:
        Number of the stretch of each point, for each line; and the CATCOA code of each stretch.
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
            own = numbers[index] == number
            km = float(arc[own][-1] - arc[own][0]) / 1000
            row, column = line[own].mean(axis=0) > n / 2
            cost = total + 1.5 * quarter[2 * int(row) + int(column)] + rng.uniform(0, 6, len(codes))
            if before >= 0:
                cost = cost + [3.0 * abs(STYLES[code].climate - STYLES[codes[before]].climate) for code in codes]
                cost[before] = np.inf
            before = int(np.argmin(cost))
            km *= 1 + sum(metres for _, metres in STYLES[codes[before]].frayed) / 250  # about what roughening adds
            total[before] += km
            quarter[2 * int(row) + int(column), before] += km
            chosen.append(codes[before])
    return numbers, chosen


def _nearest_stretch(lines: list[Line], numbers: list[Numbers], n: int) -> Numbers:
    """Number of the nearest stretch for each cell, coarse (n, n); lines in pixels."""
    grid = np.full((n, n), -1, np.int64)
    cells = np.clip(np.concatenate(lines) / COARSE, 0, n - 1).astype(np.int64)
    grid[cells[:, 0], cells[:, 1]] = np.concatenate(numbers)
    rows, columns = ndimage.distance_transform_edt(grid < 0, return_distances=False, return_indices=True)
    return np.asarray(grid[rows, columns])


def weigh(nearest: Numbers, chosen: list[int]) -> dict[int, Field]:
    """Weight of each category in each cell, coarse (n, n), with transitions of 200 to 300 m."""
    codes = np.asarray(chosen)[nearest]
    return {code: ndimage.gaussian_filter((codes == code).astype(np.float32), 2.2) for code in STYLES}


def _shoreline(islands: Field, weights: dict[int, Field], textures: dict[str, Field]) -> Field:
    """Distance in metres from the shore at mean water, (n, n), positive inland, roughened by category."""
    n = islands.shape[0] * COARSE
    level = np.empty((n, n), np.float32)
    for rows in row_bands(n):
        band = fine(islands, rows)
        for salt, (code, style) in enumerate(STYLES.items()):
            share = fine(weights[code], rows)
            for texture, metres in style.frayed:
                band += share * metres * tiled(textures[texture], rows, n, salt)
        level[rows] = band
    # A round islet of 220 pixels has a shore of 525 m.
    return without_specks(ndimage.gaussian_filter(level, 0.8), 220)


def _runs(ids: Numbers, arc: Line) -> list[tuple[int, int, int]]:
    """Pieces (first point, last point, stretch) of a line, at least SHORTEST_RUN long unless the line is shorter."""
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
    """Zero contours of the level, (points, 2) row and column in pixels, cut where the nearest stretch changes."""
    found: list[tuple[Line, int]] = []
    for line in zero_lines(level):
        cell = np.clip(line / COARSE, 0, len(nearest) - 1).astype(np.int64)
        ids = nearest[cell[:, 0], cell[:, 1]]
        changes = np.flatnonzero(np.diff(ids))
        if np.array_equal(line[0], line[-1]) and changes.size:  # let the ring begin at a change of stretch
            turn = -int(changes[0]) - 1
            line, ids = np.roll(line[:-1], turn, axis=0), np.roll(ids[:-1], turn)
            line, ids = np.concatenate((line, line[:1])), np.concatenate((ids, ids[-1:]))
        found += [(line[first : last + 1], stretch) for first, last, stretch in _runs(ids, _arc(line))]
    return found


def _wavering(nearest: Numbers, islands: Field, textures: dict[str, Field]) -> Numbers:
    """The coarse map (n, n) with its boundaries distorted by noise, more so farther from the shore."""
    n = len(nearest)
    reach = 0.4 * np.minimum(np.abs(islands), 1500) / (PIXEL * COARSE)
    south, east = (reach * tiled(textures["mid"], slice(0, n), n, salt) for salt in (1, 2))
    rows, columns = np.mgrid[0:n, 0:n]
    bent = (np.clip(np.rint(at), 0, n - 1).astype(np.int64) for at in (rows + south, columns + east))
    return np.asarray(nearest[tuple(bent)])


def shape_shore(
    rng: np.random.Generator, islands: Field, textures: dict[str, Field]
) -> tuple[Field, list[tuple[Line, int]], Numbers, list[int]]:
    """Generate the shoreline: distance from it in metres (n, n), its pieces with their stretch, the coarse map of
    nearest stretches, and the code of each stretch."""
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
    """The pieces with their codes; the end of some becomes a piece with None, not categorised in the chart."""
    charted: list[tuple[Line, int | None]] = []
    for line, stretch in pieces:
        arc = _arc(line)
        cut = int(np.searchsorted(arc, arc[-1] - UNKNOWN_LENGTH))
        if arc[-1] > 5 * UNKNOWN_LENGTH and rng.random() < UNKNOWN_SHARE:
            charted += [(line[: cut + 1], chosen[stretch]), (line[cut:], None)]
        else:
            charted.append((line, chosen[stretch]))
    return charted
