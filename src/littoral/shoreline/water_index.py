"""Which pixels are water: indices, the bands each needs, and the threshold.

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
    """A number per pixel that is higher on water than on land, from -1 to 1."""

    name: str
    bands: tuple[str, ...]
    """Sentinel-2's names of the bands it needs."""
    of: Callable[..., Plane]
    """Takes these bands as (height, width) float32, not negative."""
    threshold: float | None = None
    """Where the index itself says where water begins; None: by Otsu's method."""

    def darker_than(self, band: str, bound: float) -> WaterIndex:
        """The lesser of the index and of how much darker than the bound a band is, (bound - band) / (bound + band).

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
    """Green/NIR > 1 and green/SWIR > 1, as one number that is positive where both hold."""
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
"""By name, in the order in which they are chosen where the scene has the bands."""


def choose_index(name: str, available: list[str]) -> WaterIndex:
    """The index of that name, or with ``auto`` the first whose bands there are.

    Raises:
        InputError: an unknown name, or bands that are missing.

    Where the scene has no B08 but the narrower B8A, as Landsat's near infrared is, that stands for it.

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
    """The band of the near infrared, if there is one."""
    return next((band for band in ("B08", "B8A") if band in available), None)


def otsu(histogram: NDArray[np.int64], edges: NDArray[np.float64]) -> float | None:
    """Otsu's threshold of a histogram, in the middle of the gap where there is one; None where all is one value.

    >>> otsu(np.array([5, 0, 0, 5]), np.arange(5.0))
    2.0
    """
    full = np.flatnonzero(histogram)
    if len(full) < 2:
        return None
    centres = (edges[:-1] + edges[1:]) / 2
    lower = float(threshold_otsu(hist=(histogram, centres)))  # type: ignore[no-untyped-call]
    return float(lower + centres[full][centres[full] > lower][0]) / 2
