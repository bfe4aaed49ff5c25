"""``FeatureClassifier``: the class that users of the original workflow know, from data to package and back."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.errors import InputError, LittoralWarning, MissingExtraError
from littoral.evaluation import Calibration, Folds, Record, Scores, bins_before
from littoral.imagery import Values, valid_values
from littoral.learn import gallery, package_files
from littoral.learn.batches import Batches, inputs
from littoral.learn.data import TileData
from littoral.learn.device import check_bf16, move
from littoral.learn.head import fit_head
from littoral.learn.metrics_page import metrics_page
from littoral.learn.model_evaluation import (
    answers,
    calibrate,
    check,
    judge_folds,
    judge_unseen,
    judge_validation,
    uncalibrate,
)
from littoral.learn.network import backbones, build_network, load_state_bytes, state_bytes
from littoral.learn.network.temperature import as_trained
from littoral.learn.provenance import configuration_hash, learnt_from, taught, trained_hash
from littoral.learn.recipe import Step, recorded
from littoral.learn.training import (
    Checkpoints,
    ClassWeights,
    Epoch,
    Machine,
    Objective,
    Plan,
    Table,
    find_rate,
    rate_of,
    train,
    weigh,
)
from littoral.learn.training_summary import know
from littoral.package import Manifest, Package, credited, read_package, renewed, write_package
from littoral.progress import Track, silent
from littoral.tiles import TileSet, read_tile
from littoral.vectors import check_output

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error


class FeatureClassifier:
    """Classifies tiles by what they show.

    Args:
        data: From :func:`littoral.prepare_data`.
        backbone: timm's name of a network, one of :meth:`backbones`.
        pretrained: True for timm's weights from the hub, False for none, a file of the backbone's weights, or
            ``sentinel2:ResNet18_Weights.SENTINEL2_ALL_MOCO`` and the like for weights learnt from Sentinel-2
            (:mod:`littoral.learn.network.sentinel2`; an unknown name lists them). With pretrained weights the body
            starts frozen (its batch norms and the head learn); ``unfreeze`` frees it.
        oversample: Show every class equally often in training.
        mixup: Blend pairs of tiles and their labels in training.
        focal_loss: Let training care more for tiles it gets wrong.
        class_weights: ``balanced`` (by how often an epoch shows each class), or a number for each class: by value or
            name, or in the order of ``data.classes``.
        label_smoothing: Share of each label that is spread over all classes, e.g. 0.1.

    Raises:
        InputError: an unknown backbone, weights that cannot be had or do not fit, class weights that are none.
    """

    _recipe: list[Step]
    """How it was made, for folds; see :func:`littoral.learn.recipe.recorded`."""
    _bf16 = False

    @recorded
    def __init__(
        self,
        data: TileData,
        backbone: str = "resnet34",
        pretrained: bool | str | Path = True,
        *,
        oversample: bool = False,
        mixup: bool = False,
        focal_loss: bool = False,
        class_weights: ClassWeights | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        torch.manual_seed(data.seed)
        weights = ("hub" if pretrained else "none") if isinstance(pretrained, bool) else pretrained
        self.data: TileData | None = data
        self.network = build_network(backbone, data.tiles.bands, data.c, weights, chip_px=data.chip_size)
        self.oversample = oversample
        shown = np.bincount(data.tiles.targets[data.split.training], minlength=data.c)
        weights_of = weigh(class_weights, data.categories, np.sign(shown) if oversample else shown)
        self.objective = Objective(data.c, mixup, focal_loss, weights_of, label_smoothing)
        self.epochs: list[Epoch] = []
        self.carried: frozenset[str] = frozenset()
        self._scores: Record | None = None
        self._page: str | None = None
        self._validated: NDArray[np.float64] | None = None
        self.manifest = Manifest(
            backbone,
            data.preprocessing,
            data.categories,
            data.tiles.cell_size,
            data.tiles.cell_epsg,
            versions={name: version(name) for name in ("littoral", "torch", "timm")},
            configuration_hash=configuration_hash(backbone, data, weights, oversample),
            **learnt_from(data),
        )
        self._begun = self.manifest.configuration_hash
        self._definition: Mapping[str, Any] = {}
        self._left_out: tuple[str, ...] = ()
        if pretrained:
            self.freeze()

    def __repr__(self) -> str:
        names = ", ".join(category.name for category in self.manifest.categories)
        return f"FeatureClassifier({self.manifest.backbone}, {names})"

    @classmethod
    def from_model(cls, path: str | Path, data: TileData | None = None) -> FeatureClassifier:
        """Load a package; nothing is downloaded, and nothing in it is executed.

        Args:
            path: The ``.dlpk`` of littoral or of another program, an ``.emd`` with its weights beside it, or a folder
                with one of them in it. What another program does not say is assumed, which a LittoralWarning says.
            data: To go on training, or for ``show_results``; it is seen through the model's own preprocessing.

        Raises:
            InputError: not a package that can be used, a model of another kind, or data of other classes, bands,
                values or tiles.
        """
        return cls.from_package(read_package(path), path, data)

    @classmethod
    def from_package(cls, package: Package, source: object, data: TileData | None = None) -> FeatureClassifier:
        """Make a classifier of what :func:`littoral.package.read_package` returned."""
        model = cls.__new__(cls)
        manifest = package.manifest
        if data is not None and data.categories != manifest.categories:
            raise InputError(source, "was trained on other classes than the data has", "pass data of the same classes")
        if data is not None:
            check(manifest, data.tiles)
            data = replace(data, preprocessing=manifest.preprocessing)
        model._begun = manifest.configuration_hash
        model.data, model.manifest, model.oversample, model.epochs = data, manifest, False, []
        model._recipe = []
        model.objective = Objective(len(manifest.categories))
        model._scores, model._page, model._validated = Record(package.scores), package.page, None
        model.carried = package_files.carried_by(package)
        model._definition, model._left_out = package_files.unscripted(package.definition), package.left_out
        for assumed in package.assumed:
            warnings.warn(LittoralWarning(f"{source}: {assumed}."), stacklevel=3)
        given = manifest.preprocessing
        try:
            model.network = build_network(
                manifest.backbone, len(given.mean), len(manifest.categories), chip_px=given.chip_px
            )
        except InputError as error:
            raise InputError(
                source, f"names a {error.subject}, which {error.what}", "update littoral[learn]"
            ) from error
        load_state_bytes(model.network, manifest.backbone, package.weights, source)
        model.network.eval()
        return model

    @staticmethod
    def backbones(pattern: str = "*") -> list[str]:
        """Names that ``backbone`` may have, sorted; see :func:`littoral.learn.network.backbones` for what is left out.

        Args:
            pattern: With ``*`` and ``?``: ``resnet*``.
        """
        return backbones(pattern)

    # Training

    @recorded
    def freeze(self) -> None:
        """Only the head and the batch norms learn."""
        for layer in self.network.body.modules():
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad = isinstance(layer, nn.modules.batchnorm._BatchNorm)

    @recorded
    def unfreeze(self) -> None:
        """Everything learns."""
        for parameter in self.network.parameters():
            parameter.requires_grad = True

    def lr_find(self, *, allow_plot: bool = True, steps: int | None = None, progress: bool | None = None) -> float:
        """Suggest a learning rate by a range test; the plot is kept as :attr:`lr_figure`.

        Args:
            allow_plot: Show the plot, where there is a notebook to show it in.
            steps: Batches to try; None: as many as an epoch has, but 20 to 100.
            progress: Show a bar, gone at the end; None: where there is a terminal or a notebook.

        Raises:
            InputError: a model without data, or no rate that lowers the loss.
        """
        training = self._training()
        with as_trained(self.network, Calibration.from_json(self.manifest.calibration).temperature):
            suggestion, rates, losses = find_rate(
                self.network, training, self.objective, steps=steps, machine=Machine(), progress=progress
            )
        self.lr_figure = figures.plot_learning_rates(rates, losses, suggestion)
        if allow_plot:
            figures.show(self.lr_figure)
        return suggestion

    @recorded
    def fit(
        self,
        epochs: int = 10,
        lr: float | slice | None = None,
        *,
        one_cycle: bool = True,
        early_stopping: bool | int = False,
        checkpoint: bool | str | Path = False,
        checkpoint_every: int | None = None,
        resume: bool | str | Path = False,
        log: str | Path | None = None,
        tensorboard: bool = False,
        monitor: Literal["valid_loss", "accuracy"] = "valid_loss",
        mixed_precision: bool | None = None,
        weight_decay: float = 1e-2,
        machine: Machine | None = None,
        progress: bool | None = None,
    ) -> None:
        """Train; prints a row per epoch and ends with the best epoch's weights.

        A training that was killed goes on from its checkpoint and ends with the very weights it would have had.

        Args:
            epochs: Passes over the training tiles.
            lr: Highest learning rate; ``slice(body, head)`` for one each; None has it found first.
            one_cycle: Let the rate rise and fall once; else it stays.
            early_stopping: Stop after so many epochs without a better one; True: 5.
            checkpoint: Folder for what is needed to go on after a kill, written at the end of each epoch; True:
                ``<data folder>/models/checkpoint``.
            checkpoint_every: Write it after so many steps inside an epoch too.
            resume: Go on from the checkpoint, or from that of a folder.
            log: Folder for ``epochs.csv``, which has a row per epoch.
            tensorboard: Write TensorBoard's events to ``log``, or to ``<data folder>/models/log``.
            monitor: What makes an epoch the better one.
            mixed_precision: 16-bit arithmetic; None: where the processor has it in hardware.
            weight_decay: AdamW's.
            machine: Several processors or nodes; None: one, the best there is.
            progress: Show a bar on standard error; None: where there is a terminal or a notebook.

        Raises:
            InputError: a model without data, a rate that is not positive or too high, a tile that cannot be read, a
                checkpoint of another training.
            WriteError: no checkpoint or log could be written; the one before is still there.
            KeyboardInterrupt: Ctrl-C, after the step that is under way; the checkpoint is written and the message says
                how to go on.

        Memory: the weights four times and those of the optimizer, the activations of a batch, three batches of tiles.
        """
        data, training = self._data(), self._training()
        validation = data.loader(data.split.validation, training=False)
        patience = 5 if early_stopping is True else int(early_stopping)
        plan = Plan(epochs, None if lr is None else rate_of(lr), one_cycle, weight_decay, patience, monitor)
        models = data.folder / "models"
        folder = checkpoint or resume
        kept = models / "checkpoint" if folder is True else Path(folder) if folder else None
        if tensorboard and log is None:
            log = models / "log"
        made, calibrated = len(self.epochs), bool(self.manifest.calibration)
        uncalibrate(self)
        self._scores = self._page = self._validated = None
        try:
            train(
                self.network,
                training,
                validation,
                self.objective,
                plan,
                machine=machine or Machine(),
                mixed_precision=mixed_precision,
                checkpoints=None if kept is None else Checkpoints(kept, checkpoint_every, bool(resume)),
                table=Table(progress, None if log is None else Path(log), tensorboard=tensorboard),
                epochs=self.epochs,
            )
        finally:
            if len(self.epochs) > made or calibrated:
                self._trained()

    def _training(self) -> Batches:
        data = self._data()
        return data.loader(data.split.training, training=True, oversample=self.oversample)

    @recorded
    def fit_head(self, *, turns: bool = False, strength: float | None = None, track: Track = silent) -> None:
        """Fit the head only, on features that the frozen body computes once for each tile: minutes without a GPU.

        Says how it went in a line; :func:`littoral.learn.head.fit_head` says how it works.

        Args:
            turns: Learn from the flips and quarter turns of the tiles too.
            strength: Of the head, scikit-learn's ``C``; None: chosen on training tiles that are left out.
            track: Shows progress, a step per tile.

        Raises:
            InputError: a model without data, a strength that is not positive, or one place only to choose it in.
        """
        data = self.data = self._data().without_damaged()
        uncalibrate(self)
        self._scores = self._page = self._validated = None
        print(fit_head(self.network, data, oversample=self.oversample, turns=turns, strength=strength, track=track))
        self._trained()

    def _trained(self) -> None:
        """What is to be done whenever the weights have changed."""
        self._scores = self._page = None
        data = self.data = self._data().without_damaged()
        self.manifest = taught(self.manifest, data)
        self._validated = calibrate(self, data)
        self.manifest = know(self, data)

    # Answers

    def predict_proba(self, tile: str | Path | Values) -> NDArray[np.float64]:
        """Probability of each class (classes,), in the order of ``manifest.categories``.

        Args:
            tile: Path of an image, or an array (bands, height, width) of values like those of the training tiles; what
                a masked array masks, and the training tiles' nodata value, counts as missing.
        """
        if isinstance(tile, str | Path):
            if Path(tile).is_dir():
                raise InputError(tile, "is a folder", "pass the path of one image in it")
            values, valid = read_tile(tile)
        else:
            values = np.ma.getdata(tile)
            if values.ndim != 3:
                raise InputError(f"an array of shape {values.shape}", "is no tile", "pass (bands, height, width)")
            measured = valid_values(values, self.manifest.preprocessing.nodata) & ~np.ma.getmaskarray(tile)
            valid = np.asarray(measured.all(axis=0))
        return np.asarray(self.predict_inputs(self.manifest.preprocessing.apply(values, valid)[None])[0])

    def predict(self, tile: str | Path | Values) -> tuple[str, float]:
        """Name of the likeliest class, and its probability."""
        probabilities = self.predict_proba(tile)
        best = int(probabilities.argmax())
        return self.manifest.categories[best].name, float(probabilities[best])

    def on(self, processor: str = "auto", *, bf16: bool = False) -> FeatureClassifier:
        """The same model, which computes its answers on that processor from now on.

        Args:
            processor: torch's name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto``: ``cuda`` where there is one.
            bf16: In 16-bit arithmetic, where the processor has it.

        Raises:
            InputError: it is not there, or has no such arithmetic.
        """
        move(self.network, processor)
        if bf16:
            check_bf16()
        self._bf16 = bf16
        return self

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """One tile (bands, height, width) and its mask, preprocessed for :meth:`predict_inputs`."""
        return self.manifest.preprocessing.apply(values, valid)

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (tiles, classes) of preprocessed tiles (tiles, bands, chip, chip), in 32-bit arithmetic unless
        :meth:`on` said otherwise."""
        return self.answer_inputs(batch)[0]

    def answer_inputs(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The same, and the features (tiles, 2 x channels) behind them."""
        self.network.eval()
        device = next(self.network.parameters()).device
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=self._bf16):
            logits, features = self.network.parted(inputs(torch.from_numpy(batch).to(device)))
            return torch.softmax(logits.double(), dim=1).cpu().numpy(), features.float().cpu().numpy()

    # Judgement

    def evaluate(
        self,
        tiles: TileSet | str | Path | Iterable[str | Path] | None = None,
        *,
        folds: Folds | None = None,
        allow_seen: bool = False,
        tta: bool = False,
        track: Track = silent,
    ) -> Record:
        """Score the model and the baselines on the same tiles; printed, the record is a table.

        Args:
            tiles: Tiles or their folders; those that share ground with the model's training tiles are set aside. None:
                the validation part of the model's own data.
            folds: Instead: train anew for each of so many parts of the model's own data, or for each ``region``, and
                score the part held out. Takes as many times the training; the record is kept with the model's scores.
            allow_seen: Score those too, which flatters.
            tta: With ``tiles``: score the mean answer to the flips and turns of each, as ``classify --tta`` gives it.
            track: Shows progress, a step per tile or fold.

        Returns:
            ``tiles`` (scored), ``set_aside`` (share ground with training), ``other_classes`` (the model does not know),
            ``split``, and what :func:`littoral.evaluation.judge` says, all as plain JSON values; of folds,
            ``each`` too.

        Raises:
            InputError: tiles the model cannot read, or none that it has not seen; folds of a model that was loaded.
        """
        if folds is not None:
            if tiles is not None:
                raise InputError("folds", "are made of the model's own data", "leave the tiles away")
            found = judge_folds(self, self._data(), folds, track)
            self._scores, self._page = Record({**self.record(), "folds": found}), None
            return found
        if tiles is None:
            if tta:
                raise InputError("tta", "goes with tiles", "pass some that are not the model's own")
            return judge_validation(self, self._data(), self._validated, track)
        return judge_unseen(self, tiles, allow_seen=allow_seen, tta=tta, track=track)

    def scores(self) -> Scores:
        """Of the validation tiles, computed once after training.

        Raises:
            InputError: a package that carries no scores.
        """
        if "network" not in self.record():
            raise InputError("the model", "carries no scores", "call evaluate with tiles")
        return Scores.from_json(self.record()["network"])

    @property
    def accuracy(self) -> float:
        """Share of the validation tiles that is right."""
        return self.scores().accuracy

    def per_class_metrics(self) -> pd.DataFrame:
        """A row for each class, in the order of the model's: class, precision, recall, f1, support (validation tiles).

        What has nothing to divide by (precision of a class never answered, recall of one without tiles) is NaN.
        """
        rows = [
            (
                c.name,
                c.precision if c.predicted else np.nan,
                *((c.recall, c.f1) if c.support else (np.nan,) * 2),
                c.support,
            )
            for c in self.scores().classes
        ]
        return pd.DataFrame(rows, columns=["class", "precision", "recall", "f1", "support"])

    def plot_losses(self) -> Figure:
        """Training and validation loss of each epoch."""
        if not self.epochs:
            raise InputError("the model", "has not been trained in this session", "call fit first")
        return figures.plot_losses([e.train_loss for e in self.epochs], [e.valid_loss for e in self.epochs])

    def show_results(
        self, rows: int = 5, *, columns: int = 5, explain: bool = False, rgb_bands: Sequence[str | int] | None = None
    ) -> Figure:
        """Some validation tiles with truth, answer and its probability.

        The frame is in the colour of the truth on the left and above, of the answer on the right and below.

        Args:
            rows: Rows of the picture.
            columns: Tiles in a row.
            explain: Show the chip alone, dark but for what speaks for the answer (:mod:`littoral.learn.gradcam`).
            rgb_bands: Bands shown, as for :meth:`TileData.show_batch`.

        Raises:
            InputError: a model without data, or bands that cannot be shown.
            MissingExtraError: ``explain`` without captum.
        """
        lit = None
        if explain:
            from littoral.learn.gradcam import attribution

            lit = (self.manifest.preprocessing, partial(attribution, self.network))
        return gallery.results(self._data(), lambda tiles: answers(self, tiles)[0], rows, columns, rgb_bands, lit)

    def plot_hard_examples(
        self, num_examples: int = 10, *, columns: int = 5, rgb_bands: Sequence[str | int] | None = None
    ) -> Figure:
        """The validation tiles of the largest loss, largest first; arguments and frames as in :meth:`show_results`."""
        data = self._data()
        probabilities, _ = answers(self, data.tiles.subset(data.split.validation))
        return gallery.hard_examples(data, probabilities, num_examples, columns, rgb_bands)

    def plot_confusion_matrix(self) -> Figure:
        """Counts of the validation tiles; rows are the truth, columns the answer."""
        classes = self.scores().classes
        return figures.plot_confusion_matrix(
            self.scores().matrix, [entry.name for entry in classes], [entry.colour for entry in classes]
        )

    def plot_reliability(self) -> Figure:
        """Share of right answers by confidence on the validation tiles, before and after temperature scaling."""
        return figures.plot_reliability(self.scores().bins, before=bins_before(self.record()))

    # Package

    def save(
        self,
        name_or_path: str | Path,
        framework: str = "PyTorch",
        *,
        onnx: bool | None = None,
        raster_function: bool | None = None,
        overwrite: bool = True,
        licence: str | None = None,
        attribution: str | None = None,
    ) -> Path:
        """Save as a ``.dlpk``, or as an ``.onnx`` alone, and return its path.

        Args:
            name_or_path: A path ending in ``.dlpk`` (or ``.onnx``), or a name: then it is
                ``<data folder>/models/<name>/<name>.dlpk``.
            framework: ``"onnx"``: only the graph, as ``.onnx``.
            onnx: Put the graph into the package, so that it can be used without torch. None: if the model was loaded
                from a package with one, or the raster function needs it.
            raster_function: Let ArcGIS run the package by a script of ours, on the graph. None: if it has no function
                of its own for the model (any but resnet18, 34 and 50, or one that resizes tiles), or the model was
                loaded from such a package.
            overwrite: Replace a file that is there.
            licence: Of the model and the imagery it was trained on, an SPDX name if there is one; None: as it was.
            attribution: Whom that imagery is to be credited to, on one line; None: as it was.

        Raises:
            InputError: a licence or attribution of several lines.
            ExistsError: it is there and ``overwrite`` is False.
            WriteError: the disk refused.
            InputError: a graph that cannot be made, or answers otherwise than torch.
            MissingExtraError: a graph was asked for, and ONNX is not installed.
        """
        suffix = package_files.suffix_of(framework)
        path = Path(name_or_path)
        if path.suffix != suffix:
            path = self._data().folder / "models" / path / f"{path.name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
        check_output(path, overwrite)
        asked = trained_hash(self._begun, self._recipe)
        self.manifest = replace(credited(self.manifest, licence, attribution), configuration_hash=asked)
        if suffix == ".onnx":
            return package_files.write_graph(self, path)
        print("Computing model metrics...", flush=True)
        weights = state_bytes(self.network, self.manifest.backbone)
        page = self._page or metrics_page(path.stem, self.manifest, self.record(), self.epochs)
        kept, changes = renewed(self._definition, path.stem, self.manifest, self._left_out)
        for change in changes:
            print(change)
        definition, files = package_files.beside(self, path.stem, weights, kept, onnx, raster_function)
        package = Package(path.stem, self.manifest, weights, self.record(), definition, page, files)
        return write_package(path, package, overwrite=overwrite)

    def _data(self) -> TileData:
        if self.data is None:
            raise InputError("the model", "was loaded without data", "pass data=prepare_data(…) to from_model")
        return self.data

    def record(self) -> Record:
        """What :meth:`evaluate` says of the validation tiles, computed once after training.

        The weights kept are those of the epoch with the lowest validation loss, so these scores flatter a little; a
        coast the model has not seen is the judge.
        """
        if self._scores is None:
            self._scores = self.evaluate()
        return self._scores
