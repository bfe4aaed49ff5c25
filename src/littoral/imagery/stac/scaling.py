"""From stored values to reflectance, by what an item says: the offset of Sentinel-2, told in many ways.

From processing baseline 04.00 on, 1000 is added to every stored value, so that dark water can be negative; whoever
takes it off twice, or not at all, is wrong by a reflectance of 0.1. The date does not tell: old scenes were processed
again with the offset. What the catalogues do:

* Earth Search, ``sentinel-2-l2a``: most pixels are shifted back, and ``earthsearch:boa_offset_applied`` says so; the
  offset of -0.1 in ``raster:bands`` stands there all the same.
* Earth Search, ``sentinel-2-c1-l2a``, and CDSE: ESA's pixels; scale and offset are told, once.
* Planetary Computer: ESA's pixels; nothing is told but the baseline.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from littoral.errors import InputError

_OFFSET = 0.1
"""Of reflectance, from baseline 04.00 on: 1000 of 10000."""
_LARGEST_OFFSET = 1.0
"""That can be one of reflectance."""
_FIRST_WITH_OFFSET = 4.0
_OWN_PROCESSING = 99
"""Of what users processed by themselves (99.99, N9999): it tells nothing of the offset."""
_SCALE = 1e-4
_FLAGS = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINES = ("s2:processing_baseline", "sentinel:processing_baseline")
_VERSION = re.compile(r"\d\d\.\d\d")
_IN_NAME = re.compile(r"_N(\d\d)\.?(\d\d)(?:_|\b)")


@dataclass(frozen=True)
class Told:
    """What an item says of how a band of Sentinel-2 is stored; None where it is silent."""

    scale: float | None = None
    offset: float | None = None
    """Of reflectance, as the asset declares it."""
    baseline: float | None = None
    """Version of the processing, such as 5.09."""
    applied: bool | None = None
    """Whether the catalogue has taken the offset off the pixels."""
    named: str = "The item"
    """It, for sentences."""


def reflectance_scaling(told: Told) -> tuple[float, float] | None:
    """Scale and offset of reflectance = stored x scale + offset; None where nothing tells.

    In this order: what was taken off already is not taken off again; before baseline 04.00 there was nothing to take
    off; what the asset declares; what the baseline says.

    Raises:
        InputError: the offset that counts is none of reflectance, but of stored values.

    >>> reflectance_scaling(Told(1e-4, -0.1, 5.09, applied=True))
    (0.0001, 0.0)
    >>> reflectance_scaling(Told(baseline=5.09))
    (0.0001, -0.1)
    >>> reflectance_scaling(Told(1e-4)) is None
    True
    """
    scale = _SCALE if told.scale is None else told.scale
    if told.applied or (told.baseline is not None and told.baseline < _FIRST_WITH_OFFSET):
        return scale, 0.0
    if told.offset is not None:
        if abs(told.offset) > _LARGEST_OFFSET:
            raise InputError(
                told.named,
                f"declares an offset of {told.offset:g}, which is none of reflectance (Sentinel-2's is {-_OFFSET:g})",
                f"write {told.offset * scale:g} if it is one of stored values, or take the scene from elsewhere",
            )
        return scale, told.offset
    return None if told.baseline is None else (scale, -_OFFSET)


def is_doubtful(told: Told) -> bool:
    """Whether the offset rests on a flag that is known to be wrong at times: "not taken off" where it was.

    >>> is_doubtful(Told(1e-4, -0.1, 5.11, applied=False)), is_doubtful(Told(1e-4, -0.1, 2.12, applied=False))
    (True, False)
    """
    scaling = reflectance_scaling(told)
    return told.applied is False and scaling is not None and scaling[1] != 0


def told_by(item: Mapping[str, Any], asset: Mapping[str, Any], index: int) -> Told:
    """What an item says of the band ``index`` (from 1) of an asset."""
    properties = item["properties"]
    flag = next((properties[name] for name in _FLAGS if properties.get(name) is not None), None)
    applied = None if flag is None else str(flag).strip().lower() == "true"
    scale, offset = declared(asset, index)
    return Told(scale, offset, baseline_of(item), applied, f"The item {item['id']}")


def declared(asset: Mapping[str, Any], index: int) -> tuple[float | None, float | None]:
    """Scale and offset that an asset declares for a band: in ``raster:bands``, ``bands``, or for all its bands.

    >>> declared({"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}, 1)
    (0.0001, -0.1)
    >>> declared({"raster:scale": 0.0001, "bands": [{"name": "B02"}]}, 1)
    (0.0001, None)
    """
    told = band_entries(asset, index)
    scale = _first_number(entry.get(key) for entry in told for key in ("scale", "raster:scale"))
    offset = _first_number(entry.get(key) for entry in told for key in ("offset", "raster:offset"))
    return scale, offset


def band_entries(asset: Mapping[str, Any], index: int) -> list[Mapping[str, Any]]:
    """Where an asset speaks of a band, the most special first: STAC's raster extension 1 and 2, then the asset."""
    found = []
    for key in ("raster:bands", "bands"):
        listed = asset.get(key)
        if isinstance(listed, list) and len(listed) >= index and isinstance(listed[index - 1], Mapping):
            found.append(listed[index - 1])
    return [*found, asset]


def baseline_of(item: Mapping[str, Any]) -> float | None:
    """Processing baseline, by the properties, or by the product's name in them or in the item's; None where unknown.

    >>> baseline_of({"id": "x", "properties": {"s2:processing_baseline": "05.09"}})
    5.09
    >>> baseline_of({"id": "S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126", "properties": {}})
    4.0
    """
    properties = item["properties"]
    said = _first_number(properties.get(name) for name in _BASELINES)
    if said is not None:
        said = said if said < 100 else said / 100
        return said if said < _OWN_PROCESSING else None
    names = [item.get("id"), *(value for key, value in properties.items() if key.startswith(("s2:", "sentinel:")))]
    found = next((match for name in names if (match := _IN_NAME.search(str(name)))), None)
    if found is not None and float(found[1]) < _OWN_PROCESSING:
        return float(f"{found[1]}.{found[2]}")
    # CDSE's word for it; elsewhere it may be the version of some program.
    version = str(properties.get("processing:version", ""))
    return float(version) if _VERSION.fullmatch(version) and float(version) < _OWN_PROCESSING else None


def _first_number(values: Iterable[object]) -> float | None:
    """The first that is a number or text for one; numbers come as text in some catalogues."""
    for value in values:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except ValueError:
                continue
            if math.isfinite(number):
                return number
    return None
