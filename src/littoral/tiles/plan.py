"""Plan which tiles are cut and where, from outlines alone, without reading pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from littoral.errors import InputError
from littoral.imagery import Scene, Window, at_cell_size
from littoral.imagery.options import Combine
from littoral.tiles.grid import Lattice, Outlines, moved, need_square_pixels
from littoral.tiles.overlaps import greatest_overlaps, shares_inside
from littoral.tiles.spec import Layout, TileSpec
from littoral.vectors import require_crs

_HAIR_PX = 1e-6
"""Tolerance in pixels for rounding errors at edges."""


@dataclass(frozen=True)
class Placed:
    """Position of one tile on its scene."""

    position: int
    """Row of its rectangle, from 0; -1 without a rectangle."""
    scene: Scene
    """The scene it is cut from, at the cell size of the spec."""
    outline: BaseGeometry
    """The rectangle in scene coordinates (column, row); empty without one, or if it cannot be projected."""
    frame: Affine
    """Tile (column, row) to scene (column, row)."""
    width: int
    """Columns of the tile."""
    height: int
    """Rows of the tile."""
    turn_deg: float
    """Rotation angle in degrees, one of :attr:`Layout.turns_deg`; the rotation by ``oriented`` is not included."""
    window: Window | None
    """Pixels of the scene to read; None if the rectangle, or a tile without one, lies outside the scene."""

    @property
    def transform(self) -> Affine:
        """Tile (column, row) to the scene's CRS (x, y)."""
        return self.scene.transform @ self.frame

    @property
    def resampled(self) -> bool:
        """Whether its pixels are not the scene's, so that values are interpolated."""
        return (self.frame.a, self.frame.b, self.frame.d, self.frame.e) != (1, 0, 0, 1)


@dataclass(frozen=True)
class Plan:
    """Tiles to cut from one or several scenes. Memory: 1 KB for each tile."""

    scenes: tuple[Scene, ...]
    """The scenes, at the cell size of ``spec``; the same objects as :attr:`Placed.scene`."""
    spec: TileSpec
    """Size, bands and other settings of the tiles."""
    tiles: tuple[Placed, ...]
    """In the order of the rectangles, or along the rows of a grid, repeated for each rotation angle; one scene after
    the other."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Number of tiles left out, by reason; tiles of a grid without a rectangle are not counted."""
    combine: Combine = "best"
    """Use of several scenes: ``best`` cuts each tile from its own scene, ``median`` takes the median of all scenes on
    the pixels of its own."""


def plan_tiles(
    scene: Scene,
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    layout: Layout | None = None,
    classes: Sequence[int] | None = None,
) -> Plan:
    """Place a tile on each rectangle, or a grid of tiles over them. No pixel is read.

    A tile on a rectangle is centred on its centroid, to the nearest pixel; ``oriented`` rotates it about its middle. A
    grid begins at the upper left of the extent and ends with the row and the column that reach the extent's other
    edges. A tile of a grid is assigned to a rectangle by :func:`~littoral.tiles.overlaps.greatest_overlaps`.

    Args:
        scene: The scene.
        rectangles: Polygons, in any CRS.
        spec: Size, bands and other settings of the tiles.
        layout: Which tiles are cut; None: one on each rectangle.
        classes: (rectangles,) class values, for a grid; None: each rectangle is a class of its own.

    Raises:
        InputError: no rectangles, other geometries, no CRS, or all outside the scene; ``oriented`` without ``Angle``;
            rotated tiles on a scene in degrees; an extent or mask without tiles; a grid with crop, blacken or
            orientation.
    """
    layout = layout or Layout()
    check_rectangles(rectangles, spec, layout)
    scene = on_cells(scene, spec.cell_size)
    lattice = Lattice.of(scene, spec.space)
    outlines = lattice.outlines(rectangles.geometry)
    on_scene = shapely.intersects(outlines, lattice.area)
    if not on_scene.any():
        raise InputError(
            f"the scene {scene.name}",
            "overlaps none of the rectangles",
            "check that both cover the same place and that both state the right CRS",
        )
    if spec.placement == "oriented" or layout.turn_deg:
        need_square_pixels(scene)
    extent = _on_lattice(lattice, layout.extent)
    if extent is not None and not shapely.intersects(extent, lattice.area):
        raise InputError("the extent", f"lies beside the scene {scene.name}", "pass one that overlaps it")
    left_out: Counter[str] = Counter()
    if layout.stride_px is not None:
        upright = _grid(extent or lattice.area, spec.size, layout.stride_px)
    else:
        upright = _on_rectangles(lattice, rectangles, outlines, spec)
        if extent is not None:
            inside = shapely.intersects(outlines, extent)
            left_out["outside the extent"] = int((~inside).sum())
            upright = upright.only(inside)
            if not inside.any():
                raise InputError("the extent", "holds none of the rectangles", "pass a larger one")
    tiles: list[Placed] = []
    for turn in layout.turns_deg.tolist():
        frames = replace(upright, angle=upright.angle + turn)
        frames = _chosen(frames, lattice, outlines, layout, classes, left_out)
        tiles += _placed(frames, turn, lattice, outlines, on_scene)
    return Plan((scene,), spec, tuple(tiles), {reason: count for reason, count in left_out.items() if count})


