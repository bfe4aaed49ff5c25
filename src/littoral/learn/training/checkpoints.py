"""Checkpoints, from which an interrupted training resumes with the same bits.

Order, augmentation and dropout are functions of seed, epoch and step, so a checkpoint has the position, the weights and
the optimizer. It is read as tensors and plain values only and cannot run code.
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
"""Version of the file; others are refused."""
NAME = "training.ckpt"


@dataclass(frozen=True)
class Checkpoints:
    """Where a training writes its checkpoint, and whether it resumes from one."""

    folder: Path
    """Has one file; each checkpoint replaces the one before when it is complete."""
    every: int | None = None
    """Steps between checkpoints inside an epoch; None: at the end of each epoch only."""
    resume: bool = False
    """Resume from the checkpoint in the folder."""

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise InputError(f"checkpoint_every {self.every}", "is not a number of steps", "pass 1 or more")

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / NAME

    def write(self, run: Mapping[str, Any], state: Mapping[str, Any], *, finished: bool) -> None:
        """Write a checkpoint.

        Args:
            run: Description of the training (:func:`describe_run`); one that resumes must have the same.
            state: Tensors and plain values.
            finished: The training is complete.

        Raises:
            WriteError: the disk refused; the checkpoint before is still there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(self.folder, error) from error
        # Through memory, because torch does not pass on the system's error.
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "run": dict(run), "finished": finished, "state": dict(state)}, buffer)
        with staged(self.path) as stage, stage.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())

    def read(self, run: Mapping[str, Any]) -> dict[str, Any] | None:
        """The state to resume from; None for a training that starts anew.

        Raises:
            InputError: a checkpoint to resume from that is not there, cannot be read or is of another training; or one
                of an unfinished training that a new one would overwrite.
        """
        if not self.resume:
            if self.path.exists() and not self._load()["finished"]:
                raise InputError(
                    self.path,
                    "is of a training that is not finished",
                    "resume it with --resume (resume=True), choose another folder, or delete it",
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
                    "resume with the settings that it was started with, or start anew in another folder",
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
    """Settings and data that decide the resulting weights, by names for messages."""
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
