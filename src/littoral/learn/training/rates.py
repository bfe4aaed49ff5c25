"""Learning rates: what a user may pass, how they move the weights, and how one is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from littoral.errors import InputError, MissingExtraError
from littoral.learn.network import Network

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

Rate = float | tuple[float, float]
"""One learning rate, or one for the body and one for the head."""

LOWEST, HIGHEST = 1e-6, 1.0
"""Rates of the range test."""


def rate_of(lr: float | slice) -> Rate:
    """
    Raises:
        InputError: not positive.

    >>> rate_of(0.01), rate_of(slice(1e-4, 1e-2)), rate_of(slice(1e-2))
    (0.01, (0.0001, 0.01), (0.001, 0.01))
    """
    if isinstance(lr, slice):
        # fastai's rule where the body's rate is left open.
        head = float(lr.stop)
        rates = (head / 10 if lr.start is None else float(lr.start), head)
    else:
        rates = (float(lr),) * 2
    if not all(np.isfinite(rate) and rate > 0 for rate in rates):
        raise InputError(f"learning rate {lr}", "is not positive", "pass e.g. 0.001, or none to have it found")
    return rates if isinstance(lr, slice) else rates[0]


def adam(network: Network, rate: Rate, weight_decay: float) -> torch.optim.AdamW:
    """An optimizer of what may learn: body and head, each with its rate.

    Raises:
        InputError: nothing may learn.
    """
    groups: list[dict[str, Any]] = []
    for part, lr in zip((network.body, network.head), rate if isinstance(rate, tuple) else (rate, rate), strict=True):
        learning = [parameter for parameter in part.parameters() if parameter.requires_grad]
        groups += [{"params": learning, "lr": lr}] if learning else []
    if not groups:
        raise InputError("the network", "has no weight that may learn", "call unfreeze() first")
    # One pass over the weights instead of ten: on a processor without a GPU, a tenth of the time of a step.
    return torch.optim.AdamW(groups, weight_decay=weight_decay, fused=True)


def range_test(
    network: Network, batches: Iterable[Any], steps: int, loss_of: Callable[[int, Any], Tensor]
) -> tuple[float, list[float], list[float]]:
    """Smith's range test (arXiv:1506.01186): the rate grows from step to step until the loss grows fourfold.

    The network is moved; whoever calls puts it back.

    Returns:
        The rate at which the smoothed loss falls most steeply, all rates tried, and the smoothed losses.

    Raises:
        InputError: no rate made the loss fall.
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
    """The first steps say little, as the mean over them is of few losses."""
    first = len(losses) // 10
    slopes = np.gradient(losses)[first:-1] if len(losses) > first + 2 else np.zeros(0)
    if not (slopes < 0).any():
        raise InputError("the learning-rate finder", "found no rate that lowers the loss", "pass --lr, e.g. 0.001")
    return float(rates[first + int(slopes.argmin())])