def check_rectangles(rectangles: gpd.GeoDataFrame, spec: TileSpec, layout: Layout) -> None:
    """Check that tiles can be placed on a table of rectangles.

    Raises:
        InputError: no rectangles, other geometries, or no CRS; a grid with crop, blacken or orientation.
    """
    require_crs(rectangles, "the table of rectangles")
    if not len(rectangles):
        raise InputError("the table of rectangles", "is empty", "pass rectangles along the coast")
    if rectangles.geometry.isna().all():
        raise InputError("the table of rectangles", "has no geometry in any row", "pass rectangles along the coast")
    kinds = set(rectangles.geom_type.dropna()) - {"Polygon", "MultiPolygon"}
    if kinds:
        raise InputError(
            "the table of rectangles",
            f"holds {', '.join(sorted(kinds))}",
            "pass a layer of polygons; littoral tiles --buffer-radius makes them of points and lines",
        )
    if layout.stride_px is not None and (spec.crop, spec.blacken, spec.placement) != ("fixed", False, "centred"):
        raise InputError(
            "a grid",
            "is not cut around rectangles, so it knows neither crop nor blackening nor orientation",
            "leave these away, or choose --placement centred",
        )
    if layout.stride_px is None and not layout.only_with_features:
        raise InputError(
            "tiles without features",
            "are asked for, but each tile is placed on a rectangle",
            "choose --placement grid, or leave --all-tiles away",
        )


def on_cells(scene: Scene, cell_size: float | None) -> Scene:
    """The scene at a cell size, in units of its CRS; unchanged if it has that size, or for None."""
    if cell_size is None or np.allclose(scene.cell_size, cell_size, rtol=1e-6, atol=0):
        return scene
    return at_cell_size(scene, cell_size)


def _on_lattice(lattice: Lattice, shape: BaseGeometry | None) -> BaseGeometry | None:
    return None if shape is None else lattice.of_crs(np.array([shape], object))[0]


@dataclass(frozen=True)
class _Frames:
    """Tiles on the lattice, given by their upright position and a rotation about their middle."""

    position: NDArray[np.int64]
    """(tiles,), row of the rectangle, -1 without one."""
    corner: NDArray[np.float64]
    """(tiles, 2), column and row of the upper left corner before the rotation."""
    size: NDArray[np.int64]
    """(tiles, 2), width and height in pixels."""
    angle: NDArray[np.float64]
    """(tiles,), rotation in degrees from the column axis towards the row axis."""

    def only(self, keep: NDArray[np.bool_]) -> _Frames:
        return _Frames(self.position[keep], self.corner[keep], self.size[keep], self.angle[keep])

    def outlines(self) -> Outlines:
        """(tiles,) polygons on the lattice."""
        half = self.size[:, None] / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        cos, sin = np.cos(np.radians(self.angle))[:, None], np.sin(np.radians(self.angle))[:, None]
        turned = np.stack([cos * half[..., 0] - sin * half[..., 1], sin * half[..., 0] + cos * half[..., 1]], axis=-1)
        return np.asarray(shapely.polygons((self.corner + self.size / 2)[:, None] + turned))

    def affines(self) -> Iterator[Affine]:
        """Tile (column, row) to lattice (column, row)."""
        for (column, row), (width, height), angle in zip(
            self.corner.tolist(), self.size.tolist(), self.angle.tolist(), strict=True
        ):
            upright = Affine.translation(column, row)
            middle = (column + width / 2, row + height / 2)
            yield Affine.rotation(angle % 360, middle) @ upright if angle % 360 else upright


def _on_rectangles(lattice: Lattice, rectangles: gpd.GeoDataFrame, outlines: Outlines, spec: TileSpec) -> _Frames:
    count = len(outlines)
    size = np.tile(np.array(spec.size), (count, 1))
    shown = ~shapely.is_empty(outlines)
    # Outlines that cannot be projected are placed outside the scene.
    corner = np.full((count, 2), -2.0 * max(spec.size))
    corner[shown] = np.floor(shapely.get_coordinates(shapely.centroid(outlines[shown])) - size[shown] / 2 + 0.5)
    oriented = spec.placement == "oriented"
    angle = lattice.shore_angles(rectangles, outlines) if oriented else np.zeros(count)
    if spec.crop == "bounding-box":
        for at in np.flatnonzero(shown).tolist():
            _crop(outlines[at], corner[at], size[at], float(angle[at]))
    return _Frames(np.arange(count), corner, size, angle)


