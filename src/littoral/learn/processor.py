"""Where a network computes its answers."""

from __future__ import annotations

from littoral.errors import InputError, MissingExtraError
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
        said = str(error).splitlines()[0].split(". ")[0]
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
