"""Which engine answers for a model: torch with its weights, or ONNX Runtime with its graph."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from littoral.errors import InputError, MissingExtraError
from littoral.imagery import Values
from littoral.package import Manifest, Package, read_package

Engine = Literal["auto", "torch", "onnx"]
"""``auto``: torch where it is installed, else the graph."""


class Classifier(Protocol):
    """What classifying needs of a model."""

    manifest: Manifest
    """How tiles are cut, and the classes in the order of the answers."""

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """One tile (bands, height, width) and its mask (height, width) to (bands, chip, chip), as the engine wants it:
        turned or flipped, it is that of the turned or flipped middle."""

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Prepared tiles (tiles, bands, chip, chip) to probabilities (tiles, classes)."""

    def answer_inputs(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
        """The same, and the features (tiles, features) behind them; None where the engine does not have them."""


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def lone_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads in each of which torch and NumPy compute alone: several batches at a time, each by one thread.

    So the bits of an answer do not depend on the number of processors, and a busy machine slows one batch, not all:
    threads that share a batch wait for the slowest after each layer. An ONNX graph is opened with one thread for it.
    """
    with ExitStack() as stack:
        alone = None
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        if "torch" in sys.modules:
            from littoral.learn.threads import compute_alone, threads_kept

            stack.enter_context(threads_kept())
            alone = compute_alone
        yield stack.enter_context(ThreadPoolExecutor(count, "answering", alone))


def open_classifier(
    model: Classifier | Package | str | Path,
    engine: Engine = "auto",
    threads: int | None = None,
    processor: str = "auto",
) -> Classifier:
    """A model that answers; one that is open already is returned as it is.

    Args:
        model: A classifier, a package, or the path of a ``.dlpk`` or an ``.onnx``.
        engine: Of a package or a path; an ``.onnx`` has only its graph.
        threads: Of a graph that is opened; None: one for each processor. Torch's are those of whoever calls
            (:func:`lone_threads`).
        processor: Likewise, torch's name of what computes: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto``: a GPU of
            NVIDIA's where there is one. ONNX Runtime computes on the CPU.

    Raises:
        InputError: not a model that can be used, or not by this engine or on this processor.
        MissingExtraError: the engine is not installed.
    """
    if not isinstance(model, Package | str | Path):
        return model
    graph_only = not isinstance(model, Package) and Path(model).suffix == ".onnx"
    if graph_only and engine == "torch":
        raise InputError(model, "is a graph without weights for torch", "pass its .dlpk, or --engine onnx")
    missing: MissingExtraError | None = None
    if engine != "onnx" and not graph_only:
        try:
            from littoral.learn import FeatureClassifier
        except MissingExtraError as error:
            if engine == "torch":
                raise
            missing = error
        else:
            if isinstance(model, Package):
                return FeatureClassifier.from_package(model, model.name).on(processor)
            return FeatureClassifier.from_model(model).on(processor)
    if processor not in ("auto", "cpu"):
        raise InputError(
            f"processor {processor}", "is torch's, not ONNX Runtime's", "pass --engine torch, or leave it away"
        )
    source = f"the model {model.name}" if isinstance(model, Package) else model
    if missing is not None:
        model = model if isinstance(model, Package) else read_package(model)
        if f"{model.name}.onnx" not in model.files:
            raise InputError(
                source,
                "holds no ONNX graph, and torch is not installed",
                'run: pip install "littoral[learn]", or where torch is: littoral export MODEL -o NEW.dlpk',
            ) from missing
    from littoral.inference import OnnxClassifier

    if isinstance(model, Package):
        return OnnxClassifier.from_package(model, source, threads)
    return OnnxClassifier.from_model(model, threads)
