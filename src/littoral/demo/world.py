"""Generate the synthetic world of the demo: a training coast and an unseen coast in another place.

Each coast is a scene like Sentinel-2's with 10 m pixels, and a chart cell whose coastline has S-57 categories.
Pairs of categories have the same colours (1 and 2, 3 and 4, 6 and 10, 7 and 8), and haze, tide, sun and a random tint
of every stretch vary them further, so that categories differ mainly in the texture and layout of the shore.

Steps: fractal islands are cut into stretches and the shoreline is roughened by category (:mod:`littoral.demo.islands`);
ground and water are computed by a function per category (``STYLES`` in :mod:`littoral.demo.textures`); `_expose` adds
haze and noise. Distances are metres, positive inland. Rows of images run from north to south, columns from west to
east. Reflectances are (4, n) or (4, 1) for the bands B02, B03, B04, B08.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import ndimage
from shapely import LineString, Polygon

from littoral.demo.islands import PIXEL, Line, make_islands, shape_shore, weigh, with_gaps, zero_lines
from littoral.demo.noise import COARSE, fine, make_textures, noise, row_bands, signed_distance
from littoral.demo.s57 import ChartLine, write_cell
from littoral.demo.textures import STYLES, Field, Numbers, Pixels, backdrop, step
from littoral.vectors import write_vector

BANDS = ("B02", "B03", "B04", "B08")
OPTICS = 0.55  # standard deviation of the optical blur, pixels


@dataclass(frozen=True)
class Coast:
    """One coast: `chart` is an S-57 cell (.000), `scene` a GeoTIFF of reflectance x 10000 in the bands `BANDS`.

    `waterline` (GeoPackage) is the true, unsimplified edge of the water in the scene, which differs from the charted
    line by the tide. For closed lines, `area_m2` is the area of the island.
    """

    name: str
    chart: Path
    scene: Path
    waterline: Path


@dataclass(frozen=True)
class World:
    """The coast for training, and the unseen coast for evaluation."""

    training: Coast
    unseen: Coast


@dataclass(frozen=True)
class _Place:
    """Location and conditions of a scene."""

    name: str
    number: int  # number of the random stream
    epsg: int
    west: float  # easting of the upper left corner, metres
    north: float  # northing of the upper left corner, metres
    sun: float  # azimuth of the sun, degrees clockwise from north
    tide: float  # -1 low water to 1 high water
    haze: tuple[float, float]  # lowest and highest opacity
    noise: float  # standard deviation of the sensor noise, reflectance


TRAINING = _Place("training", 1, 32617, 480_000.0, 3_260_000.0, 142.0, -0.25, (0.02, 0.13), 0.0025)
UNSEEN = _Place("unseen", 2, 32633, 530_000.0, 4_870_000.0, 163.0, 0.2, (0.04, 0.15), 0.0035)


def _stretch_maps(rng: np.random.Generator, nearest: Numbers, chosen: list[int], tide: float) -> dict[str, Field]:
    """Coarse maps of random properties of stretches: "tide", "green", "murk", and the tint of each band by name."""
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
    """Reflectance at the ground, (4, n, n), and share of water in each pixel, (n, n).

    The categories are blended by their weights, with interlocking boundaries.
    """
    n = d.shape[0]
    image, water = np.empty((4, n, n), np.float32), np.empty((n, n), np.float32)
    for rows in row_bands(n):
        flat = {name: fine(field, rows).ravel() for name, field in coarse.items()}
        index_rows, index_columns = (i.ravel() for i in np.mgrid[rows, 0:n])
        own = (flat[name] for name in ("s", "light", "tide", "green", "murk", "cold"))
        every = Pixels(textures, index_rows, index_columns, d[rows].ravel(), *own)
        far = np.maximum(step(every.s + 120 * every["mid"], 750, 1300), step(-every.s, 900, 1500))
        total = 0.02 + 3 * far
        gain = np.stack([flat[name] for name in BANDS])
        beyond = backdrop(every)
        band, under = beyond.colour * total, beyond.water * total
        for salt, (code, style) in enumerate(STYLES.items()):
            weight = fine(weights[code], rows).ravel()
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
    """Image (4, n, n) recorded by the satellite: reflectance x 10000 with optical blur, haze and noise."""
    n = image.shape[-1]
    haze = noise(rng, n // COARSE, min(60, n // 12), 800, 1.9)
    least, most = place.haze
    opacity = least + (most - least) * (0.5 + 0.5 * np.tanh(0.8 * haze))
    recorded = np.empty(image.shape, np.uint16)
    for index, airlight in enumerate((0.24, 0.21, 0.19, 0.15)):
        band = ndimage.gaussian_filter(image[index], OPTICS)
        for rows in row_bands(n):
            veil = fine(opacity.astype(np.float32), rows) * (airlight / 0.24) ** 0.8
            seen = band[rows] * (1 - veil) + airlight * veil
            seen += place.noise * rng.standard_normal(seen.shape, dtype=np.float32)
            recorded[index, rows] = np.clip(seen * 10_000, 1, 65_535)
    return recorded


def _write_scene(path: Path, image: NDArray[np.uint16], place: _Place) -> None:
    """Write an image (4, n, n) as a tiled GeoTIFF with deflate compression."""
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
    """Write pieces of shoreline (row and column in pixels, code) as an S-57 cell, simplified to 10 m."""
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
    """Write the contour where half of each pixel is water, after optical blur.

    Only the sea has a shore: bodies of water that reach the edge of the scene and 200 m seaward of the charted line;
    lakes and pools are left out. `area_m2` is the area inside a closed line, floes included.

    Args:
        path: The GeoPackage.
        water: (n, n), share of water.
        d: (n, n), metres from the charted line, positive inland.
        place: Location of the scene.
    """
    land = 0.5 - ndimage.gaussian_filter(water, OPTICS)
    body, count = ndimage.label(land < 0, np.ones((3, 3)))  # as in the contours, water is connected at corners
    sea = ndimage.minimum(d, body, np.arange(count + 1)) < -200
    border = np.zeros(count + 1, bool)
    border[np.concatenate([body[0], body[-1], body[:, 0], body[:, -1]])] = True
    lake = ~(sea & border)[body] & (body > 0)
    land[lake] = np.abs(land[lake])
    lines = [LineString(np.column_stack(_on_ground(line[:, 0], line[:, 1], place))) for line in zero_lines(land)]
    area = [Polygon(line).area if line.is_closed else np.nan for line in lines]
    write_vector(gpd.GeoDataFrame({"area_m2": area}, geometry=lines, crs=place.epsg), path, overwrite=True)


def _on_ground(rows: Line, columns: Line, place: _Place) -> tuple[Line, Line]:
    """Eastings and northings in metres of positions in pixels, measured from the centre of the first pixel."""
    return place.west + (columns + 0.5) * PIXEL, place.north - (rows + 0.5) * PIXEL


def _make_coast(folder: Path, place: _Place, seed: int, n: int) -> Coast:
    """Generate one coast of n x n pixels and write its chart, scene and waterline into the folder."""
    rng = np.random.default_rng((seed, place.number))
    textures = make_textures(rng, place.sun)
    islands = make_islands(rng, n // COARSE)
    level, pieces, nearest, chosen = shape_shore(rng, islands, textures)
    weights = weigh(nearest, chosen)
    coarse = _stretch_maps(rng, nearest, chosen, place.tide)
    south, east = np.gradient(ndimage.gaussian_filter(islands, 1.2))
    sun, steepness = np.deg2rad(place.sun), np.maximum(np.hypot(south, east), 1e-3)
    coarse["light"] = ((south * np.cos(sun) - east * np.sin(sun)) / steepness).astype(np.float32)
    coarse["s"] = islands
    coarse["cold"] = ndimage.gaussian_filter(weights[6] + weights[10] + 0.3 * weights[1], 12)
    d = ndimage.gaussian_filter(signed_distance(level, PIXEL), 0.6)
    image, water = _paint(d, coarse, weights, textures)

    waterline = folder / f"{place.name}-waterline.gpkg"
    coast = Coast(place.name, folder / f"{place.name}.000", folder / f"{place.name}.tif", waterline)
    _write_scene(coast.scene, _expose(rng, image, place), place)
    _write_chart(coast.chart, with_gaps(rng, pieces, chosen), n, place)
    _write_waterline(waterline, water, d, place)
    return coast


def make_world(folder: Path, *, seed: int = 0, size_px: int = 3072, unseen_px: int | None = None) -> World:
    """Generate both coasts and write them into `folder`; the same arguments give the same bytes.

    `size_px` is the side of the training scene in pixels, `unseen_px` that of the unseen scene (None: three quarters
    of `size_px`); both are rounded down to multiples of 8.
    """
    folder.mkdir(parents=True, exist_ok=True)
    other = size_px * 3 // 4 if unseen_px is None else unseen_px
    training, unseen = (
        _make_coast(folder, place, seed, n // 8 * 8) for place, n in ((TRAINING, size_px), (UNSEEN, other))
    )
    return World(training, unseen)
