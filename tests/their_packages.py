"""Packages as another program writes them, and its way of answering: rebuilt from torchvision and the layout's facts.

Nothing of littoral is used here, so that it can be compared with littoral.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

RGB_MEAN, RGB_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
BUILT_IN = "[Functions]System\\DeepLearning\\ArcGISLearn\\ArcGISObjectClassifier.py"


class _MaxThenMean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.maximum, self.mean = nn.AdaptiveMaxPool2d(1), nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.maximum(x), self.mean(x)], 1)


def their_network(backbone: str, bands: int, classes: int, seed: int = 0) -> nn.Sequential:
    """Body of torchvision without its last two children, and fastai v1's head; weights random.

    Of large layers five channels in six are zero, as deflating random numbers is what would take the time.
    """
    torch.manual_seed(seed)
    whole = getattr(torchvision.models, backbone)(weights=None)
    if bands != 3:
        whole.conv1 = nn.Conv2d(bands, 64, 7, stride=2, padding=3, bias=False)
    features = whole.fc.in_features
    head = nn.Sequential(
        _MaxThenMean(), nn.Flatten(), nn.BatchNorm1d(2 * features), nn.Dropout(0.25), nn.Linear(2 * features, 512),
        nn.ReLU(), nn.BatchNorm1d(512), nn.Dropout(0.5), nn.Linear(512, classes),
    )  # fmt: skip
    network = nn.Sequential(nn.Sequential(*list(whole.children())[:-2]), head).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1)
            nn.init.normal_(layer.bias, 0, 0.1)
    for value in network.parameters():
        if value.numel() > 100_000:
            value.data[torch.arange(len(value)) % 6 != 0] = 0
    return network


def definition(backbone: str, bands: int, size: int, classes: list[dict[str, Any]]) -> dict[str, Any]:
    """As a current version writes it: three bands are 8-bit pictures, more are multispectral."""
    content: dict[str, Any] = {
        "Framework": "arcgis.learn.models._inferencing",
        "ModelConfiguration": "_FeatureClassifier",
        "ModelType": "ObjectClassification",
        "InferenceFunction": BUILT_IN,
        "MetaDataMode": "Labeled_Tiles",
        "ExtractBands": list(range(bands)),
        "CropSizeFixed": 1,
        "BlackenAroundFeature": 0,
        "ImageSpaceUsed": "MAP_SPACE",
        "Classes": classes,
        "ModelFormat": "NCHW",
        "MinCellSize": {"x": 10.0, "y": 10.0, "spatialReference": {"wkid": 32617}},
        "MaxCellSize": {"x": 10.0, "y": 10.0, "spatialReference": {"wkid": 32617}},
        "SupportsVariableTileSize": False,
        "ModelFile": "theirs.pth",
        "ImageHeight": size,
        "ImageWidth": size,
        "LearningRate": "slice('1.5e-04', '1.5e-03', None)",
        "ModelName": "FeatureClassifier",
        "backend": "pytorch",
        "ModelParameters": {"backbone": backbone, "backend": "pytorch"},
        "resize_to": None,
        "IsMultispectral": bands != 3,
        "IsImageNetNormalization": bands == 3,
    }
    if bands != 3:
        rng = np.random.default_rng(bands)
        low, high = rng.integers(0, 300, bands), rng.integers(6000, 12000, bands)
        content |= {
            "Bands": [f"B{number:02d}" for number in range(1, bands + 1)],
            "ImageryType": "multispectral",
            "DoNormalize": True,
            "NormalizationStats": {
                "band_min_values": low.tolist(),
                "band_max_values": high.tolist(),
                "band_mean_values": rng.uniform(1000, 2000, bands).tolist(),
                "band_std_values": rng.uniform(200, 900, bands).tolist(),
                "scaled_min_values": [0.0] * bands,
                "scaled_max_values": [1.0] * bands,
                "scaled_mean_values": rng.uniform(0.1, 0.4, bands).tolist(),
                "scaled_std_values": rng.uniform(0.05, 0.2, bands).tolist(),
            },
        }
    return content


def older(content: dict[str, Any]) -> dict[str, Any]:
    """The same in the spelling of an older version, placeholders included."""
    gone = {"MetaDataMode", "backend", "resize_to", "IsImageNetNormalization", "ImageSpaceUsed"}
    kept = {key: value for key, value in content.items() if key not in gone}
    return {
        **kept,
        "Framework": "PyTorch",
        "ModelConfiguration": "FeatureClassifier",
        "InferenceFunction": "ArcGISObjectClassifier.py",
        "ModelParameters": {"backbone": content["ModelParameters"]["backbone"]},
        "BatchSize": "[batch_size]",
        "DataRange": "[min, max]",
        "ModelPadding": 0,
        "Classes": [
            {"ClassValue": one["Value"], "ClassName": one["Name"], "Color": one["Color"]} for one in content["Classes"]
        ],
    }


def their_scaling(content: dict[str, Any], tile: np.ndarray) -> np.ndarray:
    """A tile (bands, height, width) as the consumer scales it; in 64 bits."""
    if not content.get("IsMultispectral"):
        return (tile / 255 - RGB_MEAN[:, None, None]) / RGB_STD[:, None, None]
    stats = {name: np.array(values)[:, None, None] for name, values in content["NormalizationStats"].items()}
    scaled = (tile - stats["band_min_values"]) / (stats["band_max_values"] - stats["band_min_values"])
    return (scaled - stats["scaled_mean_values"]) / stats["scaled_std_values"]


def their_answer(content: dict[str, Any], network: nn.Module, tile: np.ndarray) -> np.ndarray:
    """Probabilities (classes,) of the middle of a tile."""
    side = content["ImageHeight"]
    top, left = (tile.shape[1] - side) // 2, (tile.shape[2] - side) // 2
    middle = their_scaling(content, tile[:, top : top + side, left : left + side].astype(float))
    with torch.inference_mode():
        logits = network(torch.from_numpy(middle.astype(np.float32))[None])
        return torch.softmax(logits.double(), 1)[0].numpy()


def pth(state: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def write_theirs(path: Path, content: dict[str, Any], weights: bytes, **others: bytes) -> Path:
    """The zip; deflating random weights would only take time."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("theirs.emd", json.dumps(content, indent=2))
        archive.writestr("theirs.pth", weights)
        for name, data in others.items():
            archive.writestr(name, data)
    return path
