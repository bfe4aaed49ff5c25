"""What a saved model carries beside its weights: a graph, and a script for tools that cannot rebuild its network."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from littoral.errors import InputError, LittoralWarning, MissingExtraError
from littoral.learn.network import state_bytes
from littoral.package import Package
from littoral.raster_function import BUILT_IN, SCRIPT, script, scripted, unscripted
from littoral.vectors import staged

if TYPE_CHECKING:
    from littoral.learn.feature_classifier import FeatureClassifier

CHECKED = 8
"""Tiles of the model's own data that its graph is checked with."""


def suffix_of(framework: str) -> str:
    """Of the file that a framework's name stands for.

    Raises:
        InputError: it is not known.
    """
    suffixes = {"pytorch": ".dlpk", "onnx": ".onnx"}
    if framework.casefold() not in suffixes:
        raise InputError(f"framework {framework!r}", "is not known", "choose PyTorch or onnx")
    return suffixes[framework.casefold()]


def carried_by(package: Package) -> frozenset[str]:
    """``onnx`` and ``script``, as far as a package has them.

    Only that there is a script counts: what is saved is always our own.
    """
    runs = package.definition.get("InferenceFunction") == SCRIPT
    found = {"onnx": f"{package.name}.onnx" in package.files, "script": runs or SCRIPT in package.files}
    return frozenset(name for name, there in found.items() if there)


__all__ = ["beside", "carried_by", "suffix_of", "unscripted", "write_graph"]


def write_graph(model: FeatureClassifier, path: Path, *, deepness: bool = False) -> Path:
    """Write a model's graph alone.

    Args:
        model: To be written.
        path: An ``.onnx``.
        deepness: As QGIS's plugin of that name can load it.

    Raises:
        WriteError: the disk refused.
        InputError: a model that cannot be written so.
    """
    if deepness:
        import_module("littoral.learn.onnx.deepness").check_deepness(model.manifest)
    graph = _graph(model, state_bytes(model.network, model.manifest.backbone))
    if deepness:
        graph = import_module("littoral.learn.onnx.deepness").deepness_graph(graph, model.manifest)
    with staged(path) as stage:
        stage.write_bytes(graph)
    return path


def beside(
    model: FeatureClassifier,
    name: str,
    weights: bytes,
    definition: Mapping[str, Any],
    onnx: bool | None,
    raster_function: bool | None,
) -> tuple[Mapping[str, Any], Mapping[str, bytes]]:
    """The definition of a package, with our script in it where it is to run, and the package's further files.

    Args:
        model: To be saved.
        name: Of the package.
        weights: As it carries them.
        definition: As it is without a script.
        onnx: Whether the graph goes with it; None: as :meth:`FeatureClassifier.save` says.
        raster_function: Whether the script does, likewise.
    """
    if raster_function and onnx is False:
        raise InputError("onnx=False", "leaves the raster function nothing to run", "leave one of both away")
    given = model.manifest.preprocessing
    # The tool's own function resizes in a way of its own.
    foreign = model.manifest.backbone not in BUILT_IN or given.resize_px is not None
    needed = foreign or "script" in model.carried
    wanted = needed if raster_function is None else raster_function
    asked = onnx or raster_function or "onnx" in model.carried
    if onnx is False or not (asked or wanted):
        return definition, {}
    graph = f"{name}.onnx"
    try:
        files = {graph: _graph(model, weights)}
    except (MissingExtraError, InputError) as error:
        if asked:
            raise
        # Nobody asked for a graph, and a trained model is not to be lost for want of one.
        said = f"the package holds no raster function, so ArcGIS cannot run a {model.manifest.backbone}"
        warnings.warn(LittoralWarning(f"{said}: {error}"), stacklevel=3)
        return definition, {}
    if not wanted:
        return definition, files
    size = given.tile.size if given.resize_px else (given.chip_px, given.chip_px)
    return scripted(definition, graph, size), {**files, SCRIPT: script()}


def _graph(model: FeatureClassifier, weights: bytes) -> bytes:
    """Checked with tiles of the model's own data, where it has any."""
    # Loads a library that may not be there.
    export = import_module("littoral.learn.onnx.export")
    data = model.data
    tiles = () if data is None else (data.tiles.read(int(at)) for at in data.split.validation[:CHECKED])
    graph: bytes = export.export_graph(model.network, model.manifest, weights, tiles)
    return graph
