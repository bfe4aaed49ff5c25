"""Noise, textures and distance fields from which the synthetic coast is generated."""

from collections.abc import Iterator

import numpy as np
from scipy import fft, ndimage

from littoral.demo.textures import PERIOD, Field, Numbers

COARSE = 4  # pixels per side of a cell of the coarse grid, on which smooth fields are computed
BAND_ROWS = 256  # rows computed at a time

# Shortest and longest wavelength in pixels, and the exponent by which the amplitude falls with frequency.
TEXTURES = {
    "grain": (2.0, 5.0, 0.0),
    "pebble": (4.0, 9.0, 0.0),
    "blob": (8.0, 22.0, 0.5),
    "mid": (16.0, 70.0, 1.0),
    "wide": (60.0, 400.0, 1.2),
    "creek": (10.0, 90.0, 1.9),
    "ridge": (4.0, 150.0, 2.3),
}


def noise(
    rng: np.random.Generator, n: int, shortest: float, longest: float, slope: float, squeeze: float = 1.0
) -> Field:
    """Periodic Gaussian noise (n, n), mean 0 and standard deviation 1, of wavelengths from `shortest` to `longest`.

    `slope` is the exponent by which the amplitude falls with frequency; `squeeze` above 1 elongates the pattern.
    """
    wave = fft.rfft2(rng.standard_normal((n, n), dtype=np.float32))
    v, u = fft.fftfreq(n)[:, None], fft.rfftfreq(n)[None, :]
    angle = rng.uniform(0, np.pi)
    along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    k = np.hypot(along * squeeze, across / squeeze)
    band = (k >= 1 / longest) & (k <= 1 / shortest)
    wave *= np.where(band, np.maximum(k, 1e-9) ** -slope, 0).astype(np.float32)
    field = fft.irfft2(wave, s=(n, n)).astype(np.float32)
    return np.asarray(field / field.std())


def make_textures(rng: np.random.Generator, sun_deg: float) -> dict[str, Field]:
    """Textures of a scene by name, each (PERIOD, PERIOD) and periodic; "shade" is sunlit relief, "flow" streaks."""
    found = {name: noise(rng, PERIOD, *form) for name, form in TEXTURES.items()}
    ridge = found["ridge"]
    rills = np.abs(found["creek"]) * (0.4 + np.abs(ridge))
    height = ndimage.gaussian_filter(0.3 * ridge - np.abs(ridge) + 0.22 * rills, 0.7, mode="wrap")
    slope_south, slope_east = np.gradient(height)
    sun = np.deg2rad(sun_deg)
    shade = slope_south * np.cos(sun) - slope_east * np.sin(sun)  # bright on slopes that face the sun
    found["shade"] = np.clip(shade / shade.std(), -2.5, 2.5).astype(np.float32)
    found["swell"] = noise(rng, PERIOD, 5, 12, 0.5, squeeze=3.0)
    found["flow"] = noise(rng, PERIOD, 50, 300, 1.5, squeeze=2.5)
    return found


def fine(coarse: Field, rows: slice) -> Field:
    """Rows of a coarse field at full resolution, (rows, n), by bilinear interpolation."""
    n = coarse.shape[0] * COARSE

    def weights(at: Numbers) -> tuple[Numbers, Numbers, Field]:
        x = np.clip((at + 0.5) / COARSE - 0.5, 0, n // COARSE - 1)
        low = np.floor(x).astype(np.int64)
        return low, np.minimum(low + 1, n // COARSE - 1), (x - low).astype(np.float32)

    low, high, t = weights(np.arange(rows.start, rows.stop))
    strip = coarse[low] + (coarse[high] - coarse[low]) * t[:, None]
    low, high, t = weights(np.arange(n))
    return strip[:, low] + (strip[:, high] - strip[:, low]) * t


def row_bands(n: int) -> Iterator[slice]:
    """Slices of BAND_ROWS rows that cover an (n, n) image."""
    return (slice(start, min(start + BAND_ROWS, n)) for start in range(0, n, BAND_ROWS))


def without_specks(level: Field, smallest: int) -> Field:
    """Turn land bodies of fewer than `smallest` cells to water and such water bodies to land, in place."""
    for sign in (1, -1):
        body, _ = ndimage.label(level * sign > 0)
        speck = (np.bincount(body.ravel()) < smallest)[body] & (body > 0)
        level[speck] = -sign * np.minimum(np.abs(level[speck]), 5) - sign * 0.1
    return level


def signed_distance(level: Field, cell: float) -> Field:
    """Distance in metres of each cell from the zero contour, positive on land; `cell` is the side of a cell."""
    land = level > 0
    shore = land & ~ndimage.binary_erosion(land, border_value=1)
    away = ndimage.distance_transform_edt(~shore).astype(np.float32)
    return np.where(land, away + 0.5, 0.5 - away).astype(np.float32) * np.float32(cell)


def tiled(texture: Field, rows: slice, n: int, salt: int) -> Field:
    """Rows (rows, n) of an image tiled with a texture, shifted by an offset that depends on `salt`."""
    r, c = np.arange(rows.start, rows.stop) + 389 * salt, np.arange(n) + 631 * salt
    return np.asarray(texture[np.ix_(r % PERIOD, c % PERIOD)])
