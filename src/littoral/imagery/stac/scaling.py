"""Scale and offset from stored values to reflectance, from an item's metadata.

In Sentinel-2 products of processing baseline 04.00 or later, 1000 is added to every stored value, so that dark water
can have negative reflectance; removing it twice, or not at all, shifts reflectance by 0.1. The date does not decide,
because old scenes were reprocessed with the offset. The catalogues differ:

* Earth Search, ``sentinel-2-l2a``: the offset is already removed from most scenes, flagged by
  ``earthsearch:boa_offset_applied``; ``raster:bands`` lists the offset of -0.1 in both cases.
* Earth Search, ``sentinel-2-c1-l2a``, and CDSE: ESA's original values, with scale and offset in the item.
* Planetary Computer: ESA's original values; the item has the baseline only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from littoral.errors import InputError

_OFFSET = 0.1
"""Offset in reflectance from baseline 04.00 on: 1000 / 10000."""
_LARGEST_OFFSET = 1.0
"""Largest magnitude of an offset in reflectance; a larger one must be in stored values."""
_FIRST_WITH_OFFSET = 4.0
"""First baseline with the offset."""
_OWN_PROCESSING = 99
"""Baseline of products that users processed themselves (99.99, N9999); they may or may not have the offset."""
_SCALE = 1e-4
_FLAGS = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINES = ("s2:processing_baseline", "sentinel:processing_baseline")
_VERSION = re.compile(r"\d\d\.\d\d")
_IN_NAME = re.compile(r"_N(\d\d)\.?(\d\d)(?:_|\b)")


@dataclass(frozen=True)
class ScalingMetadata:
    """Metadata of an item about the scaling of a Sentinel-2 band; None where the item has no value."""

    scale: float | None = None
    """Scale declared by the asset."""
    offset: float | None = None
    """Offset in reflectance, declared by the asset."""
    baseline: float | None = None
    """Processing baseline, such as 5.09."""
    applied: bool | None = None
    """Whether the catalogue has already removed the offset from the pixels (``boa_offset_applied``)."""
    named: str = "The item"
    """Name of the item in messages."""


def reflectance_scaling(metadata: ScalingMetadata) -> tuple[float, float] | None:
    """Scale and offset of reflectance = stored x scale + offset; None if the metadata do not determine them.

    The first rule that applies: the offset is 0 if it was already removed; 0 before baseline 04.00; the one the asset
    declares; -0.1 from baseline 04.00 on.

    Raises:
        InputError: the declared offset is in stored values instead of reflectance.

    >>> reflectance_scaling(ScalingMetadata(1e-4, -0.1, 5.09, applied=True))
    (0.0001, 0.0)
    >>> reflectance_scaling(ScalingMetadata(baseline=5.09))
    (0.0001, -0.1)
    >>> reflectance_scaling(ScalingMetadata(1e-4)) is None
    True
    """
    scale = _SCALE if metadata.scale is None else metadata.scale
    if metadata.applied or (metadata.baseline is not None and metadata.baseline < _FIRST_WITH_OFFSET):
        return scale, 0.0
    if metadata.offset is not None:
        if abs(metadata.offset) > _LARGEST_OFFSET:
            raise InputError(
                metadata.named,
                f"declares an offset of {metadata.offset:g}, which is too large for reflectance "
                f"(Sentinel-2's is {-_OFFSET:g})",
                f"write {metadata.offset * scale:g} if it is one of stored values, or take the scene from elsewhere",
            )
        return scale, metadata.offset
    return None if metadata.baseline is None else (scale, -_OFFSET)


def is_doubtful(metadata: ScalingMetadata) -> bool:
    """Whether an offset other than 0 depends on ``boa_offset_applied`` being false, which is wrong for some scenes.

    >>> [is_doubtful(ScalingMetadata(1e-4, -0.1, baseline, applied=False)) for baseline in (5.11, 2.12)]
    [True, False]
    """
    scaling = reflectance_scaling(metadata)
    return metadata.applied is False and scaling is not None and scaling[1] != 0


def scaling_metadata(item: Mapping[str, Any], asset: Mapping[str, Any], index: int) -> ScalingMetadata:
    """Scaling metadata of band ``index`` (from 1) of an asset."""
    properties = item["properties"]
    flag = next((properties[name] for name in _FLAGS if properties.get(name) is not None), None)
    applied = None if flag is None else str(flag).strip().lower() == "true"
    scale, offset = declared(asset, index)
    return ScalingMetadata(scale, offset, baseline_of(item), applied, f"The item {item['id']}")


def declared(asset: Mapping[str, Any], index: int) -> tuple[float | None, float | None]:
    """Scale and offset that an asset declares for a band, in ``raster:bands`` or ``bands`` or for all its bands.

    >>> declared({"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}, 1)
    (0.0001, -0.1)
    >>> declared({"raster:scale": 0.0001, "bands": [{"name": "B02"}]}, 1)
    (0.0001, None)
    """
    entries = band_entries(asset, index)
    scale = _first_number(entry.get(key) for entry in entries for key in ("scale", "raster:scale"))
    offset = _first_number(entry.get(key) for entry in entries for key in ("offset", "raster:offset"))
    return scale, offset


def band_entries(asset: Mapping[str, Any], index: int) -> list[Mapping[str, Any]]:
    """Objects with metadata of a band, the most specific first: STAC's raster extension 1 and 2, then the asset."""
    found = []
    for key in ("raster:bands", "bands"):
        listed = asset.get(key)
        if isinstance(listed, list) and len(listed) >= index and isinstance(listed[index - 1], Mapping):
            found.append(listed[index - 1])
    return [*found, asset]


def baseline_of(item: Mapping[str, Any]) -> float | None:
    """Processing baseline from the properties, or from a product name in the item's id or properties; None if unknown.

    >>> baseline_of({"id": "x", "properties": {"s2:processing_baseline": "05.09"}})
    5.09
    >>> baseline_of({"id": "S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126", "properties": {}})
    4.0
    """
    properties = item["properties"]
    baseline = _first_number(properties.get(name) for name in _BASELINES)
    if baseline is not None:
        baseline = baseline if baseline < 100 else baseline / 100
        return baseline if baseline < _OWN_PROCESSING else None
    names = [item.get("id"), *(value for key, value in properties.items() if key.startswith(("s2:", "sentinel:")))]
    found = next((match for name in names if (match := _IN_NAME.search(str(name)))), None)
    if found is not None and float(found[1]) < _OWN_PROCESSING:
        return float(f"{found[1]}.{found[2]}")
    # CDSE writes the baseline here; in other catalogues it may be a program version, so only NN.NN is accepted.
    version = str(properties.get("processing:version", ""))
    return float(version) if _VERSION.fullmatch(version) and float(version) < _OWN_PROCESSING else None


def _first_number(values: Iterable[object]) -> float | None:
    """The first finite number; some catalogues write numbers as text."""
    for value in values:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except ValueError:
                continue
            if math.isfinite(number):
                return number
    return None
