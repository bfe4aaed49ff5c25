"""The script that a package carries for ArcGIS's Classify Objects, where that tool has none of its own.

``LittoralClassifier.py`` beside this file is data here: it goes into packages as it stands and is run by the tool
only. It runs the package's ONNX graph, not torch: preprocessing and calibration are in the graph, so the script has
none to get wrong, nothing is unpickled, and no network has to be rebuilt by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

SCRIPT = "LittoralClassifier.py"
"""Its name in a package; the tool wants a class of the same name in it."""
BUILT_IN = frozenset({"resnet18", "resnet34", "resnet50"})
"""Backbones that the tool's own function can rebuild."""


def script() -> bytes:
    """The script, as it goes into a package."""
    return (files(__name__) / SCRIPT).read_bytes()


def scripted(definition: Mapping[str, Any], graph: str, size: tuple[int, int]) -> dict[str, Any]:
    """A model definition that has the tool run our script on a graph.

    Args:
        definition: The ``.emd`` of the same model.
        graph: Name of the ``.onnx`` beside it.
        size: Width and height of the tiles that it wants, pixels.

    >>> emd = scripted({"ModelFile": "m.pth", "InferenceFunction": "theirs"}, "m.onnx", (64, 64))
    >>> emd["ModelFile"], emd["InferenceFunction"], emd["OnnxFile"]
    ('m.pth', 'LittoralClassifier.py', 'm.onnx')
    """
    ours = {"Framework": "ONNX", "ModelConfiguration": "LittoralClassifier", "InferenceFunction": SCRIPT}
    return {**definition, **ours, "OnnxFile": graph, "ImageWidth": size[0], "ImageHeight": size[1]}


def unscripted(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition without what :func:`scripted` added that nothing else says; any other as it is.

    >>> unscripted({"ModelFile": "m.pth", "InferenceFunction": "LittoralClassifier.py", "OnnxFile": "m.onnx"})
    {'ModelFile': 'm.pth'}
    """
    if definition.get("InferenceFunction") != SCRIPT:
        return dict(definition)
    return {key: value for key, value in definition.items() if key not in ("InferenceFunction", "OnnxFile")}
