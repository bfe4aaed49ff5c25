"""The temperature in the network: its last layer is divided by it, so that whoever uses the weights gets calibrated
probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from littoral.errors import MissingExtraError
from littoral.learn.network import Network

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error


def divide_logits(network: Network, temperature: float) -> None:
    """Make the network's logits smaller by a factor, in place; 1 leaves every bit as it is."""
    with torch.no_grad():
        for parameter in _last(network).parameters():
            parameter.div_(temperature)


@contextmanager
def as_trained(network: Network, temperature: float) -> Iterator[None]:
    """For a while the network as it was before its logits were divided; after, the very bits it had."""
    kept = {name: value.clone() for name, value in _last(network).state_dict().items()}
    divide_logits(network, 1 / temperature)
    try:
        yield
    finally:
        _last(network).load_state_dict(kept)


def _last(network: Network) -> nn.Linear:
    assert isinstance(network.head, nn.Sequential)
    layer = network.head[-1]
    assert isinstance(layer, nn.Linear)
    return layer
