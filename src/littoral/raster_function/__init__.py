"""The Python raster function in packages for ArcGIS's Classify Objects, for networks that the tool cannot run itself.

``LittoralClassifier.py`` beside this file is copied into packages unchanged and is run by the tool only. It
runs the package's ONNX graph, which holds preprocessing, network and calibration: the script needs no torch and
unpickles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

SCRIPT = "LittoralClassifier.py"
"""Its name in a package; the tool requires a class of the same name in it."""
BUILT_IN = frozenset({"resnet18", "resnet34", "resnet50"})
"""Backbones that the tool's own function supports."""


def script() -> bytes:
    """The script as bytes, as it is written into a package."""
    return (files(__name__) / SCRIPT).read_bytes()


def scripted(definition: Mapping[str, Any], graph: str, size: tuple[int, int]) -> dict[str, Any]:
    """A model definition that makes the tool run the script on a graph.

    Args:
        definition: The ``.emd`` of the same model.
        graph: Name of the ``.onnx`` beside it.
        size: Width and height of its input tiles, pixels.

    >>> emd = scripted({"ModelFile": "m.pth", "InferenceFunction": "theirs"}, "m.onnx", (64, 64))
    >>> emd["ModelFile"], emd["InferenceFunction"], emd["OnnxFile"]
    ('m.pth', 'LittoralClassifier.py', 'm.onnx')
    """
    ours = {"Framework": "ONNX", "ModelConfiguration": "LittoralClassifier", "InferenceFunction": SCRIPT}
    return {**definition, **ours, "OnnxFile": graph, "ImageWidth": size[0], "ImageHeight": size[1]}


def unscripted(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition without the keys that :func:`scripted` added; any other definition as it is.

    >>> unscripted({"ModelFile": "m.pth", "InferenceFunction": "LittoralClassifier.py", "OnnxFile": "m.onnx"})
    {'ModelFile': 'm.pth'}
    """
    if definition.get("InferenceFunction") != SCRIPT:
        return dict(definition)
    return {key: value for key, value in definition.items() if key not in ("InferenceFunction", "OnnxFile")}
