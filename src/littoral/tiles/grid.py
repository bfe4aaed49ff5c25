"""Where tiles may lie on a scene: its pixels, or those of a north-up grid over a turned scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from littoral.errors import InputError
from littoral.geodesy import DEGREES, ELLIPSOID
from littoral.imagery import Scene
from littoral.tiles.options import Space
from littoral.vectors import require_column

Outlines = NDArray[np.object_]
"""Of shapely geometries."""
Shapes = TypeVar("Shapes", Outlines, BaseGeometry)

_STEP_M = 100.0
"""Walked from a rectangle's middle to see where its azimuth leads."""


@dataclass(frozen=True)
class Lattice:
    """Pixels that tiles are placed on."""

    scene: Scene
    """The scene below."""
    to_scene: Affine
    """Lattice (column, row) to scene (column, row); the identity unless the scene is turned."""

    @classmethod
    def of(cls, scene: Scene, space: Space) -> Lattice:
        """The scene's pixels; for ``map`` on a turned scene a north-up grid of its cell size over its bounds."""
        own = scene.transform
        if space == "pixel" or own.b == own.d == 0:
            return cls(scene, Affine.identity())
        x, y = np.array([own @ corner for corner in _corners(scene)]).T
        width, height = scene.cell_size
        return cls(scene, ~own @ Affine(width, 0, x.min(), 0, -height, y.max()))

    @property
    def area(self) -> shapely.Polygon:
        """The scene on the lattice."""
        back = ~self.to_scene
        return shapely.Polygon([back @ corner for corner in _corners(self.scene)])

    def outlines(self, shapes: gpd.GeoSeries) -> Outlines:
        """(shapes,) on the lattice; empty where the scene's CRS cannot show them."""
        return self.of_crs(shapes.to_crs(self.scene.crs).to_numpy())

    def of_crs(self, shapes: Outlines) -> Outlines:
        """(shapes,) in the scene's CRS, on the lattice; empty where they cannot be shown."""
        # Before they are moved: infinity times nothing is no number, and such a ring does not close.
        shown = np.array(shapes, object)
        shown[~np.isfinite(shapely.bounds(shown)).all(axis=1)] = shapely.Polygon()
        return np.asarray(moved(shown, ~(self.scene.transform @ self.to_scene)), object)

    def shore_angles(self, rectangles: gpd.GeoDataFrame, outlines: Outlines) -> NDArray[np.float64]:
        """(rectangles,) degrees from the lattice's columns towards its rows in which the shore runs.

        ``Angle`` is the azimuth of the chord of a rectangle, as :mod:`littoral.rectangles` measures it; of the sides of
        a rectangle, the one nearest to it is taken.

        Raises:
            InputError: no such field, or nulls in it.
        """
        try:
            column = require_column(rectangles, "Angle", "the table of rectangles")
        except InputError as error:
            raise InputError(
                "the table of rectangles",
                "has no field Angle, which would say where the shore runs",
                "make it with littoral rectangles, or choose --placement centred",
            ) from error
        azimuth = rectangles[column].to_numpy(np.float64, na_value=np.nan)
        if not np.isfinite(azimuth).all():
            raise InputError(
                f"field {column}",
                f"is null in {int((~np.isfinite(azimuth)).sum())} rows, so nothing says where the shore runs there",
                "fill it in, or choose --placement centred",
            )
        toward = self._ahead(rectangles, azimuth)
        coordinates, owner = shapely.get_coordinates(outlines, return_index=True)
        four = np.flatnonzero(np.bincount(owner, minlength=len(outlines)) == 5)
        ring = coordinates[np.isin(owner, four)].reshape(-1, 5, 2)
        sides = np.diff(ring, axis=1)
        with np.errstate(invalid="ignore"):
            along = np.einsum("ijk,ik->ij", sides / np.linalg.norm(sides, axis=2, keepdims=True), toward[four])
        nearest = np.nan_to_num(along, nan=-np.inf).argmax(axis=1)
        toward[four] = sides[np.arange(len(four)), nearest]
        # A micro-degree is a ten-thousandth of a pixel at the edge of the largest tile.
        return np.nan_to_num(np.degrees(np.arctan2(toward[:, 1], toward[:, 0])).round(6))

    def _ahead(self, rectangles: gpd.GeoDataFrame, azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rectangles, 2) vectors on the lattice from each rectangle's middle along its azimuth."""
        here = shapely.get_coordinates(shapely.centroid(rectangles.geometry.to_numpy()))
        lon, lat = Transformer.from_crs(rectangles.crs, DEGREES, always_xy=True).transform(*here.T)
        there = ELLIPSOID.fwd(lon, lat, azimuth, np.full(len(lon), _STEP_M))[:2]
        one, other = np.column_stack([lon, lat]), np.column_stack(there)
        to_scene = Transformer.from_crs(DEGREES, self.scene.crs, always_xy=True)
        to_lattice = ~(self.scene.transform @ self.to_scene)
        begin, end = (np.stack(to_lattice @ to_scene.transform(*points.T), axis=-1) for points in (one, other))
        return np.asarray(end - begin)


def moved(shapes: Shapes, how: Affine) -> Shapes:
    """Shapes with their coordinates transformed."""
    linear, shift = np.array([[how.a, how.d], [how.b, how.e]]), np.array([how.c, how.f])
    return shapely.transform(shapes, lambda xy: xy @ linear + shift)


def need_square_pixels(scene: Scene) -> None:
    """
    Raises:
        InputError: a turned tile would be distorted.
    """
    width, height = scene.cell_size
    if scene.crs.is_geographic or not 0.99 < width / height < 1.01:
        what = "is in degrees" if scene.crs.is_geographic else f"has pixels of {width:g} x {height:g}"
        raise InputError(
            f"the scene {scene.name}",
            f"{what}, so tiles turned on it would be distorted",
            "bring it to square pixels in metres, e.g. gdalwarp -t_srs EPSG:326… -tr 10 10, or cut upright tiles",
        )


def _corners(scene: Scene) -> list[tuple[int, int]]:
    return [(0, 0), (scene.width, 0), (scene.width, scene.height), (0, scene.height)]
