"""``TrainedModel``: a network with its manifest, which is trained, calibrated, evaluated, saved and loaded."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.evaluation import Calibration, Record
from littoral.imagery import Values, valid_values
from littoral.learn.network import Network, divide_logits, move
from littoral.learn.network.device import check_bf16
from littoral.learn.training import Epoch, TrainingStep
from littoral.package import Manifest, Package
from littoral.tiles import TileSet, read_tile


@dataclass(frozen=True)
class TrainingHistory:
    """How a model was made in this session, so that it can be made again on other tiles."""

    backbone: str
    """timm's name of the network."""
    weights: str | Path
    """First weights of the body (:func:`littoral.learn.network.build_network`)."""
    steps: tuple[TrainingStep, ...] = ()
    """Trainings in their order."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network with its manifest. Training, calibrating and loading return a new value; none is changed in place."""

    network: Network
    """Body and head; the calibration's temperature is in the last layer already."""
    manifest: Manifest
    """Backbone, preprocessing, classes, calibration and origin of the model, as the package carries them."""
    scores: Record | None = None
    """Scores of the validation tiles; None where they have not been computed, empty where a package carries none."""
    epochs: tuple[Epoch, ...] = ()
    """Epochs of trainings in this session."""
    history: TrainingHistory | None = None
    """How it was made in this session; None for a model that was loaded."""
    uncalibrated: NDArray[np.float64] | None = None
    """(validation tiles, classes), probabilities before calibration, so that evaluation need not read the tiles."""
    sample: TileSet | None = None
    """Some validation tiles, with which an exported graph is compared with torch."""
    source: Package | None = None
    """The package it was loaded from, without weights."""
    bf16: bool = False
    """Predict in 16-bit arithmetic."""

    def __repr__(self) -> str:
        names = ", ".join(category.name for category in self.manifest.categories)
        return f"TrainedModel({self.manifest.backbone}, {names})"

    @property
    def calibration(self) -> Calibration:
        """Temperature and thresholds of prediction sets."""
        return Calibration.from_json(self.manifest.calibration)

    def without_calibration(self) -> TrainedModel:
        """A copy without calibration, to train further or to calibrate again."""
        network = deepcopy(self.network)
        divide_logits(network, 1 / self.calibration.temperature)
        return replace(self, network=network, manifest=replace(self.manifest, calibration={}))

    def on(self, device: str = "auto", *, bf16: bool = False) -> TrainedModel:
        """The model on a device; its network is moved.

        Args:
            device: torch's name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto``: ``cuda`` where there is one.
            bf16: Predict in 16-bit arithmetic, where the device has it.

        Raises:
            InputError: there is no such device, or it has no such arithmetic.
        """
        move(self.network, device)
        if bf16:
            check_bf16()
        return replace(self, bf16=bf16)

    def predict_proba(self, tile: str | Path | Values) -> NDArray[np.float64]:
        """Probability of each class (classes,), in the order of ``manifest.categories``.

        Args:
            tile: Path of an image, or an array (bands, height, width) of values like those of the training tiles.
                Masked values and the training tiles' nodata value count as missing.

        Raises:
            InputError: a folder, an image that cannot be read, or an array of another shape.
        """
        return np.asarray(self.predict_inputs(self.prepare(*self.pixels_of(tile))[None])[0])

    def pixels_of(self, tile: str | Path | Values) -> tuple[Values, NDArray[np.bool_]]:
        """Values (bands, height, width) of a tile and the mask (height, width) of its valid pixels.

        Raises:
            InputError: a folder, an image that cannot be read, or an array of another shape.
        """
        if isinstance(tile, str | Path):
            if Path(tile).is_dir():
                raise InputError(tile, "is a folder", "pass the path of one image in it")
            return read_tile(tile)
        values = np.ma.getdata(tile)
        if values.ndim != 3:
            raise InputError(f"an array of shape {values.shape}", "is no tile", "pass (bands, height, width)")
        measured = valid_values(values, self.manifest.preprocessing.nodata) & ~np.ma.getmaskarray(tile)
        return values, np.asarray(measured.all(axis=0))

    def predict(self, tile: str | Path | Values) -> tuple[str, float]:
        """Name and probability of the most probable class; ``tile`` as in :meth:`predict_proba`."""
        probabilities = self.predict_proba(tile)
        best = int(probabilities.argmax())
        return self.manifest.categories[best].name, float(probabilities[best])

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Preprocess a tile (bands, height, width) with its mask (height, width) to (bands, chip, chip)."""
        return self.manifest.preprocessing.apply(values, valid)

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (tiles, classes) of preprocessed tiles (tiles, bands, chip, chip)."""
        return self.predict_with_features(batch)[0]

    def predict_with_features(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Probabilities (tiles, classes), and the features (tiles, 2 x channels) they are computed from."""
        return self.network.predict(batch, bf16=self.bf16)
