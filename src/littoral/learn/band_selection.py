"""Selection of a tile's bands, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.imagery import Values
from littoral.imagery.scene import same_band
from littoral.tiles import TileSet
from littoral.tiles.tileset import Store


def band_positions(names: Sequence[str], wanted: Iterable[str | int]) -> list[int]:
    """Positions of the wanted bands among ``names``: by name in any case (B4 is B04), or by number from 1.

    Raises:
        InputError: a band that is not there.

    >>> band_positions(["B02", "B03", "B04", "B08"], ["b4", "B08", 1])
    [2, 3, 0]
    """
    found = []
    for band in wanted:
        text = str(band).strip()
        alike = [place for place, name in enumerate(names) if name.casefold() == text.casefold()]
        alike += [place for place, name in enumerate(names) if same_band(name, text)]
        if not alike and text.isdigit() and 1 <= int(text) <= len(names):
            alike = [int(text) - 1]
        if not alike:
            remedy = f"choose among {', '.join(names)}, or by number 1 to {len(names)}"
            raise InputError("the tiles", f"have no band {text}", remedy)
        found.append(alike[0])
    return found


def with_bands(tiles: TileSet, wanted: Iterable[str | int]) -> TileSet:
    """The same tiles with the wanted bands only, in that order; nothing is written.

    A pixel is valid where it is valid in all bands of the file, also those that are left out.

    Raises:
        InputError: a band that is not there, one given twice, or none.
    """
    places = band_positions(tiles.bands, wanted)
    if not places or len(set(places)) < len(places):
        what = "have one band twice" if places else "have no band"
        raise InputError("the chosen bands", what, f"name each of the wanted bands once, e.g. {tiles.bands[0]}")
    if places == list(range(len(tiles.bands))):
        return tiles
    return replace(tiles, store=_SomeBands(tiles.store, tuple(places)), bands=tuple(tiles.bands[i] for i in places))


@dataclass(frozen=True)
class _SomeBands:
    """A :class:`littoral.tiles.tileset.Store` with some bands of another."""

    store: Store
    places: tuple[int, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        return self.store.paths

    def read(self, position: int) -> tuple[Values, NDArray[np.bool_]]:
        values, valid = self.store.read(position)
        return values[list(self.places)], valid

    def name(self, position: int) -> str:
        return self.store.name(position)

    def subset(self, chosen: NDArray[np.int64]) -> _SomeBands:
        return replace(self, store=self.store.subset(chosen))
