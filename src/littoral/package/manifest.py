"""``littoral.json``: all about a model that the ``.emd`` has no place for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from littoral.categories import Category
from littoral.errors import InputError
from littoral.package.json_checks import (
    area,
    flag,
    listed,
    maybe,
    number,
    one_line,
    record,
    shown,
    table,
    text,
    whole,
    word,
)
from littoral.package.preprocessing import Preprocessing
from littoral.tiles import TileSpec

MANIFEST = "littoral.json"
FORMAT = 1
"""Of the manifest; a reader refuses others."""
MOST_CLASSES = 256
MOST_NOVELTY = 300_000
"""Bytes."""


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
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """Temperature and thresholds of prediction sets (see ``learn.evaluation``); empty where none were fitted."""
    attribution: str = ""
    """Whom the training imagery is to be credited to; empty where nobody said it."""
    licence: str = ""
    """Of the model and the imagery it was trained on, an SPDX name if there is one; empty where nobody said it."""
    acquired: tuple[str, str] | None = None
    """First and last day of the training imagery, ISO 8601; None where it is not known."""
    data_hash: str = ""
    """SHA-256 of the tiles: classes, ground, band means, and which of them taught."""
    configuration_hash: str = ""
    """SHA-256 of what training was asked for."""
    prior: tuple[float, ...] = ()
    """Share of each class in what training showed, in the order of ``categories``; empty where it is not known."""
    novelty: Mapping[str, Any] = field(default_factory=dict)
    """What the training's features look like (see ``predictions.novelty``), at most :data:`MOST_NOVELTY` bytes of JSON;
    empty where nobody looked."""
    transitions: Mapping[str, Any] = field(default_factory=dict)
    """How the training coast changes from class to class (see ``predictions.transitions``); empty where it is not
    known."""


_TILE = record(
    {"size_px": whole, "bands": listed(word), "raw": flag, "min_valid": number},
    {
        "height_px": maybe(whole),
        "placement": text,
        "crop": text,
        "blacken": flag,
        "space": text,
        "cell_size": maybe(number),
        "max_cloud": number,
    },
)
_FORM = record(
    {
        "backbone": word,
        "preprocessing": record(
            {
                "tile": _TILE,
                "chip_px": whole,
                "mean": listed(number),
                "std": listed(number),
                "dtype": word,
                "pixels": text,
            },
            {"nodata": maybe(number), "fill": maybe(number), "resize_px": maybe(whole)},
        ),
        "categories": listed(record({"code": whole, "name": word, "colour": word, "s101": text})),
        "cell_size": listed(number, 2),
        "cell_epsg": maybe(whole),
        "split": text,
        "only_training": listed(whole),
        "training_area": area,
        "baselines": table(),
        "versions": table(text),
        "seed": whole,
    },
    {
        "calibration": table(),
        "attribution": text,
        "licence": text,
        "acquired": maybe(listed(word, 2)),
        "data_hash": text,
        "configuration_hash": text,
        "prior": listed(number),
        "novelty": table(),
        "transitions": table(),
    },
)


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """What :func:`manifest_of` reads, as plain JSON values."""
    return {"format": FORMAT, **asdict(manifest)}


def manifest_of(path: Path, content: dict[str, Any]) -> Manifest:
    """Every value checked before it is used; keys of later versions are passed over.

    Raises:
        InputError: another format, or a value that no model of ours has.
    """
    if content.get("format") != FORMAT:
        raise InputError(path, f"is of format {shown(content.get('format'))}, not {FORMAT}", "update littoral")
    try:
        _FORM(content, "")
        given = content["preprocessing"]
        preprocessing = Preprocessing(
            TileSpec.from_json(given["tile"]),
            given["chip_px"],
            tuple(map(float, given["mean"])),
            tuple(map(float, given["std"])),
            np.dtype(given["dtype"]).name,
            given["pixels"],
            _real(given.get("nodata")),
            _real(given.get("fill")),
            given.get("resize_px"),
        )
        acquired = content.get("acquired")
        manifest = Manifest(
            content["backbone"],
            preprocessing,
            tuple(Category(c["code"], c["name"], c["colour"], c["s101"]) for c in content["categories"]),
            _pair(content["cell_size"]),
            content["cell_epsg"],
            content["split"],
            tuple(content["only_training"]),
            content["training_area"],
            content["baselines"],
            content["versions"],
            content["seed"],
            content.get("calibration", {}),
            content.get("attribution", ""),
            content.get("licence", ""),
            None if acquired is None else (acquired[0], acquired[1]),
            content.get("data_hash", ""),
            content.get("configuration_hash", ""),
            tuple(map(float, content.get("prior", ()))),
            content.get("novelty", {}),
            content.get("transitions", {}),
        )
        check(manifest)
    except (KeyError, TypeError, ValueError, OverflowError, InputError, shapely.errors.GEOSException) as error:
        what = error.what if isinstance(error, InputError) else one_line(error)
        raise InputError(path, f"has a {MANIFEST} that is damaged ({what})", "copy or train the model again") from error
    return manifest


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _pair(values: Any) -> tuple[float, float]:
    x, y = map(float, values)
    return x, y


def check(manifest: Manifest) -> None:
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
    if len(codes) > MOST_CLASSES:
        raise ValueError(f"{len(codes)} classes are more than {MOST_CLASSES}")
    if manifest.prior and (len(manifest.prior) != len(codes) or min(manifest.prior) < 0 or sum(manifest.prior) <= 0):
        raise ValueError("prior is no share of each class")
    if manifest.novelty and len(json.dumps(manifest.novelty)) > MOST_NOVELTY:
        raise ValueError(f"novelty is longer than {MOST_NOVELTY} bytes")
    if manifest.training_area:
        # Numbers beyond all bounds become infinite, which is refused here without a warning.
        with np.errstate(all="ignore"):
            bounds = np.array(shapely.from_wkt(manifest.training_area).bounds)
        if not (np.abs(bounds) <= (540, 90, 540, 90)).all():
            raise ValueError("training_area is not in longitude and latitude")
