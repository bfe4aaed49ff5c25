"""Map and iterate ahead in threads with a bounded number of items in memory; number of usable processors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from itertools import repeat
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def processors() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_ahead(pool: Executor, function: Callable[[T], R], items: Iterable[T], most: int) -> Generator[R, None, None]:
    """Apply a function to items in a pool, and yield the results in the order of the items.

    Args:
        pool: Runs the calls. It is not shut down here.
        function: Called with each item. Its error is raised in place of its result.
        items: Iterated over in the calling thread. Its error is raised after the results of the items before it.
        most: Largest number of calls that are running, waiting or done, besides the result being yielded.

    When the generator is closed, calls that have not started are cancelled.

    Memory: ``most`` + 1 items and results.

    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(map_ahead(pool, str.upper, "abc", 2))
    ['A', 'B', 'C']
    """
    waiting: deque[Future[R]] = deque()
    failure: BaseException | None = None
    source = iter(items)
    try:
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except BaseException as error:
                failure = error
                break
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
    if failure is not None:
        raise failure


def lookahead(items: Iterable[T], most: int) -> Generator[T, None, None]:
    """Yield the same items, computed in one background thread up to ``most`` items ahead.

    An error of ``items`` is raised after the items before it. When the generator is closed, the thread finishes the
    item it is at and closes ``items``.

    Args:
        items: Iterated over, and closed if it is a generator, in the background thread.
        most: Largest number of items that are ready or being computed, besides the one being yielded.

    Memory: ``most`` + 1 items.

    >>> list(lookahead((n * n for n in range(5)), 2))
    [0, 1, 4, 9, 16]
    """
    source: Iterator[T] = iter(items)
    end = object()
    with ThreadPoolExecutor(1, "lookahead") as pool:
        try:
            with closing(map_ahead(pool, lambda _: next(source, end), repeat(None), most)) as found:
                for item in found:
                    if item is end:
                        return
                    yield item  # type: ignore[misc]
        finally:
            if isinstance(source, Generator):
                pool.submit(source.close).result()
