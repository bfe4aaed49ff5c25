"""Water indices, the bands they need, and Otsu's threshold.

Sources: NDWI, McFeeters 1996 (doi:10.1080/01431169608948714); MNDWI, Xu 2006 (doi:10.1080/01431160600589179); the two
band ratios, Alesheikh et al. 2007 (doi:10.1007/BF03325962), here with Sentinel-2's bands; threshold, Otsu 1979
(doi:10.1109/TSMC.1979.4310076), first on all pixels and then on those near the water's edge, as Vos et al. 2019
(doi:10.1016/j.envsoft.2019.104528) do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from littoral.errors import InputError

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class WaterIndex:
    """An index from -1 to 1 that is higher on water than on land."""

    name: str
    bands: tuple[str, ...]
    """Bands it needs, by their Sentinel-2 names."""
    of: Callable[..., Plane]
    """Function of these bands as arrays of one shape, float32, not negative; returns the index."""
    threshold: float | None = None
    """Fixed threshold of the index; None: Otsu's method."""

    def darker_than(self, band: str, bound: float) -> WaterIndex:
        """Index that is the minimum of this one and of (bound - band) / (bound + band).

        >>> INDICES["NDWI"].darker_than("B08", 0.25).of(np.float32([0.9]), np.float32([0.75])).tolist()
        [-0.5]
        """
        bands = tuple(dict.fromkeys((*self.bands, band)))

        def of(*planes: Plane) -> Plane:
            bright = planes[bands.index(band)]
            return np.minimum(self.of(*planes[: len(self.bands)]), _difference(np.full_like(bright, bound), bright))

        return replace(self, bands=bands, of=of)


def _difference(one: Plane, other: Plane) -> Plane:
    """(one - other) / (one + other); 0 where both are 0.

    >>> _difference(np.float32([3, 0]), np.float32([1, 0])).tolist()
    [0.5, 0.0]
    """
    total = one + other
    return np.asarray((one - other) / np.where(total > 0, total, 1), np.float32)


def _ratios(green: Plane, nir: Plane, swir: Plane) -> Plane:
    """Index that is positive where green/NIR > 1 and green/SWIR > 1."""
    return np.minimum(_difference(green, nir), _difference(green, swir))


INDICES = {
    index.name: index
    for index in (
        WaterIndex("MNDWI", ("B03", "B11"), _difference),
        WaterIndex("NDWI", ("B03", "B08"), _difference),
        WaterIndex("ratios", ("B03", "B08", "B11"), _ratios, threshold=0.0),
        WaterIndex("RGB", ("B03", "B04"), _difference),
    )
}
"""Indices by name; ``auto`` chooses the first whose bands the scene has."""


def choose_index(name: str, available: list[str]) -> WaterIndex:
    """The index with a name, or for ``auto`` the first whose bands are available.

    If there is no B08, the narrower near-infrared band B8A (as in Landsat scenes) is used instead.

    Raises:
        InputError: the name is unknown, or bands are missing.

    >>> choose_index("auto", ["B02", "B03", "B04", "B08"]).name
    'NDWI'
    >>> choose_index("NDWI", ["B03", "B8A"]).bands
    ('B03', 'B8A')
    """
    if name != "auto" and name not in INDICES:
        raise InputError(f"the index {name!r}", "is not known", f"choose auto, {', '.join(INDICES)}")
    infrared = near_infrared(available)
    for index in INDICES.values():
        bands = tuple(infrared or band if band == "B08" else band for band in index.bands)
        if name in ("auto", index.name) and set(bands) <= set(available):
            return replace(index, bands=bands)
    needed = " or ".join("+".join(i.bands) for i in INDICES.values() if name in ("auto", i.name))
    raise InputError(
        "the scene",
        f"has the bands {', '.join(available)}, not {needed}, which {'an index' if name == 'auto' else name} needs",
        "name its bands as Sentinel-2 does, in the file's order, e.g. --band-names B02,B03,B04,B08,B11 for blue, "
        "green, red, near and short-wave infrared, or choose another index",
    )


def near_infrared(available: list[str]) -> str | None:
    """Name of the near-infrared band, or None."""
    return next((band for band in ("B08", "B8A") if band in available), None)


def otsu(histogram: NDArray[np.int64], edges: NDArray[np.float64]) -> float | None:
    """Otsu's threshold of a histogram, in the middle of the empty bins around it; None if only one bin is filled.

    >>> otsu(np.array([5, 0, 0, 5]), np.arange(5.0))
    2.0
    """
    full = np.flatnonzero(histogram)
    if len(full) < 2:
        return None
    centres = (edges[:-1] + edges[1:]) / 2
    lower = float(threshold_otsu(hist=(histogram, centres)))  # type: ignore[no-untyped-call]
    return float(lower + centres[full][centres[full] > lower][0]) / 2
