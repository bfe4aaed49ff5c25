"""The loop: steps, validation, checkpoints, and how a training ends.

It is written out here, over Lightning's Fabric, because a training has to go on from any step with the same bits: a
step is a function of the weights, the optimizer, and (seed, epoch, step).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from littoral.errors import InputError, LittoralWarning, MissingExtraError
from littoral.learn.batches import Batches
from littoral.learn.network import Network, Weights, weights_of
from littoral.learn.training.checkpoints import Checkpoints, describe_run
from littoral.learn.training.devices import Machine, given_to, seeded, started
from littoral.learn.training.interruption import Asked, Interruption, interruptible
from littoral.learn.training.log import Epoch, Table
from littoral.learn.training.losses import Objective
from littoral.learn.training.rate_finder import default_steps, found_rate
from littoral.learn.training.rates import Rate, adam

try:
    import torch
    from lightning.fabric import Fabric
    from torch import Tensor, nn
    from torchmetrics import MeanMetric
    from torchmetrics.classification import MulticlassAccuracy
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error


_HOPELESS = 1000
"""A validation loss of so many times that of answers by chance has diverged."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn."""

    epochs: int
    """Passes over the training tiles."""
    rate: Rate | None
    """Highest learning rate, or that of the body and that of the head; None: found first."""
    one_cycle: bool = True
    """The rate rises and falls once (Smith 2018, arXiv:1803.09820); else it stays."""
    weight_decay: float = 1e-2
    """AdamW's."""
    patience: int = 0
    """Stop after so many epochs without a better one; 0: never."""
    monitor: Literal["valid_loss", "accuracy"] = "valid_loss"
    """What makes an epoch the better one."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"epochs {self.epochs}", "is not a number of passes", "pass 1 or more")
        if self.patience < 0:
            raise InputError(f"early_stopping {self.patience}", "is not a number of epochs", "pass 1 or more")
        if self.monitor not in ("valid_loss", "accuracy"):
            raise InputError(f"monitor {self.monitor!r}", "is not known", "pass valid_loss or accuracy")

    def best(self, epochs: list[Epoch]) -> int:
        """Index of the best of some epochs, the first of equals."""
        if self.monitor == "accuracy":
            return int(np.argmax([epoch.accuracy for epoch in epochs]))
        return int(np.argmin([epoch.valid_loss for epoch in epochs]))


def train(
    network: Network,
    training: Batches,
    validation: Batches,
    objective: Objective,
    plan: Plan,
    *,
    machine: Machine,
    mixed_precision: bool | None,
    checkpoints: Checkpoints | None,
    table: Table,
    epochs: list[Epoch],
) -> None:
    """Train in place; at the end the network has its best epoch's weights, and is on the CPU.

    Where it ends early, by an error or Ctrl-C, the network has the best weights so far, and those it came with if no
    epoch was complete.

    Args:
        network: What is trained: those of its parameters that require gradients.
        training: Batches to learn from; their order's seed is that of dropout too.
        validation: Batches to measure with.
        objective: What is minimised.
        plan: How long and how fast.
        machine: What it runs on.
        mixed_precision: 16-bit arithmetic; None: where the processor has it.
        checkpoints: What is kept to go on from.
        table: Shows the rows.
        epochs: Rows are added here as they come.

    Raises:
        InputError: the loss is no longer finite, or a checkpoint does not fit.
        WriteError: a checkpoint or the log could not be written; the one before is still there.
        KeyboardInterrupt: Ctrl-C; says how to go on.

    Warns:
        LittoralWarning: tiles that could not be read were skipped.
    """
    before = weights_of(network)
    run: _Run | None = None
    try:
        with started(machine, mixed_precision) as fabric:
            world = fabric.world_size
            if training.order.draws < 2 * world:
                raise InputError(
                    f"{training.order.draws} training tiles", f"are too few for {world} processes", "use fewer devices"
                )
            told = describe_run(
                network,
                training,
                validation,
                objective,
                asdict(plan),
                precision=str(fabric.strategy.precision.precision),
                processes=world,
            )
            state = None if checkpoints is None else checkpoints.read(told)
            rate = plan.rate if state is None else state["rate"]
            if rate is None:
                steps = default_steps(training)
                rate = found_rate(fabric, network, training, objective, steps, table.progress)[0]
                rate = fabric.broadcast(rate)
            run = _Run(fabric, network, training, validation, objective, replace(plan, rate=rate), epochs)
            if state is not None:
                run.load(state)
            with table.shown(plan.epochs * run.steps, run.done, run.rows, quiet=not fabric.is_global_zero):
                run.go(table, checkpoints, told)
    finally:
        network.load_state_dict(before if run is None or run.best is None else run.best)
        network.cpu().eval()


class _Run:
    """A training under way."""

    def __init__(
        self,
        fabric: Fabric,
        network: Network,
        training: Batches,
        validation: Batches,
        objective: Objective,
        plan: Plan,
        epochs: list[Epoch],
    ) -> None:
        assert plan.rate is not None
        self.fabric, self.network, self.objective, self.plan = fabric, network, objective, plan
        self.training, self.validation = training, validation
        self.steps = training.order.steps(fabric.world_size)
        network.to(memory_format=torch.channels_last)
        self.module, self.optimizer = fabric.setup(network, adam(network, plan.rate, plan.weight_decay))
        self.schedule = _schedule(self.optimizer.optimizer, plan, self.steps)
        self.epochs = epochs
        self.first = len(epochs)
        self.best: Weights | None = None
        self.epoch = self.step = 0
        self.losses: list[Tensor] = []
        self.seconds = self.waited_s = 0.0

    @property
    def rows(self) -> list[Epoch]:
        """Of this training."""
        return self.epochs[self.first :]

    @property
    def done(self) -> int:
        """Steps made."""
        return self.epoch * self.steps + self.step

    def go(self, table: Table, checkpoints: Checkpoints | None, told: dict[str, Any]) -> None:
        """From where it stands to its end."""

        def keep(*, finished: bool = False) -> None:
            self._check()
            if checkpoints is not None and self.fabric.is_global_zero:
                checkpoints.write(told, self.state(), finished=finished)

        every = None if checkpoints is None else checkpoints.every
        with interruptible(self.fabric.world_size) as interrupted:
            try:
                while not self._over():
                    for _ in self._learn(interrupted):
                        table.advance()
                        if every is not None and self.done % every == 0 and self.step < self.steps:
                            keep()
                    self._measure(interrupted)
                    table.row(self.rows)
                    keep(finished=self._over())
            except Asked:
                keep()
                raise KeyboardInterrupt(self._farewell(checkpoints)) from None

    def state(self) -> dict[str, Any]:
        """What :meth:`load` takes."""
        return {
            "rate": self.plan.rate,
            "network": self.network.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "losses": [float(loss) for loss in self.losses],
            "seconds": self.seconds,
            "waited_s": self.waited_s,
            "epochs": [asdict(row) for row in self.rows],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Stand where a training stood."""
        self.network.load_state_dict(state["network"])
        self.best = state["best"]
        self.optimizer.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.losses = [torch.tensor(loss, device=self.fabric.device) for loss in state["losses"]]
        self.seconds, self.waited_s = state["seconds"], state["waited_s"]
        self.epochs += [Epoch(**row) for row in state["epochs"]]

    def _over(self) -> bool:
        rows, patience = self.rows, self.plan.patience
        stale = len(rows) - 1 - self.plan.best(rows) if rows else 0
        return self.epoch == self.plan.epochs or bool(patience and stale >= patience)

    def _learn(self, interrupted: Interruption) -> Iterator[None]:
        """The steps of this epoch that are left; yields after each."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        self.module.train()
        batches = self.training.epoch(self.epoch, start=self.step, rank=rank, world=world)
        before = time.perf_counter()
        for x, y in batches:
            self.waited_s += time.perf_counter() - before
            rng = seeded(self.training.order.seed, self.epoch, self.step, rank)
            self.optimizer.zero_grad()
            loss = self.objective(self.module, *given_to(self.fabric.device, (x, y)), rng)
            # One step behind, as to look at a number means to wait for the processor.
            self._check()
            self.fabric.backward(loss)
            self.optimizer.step()
            if self.schedule is not None:
                self.schedule.step()
            self.losses.append(loss.detach())
            self.step += 1
            self.seconds += time.perf_counter() - before
            yield
            interrupted.heed()
            before = time.perf_counter()

    def _measure(self, interrupted: Interruption) -> None:
        """The epoch's row, by the validation tiles, and its weights if it is the best."""
        self._check()
        before = time.perf_counter()
        device = self.fabric.device
        # Each process has running means of its own; the first one's are kept, so they are measured.
        for buffer in self.network.buffers():
            buffer.copy_(self.fabric.broadcast(buffer))
        loss, accuracy = MeanMetric().to(device), MulticlassAccuracy(self.objective.classes, average="micro").to(device)
        self.module.eval()
        for batch in self.validation.epoch(0, rank=self.fabric.global_rank, world=self.fabric.world_size):
            x, y = given_to(device, batch)
            with torch.no_grad(), self.fabric.autocast():
                logits = self.network(x).float()
            loss.update(nn.functional.cross_entropy(logits, y), len(y))
            accuracy.update(logits, y)
            interrupted.heed()
        mean: Any = self.fabric.all_reduce(torch.stack(self.losses).float().mean(), reduce_op="mean")
        valid_loss = float(loss.compute())
        if not valid_loss < _HOPELESS * np.log(self.objective.classes):
            raise _diverged()
        seconds = self.seconds + time.perf_counter() - before
        row = Epoch(
            self.epoch, float(mean), valid_loss, float(accuracy.compute()), seconds, self.seconds, self.waited_s
        )
        self.epochs.append(row)
        if self.plan.best(self.rows) == len(self.rows) - 1:
            self.best = weights_of(self.network)
        self.epoch, self.step, self.losses, self.seconds, self.waited_s = self.epoch + 1, 0, [], 0.0, 0.0
        self._tell_skipped()

    def _check(self) -> None:
        if self.losses and not torch.isfinite(self.losses[-1]):
            raise _diverged()

    def _tell_skipped(self) -> None:
        names = sorted({name for part in (self.training, self.validation) for name in part.dataset.skipped})
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            tiles = "a tile" if len(names) == 1 else f"{len(names)} tiles"
            warnings.warn(f"{tiles} could not be read and left out: {shown}", LittoralWarning, stacklevel=2)
        for part in (self.training, self.validation):
            part.dataset.skipped.clear()

    def _farewell(self, checkpoints: Checkpoints | None) -> str:
        where = f"training stopped after step {self.step} of epoch {self.epoch}"
        if checkpoints is None:
            return f"{where}: it was kept nowhere; pass --checkpoint FOLDER (checkpoint=) to be able to go on."
        return f"{where}, kept in {checkpoints.path}: run the same again with --resume (resume=True) to go on."


def _schedule(optimizer: torch.optim.Optimizer, plan: Plan, steps: int) -> Any:
    if not plan.one_cycle:
        return None
    highest = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=highest, total_steps=plan.epochs * steps)


def _diverged() -> InputError:
    return InputError(
        "the training", "diverged (the loss is no longer finite, or beyond all measure)", "pass a lower learning rate"
    )
