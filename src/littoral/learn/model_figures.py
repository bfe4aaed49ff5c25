"""Scores and figures of a trained model and the tiles it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from littoral import figures
from littoral.errors import InputError
from littoral.evaluation import Record, Scores, bins_before, class_table
from littoral.learn import gallery
from littoral.learn.data import TileData
from littoral.learn.model_evaluation import evaluate_validation, predict_tiles
from littoral.learn.network import Network
from littoral.learn.trained_model import TrainedModel
from littoral.learn.training import Epoch
from littoral.package import Manifest
from littoral.progress import Track, silent

Bands = Sequence[str | int] | None
"""Bands shown as red, green and blue, or one shown as grey (:meth:`littoral.learn.TileData.show_batch`)."""


class ModelFigures:
    """Scores and figures of a model, drawn with matplotlib."""

    trained: TrainedModel
    """The model."""
    data: TileData | None
    """The tiles it was trained on; None for a model that was loaded without."""

    @property
    def network(self) -> Network:
        """Body and head."""
        return self.trained.network

    @property
    def manifest(self) -> Manifest:
        """Backbone, preprocessing, classes, calibration and origin of the model."""
        return self.trained.manifest

    @property
    def epochs(self) -> list[Epoch]:
        """Epochs of the trainings in this session."""
        return list(self.trained.epochs)

    def evaluate_validation(self, track: Track = silent) -> Record:
        """Score the validation tiles (:func:`littoral.learn.model_evaluation.evaluate_validation`)."""
        return evaluate_validation(self.trained, self._data(), track)

    def record(self) -> Record:
        """Scores of the validation tiles (:func:`littoral.learn.model_evaluation.evaluate_validation`)."""
        if self.trained.scores is None:
            self.trained = replace(self.trained, scores=self.evaluate_validation())
        return self.trained.scores or Record()

    def scores(self) -> Scores:
        """Scores of the network on the validation tiles."""
        if "network" not in self.record():
            raise InputError("the model", "carries no scores", "call evaluate with tiles")
        return Scores.from_json(self.record()["network"])

    @property
    def accuracy(self) -> float:
        """Share of the validation tiles that is classified correctly."""
        return self.scores().accuracy

    def per_class_metrics(self) -> pd.DataFrame:
        """Precision, recall, F1 and support of each class (:func:`littoral.evaluation.class_table`)."""
        return class_table(self.scores())

    def plot_losses(self) -> Figure:
        """Training and validation loss of each epoch."""
        if not self.trained.epochs:
            raise InputError("the model", "has not been trained in this session", "call fit first")
        return figures.plot_losses(
            [e.train_loss for e in self.trained.epochs], [e.valid_loss for e in self.trained.epochs]
        )

    def show_results(
        self, rows: int = 5, *, columns: int = 5, explain: bool = False, rgb_bands: Bands = None
    ) -> Figure:
        """Validation tiles with truth and prediction; with ``explain``, what speaks for the prediction (Grad-CAM)."""
        explained, data = None, self._data()
        if explain:
            # Needs captum.
            from littoral.learn.network.gradcam import attribution

            explained = (self.trained.manifest.preprocessing, partial(attribution, self.trained.network))
        tiles = gallery.drawn(data.tiles, data.split.validation, data.seed, rows, columns)
        return gallery.plot_results(tiles, predict_tiles(self.trained, tiles)[0], columns, rgb_bands, explained)

    def plot_hard_examples(self, num_examples: int = 10, *, columns: int = 5, rgb_bands: Bands = None) -> Figure:
        """The validation tiles of the largest loss, largest first."""
        tiles = self._data().tiles.subset(self._data().split.validation)
        probabilities = predict_tiles(self.trained, tiles)[0]
        return gallery.plot_hard_examples(tiles, probabilities, num_examples, columns, rgb_bands)

    def plot_confusion_matrix(self) -> Figure:
        """Counts of the validation tiles; rows are the truth, columns the predictions."""
        found = self.scores()
        return figures.plot_confusion_matrix(
            found.matrix, [entry.name for entry in found.classes], [entry.colour for entry in found.classes]
        )

    def plot_reliability(self) -> Figure:
        """Accuracy by confidence on the validation tiles, before and after calibration."""
        return figures.plot_reliability(self.scores().bins, before=bins_before(self.record()))

    def _data(self) -> TileData:
        if self.data is None:
            raise InputError("the model", "was loaded without data", "pass data=prepare_data(…) to from_model")
        return self.data
