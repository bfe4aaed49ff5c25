"""Inference with a model's ONNX graph, without torch.

The graph has the preprocessing of a tile (crop, scaling), the network and softmax; ``learn.onnx.export`` writes it and
``docs/how-to/onnx.md`` documents it. Its metadata have the model's manifest.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError, MissingExtraError, first_line
from littoral.imagery import Values
from littoral.package import Manifest, Package, manifest_json, manifest_of, read_package
from littoral.threads import processors

try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures
except ImportError as error:
    raise MissingExtraError("ONNX Runtime", "onnx") from error

MANIFEST_KEY = "littoral"
"""Key of the graph's metadata with the manifest, as JSON."""
WEIGHTS_KEY = "weights_sha256"
"""Key of the graph's metadata with the hash of the package's weights that it was exported from."""

_EXTERNAL = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")
"""The key of an external data file in an ONNX graph, as Protocol Buffers encode it: field 1, 8 bytes. Numbers may be
padded with zero groups."""

# ONNX Runtime's errors have no common base class.
_RUNTIME_ERRORS = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
    # For names and metadata that are not UTF-8.
    UnicodeDecodeError,
)


class OnnxClassifier:
    """A model's ONNX graph; its predictions are those of the :class:`~littoral.learn.TrainedModel` it was exported
    from.

    Args:
        graph: The ``.onnx``, as bytes.
        source: Name of the graph in messages.
        threads: Number of threads; None: one for each processor this process may use. The same number gives the same
            bits.

    Raises:
        InputError: not a graph, not one that littoral exported, or one whose output is not probabilities.

    Memory: the weights twice while it is loaded, then once, and the activations of one batch. A graph is arithmetic and
    runs no code of its own, and a graph that refers to other files is refused. Memory is not bounded for a malicious
    graph.
    """

    def __init__(self, graph: bytes, source: object, threads: int | None = None) -> None:
        if _EXTERNAL.search(graph):
            raise InputError(source, "holds a graph whose weights are in other files", "export the model again")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or processors()
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        # Spinning threads would take processor time from those that read tiles.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Messages are in the errors that are raised.
        options.log_severity_level = 4
        try:
            self.session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
            facts = self.session.get_modelmeta().custom_metadata_map
            ends = _ends(self.session)
        except _RUNTIME_ERRORS as error:
            raise InputError(
                source, f"holds a graph that cannot be run ({first_line(error)})", "export the model again"
            ) from error
        self.source = source
        self.manifest = _manifest(source, facts.get(MANIFEST_KEY))
        # Graphs of earlier versions have no features.
        both = [(name, "tensor(float)", 2) for name in ("probabilities", "features")]
        if ends[0] != [("tiles", "tensor(float)", 4)] or ends[1] not in (both, both[:1]):
            raise InputError(source, "holds a graph with other inputs or outputs", "export the model again")
        self.weights_sha256 = str(facts.get(WEIGHTS_KEY, ""))
        self._outputs = [name for name, *_ in ends[1]]
        self._check_output()

    @classmethod
    def from_model(cls, path: str | Path, threads: int | None = None) -> OnnxClassifier:
        """Load an ``.onnx`` that littoral wrote, or the graph in a ``.dlpk``.

        Raises:
            InputError: a file that cannot be read, or has no valid graph.
        """
        path = Path(path)
        if path.suffix != ".onnx":
            return cls.from_package(read_package(path), path, threads)
        try:
            return cls(path.read_bytes(), path, threads)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})", "check the path to the model") from error

    @classmethod
    def from_package(cls, package: Package, source: object, threads: int | None = None) -> OnnxClassifier:
        """Load the graph of a package.

        Raises:
            InputError: a package without a graph, or with one of another model.
        """
        graph = graph_of(package)
        if graph is None:
            raise InputError(
                source, "holds no ONNX graph", "add one where torch is installed: littoral export MODEL -o NEW.dlpk"
            )
        model = cls(graph, source, threads)
        of_these_weights = model.weights_sha256 == sha256(package.weights).hexdigest()
        if not of_these_weights or _text(model.manifest) != _text(package.manifest):
            raise InputError(source, "holds the ONNX graph of another model", "export the model again")
        return model

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The graph's input for one tile: its values ``(bands, chip, chip)`` with NaN for missing pixels. A model that
        resizes its tiles takes the whole tile.

        Raises:
            InputError: another number of bands, or a tile of another size than the graph resizes.
        """
        given = self.manifest.preprocessing
        if given.resize_px is None:
            values, valid = given.crop(values, valid)
        elif values.shape[1:] != given.tile.size[::-1]:
            raise InputError(
                f"a tile of {values.shape[2]} x {values.shape[1]} pixels",
                f"is not of the {given.tile.size[0]} x {given.tile.size[1]} that the ONNX graph resizes",
                "classify with torch (--engine torch)",
            )
        return np.where(valid, values.astype(np.float32), np.float32(np.nan))

    def _check_output(self) -> None:
        """Run the graph on a tile of missing pixels and check that the output is probabilities.

        Raises:
            InputError: the graph fails, or its output is not probabilities.
        """
        given = self.manifest.preprocessing
        width, height = given.tile.size if given.resize_px else (given.chip_px, given.chip_px)
        (probabilities,) = self.predict_inputs(np.full((1, len(given.mean), height, width), np.nan, np.float32))
        if not abs(probabilities.sum() - 1) < 1e-3:
            raise InputError(self.source, "has a graph whose output is not probabilities", "export the model again")

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (tiles, classes) of prepared tiles (tiles, bands, chip, chip), in 32-bit arithmetic.

        Raises:
            InputError: the graph fails, or its output does not fit its metadata.
        """
        return self.predict_with_features(batch)[0]

    def predict_with_features(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
        """Probabilities, and the features (tiles, features) they are computed from; None if the graph lacks them.

        Raises:
            InputError: the graph fails, or its output does not fit its metadata.
        """
        try:
            probabilities, *features = self.session.run(self._outputs, {"tiles": np.ascontiguousarray(batch)})
        except _RUNTIME_ERRORS as error:
            raise InputError(
                self.source, f"holds a graph that fails ({first_line(error)})", "export the model again"
            ) from error
        if probabilities.shape != (len(batch), len(self.manifest.categories)):
            raise InputError(
                self.source, f"has a graph with outputs of shape {probabilities.shape}", "export the model again"
            )
        return np.asarray(probabilities, np.float64), features[0] if features else None


def graph_of(package: Package) -> bytes | None:
    """The graph in a package, or None."""
    return package.files.get(f"{package.name}.onnx")


def _ends(session: onnxruntime.InferenceSession) -> list[list[tuple[str, str, int]]]:
    """Name, type and number of axes of the inputs, then of the outputs."""
    sides = session.get_inputs(), session.get_outputs()
    return [[(end.name, end.type, len(end.shape)) for end in side] for side in sides]


def _manifest(source: Any, text: str | None) -> Manifest:
    if text is None:
        raise InputError(
            source, "was not written by littoral (its metadata have no manifest)", "export it with littoral"
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(source, f"has damaged metadata ({error})", "export the model again") from error
    if not isinstance(content, dict):
        raise InputError(source, "has metadata that are not a JSON object", "export the model again")
    return manifest_of(Path(str(source)), content)


def _text(manifest: Manifest) -> str:
    return json.dumps(manifest_json(manifest))
