"""The training loop: steps, validation, checkpoints, early stopping.

It is written out over Lightning's Fabric because a training must resume from any step with the same bits: a step is a
function of the weights, the optimizer, and (seed, epoch, step).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from littoral.errors import InputError, LittoralWarning
from littoral.learn.network import Network, Weights, weights_of
from littoral.learn.training.batches import Batches
from littoral.learn.training.checkpoints import Checkpoints, describe_run
from littoral.learn.training.interruption import InterruptedTraining, Interruption, interruptible
from littoral.learn.training.log import Epoch, EpochTable
from littoral.learn.training.losses import Objective
from littoral.learn.training.machine import Machine, seeded, started, to_device
from littoral.learn.training.rate_finder import default_steps, found_rate
from littoral.learn.training.rates import adam
from littoral.learn.training.schedule import Schedule

_HOPELESS = 1000
"""The training has diverged if the validation loss is this many times that of random predictions."""


def run_epochs(
    network: Network,
    training: Batches,
    validation: Batches,
    objective: Objective,
    schedule: Schedule,
    *,
    machine: Machine,
    mixed_precision: bool | None,
    checkpoints: Checkpoints | None,
    table: EpochTable,
    epochs: list[Epoch],
) -> None:
    """Train a network in place; afterwards it has the weights of its best epoch and is on the CPU.

    Where training ends early, by an error or Ctrl-C, the network has the best weights so far; if no epoch was complete,
    its weights are of no use.

    Args:
        network: Parameters that require gradients are trained.
        training: Batches to train on; the seed of their order is that of dropout too.
        validation: Batches to measure with.
        objective: The loss.
        schedule: Number of epochs and learning rate.
        machine: Devices and nodes.
        mixed_precision: 16-bit arithmetic; None: where the device has it.
        checkpoints: Where checkpoints are written, and whether to resume from one; None: nowhere.
        table: Prints the rows.
        epochs: Rows are added here as they come.

    Raises:
        InputError: the loss is no longer finite, or a checkpoint does not fit.
        WriteError: a checkpoint or the log could not be written; the one before is still there.
        KeyboardInterrupt: Ctrl-C; the message says how to resume.

    Warns:
        LittoralWarning: tiles that could not be read were skipped.
    """
    run: _Run | None = None
    try:
        with started(machine, mixed_precision) as fabric:
            world = fabric.world_size
            if training.order.draws < 2 * world:
                raise InputError(
                    f"{training.order.draws} training tiles", f"are too few for {world} processes", "use fewer devices"
                )
            description = describe_run(
                network,
                training,
                validation,
                objective,
                asdict(schedule),
                precision=str(fabric.strategy.precision.precision),
                processes=world,
            )
            state = None if checkpoints is None else checkpoints.read(description)
            rate = schedule.rate if state is None else state["rate"]
            if rate is None:
                steps = default_steps(training)
                rate = found_rate(fabric, network, training, objective, steps, table.progress)[0]
                rate = fabric.broadcast(rate)
            run = _Run(fabric, network, training, validation, objective, replace(schedule, rate=rate), epochs)
            if state is not None:
                run.load(state)
            with table.shown(schedule.epochs * run.steps, run.done, run.rows, quiet=not fabric.is_global_zero):
                run.go(table, checkpoints, description)
    finally:
        if run is not None and run.best is not None:
            network.load_state_dict(run.best)
        network.cpu().eval()


class _Run:
    """A training in progress."""

    def __init__(
        self,
        fabric: Fabric,
        network: Network,
        training: Batches,
        validation: Batches,
        objective: Objective,
        schedule: Schedule,
        epochs: list[Epoch],
    ) -> None:
        assert schedule.rate is not None
        self.fabric, self.network, self.objective, self.schedule = fabric, network, objective, schedule
        self.training, self.validation = training, validation
        self.steps = training.order.steps(fabric.world_size)
        network.to(memory_format=torch.channels_last)
        self.module, self.optimizer = fabric.setup(network, adam(network, schedule.rate, schedule.weight_decay))
        self.one_cycle = _one_cycle(self.optimizer.optimizer, schedule, self.steps)
        self.epochs = epochs
        self.first = len(epochs)
        self.best: Weights | None = None
        self.epoch = self.step = 0
        self.losses: list[Tensor] = []
        self.seconds = self.waited_s = 0.0

    @property
    def rows(self) -> list[Epoch]:
        """Rows of this training."""
        return self.epochs[self.first :]

    @property
    def done(self) -> int:
        """Number of steps done."""
        return self.epoch * self.steps + self.step

    def go(self, table: EpochTable, checkpoints: Checkpoints | None, description: dict[str, Any]) -> None:
        """Run the steps and epochs that are left."""

        def write_checkpoint(*, finished: bool = False) -> None:
            self._check()
            if checkpoints is not None and self.fabric.is_global_zero:
                checkpoints.write(description, self.state(), finished=finished)

        every = None if checkpoints is None else checkpoints.every
        with interruptible(self.fabric.world_size) as interrupted:
            try:
                while not self._over():
                    for _ in self._steps(interrupted):
                        table.advance()
                        if every is not None and self.done % every == 0 and self.step < self.steps:
                            write_checkpoint()
                    self._validate(interrupted)
                    table.row(self.rows)
                    write_checkpoint(finished=self._over())
            except InterruptedTraining:
                write_checkpoint()
                raise KeyboardInterrupt(self._how_to_resume(checkpoints)) from None

    def state(self) -> dict[str, Any]:
        """State of the training, that :meth:`load` reads."""
        return {
            "rate": self.schedule.rate,
            "network": self.network.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.optimizer.state_dict(),
            "schedule": None if self.one_cycle is None else self.one_cycle.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "losses": [float(loss) for loss in self.losses],
            "seconds": self.seconds,
            "waited_s": self.waited_s,
            "epochs": [asdict(row) for row in self.rows],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.network.load_state_dict(state["network"])
        self.best = state["best"]
        self.optimizer.optimizer.load_state_dict(state["optimizer"])
        if self.one_cycle is not None:
            self.one_cycle.load_state_dict(state["schedule"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.losses = [torch.tensor(loss, device=self.fabric.device) for loss in state["losses"]]
        self.seconds, self.waited_s = state["seconds"], state["waited_s"]
        self.epochs += [Epoch(**row) for row in state["epochs"]]

    def _over(self) -> bool:
        rows, patience = self.rows, self.schedule.patience
        stale = len(rows) - 1 - self.schedule.best(rows) if rows else 0
        return self.epoch == self.schedule.epochs or bool(patience and stale >= patience)

    def _steps(self, interrupted: Interruption) -> Iterator[None]:
        """The steps of this epoch that are left; yields after each."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        self.module.train()
        batches = self.training.epoch(self.epoch, start=self.step, rank=rank, world=world)
        before = time.perf_counter()
        for x, y in batches:
            self.waited_s += time.perf_counter() - before
            rng = seeded(self.training.order.seed, self.epoch, self.step, rank)
            self.optimizer.zero_grad()
            loss = self.objective(self.module, *to_device(self.fabric.device, (x, y)), rng)
            # One step late, because reading a number waits for the device.
            self._check()
            self.fabric.backward(loss)
            self.optimizer.step()
            if self.one_cycle is not None:
                self.one_cycle.step()
            self.losses.append(loss.detach())
            self.step += 1
            self.seconds += time.perf_counter() - before
            yield
            interrupted.check()
            before = time.perf_counter()

    def _validate(self, interrupted: Interruption) -> None:
        """Measure the epoch on the validation tiles, and keep its weights if it is the best."""
        self._check()
        before = time.perf_counter()
        device = self.fabric.device
        # Each process has running means of its own; those of the first are kept, so they are the ones measured.
        for buffer in self.network.buffers():
            buffer.copy_(self.fabric.broadcast(buffer))
        loss, accuracy = MeanMetric().to(device), MulticlassAccuracy(self.objective.classes, average="micro").to(device)
        self.module.eval()
        for batch in self.validation.epoch(0, rank=self.fabric.global_rank, world=self.fabric.world_size):
            x, y = to_device(device, batch)
            with torch.no_grad(), self.fabric.autocast():
                logits = self.network(x).float()
            loss.update(nn.functional.cross_entropy(logits, y), len(y))
            accuracy.update(logits, y)
            interrupted.check()
        mean: Any = self.fabric.all_reduce(torch.stack(self.losses).float().mean(), reduce_op="mean")
        valid_loss = float(loss.compute())
        if not valid_loss < _HOPELESS * np.log(self.objective.classes):
            raise _diverged()
        seconds = self.seconds + time.perf_counter() - before
        row = Epoch(
            self.epoch, float(mean), valid_loss, float(accuracy.compute()), seconds, self.seconds, self.waited_s
        )
        self.epochs.append(row)
        if self.schedule.best(self.rows) == len(self.rows) - 1:
            self.best = weights_of(self.network)
        self.epoch, self.step, self.losses, self.seconds, self.waited_s = self.epoch + 1, 0, [], 0.0, 0.0
        self._warn_of_skipped()

    def _check(self) -> None:
        if self.losses and not torch.isfinite(self.losses[-1]):
            raise _diverged()

    def _warn_of_skipped(self) -> None:
        names = sorted({name for part in (self.training, self.validation) for name in part.dataset.skipped})
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            tiles = "a tile" if len(names) == 1 else f"{len(names)} tiles"
            warnings.warn(f"{tiles} could not be read and left out: {shown}", LittoralWarning, stacklevel=2)
        for part in (self.training, self.validation):
            part.dataset.skipped.clear()

    def _how_to_resume(self, checkpoints: Checkpoints | None) -> str:
        where = f"training stopped after step {self.step} of epoch {self.epoch}"
        if checkpoints is None:
            return f"{where}: it was kept nowhere; pass --checkpoint FOLDER (checkpoint=) to be able to go on."
        return f"{where}, kept in {checkpoints.path}: run the same again with --resume (resume=True) to go on."


def _one_cycle(optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int) -> Any:
    if not schedule.one_cycle:
        return None
    highest = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=highest, total_steps=schedule.epochs * steps)


def _diverged() -> InputError:
    return InputError(
        "the training",
        "diverged (the loss is not finite, or far above that of random predictions)",
        "pass a lower learning rate",
    )
