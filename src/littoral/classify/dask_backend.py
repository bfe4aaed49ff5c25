"""Parts answered by the workers of a Dask cluster; the one place that knows dask.

Addresses and outlines travel, not pixels and not weights: each worker opens scenes and model itself, and leaves what it
answers in a folder that all see. A worker that dies costs its part, which another takes up.
"""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import resource_tracker
from pathlib import Path
from threading import Lock
from typing import Any

from littoral.classify.answers import Answers
from littoral.classify.checkpoints import Keep, read_part
from littoral.classify.partition import Task
from littoral.classify.pipeline import answer_tasks
from littoral.engines import Classifier
from littoral.errors import InputError, LittoralError, MissingExtraError, WriteError
from littoral.threads import processors
from littoral.vectors.outputs import first_line

try:
    from distributed import Client, LocalCluster, as_completed
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker
    from distributed.utils import LoopRunner, silence_logging_cmgr
except ImportError as error:
    raise MissingExtraError("a cluster", "dask") from error

LOCAL = "local"
_WAITING = 4
"""Parts that are sent ahead, for each thread of the cluster."""
_PATIENCE_S = 30
"""For a scheduler to answer."""
_LACKING = re.compile("memory|alloc|new thread", re.IGNORECASE)
"""In what is said where memory is."""


@dataclass(frozen=True)
class _Refusal:
    """A LittoralError as it travels: exceptions do not come through pickling with what they know."""

    subject: str
    what: str
    remedy: str
    unkept: bool
    """Whether it was a part that could not be written."""


class _UnkeptError(InputError):
    """A part could not be written, nor would others be: what is computed for them is computed in vain."""


class _KilledError(InputError):
    """A part ended every worker that took it."""


def answer_on_cluster(
    tasks: Iterator[Task], parts: int, keep: Keep, address: str
) -> Generator[tuple[int, Answers] | None, None, None]:
    """Answer parts wherever there is a worker for it.

    Args:
        tasks: What each part takes.
        parts: How many there are.
        keep: Where answers are left, on a disk that all workers see.
        address: :data:`LOCAL`, or that of a scheduler.

    Yields:
        One item for each rectangle: None, but with the last one of a part its number and answers; parts as they come.

    Raises:
        InputError: no scheduler answers, or none any more; a part failed, or killed its workers one after the other:
            all others are finished first and stay in the folder, or as many as the disk takes; none where
            the first ended all its workers.

    Memory: a few parts for each worker. A worker holds the model, one batch with what the network computes of it, three
    more batches, and what reading takes.
    """
    failed: list[LittoralError] = []
    done = 0
    # Hashed here, once; workers make sure that theirs is the same.
    _ = keep.opening.key
    with _client(address) as client:
        numbers: dict[Any, tuple[int, Task]] = {}
        ahead = _WAITING * max(1, sum(client.nthreads().values()))
        numbered: Iterator[tuple[int, Task]] = enumerate(tasks)

        def sent(most: int) -> list[Any]:
            futures = []
            for number, task in islice(numbered, most):
                future = client.submit(_answer, task, keep, pure=False)
                numbers[future.key] = number, task
                futures.append(future)
            return futures

        try:
            running = as_completed(sent(ahead))
            for future in running:
                number, task = numbers.pop(future.key)
                found = _outcome(future, task)
                if isinstance(found, LittoralError):
                    failed.append(found)
                    if isinstance(found, _UnkeptError):
                        numbered = iter(())
                    elif isinstance(found, _KilledError) and not done:
                        # Where nothing has ever fitted, each part would end all that workers are started again.
                        break
                else:
                    done += 1
                    yield from [None] * (len(task.places) - 1)
                    yield number, read_part(found, len(task.places))
                for following in sent(1):
                    running.add(following)
        except (CancelledError, CommClosedError) as error:
            lost = InputError(f"the scheduler {address}", "went away while it was used", "start it and its workers")
            raise keep.resumable(lost, done, parts) from error
    if failed:
        raise keep.resumable(failed[0], done, parts) from failed[0]


def _outcome(future: Any, task: Task) -> Path | LittoralError:
    """Where a part's answers lie, or why there are none."""
    scene, count = task.scenes[task.own].name, len(task.places)
    try:
        found = future.result()
    except KilledWorker:
        return _KilledError(
            f"{count} rectangles on {scene}",
            "ended every worker that took them, most likely out of memory",
            "give each worker more (dask worker --memory-limit), or start fewer of them",
        )
    except (MemoryError, RuntimeError) as error:
        said = first_line(error)
        # torch, and Python where a thread lacks its stack, say so in an error of the second kind.
        if not isinstance(error, MemoryError) and not _LACKING.search(said):
            raise
        return InputError(
            f"{count} rectangles on {scene}",
            f"could not be answered by a worker ({said}), most likely for want of memory",
            "give each worker more, or start fewer of them",
        )
    if isinstance(found, _Refusal):
        return (_UnkeptError if found.unkept else InputError)(found.subject, found.what, found.remedy)
    if not Path(found).exists():
        return InputError(found, "was written by a worker and is not here", "name a folder that all machines share")
    return Path(found)


def _answer(task: Task, keep: Keep) -> str | _Refusal:
    """Runs in a worker."""
    try:
        keep, model = _remembered(keep)
        path = keep.path(task)
        if not path.exists():
            *_, answers = answer_tasks([task], model, computing=1)
            assert answers is not None
            keep.write(path, task, answers)
        return str(path)
    except LittoralError as error:
        return _Refusal(error.subject, error.what, error.remedy, isinstance(error, WriteError))


_RUNS: dict[str, tuple[Keep, Classifier]] = {}
_ONE = Lock()


def _remembered(keep: Keep) -> tuple[Keep, Classifier]:
    """What a worker knows of this run: files that were hashed, and the model, opened once."""
    with _ONE:
        if keep.run not in _RUNS:
            _RUNS.clear()
            _RUNS[keep.run] = keep, keep.opening.open_unchanged()
        return _RUNS[keep.run]


@contextmanager
def _client(address: str) -> Iterator[Client]:
    with ExitStack() as stack:
        # What goes wrong is said once, by us.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        if address == LOCAL:
            # A process for each processor, so that neither Python nor GDAL makes one wait for another.
            count = processors()
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                # Of two on one machine the second would complain.
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                loop=stack.enter_context(_deaf_loop()),
            )
            yield stack.enter_context(Client(stack.enter_context(cluster)))
            return
        try:
            client = stack.enter_context(Client(address, timeout=_PATIENCE_S))
        except (OSError, ValueError) as error:
            raise InputError(
                f"the scheduler {address}", f"does not answer ({error})", "check its address, or pass local"
            ) from error
        try:
            # They may be on their way, or being started again.
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        except TimeoutError:
            raise InputError(
                f"the scheduler {address}", "has no workers", f"start some: dask worker {address}"
            ) from None
        yield client


@contextmanager
def _deaf_loop() -> Iterator[Any]:
    """A cluster's loop whose processes do not hear Ctrl-C: a terminal sends it to all, and it is for us to end them.

    What a thread does not hear, processes do not hear either that it starts, or that are started by threads it starts.
    """
    runner = LoopRunner()
    heard = None
    # Windows has no such masks; there the workers hear Ctrl-C too.
    if hasattr(signal, "pthread_sigmask"):
        # When it starts with the first process, it lets Ctrl-C in again.
        resource_tracker.ensure_running()
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        runner.start()
    finally:
        if heard is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    try:
        yield runner.loop
    finally:
        runner.stop()
