"""Divide rectangles into parts: a bounded number of rectangles on one scene, in the order of its blocks.

One process and a cluster use the same parts, so the batches and the predictions are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree

from littoral.errors import InputError
from littoral.geodesy import DEGREES, to_geocentric
from littoral.imagery import Scene
from littoral.imagery.options import Combine, CombineOptions
from littoral.progress import Track, silent
from littoral.tiles import Layout, Plan, TileSpec, plan_tiles
from littoral.tiles.grid import Lattice
from littoral.tiles.multi_scene import check_alike, clearest
from littoral.tiles.plan import check_rectangles, on_cells

PART = 512
"""Most rectangles of a part: the work that is lost when a worker dies or on Ctrl-C. Smaller parts would decode more
blocks twice, where two parts meet."""
_STRIP = 1024
"""Rows of a scene that are processed together: a block of a Sentinel-2 product, or two or four of others."""
_AT_ONCE = 2**15
"""Rectangles whose outlines are held, 0.5 KB each."""
_SLACK = 1.02
"""Factor on a scene's radius, because its edges are curved between the points that are computed."""
_SLACK_M = 1000.0

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Rectangles that are classified together."""

    rows: Rows
    """Rows of the table, in the order of the scene's blocks."""
    own: int
    """The scene on whose pixels they are cut."""
    among: tuple[int, ...]
    """Scenes that are read for it: its own, or those that a median is taken of."""


@dataclass(frozen=True)
class Task:
    """A part as it is sent to a worker: paths of scenes and outlines, no pixels and no model."""

    scenes: tuple[Scene, ...]
    """At the model's cell size."""
    own: int
    """Position in ``scenes``."""
    places: gpd.GeoDataFrame
    """The rectangles, index from 0, the outline last."""
    combine: Combine
    """As of a plan."""

    def plan(self, spec: TileSpec) -> Plan:
        """Its tiles; 1 KB for each."""
        plan = plan_tiles(self.scenes[self.own], self.places, spec)
        return replace(plan, scenes=self.scenes, combine=self.combine)


def tasks_of(
    parts: Sequence[Part],
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    combine: CombineOptions,
) -> Iterator[Task]:
    """The task of each part; with all columns of ``rectangles``."""
    scenes = [on_cells(scene, spec.cell_size) for scene in scenes]
    for part in parts:
        chosen = tuple(scenes[index] for index in part.among)
        yield Task(
            chosen, part.among.index(part.own), rectangles.iloc[part.rows].reset_index(drop=True), combine.combine
        )


def part_rectangles(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    *,
    combine: CombineOptions | None = None,
    track: Track = silent,
) -> list[Part]:
    """Divide rectangles by the scene that shows each best (:func:`littoral.tiles.multi_scene.choose_scenes`).

    Rectangles outside all scenes are in no part; those without a valid pixel in any scene are in a part of the first
    scene they lie on.

    Args:
        scenes: One or several, in any CRS.
        rectangles: Polygons, in any CRS.
        spec: How tiles are cut.
        combine: How several scenes are combined; None: the best for each rectangle.
        track: Shows progress, a step per group of rectangles that lie on the same scenes.

    Raises:
        InputError: as :func:`littoral.tiles.plan_scenes`.

    Memory: 100 bytes for each rectangle and scene it lies on, and 50 MB.
    """
    combine = combine or CombineOptions()
    check_rectangles(rectangles, spec, Layout())
    if combine.combine == "median" and len(scenes) == 1:
        raise InputError(f"a median of one scene, {scenes[0].name},", "is asked for", "add scenes, or leave it out")
    scenes = [on_cells(scene, spec.cell_size) for scene in scenes]
    if len(scenes) > 1:
        check_alike(scenes, spec)
    near = _near(scenes, rectangles)
    shown = [_shown(scene, rectangles, rows, spec) for scene, rows in zip(scenes, near, strict=True)]
    row = np.concatenate([rows for rows, _ in shown])
    along = np.concatenate([order for _, order in shown])
    scene = np.repeat(np.arange(len(scenes)), [len(rows) for rows, _ in shown])
    if not len(row):
        named = "the scene " if len(scenes) == 1 else "the scenes "
        raise InputError(
            named + ", ".join(one.name for one in scenes),
            "overlaps none of the rectangles" if len(scenes) == 1 else "show none of the rectangles",
            "check that both cover the same place and that both state the right CRS",
        )
    once = np.bincount(row, minlength=len(rectangles))[row] == 1
    found: dict[tuple[int, tuple[int, ...]], list[tuple[Rows, Rows]]] = {}
    for index in np.unique(scene[once]).tolist():
        own = once & (scene == index)
        found.setdefault((index, (index,)), []).append((row[own], along[own]))
    groups = _groups(scene[~once], row[~once], along[~once])
    # No progress bar if all rectangles lie on one scene.
    for several, (rows, orders) in track(groups.items(), len(groups), "choosing among scenes") if groups else ():
        here = [scenes[index] for index in several]
        for start in range(0, len(rows), PART):
            some = slice(start, start + PART)
            best = clearest(here, rectangles.iloc[rows[some]], spec, near=combine.near)
            best = np.maximum(best, 0)
            for position in np.unique(best).tolist():
                own, mine = several[position], best == position
                among = several if combine.combine == "median" else (own,)
                found.setdefault((own, among), []).append((rows[some][mine], orders[position, some][mine]))
    parts = []
    for (own, among), pieces in sorted(found.items()):
        rows, order = (np.concatenate(each) for each in zip(*pieces, strict=True))
        rows = rows[np.lexsort((rows, order))]
        parts += [Part(rows[start : start + PART], own, among) for start in range(0, len(rows), PART)]
    return parts


