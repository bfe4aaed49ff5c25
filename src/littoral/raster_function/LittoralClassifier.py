# ruff: noqa: N802, N803, N999 - the tool's names
"""Python raster function for Classify Objects Using Deep Learning: runs the ONNX graph beside it on each object.

Written by littoral into a model package. Needs numpy and onnxruntime, and nothing of littoral. The graph holds crop,
scaling, network and calibration; this script only marks missing pixels and names the answers.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

_POLYGON = 4
_FIELDS = [
    {"name": "OID", "type": "esriFieldTypeOID", "alias": "OID"},
    {"name": "Class", "type": "esriFieldTypeString", "alias": "Class"},
    {"name": "Confidence", "type": "esriFieldTypeDouble", "alias": "Confidence"},
    {"name": "Shape", "type": "esriFieldTypeGeometry", "alias": "Shape"},
    {"name": "Label", "type": "esriFieldTypeString", "alias": "Label"},
]


class LittoralClassifier:
    """Says of each object what kind of shore it shows."""

    def __init__(self) -> None:
        self.name = "Littoral classifier"
        self.description = "Classifies stretches of coast"

    def initialize(self, **kwargs: Any) -> None:
        """``model``: path of the .emd, or its text; then the graph is looked for beside this script."""
        if "model" not in kwargs:
            return
        import onnxruntime

        model = kwargs["model"]
        if os.path.isfile(model):
            with open(model, encoding="utf-8-sig") as file:
                self.definition = json.load(file)
            folder = os.path.dirname(os.path.abspath(model))
        else:
            self.definition = json.loads(model)
            folder = os.path.dirname(os.path.abspath(__file__))
        self.labels = [entry["Name"] for entry in self.definition["Classes"]]
        # By the processor always: a graphics card's arithmetic differs in the last digits.
        self.session = onnxruntime.InferenceSession(
            os.path.join(folder, self.definition["OnnxFile"]), providers=["CPUExecutionProvider"]
        )

    def getParameterInfo(self) -> list[dict[str, Any]]:
        """What the tool is to pass; ``rasters`` are stacks of tiles, one for each object of a batch."""
        return [
            {
                "name": "rasters",
                "dataType": "rasters",
                "value": None,
                "required": True,
                "displayName": "Rasters",
                "description": "Imagery around the objects to classify",
            },
            {
                "name": "model",
                "dataType": "string",
                "required": True,
                "displayName": "Input Model Definition (EMD) File",
                "description": "Model definition",
            },
            {
                "name": "device",
                "dataType": "numeric",
                "required": False,
                "displayName": "Device ID",
                "description": "Not used: the processor computes",
            },
            {
                "name": "batch_size",
                "dataType": "numeric",
                "required": False,
                "value": 8,
                "displayName": "Batch Size",
                "description": "Objects at a time",
            },
        ]

    def getConfiguration(self, **scalars: Any) -> dict[str, Any]:
        """How the tool is to cut tiles."""
        emd = self.definition
        return {
            "CropSizeFixed": int(emd["CropSizeFixed"]),
            "BlackenAroundFeature": int(emd["BlackenAroundFeature"]),
            "extractBands": tuple(emd["ExtractBands"]),
            "padding": 0,
            "tx": int(emd["ImageWidth"]),
            "ty": int(emd["ImageHeight"]),
            "batch_size": max(1, int(scalars.get("batch_size", 8))),
            "inheritProperties": 2 | 4 | 8,
            "inputMask": True,
        }

    def getFields(self) -> str:
        """Of the output features, as JSON."""
        return json.dumps({"fields": _FIELDS})

    def getGeometryType(self) -> int:
        """Polygons."""
        return _POLYGON

    def vectorize(self, **pixelBlocks: Any) -> dict[str, str]:
        """``rasters_pixels`` and ``rasters_mask``, each (bands, height, width) per object, to a feature per object."""
        blocks, masks = pixelBlocks["rasters_pixels"], pixelBlocks["rasters_mask"]
        tiles = np.stack([self._tile(blocks[i], masks[i]) for i in range(len(blocks))])
        (probabilities,) = self.session.run(["probabilities"], {"tiles": tiles})
        features = []
        for i, answer in enumerate(probabilities):
            height, width = np.shape(blocks[i])[-2:]
            label = self.labels[int(answer.argmax())]
            # The tool's own functions write the number as text.
            attributes = {"OID": i + 1, "Class": label, "Confidence": str(float(answer.max())), "Label": label}
            ring = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
            features.append({"attributes": attributes, "geometry": {"rings": [ring]}})
        collection = {
            "displayFieldName": "",
            "fieldAliases": {field["name"]: field["alias"] for field in _FIELDS},
            "geometryType": "esriGeometryPolygon",
            "fields": [field for field in _FIELDS if field["name"] != "Shape"],
            "features": features,
        }
        return {"output_vectors": json.dumps(collection)}

    def _tile(self, pixels: Any, mask: Any) -> np.ndarray:
        """One object's pixels in the middle of a tile as large as the network's input; NaN where missing."""
        values = np.asarray(pixels).astype(np.float32)
        valid = np.asarray(mask) != 0
        if valid.ndim == 3:
            valid = valid.all(axis=0)
        if int(self.definition["BlackenAroundFeature"]):
            # The tool has put zeros where the model learnt nothing.
            valid = valid & (values != 0).any(axis=0)
        values = np.where(valid, values, np.float32(np.nan))
        size = int(self.definition["ImageHeight"]), int(self.definition["ImageWidth"])
        tile = np.full((len(values), *size), np.nan, np.float32)
        given, room = [], []
        for has, wants in zip(values.shape[1:], size):  # noqa: B905 - the tool's Python may be 3.9
            shared = min(has, wants)
            given.append(slice((has - shared) // 2, (has - shared) // 2 + shared))
            room.append(slice((wants - shared) // 2, (wants - shared) // 2 + shared))
        tile[(slice(None), *room)] = values[(slice(None), *given)]
        return tile
