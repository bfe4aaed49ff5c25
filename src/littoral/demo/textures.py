"""Appearance of the categories in the synthetic scenes: a function for each, and the table :data:`STYLES` of them.

For n pixels, each function returns the distance from the water's edge (metres, positive inland) and the reflectances of
ground and water. Reflectances are (4, n) or (4, 1) for the bands B02, B03, B04, B08.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]  # float32, except for values per stretch
Numbers = NDArray[np.int64]
PERIOD = 1024  # pixels after which a texture repeats


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
class Pixels:
    """Properties of n pixels; every field but the textures is (n,)."""

    textures: dict[str, Field]
    rows: Numbers
    columns: Numbers
    d: Field  # metres from the shoreline, positive inland
    s: Field  # metres from the smooth shoreline, before roughening
    light: Field  # 1 where the shore faces the sun, -1 where it faces away
    tide: Field  # -1 low water, 1 high water
    green: Field  # vegetation, varies by stretch: 0 bare, 1 overgrown
    murk: Field  # turbidity, varies by stretch: 0 clear, 1 turbid
    cold: Field  # share of icy categories around: 0 none, 1 all

    def at(self, index: Numbers) -> Pixels:
        """The pixels at the given positions."""
        return Pixels(self.textures, *(getattr(self, field.name)[index] for field in fields(self)[1:]))

    def __getitem__(self, texture: str) -> Field:
        """Texture by name; a digit after the name shifts it: "pebble3"."""
        name, salt = (texture[:-1], int(texture[-1])) if texture[-1].isdigit() else (texture, 0)
        return self.textures[name][(self.rows + 277 * salt) % PERIOD, (self.columns + 443 * salt) % PERIOD]


@dataclass(frozen=True)
class Painted:
    """Appearance of n pixels."""

    edge: Field  # (n,) metres from the water's edge, positive inland
    ground: Field  # (4, n) reflectance of land
    sea: Field  # (4, n) reflectance of water
    wet: Field | float = 0.0  # (n,) share of land pixels that is creek or pool
    dry: Field | float = 0.0  # (n,) share of sea pixels covered by rocks, trees or floes

    @property
    def colour(self) -> Field:
        """(4, n) reflectance: ground inland of the edge, sea beyond it."""
        return mix(self.sea, self.ground, self.land)

    @property
    def land(self) -> Field:
        """(n,) share of each pixel that lies inland of the edge."""
        return step(self.edge, -8, 8)

    @property
    def water(self) -> Field:
        """(n,) share of each pixel that is water."""
        return mix(1 - self.dry, self.wet, self.land)


Layer = Callable[[Pixels], Painted]
"""Function that computes the appearance of pixels of a category."""


def mix(a: Field | float, b: Field | float, share: Field) -> Field:
    """Linear interpolation: `a` where `share` is 0, `b` where it is 1."""
    return np.asarray(a + (b - a) * share)


def step(x: Field, low: float, high: float) -> Field:
    """Smooth step: 0 below `low`, 1 above `high`, cubic between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _near(x: Field, at: Field | float, width: float) -> Field:
    """Gaussian of `x` with centre `at` and maximum 1; `width` is the distance at which it is 1/e."""
    return np.asarray(np.exp(-np.square((x - at) / width)))


def _creek(texture: Field, width: Field | float) -> Field:
    """1 where the absolute value of the texture is less than about `width`: winding lines."""
    return 1 - step(np.abs(texture) / width, 0.6, 1.4)


def _sea(p: Pixels, reach: float) -> Field:
    """Water, turbid at the shore and clearer seaward over about `reach` metres."""
    off = np.minimum(p.d * (1 + 0.4 * np.tanh(p["wide3"])) + 15 * p["mid2"], 0) / (reach * (0.6 + p.murk))
    shallow = np.exp(off) * (0.35 + 0.65 * p.murk) + 0.015 * p["flow1"]
    return mix(DEEP, TURBID, np.clip(shallow, 0, 1)) * (1 + 0.035 * p["swell"])


def _land(p: Pixels) -> Field:
    """Land behind most shores: bare to overgrown, in soft patches."""
    cover = np.clip(p.green + 0.16 * p["mid4"] + 0.1 * p["wide"] + 0.05 * p["grain2"] + 0.04 * p["pebble3"], 0, 1)
    return mix(BARE, mix(GRASS, SCRUB, step(p["mid2"], -1, 1)), cover)


def _steep(p: Pixels) -> Painted:
    """Hills with gullies, a cliff that is lit or in shadow, deep water with a thin broken line of surf."""
    edge = p.d - 6 * p.tide + 2 * p["pebble"]
    ground = _land(p) * (0.9 + 0.25 * p["shade"])
    face = ROCK * (1 + 0.55 * p.light) * (1 + 0.12 * p["pebble1"] + 0.12 * p["grain1"])
    ground = mix(ground, face, 1 - step(p.d + 18 * p["blob"], 35, 75))
    sea = _sea(p, 160) * (1 - 0.55 * np.maximum(-p.light, 0) * step(p.d, -70, -20))
    return Painted(edge, ground, mix(sea, FOAM, 0.5 * _near(edge, -8, 9) * step(p["blob2"] + p["mid3"], 0, 2)))


