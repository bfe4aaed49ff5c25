"""Settings that decide the weights of a training: in epochs, or of a head on a frozen body."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from littoral.categories import Category
from littoral.learn.training.losses import ClassWeights, Objective, weigh
from littoral.learn.training.machine import Machine
from littoral.learn.training.schedule import Schedule


@dataclass(frozen=True)
class HeadTraining:
    """Fit a head on features of a frozen body."""

    oversample: bool = False
    """Let all classes weigh the same."""
    flips: bool = False
    """Train on the flips and quarter turns of the tiles too."""
    regularisation_c: float | None = None
    """Inverse regularisation strength, scikit-learn's C; None: chosen on training tiles that are left out."""


@dataclass(frozen=True)
class EpochTraining:
    """Train a network in epochs."""

    schedule: Schedule
    """Number of epochs and learning rate."""
    oversample: bool = False
    """Show every class equally often."""
    mixup: bool = False
    """Blend pairs of tiles and their labels."""
    focal_loss: bool = False
    """Let tiles that are classified wrongly weigh more."""
    class_weights: ClassWeights | None = None
    """Weight of each class in the loss."""
    label_smoothing: float = 0.0
    """Share of each label that is spread over all classes."""
    frozen: bool = False
    """Train only the head and the batch norms."""
    mixed_precision: bool | None = None
    """16-bit arithmetic; None: where the device has it in hardware."""
    machine: Machine = field(default_factory=Machine)
    """Devices and nodes."""

    def objective(self, categories: tuple[Category, ...], targets: NDArray[np.int64]) -> Objective:
        """The loss of this training.

        Args:
            categories: Classes in the order of the network's outputs.
            targets: (training tiles,), class index.

        Raises:
            InputError: class weights or a label smoothing that cannot be used.
        """
        counts = np.bincount(targets, minlength=len(categories))
        weights = weigh(self.class_weights, categories, np.sign(counts) if self.oversample else counts)
        return Objective(len(categories), self.mixup, self.focal_loss, weights, self.label_smoothing)


TrainingStep = HeadTraining | EpochTraining