def _crop(outline: BaseGeometry, corner: NDArray[np.float64], size: NDArray[np.int64], angle: float) -> None:
    """Reduce a tile, in place, to the bounds of its outline; unchanged if the outline is larger than the tile."""
    middle = (corner + size / 2).tolist()
    level = moved(outline, Affine.rotation(-angle, middle)) if angle else outline
    bounds = np.array(level.bounds)
    low, high = np.floor(bounds[:2] + _HAIR_PX), np.ceil(bounds[2:] - _HAIR_PX)
    if (high - low > size).any():
        return
    high = np.maximum(high, low + 1)
    size[:] = high - low
    # The new middle is rotated too, because the tile is rotated about it later.
    moved_middle = np.array(Affine.rotation(angle, middle) @ tuple((low + high) / 2)) if angle else (low + high) / 2
    corner[:] = moved_middle - size / 2


def _grid(extent: BaseGeometry, size: tuple[int, int], stride: tuple[int, int]) -> _Frames:
    left, upper, right, lower = extent.bounds
    columns, rows = (
        np.floor(begin + _HAIR_PX) + step * np.arange(1 + max(0, np.ceil((end - begin - side - _HAIR_PX) / step)))
        for begin, end, side, step in zip((left, upper), (right, lower), size, stride, strict=True)
    )
    corner = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    count = len(corner)
    return _Frames(np.full(count, -1), corner, np.tile(np.array(size), (count, 1)), np.zeros(count))


def _chosen(
    frames: _Frames,
    lattice: Lattice,
    outlines: Outlines,
    layout: Layout,
    classes: Sequence[int] | None,
    left_out: Counter[str],
) -> _Frames:
    """Select the tiles of one rotation angle by the layout, and assign those of a grid to rectangles."""
    footprints = frames.outlines()
    keep = np.ones(len(footprints), bool)
    if layout.stride_px is not None:
        values = np.arange(len(outlines)) if classes is None else classes
        frames = replace(frames, position=greatest_overlaps(footprints, outlines, values, layout.min_overlap))
        if layout.only_with_features:
            keep = frames.position >= 0
    elif layout.min_overlap > 0:
        keep = shares_inside(footprints, outlines[frames.position]) >= layout.min_overlap - _HAIR_PX
        left_out["of too little overlap"] += int((~keep).sum())
    mask = _on_lattice(lattice, layout.mask)
    if mask is not None:
        inside = shapely.covers(shapely.buffer(mask, _HAIR_PX, join_style="mitre"), footprints)
        left_out["not inside the mask"] += int((keep & ~inside).sum())
        if keep.any() and not (keep & inside).any():
            raise InputError("the mask polygons", "hold no whole tile", "pass larger ones, or cut smaller tiles")
        keep &= inside
    return frames.only(keep)


def _placed(
    frames: _Frames, turn: float, lattice: Lattice, outlines: Outlines, on_scene: NDArray[np.bool_]
) -> Iterator[Placed]:
    to_scene = lattice.to_scene
    read = shapely.intersects(frames.outlines(), lattice.area)
    owned = frames.position >= 0
    # A tile of a rectangle outside the scene is not read, even if the tile overlaps the scene.
    read[owned] &= on_scene[frames.position[owned]]
    shown = outlines if to_scene.is_identity else np.asarray(moved(outlines, to_scene), object)
    nothing = shapely.Polygon()
    for position, (width, height), frame, touched in zip(
        frames.position.tolist(), frames.size.tolist(), frames.affines(), read.tolist(), strict=True
    ):
        there = to_scene @ frame
        outline = shown[position] if position >= 0 else nothing
        tile = Placed(position, lattice.scene, outline, there, width, height, turn, None)
        yield replace(tile, window=window_of(tile)) if touched else tile


def window_of(tile: Placed) -> Window:
    """Window of scene pixels under a tile; around a resampled tile one pixel more, for the interpolation."""
    if not tile.resampled:
        return Window(int(tile.frame.f), int(tile.frame.c), tile.height, tile.width)
    corners = [tile.frame @ xy for xy in ((0, 0), (tile.width, 0), (tile.width, tile.height), (0, tile.height))]
    (left, upper), (right, lower) = np.floor(np.min(corners, axis=0)) - 1, np.ceil(np.max(corners, axis=0)) + 1
    return Window(int(upper), int(left), int(lower - upper), int(right - left))
