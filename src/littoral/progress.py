"""Progress of long work: functions take a ``track`` argument and iterate over what it returns.

The default :func:`silent` shows nothing; the command line passes :func:`bar`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")

Say = Callable[[str], None]
"""Called with a sentence for the user while work goes on."""


class Track(Protocol):
    """Called with the items, their number and a description of the work; yields the same items in the same order."""

    def __call__(self, items: Iterable[T], total: int, description: str) -> Iterable[T]: ...


def silent(items: Iterable[T], total: int, description: str) -> Iterable[T]:
    """Show nothing.

    >>> list(silent("abc", 3, "letters"))
    ['a', 'b', 'c']
    """
    return items


def quiet(sentence: str) -> None:
    """Print nothing."""


def bar(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    """Show a progress bar with the time left on standard error."""
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description, total=total, console=Console(stderr=True), transient=False)
