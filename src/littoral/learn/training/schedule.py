"""Number of epochs, learning rate and early stopping of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from littoral.errors import InputError
from littoral.learn.training.log import Epoch
from littoral.learn.training.rates import Rate


@dataclass(frozen=True)
class Schedule:
    """Number of epochs and learning rate of a training."""

    epochs: int
    """Passes over the training tiles."""
    rate: Rate | None
    """Highest learning rate, or that of the body and that of the head; None: found by a range test first."""
    one_cycle: bool = True
    """Let the rate rise and fall once (Smith 2018, arXiv:1803.09820), else keep it constant."""
    weight_decay: float = 1e-2
    """Of AdamW."""
    patience: int = 0
    """Stop after this number of epochs without an improvement; 0: never."""
    monitor: Literal["valid_loss", "accuracy"] = "valid_loss"
    """Measure on the validation tiles by which epochs are compared."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"epochs {self.epochs}", "is not a number of passes", "pass 1 or more")
        if self.patience < 0:
            raise InputError(f"early_stopping {self.patience}", "is not a number of epochs", "pass 1 or more")
        if self.monitor not in ("valid_loss", "accuracy"):
            raise InputError(f"monitor {self.monitor!r}", "is not known", "pass valid_loss or accuracy")

    def best(self, epochs: list[Epoch]) -> int:
        """Index of the best epoch, the first of equals."""
        if self.monitor == "accuracy":
            return int(np.argmax([epoch.accuracy for epoch in epochs]))
        return int(np.argmin([epoch.valid_loss for epoch in epochs]))