def _flat(p: Pixels) -> Painted:
    """A wide, smooth gradient from shallows over wet flats to meadow."""
    edge = p.d - 130 * p.tide - 60 + 25 * p["wide1"]
    ground = mix(MUD, _land(p), step(p.d + 30 * p["wide2"], -80, 330)) * (1 + 0.05 * p["grain"])
    ground = ground * (1 - 0.22 * _creek(p["creek4"], 0.05) * step(-p.d, -120, 60))
    sea = mix(_sea(p, 300), MUD * 0.9, 0.5 * step(edge, -260, 0))
    return Painted(edge, ground, sea)


def _sandy(p: Pixels) -> Painted:
    """A smooth bright beach, with dune ridges and lines of surf along the shore."""
    edge = p.d - 30 * p.tide
    ridge = np.sin(2 * np.pi * (p.s + 10 * p["mid"] + 15 * p["wide2"]) / 58)
    ridge = ridge * step(p["mid6"] + 0.4 * p["blob"], -0.9, 0.7)
    open_sand = (1 - step(p.s + 60 * p["mid4"], 150, 520)) * (0.35 + 0.3 * ridge + 0.12 * p["blob1"])
    back = mix(_land(p), SAND * 0.85, np.clip(open_sand, 0, 1)) * (1 + 0.03 * p["grain"])
    beach = mix(WET, SAND, step(edge, 5, 45))
    ground = mix(beach, back, step(p.d + 15 * p["mid3"] + 5 * p["pebble"], 105, 155))
    bars = p["mid5"] + 0.5 * p["blob"] + 0.3 * p["pebble2"]
    surf = _near(edge, -14.0, 9) * 0.5 + _near(edge, -58 + 10 * p["mid1"], 10) * 0.7 * step(bars, -0.8, 1.2)
    surf = surf + _near(edge, -112 + 14 * p["mid1"], 11) * 0.6 * step(bars, -0.2, 1.6)
    return Painted(edge, ground, mix(_sea(p, 220), FOAM, np.clip(surf, 0, 1)))


def _stony(p: Pixels) -> Painted:
    """A ragged beach of boulders in light and shadow, with rocks awash in front and outcrops behind."""
    edge = p.d - 25 * p.tide + 12 * p["pebble"]
    speckle = (0.16 * p["pebble1"] + 0.3 * p["grain"]) * (1 + 0.3 * p["blob2"])
    stones = mix(WET, SAND * 0.95, step(edge, 0, 40)) * np.clip(1 + speckle, 0.3, 2)
    outcrop = step(0.6 * p["blob1"] + 0.8 * p["mid5"] + 0.4 * p["grain2"], 0.2, 1.1) * (1 - 0.6 * step(p.s, 250, 650))
    rock = SAND * 0.7 * np.clip(1 + 0.9 * speckle + 0.2 * p["shade3"], 0.3, 2)
    back = mix(_land(p) * (1 + 0.1 * p["grain3"]), rock, 0.85 * outcrop)
    ground = mix(stones, back, step(p.d + 30 * p["blob3"] + 20 * p["mid6"], 80, 180))
    height = 0.7 * p["pebble4"] + 0.5 * p["grain1"] + 0.7 * p["mid4"] + (p.d - 40 * p.tide) / 120
    awash = step(height, 0.5, 0.9) * (p.d > -260)
    sea = mix(mix(_sea(p, 220), FOAM, 0.5 * _near(edge, -10, 14) * step(p["blob2"], -0.3, 1)), WET * 0.9, awash)
    return Painted(edge, ground, sea, dry=awash)


def _glacier(p: Pixels) -> Painted:
    """Crevasses about parallel to the front, dark medial moraines, a few growlers in milky water."""
    front = p.s + 14 * p["mid"] + 25 * p["wide"]
    crevasse = step(np.sin(2 * np.pi * front / 56 + 0.8 * p["blob"]), 0.1, 0.9)
    crevasse = crevasse * step(p["mid6"] + 0.8 * p["blob3"], -0.8, 0.6) * (1 - 0.75 * step(p.s, 450, 1000))
    ice = mix(ICE, BLUE * 0.9, 0.75 * crevasse) * (1 + 0.04 * p["grain"] + 0.03 * p["shade2"])
    moraine = _near(p["flow"] + 0.05 * p["mid1"], 0, 0.09) * (0.7 + 0.15 * p["pebble1"]) * step(p["wide5"], -0.8, 0.2)
    ground = mix(ice, DEBRIS, np.clip(moraine, 0, 1))
    growler = step(p["pebble3"] + p.d / 500, 1.9, 2.2)
    return Painted(p.d, ground, mix(_sea(p, 300), ICE * 0.8, growler), dry=growler)


