"""Output of a training: a row per epoch, a progress bar, a CSV file, TensorBoard events."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from littoral.errors import InputError, WriteError
from littoral.vectors import staged

HEADING = "epoch | train_loss | valid_loss | accuracy | time"


@dataclass(frozen=True)
class Epoch:
    """One row of the table."""

    number: int
    """From 0."""
    train_loss: float
    """Mean loss over the epoch's batches: cross-entropy, with mixup, focal loss, class weights or label smoothing if
    chosen."""
    valid_loss: float
    """Mean cross-entropy over the validation tiles."""
    accuracy: float
    """Share of the validation tiles that is classified correctly."""
    seconds: float
    """Time of the epoch."""
    steps_s: float = 0.0
    """Time of the training steps; the rest is validation."""
    waited_s: float = 0.0
    """Time that the steps waited for their tiles."""

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        return (
            f"{self.number:<5} | {self.train_loss:<10.6f} | {self.valid_loss:<10.6f} | {self.accuracy:<8.6f} | "
            f"{minutes:02d}:{seconds:02d}"
        )


class EpochTable:
    """Rows of a training, printed as they come and written to a log.

    Args:
        progress: Show a bar on standard error, gone at the end; None: where there is a terminal or a notebook.
            A notebook needs ipywidgets for it.
        log: Folder for ``epochs.csv``, which has a row per epoch.
        tensorboard: Write TensorBoard's events there too.

    Raises:
        InputError: TensorBoard is not installed, or has no folder.
    """

    def __init__(self, progress: bool | None = None, log: Path | None = None, *, tensorboard: bool = False) -> None:
        self.progress, self.log = progress, log
        self.quiet = False
        self.writer: Any = None
        self.events: Any = None
        if tensorboard:
            if log is None:
                raise InputError("tensorboard", "needs a folder to write to", "pass log, e.g. log='runs/1'")
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise InputError("tensorboard", "is not installed", "run: pip install tensorboard") from error
            self.writer = SummaryWriter

    @contextmanager
    def shown(self, steps: int, done: int, epochs: Iterable[Epoch], *, quiet: bool = False) -> Iterator[EpochTable]:
        """Print the rows and show a bar while a training runs.

        Args:
            steps: Number of steps of the whole training.
            done: Steps done by the run that is resumed.
            epochs: Rows of that run.
            quiet: Print and write nothing: another process does.
        """
        rows, self.quiet = list(epochs), quiet
        if not quiet:
            print(HEADING, *rows, sep="\n", flush=True)
        if not quiet and self.writer is not None:
            self.events = self.writer(str(self.log), purge_step=len(rows))
        try:
            with bar("training", steps, done, False if quiet else self.progress) as self.advance:
                yield self
        finally:
            if self.events is not None:
                self.events.close()

    def row(self, epochs: list[Epoch]) -> None:
        """Print and log the last row.

        Raises:
            WriteError: the disk refused; the file before is still there.
        """
        if self.quiet:
            return
        print(epochs[-1], flush=True)
        if self.log is not None:
            text = io.StringIO()
            writer = csv.DictWriter(text, list(asdict(epochs[-1])), lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(asdict, epochs))
            try:
                self.log.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WriteError(self.log, error) from error
            with staged(self.log / "epochs.csv") as stage:
                stage.write_text(text.getvalue(), encoding="utf-8", newline="\n")
        if self.events is not None:
            for name in ("train_loss", "valid_loss", "accuracy"):
                self.events.add_scalar(name, getattr(epochs[-1], name), epochs[-1].number)


@contextmanager
def bar(what: str, total: int, done: int, shown: bool | None) -> Iterator[Any]:
    """A progress bar that is removed at the end; yields the function that advances it by a step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:
        shown = False  # rich would show nothing in a notebook, and warn of it at every step
    elif not (console.is_terminal or console.is_jupyter) and shown is None:
        shown = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # In a terminal, rows are printed through the bar's console, so that they do not run into it.
    with Progress(
        *columns, console=console, transient=True, disable=shown is False, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        task = progress.add_task(what, total=total, completed=done)
        yield lambda: progress.advance(task)
