"""Ctrl-C, and what a cluster or a closed terminal sends instead: one sentence and an exit code, no traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells count."""
STOPPED = "stopped; nothing is half-written, run the same command again (--overwrite if it says so)"
_REQUESTS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM and SIGHUP interrupt the work inside as Ctrl-C does, and end in the exit code of the signal.

    A verb that can be resumed puts the sentence to print into its KeyboardInterrupt.

    Raises:
        SystemExit: with 128 and the number of the signal.
    """
    heard: list[int] = []
    owner = os.getpid()

    def heed(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            # A forked child ends as without this handler.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            return
        heard.append(number)
        pressed = signal.getsignal(signal.SIGINT)
        if not callable(pressed):
            raise KeyboardInterrupt
        pressed(number, frame)

    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for number in _REQUESTS:
                # What nohup ignores stays ignored.
                if signal.getsignal(number) is signal.SIG_DFL:
                    stack.callback(signal.signal, number, signal.signal(number, heed))
        try:
            yield
        except KeyboardInterrupt as stop:
            sentence = str(stop).rstrip(".") or STOPPED
            print(f"littoral: {sentence}.", file=sys.stderr)
            raise SystemExit(128 + heard[0] if heard else INTERRUPTED) from None