def _ice(p: Pixels) -> Painted:
    """A smooth ice shelf with a sharp edge that casts a shadow, with floes and brash ice in front."""
    top = ICE * (0.93 + 0.025 * p["wide4"] + 0.015 * p["swell1"])
    cliff = _near(p.d, 8, 14)
    ground = mix(top, np.where(p.light > 0, SNOW * 1.05, BLUE * 0.55), cliff * np.abs(p.light))
    cover = 0.9 + p.d / 420 + 0.5 * p["wide1"]
    floes = step(0.9 * p["blob5"] + 0.35 * p["pebble"] + 0.5 * p["mid2"] + cover, 1.35, 1.5)
    brash = step(p["pebble2"] + cover, 1.5, 2.3) * 0.6
    sea = _sea(p, 120) * (1 - 0.5 * np.maximum(-p.light, 0) * step(p.d, -70, -20))
    return Painted(p.d, ground, mix(mix(sea, BLUE, brash), ICE * 0.95, floes), dry=mix(brash, 1.0, floes))


def _mangrove(p: Pixels) -> Painted:
    """A dark canopy with a lobed edge and grainy crowns, single trees in front, tidal creeks that widen seaward."""
    edge = p.d + 22 * p["blob"] + 8 * p["pebble"]
    width = 0.035 + 0.09 * np.exp(-np.maximum(p.s, 0) / 350)
    creek = _creek(p["creek1"], width) * (1 - step(p.s, 700, 1100))
    canopy = CANOPY * (1 + 0.16 * p["grain"] + 0.08 * p["mid3"]) * (0.85 + 0.3 * p.green)
    flooded = 0.7 * step(p.tide, -0.8, 0.4)
    ground = mix(canopy, mix(MUD, TURBID * 0.8, flooded), creek)
    shoal = step(p.d - 60 * p.tide, -120, -20) * 0.5
    trees = step(p["pebble2"] + p.d / 90, 0.9, 1.2)
    return Painted(edge, ground, mix(mix(_sea(p, 350), MUD, shoal), CANOPY, trees), wet=creek * flooded, dry=trees)


def _marshy(p: Pixels) -> Painted:
    """Patches of reed and grass among a dense net of meandering creeks, with pools."""
    edge = p.d - 35 * p.tide + 8 * p["blob"]
    patch = step(0.5 * p["blob1"] + 0.9 * p["mid1"] + 0.3 * p["pebble"], -1.1, 1.2)
    plants = mix(CANOPY * 0.9, REED, patch) * (0.8 + 0.3 * p.green) * (1 + 0.06 * p["grain"])
    width = 0.06 + 0.14 * np.exp(-np.maximum(p.s, 0) / 220)
    creek = np.maximum(_creek(p["creek3"], width), 0.8 * _creek(p["mid4"], 0.07 + width))
    pools = step(p["pebble3"] + 0.9 * p["mid2"], 1.5, 1.8)
    wet = np.maximum(creek, pools) * (1 - 0.6 * step(p.s, 700, 1100))
    flooded = 0.7 * step(p.tide, -0.8, 0.4)
    ground = mix(plants, mix(MUD, TURBID * 0.8, flooded), wet)
    sea = mix(_sea(p, 350), MUD, step(p.d - 90 * p.tide, -160, 0) * 0.5)
    return Painted(edge, ground, sea, wet=wet * flooded)


@dataclass(frozen=True)
class Style:
    """Appearance and properties of a category in the synthetic world."""

    layer: Layer
    frayed: tuple[tuple[str, float], ...]  # roughness of the shoreline: textures and their amplitudes in metres
    climate: float  # 0 cold to 5 warm
    green: float  # lowest vegetation share, see Pixels.green
    tinted: float = 1.0  # strength of the random tint of the stretch, 0 to 1


STYLES = {
    1: Style(_steep, (("creek", 32), ("pebble", 3)), 1.5, 0.45),
    2: Style(_flat, (("creek", 30), ("mid", 12)), 3.0, 0.4),
    3: Style(_sandy, (("creek", 15), ("mid", 5)), 3.5, 0.1),
    4: Style(_stony, (("creek", 30), ("blob", 13), ("pebble", 7)), 2.0, 0.15),
    6: Style(_glacier, (("creek", 35), ("mid", 15), ("pebble", 3)), 0.0, 0.2, 0.45),
    7: Style(_mangrove, (("creek", 32), ("blob", 18)), 5.0, 0.4),
    8: Style(_marshy, (("creek", 35), ("blob", 14)), 4.5, 0.4),
    10: Style(_ice, (("creek", 20), ("mid", 12), ("pebble", 3)), 0.5, 0.2, 0.45),
}
"""Styles of the categories, by CATCOA code."""


def backdrop(p: Pixels) -> Painted:
    """Appearance away from the shore: hills inland, with snow on cold ones, and open sea."""
    hills = _land(p) * (1 + 0.2 * p["shade1"])
    snow = step(p.cold + 0.1 * p["wide"] - 0.16 * np.abs(p["ridge1"]) + 0.02 * p["pebble"], 0.18, 0.42)
    hills = mix(hills, ICE * (1.06 + 0.12 * p["shade1"]), snow)
    return Painted(p.d, hills, _sea(p, 250))
