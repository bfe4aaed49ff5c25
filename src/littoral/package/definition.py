"""Write the model definition (``.emd``) in the layout that GIS tools read."""

from __future__ import annotations

from typing import Any

from littoral.package.manifest import Manifest

BUILT_IN = "[Functions]System\\DeepLearning\\ArcGISLearn\\ArcGISObjectClassifier.py"
"""The GIS tool's own inference function for such a network; the package needs no script."""


def definition_of(name: str, manifest: Manifest) -> dict[str, Any]:
    """The ``.emd`` of a model.

    The GIS tool computes ((x - min)/(max - min) - scaled mean)/scaled std: with min 0 and max 1 that is littoral's
    standardisation.
    """
    given = manifest.preprocessing
    bands = list(given.tile.bands)
    cell = _cell(manifest)
    count = len(bands)
    stats = {
        "band_min_values": [0.0] * count,
        "band_max_values": [1.0] * count,
        "band_mean_values": list(given.mean),
        "band_std_values": list(given.std),
        "scaled_min_values": [0.0] * count,
        "scaled_max_values": [1.0] * count,
        "scaled_mean_values": list(given.mean),
        "scaled_std_values": list(given.std),
    }
    return {
        **runs_by(name),
        "ModelType": "ObjectClassification",
        "ModelName": "FeatureClassifier",
        "ModelFormat": "NCHW",
        "ModelParameters": {"backbone": manifest.backbone, "backend": "pytorch"},
        "backend": "pytorch",
        "MetaDataMode": "Labeled_Tiles",
        "ImageSpaceUsed": f"{given.tile.space.upper()}_SPACE",
        "ImageHeight": given.chip_px,
        "ImageWidth": given.chip_px,
        "ExtractBands": list(range(count)),
        "Bands": bands,
        "CropSizeFixed": int(given.tile.crop == "fixed"),
        "BlackenAroundFeature": int(given.tile.blacken),
        "SupportsVariableTileSize": False,
        "resize_to": given.resize_px,
        "MinCellSize": cell,
        "MaxCellSize": cell,
        "IsMultispectral": True,
        "IsImageNetNormalization": False,
        "ImageryType": "multispectral",
        "DoNormalize": True,
        "NormalizationStats": stats,
        "Classes": [{"Value": c.code, "Name": c.name, "Color": list(c.rgb)} for c in manifest.categories],
    }


def runs_by(name: str) -> dict[str, str]:
    """Keys that make the GIS tool load the network and its weights with its own function."""
    return {
        "Framework": "arcgis.learn.models._inferencing",
        "ModelConfiguration": "_FeatureClassifier",
        "InferenceFunction": BUILT_IN,
        "ModelFile": f"{name}.pth",
    }


def _cell(manifest: Manifest) -> dict[str, Any] | None:
    x, y = manifest.cell_size
    if not (x > 0 and y > 0):
        return None
    code = manifest.cell_epsg
    return {"x": x, "y": y, "spatialReference": {"wkid": code, "latestWkid": code}}
