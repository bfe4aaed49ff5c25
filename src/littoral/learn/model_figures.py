"""Scores and figures of a trained model and the tiles it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.errors import InputError
from littoral.evaluation import Record, Scores, bins_before, class_table
from littoral.imagery import Values
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
    """Predictions, scores and figures of a model, drawn with matplotlib."""

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

    def predict_proba(self, tile: str | Path | Values) -> NDArray[np.float64]:
        """Probability of each class (:meth:`TrainedModel.predict_proba`)."""
        return self.trained.predict_proba(tile)

    def predict(self, tile: str | Path | Values, visualize: bool = False, gradcam: bool = False) -> tuple[str, float]:
        """Name and probability of the most probable class (:meth:`TrainedModel.predict`). With ``visualize`` the
        tile is shown in a notebook, with ``gradcam`` also the attribution of the class."""
        if visualize or gradcam:
            figures.show(self.plot_prediction(tile, gradcam=gradcam))
        return self.trained.predict(tile)

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

    def plot_losses(self, show: bool = False) -> Figure:
        """Training and validation loss of each epoch; with ``show`` the figure is shown in a notebook at once."""
        if not self.trained.epochs:
            raise InputError("the model", "has not been trained in this session", "call fit first")
        figure = figures.plot_losses(
            [e.train_loss for e in self.trained.epochs], [e.valid_loss for e in self.trained.epochs]
        )
        if show:
            figures.show(figure)
        return figure

    def plot_prediction(self, tile: str | Path | Values, *, gradcam: bool = False) -> Figure:
        """A tile with the predicted class and its probability; with ``gradcam``, its attribution (Grad-CAM).

        Args:
            tile: Path of an image, or values (bands, height, width).
            gradcam: Darken the tile where the attribution to the predicted class is low.
        """
        probabilities, given = self.trained.predict_proba(tile), self.trained.manifest.preprocessing
        best = int(probabilities.argmax())
        values, valid = self.trained.pixels_of(tile)
        heat = None
        if gradcam:
            from littoral.learn.network.gradcam import attribution

            heat = list(attribution(self.trained.network, given.apply(values, valid)[None], np.array([best])))
            values, valid = given.crop(values, valid)
        picture = figures.stretch(values, valid, figures.rgb_bands(given.tile.bands))
        found, probability = self.trained.manifest.categories[best], probabilities[best]
        return figures.plot_tiles([picture], [f"{found.name}\n{probability:.0%}"], colours=[found.colour], heat=heat)

    def show_results(
        self, rows: int = 5, *, columns: int = 5, explain: bool = False, rgb_bands: Bands = None
    ) -> Figure:
        """Validation tiles with truth and prediction; with ``explain``, its attribution (Grad-CAM)."""
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
