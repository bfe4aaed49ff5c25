"""Writing ``Labeled_Tiles``: cutting a tile for each labelled rectangle, and the folder that takes them."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.io import MemoryFile

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError, WriteError
from littoral.imagery import Band, Scene, Values, kept_as, open_scene, same_scaling, select_bands, stored_as
from littoral.progress import Track, silent
from littoral.tiles.cutting import CLASSIFIED, Tile, TileSpec, cut_tiles
from littoral.tiles.labeled import ACCUMULATED, DEFINITION, MAP, STATS, read_json, read_origins, read_text
from littoral.vectors import require_column


@dataclass(frozen=True)
class ExportSummary:
    """What :func:`export_tiles` did."""

    folders: tuple[Path, ...]
    """Labeled_Tiles folders written to."""
    per_class: Mapping[str, int]
    """Tiles written in this run, by category name."""
    skipped: Mapping[str, int]
    """Rectangles without a tile, by reason."""

    @property
    def written(self) -> int:
        """Tiles written in this run."""
        return sum(self.per_class.values())

    def __str__(self) -> str:
        classes = ", ".join(f"{name} {count}" for name, count in self.per_class.items())
        skipped = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items() if count)
        return f"{self.written} tiles ({classes or 'none'})" + (f"; left out: {skipped}" if skipped else "")


def export_tiles(
    scene: Scene | str | Path,
    rectangles: gpd.GeoDataFrame,
    out: str | Path,
    *,
    class_field: str = "CATCOA",
    tile_size: int = 256,
    bands: Iterable[str | int] | None = None,
    raw: bool = False,
    min_valid: float = 0.5,
    min_purity: float = 0.0,
    per_category: bool = False,
    categories: Scheme = CATCOA,
    track: Track = silent,
) -> ExportSummary:
    """Cut a tile for each labelled rectangle and write Labeled_Tiles; a folder that exists is appended to.

    A tile that an earlier run left there (same scene, window and class) is not written again. Nothing appears in the
    folder before all tiles are cut, so a failure leaves it as it was.

    Args:
        scene: A scene, or the path to one.
        rectangles: Polygons with the class field; rows where it is null are left out and counted.
        out: The folder; with ``per_category`` the folder of folders ``Category_<code>``.
        class_field: Whole numbers, or names of ``categories``.
        tile_size: Width and height of a tile, pixels of the scene.
        bands: Names or numbers from 1; None for all.
        raw: Keep stored values even where a Sentinel-2 offset is known.
        min_valid: Smallest share of a rectangle's own pixels that must be valid.
        min_purity: Smallest ``purity`` of a rectangle, the share of its own class among the line inside it.
        per_category: One folder for each category.
        categories: Names and colours of the codes.
        track: Shows progress, a step per rectangle.

    Raises:
        InputError: a field, band or overlap that is missing, or a folder of other bands or tile size.
        WriteError: the disk refused.
    """
    scene = scene if isinstance(scene, Scene) else open_scene(scene)
    out = Path(out)
    if tile_size < 8:
        raise InputError(f"tile size {tile_size}", "is too small", "pass a number of pixels, e.g. 256")
    for name, share in (("min_valid", min_valid), ("min_purity", min_purity)):
        if not 0 <= share <= 1:
            raise InputError(f"{name} {share}", "is no share", "pass a number from 0 to 1")
    column = require_column(rectangles, class_field, "the table of rectangles")
    labelled = rectangles[rectangles[column].notna()]
    if labelled.empty:
        raise InputError(
            f"field {column}", "is null in every row", "label the rectangles or choose another --class-field"
        )
    skipped = Counter({f"without {column}": len(rectangles) - len(labelled)})
    if min_purity > 0:
        pure = labelled[require_column(rectangles, "purity", "the table of rectangles")] >= min_purity
        skipped["of mixed classes"] = len(labelled) - int(pure.sum())
        labelled = labelled[pure]
    codes = [categories.code_of(value) for value in labelled[column]]
    chosen = select_bands(scene, None if bands is None else list(bands))
    spec = TileSpec(tile_size, tuple(band.name for band in chosen), raw, min_valid)

    done: Counter[str] = Counter()
    names = {code: out / f"Category_{code}" if per_category else out for code in sorted(set(codes))}
    with ExitStack() as stack:
        folders = {
            path: stack.enter_context(_FolderWriter(path, scene, chosen, spec, categories, column))
            for path in dict.fromkeys(names.values())
        }
        identity = labelled["ID"].tolist() if "ID" in labelled else labelled.index.tolist()
        for tile in track(cut_tiles(scene, labelled, spec), len(labelled), "cutting tiles"):
            code = codes[tile.position]
            if tile.status != CLASSIFIED:
                skipped[tile.status] += 1
            elif folders[names[code]].add(tile, code, identity[tile.position]):
                done[categories.category(code).name] += 1
            else:
                skipped["in the folder already"] += 1
        for folder in folders.values():
            folder.commit()
    return ExportSummary(tuple(folders), dict(sorted(done.items())), dict(skipped))


class _FolderWriter:
    """Collects tiles of one folder beside it; :meth:`commit` puts them in place, leaving without it drops them."""

    def __init__(
        self, folder: Path, scene: Scene, bands: tuple[Band, ...], spec: TileSpec, scheme: Scheme, class_field: str
    ) -> None:
        self.folder, self.scene, self.spec, self.scheme = folder, scene, spec, scheme
        self.kept = kept_as(bands, spec.raw)
        rules = [stored_as(band, spec.raw) for band in bands]
        # A GeoTIFF has one nodata value for all bands; the mask says it where they differ.
        fills = {rule.fill if rule.masked is not None else None for rule in rules}
        self.nodata = fills.pop() if len(fills) == 1 else None
        self.origin = {
            "Raw": spec.raw,
            "MinValid": spec.min_valid,
            "Placement": "centred",
            "ClassField": class_field,
            "Pixels": self.kept[0],
            "Dtype": self.kept[1],
        }
        self.old = self._existing()
        self.there = read_origins(folder) if self.old else set()
        self.lines: list[str] = []
        self.counts: Counter[int] = Counter()
        self.areas: dict[int, list[float]] = {}
        self.stats = _BandStats.of(self.old.get("BandStatsState", []), len(bands))
        self.next = int(self.old.get("NextTileIndex", 0))

    def __enter__(self) -> _FolderWriter:
        parent = next(parent for parent in self.folder.absolute().parents if parent.is_dir())
        try:
            self.stage = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}-", dir=parent))
            for name in ("images", "labels"):
                (self.stage / name).mkdir()
        except OSError as error:
            raise WriteError(self.folder, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.stage, ignore_errors=True)
        if isinstance(error, OSError):
            raise WriteError(self.folder, error) from error

    def add(self, tile: Tile, code: int, identity: object) -> bool:
        """Take a tile, unless an earlier run left the same window of the same scene with the same class here."""
        if (self.scene.name, str(code), *tile.transform[:6]) in self.there:
            return False
        stem = f"{self.next:09d}"
        tags = {
            "CLASS": str(code),
            "RECTANGLE": str(identity),
            "VALID_SHARE": f"{tile.valid_share:.4f}",
            "SCENE": self.scene.name,
            "PIXELS": self.kept[0],
        }
        image = _tiff(tile, self.scene.crs, self.kept[1], self.spec.bands, self.nodata, tags)
        # Written by Python, not by GDAL, so that a full disk is an error at once.
        (self.stage / "images" / f"{stem}.tif").write_bytes(image)
        (self.stage / "labels" / f"{stem}.xml").write_text(_label_xml(stem, tile, code), encoding="utf-8")
        self.lines.append(f"images\\{stem}.tif  labels\\{stem}.xml \n")
        left, upper, right, lower = tile.box_px
        x, y = self.scene.cell_size
        self.areas.setdefault(code, []).append((right - left) * (lower - upper) * x * y)
        self.counts[code] += 1
        self.stats.add(tile.values, tile.valid)
        self.next += 1
        return True

    def commit(self) -> None:
        if not self.lines:
            return
        old_map = read_text(self.folder / MAP) if self.old else ""
        accumulated = self._accumulated()
        definition = self._definition(accumulated)
        for name, text in (
            (ACCUMULATED, json.dumps(accumulated, indent=1)),
            (DEFINITION, json.dumps(definition, indent=1)),
            (STATS, _stats_text(accumulated)),
            (MAP, old_map + "".join(self.lines)),
        ):
            (self.stage / name).write_text(text, encoding="utf-8")
        for name in ("images", "labels"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            for file in sorted((self.stage / name).iterdir()):
                os.replace(file, self.folder / name / file.name)
        for name in (STATS, ACCUMULATED, DEFINITION, MAP):
            os.replace(self.stage / name, self.folder / name)

    def _existing(self) -> dict[str, Any]:
        """What the folder says of itself, checked to take tiles of this kind."""
        there = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        if not there.is_dir():
            raise InputError(there, "is a file, not a folder", "choose another place for the tiles")
        if self.folder.name.startswith("Category_") and (self.folder.parent / MAP).exists():
            raise InputError(
                self.folder.parent, "holds tiles of all categories", "leave --per-category away, or choose a new folder"
            )
        if there != self.folder or not any(self.folder.iterdir()):
            return {}
        if not (self.folder / MAP).exists():
            raise InputError(self.folder, "exists and is no Labeled_Tiles folder", "choose a new folder")
        old = read_json(self.folder / ACCUMULATED)
        if not isinstance(old.get("NextTileIndex"), int):
            raise InputError(self.folder / ACCUMULATED, "has no NextTileIndex", "export to a new folder")
        size = (old.get("TileSizeX"), old.get("TileSizeY"))
        if size != (self.spec.size_px, self.spec.size_px):
            raise InputError(
                self.folder,
                f"holds tiles of {size[0]} x {size[1]} pixels, these have {self.spec.size_px}",
                "append tiles of the same size, or choose a new folder",
            )
        bands = list(old.get("InputRastersProps", {}).get("BandNames", []))
        if bands != list(self.spec.bands):
            raise InputError(
                self.folder,
                f"holds tiles of bands {', '.join(bands)}, these have {', '.join(self.spec.bands)}",
                "append tiles of the same bands in the same order, or choose a new folder",
            )
        made = read_json(self.folder / DEFINITION).get("Littoral", {})
        before = (str(made.get("Pixels", self.kept[0])), str(made.get("Dtype", self.kept[1])))
        if made.get("Raw", self.spec.raw) != self.spec.raw or not same_scaling(before, self.kept):
            raise InputError(
                self.folder,
                f"holds tiles of {before[1]} values ({before[0]}), these are {self.kept[1]} ({self.kept[0]})",
                "append tiles of the same scaling, or choose a new folder",
            )
        return old

    def _accumulated(self) -> dict[str, Any]:
        old = self.old
        old_features = old.get("FeatureStats", {})
        classes = {int(entry["ClassValue"]): str(entry["ClassName"]) for entry in old.get("Classes", [])}
        old_counts = dict(zip(classes, old_features.get("NumFeaturesPerClass", []), strict=True))
        old_areas = dict(zip(classes, old_features.get("FeatureAreaPerClass", []), strict=True))
        for code in self.counts:
            classes.setdefault(code, self.scheme.category(code).name)
        codes = sorted(classes)
        counts = [int(old_counts.get(code, 0)) + self.counts[code] for code in codes]
        total = sum(counts)
        x, y = self.scene.cell_size
        epsg = self.scene.crs.to_epsg()
        cell = {"x": x, "y": y, "spatialReference": {"wkid": epsg, "latestWkid": epsg}}
        return {
            "Version": 1,
            "NumBands": len(self.spec.bands),
            "TileSizeX": self.spec.size_px,
            "TileSizeY": self.spec.size_px,
            "NumClasses": len(codes),
            "NumTiles": total,
            "NumTilesAsDouble": float(total),
            "NextTileIndex": self.next,
            "OutputFeatures": True,
            "MetaDataMode": "Labeled_Tiles",
            "MinCellSize": min(old.get("MinCellSize", cell), cell, key=lambda size: float(size["x"])),
            "MaxCellSize": max(old.get("MaxCellSize", cell), cell, key=lambda size: float(size["x"])),
            "Classes": [{"ClassValue": code, "ClassName": classes[code]} for code in codes],
            "FeatureStats": {
                "NumClasses": len(codes),
                "NumImagesTotal": total,
                "NumFeaturesTotal": total,
                "NumImagesPerClass": counts,
                "NumFeaturesPerClass": counts,
                "NumFeaturesPerImage": {"Min": 1, "Max": 1, "Mean": 1.0, "Sum": total, "Count": total},
                "FeatureAreaPerClass": [_areas(old_areas.get(code), self.areas.get(code, [])) for code in codes],
            },
            "InputRastersProps": {
                "RasterCount": len(self.spec.bands),
                "SensorName": self.scene.tags.get("SENSOR", ""),
                "BandNames": list(self.spec.bands),
            },
            "BandStatsState": self.stats.state(),
        }

    def _definition(self, accumulated: Mapping[str, Any]) -> dict[str, Any]:
        stats = [
            {"BandName": name, "Min": s["Min"], "Max": s["Max"], "Mean": s["Mean"], "StdDev": s["StdDev"]}
            for name, s in zip(self.spec.bands, accumulated["BandStatsState"], strict=True)
        ]
        return {
            "Framework": "",
            "ModelConfiguration": "",
            "ModelType": "ObjectClassification",
            "ModelFile": "",
            "MetaDataMode": "Labeled_Tiles",
            "ImageHeight": self.spec.size_px,
            "ImageWidth": self.spec.size_px,
            "ExtractBands": list(range(len(self.spec.bands))),
            "ImageSpaceUsed": "MAP_SPACE",
            "InputRastersProps": accumulated["InputRastersProps"],
            "AllTilesStats": stats,
            "Classes": [
                {
                    "Value": entry["ClassValue"],
                    "Name": entry["ClassName"],
                    "Color": list(self.scheme.category(entry["ClassValue"]).rgb),
                }
                for entry in accumulated["Classes"]
            ],
            "Littoral": self.origin,
        }


@dataclass
class _BandStats:
    """Running statistics of valid pixels: mean (M1) and sum of squared deviations (M2), merged as Chan et al. do."""

    count: float
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, state: list[dict[str, float]], bands: int) -> _BandStats:
        if not state:
            return cls(0.0, np.full(bands, np.inf), np.full(bands, -np.inf), np.zeros(bands), np.zeros(bands))
        columns = (np.array([float(band[key]) for band in state]) for key in ("Min", "Max", "M1", "M2"))
        return cls(float(state[0]["Num"]), *columns)

    def add(self, values: Values, valid: NDArray[np.bool_]) -> None:
        pixels = values[:, valid].astype(np.float64)
        number = pixels.shape[1]
        if not number:
            return
        mean = pixels.mean(axis=1)
        delta, total = mean - self.mean, self.count + number
        self.squares += ((pixels - mean[:, None]) ** 2).sum(axis=1) + delta**2 * self.count * number / total
        self.mean += delta * number / total
        self.minimum = np.minimum(self.minimum, pixels.min(axis=1))
        self.maximum = np.maximum(self.maximum, pixels.max(axis=1))
        self.count = total

    def state(self) -> list[dict[str, float]]:
        return [
            {
                "Min": low,
                "Max": high,
                "Mean": mean,
                "StdDev": math.sqrt(m2 / self.count),
                "M1": mean,
                "M2": m2,
                "Num": self.count,
            }
            for low, high, mean, m2 in zip(
                self.minimum.tolist(), self.maximum.tolist(), self.mean.tolist(), self.squares.tolist(), strict=True
            )
        ]


def _areas(old: Mapping[str, float] | None, new: list[float]) -> dict[str, float]:
    """Area of features of one class in squared units of the CRS."""
    before = old if old and old.get("Count") else {"Min": math.inf, "Max": -math.inf, "Sum": 0.0, "Count": 0}
    total, count = before["Sum"] + math.fsum(new), int(before["Count"]) + len(new)
    low, high = min([before["Min"], *new]), max([before["Max"], *new])
    return {"Min": low, "Max": high, "Mean": total / count, "Sum": total, "Count": count}


def _tiff(
    tile: Tile, crs: CRS, dtype: str, bands: tuple[str, ...], nodata: float | None, tags: Mapping[str, str]
) -> bytes:
    count, height, width = tile.values.shape
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        MemoryFile() as memory,
    ):
        with memory.open(
            driver="GTiff",
            count=count,
            height=height,
            width=width,
            dtype=dtype,
            crs=rasterio.crs.CRS.from_wkt(crs.to_wkt()),
            transform=tile.transform,
            nodata=nodata,
            compress="deflate",
            zlevel=1,
            interleave="band",
        ) as image:
            image.write(tile.values)
            image.descriptions = bands
            image.update_tags(**tags)
            if not tile.valid.all():
                image.write_mask(tile.valid)
        return bytes(memory.getbuffer())


def _label_xml(stem: str, tile: Tile, code: int) -> str:
    count, height, width = tile.values.shape
    left, upper, right, lower = tile.box_px
    return (
        '<?xml version="1.0"?>\n<annotation>\n'
        f"    <filename>{stem}.tif</filename>\n"
        "    <source><annotation>littoral</annotation></source>\n"
        f"    <size><width>{width}</width><height>{height}</height><depth>{count}</depth></size>\n"
        f"    <object><name>{code}</name>\n"
        f"        <bndbox><xmin>{left:.2f}</xmin><ymin>{upper:.2f}</ymin>"
        f"<xmax>{right:.2f}</xmax><ymax>{lower:.2f}</ymax></bndbox>\n"
        "    </object>\n</annotation>\n"
    )


def _stats_text(accumulated: Mapping[str, Any]) -> str:
    features = accumulated["FeatureStats"]
    total = accumulated["NumTiles"]
    size = f"{accumulated['NumBands']}*{accumulated['TileSizeY']}*{accumulated['TileSizeX']}"
    sizes = "".join(f"{name:>14}" for name in ("min size", "mean size", "max size"))
    heading = f"{'cls name':<24}{'cls value':>10}{'images':>10}{'features':>10}{sizes}"
    rows = [
        f"{entry['ClassName']:<24}{entry['ClassValue']:>10}{count:>10}{count:>10}"
        f"{area['Min']:>14.2f}{area['Mean']:>14.2f}{area['Max']:>14.2f}"
        for entry, count, area in zip(
            accumulated["Classes"], features["NumFeaturesPerClass"], features["FeatureAreaPerClass"], strict=True
        )
    ]
    head = [
        f"images = {total} *{size}",
        f"features = {total}",
        "features per image = [min = 1, mean = 1.00, max = 1]",
        f"classes = {len(rows)}",
    ]
    return "\n".join([*head, heading, *rows]) + "\n"
