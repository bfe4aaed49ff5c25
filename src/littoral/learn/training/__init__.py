"""Training: losses, rates, the loop, its table and its checkpoints. Devices and nodes are Lightning's (its Fabric)."""

from __future__ import annotations

from littoral.learn.training.checkpoints import Checkpoints
from littoral.learn.training.devices import Machine, is_first_process, precision
from littoral.learn.training.log import HEADING, Epoch, Table
from littoral.learn.training.loop import Plan, train
from littoral.learn.training.losses import ClassWeights, Objective, weigh
from littoral.learn.training.rate_finder import find_rate
from littoral.learn.training.rates import Rate, rate_of

__all__ = [
    "HEADING",
    "Checkpoints",
    "ClassWeights",
    "Epoch",
    "Machine",
    "Objective",
    "Plan",
    "Rate",
    "Table",
    "find_rate",
    "is_first_process",
    "precision",
    "rate_of",
    "train",
    "weigh",
]
