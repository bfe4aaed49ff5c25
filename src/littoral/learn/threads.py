"""With how many threads torch computes: a setting of the process, part of which belongs to each thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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
