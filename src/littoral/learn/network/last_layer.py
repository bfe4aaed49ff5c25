"""The calibration's temperature in the network's last layer, so that any program that runs the weights gets calibrated
probabilities."""

from __future__ import annotations

import torch
from torch import nn

from littoral.learn.network.building import Network


def divide_logits(network: Network, temperature: float) -> None:
    """Divide the weights of the last layer, and so the logits, by a temperature, in place; 1 changes no bit."""
    with torch.no_grad():
        for parameter in _last(network).parameters():
            parameter.div_(temperature)


def _last(network: Network) -> nn.Linear:
    assert isinstance(network.head, nn.Sequential)
    layer = network.head[-1]
    assert isinstance(layer, nn.Linear)
    return layer
