"""The demonstration's synthetic world: a charted training coast and an unseen one in another place.

Each coast is a Sentinel-2-like scene of 10 m pixels and a chart cell whose coastline carries S-57 categories.
The categories share their colours in pairs (1 with 2, 3 with 4, 6 with 10, 7 with 8), and haze, tide, sun and a
random tint of every stretch blur the rest; what tells them apart is the texture and the layout of the shore.

How a coast comes about: fractal islands (`_islands`) are cut into stretches (`_allot`), each category frays the
shoreline in its own way (`_shoreline`) and paints ground and water (one function each, listed in `STYLES`), and
`_expose` adds haze and noise. Distances are metres, positive inland; (r, n) images are rows from north to south,
columns from west to east; colours are (4, n) or (4, 1) reflectances of the bands B02, B03, B04, B08.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import fft, ndimage
from shapely import LineString
from skimage.measure import find_contours

from littoral.demo.cell import ChartLine, write_cell

Field = NDArray[np.floating[Any]]  # of 32 bits, all but the tables per stretch
Numbers = NDArray[np.int64]
Line = NDArray[np.float64]  # (points, 2) row, column in pixels

BANDS = ("B02", "B03", "B04", "B08")
PIXEL = 10.0  # metres
COARSE = 4  # pixels to a cell of the coarse grid, on which everything smooth is worked out
PERIOD = 1024  # pixels after which a texture repeats
BAND_ROWS = 256  # rows painted at a time
SHORTEST_RUN = 600.0  # metres; shorter pieces of a category join their longer neighbour
UNKNOWN_LENGTH, UNKNOWN_SHARE = 700.0, 0.3  # metres without category at the end of this share of the stretches


@dataclass(frozen=True)
class Coast:
    """One coast: `chart` is an S-57 cell (.000), `scene` a GeoTIFF of reflectance x 10000 in the bands `BANDS`."""

    name: str
    chart: Path
    scene: Path


@dataclass(frozen=True)
class World:
    """The coast to train on and the one the model has never seen."""

    training: Coast
    unseen: Coast


@dataclass(frozen=True)
class _Place:
    """Where and how a scene is taken."""

    name: str
    number: int  # of the random stream
    epsg: int
    west: float  # easting of the upper left corner, metres
    north: float  # northing of it, metres
    sun: float  # azimuth, degrees clockwise from north
    tide: float  # -1 low water to 1 high water
    haze: tuple[float, float]  # least and most opacity
    noise: float  # standard deviation, reflectance


TRAINING = _Place("training", 1, 32617, 480_000.0, 3_260_000.0, 142.0, -0.25, (0.02, 0.13), 0.0025)
UNSEEN = _Place("unseen", 2, 32633, 530_000.0, 4_870_000.0, 163.0, 0.2, (0.04, 0.15), 0.0035)

# Shortest and longest wavelength in pixels, and how fast the amplitude falls with frequency.
TEXTURES = {
    "grain": (2.0, 5.0, 0.0),
    "pebble": (4.0, 9.0, 0.0),
    "blob": (8.0, 22.0, 0.5),
    "mid": (16.0, 70.0, 1.0),
    "wide": (60.0, 400.0, 1.2),
    "creek": (10.0, 90.0, 1.9),
    "ridge": (4.0, 150.0, 2.3),
}


def _noise(
    rng: np.random.Generator, n: int, shortest: float, longest: float, slope: float, squeeze: float = 1.0
) -> Field:
    """Periodic (n, n) Gaussian noise, mean 0 and deviation 1, between two wavelengths; `squeeze` elongates it."""
    wave = fft.rfft2(rng.standard_normal((n, n), dtype=np.float32))
    v, u = fft.fftfreq(n)[:, None], fft.rfftfreq(n)[None, :]
    angle = rng.uniform(0, np.pi)
    along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    k = np.hypot(along * squeeze, across / squeeze)
    band = (k >= 1 / longest) & (k <= 1 / shortest)
    wave *= np.where(band, np.maximum(k, 1e-9) ** -slope, 0).astype(np.float32)
    field = fft.irfft2(wave, s=(n, n)).astype(np.float32)
    return np.asarray(field / field.std())


def _textures(rng: np.random.Generator, place: _Place) -> dict[str, Field]:
    """The scene's textures, each (PERIOD, PERIOD) and periodic; "shade" is sunlit relief, "flow" streaks."""
    found = {name: _noise(rng, PERIOD, *form) for name, form in TEXTURES.items()}
    ridge = found["ridge"]
    rills = np.abs(found["creek"]) * (0.4 + np.abs(ridge))
    height = ndimage.gaussian_filter(0.3 * ridge - np.abs(ridge) + 0.22 * rills, 0.7, mode="wrap")
    slope_south, slope_east = np.gradient(height)
    sun = np.deg2rad(place.sun)
    shade = slope_south * np.cos(sun) - slope_east * np.sin(sun)  # lit where the ground falls towards the sun
    found["shade"] = np.clip(shade / shade.std(), -2.5, 2.5).astype(np.float32)
    found["swell"] = _noise(rng, PERIOD, 5, 12, 0.5, squeeze=3.0)
    found["flow"] = _noise(rng, PERIOD, 50, 300, 1.5, squeeze=2.5)
    return found


