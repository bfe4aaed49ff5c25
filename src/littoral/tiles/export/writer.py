"""Write the tiles of a plan to a folder, resuming an interrupted export."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from littoral import __version__
from littoral.imagery import Scene, select_bands
from littoral.imagery.fingerprint import content_key
from littoral.progress import Track
from littoral.tiles.cut import CLASSIFIED, Tile
from littoral.tiles.export.folder_files import FolderContents, Kind, label_xml
from littoral.tiles.export.staging import Stage
from littoral.tiles.export.statistics import measured
from littoral.tiles.export.tile_files import Encoder
from littoral.tiles.labeled import origin_of
from littoral.tiles.labels import Labelled
from littoral.tiles.multi_scene import cut_planned
from littoral.tiles.plan import Placed, Plan
from littoral.tiles.spec import Layout

_WRITERS = 2
_AHEAD = 8
"""Largest number of tiles waiting to be written while others are cut."""


@dataclass(frozen=True)
class ExportSummary:
    """Result of :func:`~littoral.tiles.export_tiles`."""

    folders: tuple[Path, ...]
    """Folders of the tiles."""
    per_class: Mapping[str, int]
    """Number of tiles of this export by category name, including those of an interrupted run that was resumed."""
    skipped: Mapping[str, int]
    """Number of rectangles (of a grid: tiles) left out, by reason."""
    without_class: int = 0
    """Number of tiles of a grid without a rectangle."""

    @property
    def written(self) -> int:
        """Number of tiles of this export."""
        return sum(self.per_class.values()) + self.without_class

    def __str__(self) -> str:
        parts = [f"{name} {count}" for name, count in self.per_class.items()]
        if self.without_class:
            parts.append(f"without class {self.without_class}")
        skipped = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items() if count)
        return f"{self.written} tiles ({', '.join(parts) or 'none'})" + (f"; left out: {skipped}" if skipped else "")


@dataclass(frozen=True)
class Export:
    """One export, planned and ready to be cut."""

    plan: Plan
    """Tiles to cut."""
    layouts: Sequence[Layout]
    """Layout of each scene's tiles."""
    kind: Kind
    """Common properties of the tiles."""
    encoder: Encoder
    """Encoder of the images."""
    rows: Labelled
    """Rectangles, in the order of the plan's positions."""
    out: Path
    """Target folder, locked by this process."""
    per_category: bool
    """Whether each category has its own folder in ``out``."""

    def run(self, start_index: int, restart: bool, track: Track) -> ExportSummary:
        """Cut the tiles that do not exist yet, and move them to the target.

        Args:
            start_index: Number of the first tile of a new folder.
            restart: Delete an interrupted export instead of resuming it.
            track: Shows progress, one step per tile.

        Raises:
            InputError: a folder of other tiles, an interrupted export with other settings, or a file that cannot be
                read.
            OSError: writing failed.
        """
        codes = sorted(set(self.rows.codes.tolist()))
        names = [self._folder(code) for code in codes]
        folders = {name: FolderContents(self.out / name, self.kind, start_index) for name in dict.fromkeys(names)}
        # In the order of the codes and before any tile, so that folder names do not depend on the order of tiles.
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
            for name in {self._folder(code) for code in written}:
                added = (note for note in stage.noted() if note.get("folder") == name)
                for file, text in folders[name].texts(added).items():
                    (stage.tiles / name / file).write_text(text, encoding="utf-8", newline="")
            stage.commit()
        unlabelled = written.pop(None, 0)
        per_class = {self.kind.scheme.category(code).name: count for code, count in written.items() if code is not None}
        return ExportSummary(
            tuple(self.out / name for name in folders), dict(sorted(per_class.items())), dict(skipped), unlabelled
        )

    def _folder(self, code: int | None) -> str:
        """Folder of a class, relative to ``out``."""
        return f"Category_{code}" if self.per_category else "."

    def _code(self, number: int) -> int | None:
        position = self.plan.tiles[number].position
        return int(self.rows.codes[position]) if position >= 0 else None

    def _not_there(self, folders: Mapping[str, FolderContents]) -> list[int]:
        """Numbers of the planned tiles that are not in their folder from an earlier export."""
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
        return self._source(placed), None if code is None else str(code), *placed.transform[:6]

    def _source(self, placed: Placed) -> str:
        """Hash of the content that a tile is cut from, 16 hexadecimal digits; names of scenes are not unique, and files
        may be moved."""
        if self.plan.combine == "best":
            return self._keys[id(placed.scene)]
        return hashlib.sha256(repr((self._keys[id(placed.scene)], sorted(self._keys.values()))).encode()).hexdigest()[
            :16
        ]

    @cached_property
    def _keys(self) -> dict[int, str]:
        """Hash of each scene's bands, by ``id`` of the scene: of their content, or of their addresses if a server gives
        no version."""
        keys = {}
        for scene in self.plan.scenes:
            bands = select_bands(scene, self.kind.spec.bands, exact=True)
            addresses = repr([(band.href, band.index) for band in bands]).encode()
            key = content_key(scene, bands) or hashlib.sha256(addresses).hexdigest()
            keys[id(scene)] = key[:16]
        return keys

    def _write_all(self, stage: Stage, folders: Mapping[str, FolderContents], numbers: list[int], track: Track) -> None:
        """Cut tiles, write their files, and add each to the journal in the order of cutting."""
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
                # If cutting fails, tiles that are already cut are kept.
                while ahead:
                    _note_next(stage, ahead)

    def _write(self, place: Path, name: str, contents: FolderContents, index: int, tile: Tile) -> dict[str, Any]:
        """Write the files of a tile; returns its journal entry."""
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
            # Written by Python, not GDAL, so that a full disk raises an error at once.
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
        """Metadata tags of an image."""
        tags = {
            "CLASS": "" if code is None else str(code),
            "RECTANGLE": self.rows.names[tile.position] if tile.position >= 0 else "",
            "REGION": self.rows.regions[tile.position] if self.rows.regions and tile.position >= 0 else "",
            "VALID_SHARE": f"{tile.valid_share:.4f}",
            "SCENE": tile.scene,
            "SOURCE": self._source(self.plan.tiles[tile.number]),
            "ACQUIRED": tile.acquired,
            "CLOUD_SHARE": "" if tile.cloud_share is None else f"{tile.cloud_share:.4f}",
            "TURN_DEG": f"{tile.turn_deg:g}" if tile.turn_deg else "",
            "PIXELS": self.kind.kept[0],
        }
        return {name: value for name, value in tags.items() if value}

    def _header(self, folders: Mapping[str, FolderContents]) -> dict[str, Any]:
        """All settings that determine the result; an export is resumed only if they are equal."""
        digest = hashlib.sha256()
        for number, placed in enumerate(self.plan.tiles):
            place = placed.scene.name, self._code(number), *placed.transform[:6], placed.width, placed.height
            digest.update(repr(place).encode())
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
    """Add the next tile to the journal; if it could not be written, the following tiles are dropped."""
    try:
        stage.note(ahead.popleft().result())
    except BaseException:
        ahead.clear()
        raise


def _files(scene: Scene) -> Iterator[tuple[str, int, int]]:
    """Address, size in bytes and modification time in nanoseconds of a scene's local files; of a file in an archive,
    those of the archive."""
    for href in sorted({band.href for band in (*scene.bands, *scene.masks)}):
        path = Path(re.sub(r"^/vsi(zip|tar|gzip)/", "", href))
        file = next((place for place in (path, *path.parents) if place.is_file()), None)
        if file is not None:
            yield href, file.stat().st_size, file.stat().st_mtime_ns


def _wkb(shape: BaseGeometry | None) -> str:
    return "" if shape is None else hashlib.sha256(shapely.to_wkb(shape)).hexdigest()
