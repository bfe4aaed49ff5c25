"""Ctrl-C between two steps, so that none is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Asked(Exception):  # noqa: N818
    """Somebody pressed Ctrl-C."""


class Interruption:
    """Whether somebody pressed Ctrl-C; looked at between steps, so that none is half done."""

    asked = False

    def hear(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def heed(self) -> None:
        if self.asked:
            raise Asked


@contextmanager
def interruptible(world: int) -> Iterator[Interruption]:
    """Several processes would stop at different steps and wait for each other: there Ctrl-C stops at once."""
    interruption = Interruption()
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if world > 1 or ignored or threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = signal.signal(signal.SIGINT, interruption.hear)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
