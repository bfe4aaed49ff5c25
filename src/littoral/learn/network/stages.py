"""The first stages of a backbone, on tiles that are standardised one by one.

``mobilenetv2_100/8`` is mobilenetv2_100 up to the last map at an eighth of the resolution. With few tiles, textures
carry over to other coasts where objects and colours do not (figures: ``docs/figures/trials.md``). What sky, sun and
sensor do to all pixels of a band cancels, and so does the brightness of a place.
"""

from __future__ import annotations

from typing import Any

from littoral.errors import InputError, MissingExtraError

try:
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

_LEAST = 1e-3
"""Added to a deviation: of what a deviation is among all training tiles."""


class FirstStages(nn.Module):
    """Each band of each tile less its mean, over its deviation; then the first stages of a network.

    Args:
        net: A network of timm's; it is cut in place.
        stride: Of the last map that is kept.
        backbone: What to call it in a message.

    Raises:
        InputError: the network cannot be cut, or has no such map.
    """

    def __init__(self, net: Any, stride: int, backbone: str) -> None:
        super().__init__()
        info, cut = getattr(net, "feature_info", None), getattr(net, "prune_intermediate_layers", None)
        if not info or cut is None:
            raise InputError(f"backbone {backbone!r}", "cannot be cut", "leave the stride away")
        strides = [int(one["reduction"]) for one in info]
        if stride not in strides:
            known = ", ".join(str(one) for one in sorted(set(strides)))
            raise InputError(f"backbone {backbone!r}", f"has no map of stride {stride}", f"choose among {known}")
        place = len(strides) - 1 - strides[::-1].index(stride)
        cut([place], prune_norm=True)
        self.net = net
        self.default_cfg = net.default_cfg
        self.num_features = int(info[place]["num_chs"])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, bands, height, width) to (batch, channels, rows, columns)."""
        features: Tensor = self.net(standardised(x))
        return features


def standardised(x: Tensor) -> Tensor:
    """Tiles (batch, bands, height, width), each band of each with mean 0 and deviation 1.

    Missing pixels, which preprocessing leaves at 0 in all bands, count for nothing and stay 0.

    >>> import torch
    >>> standardised(torch.tensor([[[[1.0, 3.0, 0.0]]]])).abs().round(decimals=2).tolist()
    [[[[1.0, 1.0, 0.0]]]]
    """
    there = (x.abs().amax(1, keepdim=True) > 0).to(x.dtype)
    count = there.sum((2, 3), keepdim=True).clamp(min=1)
    centred = (x - (x * there).sum((2, 3), keepdim=True) / count) * there
    spread = (centred.square().sum((2, 3), keepdim=True) / count).sqrt()
    return centred / (spread + _LEAST)


def parted(backbone: str) -> tuple[str, int | None]:
    """timm's name, and the stride after which the network ends; None: as a whole.

    Raises:
        InputError: what stands behind the slash is no stride.

    >>> parted("resnet34"), parted("resnet34/8")
    (('resnet34', None), ('resnet34', 8))
    """
    name, slash, stride = backbone.partition("/")
    if not slash:
        return name, None
    if not stride.isdigit():
        raise InputError(f"backbone {backbone!r}", f"ends in {stride!r}, which is no stride", f"write e.g. {name}/8")
    return name, int(stride)
