"""Look-ahead: order, bounds, errors where they are due, and an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from littoral.errors import InputError
from littoral.threads import lookahead, map_ahead


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order_and_errors_where_they_are_due(threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        assert list(map_ahead(pool, lambda n: n * n, range(20), threads)) == [n * n for n in range(20)]
        results = map_ahead(pool, lambda n: 1 / (n - 5), range(20), threads)
        assert len([next(results) for _ in range(5)]) == 5
        with pytest.raises(ZeroDivisionError):
            next(results)


def failing() -> Iterator[int]:
    yield 1
    raise InputError("it", "failed", "mend it")


def test_an_error_of_the_items_comes_after_the_results_before_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        results = map_ahead(pool, float, failing(), 3)
        assert next(results) == 1.0
        with pytest.raises(InputError, match="it failed"):
            next(results)


def test_lookahead_is_bounded_and_stops() -> None:
    before = threading.active_count()
    made: list[int] = []
    closed = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            for number in range(1000):
                made.append(number)
                yield number
        finally:
            closed.set()

    items = lookahead(numbers(), 2)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    items.close()
    assert closed.is_set()
    assert len(made) <= 3 + 2
    assert threading.active_count() == before

    items = lookahead(failing(), 2)
    assert next(items) == 1
    with pytest.raises(InputError, match="it failed"):
        next(items)
