"""How a tile is cut, and which tiles are: plain values, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from littoral.errors import InputError
from littoral.options import Number, Options
from littoral.tiles.options import TILE_SIDE, Crop, Placement, Space


@dataclass(frozen=True)
class TileSpec(Options):
    """How a tile is cut: all that decides its pixels. A model carries its own.

    Raises:
        InputError: a size, share or word that no tile can be cut by.
    """

    size_px: Annotated[int, TILE_SIDE]
    """Width of a tile in pixels of the scene, and its height unless ``height_px`` says otherwise."""
    bands: tuple[str, ...]
    """Band names in the order of the tile's first axis."""
    raw: bool = False
    """Keep stored values even where a Sentinel-2 offset is known."""
    min_valid: Annotated[float, Number(0, 1)] = 0.5
    """Smallest share of the rectangle's own pixels that must be valid."""
    height_px: Annotated[int | None, TILE_SIDE] = None
    """Height of a tile; None: as its width."""
    placement: Placement = "centred"
    """``oriented``: turned so that the shore, which runs along the rectangle's ``Angle``, runs along the rows."""
    crop: Crop = "fixed"
    """``bounding-box``: only the bounds of the rectangle, where they are no larger than a tile."""
    blacken: bool = False
    """Pixels outside the rectangle count as missing."""
    space: Space = "map"
    """``map``: north is up in tiles of a turned scene too, which resamples them; ``pixel``: the scene's own pixels."""
    cell_size: Annotated[float | None, Number(above=0)] = None
    """Cell size the scene is brought to, in units of its CRS; None: its own."""
    max_cloud: Annotated[float, Number(0, 1)] = 1.0
    """Largest share of the rectangle's own pixels that may be cloud or its shadow, where the scene has masks."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.size_px, self.size_px if self.height_px is None else self.height_px

    @property
    def turns(self) -> tuple[int, ...]:
        """Of the eight flips and turns (``turn % 4`` quarter turns, mirrored from 4 on), those that leave a tile what
        it is.

        A shore looks the same from any side. In a tile that is oriented by it, it goes on running along the rows; one
        of pixel space stays as the sensor saw it.
        """
        if self.space == "pixel":
            return (0,)
        return (0, 2, 4, 6) if self.placement == "oriented" else tuple(range(8))

    def to_json(self) -> dict[str, Any]:
        """A record of it, that :meth:`from_json` reads."""
        return {**asdict(self), "bands": list(self.bands)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TileSpec:
        """Of a record. One of an earlier version lacks some fields, which then stand as they did.

        >>> spec = TileSpec.from_json({"size_px": 64, "bands": ["B02"], "raw": False, "min_valid": 0.5})
        >>> spec == TileSpec(64, ("B02",)) == TileSpec.from_json(spec.to_json())
        True

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
            InputError: its values are of no use.
        """
        height, cell = record.get("height_px"), record.get("cell_size")
        return cls(
            int(record["size_px"]),
            tuple(map(str, record["bands"])),
            bool(record["raw"]),
            float(record["min_valid"]),
            None if height is None else int(height),
            record.get("placement", "centred"),
            record.get("crop", "fixed"),
            bool(record.get("blacken", False)),
            record.get("space", "map"),
            None if cell is None else float(cell),
            float(record.get("max_cloud", 1.0)),
        )


@dataclass(frozen=True)
class Layout(Options):
    """Which tiles are cut, other than one on each rectangle: a matter of an export, that no model carries.

    Raises:
        InputError: a stride, angle or share that makes no sense.
    """

    stride_px: Annotated[tuple[int, int] | None, Number(1, unit="px")] = None
    """Steps of a grid (x, y); None: no grid, one tile on each rectangle."""
    turn_deg: float = 0.0
    """Each tile once more at every multiple of this angle below 360, clockwise about its middle; 0: only upright."""
    only_with_features: bool = True
    """Leave out tiles of a grid that show no rectangle."""
    min_overlap: Annotated[float, Number(0, 1)] = 0.0
    """Smallest share of a rectangle's area that must lie in a tile to count there."""
    extent: BaseGeometry | None = None
    """In the scene's CRS: rectangles that do not touch it are left out; a grid covers its bounds. None: the scene's."""
    mask: BaseGeometry | None = None
    """In the scene's CRS: tiles that do not lie in it as a whole are left out. None: all may stay."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.turn_deg == 0 or 1 <= self.turn_deg < 360):
            raise InputError(
                f"rotation angle {self.turn_deg:g}", "is not from 1 to below 360 degrees", "pass e.g. 90, or 0 for none"
            )

    @property
    def turns_deg(self) -> NDArray[np.float64]:
        """Angles that tiles are cut at.

        >>> Layout(turn_deg=100).turns_deg.tolist(), Layout().turns_deg.tolist()
        ([0.0, 100.0, 200.0, 300.0], [0.0])
        """
        return np.arange(0.0, 360.0, self.turn_deg) if self.turn_deg else np.zeros(1)