def _fine(coarse: Field, rows: slice) -> Field:
    """Bilinear (rows, n) part of a coarse field at full resolution."""
    n = coarse.shape[0] * COARSE

    def weights(at: Numbers) -> tuple[Numbers, Numbers, Field]:
        x = np.clip((at + 0.5) / COARSE - 0.5, 0, n // COARSE - 1)
        low = np.floor(x).astype(np.int64)
        return low, np.minimum(low + 1, n // COARSE - 1), (x - low).astype(np.float32)

    low, high, t = weights(np.arange(rows.start, rows.stop))
    strip = coarse[low] + (coarse[high] - coarse[low]) * t[:, None]
    low, high, t = weights(np.arange(n))
    return strip[:, low] + (strip[:, high] - strip[:, low]) * t


def _row_bands(n: int) -> Iterator[slice]:
    """The rows of an (n, n) image, BAND_ROWS at a time."""
    return (slice(start, min(start + BAND_ROWS, n)) for start in range(0, n, BAND_ROWS))


# --- Shape of the coast -------------------------------------------------------------------------------------


def _without_specks(level: Field, smallest: int) -> Field:
    """The (r, n) level with land and water bodies of fewer than `smallest` cells drowned or filled, in place."""
    for sign in (1, -1):
        body, _ = ndimage.label(level * sign > 0)
        speck = (np.bincount(body.ravel()) < smallest)[body] & (body > 0)
        level[speck] = -sign * np.minimum(np.abs(level[speck]), 5) - sign * 0.1
    return level


def _signed_distance(level: Field, cell: float) -> Field:
    """Distance of the (r, n) cells from the zero line in metres, positive on land; `cell` is a cell's side."""
    land = level > 0
    shore = land & ~ndimage.binary_erosion(land, border_value=1)
    away = ndimage.distance_transform_edt(~shore).astype(np.float32)
    return np.where(land, away + 0.5, 0.5 - away).astype(np.float32) * np.float32(cell)


def _islands(rng: np.random.Generator, n: int) -> Field:
    """Coarse (n, n) signed distance, metres, of elongated fractal islands that run off the edges in places.

    Of four worlds, the one with the longest shore.
    """

    def draw() -> Field:
        level = _noise(rng, n, 6, min(300, n), 2.05, squeeze=1.3)
        return _without_specks(level - np.quantile(level, 0.52), min(1200, n * n // 50))

    def steps(level: Field) -> int:
        return sum(int(np.count_nonzero(np.diff(level > 0, axis=axis))) for axis in (0, 1))

    longest = max((draw() for _ in range(4)), key=steps)
    return ndimage.gaussian_filter(_signed_distance(longest, PIXEL * COARSE), 1.0)


def _zero_lines(level: Field) -> list[Line]:
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


def _weights(nearest: Numbers, chosen: list[int]) -> dict[int, Field]:
    """Coarse share of each category in each cell, passing from one to the next over 200 to 300 m."""
    codes = np.asarray(chosen)[nearest]
    return {code: ndimage.gaussian_filter((codes == code).astype(np.float32), 2.2) for code in STYLES}


def _tiled(texture: Field, rows: slice, n: int, salt: int) -> Field:
    """The (rows, n) part of a texture's endless repetition, displaced by `salt`."""
    r, c = np.arange(rows.start, rows.stop) + 389 * salt, np.arange(n) + 631 * salt
    return np.asarray(texture[np.ix_(r % PERIOD, c % PERIOD)])


def _shoreline(islands: Field, weights: dict[int, Field], textures: dict[str, Field]) -> Field:
    """The (n, n) mean-water level: the islands' distance, metres, frayed as each category does it."""
    n = islands.shape[0] * COARSE
    level = np.empty((n, n), np.float32)
    for rows in _row_bands(n):
        band = _fine(islands, rows)
        for salt, (code, style) in enumerate(STYLES.items()):
            share = _fine(weights[code], rows)
            for texture, metres in style.frayed:
                band += share * metres * _tiled(textures[texture], rows, n, salt)
        level[rows] = band
    return _without_specks(ndimage.gaussian_filter(level, 0.8), 220)  # a round islet of so many pixels is 525 m about


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
    for line in _zero_lines(level):
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
    south, east = (reach * _tiled(textures["mid"], slice(0, n), n, salt) for salt in (1, 2))
    rows, columns = np.mgrid[0:n, 0:n]
    bent = (np.clip(np.rint(at), 0, n - 1).astype(np.int64) for at in (rows + south, columns + east))
    return np.asarray(nearest[tuple(bent)])


def _shape(
    rng: np.random.Generator, islands: Field, textures: dict[str, Field]
) -> tuple[Field, list[tuple[Line, int]], Numbers, list[int]]:
    """The coast's level (n, n), its shoreline in pieces, the coarse map of nearest stretches, and their codes."""
    small = islands.shape[0]
    outline = [line * COARSE + (COARSE - 1) / 2 for line in _zero_lines(islands)]
    numbers, chosen = _allot(rng, outline, small * COARSE)
    level = _shoreline(islands, _weights(_nearest_stretch(outline, numbers, small), chosen), textures)
    pieces = _pieces(level, _nearest_stretch(outline, numbers, small))
    ids = [np.full(len(line), stretch) for line, stretch in pieces]
    nearest = _nearest_stretch([line for line, _ in pieces], ids, small)
    return level, pieces, _wavering(nearest, islands, textures), chosen


# --- What the categories look like --------------------------------------------------------------------------


def _colour(*reflectance: float) -> Field:
    return np.array(reflectance, np.float32)[:, None]


DEEP, TURBID = _colour(0.045, 0.036, 0.017, 0.008), _colour(0.085, 0.108, 0.078, 0.035)
SAND, WET = _colour(0.16, 0.195, 0.232, 0.285), _colour(0.085, 0.10, 0.115, 0.12)
MUD, FOAM = _colour(0.075, 0.09, 0.10, 0.115), _colour(0.27, 0.27, 0.26, 0.23)
ROCK, BARE = _colour(0.08, 0.09, 0.10, 0.145), _colour(0.085, 0.11, 0.13, 0.19)
GRASS, SCRUB = _colour(0.042, 0.072, 0.052, 0.25), _colour(0.033, 0.055, 0.041, 0.2)
CANOPY, REED = _colour(0.028, 0.05, 0.03, 0.26), _colour(0.062, 0.096, 0.074, 0.235)
ICE, BLUE = _colour(0.37, 0.385, 0.375, 0.30), _colour(0.23, 0.275, 0.285, 0.2)
SNOW, DEBRIS = _colour(0.46, 0.46, 0.455, 0.40), _colour(0.16, 0.165, 0.17, 0.17)


@dataclass(frozen=True)
class _Pixels:
    """The n pixels that a layer paints; every field but the textures is (n,)."""

    textures: dict[str, Field]
    rows: Numbers
    columns: Numbers
    d: Field  # metres from the shoreline, positive inland
    s: Field  # the same from the unfrayed shoreline
    light: Field  # 1 where the shore faces the sun, -1 where it is turned away
    tide: Field  # -1 low water, 1 high
    green: Field  # 0 bare, 1 overgrown: the stretch's own
    murk: Field  # 0 clear water, 1 turbid: the stretch's own
    cold: Field  # 0 no ice about, 1 nothing else

    def at(self, index: Numbers) -> "_Pixels":
        """Those of the pixels."""
        return _Pixels(self.textures, *(getattr(self, field.name)[index] for field in fields(self)[1:]))

    def __getitem__(self, texture: str) -> Field:
        """Texture by its name, followed by a digit to have it from elsewhere: "pebble3"."""
        name, salt = (texture[:-1], int(texture[-1])) if texture[-1].isdigit() else (texture, 0)
        return self.textures[name][(self.rows + 277 * salt) % PERIOD, (self.columns + 443 * salt) % PERIOD]


Layer = Callable[[_Pixels], tuple[Field, Field, Field]]
"""Paints a category: height above the water's edge as metres inland of it (n,), ground and sea (4, n)."""


def _mix(a: Field, b: Field, share: Field) -> Field:
    return a + (b - a) * share


def _step(x: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _near(x: Field, at: Field | float, width: float) -> Field:
    """1 where `x` is at `at`, falling to 0 over `width`."""
    return np.asarray(np.exp(-np.square((x - at) / width)))


def _creek(texture: Field, width: Field | float) -> Field:
    """1 within `width` of the texture's winding zero line."""
    return 1 - _step(np.abs(texture) / width, 0.6, 1.4)


def _sea(p: _Pixels, reach: float) -> Field:
    """Water, clearing from the shore outwards over about `reach` metres."""
    off = np.minimum(p.d * (1 + 0.4 * np.tanh(p["wide3"])) + 15 * p["mid2"], 0) / (reach * (0.6 + p.murk))
    shallow = np.exp(off) * (0.35 + 0.65 * p.murk) + 0.015 * p["flow1"]
    return _mix(DEEP, TURBID, np.clip(shallow, 0, 1)) * (1 + 0.035 * p["swell"])


def _land(p: _Pixels) -> Field:
    """The country behind most shores: bare to overgrown in soft patches."""
    cover = np.clip(p.green + 0.16 * p["mid4"] + 0.1 * p["wide"] + 0.05 * p["grain2"] + 0.04 * p["pebble3"], 0, 1)
    return _mix(BARE, _mix(GRASS, SCRUB, _step(p["mid2"], -1, 1)), cover)


def _steep(p: _Pixels) -> tuple[Field, Field, Field]:
    """Gullied hills to the water, a cliff that is lit or in shadow, deep water with a thin broken line of surf."""
    edge = p.d - 6 * p.tide + 2 * p["pebble"]
    ground = _land(p) * (0.9 + 0.25 * p["shade"])
    face = ROCK * (1 + 0.55 * p.light) * (1 + 0.12 * p["pebble1"] + 0.12 * p["grain1"])
    ground = _mix(ground, face, 1 - _step(p.d + 18 * p["blob"], 35, 75))
    sea = _sea(p, 160) * (1 - 0.55 * np.maximum(-p.light, 0) * _step(p.d, -70, -20))
    return edge, ground, _mix(sea, FOAM, 0.5 * _near(edge, -8, 9) * _step(p["blob2"] + p["mid3"], 0, 2))


def _flat(p: _Pixels) -> tuple[Field, Field, Field]:
    """A featureless wide gradient from shallows over wet flats to meadow."""
    edge = p.d - 130 * p.tide - 60 + 25 * p["wide1"]
    ground = _mix(MUD, _land(p), _step(p.d + 30 * p["wide2"], -80, 330)) * (1 + 0.05 * p["grain"])
    ground = ground * (1 - 0.22 * _creek(p["creek4"], 0.05) * _step(-p.d, -120, 60))
    sea = _mix(_sea(p, 300), MUD * 0.9, 0.5 * _step(edge, -260, 0))
    return edge, ground, sea


def _sandy(p: _Pixels) -> tuple[Field, Field, Field]:
    """A smooth bright beach, dune ridges and surf lines along the shore."""
    edge = p.d - 30 * p.tide
    ridge = np.sin(2 * np.pi * (p.s + 10 * p["mid"] + 15 * p["wide2"]) / 58)
    ridge = ridge * _step(p["mid6"] + 0.4 * p["blob"], -0.9, 0.7)
    open_sand = (1 - _step(p.s + 60 * p["mid4"], 150, 520)) * (0.35 + 0.3 * ridge + 0.12 * p["blob1"])
    back = _mix(_land(p), SAND * 0.85, np.clip(open_sand, 0, 1)) * (1 + 0.03 * p["grain"])
    beach = _mix(WET, SAND, _step(edge, 5, 45))
    ground = _mix(beach, back, _step(p.d + 15 * p["mid3"] + 5 * p["pebble"], 105, 155))
    bars = p["mid5"] + 0.5 * p["blob"] + 0.3 * p["pebble2"]
    surf = _near(edge, -14.0, 9) * 0.5 + _near(edge, -58 + 10 * p["mid1"], 10) * 0.7 * _step(bars, -0.8, 1.2)
    surf = surf + _near(edge, -112 + 14 * p["mid1"], 11) * 0.6 * _step(bars, -0.2, 1.6)
    return edge, ground, _mix(_sea(p, 220), FOAM, np.clip(surf, 0, 1))


def _stony(p: _Pixels) -> tuple[Field, Field, Field]:
    """Boulders in light and shadow on a ragged beach, rocks awash off it, outcrops behind."""
    edge = p.d - 25 * p.tide + 12 * p["pebble"]
    speckle = (0.16 * p["pebble1"] + 0.3 * p["grain"]) * (1 + 0.3 * p["blob2"])
    stones = _mix(WET, SAND * 0.95, _step(edge, 0, 40)) * np.clip(1 + speckle, 0.3, 2)
    outcrop = _step(0.6 * p["blob1"] + 0.8 * p["mid5"] + 0.4 * p["grain2"], 0.2, 1.1) * (1 - 0.6 * _step(p.s, 250, 650))
    rock = SAND * 0.7 * np.clip(1 + 0.9 * speckle + 0.2 * p["shade3"], 0.3, 2)
    back = _mix(_land(p) * (1 + 0.1 * p["grain3"]), rock, 0.85 * outcrop)
    ground = _mix(stones, back, _step(p.d + 30 * p["blob3"] + 20 * p["mid6"], 80, 180))
    height = 0.7 * p["pebble4"] + 0.5 * p["grain1"] + 0.7 * p["mid4"] + (p.d - 40 * p.tide) / 120
    awash = _step(height, 0.5, 0.9) * (p.d > -260)
    sea = _mix(_mix(_sea(p, 220), FOAM, 0.5 * _near(edge, -10, 14) * _step(p["blob2"], -0.3, 1)), WET * 0.9, awash)
    return edge, ground, sea


def _glacier(p: _Pixels) -> tuple[Field, Field, Field]:
    """Crevasses about parallel to the front, dark medial moraines, a few growlers in milky water."""
    front = p.s + 14 * p["mid"] + 25 * p["wide"]
    crevasse = _step(np.sin(2 * np.pi * front / 56 + 0.8 * p["blob"]), 0.1, 0.9)
    crevasse = crevasse * _step(p["mid6"] + 0.8 * p["blob3"], -0.8, 0.6) * (1 - 0.75 * _step(p.s, 450, 1000))
    ice = _mix(ICE, BLUE * 0.9, 0.75 * crevasse) * (1 + 0.04 * p["grain"] + 0.03 * p["shade2"])
    moraine = _near(p["flow"] + 0.05 * p["mid1"], 0, 0.09) * (0.7 + 0.15 * p["pebble1"]) * _step(p["wide5"], -0.8, 0.2)
    ground = _mix(ice, DEBRIS, np.clip(moraine, 0, 1))
    growler = _step(p["pebble3"] + p.d / 500, 1.9, 2.2)
    return p.d, ground, _mix(_sea(p, 300), ICE * 0.8, growler)


def _ice(p: _Pixels) -> tuple[Field, Field, Field]:
    """A smooth shelf with a sharp edge, its shadow on the water, floes and brash before it."""
    top = ICE * (0.93 + 0.025 * p["wide4"] + 0.015 * p["swell1"])
    cliff = _near(p.d, 8, 14)
    ground = _mix(top, np.where(p.light > 0, SNOW * 1.05, BLUE * 0.55), cliff * np.abs(p.light))
    cover = 0.9 + p.d / 420 + 0.5 * p["wide1"]
    floes = _step(0.9 * p["blob5"] + 0.35 * p["pebble"] + 0.5 * p["mid2"] + cover, 1.35, 1.5)
    brash = _step(p["pebble2"] + cover, 1.5, 2.3) * 0.6
    sea = _sea(p, 120) * (1 - 0.5 * np.maximum(-p.light, 0) * _step(p.d, -70, -20))
    return p.d, ground, _mix(_mix(sea, BLUE, brash), ICE * 0.95, floes)


def _mangrove(p: _Pixels) -> tuple[Field, Field, Field]:
    """A dark lobed canopy with crowns as grain, a fringe of single trees, and tidal creeks that widen seawards."""
    edge = p.d + 22 * p["blob"] + 8 * p["pebble"]
    width = 0.035 + 0.09 * np.exp(-np.maximum(p.s, 0) / 350)
    creek = _creek(p["creek1"], width) * (1 - _step(p.s, 700, 1100))
    canopy = CANOPY * (1 + 0.16 * p["grain"] + 0.08 * p["mid3"]) * (0.85 + 0.3 * p.green)
    ground = _mix(canopy, _mix(MUD, TURBID * 0.8, 0.7 * _step(p.tide, -0.8, 0.4)), creek)
    shoal = _step(p.d - 60 * p.tide, -120, -20) * 0.5
    trees = _step(p["pebble2"] + p.d / 90, 0.9, 1.2)
    return edge, ground, _mix(_mix(_sea(p, 350), MUD, shoal), CANOPY, trees)


def _marshy(p: _Pixels) -> tuple[Field, Field, Field]:
    """Patches of reed and grass among a dense net of meandering creeks, with pools."""
    edge = p.d - 35 * p.tide + 8 * p["blob"]
    patch = _step(0.5 * p["blob1"] + 0.9 * p["mid1"] + 0.3 * p["pebble"], -1.1, 1.2)
    plants = _mix(CANOPY * 0.9, REED, patch) * (0.8 + 0.3 * p.green) * (1 + 0.06 * p["grain"])
    width = 0.06 + 0.14 * np.exp(-np.maximum(p.s, 0) / 220)
    creek = np.maximum(_creek(p["creek3"], width), 0.8 * _creek(p["mid4"], 0.07 + width))
    pools = _step(p["pebble3"] + 0.9 * p["mid2"], 1.5, 1.8)
    wet = np.maximum(creek, pools) * (1 - 0.6 * _step(p.s, 700, 1100))
    ground = _mix(plants, _mix(MUD, TURBID * 0.8, 0.7 * _step(p.tide, -0.8, 0.4)), wet)
    return edge, ground, _mix(_sea(p, 350), MUD, _step(p.d - 90 * p.tide, -160, 0) * 0.5)


@dataclass(frozen=True)
class _Style:
    """A category in the world."""

    layer: Layer
    frayed: tuple[tuple[str, float], ...]  # how its shoreline frays: texture and metres
    climate: float  # 0 cold to 5 warm
    green: float  # least share of overgrown ground
    tinted: float = 1.0  # how much of the stretch's random tint it takes


STYLES = {
    1: _Style(_steep, (("creek", 32), ("pebble", 3)), 1.5, 0.45),
    2: _Style(_flat, (("creek", 30), ("mid", 12)), 3.0, 0.4),
    3: _Style(_sandy, (("creek", 15), ("mid", 5)), 3.5, 0.1),
    4: _Style(_stony, (("creek", 30), ("blob", 13), ("pebble", 7)), 2.0, 0.15),
    6: _Style(_glacier, (("creek", 35), ("mid", 15), ("pebble", 3)), 0.0, 0.2, 0.45),
    7: _Style(_mangrove, (("creek", 32), ("blob", 18)), 5.0, 0.4),
    8: _Style(_marshy, (("creek", 35), ("blob", 14)), 4.5, 0.4),
    10: _Style(_ice, (("creek", 20), ("mid", 12), ("pebble", 3)), 0.5, 0.2, 0.45),
}
"""The table of categories, by CATCOA code."""


def _backdrop(p: _Pixels) -> Field:
    """What lies beyond the shore, (4, n): hills inland, snow on the cold ones, and the open sea."""
    hills = _land(p) * (1 + 0.2 * p["shade1"])
    snow = _step(p.cold + 0.1 * p["wide"] - 0.16 * np.abs(p["ridge1"]) + 0.02 * p["pebble"], 0.18, 0.42)
    hills = _mix(hills, ICE * (1.06 + 0.12 * p["shade1"]), snow)
    return _mix(_sea(p, 250), hills, _step(p.d, -8, 8))


# --- The picture --------------------------------------------------------------------------------------------


def _stretch_maps(rng: np.random.Generator, nearest: Numbers, chosen: list[int], tide: float) -> dict[str, Field]:
    """Coarse maps of what is random per stretch: "tide", "green", "murk" and the tint of each band by its name."""
    warm, n = np.array([STYLES[code].climate for code in chosen]) / 5, len(chosen)
    even = {
        "tide": np.clip(tide + rng.normal(0, 0.3, n), -1, 1),
        "green": np.array([STYLES[code].green for code in chosen]) + rng.uniform(0, 0.45, n),
        "murk": 0.1 + 0.4 * warm + rng.uniform(0, 0.45, n),
    }
    brightness, warmth = rng.normal(0, 0.1, n), rng.normal(0, 0.045, n)
    for band, lean in zip(BANDS, (-1.0, -0.2, 0.8, 0.3), strict=True):
        even[band] = np.exp(brightness + lean * warmth + rng.normal(0, 0.025, n))
    return {name: ndimage.gaussian_filter(value.astype(np.float32)[nearest], 5) for name, value in even.items()}


def _paint(d: Field, coarse: dict[str, Field], weights: dict[int, Field], textures: dict[str, Field]) -> Field:
    """The scene's ground reflectance, (4, n, n): each category where it has weight, interlocking at its bounds."""
    n = d.shape[0]
    image = np.empty((4, n, n), np.float32)
    for rows in _row_bands(n):
        flat = {name: _fine(field, rows).ravel() for name, field in coarse.items()}
        index_rows, index_columns = (i.ravel() for i in np.mgrid[rows, 0:n])
        own = (flat[name] for name in ("s", "light", "tide", "green", "murk", "cold"))
        every = _Pixels(textures, index_rows, index_columns, d[rows].ravel(), *own)
        far = np.maximum(_step(every.s + 120 * every["mid"], 750, 1300), _step(-every.s, 900, 1500))
        total = 0.02 + 3 * far
        gain = np.stack([flat[name] for name in BANDS])
        band = _backdrop(every) * total
        for salt, (code, style) in enumerate(STYLES.items()):
            weight = _fine(weights[code], rows).ravel()
            at = np.flatnonzero((weight > 0.03) & (far < 0.99))
            if not at.size:
                continue
            p = every.at(at)
            edge, ground, sea = style.layer(p)
            share = (1 - far[at]) * weight[at] ** 2 * np.exp(0.8 * p[f"blob{salt + 1}"])
            band[:, at] += share * _mix(sea, ground * gain[:, at] ** style.tinted, _step(edge, -8, 8))
            total[at] += share
        image[:, rows] = (band / total).reshape(4, -1, n)
    return image


def _expose(rng: np.random.Generator, image: Field, place: _Place) -> NDArray[np.uint16]:
    """What the satellite records of the (4, n, n) ground: blur of the optics, haze, noise, reflectance x 10000."""
    n = image.shape[-1]
    haze = _noise(rng, n // COARSE, min(60, n // 12), 800, 1.9)
    least, most = place.haze
    opacity = least + (most - least) * (0.5 + 0.5 * np.tanh(0.8 * haze))
    recorded = np.empty(image.shape, np.uint16)
    for index, airlight in enumerate((0.24, 0.21, 0.19, 0.15)):
        band = ndimage.gaussian_filter(image[index], 0.55)
        for rows in _row_bands(n):
            veil = _fine(opacity.astype(np.float32), rows) * (airlight / 0.24) ** 0.8
            seen = band[rows] * (1 - veil) + airlight * veil
            seen += place.noise * rng.standard_normal(seen.shape, dtype=np.float32)
            recorded[index, rows] = np.clip(seen * 10_000, 1, 65_535)
    return recorded


def _write_scene(path: Path, image: NDArray[np.uint16], place: _Place) -> None:
    """Write the (4, n, n) scene as a tiled, deflated GeoTIFF."""
    import rasterio

    _, height, width = image.shape
    form = {"dtype": "uint16", "count": len(BANDS), "height": height, "width": width, "crs": f"EPSG:{place.epsg}"}
    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2, "zlevel": 4}
    corner = rasterio.Affine(PIXEL, 0, place.west, 0, -PIXEL, place.north)
    with rasterio.open(path, "w", driver="GTiff", transform=corner, **form, **tiles) as file:
        file.write(image)
        file.descriptions = BANDS
        file.scales = (1e-4,) * len(BANDS)


def _write_chart(path: Path, pieces: list[tuple[Line, int | None]], n: int, place: _Place) -> None:
    """Write the pieces (row/column in pixels, code) as an S-57 cell, simplified to 10 m."""
    degrees = Transformer.from_crs(place.epsg, 4326, always_xy=True)

    def located(rows: Line, columns: Line) -> Line:
        east, north = place.west + (columns + 0.5) * PIXEL, place.north - (rows + 0.5) * PIXEL
        return np.column_stack(degrees.transform(east, north))

    lines = []
    for line, code in pieces:
        thin = np.asarray(LineString(line).simplify(1.0).coords)
        lines.append(ChartLine(located(thin[:, 0], thin[:, 1]), code))
    corners = located(np.array([-0.5, -0.5, n - 0.5, n - 0.5]), np.array([-0.5, n - 0.5, -0.5, n - 0.5]))
    (west, south), (east, north) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    write_cell(path, lines, coverage=(west, south, east, north))


def _with_gaps(
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


def _make_coast(folder: Path, place: _Place, seed: int, n: int) -> Coast:
    """Make one coast of n x n pixels and write its chart and its scene into the folder."""
    rng = np.random.default_rng((seed, place.number))
    textures = _textures(rng, place)
    islands = _islands(rng, n // COARSE)
    level, pieces, nearest, chosen = _shape(rng, islands, textures)
    weights = _weights(nearest, chosen)
    coarse = _stretch_maps(rng, nearest, chosen, place.tide)
    south, east = np.gradient(ndimage.gaussian_filter(islands, 1.2))
    sun, steepness = np.deg2rad(place.sun), np.maximum(np.hypot(south, east), 1e-3)
    coarse["light"] = ((south * np.cos(sun) - east * np.sin(sun)) / steepness).astype(np.float32)
    coarse["s"] = islands
    coarse["cold"] = ndimage.gaussian_filter(weights[6] + weights[10] + 0.3 * weights[1], 12)
    image = _paint(ndimage.gaussian_filter(_signed_distance(level, PIXEL), 0.6), coarse, weights, textures)

    coast = Coast(place.name, folder / f"{place.name}.000", folder / f"{place.name}.tif")
    _write_scene(coast.scene, _expose(rng, image, place), place)
    _write_chart(coast.chart, _with_gaps(rng, pieces, chosen), n, place)
    return coast


def make_world(folder: Path, *, seed: int = 0, size_px: int = 3072, unseen_px: int | None = None) -> World:
    """Make both coasts and write them into `folder`; the same arguments give the same bytes.

    `size_px` is the side of the training scene, `unseen_px` that of the unseen one (three quarters of it unless
    given); both are rounded down to multiples of 8.
    """
    folder.mkdir(parents=True, exist_ok=True)
    other = size_px * 3 // 4 if unseen_px is None else unseen_px
    training, unseen = (
        _make_coast(folder, place, seed, n // 8 * 8) for place, n in ((TRAINING, size_px), (UNSEEN, other))
    )
    return World(training, unseen)
