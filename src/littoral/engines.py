"""Engines that run a model: torch with its weights, or ONNX Runtime with its graph."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from littoral.errors import InputError, MissingExtraError
from littoral.imagery import Values
from littoral.package import Manifest, Package, read_package
from littoral.threads import processors

Engine = Literal["auto", "torch", "torch-bf16", "onnx"]
"""``auto``: torch where it is installed, else the graph. ``torch-bf16``: 16-bit arithmetic, if the processor has it;
probabilities change in the third digit, and so may the class where two are almost equally probable."""
AnyEngine = Engine | Literal["fastest"]
"""``fastest``: the faster of torch and the graph, measured (:func:`fastest_engine`)."""


class Classifier(Protocol):
    """The methods of a model that classifying uses."""

    @property
    def manifest(self) -> Manifest:
        """How tiles are cut, and the classes in the order of the probabilities."""

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The engine's input (bands, chip, chip) for one tile (bands, height, width) and its mask (height, width).
        Turning or flipping it gives the input for the turned or flipped tile."""

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Prepared tiles (tiles, bands, chip, chip) to probabilities (tiles, classes)."""

    def predict_with_features(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
        """Probabilities, and the features (tiles, features) they are computed from; None if the engine has none."""


@runtime_checkable
class HoldsModel(Protocol):
    """An object that holds a model, such as :class:`littoral.FeatureClassifier`."""

    @property
    def trained(self) -> Classifier:
        """The model."""


AnyModel: TypeAlias = Classifier | HoldsModel | Package | str | Path


@contextmanager
def lone_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads in each of which torch and NumPy compute with one thread: several batches at a time.

    So the bits of a prediction do not depend on the number of processors, and a busy processor delays one batch only;
    threads that share a batch wait for the slowest after each layer. An ONNX graph must be opened with one thread too.
    """
    with ExitStack() as stack:
        alone = None
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        if "torch" in sys.modules:
            from littoral.learn.network.device import compute_alone, threads_kept

            stack.enter_context(threads_kept())
            alone = compute_alone
        yield stack.enter_context(ThreadPoolExecutor(count, "predicting", alone))


def open_classifier(
    model: AnyModel,
    engine: Engine = "auto",
    threads: int | None = None,
    processor: str = "auto",
    source: object = None,
) -> Classifier:
    """Open a model with an engine; a model that is open already is returned.

    Args:
        model: A classifier, a package, or the path of a ``.dlpk`` or an ``.onnx``.
        engine: For a package or a path; an ``.onnx`` has only its graph.
        threads: Threads of an ONNX graph; None: one for each processor. With torch, the caller chooses them
            (:func:`lone_threads`).
        processor: torch's name of the device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto``: an NVIDIA GPU where
            there is one. ONNX Runtime computes on the CPU.
        source: What to call the model in messages; None: its path, or the name of the package.

    Raises:
        InputError: not a model that can be used, or not with this engine or on this processor.
        MissingExtraError: the engine is not installed.
    """
    if not isinstance(model, Package | str | Path):
        return model.trained if isinstance(model, HoldsModel) else model
    by_torch, bf16 = engine in ("torch", "torch-bf16"), engine == "torch-bf16"
    graph_only = _is_graph(model)
    if graph_only and by_torch:
        raise InputError(model, "is a graph without weights for torch", "pass its .dlpk, or --engine onnx")
    missing: MissingExtraError | None = None
    if engine != "onnx" and not graph_only:
        try:
            from littoral.learn.model_files import load_model, model_of
        except MissingExtraError as error:
            if by_torch:
                raise
            missing = error
        else:
            if isinstance(model, Package):
                return model_of(model, source or model.name).on(processor, bf16=bf16)
            return load_model(model).on(processor, bf16=bf16)
    if processor not in ("auto", "cpu"):
        raise InputError(
            f"processor {processor}", "is torch's, not ONNX Runtime's", "pass --engine torch, or leave it out"
        )
    source = source or (f"the model {model.name}" if isinstance(model, Package) else model)
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


def fastest_engine(
    models: Sequence[AnyModel], size: int, processor: str = "auto"
) -> tuple[Engine, dict[Engine, float]]:
    """The engine that classifies the most tiles a second on this machine.

    Classes do not depend on the engine, but the last digits of probabilities do. Where both engines are nearly as fast,
    the result may differ from run to run.

    Args:
        models: Models to run; open ones are not measured.
        size: Tiles in a batch; each processor computes one batch, as in classifying.
        processor: As in :func:`open_classifier`.

    Returns:
        The engine, and tiles a second of each engine that can run all models.

    Raises:
        InputError: a model that cannot be used.
    """
    unopened = [model for model in models if isinstance(model, Package | str | Path)]
    paces: dict[Engine, float] = {}
    able = _able(unopened) if unopened else []
    if processor not in ("auto", "cpu") and "torch" in able:
        # ONNX Runtime computes on the CPU.
        able = ["torch"]
    for engine in able:
        try:
            opened = [open_classifier(each, engine, 1, processor) for each in unopened]
        except MissingExtraError:
            continue
        paces[engine] = 1 / sum(_seconds_of_a_tile(each, size) for each in opened)
    return max(paces, key=lambda engine: paces[engine], default="auto"), paces


def installed_engine(models: Sequence[AnyModel]) -> Engine:
    """The engine that ``auto`` selects on this machine, so that other processes use the same one.

    It stays ``auto`` if no single engine can run all models: some are open, or some are graphs and others packages.
    """
    unopened = [model for model in models if isinstance(model, Package | str | Path)]
    able = _able(unopened) if len(unopened) == len(models) else []
    if "torch" in able:
        try:
            from littoral.learn import network  # noqa: F401
        except MissingExtraError:
            able.remove("torch")
    return able[0] if able else "auto"


def _is_graph(model: object) -> bool:
    return isinstance(model, str | Path) and Path(model).suffix == ".onnx"


def _able(models: Sequence[Package | str | Path]) -> list[Engine]:
    """Engines that can run all models."""
    packages = [
        model if isinstance(model, Package) else read_package(model) for model in models if not _is_graph(model)
    ]
    able: list[Engine] = ["torch"] if len(packages) == len(models) else []
    return [*able, "onnx"] if all(f"{each.name}.onnx" in each.files for each in packages) else able


def _seconds_of_a_tile(model: Classifier, size: int) -> float:
    """Seconds per tile, measured on noise: the best of three passes, after one to warm up."""
    width, height = model.manifest.preprocessing.tile.size
    values = np.random.default_rng(0).uniform(0, 3000, (len(model.manifest.preprocessing.tile.bands), height, width))
    tile = model.prepare(values.astype(np.uint16), np.ones((height, width), bool))
    batch = np.repeat(tile[None], size, axis=0)
    many, times = processors(), []
    with lone_threads(many) as pool:
        for _ in range(4):
            begin = time.perf_counter()
            list(pool.map(model.predict_inputs, [batch] * many))
            times.append(time.perf_counter() - begin)
    return min(times[1:]) / (size * many)
