"""Metadata files of a folder of tiles: labels, map, statistics, and model definition."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from littoral.categories import Scheme
from littoral.errors import InputError
from littoral.imagery import Scene, same_scaling
from littoral.tiles.cut import Tile
from littoral.tiles.export.statistics import BandStats, merged_areas, stats_text
from littoral.tiles.export.tile_files import SUFFIXES
from littoral.tiles.labeled import ACCUMULATED, DEFINITION, MAP, STATS, read_json, read_text
from littoral.tiles.options import ImageFormat, MetadataFormat
from littoral.tiles.spec import TileSpec

_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
"""Characters that some operating system does not allow in folder names."""


@dataclass(frozen=True)
class Kind:
    """Common properties of all tiles in a folder."""

    scene: Scene
    """The scene, or the first of several, at the cell size of ``spec``."""
    spec: TileSpec
    """Size, bands and other settings of the tiles."""
    placement: str
    """``centred``, ``oriented`` or ``grid``."""
    metadata_format: MetadataFormat
    """Format of the folder."""
    image_format: ImageFormat
    """Format of the images."""
    kept: tuple[str, str]
    """Meaning of the values, and their NumPy type."""
    class_field: str
    """Field of the rectangles with the class."""
    scheme: Scheme
    """Names and colours of the classes."""

    def record(self) -> dict[str, Any]:
        """Entry ``Littoral`` of the definition file."""
        return {
            "Raw": self.spec.raw,
            "MinValid": self.spec.min_valid,
            "Placement": self.placement,
            "ClassField": self.class_field,
            "Pixels": self.kept[0],
            "Dtype": self.kept[1],
            "Tile": self.spec.to_json(),
        }


class FolderContents:
    """Metadata of a folder of tiles, before and after tiles are added."""

    def __init__(self, folder: Path, kind: Kind, start_index: int) -> None:
        """Read the metadata of a folder, if it exists.

        Args:
            folder: The folder.
            kind: Properties of the tiles to be added.
            start_index: Number of the first tile of a new folder.

        Raises:
            InputError: it is not a folder of tiles, or its tiles have other properties.
        """
        self.folder, self.kind = folder, kind
        self.old: dict[str, Any] = {}
        made: dict[str, Any] = {}
        if folder.exists() and any(folder.iterdir()):
            self.old, made = _existing(folder, kind)
        self.start = int(self.old.get("NextTileIndex", start_index))
        """Number of the next tile."""
        self.class_folders = {int(code): str(name) for code, name in made.get("ClassFolders", {}).items()}
        """Name of each class's folder in Imagenet format, by class value."""

    def images(self) -> list[Path]:
        """Image files of the existing tiles."""
        lines = read_text(self.folder / MAP).replace("\\", "/").splitlines() if self.old else []
        labelled = self.kind.metadata_format == "Labeled_Tiles"
        return [self.folder / (line.split()[0] if labelled else line.strip()) for line in lines if line.strip()]

    def image_folder(self, code: int | None) -> str:
        """Subfolder for the images of a class.

        In Imagenet format it has the name of the class, without characters that file systems do not allow.
        """
        if self.kind.metadata_format == "Labeled_Tiles" or code is None:
            return "images"
        if code not in self.class_folders:
            name = _UNSAFE.sub("_", self.kind.scheme.category(code).name).rstrip(". ") or str(code)
            taken = {other.casefold() for other in self.class_folders.values()}
            self.class_folders[code] = f"{name} {code}" if name.casefold() in taken else name
        return f"images/{self.class_folders[code]}"

    def texts(self, added: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Content of the folder's four text files after adding tiles, by file name.

        Args:
            added: Of each tile ``image`` and ``label`` (paths relative to the folder), ``code``, ``area`` (squared
                units of the CRS) and ``bands`` (from :func:`~littoral.tiles.export.statistics.measured`).
        """
        lines: list[str] = []
        counts: Counter[int] = Counter()
        areas: dict[int, list[float]] = {}
        stats = BandStats.of(self.old.get("BandStatsState", []), len(self.kind.spec.bands))
        for tile in added:
            lines.append(_map_line(tile["image"], tile["label"]))
            stats.add(tile["bands"])
            if tile["code"] is not None:
                counts[tile["code"]] += 1
                areas.setdefault(tile["code"], []).append(tile["area"])
        accumulated = self._accumulated(len(lines), counts, areas, stats)
        before = read_text(self.folder / MAP) if self.old else ""
        return {
            ACCUMULATED: json.dumps(accumulated, indent=1),
            DEFINITION: json.dumps(self._definition(accumulated), indent=1),
            STATS: stats_text(accumulated),
            MAP: before + "".join(lines),
        }

    def _accumulated(
        self, tiles: int, counts: Counter[int], areas: Mapping[int, list[float]], stats: BandStats
    ) -> dict[str, Any]:
        old, kind = self.old, self.kind
        old_features = old.get("FeatureStats", {})
        classes = {int(entry["ClassValue"]): str(entry["ClassName"]) for entry in old.get("Classes", [])}
        old_counts = dict(zip(classes, old_features.get("NumFeaturesPerClass", []), strict=True))
        old_areas = dict(zip(classes, old_features.get("FeatureAreaPerClass", []), strict=True))
        for code in counts:
            classes.setdefault(code, kind.scheme.category(code).name)
        codes = sorted(classes)
        per_class = [int(old_counts.get(code, 0)) + counts[code] for code in codes]
        features, total = sum(per_class), int(old.get("NumTiles", old.get("NumTilesAsDouble", 0))) + tiles
        width, height = kind.spec.size
        x, y = kind.scene.cell_size
        epsg = kind.scene.crs.to_epsg()
        cell = {"x": x, "y": y, "spatialReference": {"wkid": epsg, "latestWkid": epsg}}
        mean = features / total if total else 0.0
        return {
            "Version": 1,
            "NumBands": len(kind.spec.bands),
            "TileSizeX": width,
            "TileSizeY": height,
            "NumClasses": len(codes),
            "NumTiles": total,
            "NumTilesAsDouble": float(total),
            "NextTileIndex": self.start + tiles,
            "OutputFeatures": True,
            "MetaDataMode": kind.metadata_format,
            "MinCellSize": min(old.get("MinCellSize", cell), cell, key=lambda size: float(size["x"])),
            "MaxCellSize": max(old.get("MaxCellSize", cell), cell, key=lambda size: float(size["x"])),
            "Classes": [{"ClassValue": code, "ClassName": classes[code]} for code in codes],
            "FeatureStats": {
                "NumClasses": len(codes),
                "NumImagesTotal": total,
                "NumFeaturesTotal": features,
                "NumImagesPerClass": per_class,
                "NumFeaturesPerClass": per_class,
                "NumFeaturesPerImage": {
                    "Min": int(features == total),
                    "Max": int(features > 0),
                    "Mean": mean,
                    "Sum": features,
                    "Count": total,
                },
                "FeatureAreaPerClass": [merged_areas(old_areas.get(code), areas.get(code, [])) for code in codes],
            },
            "InputRastersProps": {
                "RasterCount": len(kind.spec.bands),
                "SensorName": kind.scene.tags.get("SENSOR", ""),
                "BandNames": list(kind.spec.bands),
            },
            "BandStatsState": stats.state(),
        }

    def _definition(self, accumulated: Mapping[str, Any]) -> dict[str, Any]:
        kind = self.kind
        width, height = kind.spec.size
        stats = [
            {"BandName": name, "Min": s["Min"], "Max": s["Max"], "Mean": s["Mean"], "StdDev": s["StdDev"]}
            for name, s in zip(kind.spec.bands, accumulated["BandStatsState"], strict=True)
        ]
        record = kind.record()
        if self.class_folders:
            record["ClassFolders"] = {str(code): name for code, name in sorted(self.class_folders.items())}
        return {
            "Framework": "",
            "ModelConfiguration": "",
            "ModelType": "ObjectClassification",
            "ModelFile": "",
            "MetaDataMode": kind.metadata_format,
            "ImageHeight": height,
            "ImageWidth": width,
            "ExtractBands": list(range(len(kind.spec.bands))),
            "ImageSpaceUsed": f"{kind.spec.space.upper()}_SPACE",
            "InputRastersProps": accumulated["InputRastersProps"],
            "AllTilesStats": stats,
            "Classes": [
                {
                    "Value": entry["ClassValue"],
                    "Name": entry["ClassName"],
                    "Color": list(kind.scheme.category(entry["ClassValue"]).rgb),
                }
                for entry in accumulated["Classes"]
            ],
            "Littoral": record,
        }


def label_xml(image: str, tile: Tile, code: int | None) -> str:
    """Label of a tile in the format of PASCAL VOC: one object with class and bounds in pixels; none without a class."""
    count, height, width = tile.values.shape
    left, upper, right, lower = tile.box_px
    shown = (
        f"    <object><name>{code}</name>\n"
        f"        <bndbox><xmin>{left:.2f}</xmin><ymin>{upper:.2f}</ymin>"
        f"<xmax>{right:.2f}</xmax><ymax>{lower:.2f}</ymax></bndbox>\n"
        "    </object>\n"
    )
    return (
        '<?xml version="1.0"?>\n<annotation>\n'
        f"    <filename>{escape(image)}</filename>\n"
        "    <source><annotation>littoral</annotation></source>\n"
        f"    <size><width>{width}</width><height>{height}</height><depth>{count}</depth></size>\n"
        f"{'' if code is None else shown}</annotation>\n"
    )


def _existing(folder: Path, kind: Kind) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read an existing folder's statistics, and the entry ``Littoral`` of its definition.

    Raises:
        InputError: it is not a folder of tiles, or its tiles have other properties than ``kind``.
    """
    if not (folder / MAP).exists():
        raise InputError(folder, "exists and is no folder of tiles (no map.txt)", "choose a new folder")
    old = read_json(folder / ACCUMULATED)
    if not isinstance(old.get("NextTileIndex"), int):
        raise InputError(folder / ACCUMULATED, "has no NextTileIndex", "export to a new folder")
    made = dict(read_json(folder / DEFINITION).get("Littoral", {}))
    try:
        spec = TileSpec.from_json(
            {
                "size_px": old["TileSizeX"],
                "height_px": old["TileSizeY"],
                "bands": old["InputRastersProps"]["BandNames"],
                "raw": made.get("Raw", kind.spec.raw),
                "min_valid": made.get("MinValid", kind.spec.min_valid),
                **made.get("Tile", {}),
            }
        )
        kept = (str(made.get("Pixels", kind.kept[0])), str(made.get("Dtype", kind.kept[1])))
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise InputError(folder, f"does not say how its tiles were cut ({error})", "export to a new folder") from error
    there = _features(
        spec,
        made.get("Placement", "centred"),
        old.get("MetaDataMode", "Labeled_Tiles"),
        _image_format(folder),
    )
    here = _features(kind.spec, kind.placement, kind.metadata_format, kind.image_format)
    if spec.raw != kind.spec.raw or not same_scaling(kept, kind.kept):
        there["scaling"], here["scaling"] = (f"{dtype} values ({pixels})" for pixels, dtype in (kept, kind.kept))
    for name, own in here.items():
        if there[name] != own:
            raise InputError(
                folder,
                f"holds tiles of {there[name]}, these are of {own}",
                f"append tiles of the same {name}, or choose a new folder",
            )
    return old, made


def _image_format(folder: Path) -> str:
    """Format of the first image in the map, or its suffix if that is unknown."""
    first = (read_text(folder / MAP).replace("\\", "/").splitlines() or [""])[0]
    image = first.split("  ")[0].split("\t")[0].strip()
    return next((name for name, suffix in SUFFIXES.items() if image.endswith(suffix)), Path(image).suffix or "none")


def _features(spec: TileSpec, placement: str, metadata_format: str, image_format: str) -> dict[str, str]:
    """Properties that all tiles of a folder share, described for messages."""
    width, height = spec.size
    return {
        "size": f"{width} x {height} pixels",
        "bands in the same order": f"bands {', '.join(spec.bands)}",
        "placement": f"placement {placement}",
        "crop mode": f"crop {spec.crop}",
        "blackening": f"{'blackened' if spec.blacken else 'shown'} surroundings",
        "reference system": f"{spec.space} space",
        "metadata format": f"format {metadata_format}",
        "image format": f"format {image_format}",
    }


def _map_line(image: str, label: str | None) -> str:
    """A line of the map, with backslashes, as other tools write it; in Imagenet format it is only the image's path."""
    line = image if label is None else f"{image}  {label} "
    return line.replace("/", "\\") + "\n"
