"""The devices and nodes that a training runs on, by Lightning's Fabric."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.utilities import rank_zero_only

from littoral.learn.network.device import precision
from littoral.learn.training.batches import Batch


@dataclass(frozen=True)
class Machine:
    """Devices and nodes of a training; names and values are Lightning's.

    With several devices of one machine, this process starts the others, each of which runs the same script. On several
    nodes, ``srun`` or ``torchrun`` starts each process::

        srun --nodes 2 --ntasks-per-node 4 littoral train TILES -o model.dlpk --num-nodes 2 --devices 4
        torchrun --nnodes 2 --nproc-per-node 4 --rdzv-endpoint HOST:29500 --rdzv-backend c10d script.py

    A step then trains on ``batch_size`` tiles of each process. The first process prints and writes; a script of your
    own calls :func:`is_first_process` before it saves.
    """

    devices: int = 1
    """Devices on each node."""
    num_nodes: int = 1
    """Number of nodes."""
    accelerator: str = "auto"
    """``cpu``, ``cuda``, ``mps`` …; auto: the best there is."""
    strategy: str = "auto"
    """How the devices share the work; auto: distributed data parallel."""


def is_first_process() -> bool:
    """Whether this is the process that prints and writes; the other processes of a training only compute."""
    process: Any = rank_zero_only
    return bool(process.rank == 0)


@contextmanager
def started(machine: Machine, mixed_precision: bool | None) -> Iterator[Fabric]:
    """Fabric with its processes running, set to deterministic algorithms.

    Args:
        machine: Devices and nodes.
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
        # Without this, CUDA's matrix products are not deterministic.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        # Switched on with deterministic algorithms as an aid for finding bugs; it takes half of the time.
        debugging.fill_uninitialized_memory = False
        with warnings.catch_warnings():
            # Advice on other packages and on variables of clusters.
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
    """Random numbers for a step of training; seeds torch's own generator, which dropout draws from, too."""
    rng = np.random.default_rng((seed, epoch, step, rank))
    torch.manual_seed(int(rng.integers(2**63)))
    return rng


def to_device(device: torch.device, batch: Batch) -> Batch:
    """Copy a batch to a device's memory."""
    return batch[0].to(device, non_blocking=True), batch[1].to(device, non_blocking=True)
