"""An export from its parameters to its folders."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import geopandas as gpd
import shapely

from littoral import __version__
from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError, WriteError
from littoral.imagery import Scene, kept_as, open_scene, select_bands
from littoral.progress import Track, silent
from littoral.tiles.combining import Merging, cut_planned, plan_scenes
from littoral.tiles.cutting import CLASSIFIED, Tile
from littoral.tiles.exporting.contents import Contents, Kind, MetadataFormat, label_xml, measured
from littoral.tiles.exporting.images import Encoder, ImageFormat
from littoral.tiles.exporting.inputs import Extent, buffered, extent_of, mask_of
from littoral.tiles.exporting.staging import Stage, locked
from littoral.tiles.labeled import MAP, origin_of
from littoral.tiles.labels import Labelled, labelled
from littoral.tiles.planning import Placed, Plan
from littoral.tiles.specs import Combine, Crop, Layout, Space, TileSpec
from littoral.vectors import require_crs

Size = int | tuple[int, int]
"""Pixels: of both sides, or (x, y)."""
WherePlaced = Literal["centred", "oriented", "grid"]

_WRITERS = 2
_AHEAD = 8
"""Tiles being written while others are cut."""


@dataclass(frozen=True)
class ExportSummary:
    """What :func:`export_tiles` did."""

    folders: tuple[Path, ...]
    """Folders written to."""
    per_class: Mapping[str, int]
    """Tiles of this export, by category name; those that an interrupted run of it left are among them."""
    skipped: Mapping[str, int]
    """Rectangles (of a grid: tiles) left out, by reason."""
    without_class: int = 0
    """Tiles of a grid that show no rectangle."""

    @property
    def written(self) -> int:
        """Tiles of this export."""
        return sum(self.per_class.values()) + self.without_class

    def __str__(self) -> str:
        parts = [f"{name} {count}" for name, count in self.per_class.items()]
        if self.without_class:
            parts.append(f"without class {self.without_class}")
        skipped = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items() if count)
        return f"{self.written} tiles ({', '.join(parts) or 'none'})" + (f"; left out: {skipped}" if skipped else "")


def export_tiles(
    scenes: Scene | str | Path | Sequence[Scene | str | Path],
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

    ``docs/export-parameters.md`` holds these parameters against those of the tool they come from. A tile that an
    earlier export left there (same scene, place and class) is not written again.

    Nothing appears in the folder before all tiles are cut. What was interrupted, by whatever it was, goes on where it
    stopped when the same export is asked for again, and ends in the same bytes.

    Args:
        scenes: A scene, or the path to one; or several, in any CRS.
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
    listed = [scenes] if isinstance(scenes, Scene | str | Path) else list(scenes)
    opened = [scene if isinstance(scene, Scene) else open_scene(scene) for scene in listed]
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
    export = _Export(plan, layouts, kind, encoder, rows, out, per_category)
    try:
        with locked(out):
            return export.run(start_index, restart, track)
    except OSError as error:
        raise WriteError(out, error) from error


@dataclass(frozen=True)
class _Export:
    """One export, all of it known but the pixels."""

    plan: Plan
    layouts: Sequence[Layout]
    kind: Kind
    encoder: Encoder
    rows: Labelled
    out: Path
    per_category: bool

    def run(self, start_index: int, restart: bool, track: Track) -> ExportSummary:
        codes = sorted(set(self.rows.codes.tolist()))
        names = [self._folder(code) for code in codes]
        folders = {name: Contents(self.out / name, self.kind, start_index) for name in dict.fromkeys(names)}
        # In order, before any tile: names of folders must not depend on which tile comes first.
        for code, name in zip(codes, names, strict=True):
            folders[name].image_folder(code)
        wanted = self._not_there(folders)
        skipped = Counter(self.rows.skipped) + Counter(self.plan.left_out)
        skipped["in the folder already"] = len(self.plan.tiles) - len(wanted)
        with closing(Stage(self.out, self._header(folders), restart=restart)) as stage:
            self._write_all(stage, folders, [number for number in wanted if number not in stage.done], track)
            written: Counter[int | None] = Counter()
            for note in stage.noted():
                if note["status"] == CLASSIFIED:
                    written[note["code"]] += 1
                else:
                    skipped[note["status"]] += 1
            if not written:
                stage.drop()
                return ExportSummary(tuple(self.out / name for name in folders), {}, dict(skipped))
            for name, contents in folders.items():
                added = [note for note in stage.noted() if note.get("folder") == name]
                for file, text in contents.texts(added).items() if added else ():
                    (stage.tiles / name / file).write_text(text, encoding="utf-8", newline="")
            stage.commit()
        unlabelled = written.pop(None, 0)
        per_class = {self.kind.scheme.category(code).name: count for code, count in written.items() if code is not None}
        return ExportSummary(
            tuple(self.out / name for name in folders), dict(sorted(per_class.items())), dict(skipped), unlabelled
        )

    def _folder(self, code: int | None) -> str:
        """Folder of a class, below the one exported to."""
        return f"Category_{code}" if self.per_category else "."

    def _code(self, number: int) -> int | None:
        position = self.plan.tiles[number].position
        return int(self.rows.codes[position]) if position >= 0 else None

    def _not_there(self, folders: Mapping[str, Contents]) -> list[int]:
        """Numbers of the planned tiles that no earlier export left in their folder."""
        there = {name: {origin_of(image) for image in one.images()} for name, one in folders.items()}
        if not any(there.values()):
            return list(range(len(self.plan.tiles)))
        return [
            number
            for number, placed in enumerate(self.plan.tiles)
            if self._origin(number, placed) not in there[self._folder(self._code(number))]
        ]

    def _origin(self, number: int, placed: Placed) -> tuple[object, ...]:
        code = self._code(number)
        return self._scene(placed), None if code is None else str(code), *placed.transform[:6]

    def _scene(self, placed: Placed) -> str:
        """What the pixels are of."""
        return placed.scene.name if self.plan.combine == "best" else f"median on {placed.scene.name}"

    def _write_all(self, stage: Stage, folders: Mapping[str, Contents], numbers: list[int], track: Track) -> None:
        """Cut tiles, and note each in this order when its files are written."""
        following = {name: contents.start for name, contents in folders.items()}
        for note in stage.noted():
            if note["status"] == CLASSIFIED:
                following[note["folder"]] += 1
        ahead: deque[Future[dict[str, Any]]] = deque()
        with ThreadPoolExecutor(_WRITERS) as pool:
            try:
                for tile in track(cut_planned(self.plan, numbers), len(numbers), "cutting tiles"):
                    name = self._folder(self._code(tile.number))
                    ahead.append(pool.submit(self._write, stage.tiles, name, folders[name], following[name], tile))
                    following[name] += tile.status == CLASSIFIED
                    if len(ahead) > _AHEAD:
                        _note_next(stage, ahead)
            finally:
                # If cutting was broken off, what had been cut is not lost.
                while ahead:
                    _note_next(stage, ahead)

    def _write(self, place: Path, name: str, contents: Contents, index: int, tile: Tile) -> dict[str, Any]:
        """Write the files of a tile; returns what to note of it."""
        if tile.status != CLASSIFIED:
            return {"number": tile.number, "status": tile.status}
        code = self._code(tile.number)
        stem = f"{index:09d}"
        encoded = self.encoder.encoded(tile, self._tags(tile, code))
        files = {f"{contents.image_folder(code)}/{stem}{suffix}": content for suffix, content in encoded.items()}
        image, label = next(iter(files)), None
        if self.kind.metadata_format == "Labeled_Tiles":
            label = f"labels/{stem}.xml"
            files[label] = label_xml(stem + self.encoder.suffix, tile, code).encode()
        for file, content in files.items():
            path = place / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            # By Python, not by GDAL, so that a full disk is an error at once.
            path.write_bytes(content)
        left, upper, right, lower = tile.box_px
        x, y = self.plan.tiles[tile.number].scene.cell_size
        return {
            "number": tile.number,
            "status": tile.status,
            "folder": name,
            "image": image,
            "label": label,
            "code": code,
            "area": (right - left) * (lower - upper) * x * y,
            "bands": measured(tile.values, tile.valid),
            "files": {(Path(name) / file).as_posix(): len(content) for file, content in files.items()},
        }

    def _tags(self, tile: Tile, code: int | None) -> dict[str, str]:
        """What an image says of itself."""
        tags = {
            "CLASS": "" if code is None else str(code),
            "RECTANGLE": self.rows.names[tile.position] if tile.position >= 0 else "",
            "REGION": self.rows.regions[tile.position] if self.rows.regions and tile.position >= 0 else "",
            "VALID_SHARE": f"{tile.valid_share:.4f}",
            "SCENE": self._scene(self.plan.tiles[tile.number]),
            "COMBINED": tile.scene if self.plan.combine == "median" else "",
            "ACQUIRED": tile.acquired,
            "CLOUD_SHARE": "" if tile.cloud_share is None else f"{tile.cloud_share:.4f}",
            "TURN_DEG": f"{tile.turn_deg:g}" if tile.turn_deg else "",
            "PIXELS": self.kind.kept[0],
        }
        return {name: value for name, value in tags.items() if value}

    def _header(self, folders: Mapping[str, Contents]) -> dict[str, Any]:
        """All that decides what is written, so that an export is gone on with only by the same."""
        digest = hashlib.sha256()
        for number, placed in enumerate(self.plan.tiles):
            digest.update(repr((self._origin(number, placed), placed.width, placed.height)).encode())
        for outline in shapely.to_wkb(self.rows.table.geometry.to_numpy()):
            digest.update(outline or b"none")
        codes = self.rows.codes.tolist()
        digest.update(repr((codes, self.rows.names, self.rows.regions)).encode())
        scheme = {str(code): self.kind.scheme.category(code).name for code in sorted(set(codes))}
        return {
            "version of littoral": __version__,
            "scenes": [[scene.name, scene.crs.to_wkt(), *_files(scene)] for scene in self.plan.scenes],
            "combine": self.plan.combine,
            **self.kind.spec.to_json(),
            "placement": self.kind.placement,
            "rotation angle": self.layouts[0].turn_deg,
            "stride": self.layouts[0].stride_px,
            "extent or mask": [[_wkb(one.extent), _wkb(one.mask)] for one in self.layouts],
            "rectangles": digest.hexdigest(),
            "class field": self.kind.class_field,
            "categories": scheme,
            "metadata format": self.kind.metadata_format,
            "image format": [self.kind.image_format, self.encoder.world_file],
            "folders": {name: contents.start for name, contents in folders.items()},
        }


def _note_next(stage: Stage, ahead: deque[Future[dict[str, Any]]]) -> None:
    """Note the tile that is next; if it could not be written, none after it is noted either."""
    try:
        stage.note(ahead.popleft().result())
    except BaseException:
        ahead.clear()
        raise


def _files(scene: Scene) -> Iterator[tuple[str, int, int]]:
    """Files of a scene with size and time, where they are files of this machine."""
    for href in sorted({band.href for band in scene.bands}):
        with suppress(OSError):
            state = Path(href).stat()
            yield href, state.st_size, state.st_mtime_ns


def _wkb(shape: shapely.Geometry | None) -> str:
    return "" if shape is None else hashlib.sha256(shapely.to_wkb(shape)).hexdigest()


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
