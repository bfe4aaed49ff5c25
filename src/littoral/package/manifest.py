"""Read and write ``littoral.json``: what the ``.emd`` of a model has no key for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from littoral.categories import Category
from littoral.errors import InputError, first_line
from littoral.package.json_checks import (
    area,
    flag,
    listed,
    maybe,
    number,
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
"""Version of the manifest's format; others are refused."""
MOST_CLASSES = 256
MOST_NOVELTY = 300_000
"""Bytes."""


@dataclass(frozen=True)
class Manifest:
    """Properties of a model, as its package carries them."""

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
    """How training and validation tiles were split, in words."""
    only_training: tuple[int, ...]
    """Class values that are left out of the validation scores, as they exist in one place only."""
    training_area: str
    """Training area: WKT of the outlines of the training tiles in longitude and latitude; empty where unknown."""
    baselines: Mapping[str, Any]
    """Parameters of the baseline models fitted on the same training tiles (:mod:`littoral.evaluation`)."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the libraries used in training, by name."""
    seed: int = 42
    """Of split and training."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """Temperature and thresholds of prediction sets (:mod:`littoral.evaluation`); empty where none were fitted."""
    attribution: str = ""
    """Credit for the training imagery; empty where it was not given."""
    licence: str = ""
    """Licence of model and training imagery, an SPDX identifier if there is one; empty where it was not given."""
    acquired: tuple[str, str] | None = None
    """First and last day of the training imagery, ISO 8601; None where unknown."""
    data_hash: str = ""
    """SHA-256 of the tiles: classes, outlines, band means, and which of them are for training."""
    configuration_hash: str = ""
    """SHA-256 of the options of training."""
    prior: tuple[float, ...] = ()
    """Share of each class among the training samples, in the order of ``categories``; empty where unknown."""
    novelty: Mapping[str, Any] = field(default_factory=dict)
    """Distribution of the training features (:mod:`littoral.predictions.novelty`); empty where it was not measured. At
    most :data:`MOST_NOVELTY` bytes of JSON."""
    transitions: Mapping[str, Any] = field(default_factory=dict)
    """Class transitions along the training coast (:mod:`littoral.predictions.transitions`); empty where unknown."""


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
_SCHEMA = record(
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
    """A manifest as plain JSON values, which :func:`manifest_of` reads."""
    return {"format": FORMAT, **asdict(manifest)}


def manifest_of(path: Path, content: dict[str, Any]) -> Manifest:
    """Read a manifest; every value is checked, keys of later versions are ignored.

    Raises:
        InputError: another format, or a value that no model of littoral has.
    """
    if content.get("format") != FORMAT:
        raise InputError(path, f"is of format {shown(content.get('format'))}, not {FORMAT}", "update littoral")
    try:
        _SCHEMA(content, "")
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
        check_manifest(manifest)
    except (KeyError, TypeError, ValueError, OverflowError, InputError, shapely.errors.GEOSException) as error:
        what = error.what if isinstance(error, InputError) else first_line(error)
        raise InputError(path, f"has a {MANIFEST} that is damaged ({what})", "copy or train the model again") from error
    return manifest


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _pair(values: Any) -> tuple[float, float]:
    x, y = map(float, values)
    return x, y


def check_manifest(manifest: Manifest) -> None:
    """Check the values of a manifest against one another.

    Raises:
        ValueError: values that no model of littoral has.
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
