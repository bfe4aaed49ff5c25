"""Methods of training: a head on a frozen body, or a network in epochs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from littoral.evaluation import fit_calibration
from littoral.learn.data import TileData
from littoral.learn.model_evaluation import evaluate_validation, predict_tiles
from littoral.learn.network import build_network, divide_logits
from littoral.learn.provenance import configuration_hash, trained_on, training_origin
from littoral.learn.trained_model import TrainedModel, TrainingHistory
from littoral.learn.training import (
    Checkpoints,
    Epoch,
    EpochTable,
    EpochTraining,
    HeadTraining,
    TrainingStep,
    find_rate,
    fit_head,
    run_epochs,
)
from littoral.learn.training_summary import training_summary
from littoral.package import Manifest
from littoral.progress import Track, silent
from littoral.tiles import TileSet


@dataclass(frozen=True)
class RunFiles:
    """What a training in epochs prints and writes; it does not change the model."""

    checkpoints: Checkpoints | None = None
    """Where checkpoints are written, and whether to resume from one."""
    log: Path | None = None
    """Folder for ``epochs.csv``, a row per epoch."""
    tensorboard: bool = False
    """Write TensorBoard events into the log folder too."""
    progress: bool | None = None
    """Show a bar on standard error; None: where there is a terminal or a notebook."""


def new_model(data: TileData, backbone: str, weights: str | Path) -> TrainedModel:
    """A network that has not been trained on the data; the body is frozen if it has pretrained weights.

    Args:
        data: Tiles it is to be trained on.
        backbone: timm's name of the network (:func:`littoral.learn.network.build_network`).
        weights: ``hub``, ``none``, a file, or ``sentinel2:NAME``.

    Raises:
        InputError: an unknown backbone, or weights that cannot be loaded.
    """
    network = build_network(backbone, data.tiles.bands, data.c, weights, chip_px=data.chip_size, seed=data.seed)
    if weights != "none":
        network.freeze()
    manifest = Manifest(
        backbone,
        data.preprocessing,
        data.categories,
        data.tiles.cell_size,
        data.tiles.cell_epsg,
        versions={name: version(name) for name in ("littoral", "torch", "timm")},
        configuration_hash=configuration_hash(backbone, data, weights),
        **training_origin(data),
    )
    return TrainedModel(network, manifest, history=TrainingHistory(backbone, weights), sample=_sample(data))


def train_head(model: TrainedModel, data: TileData, step: HeadTraining, track: Track = silent) -> TrainedModel:
    """Fit the head on features that the frozen body computes once for each tile; prints how it went in a line.

    The result is not calibrated; :func:`finished` does that.

    Args:
        model: With the body; it stays as it is.
        data: Tiles and their split; the validation tiles are not used.
        step: Settings.
        track: Shows progress, a step per tile.

    Raises:
        InputError: a regularisation that is not positive, or one place only to choose it in.
    """
    start, c = model.without_calibration(), step.regularisation_c
    print(fit_head(start.network, data, oversample=step.oversample, flips=step.flips, c=c, track=track))
    return _after(start, step, [])


def train_epochs(
    model: TrainedModel,
    data: TileData,
    step: EpochTraining,
    files: RunFiles | None = None,
    *,
    stopped: Callable[[TrainedModel], object] | None = None,
) -> TrainedModel:
    """Train the network in epochs; prints a row for each. The result is not calibrated; :func:`finished` does that.

    Args:
        model: It stays as it is.
        data: Tiles and their split.
        step: Settings.
        files: What is printed and written.
        stopped: Called with the best model so far if training ends early, by an error or Ctrl-C.

    Raises:
        InputError: a learning rate that is too high, a tile that cannot be read, a checkpoint of another training.
        WriteError: a checkpoint or the log could not be written; the one before is still there.
        KeyboardInterrupt: Ctrl-C, after the current step; the checkpoint is written, and the message says how to
            resume.

    Memory: the weights four times and those of the optimizer, the activations of a batch, three batches of tiles.
    """
    files = files or RunFiles()
    start, rows = model.without_calibration(), list[Epoch]()
    try:
        run_epochs(
            start.network,
            data.loader(data.split.training, training=True, oversample=step.oversample),
            data.loader(data.split.validation, training=False),
            step.objective(data.categories, data.tiles.targets[data.split.training]),
            step.schedule,
            machine=step.machine,
            mixed_precision=step.mixed_precision,
            checkpoints=files.checkpoints,
            table=EpochTable(files.progress, files.log, tensorboard=files.tensorboard),
            epochs=rows,
        )
    except BaseException:
        if rows and stopped is not None:
            stopped(_after(start, step, rows))
        raise
    return _after(start, step, rows)


def learning_rates(
    model: TrainedModel, data: TileData, step: EpochTraining, *, steps: int | None = None, progress: bool | None = None
) -> tuple[float, list[float], list[float]]:
    """Learning-rate range test (:func:`littoral.learn.training.find_rate`); the model stays as it is.

    Args:
        model: Before the training.
        data: Its tiles.
        step: Settings of the training.
        steps: Batches to try; None: as many as an epoch has, but 20 to 100.
        progress: Show a bar; None: where there is a terminal or a notebook.

    Returns:
        The rate at which the loss falls most steeply, all rates tried, and their losses.

    Raises:
        InputError: no rate lowers the loss.
    """
    training = data.loader(data.split.training, training=True, oversample=step.oversample)
    objective = step.objective(data.categories, data.tiles.targets[data.split.training])
    network = model.without_calibration().network
    return find_rate(network, training, objective, steps=steps, machine=step.machine, progress=progress)


def finished(model: TrainedModel, data: TileData, step: TrainingStep) -> TrainedModel:
    """Calibrate and evaluate a model after training, and write the summary of its training data into the manifest.

    Args:
        model: After :func:`train_head` or :func:`train_epochs`.
        data: That it was trained on, without tiles that cannot be read.
        step: How it was trained.
    """
    model = calibrate(replace(model, manifest=trained_on(model.manifest, data), sample=_sample(data)), data)
    model = replace(model, manifest=replace(model.manifest, **training_summary(model, data, step)))
    return replace(model, scores=evaluate_validation(model, data))


def calibrate(model: TrainedModel, data: TileData) -> TrainedModel:
    """Fit temperature and conformal thresholds on the validation tiles; the temperature goes into the last layer.

    Args:
        model: It stays as it is; an earlier calibration of it does not count.
        data: Tiles and their split.
    """
    model = model.without_calibration()
    tiles = data.tiles.subset(data.split.validation)
    probabilities = predict_tiles(model, tiles)[0]
    calibration = fit_calibration(probabilities, tiles.targets, data.classes)
    divide_logits(model.network, calibration.temperature)
    manifest = replace(model.manifest, calibration=calibration.to_json())
    return replace(model, manifest=manifest, uncalibrated=probabilities, scores=None)


def trained_again(history: TrainingHistory, data: TileData) -> TrainedModel:
    """A model made on other tiles as an earlier one was made.

    Args:
        history: Of the earlier model.
        data: The other tiles.
    """
    model = new_model(data, history.backbone, history.weights)
    for step in history.steps:
        if isinstance(step, HeadTraining):
            data = data.without_damaged()
            model = finished(train_head(model, data, step), data, step)
        else:
            (model.network.freeze if step.frozen else model.network.unfreeze)()
            model = train_epochs(model, data, step)
            data = data.without_damaged()
            model = finished(model, data, step)
    return model


def _sample(data: TileData) -> TileSet:
    return data.tiles.subset(data.split.validation[:8])


def _after(model: TrainedModel, step: TrainingStep, epochs: Sequence[Epoch]) -> TrainedModel:
    """With a step in its history, the hash of its configuration and its epochs."""
    digest = hashlib.sha256(repr((model.manifest.configuration_hash, step)).encode()).hexdigest()
    history = model.history and replace(model.history, steps=(*model.history.steps, step))
    manifest = replace(model.manifest, configuration_hash=digest)
    return replace(
        model, manifest=manifest, epochs=(*model.epochs, *epochs), history=history, scores=None, uncalibrated=None
    )
