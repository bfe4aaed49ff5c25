from .bodies import backbones
from .building import HIDDEN, Network, build_network
from .device import Precision, move, precision
from .last_layer import divide_logits
from .weights import Weights, load_state_bytes, state_bytes, weights_of

__all__ = [
    "HIDDEN",
    "Network",
    "Precision",
    "Weights",
    "backbones",
    "build_network",
    "divide_logits",
    "load_state_bytes",
    "move",
    "precision",
    "state_bytes",
    "weights_of",
]
