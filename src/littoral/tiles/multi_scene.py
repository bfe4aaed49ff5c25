"""Several scenes of one coast: which shows each rectangle best, and tiles planned and cut from all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.imagery import Band, Scene, kept_as, same_scaling, select_bands
from littoral.imagery.options import CombineOptions
from littoral.progress import Track, silent
from littoral.tiles.cut import Tile, cut_best
from littoral.tiles.grid import Lattice
from littoral.tiles.median import carried, cut_median
from littoral.tiles.plan import Placed, Plan, on_cells, plan_tiles
from littoral.tiles.spec import Layout, TileSpec


def cut_tiles(
    scenes: Scene | Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    *,
    combine: CombineOptions | None = None,
    track: Track = silent,
) -> Iterator[Tile]:
    """Cut one tile for each rectangle, as ``spec`` says; learning and classifying both come here.

    Tiles come in the order of the scenes' blocks, each of which is decoded once; ``position`` says whose each is.

    The rectangle's own pixels decide whether the tile is used: at least ``spec.min_valid`` of them must lie on the
    scene and be valid, and at most ``spec.max_cloud`` of them be cloud. The tile around may reach beyond the scene;
    pixels that are missing there are marked so.

    Args:
        scenes: A scene, or several, in any CRS.
        rectangles: Polygons, in any CRS.
        spec: How each tile is cut.
        combine: What becomes of several scenes; None: the best.
        track: Shows progress of choosing among scenes, a step per rectangle and scene.

    Raises:
        InputError: as :func:`~littoral.tiles.plan.plan_tiles` says; a band the scene lacks, a file that cannot be
            read; scenes whose values or cell sizes do not go together.
    """
    yield from cut_planned(plan_scenes(scenes, rectangles, spec, combine=combine, track=track))


def plan_scenes(
    scenes: Scene | Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    layouts: Sequence[Layout] | None = None,
    classes: Sequence[int] | None = None,
    *,
    combine: CombineOptions | None = None,
    track: Track = silent,
) -> Plan:
    """Place tiles as :func:`plan_tiles` does, each on the scene that shows its rectangle best.

    Args:
        scenes: A scene, or several.
        rectangles: Polygons, in any CRS.
        spec: How each tile is cut.
        layouts: Of each scene, which tiles are cut; None: one on each rectangle.
        classes: (rectangles,) class values, for a grid.
        combine: What becomes of several scenes; None: the best.
        track: Shows progress of choosing, a step per rectangle and scene.

    Raises:
        InputError: as :func:`cut_tiles` says.
    """
    several = [scenes] if isinstance(scenes, Scene) else list(scenes)
    combine = combine or CombineOptions()
    layouts = layouts or [Layout()] * len(several)
    if len(several) == 1:
        if combine.combine == "median":
            raise InputError(
                f"a median of one scene, {several[0].name},", "is asked for", "add scenes, or leave it out"
            )
        return plan_tiles(several[0], rectangles, spec, layouts[0], classes)
    several = [on_cells(scene, spec.cell_size) for scene in several]
    check_alike(several, spec)
    chosen = choose_scenes(several, rectangles, spec, near=combine.near, track=track)
    in_grid = any(layout.stride_px is not None for layout in layouts)
    plans = (_grids if in_grid else _on_chosen)(several, rectangles, spec, layouts, classes, chosen)
    left_out: dict[str, int] = {}
    for plan in plans:
        for reason, count in plan.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + count
    tiles = tuple(tile for plan in plans for tile in plan.tiles)
    return Plan(tuple(several), spec, tiles, left_out, combine.combine)


def _on_chosen(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    layouts: Sequence[Layout],
    classes: Sequence[int] | None,
    chosen: NDArray[np.int64],
) -> list[Plan]:
    """Tiles on rectangles, each on its scene."""
    # What no scene shows is planned on one that shows something, and found to lie outside.
    owner = np.where(chosen < 0, chosen.max(), chosen)
    plans = []
    for index in np.unique(owner).tolist():
        rows = np.flatnonzero(owner == index).tolist()
        own = None if classes is None else [classes[row] for row in rows]
        plan = plan_tiles(scenes[index], rectangles.iloc[rows], spec, layouts[index], own)
        plans.append(replace(plan, tiles=tuple(replace(tile, position=rows[tile.position]) for tile in plan.tiles)))
    return plans


def _grids(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    layouts: Sequence[Layout],
    classes: Sequence[int] | None,
    chosen: NDArray[np.int64],
) -> list[Plan]:
    """Of each scene's grid the tiles that belong to rectangles of that scene; those that belong to none, where no scene
    before it lies."""
    plans = []
    before: list[Scene] = []
    for index, (scene, layout) in enumerate(zip(scenes, layouts, strict=True)):
        if _overlaps(scene, rectangles):
            # All rectangles say whose a tile is, whichever scene they are seen on.
            plan = plan_tiles(scene, rectangles, spec, layout, classes)
            kept = [
                tile
                for tile in plan.tiles
                if (
                    chosen[tile.position] == index
                    if tile.position >= 0
                    else not any(_shows(one, tile) for one in before)
                )
            ]
            plans.append(replace(plan, tiles=tuple(kept)))
            before.append(scene)
    return plans


def _shows(scene: Scene, tile: Placed) -> bool:
    """Whether the middle of a tile of another scene lies on this one."""
    there = carried(tile, scene)
    if there.window is None:
        return False
    column, row = there.frame @ (tile.width / 2, tile.height / 2)
    return 0 <= column < scene.width and 0 <= row < scene.height


def choose_scenes(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    *,
    near: str | None = None,
    track: Track = silent,
) -> NDArray[np.int64]:
    """Of each rectangle, which scene shows it best; (rectangles,) positions in ``scenes``, -1 where none does.

    Best is the largest share of the rectangle's own pixels that are valid and not cloud, in whole per cent; then the
    date nearest to ``near``; then the first. A scene without masks counts as cloudless. Only the masks are read for it,
    and of the bands the one of the largest pixels, so choosing decodes little.

    Args:
        scenes: Scenes with the bands of ``spec``, in any CRS.
        rectangles: Polygons, in any CRS.
        spec: How tiles are cut.
        near: ``YYYY-MM-DD``, or None.
        track: Shows progress, a step per rectangle and scene.

    Raises:
        InputError: no scene overlaps the rectangles; a band is missing; a file cannot be read.
    """
    chosen = clearest(scenes, rectangles, spec, near=near, track=track)
    if (chosen < 0).all():
        raise InputError(
            f"the scenes {', '.join(scene.name for scene in scenes)}",
            "show none of the rectangles",
            "check that they cover the same place and that all state the right CRS",
        )
    return chosen


def clearest(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    spec: TileSpec,
    *,
    near: str | None = None,
    track: Track = silent,
) -> NDArray[np.int64]:
    """As :func:`choose_scenes`, where it is no error that no scene shows anything."""
    clear = np.full((len(scenes), len(rectangles)), -1, np.int64)
    for index, scene in enumerate(scenes):
        if not _overlaps(scene, rectangles):
            continue
        band = max(select_bands(scene, spec.bands, exact=True), key=lambda one: _pixel_area(scene, one))
        survey = replace(
            spec, bands=(band.name,), crop="bounding-box", placement="centred", blacken=False, min_valid=0, max_cloud=1
        )
        plan = plan_tiles(scene, rectangles, survey)
        for tile in track(cut_best(plan), len(plan.tiles), f"looking at {scene.name}"):
            if tile.valid_share > 0:
                clear[index, tile.position] = round(100 * tile.clear_share)
    days = np.array([_days(scene, near) for scene in scenes])
    order = np.lexsort((np.broadcast_to(days[:, None], clear.shape), -clear), axis=0)
    best = order[0]
    return np.asarray(np.where(clear.max(axis=0) >= 0, best, -1))


def cut_planned(plan: Plan, numbers: Sequence[int] | None = None) -> Iterator[Tile]:
    """Cut planned tiles as :func:`~littoral.tiles.cut.cut_best` or, of several scenes, :func:`cut_median` does.

    Args:
        plan: What to cut.
        numbers: Positions of the tiles to cut; None: all. Taking some away does not change the order of the rest.

    Raises:
        InputError: a band the scene lacks, a file that cannot be read.
    """
    yield from (cut_median if plan.combine == "median" and len(plan.scenes) > 1 else cut_best)(plan, numbers)


def check_alike(scenes: Sequence[Scene], spec: TileSpec) -> None:
    """Refuse scenes that cannot stand for one another.

    Raises:
        InputError: a scene twice, cells of another size, other bands, values of another kind.
    """
    first = scenes[0]
    if len({tuple(band.href for band in scene.bands) for scene in scenes}) < len(scenes):
        raise InputError("the scenes", "are not all different", "name each once")
    for scene in scenes:
        select_bands(scene, spec.bands, exact=True)
        if scene.crs.is_geographic != first.crs.is_geographic or not np.allclose(
            scene.cell_size, first.cell_size, rtol=0.01
        ):
            raise InputError(
                f"the scene {scene.name}",
                f"has cells of {scene.cell_size[0]:g} where {first.name} has {first.cell_size[0]:g}",
                "bring them to one with --cell-size (cell_size=)",
            )
        kept, other = (kept_as(select_bands(one, spec.bands, exact=True), spec.raw) for one in (scene, first))
        if not same_scaling(kept, other) or kept[1] != other[1]:
            raise InputError(
                f"the scene {scene.name}",
                f"has {kept[1]} values ({kept[0]}) where {first.name} has {other[1]} ({other[0]})",
                "use scenes of one kind together",
            )


def _overlaps(scene: Scene, rectangles: gpd.GeoDataFrame) -> bool:
    lattice = Lattice.of(scene, "pixel")
    return bool(shapely.intersects(lattice.outlines(rectangles.geometry), lattice.area).any())


def _pixel_area(scene: Scene, band: Band) -> float:
    return abs(float((band.grid or scene.grid).transform.determinant))


def _days(scene: Scene, near: str | None) -> int:
    """Between a scene's date and another; scenes without one come last."""
    if near is None or not scene.acquired:
        return 0 if near is None else 10**6
    try:
        return abs((date.fromisoformat(scene.acquired) - date.fromisoformat(near)).days)
    except ValueError as error:
        raise InputError(
            f"the scene {scene.name}", f"says it was taken on {scene.acquired!r}, which is no date", "leave --near away"
        ) from error