def _near(scenes: Sequence[Scene], rectangles: gpd.GeoDataFrame) -> list[Rows]:
    """Rows that may lie on each scene, by geocentric bounding spheres, which are valid at zone edges and poles."""
    rows = np.flatnonzero(~(rectangles.geometry.isna() | rectangles.geometry.is_empty).to_numpy())
    if len(scenes) == 1:
        return [rows]
    bounds = rectangles.geometry.iloc[rows].bounds.to_numpy()
    left, low, right, high = bounds.T
    corners = [(left, low), (right, low), (right, high), (left, high), ((left + right) / 2, (low + high) / 2)]
    to_degrees = Transformer.from_crs(rectangles.crs, DEGREES, always_xy=True)
    *around, middle = (_on_earth(to_degrees, x, y) for x, y in corners)
    radius = np.max([np.linalg.norm(corner - middle, axis=1) for corner in around], axis=0)
    known = np.isfinite(radius)
    rows, middle, radius = rows[known], middle[known], radius[known]
    tree = cKDTree(middle) if len(rows) else None
    near = []
    for scene in scenes:
        centre, reach = _ball(scene)
        if tree is None or not np.isfinite(reach):
            near.append(rows)
            continue
        ball = np.array(tree.query_ball_point(centre, reach + radius.max(), return_sorted=True), np.int64)
        near.append(rows[ball[np.linalg.norm(middle[ball] - centre, axis=1) <= reach + radius[ball]]])
    return near


def _ball(scene: Scene) -> tuple[NDArray[np.float64], float]:
    """Geocentric middle of a scene and how far its edges lie from it, metres."""
    share = np.linspace(0, 1, 9)
    column = scene.width * np.concatenate([share, share, 0 * share, 0 * share + 1, [0.5]])
    row = scene.height * np.concatenate([0 * share, 0 * share + 1, share, share, [0.5]])
    x, y = np.array([scene.transform @ place for place in zip(column.tolist(), row.tolist(), strict=True)]).T
    places = _on_earth(Transformer.from_crs(scene.crs, DEGREES, always_xy=True), x, y)
    reach = float(np.linalg.norm(places - places[-1], axis=1).max())
    return places[-1], reach * _SLACK + _SLACK_M


def _on_earth(to_degrees: Transformer, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    return to_geocentric(np.column_stack(to_degrees.transform(x, y)))


def _shown(scene: Scene, rectangles: gpd.GeoDataFrame, rows: Rows, spec: TileSpec) -> tuple[Rows, Rows]:
    """Those of the rows that lie on a scene, and a number for each that grows along its blocks."""
    lattice = Lattice.of(scene, spec.space)
    found, orders = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        outlines = lattice.outlines(rectangles.geometry.iloc[some])
        on_scene = shapely.intersects(outlines, lattice.area)
        left, upper, right, lower = shapely.bounds(outlines[on_scene]).T
        column = np.clip((left + right) / 2, 0, scene.width).astype(np.int64)
        row = np.clip((upper + lower) / 2, 0, scene.height).astype(np.int64)
        found.append(some[on_scene])
        orders.append((row // _STRIP * 2**32 + column) * _STRIP + row % _STRIP)
    return np.concatenate(found), np.concatenate(orders)


def _groups(scene: Rows, row: Rows, along: Rows) -> dict[tuple[int, ...], tuple[Rows, Rows]]:
    """Rows by the scenes they lie on: ``(rows,)``, and ``(scenes, rows)`` their order on each; along the first."""
    order = np.lexsort((scene, row))
    scene, row, along = scene[order], row[order], along[order]
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    ends = np.append(begins, len(row))[1:]
    members: dict[tuple[int, ...], list[int]] = {}
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        members.setdefault(tuple(scene[begin:end].tolist()), []).append(begin)
    groups = {}
    for several, places in sorted(members.items()):
        first = np.array(places)
        orders = along[first[None, :] + np.arange(len(several))[:, None]]
        sweep = np.lexsort((row[first], orders[0]))
        groups[several] = row[first[sweep]], orders[:, sweep]
    return groups
