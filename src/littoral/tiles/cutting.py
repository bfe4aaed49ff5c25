"""The one path from a rectangle to an array, used by learning and by classifying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.imagery import Scene, Values, Window, select_bands, stream_windows
from littoral.vectors import require_crs

CLASSIFIED = "classified"
"""Status of a rectangle whose tile can be used."""
OUTSIDE = "outside imagery"
"""Status of a rectangle too little of which lies on the scene."""
NODATA = "nodata"
"""Status of a rectangle on the scene, too few pixels of which are valid."""


@dataclass(frozen=True)
class TileSpec:
    """How tiles are cut; a model carries its own."""

    size_px: int
    """Width and height of a tile, pixels of the scene."""
    bands: tuple[str, ...]
    """Band names in the order of the tile's first axis."""
    raw: bool = False
    """Keep stored values even where a Sentinel-2 offset is known."""
    min_valid: float = 0.5
    """Smallest share of the rectangle's own pixels that must be valid."""


@dataclass(frozen=True)
class Tile:
    """One tile and the rectangle it was cut for."""

    position: int
    """Row of the rectangle in its table, from 0."""
    status: str
    """:data:`CLASSIFIED`, :data:`OUTSIDE` or :data:`NODATA`."""
    valid_share: float
    """Share of the rectangle's own pixels that are valid, 0 to 1."""
    values: Values
    """``(bands, size, size)``; empty ``(bands, 0, 0)`` unless the status is :data:`CLASSIFIED`."""
    valid: NDArray[np.bool_]
    """``(size, size)``, True where all bands are valid; empty with ``values``."""
    transform: Affine
    """Tile (column, row) to scene CRS (x, y)."""
    box_px: tuple[float, float, float, float]
    """Bounds of the rectangle in the tile: left, upper, right, lower, pixels from its upper left corner."""


def cut_tiles(scene: Scene, rectangles: gpd.GeoDataFrame, spec: TileSpec) -> Iterator[Tile]:
    """Cut one tile for each rectangle: centred on it, on the scene's own pixels, nothing resampled.

    Tiles come in the order of the scene's blocks, each of which is decoded once; ``position`` says whose each is.

    The rectangle's own pixels decide whether the tile is used: at least ``spec.min_valid`` of them must lie on the
    scene and be valid. The tile around may reach beyond the scene; pixels that are missing there are marked so.

    Raises:
        InputError: rectangles without CRS or all outside the scene, a band the scene lacks, a file that cannot be read.
    """
    require_crs(rectangles, "the table of rectangles")
    if not len(rectangles):
        raise InputError("the table of rectangles", "is empty", "pass rectangles along the coast")
    kinds = set(rectangles.geom_type.dropna()) - {"Polygon", "MultiPolygon"}
    if kinds:
        raise InputError("the table of rectangles", f"holds {', '.join(sorted(kinds))}", "pass a layer of polygons")
    bands = select_bands(scene, spec.bands, exact=True)
    outlines = _in_pixels(scene, rectangles)
    windows = _windows(outlines, spec.size_px)
    on_scene = shapely.intersects(outlines, shapely.box(0, 0, scene.width, scene.height))
    if not on_scene.any():
        raise InputError(
            f"the scene {scene.name}",
            "overlaps none of the rectangles",
            "check that both cover the same place and that both state the right CRS",
        )
    # A rectangle beside the scene has a tile that may reach onto it, but is not read.
    nowhere = Window(-spec.size_px, -spec.size_px, spec.size_px, spec.size_px)
    asked = [window if touched else nowhere for window, touched in zip(windows, on_scene, strict=True)]
    for position, values, valid in stream_windows(scene, bands, asked, raw=spec.raw):
        outline, window = outlines[position], windows[position]
        own = _own_pixels(outline, window)
        status, valid_share = _judge(own, valid, _on_scene(window, scene), spec.min_valid)
        if status != CLASSIFIED:
            values, valid = np.empty((len(bands), 0, 0)), np.empty((0, 0), bool)
        transform = scene.transform @ Affine.translation(window.column, window.row)
        yield Tile(position, status, valid_share, values, valid, transform, _box_px(outline, window))


