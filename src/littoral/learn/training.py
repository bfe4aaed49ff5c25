"""Training: the loop (Lightning's), the learning-rate finder, the table of epochs."""

from __future__ import annotations

import copy
import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from littoral.errors import InputError, MissingExtraError
from littoral.learn.network import Network

try:
    import lightning
    import torch
    from lightning.pytorch.tuner.tuning import Tuner
    from torch import Tensor, nn
    from torch.utils.data import DataLoader
    from torchmetrics.classification import MulticlassAccuracy
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

Rate = float | tuple[float, float]
"""One learning rate, or one for the body and one for the head."""

HEADING = "epoch | train_loss | valid_loss | accuracy | time"


@dataclass(frozen=True)
class Epoch:
    """One row of the table."""

    number: int
    """From 0."""
    train_loss: float
    """Mean cross-entropy over the epoch's batches."""
    valid_loss: float
    """Mean cross-entropy over the validation tiles."""
    accuracy: float
    """Share of the validation tiles that is right."""
    seconds: float
    """How long it took."""

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        return (
            f"{self.number:<5} | {self.train_loss:<10.6f} | {self.valid_loss:<10.6f} | {self.accuracy:<8.6f} | "
            f"{minutes:02d}:{seconds:02d}"
        )


class _Module(lightning.LightningModule):
    """The three blanks of training: what a step computes, what is measured, how weights move."""

    def __init__(self, network: Network, classes: int, lr: float, rate: Rate, steps: int | None) -> None:
        super().__init__()
        self.network, self.lr, self.rate, self.steps = network, lr, rate, steps
        self.loss = nn.CrossEntropyLoss()
        self.accuracy = MulticlassAccuracy(classes, average="micro")
        self.train_losses: list[Tensor] = []
        self.valid_losses: list[Tensor] = []
        self.valid_sizes: list[int] = []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        x, y = batch
        loss: Tensor = self.loss(self.network(x.contiguous(memory_format=torch.channels_last)), y)
        if not torch.isfinite(loss):
            raise InputError("the training", "diverged (the loss is no longer finite)", "pass a lower learning rate")
        self.train_losses.append(loss.detach())
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        x, y = batch
        logits = self.network(x.contiguous(memory_format=torch.channels_last))
        self.valid_losses.append(self.loss(logits, y).detach())
        self.valid_sizes.append(len(y))
        self.accuracy.update(logits, y)

    def configure_optimizers(self) -> Any:
        parts = zip((self.network.body, self.network.head), self.rates(), strict=True)
        groups: list[dict[str, Any]] = []
        for part, lr in parts:
            learning = [parameter for parameter in part.parameters() if parameter.requires_grad]
            groups += [{"params": learning, "lr": lr}] if learning else []
        optimizer = torch.optim.AdamW(groups, lr=self.lr, weight_decay=1e-2)
        if self.steps is None:
            return optimizer
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=[group["lr"] for group in groups], total_steps=self.steps
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def rates(self) -> tuple[float, float]:
        """Of body and head; the finder moves ``lr``, which then holds for both."""
        if self.steps is None or not isinstance(self.rate, tuple):
            return self.lr, self.lr
        return self.rate


