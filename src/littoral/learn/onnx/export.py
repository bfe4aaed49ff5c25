"""Export of a model as an ONNX graph: pixels in, probabilities out.

torch exports the network; the nodes around it are added here: the middle of the tile is cut out and scaled, missing
pixels become the training mean, and logits become probabilities. ``docs/how-to/onnx.md`` documents names, shapes and
metadata. The same model gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import onnx
import onnxscript  # noqa: F401 - needed by torch's exporter
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from littoral.errors import InputError
from littoral.imagery import Values
from littoral.inference import MANIFEST_KEY, WEIGHTS_KEY, OnnxClassifier
from littoral.learn.network import Network
from littoral.learn.network.building import channels_last
from littoral.learn.onnx.preprocessing import PIXELS, TILES, preprocessing_nodes, tile_shape
from littoral.package import Manifest, manifest_json

OPSET = 18
"""Of the graph's operators; ONNX Runtime reads it from 1.14 on."""
IR_VERSION = 8
"""Of the file; ONNX Runtime reads it from 1.11 on, newer ones not before 1.18."""
MOST_DIFFERENCE = 1e-4
"""A graph whose probabilities differ more from torch's is not written."""

FEATURES = "features"
"""Output with the pooled features, from which novelty is computed."""

Tile = tuple[Values, NDArray[np.bool_]]
"""Values (bands, height, width) and their mask (height, width), True where valid."""


def export_graph(network: Network, manifest: Manifest, weights: bytes, tiles: Iterable[Tile] = ()) -> bytes:
    """The graph of a model, compared with torch; prints the largest difference of a probability.

    Args:
        network: Trained.
        manifest: Of the model; goes into the metadata.
        weights: As the package carries them; their hash goes into the metadata.
        tiles: Tiles to compare with, beside random ones.

    Returns:
        An ``.onnx``: ``tiles`` (batch, bands, height, width), float32 with NaN where missing, to ``probabilities``
        (batch, classes) and the ``features`` (batch, features) behind them, float32.

    Raises:
        InputError: the network cannot be exported, or the probabilities differ from torch's.
    """
    proto = _with_preprocessing(_network_graph(network, manifest), manifest)
    set_metadata(proto, {**_metadata(manifest), WEIGHTS_KEY: sha256(weights).hexdigest()})
    graph = _bytes(proto)
    difference = _difference(graph, network, manifest, [*_random_tiles(manifest), *tiles])
    print(f"ONNX graph: probabilities differ from torch's by at most {difference:.1e}", flush=True)
    if not difference <= MOST_DIFFERENCE:
        raise InputError(
            f"the ONNX graph of {manifest.backbone}",
            f"differs from the network by {difference:.1e}",
            "save the model without it (onnx=False), or choose another backbone",
        )
    return graph


class _WithFeatures(torch.nn.Module):
    """A module that returns logits and features; its weights have the names that they have in the network."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        for name, part in network.named_children():
            self.add_module(name, part)
        self._with_features = network.with_features

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._with_features(x)


def _network_graph(network: Network, manifest: Manifest) -> onnx.ModelProto:
    """The bare network: ``pixels`` (batch, bands, chip, chip) to ``logits`` and ``features``."""
    given = manifest.preprocessing
    example = torch.zeros(2, len(given.mean), given.chip_px, given.chip_px)
    network.eval()
    try:
        with torch.no_grad():
            program = torch.onnx.export(
                _WithFeatures(network).eval(),
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[PIXELS],
                output_names=["logits", FEATURES],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise InputError(
            f"backbone {manifest.backbone!r}", "cannot be written as ONNX", "save the model without it (onnx=False)"
        ) from error
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    return proto


def _with_preprocessing(proto: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """Preprocessing before a network's graph, softmax behind it."""
    given, graph = manifest.preprocessing, proto.graph
    before, constants = preprocessing_nodes(given)
    after = helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1)
    shape = ["batch", len(given.mean), *tile_shape(given)]
    whole = helper.make_graph(
        [*before, *graph.node, after],
        "littoral",
        [helper.make_tensor_value_info(TILES, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(manifest.categories)]),
            *(end for end in graph.output if end.name == FEATURES),
        ],
        [*constants, *graph.initializer],
    )
    out = helper.make_model(whole, opset_imports=list(proto.opset_import), functions=list(proto.functions))
    out.ir_version = IR_VERSION
    return out


def set_metadata(proto: onnx.ModelProto, metadata: Mapping[str, Any]) -> None:
    """Write metadata; values that are no text as JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    proto.producer_name = "littoral"
    helper.set_model_props(proto, texts)


def _metadata(manifest: Manifest) -> dict[str, Any]:
    """Metadata of the graph: the whole manifest, and separately the entries that other programs need."""
    given = manifest.preprocessing
    return {
        "classes": [{"value": c.code, "name": c.name, "color": c.colour} for c in manifest.categories],
        "bands": list(given.tile.bands),
        "scaling": {
            "pixels": given.pixels,
            "dtype": given.dtype,
            "nodata": given.nodata,
            "mean": list(given.mean),
            "std": list(given.std),
            "in_graph": True,
        },
        "tile_size": {
            "width": given.tile.size[0],
            "height": given.tile.size[1],
            "chip": given.chip_px,
            "resized": given.resize_px,
        },
        "cell_size": {"x": manifest.cell_size[0], "y": manifest.cell_size[1], "epsg": manifest.cell_epsg},
        MANIFEST_KEY: manifest_json(manifest),
    }


def _bytes(proto: onnx.ModelProto) -> bytes:
    """The serialised graph, without the exporter's debugging notes, which have paths of this machine."""
    for each in (*proto.graph.node, *proto.graph.initializer, *(n for f in proto.functions for n in f.node)):
        del each.metadata_props[:]
        each.doc_string = ""
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def _random_tiles(manifest: Manifest) -> list[Tile]:
    """Random tiles with the training pixels' statistics: without, with some, and with only missing pixels."""
    given = manifest.preprocessing
    rng = np.random.default_rng(manifest.seed)
    width, height = given.tile.size
    mean, std = (np.array(numbers)[:, None, None] for numbers in (given.mean, given.std))
    values = rng.normal(mean, std, (4, len(mean), height, width)).astype(np.float32)
    masks = [np.ones((height, width), bool), *(rng.random((2, height, width)) < 0.7), np.zeros((height, width), bool)]
    return list(zip(values, masks, strict=True))


def _difference(graph: bytes, network: Network, manifest: Manifest, tiles: list[Tile]) -> float:
    """Largest difference of a probability between the graph and torch."""
    runtime = OnnxClassifier(graph, "the graph")
    worst = 0.0
    for values, valid in tiles:
        # The whole tile, so that the graph's own crop is compared too.
        whole = np.where(valid, values.astype(np.float32), np.float32(np.nan))[None]
        with torch.inference_mode():
            prepared = torch.from_numpy(manifest.preprocessing.apply(values, valid)[None])
            expected = torch.softmax(network(channels_last(prepared)).double(), dim=1).numpy()
        difference = float(np.abs(runtime.predict_inputs(whole) - expected).max())
        worst = difference if not difference <= worst else worst
    return worst