def _judge(
    own: NDArray[np.bool_], valid: NDArray[np.bool_], on_scene: NDArray[np.bool_], min_valid: float
) -> tuple[str, float]:
    """Status of a rectangle and the valid share of its own pixels, from three masks of its tile.

    >>> own = np.array([[True, True], [False, False]])
    >>> on_scene, valid = np.ones((2, 2), bool), np.array([[True, False], [False, False]])
    >>> _judge(own, valid, on_scene, 0.5), _judge(own, valid, on_scene, 0.6), _judge(own, ~on_scene, ~on_scene, 0.5)
    (('classified', 0.5), ('nodata', 0.5), ('outside imagery', 0.0))
    """
    share = float(valid[own].mean()) if own.any() else 0.0
    if share > 0 and share >= min_valid:
        return CLASSIFIED, share
    return (NODATA if own.any() and on_scene[own].mean() >= max(min_valid, 1e-9) else OUTSIDE), share


def _in_pixels(scene: Scene, rectangles: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Outlines in the scene's (column, row); empty where the scene's CRS cannot show them."""
    outlines = rectangles.geometry.to_crs(scene.crs).to_numpy()
    to_pixels = ~scene.transform
    outlines = shapely.transform(
        outlines, lambda xy: np.column_stack(to_pixels @ (xy[:, 0], xy[:, 1])) if len(xy) else xy
    )
    shown = np.asarray(outlines, object)
    shown[~np.isfinite(shapely.bounds(shown)).all(axis=1)] = shapely.Polygon()
    return shown


def _windows(outlines: NDArray[np.object_], size_px: int) -> list[Window]:
    centres = shapely.get_coordinates(shapely.centroid(outlines))
    # An outline that cannot be shown lies nowhere on the scene.
    corners = np.full((len(outlines), 2), -2 * size_px, np.int64)
    corners[~shapely.is_empty(outlines)] = np.floor(centres - size_px / 2 + 0.5).astype(np.int64)
    return [Window(int(row), int(column), size_px, size_px) for column, row in corners]


def _own_pixels(outline: shapely.Polygon, window: Window) -> NDArray[np.bool_]:
    """(height, width), True where the pixel's centre lies in the rectangle."""
    inside = np.zeros((window.height, window.width), bool)
    if outline.is_empty:
        return inside
    left, upper, right, lower = _box_px(outline, window)
    rows = np.arange(int(upper), min(int(lower) + 1, window.height))
    columns = np.arange(int(left), min(int(right) + 1, window.width))
    x, y = np.meshgrid(columns + window.column + 0.5, rows + window.row + 0.5)
    shapely.prepare(outline)
    inside[np.ix_(rows, columns)] = shapely.contains_xy(outline, x, y)
    if not inside.any():
        # Smaller than a pixel: the one it lies in.
        inside[window.height // 2, window.width // 2] = True
    return inside


def _on_scene(window: Window, scene: Scene) -> NDArray[np.bool_]:
    """(height, width), True where the pixel lies on the scene."""
    rows = np.arange(window.row, window.row + window.height)
    columns = np.arange(window.column, window.column + window.width)
    return np.logical_and.outer((rows >= 0) & (rows < scene.height), (columns >= 0) & (columns < scene.width))


def _box_px(outline: shapely.Polygon, window: Window) -> tuple[float, float, float, float]:
    """Bounds in the tile, clipped to it: left, upper, right, lower."""
    if outline.is_empty:
        return 0.0, 0.0, 0.0, 0.0
    left, upper, right, lower = outline.bounds
    return (
        min(max(left - window.column, 0.0), window.width),
        min(max(upper - window.row, 0.0), window.height),
        max(min(right - window.column, window.width), 0.0),
        max(min(lower - window.row, window.height), 0.0),
    )
