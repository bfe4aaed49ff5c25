"""Parts answered by the workers of a Dask cluster; the one place that knows dask.

Addresses and outlines travel, not pixels and not weights: each worker opens scenes and model itself, and leaves what it
answers in a folder that all see. A worker that dies costs its part, which another takes up.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from littoral.classify.answers import Answers
from littoral.classify.keeping import Keep, read_part
from littoral.classify.parting import Task
from littoral.classify.pipeline import answer_tasks
from littoral.engines import Classifier, processors
from littoral.errors import InputError, LittoralError, MissingExtraError

try:
    from distributed import Client, LocalCluster, as_completed
    from distributed.scheduler import KilledWorker
except ImportError as error:
    raise MissingExtraError("a cluster", "dask") from error

LOCAL = "local"
_WAITING = 4
"""Parts that are sent ahead, for each thread of the cluster."""
_PATIENCE_S = 30
"""For a scheduler to answer."""


@dataclass(frozen=True)
class _Refusal:
    """A LittoralError as it travels: exceptions do not come through pickling with what they know."""

    subject: str
    what: str
    remedy: str


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
        InputError: no scheduler answers; a part failed, or killed its workers one after the other. All others are
            finished first and stay in the folder.

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
        numbered = enumerate(tasks)

        def sent(most: int) -> list[Any]:
            futures = []
            for number, task in islice(numbered, most):
                future = client.submit(_answer, task, keep, pure=False)
                numbers[future.key] = number, task
                futures.append(future)
            return futures

        running = as_completed(sent(ahead))
        for future in running:
            number, task = numbers.pop(future.key)
            found = _outcome(future, task)
            if isinstance(found, LittoralError):
                failed.append(found)
            else:
                done += 1
                yield from [None] * (len(task.places) - 1)
                yield number, read_part(found)
            for following in sent(1):
                running.add(following)
    if failed:
        raise keep.resumable(failed[0], done, parts) from failed[0]


def _outcome(future: Any, task: Task) -> Path | LittoralError:
    """Where a part's answers lie, or why there are none."""
    scene, count = task.scenes[task.own].name, len(task.places)
    try:
        found = future.result()
    except KilledWorker:
        return InputError(
            f"{count} rectangles on {scene}",
            "ended every worker that took them, most likely out of memory",
            "give each worker more (dask worker --memory-limit), or start fewer of them",
        )
    except MemoryError:
        return InputError(
            f"{count} rectangles on {scene}", "did not fit into a worker's memory", "give each worker more"
        )
    if isinstance(found, _Refusal):
        return InputError(found.subject, found.what, found.remedy)
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
        return _Refusal(error.subject, error.what, error.remedy)


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
        if address == LOCAL:
            # A process for each processor, so that neither Python nor GDAL makes one wait for another.
            count = processors()
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=logging.ERROR,
            )
            yield stack.enter_context(Client(stack.enter_context(cluster)))
            return
        try:
            client = stack.enter_context(Client(address, timeout=_PATIENCE_S))
        except (OSError, ValueError) as error:
            raise InputError(
                f"the scheduler {address}", f"does not answer ({error})", "check its address, or pass local"
            ) from error
        if not client.nthreads():
            raise InputError(f"the scheduler {address}", "has no workers", f"start some: dask worker {address}")
        yield client
