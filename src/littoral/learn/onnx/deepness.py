"""A classifier's graph as QGIS's plugin Deepness can load it: a segmentation model that gives a tile one class.

Deepness knows no model that classifies whole tiles. So the probabilities are spread over the tile, and the plugin draws
a map of squares. It hands over 8-bit values, divided by 255 and standardised by what the metadata say, and fills
borders with 0; the graph takes that back first. Metadata keys are those of its documentation (plugin version 0.6.5).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from pyproj import CRS

from littoral.errors import InputError, MissingExtraError
from littoral.package import Manifest

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise MissingExtraError("writing ONNX", "onnx") from error


def check_deepness(manifest: Manifest) -> None:
    """
    Raises:
        InputError: a model of values or of tiles that the plugin cannot hand over.
    """
    width, height = manifest.preprocessing.tile.size
    if manifest.preprocessing.resize_px and width != height:
        raise InputError(
            f"a model that resizes tiles of {width} x {height} pixels",
            "cannot be used by Deepness, which cuts squares",
            "leave --deepness away and classify with littoral",
        )
    if manifest.preprocessing.dtype != "uint8":
        raise InputError(
            f"a model of {manifest.preprocessing.dtype} values",
            "cannot be used by Deepness, which hands over 8-bit ones",
            "train it on 8-bit imagery, or leave --deepness away and classify with littoral",
        )


def deepness_graph(graph: bytes, manifest: Manifest) -> bytes:
    """A graph of :func:`~littoral.learn.onnx.export.export_graph`, made over.

    Returns:
        An ``.onnx``: ``tiles`` (batch, bands, chip, chip), as the plugin hands them over, to ``class_map`` (batch,
        classes, chip, chip), the probabilities of the tile in each of its pixels.

    Raises:
        InputError: a model of values that the plugin cannot hand over.
    """
    check_deepness(manifest)
    given = manifest.preprocessing
    proto = onnx.load_from_string(graph)
    nodes, bands = proto.graph.node, len(given.mean)
    chip = given.tile.size_px if given.resize_px else given.chip_px
    for each in nodes:
        each.input[:] = ["deepness.values" if name == "tiles" else name for name in each.input]
    before = [helper.make_node("Round", ["tiles"], ["deepness.rounded"])]
    constants = {"deepness.side": np.array([1, 1, chip, chip]), "deepness.rows_and_columns": np.array([2, 3])}
    if given.nodata is None:
        before.append(helper.make_node("Identity", ["deepness.rounded"], ["deepness.values"]))
    else:
        constants["deepness.nodata"] = np.array(given.nodata, np.float32)
        constants["deepness.nan"] = np.array(np.nan, np.float32)
        before.append(helper.make_node("Equal", ["deepness.rounded", "deepness.nodata"], ["deepness.missing"]))
        before.append(
            helper.make_node("Where", ["deepness.missing", "deepness.nan", "deepness.rounded"], ["deepness.values"])
        )
    after = [
        helper.make_node("Unsqueeze", ["probabilities", "deepness.rows_and_columns"], ["deepness.of_tile"]),
        helper.make_node("Expand", ["deepness.of_tile", "deepness.side"], ["class_map"]),
    ]
    whole = helper.make_graph(
        [*before, *nodes, *after],
        "littoral",
        [helper.make_tensor_value_info("tiles", TensorProto.FLOAT, ["batch", bands, chip, chip])],
        [
            helper.make_tensor_value_info(
                "class_map", TensorProto.FLOAT, ["batch", len(manifest.categories), chip, chip]
            )
        ],
        [*(numpy_helper.from_array(array, name) for name, array in constants.items()), *proto.graph.initializer],
    )
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.CopyFrom(whole)
    # What says that it is a classifier's graph would not be true any more.
    del proto.metadata_props[:]
    helper.set_model_props(proto, {name: json.dumps(value) for name, value in _metadata(manifest).items()})
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def _metadata(manifest: Manifest) -> dict[str, Any]:
    """What the plugin reads."""
    given = manifest.preprocessing
    chip = given.tile.size_px if given.resize_px else given.chip_px
    facts: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(at): category.name for at, category in enumerate(manifest.categories)},
        "tiles_size": chip,
        "tile_size": chip,
        "tiles_overlap": 0,
        # The plugin divides by 255 first; this gives the values back.
        "standardization_mean": [0.0] * len(given.mean),
        "standardization_std": [1 / 255] * len(given.mean),
        "seg_thresh": 0.0,
        "seg_small_segment": 0,
    }
    if manifest.cell_epsg is not None and CRS.from_epsg(manifest.cell_epsg).axis_info[0].unit_name == "metre":
        facts["resolution"] = manifest.cell_size[0] * 100
    return facts
