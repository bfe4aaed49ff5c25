"""Write a model as a STAC item of the Machine Learning Model extension, version 1.5.

Source: https://github.com/stac-extensions/mlm (Apache-2.0). The item is plain JSON; its addresses are relative to the
folder that the package is unpacked to.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import shapely
from shapely import MultiPolygon, Polygon
from shapely.affinity import translate
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from littoral.package.manifest import Manifest
from littoral.raster_function import SCRIPT

MLM_ITEM = "stac-mlm.json"
MLM = "https://stac-extensions.github.io/mlm/v1.5.2/schema.json"
_TASKS = ["scene-classification", "classification"]
_ALWAYS = ("1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
_FRAMEWORK_VERSION = re.compile(r"\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?", re.ASCII)
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]", re.ASCII)


def stac_item(name: str, manifest: Manifest, files: Collection[str] = ()) -> dict[str, Any]:
    """The STAC item of a model: its geometry is the training area, its time range that of the training imagery.

    Without a training area the geometry is null; without dates the time range is the longest possible, with a note in
    the description; without a licence it is ``other``.

    Args:
        name: Of the package.
        manifest: Of its model.
        files: Names of further files in the package: graph and script.
    """
    given = manifest.preprocessing
    named = [{"name": band} for band in given.tile.bands]
    area = geographic(manifest.training_area)
    start, end = _ALWAYS if manifest.acquired is None else map(_moment, manifest.acquired, ("00:00:00", "23:59:59"))
    notes = [
        f"Kind of shore on tiles of {given.chip_px} x {given.chip_px} pixels; {manifest.split or 'split unknown'}."
    ]
    if manifest.acquired is None:
        notes.append("The dates of the training imagery are not recorded; the item's interval stands for that.")
    if manifest.attribution:
        notes.append(f"Training imagery: {manifest.attribution}.")
    properties: dict[str, Any] = {
        "datetime": None,
        "start_datetime": start,
        "end_datetime": end,
        "description": " ".join(notes),
        "license": manifest.licence if re.fullmatch(r"[\w.+-]+", manifest.licence, re.ASCII) else "other",
        "bands": named,
        "mlm:name": name if _NAME.fullmatch(name) else "littoral-" + (re.sub(r"[^a-zA-Z0-9]", "", name) or "model"),
        "mlm:architecture": manifest.backbone,
        "mlm:tasks": _TASKS,
        "mlm:framework": "PyTorch",
        "mlm:input": [_input(manifest)],
        "mlm:output": [_output(manifest)],
        "mlm:hyperparameters": {"seed": manifest.seed},
    }
    version = manifest.versions.get("torch", "")
    if _FRAMEWORK_VERSION.fullmatch(version):
        properties["mlm:framework_version"] = version
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM],
        "id": name,
        **({"geometry": None} if area is None else {"geometry": mapping(area), "bbox": list(_bbox(area))}),
        "properties": properties,
        "links": [],
        "assets": {
            "model": {
                "href": f"./{name}.pth",
                "title": "Weights: a state dict of tensors",
                "type": "application/octet-stream; application=pytorch",
                "roles": ["mlm:model", "mlm:weights", "data"],
                "mlm:artifact_type": "torch.save",
                # The extension requires bands in the properties; STAC allows them there if an asset has them, too.
                "bands": named,
            },
            "definition": {
                "href": f"./{name}.emd",
                "title": "Model definition as GIS tools read it",
                "type": "application/json",
                "roles": ["metadata"],
            },
            **{key: asset for key, asset in _further(name, named).items() if asset["href"][2:] in files},
        },
    }


def _further(name: str, bands: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Assets that only some packages have."""
    return {
        "graph": {
            "href": f"./{name}.onnx",
            "title": "ONNX graph: from pixels to probabilities, crop and scaling inside",
            "type": "application/octet-stream; application=onnx",
            "roles": ["mlm:model", "data"],
            "mlm:artifact_type": "torch.onnx.export",
            "bands": bands,
        },
        "script": {
            "href": f"./{SCRIPT}",
            "title": "Python raster function for ArcGIS, which runs the graph",
            "type": "text/x-python",
            "roles": ["code"],
        },
    }


