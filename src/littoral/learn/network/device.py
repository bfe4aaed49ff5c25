"""The device that computes a network, its fastest arithmetic, and the number of threads.

The number of threads is a setting of the process, part of which belongs to each thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

from littoral.errors import InputError, first_line

Precision = Literal["bf16-mixed", "16-mixed", "32-true"]
"""Lightning's names: 16-bit arithmetic where it is safe (bfloat16 or half precision), or 32-bit arithmetic."""


def precision() -> Precision:
    """The fastest arithmetic that this machine's device does in hardware."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    # torch has no public function for it; where a version lacks this one, 32 bits are always right.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return "bf16-mixed" if supported is not None and supported() else "32-true"


def move(network: nn.Module, device: str) -> None:
    """Move a network to a device, in place.

    Args:
        network: Moved.
        device: torch's name; ``auto``: ``cuda`` where there is one, else ``cpu``.

    Raises:
        InputError: this machine has no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        network.to(device)
    # torch has an error of its own for each way that a device can be missing.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = first_line(error).split(". ")[0]
        raise InputError(
            f"processor {device}", f"cannot be used ({reason})", "choose cpu, or one that is there"
        ) from error


def check_bf16() -> None:
    """Refuse 16-bit arithmetic where it would be emulated, which is slow.

    Raises:
        InputError: the device has no such arithmetic.
    """
    if precision() != "bf16-mixed":
        raise InputError(
            "16-bit arithmetic (bf16)", "is not supported by this processor", "choose the engine torch or onnx"
        )


def compute_alone() -> None:
    """Let torch compute with the calling thread only."""
    torch.set_num_threads(1)


@contextmanager
def threads_kept() -> Iterator[None]:
    """Restore torch's number of threads for the calling thread at the end."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
