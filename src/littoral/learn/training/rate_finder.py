"""The learning-rate finder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from littoral.errors import InputError
from littoral.learn.network import Network, weights_of
from littoral.learn.training.batches import Batch, Batches
from littoral.learn.training.log import bar
from littoral.learn.training.losses import Objective
from littoral.learn.training.machine import Machine, seeded, started, to_device
from littoral.learn.training.rates import adam

LOWEST, HIGHEST = 1e-6, 1.0
"""Lowest and highest rate of the range test."""


def default_steps(training: Batches) -> int:
    """Number of batches of a range test: those of an epoch, but 20 to 100."""
    return min(100, max(20, len(training)))


def find_rate(
    network: Network,
    training: Batches,
    objective: Objective,
    *,
    steps: int | None = None,
    machine: Machine,
    progress: bool | None = None,
) -> tuple[float, list[float], list[float]]:
    """Learning-rate range test: rates grow from 1e-6 to 1 over some batches; the network keeps its weights.

    Returns:
        The rate of the steepest fall of the loss, and all rates and losses tried.

    Raises:
        InputError: no rate lowers the loss.
    """
    with started(machine, None) as fabric:
        found = found_rate(fabric, network, training, objective, steps or default_steps(training), progress)
    network.cpu()
    return found


def found_rate(
    fabric: Fabric, network: Network, training: Batches, objective: Objective, steps: int, progress: bool | None
) -> tuple[float, list[float], list[float]]:
    """A range test in this process only; the network keeps its weights."""
    before = weights_of(network)
    network.to(fabric.device).to(memory_format=torch.channels_last).train()
    with bar("learning rates", steps, 0, progress if fabric.is_global_zero else False) as advance:

        def loss_of(step: int, batch: Batch) -> Tensor:
            rng = seeded(training.order.seed, 0, step, fabric.global_rank)
            with fabric.autocast():
                loss = objective(network, *to_device(fabric.device, batch), rng)
            advance()
            return loss

        batches = chain.from_iterable(training.epoch(number) for number in count())
        try:
            return range_test(network, batches, steps, loss_of)
        finally:
            network.load_state_dict(before)


def range_test(
    network: Network, batches: Iterable[Any], steps: int, loss_of: Callable[[int, Any], Tensor]
) -> tuple[float, list[float], list[float]]:
    """Smith's range test (arXiv:1506.01186): the rate grows from step to step until the loss grows fourfold.

    The weights change; the caller restores them.

    Returns:
        The rate at which the smoothed loss falls most steeply, all rates tried, and the smoothed losses.

    Raises:
        InputError: no rate lowers the loss.
    """
    rates = np.geomspace(LOWEST, HIGHEST, steps)
    optimizer = adam(network, LOWEST, 0.0)
    losses: list[float] = []
    smooth, keep = 0.0, 1 - min(0.5, 5 / steps)
    for step, (rate, batch) in enumerate(zip(rates, batches, strict=False)):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = loss_of(step, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        smooth = keep * smooth + (1 - keep) * float(loss.detach())
        losses.append(smooth / (1 - keep ** (step + 1)))
        if not np.isfinite(losses[-1]):
            losses.pop()
            break
        if step > steps // 4 and losses[-1] > 4 * min(losses):
            break
    tried = rates[: len(losses)].tolist()
    return _steepest(tried, losses), tried, losses


def _steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate of the steepest fall, without the first tenth, whose smoothed losses are means of few."""
    first = len(losses) // 10
    slopes = np.gradient(losses)[first:-1] if len(losses) > first + 2 else np.zeros(0)
    if not (slopes < 0).any():
        raise InputError("the learning-rate finder", "found no rate that lowers the loss", "pass --lr, e.g. 0.001")
    return float(rates[first + int(slopes.argmin())])