def geographic(wkt: str) -> BaseGeometry | None:
    """A training area within -180 to 180 degrees, cut at the antimeridian (RFC 7946, 3.1.9); None where there is none.

    >>> [part.bounds for part in geographic("POLYGON ((179 0, 181 0, 181 1, 179 1, 179 0))").geoms]
    [(179.0, 0.0, 180.0, 1.0), (-180.0, 0.0, -179.0, 1.0)]
    """
    if not wkt:
        return None
    area = shapely.from_wkt(wkt)
    west, _, east, _ = area.bounds
    if west >= -180 and east <= 180:
        return area
    area = area if area.is_valid else area.buffer(0)
    worlds = (translate(area.intersection(box(turn - 180, -90, turn + 180, 90)), -turn) for turn in (-360, 0, 360))
    pieces = [part for world in worlds for part in shapely.get_parts(world) if isinstance(part, Polygon)]
    pieces.sort(key=lambda part: -part.bounds[0])
    return MultiPolygon(pieces)


def _bbox(area: BaseGeometry) -> tuple[float, float, float, float]:
    """West, south, east, north; across the antimeridian west is the larger (RFC 7946, 5.2).

    >>> _bbox(geographic("POLYGON ((179 0, 181 0, 181 1, 179 1, 179 0))"))
    (179.0, 0.0, -179.0, 1.0)
    """
    west, south, east, north = area.bounds
    parts = shapely.get_parts(area)
    if west == -180 and east == 180 and len(parts) > 1:
        low = [part.bounds for part in parts]
        west = min(each[0] for each in low if each[0] >= 0) if any(each[0] >= 0 for each in low) else west
        east = max(each[2] for each in low if each[2] <= 0) if any(each[2] <= 0 for each in low) else east
    return west, south, east, north


def _moment(day: str, time: str) -> str:
    """
    >>> _moment("2024-05-01", "00:00:00"), _moment("2024-05-01T10:00:00Z", "00:00:00")
    ('2024-05-01T00:00:00Z', '2024-05-01T10:00:00Z')
    """
    return day if "T" in day else f"{day}T{time}Z"


def _input(manifest: Manifest) -> dict[str, Any]:
    given = manifest.preprocessing
    cell = f" of {manifest.cell_size[0]:g} x {manifest.cell_size[1]:g} units" if manifest.cell_size[0] > 0 else ""
    width, height = given.tile.size
    resized = f", resized to {given.resize_px}" if given.resize_px else ""
    return {
        "name": "tile",
        "description": f"The middle of a tile of {width} x {height} pixels{cell}{resized}; values are {given.pixels} "
        f"({given.dtype}). Missing pixels are {'the mean' if given.fill is None else f'{given.fill:g}'} of their band.",
        "bands": list(given.tile.bands),
        "input": {
            "shape": [-1, len(given.tile.bands), given.chip_px, given.chip_px],
            "dim_order": ["batch", "bands", "height", "width"],
            "data_type": "float32",
        },
        "value_scaling": [
            {"type": "z-score", "mean": mean, "stddev": std} for mean, std in zip(given.mean, given.std, strict=True)
        ],
        "resize_type": _resize_type(manifest),
    }


def _resize_type(manifest: Manifest) -> str | None:
    given = manifest.preprocessing
    if given.resize_px:
        return "interpolation-linear"
    return None if given.tile.size == (given.chip_px, given.chip_px) else "crop"


def _output(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": "category",
        "description": "One number for each class; the softmax of them are probabilities.",
        "tasks": _TASKS,
        "result": {
            "shape": [-1, len(manifest.categories)],
            "dim_order": ["batch", "class"],
            "data_type": "float32",
        },
        "classification:classes": [
            {
                "value": category.code,
                "name": re.sub(r"[^0-9A-Za-z_-]+", "-", category.name).strip("-") or f"class-{category.code}",
                "description": category.name,
                "color_hint": category.colour[1:].upper(),
            }
            for category in manifest.categories
        ],
        "post_processing_function": {"format": "python", "expression": "torch.nn.functional.softmax"},
    }
