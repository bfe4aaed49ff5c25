"""The ``.emd``: the model definition that GIS tools read."""

from __future__ import annotations

from typing import Any

from littoral.package.manifest import Manifest


def definition_of(name: str, manifest: Manifest) -> dict[str, Any]:
    """The ``.emd``. The consumer computes ((x - min)/(max - min) - scaled mean)/scaled std: with min 0 and max 1 that
    is our own standardisation."""
    given = manifest.preprocessing
    bands = list(given.tile.bands)
    cell = {
        "x": manifest.cell_size[0],
        "y": manifest.cell_size[1],
        "spatialReference": {"wkid": manifest.cell_epsg, "latestWkid": manifest.cell_epsg},
    }
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
        "Framework": "arcgis.learn.models._inferencing",
        "ModelConfiguration": "_FeatureClassifier",
        "ModelType": "ObjectClassification",
        "InferenceFunction": "[Functions]System\\DeepLearning\\ArcGISLearn\\ArcGISObjectClassifier.py",
        "ModelName": "FeatureClassifier",
        "ModelFile": f"{name}.pth",
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
