"""Model files: loading a package as a model, saving it, exporting its ONNX graph."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from littoral.errors import InputError, LittoralWarning, MissingExtraError
from littoral.evaluation import Record
from littoral.learn.metrics_page import metrics_page
from littoral.learn.network import build_network, load_state_bytes, state_bytes
from littoral.learn.options import PackageOptions
from littoral.learn.trained_model import TrainedModel
from littoral.package import Package, credited, read_package, renewed, write_package
from littoral.raster_function import BUILT_IN, SCRIPT, script, scripted, unscripted
from littoral.vectors import check_output, staged


def load_model(path: str | Path) -> TrainedModel:
    """Load a model; nothing is downloaded, and nothing in the file is executed.

    Args:
        path: The ``.dlpk`` of littoral or of another program, an ``.emd`` with its weights beside it, or a folder with
            one of them in it. What another program's package does not state is assumed, with a LittoralWarning.

    Raises:
        InputError: not a package that can be used, or a model of another kind.
    """
    return model_of(read_package(path), path)


def model_of(package: Package, source: object) -> TrainedModel:
    """The model in a package.

    Args:
        package: Read by :func:`littoral.package.read_package`.
        source: What to call it in messages.

    Raises:
        InputError: weights or a backbone that cannot be used.
    """
    for assumed in package.assumed:
        warnings.warn(LittoralWarning(f"{source}: {assumed}."), stacklevel=3)
    manifest = package.manifest
    own = manifest.preprocessing
    try:
        network = build_network(manifest.backbone, len(own.mean), len(manifest.categories), chip_px=own.chip_px)
    except InputError as error:
        raise InputError(source, f"names a {error.subject}, which {error.what}", "update littoral[learn]") from error
    load_state_bytes(network, manifest.backbone, package.weights, source)
    network.eval()
    rest = replace(package, weights=b"")
    return TrainedModel(network, manifest, Record(package.scores), source=rest)


def save_model(
    model: TrainedModel,
    path: str | Path,
    options: PackageOptions | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a model as a ``.dlpk``; prints what of a loaded package is not kept.

    Args:
        model: A model.
        path: Ends in ``.dlpk``.
        options: What the package carries beside the weights.
        overwrite: Replace a file that is there.

    Raises:
        InputError: another suffix, a licence or credit of several lines, or a graph whose predictions differ from
            torch's.
        ExistsError: the file is there and ``overwrite`` is False.
        WriteError: the disk refused.
        MissingExtraError: a graph is wanted, and ONNX is not installed.
    """
    path, options = Path(path), options or PackageOptions()
    check_package_name(path)
    check_output(path, overwrite)
    model = replace(model, manifest=credited(model.manifest, options.licence, options.attribution))
    print("Computing model metrics...", flush=True)
    scores = model.scores or Record()
    weights = state_bytes(model.network, model.manifest.backbone)
    source = model.source or Package(path.stem, model.manifest, b"", {})
    # The page of a loaded package stays as long as its scores do.
    page = source.page if source.scores == scores else ""
    page = page or metrics_page(path.stem, model.manifest, scores, model.epochs)
    kept, changes = renewed(unscripted(source.definition), path.stem, model.manifest, source.left_out)
    for change in changes:
        print(change)
    definition, files = _graph_and_script(model, path.stem, weights, kept, options)
    return write_package(
        path, Package(path.stem, model.manifest, weights, scores, definition, page, files), overwrite=overwrite
    )


def export_onnx(model: TrainedModel, path: str | Path) -> Path:
    """Write a model's ONNX graph alone.

    Args:
        model: A model.
        path: An ``.onnx``; a file that is there is replaced.

    Raises:
        WriteError: the disk refused.
        InputError: a model that cannot be exported.
        MissingExtraError: ONNX is not installed.
    """
    graph = _graph(model, state_bytes(model.network, model.manifest.backbone))
    with staged(Path(path)) as stage:
        stage.write_bytes(graph)
    return Path(path)


def check_package_name(path: Path) -> None:
    """
    Raises:
        InputError: the name of a package does not end in ``.dlpk``.
    """
    if path.suffix != ".dlpk":
        raise InputError(path, "does not end in .dlpk", f"write e.g. -o {path.with_suffix('.dlpk')}")


def carried_files(package: Package) -> frozenset[str]:
    """``onnx`` and ``script``, as far as a package has them; whose script it is does not matter, ours is written."""
    runs = package.definition.get("InferenceFunction") == SCRIPT
    found = {"onnx": f"{package.name}.onnx" in package.files, "script": runs or SCRIPT in package.files}
    return frozenset(name for name, there in found.items() if there)


def _graph_and_script(
    model: TrainedModel,
    name: str,
    weights: bytes,
    definition: Mapping[str, Any],
    options: PackageOptions,
) -> tuple[Mapping[str, Any], Mapping[str, bytes]]:
    """The definition of a package, with our script in it where ArcGIS is to run it, and the package's other files.

    Without an option, a graph is written if the loaded package had one or the script needs it; the script, if ArcGIS
    has no function of its own for the model or the loaded package had one.
    """
    onnx, raster_function = options.onnx, options.raster_function
    if raster_function and onnx is False:
        raise InputError("onnx=False", "leaves the raster function no graph to run", "leave one of both out")
    own, carried = model.manifest.preprocessing, carried_files(model.source) if model.source else frozenset()
    # ArcGIS' own function resizes tiles in another way.
    foreign = model.manifest.backbone not in BUILT_IN or own.resize_px is not None
    with_script = (foreign or "script" in carried) if raster_function is None else raster_function
    required = onnx or raster_function or "onnx" in carried
    if onnx is False or not (required or with_script):
        return definition, {}
    graph = f"{name}.onnx"
    try:
        files = {graph: _graph(model, weights)}
    except (MissingExtraError, InputError) as error:
        if required:
            raise
        # The graph is optional, so the model is saved without it.
        reason = f"the package holds no raster function, so ArcGIS cannot run a {model.manifest.backbone}"
        warnings.warn(LittoralWarning(f"{reason}: {error}"), stacklevel=3)
        return definition, {}
    if not with_script:
        return definition, files
    size = own.tile.size if own.resize_px else (own.chip_px, own.chip_px)
    return scripted(definition, graph, size), {**files, SCRIPT: script()}


def _graph(model: TrainedModel, weights: bytes) -> bytes:
    """The graph, compared with torch on the model's sample of tiles if it has one."""
    # Needs libraries that may not be installed.
    export = import_module("littoral.learn.onnx.export")
    tiles = () if model.sample is None else map(model.sample.read, range(len(model.sample)))
    graph: bytes = export.export_graph(model.network, model.manifest, weights, tiles)
    return graph
