"""The pixel lattice on which tiles are placed: a scene's pixels, or a north-up grid over a rotated scene."""

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
"""Array of shapely geometries."""
Shapes = TypeVar("Shapes", Outlines, BaseGeometry)

_STEP_M = 100.0
"""Distance from a rectangle's middle to the point by which its azimuth is converted to a lattice direction."""


@dataclass(frozen=True)
class Lattice:
    """Grid of pixels on which tiles are placed."""

    scene: Scene
    """The scene."""
    to_scene: Affine
    """Lattice (column, row) to scene (column, row); the identity, except for ``map`` space on a rotated scene."""

    @classmethod
    def of(cls, scene: Scene, space: Space) -> Lattice:
        """The scene's pixels; for ``map`` space on a rotated scene, a north-up grid of its cell size over its
        bounds."""
        own = scene.transform
        if space == "pixel" or own.b == own.d == 0:
            return cls(scene, Affine.identity())
        x, y = np.array([own @ corner for corner in _corners(scene)]).T
        width, height = scene.cell_size
        return cls(scene, ~own @ Affine(width, 0, x.min(), 0, -height, y.max()))

    @property
    def area(self) -> shapely.Polygon:
        """Outline of the scene in lattice coordinates."""
        back = ~self.to_scene
        return shapely.Polygon([back @ corner for corner in _corners(self.scene)])

    def outlines(self, shapes: gpd.GeoSeries) -> Outlines:
        """(shapes,) in lattice coordinates; empty where they cannot be projected to the scene's CRS."""
        return self.of_crs(shapes.to_crs(self.scene.crs).to_numpy())

    def of_crs(self, shapes: Outlines) -> Outlines:
        """(shapes,) in the scene's CRS to lattice coordinates; empty where coordinates are not finite."""
        # Emptied before the transform: infinity times zero is NaN, and such a ring is not closed.
        shown = np.array(shapes, object)
        shown[~np.isfinite(shapely.bounds(shown)).all(axis=1)] = shapely.Polygon()
        return np.asarray(moved(shown, ~(self.scene.transform @ self.to_scene)), object)

    def shore_angles(self, rectangles: gpd.GeoDataFrame, outlines: Outlines) -> NDArray[np.float64]:
        """(rectangles,) direction of the shore, in degrees from the lattice's column axis towards its row axis.

        The field ``Angle`` is the azimuth of the chord of a rectangle, as computed by :mod:`littoral.rectangles`; the
        direction is that of the side of the rectangle nearest to it.

        Raises:
            InputError: the field ``Angle`` is missing or has nulls.
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
        # Rounded to a micro-degree, which is 1/10,000 of a pixel at the edge of the largest tile.
        return np.nan_to_num(np.degrees(np.arctan2(toward[:, 1], toward[:, 0])).round(6))

    def _ahead(self, rectangles: gpd.GeoDataFrame, azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rectangles, 2) vectors in lattice coordinates from each rectangle's middle along its azimuth."""
        here = shapely.get_coordinates(shapely.centroid(rectangles.geometry.to_numpy()))
        lon, lat = Transformer.from_crs(rectangles.crs, DEGREES, always_xy=True).transform(*here.T)
        there = ELLIPSOID.fwd(lon, lat, azimuth, np.full(len(lon), _STEP_M))[:2]
        one, other = np.column_stack([lon, lat]), np.column_stack(there)
        to_scene = Transformer.from_crs(DEGREES, self.scene.crs, always_xy=True)
        to_lattice = ~(self.scene.transform @ self.to_scene)
        begin, end = (np.stack(to_lattice @ to_scene.transform(*points.T), axis=-1) for points in (one, other))
        return np.asarray(end - begin)


def moved(shapes: Shapes, how: Affine) -> Shapes:
    """Shapes with their coordinates transformed by ``how``."""
    linear, shift = np.array([[how.a, how.d], [how.b, how.e]]), np.array([how.c, how.f])
    return shapely.transform(shapes, lambda xy: xy @ linear + shift)


def need_square_pixels(scene: Scene) -> None:
    """Check that rotated tiles are not distorted on a scene.

    Raises:
        InputError: the scene is in degrees, or its pixels are not square.
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
