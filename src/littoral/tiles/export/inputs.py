"""Convert the inputs of an export for planning: buffered features, extent and mask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from littoral.errors import InputError
from littoral.imagery import Scene
from littoral.vectors import read_vector, require_crs

Extent = str | Path | Sequence[float] | None
"""``"intersection"`` or ``"union"`` of scene and rectangles; a vector file, for its bounds; or (west, south, east,
north)."""


def buffered(table: gpd.GeoDataFrame, radius: float) -> gpd.GeoDataFrame:
    """Buffer points and lines by a radius in units of the table's CRS; polygons are unchanged.

    Raises:
        InputError: the radius is negative or not finite, or there are only polygons.
    """
    if not (np.isfinite(radius) and radius >= 0):
        raise InputError(f"buffer radius {radius}", "is not a positive number", "pass units of the table's CRS")
    if radius == 0:
        return table
    flat = ~table.geom_type.isin(["Polygon", "MultiPolygon"]) & table.geometry.notna()
    if not flat.any():
        raise InputError(f"buffer radius {radius:g}", "is for points and lines, and these are polygons", "leave it out")
    shapes = table.geometry.to_numpy().copy()
    shapes[flat] = shapely.buffer(shapes[flat], radius)
    return table.set_geometry(gpd.GeoSeries(shapes, table.index, crs=table.crs))


def extent_of(extent: Extent, extent_crs: str | None, scene: Scene, table: gpd.GeoDataFrame) -> BaseGeometry | None:
    """Convert an extent to a polygon in the scene's CRS; None for None.

    Raises:
        InputError: not a valid box, no such file, an unknown CRS, or no intersection.
    """
    if extent is None:
        return None
    if extent in ("intersection", "union"):
        corners = [
            scene.transform @ xy for xy in ((0, 0), (scene.width, 0), (scene.width, scene.height), (0, scene.height))
        ]
        own = shapely.box(*np.min(corners, axis=0), *np.max(corners, axis=0))
        bounds = shapely.bounds(table.geometry.to_crs(scene.crs).to_numpy())
        bounds = bounds[np.isfinite(bounds).all(axis=1)]
        theirs = (
            shapely.box(*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)) if len(bounds) else shapely.Polygon()
        )
        both = shapely.intersection(own, theirs) if extent == "intersection" else shapely.union(own, theirs)
        if both.is_empty:
            raise InputError(
                f"the scene {scene.name}",
                "overlaps none of the rectangles",
                "check that both cover the same place and that both state the right CRS",
            )
        covered: BaseGeometry = shapely.box(*both.bounds)
        return covered
    if isinstance(extent, str | Path):
        file = read_vector(extent)
        require_crs(file, extent)
        box, crs = np.asarray(file.total_bounds, np.float64), CRS(file.crs)
    else:
        box = np.asarray(extent, np.float64)
        crs = scene.crs if extent_crs is None else _crs(extent_crs)
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[:2] < box[2:]).all():
        shown = extent if isinstance(extent, str | Path) else " ".join(f"{number:g}" for number in box.ravel())
        raise InputError(f"the extent {shown}", "is no box", "pass west, south, east and north, or a file with an area")
    return _projected([shapely.box(*box)], crs, scene.crs)


def mask_of(mask: gpd.GeoDataFrame | str | Path | None, scene: Scene) -> BaseGeometry | None:
    """The union of mask polygons in the scene's CRS.

    Raises:
        InputError: no such file, no CRS, or not polygons.
    """
    if mask is None:
        return None
    table = mask if isinstance(mask, gpd.GeoDataFrame) else read_vector(mask)
    source = "the mask" if isinstance(mask, gpd.GeoDataFrame) else mask
    require_crs(table, source)
    shapes = table.geometry.dropna()
    if shapes.empty or not shapes.geom_type.isin(["Polygon", "MultiPolygon"]).all():
        raise InputError(source, "holds something other than polygons", "pass polygons that tiles must lie in")
    return _projected(shapes.tolist(), CRS(table.crs), scene.crs)


def _projected(shapes: list[BaseGeometry], crs: CRS, to: CRS) -> BaseGeometry:
    """Union of shapes in another CRS; edges are divided first, because straight edges become curved."""
    if crs != to:
        longest = max(max(right - left, top - bottom) for left, bottom, right, top in (s.bounds for s in shapes))
        shapes = gpd.GeoSeries(shapely.segmentize(shapes, longest / 64), crs=crs).to_crs(to).tolist()
    return shapely.union_all(shapely.make_valid(shapes))


def _crs(text: str) -> CRS:
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise InputError(f"the CRS {text!r}", "is not known", "write it like EPSG:4326") from error
