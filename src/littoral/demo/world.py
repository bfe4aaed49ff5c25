"""The demonstration's synthetic world: a charted training coast and an unseen one in another place.

Each coast is a Sentinel-2-like scene of 10 m pixels and a chart cell whose coastline carries S-57 categories.
The categories share their colours in pairs (1 with 2, 3 with 4, 6 with 10, 7 with 8), and haze, tide, sun and a
random tint of every stretch blur the rest; what tells them apart is the texture and the layout of the shore.

How a coast comes about: fractal islands (`_islands`) are cut into stretches (`_allot`), each category frays the
shoreline in its own way (`_shoreline`) and paints ground and water (a function each, listed in `painting.STYLES`),
and `_expose` adds haze and noise. Distances are metres, positive inland; (r, n) images are rows from north to south,
columns from west to east; colours are (4, n) or (4, 1) reflectances of the bands B02, B03, B04, B08.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import fft, ndimage
from shapely import LineString, Polygon
from skimage.measure import find_contours

from littoral.demo.cell import ChartLine, write_cell
from littoral.demo.painting import PERIOD, STYLES, Field, Numbers, Pixels, backdrop, step
from littoral.vectors import write_vector

Line = NDArray[np.float64]  # (points, 2) row, column in pixels

BANDS = ("B02", "B03", "B04", "B08")
PIXEL = 10.0  # metres
COARSE = 4  # pixels to a cell of the coarse grid, on which everything smooth is worked out
OPTICS = 0.55  # pixels, standard deviation of the blur
BAND_ROWS = 256  # rows painted at a time
SHORTEST_RUN = 600.0  # metres; shorter pieces of a category join their longer neighbour
UNKNOWN_LENGTH, UNKNOWN_SHARE = 700.0, 0.3  # metres without category at the end of this share of the stretches


@dataclass(frozen=True)
class Coast:
    """One coast: `chart` is an S-57 cell (.000), `scene` a GeoTIFF of reflectance x 10000 in the bands `BANDS`.

    `waterline` (GeoPackage) is where the water truly stood when the scene was taken, unsimplified: the tide moves it
    away from the chart's line. Round islands, `area_m2` says how large they are.
    """

    name: str
    chart: Path
    scene: Path
    waterline: Path


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


def _paint(
    d: Field, coarse: dict[str, Field], weights: dict[int, Field], textures: dict[str, Field]
) -> tuple[Field, Field]:
    """The scene's ground reflectance, (4, n, n): each category where it has weight, interlocking at its bounds; and
    the share of each pixel that is water, (n, n).
    """
    n = d.shape[0]
    image, water = np.empty((4, n, n), np.float32), np.empty((n, n), np.float32)
    for rows in _row_bands(n):
        flat = {name: _fine(field, rows).ravel() for name, field in coarse.items()}
        index_rows, index_columns = (i.ravel() for i in np.mgrid[rows, 0:n])
        own = (flat[name] for name in ("s", "light", "tide", "green", "murk", "cold"))
        every = Pixels(textures, index_rows, index_columns, d[rows].ravel(), *own)
        far = np.maximum(step(every.s + 120 * every["mid"], 750, 1300), step(-every.s, 900, 1500))
        total = 0.02 + 3 * far
        gain = np.stack([flat[name] for name in BANDS])
        beyond = backdrop(every)
        band, under = beyond.colour * total, beyond.water * total
        for salt, (code, style) in enumerate(STYLES.items()):
            weight = _fine(weights[code], rows).ravel()
            at = np.flatnonzero((weight > 0.03) & (far < 0.99))
            if not at.size:
                continue
            p = every.at(at)
            made = style.layer(p)
            tinted = replace(made, ground=made.ground * gain[:, at] ** style.tinted)
            share = (1 - far[at]) * weight[at] ** 2 * np.exp(0.8 * p[f"blob{salt + 1}"])
            band[:, at] += share * tinted.colour
            under[at] += share * made.water
            total[at] += share
        image[:, rows] = (band / total).reshape(4, -1, n)
        water[rows] = (under / total).reshape(-1, n)
    return image, water


def _expose(rng: np.random.Generator, image: Field, place: _Place) -> NDArray[np.uint16]:
    """What the satellite records of the (4, n, n) ground: blur of the optics, haze, noise, reflectance x 10000."""
    n = image.shape[-1]
    haze = _noise(rng, n // COARSE, min(60, n // 12), 800, 1.9)
    least, most = place.haze
    opacity = least + (most - least) * (0.5 + 0.5 * np.tanh(0.8 * haze))
    recorded = np.empty(image.shape, np.uint16)
    for index, airlight in enumerate((0.24, 0.21, 0.19, 0.15)):
        band = ndimage.gaussian_filter(image[index], OPTICS)
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
        return np.column_stack(degrees.transform(*_on_ground(rows, columns, place)))

    lines = []
    for line, code in pieces:
        thin = np.asarray(LineString(line).simplify(1.0).coords)
        lines.append(ChartLine(located(thin[:, 0], thin[:, 1]), code))
    corners = located(np.array([-0.5, -0.5, n - 0.5, n - 0.5]), np.array([-0.5, n - 0.5, -0.5, n - 0.5]))
    (west, south), (east, north) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    write_cell(path, lines, coverage=(west, south, east, north))


def _write_waterline(path: Path, water: Field, d: Field, place: _Place) -> None:
    """Write where half of what the optics blend is water, of the (n, n) share: the shore of the sea, which runs off the
    scene and reaches 200 m beyond the chart's line, without lakes and pools; `area_m2` is that of the island which a
    closed line goes round, from the least floe on. `d`: metres inland of the chart's line.
    """
    land = 0.5 - ndimage.gaussian_filter(water, OPTICS)
    body, count = ndimage.label(land < 0, np.ones((3, 3)))  # as the contours have it, water meets at corners
    sea = ndimage.minimum(d, body, np.arange(count + 1)) < -200
    border = np.zeros(count + 1, bool)
    border[np.concatenate([body[0], body[-1], body[:, 0], body[:, -1]])] = True
    lake = ~(sea & border)[body] & (body > 0)
    land[lake] = np.abs(land[lake])
    lines = [LineString(np.column_stack(_on_ground(line[:, 0], line[:, 1], place))) for line in _zero_lines(land)]
    area = [Polygon(line).area if line.is_closed else np.nan for line in lines]
    write_vector(gpd.GeoDataFrame({"area_m2": area}, geometry=lines, crs=place.epsg), path, overwrite=True)


def _on_ground(rows: Line, columns: Line, place: _Place) -> tuple[Line, Line]:
    """Eastings and northings of pixel centres."""
    return place.west + (columns + 0.5) * PIXEL, place.north - (rows + 0.5) * PIXEL


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
    d = ndimage.gaussian_filter(_signed_distance(level, PIXEL), 0.6)
    image, water = _paint(d, coarse, weights, textures)

    waterline = folder / f"{place.name}-waterline.gpkg"
    coast = Coast(place.name, folder / f"{place.name}.000", folder / f"{place.name}.tif", waterline)
    _write_scene(coast.scene, _expose(rng, image, place), place)
    _write_chart(coast.chart, _with_gaps(rng, pieces, chosen), n, place)
    _write_waterline(waterline, water, d, place)
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
