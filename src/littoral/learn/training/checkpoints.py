"""Checkpoints: all that a training needs to go on after a kill as if nothing had happened.

Order, augmentation and dropout are functions of seed, epoch and step, so what is kept is the position, the weights and
the optimizer. A checkpoint is read as tensors and plain values only: it cannot run code.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from littoral.errors import InputError, WriteError
from littoral.learn.network import Network
from littoral.learn.training.batches import Batches
from littoral.learn.training.losses import Objective
from littoral.vectors import staged

FORMAT = 1
"""Of the file; a reader refuses others."""
NAME = "training.ckpt"


@dataclass(frozen=True)
class Checkpoints:
    """Where a training keeps its last checkpoint, and whether it goes on from one."""

    folder: Path
    """Holds one file; each checkpoint takes the place of the one before, once it is whole."""
    every: int | None = None
    """Steps between checkpoints inside an epoch; None: at the end of each epoch only."""
    resume: bool = False
    """Go on from the one that is there."""

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise InputError(f"checkpoint_every {self.every}", "is not a number of steps", "pass 1 or more")

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / NAME

    def write(self, run: Mapping[str, Any], state: Mapping[str, Any], *, finished: bool) -> None:
        """Write the file anew.

        Args:
            run: What the training is of, plain values; whoever goes on must be of the same.
            state: Tensors and plain values.
            finished: There is nothing to go on with.

        Raises:
            WriteError: the disk refused; the checkpoint before is still there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(self.folder, error) from error
        # By way of memory, as torch does not say what the disk said.
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "run": dict(run), "finished": finished, "state": dict(state)}, buffer)
        with staged(self.path) as stage, stage.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())

    def read(self, run: Mapping[str, Any]) -> dict[str, Any] | None:
        """The state to go on from; None for a training that starts anew.

        Raises:
            InputError: a checkpoint to go on from that is not there, cannot be read or is of another training; or one
                of an unfinished training that a new one would overwrite.
        """
        if not self.resume:
            if self.path.exists() and not self._load()["finished"]:
                raise InputError(
                    self.path,
                    "is of a training that is not finished",
                    "go on with it with --resume (resume=True), choose another folder, or delete it",
                )
            return None
        if not self.path.exists():
            raise InputError(self.path, "does not exist", "pass the folder of the checkpoint, or start without resume")
        content = self._load()
        for name, value in run.items():
            if content["run"].get(name) != value:
                raise InputError(
                    self.path,
                    f"is of a training with other {name}",
                    "go on with what that one was started with, or start anew in another folder",
                )
        state: dict[str, Any] = content["state"]
        return state

    def _load(self) -> dict[str, Any]:
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
            raise InputError(self.path, "is not a checkpoint that can be read", "delete it and start anew") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(self.path, "is not a checkpoint of this version", "delete it and start anew")
        return content


def describe_run(
    network: Network,
    training: Batches,
    validation: Batches,
    objective: Objective,
    plan: Mapping[str, Any],
    *,
    precision: str,
    processes: int,
) -> dict[str, Any]:
    """What decides the weights that come out, each under the name that a person would call it by."""
    data, order = training.dataset, training.order
    layers = [(name, tuple(value.shape), value.requires_grad) for name, value in network.named_parameters()]
    return {
        "network (or other frozen layers)": _digest(repr(layers).encode()),
        "tiles": _digest(repr(data.preprocessing).encode(), data.tiles.targets.tobytes()),
        "split": _digest(data.part.tobytes(), validation.dataset.part.tobytes()),
        "batch size": order.size,
        "oversampling": order.oversample,
        "seed": order.seed,
        "jitter": data.jitter,
        "transforms": data.transforms is not None,
        "loss": [objective.mixup, objective.focal_loss, list(objective.class_weights), objective.label_smoothing],
        "epochs": plan["epochs"],
        "learning rate": None if plan["rate"] is None else np.atleast_1d(plan["rate"]).tolist(),
        "schedule": [plan[name] for name in ("one_cycle", "weight_decay", "patience", "monitor")],
        "precision": precision,
        "processes": processes,
    }


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
