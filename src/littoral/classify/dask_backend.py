"""Predict parts on the workers of a Dask cluster.

Only paths and outlines are sent, no pixels and no weights: each worker opens scenes and model itself, and writes its
predictions to a shared folder. If a worker dies, its part goes to another.
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

from littoral.classify.checkpoints import PartFolder
from littoral.classify.partition import Task
from littoral.classify.pipeline import predict_parts
from littoral.errors import InputError, LittoralError, MissingExtraError, WriteError, first_line
from littoral.predictions import Predictions
from littoral.threads import processors

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
"""Time to wait for the scheduler, seconds."""
_LACKING = re.compile("memory|alloc|new thread", re.IGNORECASE)
"""Words in the messages of out-of-memory errors."""


@dataclass(frozen=True)
class _Refusal:
    """A LittoralError in a form that can be sent: exceptions lose their attributes when they are pickled."""

    subject: str
    what: str
    remedy: str
    unkept: bool
    """Whether a part could not be written."""


class _UnkeptError(InputError):
    """A part could not be written; the others would fail too, so the run stops."""


class _KilledError(InputError):
    """A part killed every worker that computed it."""


def predict_on_cluster(
    tasks: Iterator[Task], parts: int, part_folder: PartFolder, address: str
) -> Generator[tuple[int, Predictions] | None, None, None]:
    """Predict parts on whichever worker is free.

    Args:
        tasks: The parts.
        parts: How many there are.
        part_folder: Where predictions are written, on a disk that all workers see.
        address: :data:`LOCAL`, or that of a scheduler.

    Yields:
        One item for each rectangle: None, but with the last one of a part its number and predictions; parts in the
        order in which they finish.

    Raises:
        InputError: the scheduler does not respond, at the start or later; or a part failed or killed its workers. Then
            the other parts are finished first and stay in the folder, unless the disk is full or the first part killed
            all its workers.

    Memory: a few parts for each worker. A worker holds the model, one batch with what the network computes of it, three
    more batches, and what reading takes.
    """
    failed: list[LittoralError] = []
    done = 0
    with _client(address) as client:
        numbers: dict[Any, tuple[int, Task]] = {}
        ahead = _WAITING * max(1, sum(client.nthreads().values()))
        numbered: Iterator[tuple[int, Task]] = enumerate(tasks)

        def sent(most: int) -> list[Any]:
            futures = []
            for number, task in islice(numbered, most):
                future = client.submit(_predict, task, part_folder, pure=False)
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
                        # No part has succeeded, so each further one would use up the restarts of all workers.
                        break
                else:
                    done += 1
                    yield from [None] * (len(task.places) - 1)
                    yield number, part_folder.read(found, len(task.places))
                for following in sent(1):
                    running.add(following)
        except (CancelledError, CommClosedError) as error:
            lost = InputError(f"the scheduler {address}", "was lost during the run", "start it and its workers")
            raise part_folder.resumable(lost, done, parts) from error
    if failed:
        raise part_folder.resumable(failed[0], done, parts) from failed[0]


def _outcome(future: Any, task: Task) -> Path | LittoralError:
    """Path of a part's predictions, or why there are none."""
    scene, count = task.scenes[task.own].name, len(task.places)
    try:
        found = future.result()
    except KilledWorker:
        return _KilledError(
            f"{count} rectangles on {scene}",
            "killed every worker that computed them, most likely by running out of memory",
            "give each worker more (dask worker --memory-limit), or start fewer of them",
        )
    except (MemoryError, RuntimeError) as error:
        message = first_line(error)
        # Out of memory, torch and Python's threads raise a RuntimeError.
        if not isinstance(error, MemoryError) and not _LACKING.search(message):
            raise
        return InputError(
            f"{count} rectangles on {scene}",
            f"could not be classified by a worker ({message}), most likely out of memory",
            "give each worker more, or start fewer of them",
        )
    if isinstance(found, _Refusal):
        return (_UnkeptError if found.unkept else InputError)(found.subject, found.what, found.remedy)
    if not Path(found).exists():
        return InputError(
            found, "was written by a worker but is not visible here", "name a folder that all machines share"
        )
    return Path(found)


def _predict(task: Task, part_folder: PartFolder) -> str | _Refusal:
    """Runs in a worker."""
    try:
        part_folder = _of_this_run(part_folder)
        path = part_folder.path(task)
        if not path.exists():
            *_, found = predict_parts([task], part_folder.source.model, computing=1)
            assert found is not None
            part_folder.write(path, task, found)
        return str(path)
    except LittoralError as error:
        return _Refusal(error.subject, error.what, error.remedy, isinstance(error, WriteError))


_RUNS: dict[str, PartFolder] = {}
_ONE = Lock()


def _of_this_run(part_folder: PartFolder) -> PartFolder:
    """The folder as this worker already has it for the run, so that files are hashed and the model is opened once."""
    with _ONE:
        if part_folder.run not in _RUNS:
            _RUNS.clear()
            _ = part_folder.source.model
            _RUNS[part_folder.run] = part_folder
        return _RUNS[part_folder.run]


@contextmanager
def _client(address: str) -> Iterator[Client]:
    with ExitStack() as stack:
        # Errors are reported once, by this module.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        if address == LOCAL:
            # A process for each processor, so that neither Python nor GDAL makes one wait for another.
            count = processors()
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                # A fixed port would fail for a second cluster on the machine.
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                loop=stack.enter_context(_loop_without_interrupts()),
            )
            yield stack.enter_context(Client(stack.enter_context(cluster)))
            return
        try:
            client = stack.enter_context(Client(address, timeout=_PATIENCE_S))
        except (OSError, ValueError) as error:
            raise InputError(
                f"the scheduler {address}", f"does not respond ({error})", "check its address, or pass local"
            ) from error
        try:
            # Workers may still be starting, or restarting.
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        except TimeoutError:
            raise InputError(
                f"the scheduler {address}", "has no workers", f"start some: dask worker {address}"
            ) from None
        yield client


@contextmanager
def _loop_without_interrupts() -> Iterator[Any]:
    """A cluster's event loop whose processes ignore Ctrl-C: a terminal sends it to all, and this process handles it.

    A thread's signal mask is inherited by the processes and threads that it starts.
    """
    runner = LoopRunner()
    mask = None
    # Windows has no signal masks; there the workers receive Ctrl-C too.
    if hasattr(signal, "pthread_sigmask"):
        # Started first, because starting it later would unblock Ctrl-C.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        runner.start()
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        yield runner.loop
    finally:
        runner.stop()
