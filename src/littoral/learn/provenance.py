"""Where a model comes from: hashes that tell two trainings apart, and the dates of the imagery."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from littoral.tiles import TileSet

if TYPE_CHECKING:
    from littoral.learn.data import TileData


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
    """SHA-256 of what was asked for: network, first weights (a file's by its bytes), how tiles are cut, seed, batch."""
    path = Path(weights)
    first = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(weights)
    asked = {
        "backbone": backbone,
        "weights": first,
        "oversample": oversample,
        "tile": asdict(data.preprocessing.tile),
        "chip_px": data.preprocessing.chip_px,
        "classes": [category.code for category in data.categories],
        "seed": data.seed,
        "batch_size": data.batch_size,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def acquired(tiles: TileSet) -> tuple[str, str] | None:
    """First and last day that the tiles' images were taken on, as far as the set knows."""
    days = tiles.origin.get("Acquired")
    return None if not days else (str(days[0]), str(days[-1]))
