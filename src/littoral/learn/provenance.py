"""Where a model comes from: hashes that tell two trainings apart, and the dates of the imagery."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from littoral.evaluation import fit_baselines
from littoral.learn.data import TileData, training_area
from littoral.learn.recipe import OF_THE_RUN, Step
from littoral.package import Manifest
from littoral.tiles import TileSet


def learnt_from(data: TileData) -> dict[str, Any]:
    """What a manifest says of the tiles that a model learnt from, by its field."""
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


def taught(manifest: Manifest, data: TileData) -> Manifest:
    """A model's manifest once it has learnt from other data than it says: the ground of both, the rest of the new."""
    if data_hash(data) == manifest.data_hash:
        return manifest
    told = learnt_from(data)
    areas = [shapely.from_wkt(area) for area in (manifest.training_area, told["training_area"]) if area]
    told["training_area"] = shapely.to_wkt(shapely.union_all(areas), rounding_precision=6) if areas else ""
    if manifest.acquired and told["acquired"]:
        days = sorted([*manifest.acquired, *told["acquired"]])
        told["acquired"] = (days[0], days[-1])
    return replace(manifest, **told)


def data_hash(data: TileData) -> str:
    """SHA-256 of the tiles: class, ground and band statistics of each in turn, and which of them teach and validate.

    Pixels themselves are not read again for it: another image gives other band statistics.
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


def configuration_hash(backbone: str, data: TileData, weights: str | Path, oversample: bool) -> str:
    """SHA-256 of what a new model is asked to be: network, first weights (a file's by its bytes), how tiles are cut and
    varied, seed, batch."""
    path = Path(weights)
    first = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(weights)
    return _hash(
        {
            "backbone": backbone,
            "weights": first,
            "oversample": oversample,
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
    )


def trained_hash(first: str, recipe: Sequence[Step]) -> str:
    """SHA-256 of what training was asked for: the model it began with, and each call since with all its arguments.

    Args:
        first: :func:`configuration_hash` of a new model, or the hash that a loaded one came with.
        recipe: The calls; a model that was loaded and not trained keeps its hash.
    """
    if not recipe:
        return first
    # What these say stands in the first hash: a file's bytes, not where it lies.
    known = {"self", "data", "backbone", "pretrained"} | OF_THE_RUN
    steps = []
    for step in recipe:
        given = step.complete()
        steps.append([step.name, {name: repr(value) for name, value in given.items() if name not in known}])
    return _hash({"first": first, "steps": steps})


def _hash(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def acquired(tiles: TileSet) -> tuple[str, str] | None:
    """First and last day that the tiles' images were taken on, as far as the set knows."""
    days = tiles.origin.get("Acquired")
    return None if not days else (str(days[0]), str(days[-1]))