class _Table(lightning.Callback):
    """Prints a row per epoch and keeps the weights of the lowest validation loss."""

    def __init__(self, progress: bool) -> None:
        self.epochs: list[Epoch] = []
        self.best: dict[str, Tensor] | None = None
        self.progress = progress
        self.bar: Any = None

    def on_train_start(self, trainer: Any, module: Any) -> None:
        print(HEADING, flush=True)
        if self.progress:
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(console=Console(stderr=True), transient=True)
            self.bar.start()
            steps = trainer.max_epochs * trainer.num_training_batches
            self.task = self.bar.add_task("training", total=steps)

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        self.started = time.perf_counter()
        module.train_losses.clear()

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        if self.bar is not None:
            self.bar.advance(self.task)

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        sizes = np.array(module.valid_sizes)
        valid_loss = float((torch.stack(module.valid_losses).float().cpu().numpy() * sizes).sum() / sizes.sum())
        accuracy = float(module.accuracy.compute())
        module.accuracy.reset()
        module.valid_losses.clear()
        module.valid_sizes.clear()
        train_loss = float(torch.stack(module.train_losses).float().mean())
        if not self.epochs or valid_loss < min(epoch.valid_loss for epoch in self.epochs):
            self.best = copy.deepcopy(module.network.state_dict())
        epoch = Epoch(trainer.current_epoch, train_loss, valid_loss, accuracy, time.perf_counter() - self.started)
        self.epochs.append(epoch)
        print(epoch, flush=True)

    def on_fit_end(self, trainer: Any, module: Any) -> None:
        self.close()

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar off the screen."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def train(
    network: Network,
    training: DataLoader[Any],
    validation: DataLoader[Any],
    *,
    classes: int,
    epochs: int,
    rate: Rate,
    seed: int,
    progress: bool = False,
) -> list[Epoch]:
    """Train in place with one cycle of the learning rate; at the end the network has its best epoch's weights.

    Args:
        network: What is trained: those of its parameters that require gradients.
        training: Batches to learn from.
        validation: Batches to measure with.
        classes: Outputs of the network.
        epochs: Passes over the training tiles.
        rate: Highest learning rate, or that of the body and that of the head.
        seed: Of the order of tiles, augmentation and dropout.
        progress: Show a bar on standard error.

    Raises:
        InputError: the loss became infinite.
    """
    highest = rate[1] if isinstance(rate, tuple) else rate
    if not (np.isfinite(highest) and highest > 0):
        raise InputError(f"learning rate {rate}", "is not positive", "pass e.g. 0.001, or none to have it found")
    torch.manual_seed(seed)
    network.to(memory_format=torch.channels_last)
    module = _Module(network, classes, highest, rate, epochs * len(training))
    table = _Table(progress)
    with _quiet_trainer(max_epochs=epochs, callbacks=[table], num_sanity_val_steps=0) as trainer:
        trainer.fit(module, training, validation)
    if trainer.interrupted:
        raise KeyboardInterrupt
    if table.best is not None:
        network.load_state_dict(table.best)
    network.cpu().eval()
    return table.epochs


def find_rate(
    network: Network, training: DataLoader[Any], *, classes: int, seed: int, steps: int = 100
) -> tuple[float, list[float], list[float]]:
    """Learning-rate range test: rates grow from 1e-6 to 1 over ``steps`` batches; the network is left as it was.

    Returns:
        The rate of the steepest fall of the loss, and all rates and losses tried.

    Raises:
        InputError: no rate made the loss fall.
    """
    torch.manual_seed(seed)
    module = _Module(network, classes, 1e-6, 1e-6, None)
    before = copy.deepcopy(network.state_dict())
    with _quiet_trainer(max_epochs=-1, max_steps=steps) as trainer:
        found = Tuner(trainer).lr_find(
            module, training, min_lr=1e-6, max_lr=1.0, num_training=steps, early_stop_threshold=4.0
        )
    network.load_state_dict(before)
    network.cpu()
    suggestion = None if found is None else found.suggestion()
    if found is None or suggestion is None:
        raise InputError("the learning-rate finder", "found no rate that lowers the loss", "pass --lr, e.g. 0.001")
    return float(suggestion), list(map(float, found.results["lr"])), list(map(float, found.results["loss"]))


def precision() -> Literal["bf16-mixed", "16-mixed", "32-true"]:
    """The fastest arithmetic that this machine's processor does in hardware."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    # torch has no public question for it; where a version lacks this one, 32 bits are always right.
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return "bf16-mixed" if asked is not None and asked() else "32-true"


@contextmanager
def _quiet_trainer(**options: Any) -> Iterator[lightning.Trainer]:
    """A Lightning trainer that leaves no files and computes the same each time."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    deterministic = torch.are_deterministic_algorithms_enabled()
    debugging: Any = torch.utils.deterministic
    fill = debugging.fill_uninitialized_memory
    # An aid for finding bugs that comes with deterministic algorithms and takes half of the time.
    debugging.fill_uninitialized_memory = False
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(prefix="littoral-") as folder, warnings.catch_warnings():
            # Advice on workers and logging intervals does not fit tiles that are read in the training process.
            warnings.filterwarnings("ignore", module="lightning.*")
            warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
            yield lightning.Trainer(
                accelerator="auto",
                devices=1,
                precision=precision(),
                deterministic=True,
                default_root_dir=folder,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                **options,
            )
    finally:
        torch.use_deterministic_algorithms(deterministic)
        debugging.fill_uninitialized_memory = fill
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
