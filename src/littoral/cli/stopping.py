"""Ctrl-C, and what a cluster or a closed terminal sends instead: work is put in order, then one sentence is said."""

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
_REQUESTS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def stoppable() -> Iterator[None]:
    """Requests to end are heard as Ctrl-C is; whatever was pressed or sent ends in its exit code, without a traceback.

    A verb that knows how to go on says so itself, and leaves its KeyboardInterrupt with that sentence in it.
    """
    heard: list[int] = []
    owner = os.getpid()

    def heed(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            # A fork is nobody's door.
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
        except (KeyboardInterrupt, SystemExit) as ended:
            if isinstance(ended, SystemExit) and ended.code != INTERRUPTED:
                raise
            if not _said(ended):
                told = "stopped; nothing is half-written, run the same command again (--overwrite if it says so)."
                print(f"littoral: {told}", file=sys.stderr)
            raise SystemExit(128 + heard[0] if heard else INTERRUPTED) from None


def _said(error: BaseException | None) -> str:
    """Of the KeyboardInterrupt that an exit arose from."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return str(error or "")
