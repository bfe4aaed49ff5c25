"""On which device a network computes, and with how many threads.

The number of threads is a setting of the process, part of which belongs to each thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from littoral.errors import InputError, MissingExtraError, first_line
from littoral.learn.training import precision

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error


def move(network: nn.Module, processor: str) -> None:
    """Move a network, in place.

    Args:
        network: Any.
        processor: torch's name of a device; ``auto``: ``cuda`` where there is one, else ``cpu``.

    Raises:
        InputError: it is not there.
    """
    if processor == "auto":
        processor = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        network.to(processor)
    # torch has a kind of its own for each way that a device can be missing.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        said = first_line(error).split(". ")[0]
        raise InputError(
            f"processor {processor}", f"cannot be used ({said})", "choose cpu, or one that is there"
        ) from error


def check_bf16() -> None:
    """Refuse 16-bit arithmetic where it would only be imitated, slowly.

    Raises:
        InputError: the processor has none.
    """
    if precision() != "bf16-mixed":
        raise InputError("16-bit arithmetic (bf16)", "is nothing this processor has", "choose the engine torch or onnx")


def compute_alone() -> None:
    """Let torch compute with the calling thread only."""
    torch.set_num_threads(1)


@contextmanager
def threads_kept() -> Iterator[None]:
    """Give the calling thread its number back at the end, whatever others set meanwhile."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
