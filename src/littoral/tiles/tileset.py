"""A set of labelled tiles, whose pixels are in image files or in a pack."""

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
    """Storage of the pixels of a set of tiles."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Image file of each tile; empty if the tiles have no files of their own."""

    def read(self, position: int) -> tuple[Values, NDArray[np.bool_]]:
        """Values ``(bands, height, width)`` of a tile and the mask ``(height, width)`` of its valid pixels."""

    def name(self, position: int) -> str:
        """Name of a tile for messages."""

    def subset(self, chosen: NDArray[np.int64]) -> Store:
        """Storage of the tiles at these positions."""


@dataclass(frozen=True, repr=False)
class TileSet:
    """Labelled tiles of the same bands and size, and of compatible scaling."""

    store: Store
    """Storage of their pixels."""
    codes: NDArray[np.int64]
    """(tiles,), class value of each tile."""
    categories: tuple[Category, ...]
    """Classes that occur, sorted by name as text. A network's outputs and a package's Classes have this order, because
    one program that reads packages sorts the names and another uses them as listed."""
    bands: tuple[str, ...]
    """Band names, in the order of a tile's first axis."""
    size_px: int
    """Width and height of a tile."""
    dtype: str
    """NumPy type of the first tile's values."""
    pixels: str
    """Meaning of the values: reflectance x 10000, or as stored."""
    nodata: float | None
    """Value that means nodata in the first tile, None if there is none."""
    footprints: NDArray[np.object_]
    """(tiles,), outlines on the ground in EPSG:4326 (longitude may exceed 180); None without georeference."""
    cell_size: tuple[float, float]
    """Width and height of a pixel of the first tile, in units of its CRS."""
    cell_epsg: int | None
    """EPSG code of the first tile's CRS."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Settings with which littoral cut the tiles (raw, min_valid, pixels, dates of the images); empty for folders of
    other programs."""
    missing_labels: int = 0
    """Number of images without a label file, which are not in the set."""
    regions: NDArray[np.object_] | None = None
    """(tiles,), name of the region of each tile, "" if it has none; None if no tile has one."""
    notes: tuple[str, ...] = ()
    """Sentences about tiles that were left out or values that were interpreted differently."""

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        bands = ", ".join(self.bands)
        return f"TileSet({len(self)} tiles of {self.size_px} px, bands {bands}, {len(self.categories)} classes)"

    def read(self, position: int) -> tuple[Values, NDArray[np.bool_]]:
        """Values ``(bands, height, width)`` of a tile and the mask ``(height, width)`` of pixels valid in all bands.

        Raises:
            InputError: its file is damaged or cannot be read.
        """
        return self.store.read(position)

    def name(self, position: int) -> str:
        """Name of a tile for messages: its file, or the rectangle it was cut for."""
        return self.store.name(position)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Image files of the tiles; empty if they were cut directly from a scene."""
        return self.store.paths

    @property
    def targets(self) -> NDArray[np.int64]:
        """(tiles,), index into :attr:`categories`."""
        index = {category.code: position for position, category in enumerate(self.categories)}
        return np.array([index[int(code)] for code in self.codes], np.int64)

    def subset(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> TileSet:
        """A set of the chosen tiles, given by a mask (tiles,) or positions; ``categories`` are unchanged."""
        chosen = np.arange(len(self))[keep]
        return replace(
            self,
            store=self.store.subset(chosen),
            codes=self.codes[chosen],
            footprints=self.footprints[chosen],
            regions=None if self.regions is None else self.regions[chosen],
        )


def acquired_of(days: Iterable[str]) -> dict[str, list[str]]:
    """First and last acquisition date of tiles, as an entry of :attr:`TileSet.origin`; empty without dates.

    Each text is a date, ``YYYY-MM-DD``, or two dates separated by ``/``; others are ignored.

    >>> acquired_of(["2024-05-03", "", "2024-04-01/2024-05-02", "spring"]), acquired_of([""])
    ({'Acquired': ['2024-04-01', '2024-05-03']}, {})
    """
    found = {day for each in days for day in each.split("/") if re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII)}
    return {"Acquired": [min(found), max(found)]} if found else {}


def outlines_of(corners: Sequence[NDArray[np.float64] | None], crs: Sequence[CRS | None]) -> NDArray[np.object_]:
    """Outlines ``(tiles,)`` in longitude and latitude, from corners ``(4, 2)`` of each tile in its own CRS; None for
    tiles without CRS."""
    out = np.full(len(corners), None, object)
    # Converting a CRS to WKT is slow, so it is done once for each of the few distinct objects.
    names = {id(one): one.to_wkt() for one in {id(one): one for one in crs if one is not None}.values()}
    groups: dict[str, list[int]] = {}
    for tile, one in enumerate(crs):
        if one is not None:
            groups.setdefault(names[id(one)], []).append(tile)
    for name, tiles in groups.items():
        out[tiles] = ground_outlines(np.array([corners[tile] for tile in tiles]), CRS.from_wkt(name))
    return out


def ground_outlines(corners: NDArray[np.float64], crs: CRS) -> NDArray[np.object_]:
    """Outlines ``(tiles,)`` in longitude and latitude of corners ``(tiles, 4, 2)`` in ``crs``.

    Across the antimeridian longitudes continue beyond 180, so that an outline stays in one piece.

    >>> corners = np.array([[[0.0, 0], [10, 0], [10, 10], [0, 10]]])
    >>> shapely.bounds(ground_outlines(corners, CRS("EPSG:4326"))).tolist()
    [[0.0, 0.0, 10.0, 10.0]]
    """
    transformer = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = transformer.transform(corners[..., 0], corners[..., 1])
    lon = lon[:, :1] + (lon - lon[:, :1] + 180) % 360 - 180
    return np.asarray(shapely.polygons(np.stack([lon, lat], axis=-1)), object)
