"""An export from its parameters to its folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError, WriteError
from littoral.imagery import Scenes, as_scenes, kept_as, select_bands
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.progress import Track, silent
from littoral.tiles.export.folder_files import Kind
from littoral.tiles.export.inputs import buffered, extent_of, mask_of
from littoral.tiles.export.staging import locked
from littoral.tiles.export.tile_files import Encoder
from littoral.tiles.export.writer import Export, ExportSummary
from littoral.tiles.labeled import MAP
from littoral.tiles.labels import labelled
from littoral.tiles.multi_scene import plan_scenes
from littoral.tiles.options import ClassOptions, CutOptions, ExportOptions
from littoral.tiles.spec import Layout, TileSpec
from littoral.vectors import require_crs


def export_tiles(
    scenes: Scenes,
    rectangles: gpd.GeoDataFrame,
    out: str | Path,
    cut: CutOptions | None = None,
    labels: ClassOptions | None = None,
    export: ExportOptions | None = None,
    combine: CombineOptions | None = None,
    *,
    mask: gpd.GeoDataFrame | str | Path | None = None,
    cell_size: float | None = None,
    categories: Scheme = CATCOA,
    track: Track = silent,
) -> ExportSummary:
    """Cut tiles and write them with their classes; a folder that exists is appended to.

    ``docs/reference/export-parameters.md`` compares the options with those of the original. A tile that an earlier
    export left there (same scene, place and class) is not written again.

    Nothing appears in the folder before all tiles are cut. An interrupted export is resumed when the same export is run
    again, and ends in the same bytes.

    Args:
        scenes: A scene, or the path to one or to a folder of them; or a list of such, in any CRS.
        rectangles: Polygons with the class field (points and lines with ``buffer_radius``); rows where it is null are
            left out and counted.
        out: The folder; with ``per_category`` the folder of folders ``Category_<code>``.
        cut: How a tile is cut.
        labels: Which rectangles are used.
        export: Which tiles are written, and in which form. ``oriented`` tiles show what lies left of ``Angle`` above; a
            tile of a ``grid`` has the class that covers most of it.
        combine: What is taken of several scenes.
        mask: Polygons; tiles that do not lie in them as a whole are left out.
        cell_size: Cell size to bring the scene to, units of its CRS; None: its own.
        categories: Names and colours of the codes.
        track: Shows progress, a step per tile.

    Raises:
        InputError: a field, band or overlap that is missing, parameters that do not go together, a folder of other
            tiles, one that another process writes, or an interrupted export of something else.
        WriteError: the disk refused.

    Memory: what cutting takes, 8 tiles that are being written, and 1 KB for each tile planned.
    """
    cut, labels, export = cut or CutOptions(), labels or ClassOptions(), export or ExportOptions()
    out = Path(out)
    _must_be_folder(out, export.per_category)
    opened = as_scenes(scenes, SceneOptions(cell_size=cell_size))
    (width, height), placement = cut.tile_size, export.placement
    chosen = select_bands(opened[0], None if cut.bands is None else list(cut.bands))
    spec = TileSpec(
        width,
        tuple(band.name for band in chosen),
        cut.raw,
        cut.min_valid,
        None if height == width else height,
        "centred" if placement == "grid" else placement,
        export.crop_mode,
        export.blacken_around_feature,
        export.reference_system,
        cell_size,
        cut.max_cloud,
    )
    require_crs(rectangles, "the table of rectangles")
    rows = labelled(rectangles, labels, categories)
    rows = replace(rows, table=buffered(rows.table, export.buffer_radius))
    layouts = [
        Layout(
            export.stride or (max(width // 2, 1), max(height // 2, 1)) if placement == "grid" else None,
            export.rotation_angle,
            export.only_with_features,
            export.min_overlap,
            extent_of(export.extent, export.extent_crs, scene, rows.table),
            mask_of(mask, scene),
        )
        for scene in opened
    ]
    if not export.only_with_features and (export.metadata_format == "Imagenet" or export.per_category):
        raise InputError(
            "tiles without features",
            "have no class, and so no folder of a class",
            "choose Labeled_Tiles and one folder for all, or leave out --all-tiles",
        )
    encoder = Encoder.of(chosen, cut.raw, export.image_format, export.world_file)
    plan = plan_scenes(opened, rows.table, spec, layouts, rows.codes.tolist(), combine=combine, track=track)
    kind = Kind(
        plan.scenes[0],
        spec,
        placement,
        export.metadata_format,
        export.image_format,
        kept_as(chosen, cut.raw),
        rows.field,
        categories,
    )
    work = Export(plan, layouts, kind, encoder, rows, out, export.per_category)
    try:
        with locked(out):
            return work.run(export.start_index, export.restart, track)
    except OSError as error:
        raise WriteError(out, error) from error


def _must_be_folder(out: Path, per_category: bool) -> None:
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(there, "is a file, not a folder", "choose another place for the tiles")
    if per_category and (out / MAP).exists():
        raise InputError(out, "holds tiles of all categories", "leave --per-category away, or choose a new folder")
