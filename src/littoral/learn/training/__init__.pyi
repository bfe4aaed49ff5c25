from .checkpoints import Checkpoints
from .head import HeadFit, fit_head
from .log import HEADING, Epoch, EpochTable
from .loop import run_epochs
from .losses import ClassWeights, Objective, weigh
from .machine import Machine, is_first_process
from .rate_finder import find_rate
from .rates import Rate, rate_of
from .schedule import Schedule
from .steps import EpochTraining, HeadTraining, TrainingStep

__all__ = [
    "HEADING",
    "Checkpoints",
    "ClassWeights",
    "Epoch",
    "EpochTable",
    "EpochTraining",
    "HeadFit",
    "HeadTraining",
    "Machine",
    "Objective",
    "Rate",
    "Schedule",
    "TrainingStep",
    "find_rate",
    "fit_head",
    "is_first_process",
    "rate_of",
    "run_epochs",
    "weigh",
]
