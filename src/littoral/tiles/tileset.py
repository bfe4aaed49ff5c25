"""Labelled tiles as one set, wherever their pixels are: in the files of a folder, or packed in one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from littoral.categories import Category
from littoral.imagery import Values


class Store(Protocol):
    """Where the pixels of a set's tiles are."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Image file of each tile; empty where tiles have none of their own."""

    def read(self, position: int) -> tuple[Values, NDArray[np.bool_]]:
        """Values ``(bands, height, width)`` of a tile and the mask ``(height, width)`` of its valid pixels."""

    def name(self, position: int) -> str:
        """What to call a tile in a message."""

    def subset(self, chosen: NDArray[np.int64]) -> Store:
        """The chosen tiles."""


@dataclass(frozen=True, repr=False)
class TileSet:
    """Labelled tiles of one kind: same bands, same size, values that may be mixed."""

    store: Store
    """Where their pixels are."""
    codes: NDArray[np.int64]
    """(tiles,), class value of each."""
    categories: tuple[Category, ...]
    """Classes that occur, ordered by name as text: the order in which a network's outputs and a package's Classes
    stand, because one consumer sorts names and another takes them as listed."""
    bands: tuple[str, ...]
    """Band names, in the order of a tile's first axis."""
    size_px: int
    """Width and height of a tile."""
    dtype: str
    """NumPy type of the first tile's values."""
    pixels: str
    """What they mean: reflectance x 10000, or as stored."""
    nodata: float | None
    """Value that means nodata in the first tile, None if there is none."""
    footprints: NDArray[np.object_]
    """(tiles,), outlines on the ground in EPSG:4326 (longitude may run beyond 180); None without georeference."""
    cell_size: tuple[float, float]
    """Of the first tile: width and height of a pixel in the units of its CRS."""
    cell_epsg: int | None
    """EPSG code of the first tile's CRS."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """How littoral cut them (raw, min_valid, pixels, days of the images); empty for folders of other programs."""
    missing_labels: int = 0
    """Images whose label file is not there; they are not in the set."""
    regions: NDArray[np.object_] | None = None
    """(tiles,), name of the region each is of, "" where it says none; None where none does."""
    notes: tuple[str, ...] = ()
    """What was left out or taken otherwise than it stands, a sentence each."""

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        bands = ", ".join(self.bands)
        return f"TileSet({len(self)} tiles of {self.size_px} px, bands {bands}, {len(self.categories)} classes)"

    def read(self, position: int) -> tuple[Values, NDArray[np.bool_]]:
        """Values ``(bands, height, width)`` of a tile and the mask ``(height, width)`` of pixels valid in all bands.

        Raises:
            InputError: its file cannot be read to the end.
        """
        return self.store.read(position)

    def name(self, position: int) -> str:
        """What to call a tile in a message: its file, or the rectangle it was cut for."""
        return self.store.name(position)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Image files of the tiles; empty where they were cut straight from a scene."""
        return self.store.paths

    @property
    def targets(self) -> NDArray[np.int64]:
        """(tiles,), index into :attr:`categories`."""
        index = {category.code: position for position, category in enumerate(self.categories)}
        return np.array([index[int(code)] for code in self.codes], np.int64)

    def subset(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> TileSet:
        """The chosen tiles; categories stay as they are."""
        chosen = np.arange(len(self))[keep]
        return replace(
            self,
            store=self.store.subset(chosen),
            codes=self.codes[chosen],
            footprints=self.footprints[chosen],
            regions=None if self.regions is None else self.regions[chosen],
        )


def acquired_of(days: Iterable[str]) -> dict[str, list[str]]:
    """First and last of the days that tiles' images were taken on, as a set's ``origin`` has them; what is no day, or
    two with a stroke between them, is passed over.

    >>> acquired_of(["2024-05-03", "", "2024-04-01/2024-05-02", "spring"]), acquired_of([""])
    ({'Acquired': ['2024-04-01', '2024-05-03']}, {})
    """
    found = {day for each in days for day in each.split("/") if re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII)}
    return {"Acquired": [min(found), max(found)]} if found else {}


def outlines_of(corners: Sequence[NDArray[np.float64] | None], crs: Sequence[CRS | None]) -> NDArray[np.object_]:
    """Outlines ``(tiles,)`` in longitude and latitude, each of corners ``(4, 2)`` in a CRS of its own; None where it
    has none."""
    out = np.full(len(corners), None, object)
    # Writing one out takes longer than comparing objects, of which there are few.
    names = {id(one): one.to_wkt() for one in {id(one): one for one in crs if one is not None}.values()}
    groups: dict[str, list[int]] = {}
    for tile, one in enumerate(crs):
        if one is not None:
            groups.setdefault(names[id(one)], []).append(tile)
    for name, tiles in groups.items():
        out[tiles] = ground_outlines(np.array([corners[tile] for tile in tiles]), CRS.from_wkt(name))
    return out


def ground_outlines(corners: NDArray[np.float64], crs: CRS) -> NDArray[np.object_]:
    """Outlines ``(tiles,)`` in longitude and latitude of corners ``(tiles, 4, 2)`` in some CRS.

    Across the antimeridian longitudes run on, so that an outline stays in one piece.

    >>> corners = np.array([[[0.0, 0], [10, 0], [10, 10], [0, 10]]])
    >>> shapely.bounds(ground_outlines(corners, CRS("EPSG:4326"))).tolist()
    [[0.0, 0.0, 10.0, 10.0]]
    """
    transformer = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = transformer.transform(corners[..., 0], corners[..., 1])
    lon = lon[:, :1] + (lon - lon[:, :1] + 180) % 360 - 180
    return np.asarray(shapely.polygons(np.stack([lon, lat], axis=-1)), object)
