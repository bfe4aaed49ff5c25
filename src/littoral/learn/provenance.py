"""Origin of a model: hashes of its tiles and its configuration, its training area, the dates of the imagery."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from littoral.evaluation import fit_baselines
from littoral.learn.data import TileData, training_area
from littoral.package import Manifest
from littoral.tiles import TileSet


def training_origin(data: TileData) -> dict[str, Any]:
    """Fields of the manifest that describe the training tiles."""
    part = data.split.training
    return {
        "split": data.split.describe(),
        "only_training": data.split.only_training,
        "training_area": training_area(data.tiles, part),
        "baselines": fit_baselines(data.statistics[part], data.tiles.targets[part], data.c).to_json(),
        "seed": data.seed,
        "acquired": acquired(data.tiles),
        "data_hash": data_hash(data),
    }


def trained_on(manifest: Manifest, data: TileData) -> Manifest:
    """The manifest of a model after further training.

    The training area and the dates become those of the earlier and the new tiles together, all else that of the new
    tiles.
    """
    if data_hash(data) == manifest.data_hash:
        return manifest
    origin = training_origin(data)
    areas = [shapely.from_wkt(area) for area in (manifest.training_area, origin["training_area"]) if area]
    origin["training_area"] = shapely.to_wkt(shapely.union_all(areas), rounding_precision=6) if areas else ""
    if manifest.acquired and origin["acquired"]:
        days = sorted([*manifest.acquired, *origin["acquired"]])
        origin["acquired"] = (days[0], days[-1])
    return replace(manifest, **origin)


def data_hash(data: TileData) -> str:
    """SHA-256 of the tiles: class, footprint and band statistics of each, and which are for training and validation.

    Band statistics stand for the pixels, which are not read again.
    """
    digest = hashlib.sha256()
    tiles, split = data.tiles, data.split
    digest.update(repr((tiles.bands, tiles.size_px, tiles.dtype, tiles.pixels)).encode())
    for outline in tiles.footprints:
        digest.update(b"none" if outline is None else shapely.to_wkb(outline))
    for part in (tiles.codes, split.training, split.validation):
        digest.update(np.ascontiguousarray(part, np.int64).tobytes())
    digest.update(np.ascontiguousarray(data.statistics, np.float64).tobytes())
    return digest.hexdigest()


def configuration_hash(backbone: str, data: TileData, weights: str | Path) -> str:
    """SHA-256 of the configuration of a new model: network, first weights (of a file its bytes), how tiles are cut and
    augmented, classes, seed and batch size. Each training adds its settings."""
    path = Path(weights)
    first = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(weights)
    content = {
        "backbone": backbone,
        "weights": first,
        "tile": asdict(data.preprocessing.tile),
        "chip_px": data.preprocessing.chip_px,
        "resize_px": data.preprocessing.resize_px,
        "jitter": data.jitter,
        "transforms": data.transforms is not None,
        "unreadable": data.unreadable,
        "classes": [category.code for category in data.categories],
        "seed": data.seed,
        "batch_size": data.batch_size,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def acquired(tiles: TileSet) -> tuple[str, str] | None:
    """First and last day on which the tiles' images were taken; None where it is not known."""
    days = tiles.origin.get("Acquired")
    return None if not days else (str(days[0]), str(days[-1]))
