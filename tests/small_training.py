"""Trainings that take a moment: a small network, few tiles. As a script, one that is killed in the middle of an epoch.

``python small_training.py TILES CHECKPOINTS STEP``: dies (SIGKILL) before that step.
``python small_training.py TILES OUT``: two processes on one machine train; the first writes what came out.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from littoral import FeatureClassifier, prepare_data
from littoral.learn.training import Machine, is_first_process
from littoral.learn.training.losses import Objective

STEPS = 5
"""Of an epoch of :func:`small`."""


def small(tiles: Path, **how: Any) -> FeatureClassifier:
    """A classifier of eight tiles a batch, with everything in it that is random."""
    data = prepare_data(tiles, batch_size=8, val_split_pct=0.3, seed=1, chip_size=24)
    torch.set_num_threads(1)
    return FeatureClassifier(data, "test_resnet", pretrained=False, **{"mixup": True, "oversample": True, **how})


def state(model: FeatureClassifier) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in model.network.state_dict().items()}


def killed(tiles: Path, checkpoints: Path, step: int) -> None:
    made, real = [], Objective.__call__

    def deadly(self: Objective, *given: Any) -> torch.Tensor:
        if len(made) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        made.append(step)
        return real(self, *given)

    Objective.__call__ = deadly  # type: ignore[method-assign]
    small(tiles).fit(3, 1e-2, checkpoint=checkpoints, checkpoint_every=2)


def several(tiles: Path, out: Path) -> None:
    model = small(tiles, mixup=False)
    drawn, real = [], Objective.__call__

    def noted(self: Objective, network: Any, x: torch.Tensor, y: torch.Tensor, rng: Any) -> torch.Tensor:
        drawn.append(len(y))
        return real(self, network, x, y, rng)

    Objective.__call__ = noted  # type: ignore[method-assign]
    model.fit(2, 1e-3, machine=Machine(devices=2, accelerator="cpu"), checkpoint=out / "checkpoints")
    sums = [float(value.double().sum()) for value in model.network.state_dict().values()]
    everyone: list[Any] = [None, None]
    torch.distributed.all_gather_object(everyone, (drawn, sums, [row.valid_loss for row in model.epochs]))
    if is_first_process():
        (out / "told.json").write_text(json.dumps(everyone))
        torch.save(model.network.state_dict(), out / "weights.pth")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        killed(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    else:
        several(Path(sys.argv[1]), Path(sys.argv[2]))
