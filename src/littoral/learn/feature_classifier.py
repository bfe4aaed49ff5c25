"""``FeatureClassifier``: the interface of the original workflow, on top of :class:`TrainedModel`.

Names, signatures and defaults are those of the original tool (resnet34, 10 epochs, no oversampling).
:func:`littoral.train` has the defaults of ``littoral train``, which had the best scores on real coasts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from littoral import figures
from littoral.errors import InputError
from littoral.evaluation import Folds, Record
from littoral.learn import methods
from littoral.learn.cross_validation import cross_validate
from littoral.learn.data import TileData
from littoral.learn.model_evaluation import check_tiles, evaluate
from littoral.learn.model_figures import ModelFigures
from littoral.learn.model_files import export_onnx, load_model, save_model
from littoral.learn.network import backbones
from littoral.learn.options import EvaluateOptions, PackageOptions
from littoral.learn.original_calls import Backbone, backbone_name, suffix_of, weights_name, with_folder
from littoral.learn.trained_model import TrainedModel
from littoral.learn.training import ClassWeights, EpochTraining, HeadTraining, Machine, Schedule, TrainingStep
from littoral.learn.training.checkpoints import Checkpoints
from littoral.learn.training.rates import rate_of
from littoral.package import credited
from littoral.progress import Track, silent
from littoral.tiles import TileSet
from littoral.vectors import check_output


class FeatureClassifier(ModelFigures):
    """A classifier of tiles.

    Args:
        data: From :func:`littoral.prepare_data`.
        backbone: timm's name of a network, one of :meth:`backbones`, or a function of torchvision of that name.
        pretrained: True or None for timm's weights, False for none, a file of weights, or ``sentinel2:NAME``. With
            pretrained weights the body is frozen until :meth:`unfreeze`.
        mixup: Blend pairs of tiles and their labels in training.
        oversample: Show every class equally often in training.
        backend: ``pytorch``.
        pretrained_path: A file of weights, in the place of ``pretrained``.
        focal_loss: Let tiles that are classified wrongly weigh more in training.
        class_weights: ``balanced``, or a number for each class: by value or name, or in the order of ``data.classes``.
        label_smoothing: Share of each label that is spread over all classes, e.g. 0.1.
    """

    lr_figure: Figure

    def __init__(self, data: TileData, backbone: Backbone = "resnet34", pretrained: bool | str | Path | None = True,
                 mixup: bool = False, oversample: bool = False, backend: str = "pytorch", *,
                 pretrained_path: str | Path | None = None, focal_loss: bool = False,
                 class_weights: ClassWeights | None = None, label_smoothing: float = 0.0) -> None:  # fmt: skip
        weights = weights_name(pretrained if pretrained_path is None else pretrained_path, backend)
        self._step = EpochTraining(Schedule(10, None), oversample, mixup, focal_loss, class_weights, label_smoothing,
                                   frozen=weights != "none")  # fmt: skip
        self._step.objective(data.categories, data.tiles.targets[data.split.training])
        self.data, self.trained = data, methods.new_model(data, backbone_name(backbone), weights)

    def __repr__(self) -> str:
        return repr(self.trained).replace("TrainedModel", "FeatureClassifier")

    @classmethod
    def from_model(cls, path: str | Path, data: TileData | None = None) -> FeatureClassifier:
        """Load a package (:func:`littoral.learn.load_model`); with ``data`` like its own it can be trained further."""
        model = cls.__new__(cls)
        model.trained, model._step = load_model(path), EpochTraining(Schedule(10, None))
        if data is not None:
            if data.categories != model.manifest.categories:
                raise InputError(
                    path, "was trained on other classes than the data has", "pass data of the same classes"
                )
            check_tiles(model.manifest, data.tiles)
            data = replace(data, preprocessing=model.manifest.preprocessing)
        model.data = data
        return model

    backbones = staticmethod(backbones)

    def freeze(self) -> None:
        """Let training change only the head and the batch norms."""
        self.trained.network.freeze()
        self._step = replace(self._step, frozen=True)

    def unfreeze(self) -> None:
        """Let training change all weights."""
        self.trained.network.unfreeze()
        self._step = replace(self._step, frozen=False)

    def load(self, name_or_path: str | Path) -> None:
        """Load a saved model of the same classes into this one (:meth:`from_model`), by path or by name."""
        loaded = self.from_model(self._path(name_or_path, ".dlpk"), self.data)
        self.trained, self.data = loaded.trained, loaded.data

    def lr_find(self, allow_plot: bool = True, *, steps: int | None = None, progress: bool | None = None) -> float:
        """Suggest a learning rate by a range test of ``steps`` batches; the plot is kept as ``lr_figure``."""
        suggestion, rates, losses = methods.learning_rates(
            self.trained, self._data(), self._step, steps=steps, progress=progress
        )
        self.lr_figure = figures.plot_learning_rates(rates, losses, suggestion)
        if allow_plot:
            figures.show(self.lr_figure)
        return suggestion

    def fit(self, epochs: int = 10, lr: float | slice | None = None, one_cycle: bool = True,
            early_stopping: bool | int = False, checkpoint: bool | str | Path = False, tensorboard: bool = False,
            monitor: Literal["valid_loss", "accuracy"] = "valid_loss", mixed_precision: bool | None = None, *,
            checkpoint_every: int | None = None, resume: bool | str | Path = False, log: str | Path | None = None,
            weight_decay: float = 1e-2, machine: Machine | None = None,
            progress: bool | None = None) -> None:  # fmt: skip
        """Train in epochs (:func:`littoral.learn.methods.train_epochs`) and keep the best epoch's weights.

        Args:
            epochs: Passes over the training tiles.
            lr: Highest learning rate; ``slice(body, head)`` for one each; None: found by a range test.
            one_cycle: Let the rate rise and fall once, else keep it constant.
            early_stopping: Stop after this number of epochs without an improvement; True: 5.
            checkpoint: Folder for checkpoints; True: ``<data folder>/models/checkpoint``.
            checkpoint_every: Write a checkpoint after this number of steps too.
            resume: Resume from the checkpoint, or from that of a folder.
            log: Folder for ``epochs.csv``; with ``tensorboard`` (default ``<data folder>/models/log``) for events too.
            tensorboard: Write TensorBoard events.
            monitor: Measure by which epochs are compared.
            mixed_precision: 16-bit arithmetic; None: where the device has it in hardware.
            weight_decay: Of AdamW.
            machine: Devices and nodes; None: one, the best there is.
            progress: Show a bar; None: where there is a terminal or a notebook.
        """
        models, folder = self._data().folder / "models", checkpoint or resume
        place = models / "checkpoint" if folder is True else Path(folder) if folder else None
        log = models / "log" if tensorboard and log is None else log
        rate, patience = None if lr is None else rate_of(lr), 5 if early_stopping is True else int(early_stopping)
        step = replace(self._step, schedule=Schedule(epochs, rate, one_cycle, weight_decay, patience, monitor),
                       mixed_precision=mixed_precision, machine=machine or Machine())  # fmt: skip
        files = methods.RunFiles(None if place is None else Checkpoints(place, checkpoint_every, bool(resume)),
                                 None if log is None else Path(log), tensorboard, progress)  # fmt: skip
        finish = partial(self._finish, step=step)
        finish(methods.train_epochs(self.trained, self._data(), step, files, stopped=finish))

    def fit_head(self, *, flips: bool = False, regularisation_c: float | None = None, track: Track = silent) -> None:
        """Fit the head only, on features of the frozen body (:func:`littoral.learn.training.fit_head`)."""
        self.data, step = self._data().without_damaged(), HeadTraining(self._step.oversample, flips, regularisation_c)
        self._finish(methods.train_head(self.trained, self.data, step, track), step)

    def _path(self, name_or_path: str | Path, suffix: str) -> Path:
        path = Path(name_or_path)
        return path if path.suffix == suffix else self._data().folder / "models" / path / f"{path.name}{suffix}"

    def _finish(self, model: TrainedModel, step: TrainingStep) -> None:
        self.data = self._data().without_damaged()
        self.trained = methods.finished(model, self.data, step)

    def evaluate(self, tiles: TileSet | str | Path | Iterable[str | Path] | None = None, *,
                 folds: Folds | None = None, allow_seen: bool = False, tta: bool = False,
                 track: Track = silent) -> Record:  # fmt: skip
        """Score the model on ``tiles`` (:func:`littoral.evaluate`), its validation tiles, or ``folds`` of its tiles
        (:func:`littoral.learn.cross_validate`), whose record stays with the model's scores."""
        if folds is not None:
            if tiles is not None:
                raise InputError("folds", "are made of the model's own data", "leave the tiles away")
            history = self.trained.history
            if history is None:
                raise InputError("the model", "was loaded, so how it was trained is not known", "train one first")
            found = cross_validate(partial(methods.trained_again, history), self._data(), folds, track=track)
            self.trained = replace(self.trained, scores=Record({**self.record(), "folds": found}))
            return found
        if tiles is not None:
            return evaluate(self.trained, tiles, EvaluateOptions(allow_seen, tta), track=track)
        if tta:
            raise InputError("tta", "goes with tiles", "pass some that are not the model's own")
        return self.evaluate_validation(track)

    def save(self, name_or_path: str | Path, framework: str = "PyTorch", publish: bool = False, gis: object = None,
             compute_metrics: bool = True, save_optimizer: bool = False, *, onnx: bool | None = None,
             raster_function: bool | None = None, overwrite: bool = True, licence: str | None = None,
             attribution: str | None = None) -> Path:  # fmt: skip
        """Save as ``.dlpk`` (:func:`littoral.learn.save_model`) or, with ``framework="onnx"``, as ``.onnx``; a name
        without suffix stands for ``<data folder>/models/<name>/<name>.dlpk``. ``publish``, ``gis``, ``compute_metrics``
        and ``save_optimizer`` are arguments of the original: the first and the last, when set, are refused."""
        suffix = suffix_of(framework, publish=publish, save_optimizer=save_optimizer)
        path = with_folder(self._path(name_or_path, suffix))
        check_output(path, overwrite)
        if suffix == ".onnx":
            return export_onnx(self.trained, path)
        credits = credited(self.manifest, licence, attribution)
        self.trained = replace(self.trained, manifest=credits, scores=self.record())
        options = PackageOptions(onnx=onnx, raster_function=raster_function)
        return save_model(self.trained, path, options, overwrite=overwrite)
