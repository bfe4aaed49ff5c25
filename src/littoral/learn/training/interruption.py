"""Ctrl-C between two training steps, so that no step is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class InterruptedTraining(Exception):  # noqa: N818
    """Ctrl-C was pressed."""


class Interruption:
    """Whether Ctrl-C was pressed."""

    pressed = False

    def handle(self, number: int, frame: Any) -> None:
        """Signal handler; a second Ctrl-C stops at once."""
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True

    def check(self) -> None:
        """
        Raises:
            InterruptedTraining: Ctrl-C was pressed.
        """
        if self.pressed:
            raise InterruptedTraining


@contextmanager
def interruptible(world: int) -> Iterator[Interruption]:
    """Handle Ctrl-C between steps, in a training of one process.

    Several processes would stop at different steps and wait for each other; there Ctrl-C stops at once.
    """
    interruption = Interruption()
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if world > 1 or ignored or threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = signal.signal(signal.SIGINT, interruption.handle)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
