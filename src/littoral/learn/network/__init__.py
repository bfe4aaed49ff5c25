"""The network: any of timm's backbones whose last map has places, under one head; and its weights."""

from littoral.learn.network.bodies import backbones
from littoral.learn.network.building import HIDDEN, Network, build_network
from littoral.learn.network.weights import load_state_bytes, state_bytes

__all__ = ["HIDDEN", "Network", "backbones", "build_network", "load_state_bytes", "state_bytes"]
