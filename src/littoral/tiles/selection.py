"""Choose tiles of a set by class and by a condition on what each tile carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from littoral.errors import InputError
from littoral.tiles.tileset import TileSet
from littoral.vectors import filter_rows


def select_tiles(tiles: TileSet, classes: Sequence[int] | None = None, where: str | None = None) -> TileSet:
    """The tiles of some classes for which a condition holds; classes without a tile are left out.

    Folders of tiles carry no other fields of the rectangles than those named here.

    Args:
        tiles: A set.
        classes: Class values to keep; None: all.
        where: Condition (:func:`littoral.vectors.filter_rows`) on ``class`` (value), ``category`` (name), ``region``
            and ``file`` (name of the image) of a tile.

    Raises:
        InputError: a field that tiles do not carry, or no tile left.
    """
    if where is not None:
        names = {category.code: category.name for category in tiles.categories}
        carried: dict[str, Any] = {"class": tiles.codes, "category": [names[int(code)] for code in tiles.codes]}
        if tiles.regions is not None:
            carried["region"] = [region or None for region in tiles.regions]
        if tiles.paths:
            carried["file"] = [Path(path).name for path in tiles.paths]
        kept = filter_rows(pd.DataFrame(carried), where, "the set of tiles (its rectangles' other fields are not kept)")
        tiles = tiles.subset(kept.index.to_numpy())
    if classes is not None:
        tiles = tiles.subset(np.isin(tiles.codes, list(classes)))
        if not len(tiles):
            raise InputError(
                "the set of tiles", f"has no class {', '.join(map(str, classes))}", "choose other --classes"
            )
    if where is None and classes is None:
        return tiles
    present = set(tiles.codes.tolist())
    return replace(tiles, categories=tuple(category for category in tiles.categories if category.code in present))
