"""What a training runs on: one processor, several, or several nodes, through Lightning's Fabric."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from littoral.errors import MissingExtraError
from littoral.learn.batches import Batch

try:
    import torch
    from lightning.fabric import Fabric
    from lightning.fabric.utilities import rank_zero_only
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

Precision = Literal["bf16-mixed", "16-mixed", "32-true"]


@dataclass(frozen=True)
class Machine:
    """What a training runs on; the names and values are Lightning's.

    With several devices of one machine the other processes are started from here, each running the same script; on
    several nodes each process is started from outside, as by ``srun`` or ``torchrun``::

        srun --nodes 2 --ntasks-per-node 4 littoral train TILES -o model.dlpk --num-nodes 2 --devices 4
        torchrun --nnodes 2 --nproc-per-node 4 --rdzv-endpoint HOST:29500 --rdzv-backend c10d script.py

    A step then learns from ``batch_size`` tiles of each process. The first process shows the table and writes; a script
    of your own asks :func:`is_first_process` before it saves.
    """

    devices: int = 1
    """Processors on each node."""
    num_nodes: int = 1
    """Machines."""
    accelerator: str = "auto"
    """``cpu``, ``cuda``, ``mps`` …; auto: the best there is."""
    strategy: str = "auto"
    """How they share the work; auto: distributed data parallel."""


def precision() -> Precision:
    """The fastest arithmetic that this machine's processor does in hardware."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    # torch has no public question for it; where a version lacks this one, 32 bits are always right.
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return "bf16-mixed" if asked is not None and asked() else "32-true"


def is_first_process() -> bool:
    """Whether this is the one process that writes results; the others of a training only compute."""
    process: Any = rank_zero_only
    return bool(process.rank == 0)


@contextmanager
def started(machine: Machine, mixed_precision: bool | None) -> Iterator[Fabric]:
    """Fabric with its processes running, computing the same each time.

    Args:
        machine: What it runs on.
        mixed_precision: 16-bit arithmetic where it is safe; None: where the processor has it in hardware.
    """
    fast = precision()
    if mixed_precision is not None:
        fast = "32-true" if not mixed_precision else "bf16-mixed" if fast == "32-true" else fast
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    deterministic = torch.are_deterministic_algorithms_enabled()
    debugging: Any = torch.utils.deterministic
    fill = debugging.fill_uninitialized_memory
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        # What CUDA's matrix products need to give the same bits each time.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        # An aid for finding bugs that comes with deterministic algorithms and takes half of the time.
        debugging.fill_uninitialized_memory = False
        with warnings.catch_warnings():
            # Advice on installing other packages and on cluster variables.
            warnings.filterwarnings("ignore", module="lightning.*")
            fabric = Fabric(
                accelerator=machine.accelerator,
                strategy=machine.strategy,
                devices=machine.devices,
                num_nodes=machine.num_nodes,
                precision=fast,
            )
            fabric.launch()
        yield fabric
    finally:
        torch.use_deterministic_algorithms(deterministic)
        debugging.fill_uninitialized_memory = fill
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def seeded(seed: int, epoch: int, step: int, rank: int) -> np.random.Generator:
    """For what is random in a step; torch's own generator, which dropout draws from, is set by it."""
    rng = np.random.default_rng((seed, epoch, step, rank))
    torch.manual_seed(int(rng.integers(2**63)))
    return rng


def given_to(device: torch.device, batch: Batch) -> Batch:
    """A batch in that processor's memory."""
    return batch[0].to(device, non_blocking=True), batch[1].to(device, non_blocking=True)
