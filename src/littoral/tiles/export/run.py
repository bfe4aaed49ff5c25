"""An export from its parameters to its folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import geopandas as gpd

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError, WriteError
from littoral.imagery import Scenes, as_scenes, kept_as, select_bands
from littoral.imagery.options import SceneOptions
from littoral.progress import Track, silent
from littoral.tiles.export.folder_files import Kind, MetadataFormat
from littoral.tiles.export.inputs import Extent, buffered, extent_of, mask_of
from littoral.tiles.export.staging import locked
from littoral.tiles.export.tile_files import Encoder, ImageFormat
from littoral.tiles.export.writer import Export, ExportSummary
from littoral.tiles.labeled import MAP
from littoral.tiles.labels import labelled
from littoral.tiles.multi_scene import Merging, plan_scenes
from littoral.tiles.spec import Combine, Crop, Layout, Space, TileSpec
from littoral.vectors import require_crs

Size = int | tuple[int, int]
"""Pixels: of both sides, or (x, y)."""
WherePlaced = Literal["centred", "oriented", "grid"]


def export_tiles(
    scenes: Scenes,
    rectangles: gpd.GeoDataFrame,
    out: str | Path,
    *,
    class_field: str | None = None,
    tile_size: Size = 256,
    placement: WherePlaced = "centred",
    stride: Size | None = None,
    only_with_features: bool = True,
    min_overlap: float = 0.0,
    rotation_angle: float = 0.0,
    buffer_radius: float = 0.0,
    mask: gpd.GeoDataFrame | str | Path | None = None,
    extent: Extent = None,
    extent_crs: str | None = None,
    cell_size: float | None = None,
    reference_system: Space = "map",
    blacken_around_feature: bool = False,
    crop_mode: Crop = "fixed",
    bands: Iterable[str | int] | None = None,
    raw: bool = False,
    min_valid: float = 0.5,
    max_cloud: float = 1.0,
    combine: Combine = "best",
    near: str | None = None,
    min_purity: float = 0.0,
    region_field: str | None = None,
    metadata_format: MetadataFormat = "Labeled_Tiles",
    image_format: ImageFormat = "tiff",
    world_file: bool = False,
    start_index: int = 0,
    per_category: bool = False,
    categories: Scheme = CATCOA,
    restart: bool = False,
    track: Track = silent,
) -> ExportSummary:
    """Cut tiles and write them with their classes; a folder that exists is appended to.

    ``docs/reference/export-parameters.md`` compares these parameters with those of the original. A tile that an
    earlier export left there (same scene, place and class) is not written again.

    Nothing appears in the folder before all tiles are cut. What was interrupted, by whatever it was, goes on where it
    stopped when the same export is asked for again, and ends in the same bytes.

    Args:
        scenes: A scene, or the path to one or to a folder of them; or a list of such, in any CRS.
        rectangles: Polygons with the class field (points and lines with ``buffer_radius``); rows where it is null are
            left out and counted.
        out: The folder; with ``per_category`` the folder of folders ``Category_<code>``.
        class_field: Whole numbers, or names of ``categories``; None: the first there is of CATCOA, value, classvalue.
        tile_size: Pixels, of both sides or (x, y).
        placement: ``centred`` on each rectangle; ``oriented``, so and turned until the shore runs along the rows, what
            lies left of ``Angle`` above; or a ``grid``, whose tiles are of the class that covers most of them.
        stride: Steps of a grid, pixels, of both axes or (x, y); None: half a tile.
        only_with_features: Leave out tiles of a grid that show no rectangle; others get a label without object.
        min_overlap: Smallest share of a rectangle's area that must lie in a tile to count there.
        rotation_angle: Degrees; tiles are cut at each multiple of it below 360, 0 for upright ones only.
        buffer_radius: Of the discs that are made of points, and the bands of lines; units of the table's CRS.
        mask: Polygons; tiles that do not lie in them as a whole are left out.
        extent: Rectangles that do not touch it are left out; a grid begins at its upper left and covers it.
        extent_crs: Of an extent in numbers; None: the scene's.
        cell_size: Cell size to bring the scene to, units of its CRS; None: its own.
        reference_system: ``map``, north up, or ``pixel``, along the scene's own rows; one thing unless it is turned.
        blacken_around_feature: Pixels outside the rectangle count as missing.
        crop_mode: ``fixed`` size, or the ``bounding-box`` of the rectangle where that is no larger.
        bands: Names or numbers from 1; None for all.
        raw: Keep stored values even where a Sentinel-2 offset is known.
        min_valid: Smallest share of a rectangle's own pixels that must be valid.
        max_cloud: Largest share of them that may be cloud or its shadow, where the scene has masks.
        combine: Of several scenes the ``best`` for each rectangle, or the ``median`` of all, clouds left out.
        near: Date, ``YYYY-MM-DD``, of which the nearest is taken among scenes that are equally clear.
        min_purity: Smallest ``purity`` of a rectangle, the share of its own class among the line inside it.
        region_field: Field with the region of each rectangle, by which a split can hold tiles out.
        metadata_format: ``Labeled_Tiles``, a label beside each image; ``Imagenet``, a folder for each class.
        image_format: ``tiff`` takes all; ``png`` 1 or 3 bands of 8 or 16 bits; ``jpeg`` of 8 bits, and loses some.
        world_file: Write one beside each GeoTIFF too.
        start_index: Number of the first tile of a new folder.
        per_category: One folder for each category.
        categories: Names and colours of the codes.
        restart: Drop what an interrupted export left, instead of going on with it.
        track: Shows progress, a step per tile.

    Raises:
        InputError: a field, band or overlap that is missing, parameters that do not go together, a folder of other
            tiles, one that another process writes, or an interrupted export of something else.
        WriteError: the disk refused.

    Memory: what cutting takes, 8 tiles that are being written, and 1 KB for each tile planned.
    """
    out = Path(out)
    _must_be_folder(out, per_category)
    opened = as_scenes(scenes, SceneOptions(cell_size=cell_size))
    for name, word, known in (
        ("placement", placement, get_args(WherePlaced)),
        ("metadata format", metadata_format, get_args(MetadataFormat)),
    ):
        if word not in known:
            raise InputError(f"{name} {word!r}", "is not known", f"choose {', '.join(known)}")
    if start_index < 0:
        raise InputError(f"start index {start_index}", "is negative", "pass 0 or more")
    width, height = _pair(tile_size)
    chosen = select_bands(opened[0], None if bands is None else list(bands))
    spec = TileSpec(
        width,
        tuple(band.name for band in chosen),
        raw,
        min_valid,
        None if height == width else height,
        "centred" if placement == "grid" else placement,
        crop_mode,
        blacken_around_feature,
        reference_system,
        cell_size,
        max_cloud,
    )
    steps = _pair((max(width // 2, 1), max(height // 2, 1)) if stride is None else stride)
    require_crs(rectangles, "the table of rectangles")
    rows = labelled(rectangles, class_field, categories, min_purity=min_purity, region_field=region_field)
    rows = replace(rows, table=buffered(rows.table, buffer_radius))
    codes = rows.codes.tolist()
    layouts = [
        Layout(
            steps,
            rotation_angle,
            only_with_features,
            min_overlap,
            extent_of(extent, extent_crs, scene, rows.table),
            mask_of(mask, scene),
        )
        for scene in opened
    ]
    if placement != "grid":
        layouts = [replace(layout, stride_px=None) for layout in layouts]
    if not only_with_features and (metadata_format == "Imagenet" or per_category):
        raise InputError(
            "tiles without features",
            "have no class, and so no folder of a class",
            "choose Labeled_Tiles and one folder for all, or leave --all-tiles away",
        )
    encoder = Encoder.of(chosen, raw, image_format, world_file)
    merging = Merging(combine, near)
    plan = plan_scenes(opened, rows.table, spec, layouts, codes, merging=merging, track=track)
    kept = kept_as(chosen, raw)
    kind = Kind(plan.scenes[0], spec, placement, metadata_format, image_format, kept, rows.field, categories)
    export = Export(plan, layouts, kind, encoder, rows, out, per_category)
    try:
        with locked(out):
            return export.run(start_index, restart, track)
    except OSError as error:
        raise WriteError(out, error) from error


def _pair(size: Size) -> tuple[int, int]:
    """Of both axes."""
    x, y = (size, size) if isinstance(size, int) else size
    return int(x), int(y)


def _must_be_folder(out: Path, per_category: bool) -> None:
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(there, "is a file, not a folder", "choose another place for the tiles")
    if per_category and (out / MAP).exists():
        raise InputError(out, "holds tiles of all categories", "leave --per-category away, or choose a new folder")
