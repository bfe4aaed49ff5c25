"""Preprocessing as nodes of an ONNX graph.

The same computation as :meth:`littoral.package.Preprocessing.apply`; NaN stands for the mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from littoral.package import Preprocessing
from littoral.package.resizing import weights

TILES, PIXELS = "tiles", "pixels"
"""Names of the input (batch, bands, height, width) and the output (batch, bands, chip, chip)."""


def preprocessing_nodes(given: Preprocessing) -> tuple[list[NodeProto], list[TensorProto]]:
    """Nodes from :data:`TILES` to :data:`PIXELS`, and the constants they need; other names begin with ``tile.``, so
    that they differ from the network's."""
    nodes, constants = _resized(given) if given.resize_px else ([], {})
    more, further = _standardised(given, "resized" if given.resize_px else TILES)
    nodes += more
    for node in nodes:
        node.input[:] = map(_own, node.input)
        node.output[:] = map(_own, node.output)
        node.name = f"{node.op_type} to {node.output[0]}"
    return nodes, [numpy_helper.from_array(array, _own(name)) for name, array in {**constants, **further}.items()]


def tile_shape(given: Preprocessing) -> tuple[int | str, int | str]:
    """Height and width of the input: any from the network's own size on, unless the graph resizes."""
    return given.tile.size[::-1] if given.resize_px else ("height", "width")


def _own(name: str) -> str:
    return name if name in (TILES, PIXELS) else f"tile.{name}"


def _missing(values: str, node: Any) -> list[NodeProto]:
    """Nodes that mark a pixel as missing where any band is: to ``<values>_missing`` (batch, 1, height, width), 0 or
    1."""
    return [
        node("IsNaN", [values], [f"{values}_nan"]),
        node("Cast", [f"{values}_nan"], [f"{values}_numbers"], to=TensorProto.FLOAT),
        node("ReduceMax", [f"{values}_numbers", "band_axis"], [f"{values}_missing"], keepdims=1),
    ]


def _resized(given: Preprocessing) -> tuple[list[NodeProto], dict[str, NDArray[Any]]]:
    """Nodes that compute the weighted mean of the valid pixels, as :func:`littoral.package.resizing.resize`: rows, then
    columns."""
    assert given.resize_px is not None
    scale = given.resize_px / given.tile.size_px
    width, height = given.tile.size
    bands = len(given.mean)
    node = helper.make_node
    constants = {
        "row_weights": weights(height, round(height * scale)).toarray(),
        "column_weights": np.ascontiguousarray(weights(width, round(width * scale)).toarray().T),
        "one": np.ones((), np.float32),
        "none": np.zeros((), np.float32),
        "nan": np.array(np.nan, np.float32),
        "half": np.array(0.5 - 1e-6, np.float32),
        "little": np.array(1e-6, np.float32),
        "parts": np.array([bands, 1]),
    }
    nodes = [
        *_missing(TILES, node),
        node("Cast", [f"{TILES}_missing"], ["hole"], to=TensorProto.BOOL),
        node("Where", ["hole", "none", TILES], ["known"]),
        node("Sub", ["one", f"{TILES}_missing"], ["present"]),
        node("Concat", ["known", "present"], ["planes"], axis=1),
        node("MatMul", ["row_weights", "planes"], ["taller"]),
        node("MatMul", ["taller", "column_weights"], ["wider"]),
        node("Split", ["wider", "parts"], ["total", "share"], axis=1),
        node("Max", ["share", "little"], ["divisor"]),
        node("Div", ["total", "divisor"], ["mean_of_valid"]),
        node("Less", ["share", "half"], ["too_little"]),
        node("Where", ["too_little", "nan", "mean_of_valid"], ["resized"]),
    ]
    return nodes, constants


def _standardised(given: Preprocessing, tile: str) -> tuple[list[NodeProto], dict[str, NDArray[Any]]]:
    """Nodes that cut out the middle and scale it; missing pixels become 0, the training mean, or the scaled
    ``fill``."""
    bands, chip = len(given.mean), given.chip_px
    mean, std = (np.array(numbers, np.float32).reshape(1, bands, 1, 1) for numbers in (given.mean, given.std))
    constants = {
        "mean": mean,
        "std": std,
        "filling": np.zeros((), np.float32) if given.fill is None else (np.float32(given.fill) - mean) / std,
        "chip": np.array([chip, chip]),
        "two": np.array([2]),
        "rows_and_columns": np.array([2, 3]),
        "band_axis": np.array([1]),
        # 0 keeps the batch; a tile that is too small is an error.
        "chip_shape": np.array([0, bands, chip, chip]),
    }
    node = helper.make_node
    nodes = [
        node("Shape", [tile], ["size"], start=2, end=4),
        node("Sub", ["size", "chip"], ["spare"]),
        node("Div", ["spare", "two"], ["upper_left"]),
        node("Add", ["upper_left", "chip"], ["lower_right"]),
        node("Slice", [tile, "upper_left", "lower_right", "rows_and_columns"], ["middle"]),
        node("Reshape", ["middle", "chip_shape"], ["values"]),
        *_missing("values", node),
        node("Sub", ["values", "mean"], ["centred"]),
        node("Div", ["centred", "std"], ["scaled"]),
        node("Cast", ["values_missing"], ["missing"], to=TensorProto.BOOL),
        node("Where", ["missing", "filling", "scaled"], [PIXELS]),
    ]
    return nodes, constants
