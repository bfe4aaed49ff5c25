"""``littoral.json``: all about a model that the ``.emd`` has no place for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from littoral.categories import Category
from littoral.errors import InputError
from littoral.package.preprocessing import Preprocessing
from littoral.tiles import TileSpec

MANIFEST = "littoral.json"
FORMAT = 1
"""Of the manifest; a reader refuses others."""


@dataclass(frozen=True)
class Manifest:
    """What a package says about its model."""

    backbone: str
    """timm's name of the network's body."""
    preprocessing: Preprocessing
    """From pixels to input."""
    categories: tuple[Category, ...]
    """In the order of the network's outputs."""
    cell_size: tuple[float, float]
    """Width and height of a training pixel in units of its CRS."""
    cell_epsg: int | None
    """EPSG code of that CRS."""
    split: str
    """How training and validation were parted, in words."""
    only_training: tuple[int, ...]
    """Class values that are left out of the validation scores, as they exist in one place only."""
    training_area: str
    """WKT of the ground under the training tiles in longitude and latitude; empty where it is not known."""
    baselines: Mapping[str, Any]
    """Simple models fitted on the same training tiles (see ``learn.evaluation``)."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the libraries that made it."""
    seed: int = 42
    """Of split and training."""


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """What :func:`manifest_of` reads, as plain JSON values."""
    return {"format": FORMAT, **asdict(manifest)}


def manifest_of(path: Path, content: dict[str, Any]) -> Manifest:
    """Every value checked before it is used; keys of later versions are passed over."""
    if content.get("format") != FORMAT:
        raise InputError(path, f"is of format {content.get('format')!r}, not {FORMAT}", "update littoral")
    try:
        given = dict(content["preprocessing"])
        tile = dict(given["tile"])
        nodata, resize_px = given.get("nodata"), given.get("resize_px")
        preprocessing = Preprocessing(
            TileSpec.from_json(tile),
            int(given["chip_px"]),
            tuple(map(float, given["mean"])),
            tuple(map(float, given["std"])),
            np.dtype(str(given["dtype"])).name,
            str(given["pixels"]),
            None if nodata is None else float(nodata),
            None if resize_px is None else int(resize_px),
        )
        categories = tuple(
            Category(int(c["code"]), str(c["name"]), str(c["colour"]), str(c["s101"])) for c in content["categories"]
        )
        manifest = Manifest(
            str(content["backbone"]),
            preprocessing,
            categories,
            _pair(content["cell_size"]),
            None if content["cell_epsg"] is None else int(content["cell_epsg"]),
            str(content["split"]),
            tuple(map(int, content["only_training"])),
            str(content["training_area"]),
            dict(content["baselines"]),
            {str(name): str(version) for name, version in dict(content["versions"]).items()},
            int(content["seed"]),
        )
        _check(manifest)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        InputError,
        shapely.errors.GEOSException,
    ) as error:
        what = f"lacks the key {error}" if isinstance(error, KeyError) else f"is damaged ({error})"
        raise InputError(path, f"has a {MANIFEST} that {what}", "copy or train the model again") from error
    return manifest


def _pair(values: Any) -> tuple[float, float]:
    x, y = map(float, values)
    return x, y


def _check(manifest: Manifest) -> None:
    """
    Raises:
        ValueError: values that no model of ours has.
    """
    given = manifest.preprocessing
    if not 0 < len(given.tile.bands) == len(given.mean) == len(given.std):
        raise ValueError("bands, mean and std differ in number")
    if not (np.isfinite(given.mean).all() and np.isfinite(given.std).all() and min(given.std) > 0):
        raise ValueError("mean and std must be finite, std positive")
    if not 8 <= given.chip_px <= (given.resize_px or min(given.tile.size)) <= 16_384:
        raise ValueError("chip_px is out of range")
    if np.dtype(given.dtype).kind not in "uif":
        raise ValueError(f"dtype {given.dtype}")
    codes = [category.code for category in manifest.categories]
    if not codes or len(set(codes)) < len(codes):
        raise ValueError("class codes are missing or repeated")
    if not all(re.fullmatch("#[0-9A-Fa-f]{6}", category.colour) for category in manifest.categories):
        raise ValueError("colours must be #RRGGBB")
    if manifest.training_area:
        shapely.from_wkt(manifest.training_area)
