"""The first stages of a backbone, on tiles that are standardised one by one.

``mobilenetv2_100/8`` is mobilenetv2_100 up to the last map at an eighth of the resolution. With few training tiles,
early layers (textures) transfer to other coasts better than later ones (objects); figures in
``docs/figures/trials.md``. Standardising each tile removes the effects of sky, sun and sensor that are the same for
all pixels of a band.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from littoral.errors import InputError

_LEAST = 1e-3
"""Added to a tile's standard deviation, in units of the training tiles' standard deviation."""


class FirstStages(nn.Module):
    """Standardise each band of each tile, then apply the first stages of a network.

    Args:
        net: timm's network; its later stages are removed in place.
        stride: Of the last map that is kept.
        backbone: Name for messages.

    Raises:
        InputError: the network cannot be cut, or has no such map.
    """

    def __init__(self, net: Any, stride: int, backbone: str) -> None:
        super().__init__()
        info, cut = getattr(net, "feature_info", None), getattr(net, "prune_intermediate_layers", None)
        if not info or cut is None:
            raise InputError(f"backbone {backbone!r}", "cannot be cut", "leave out the stride")
        strides = [int(one["reduction"]) for one in info]
        if stride not in strides:
            available = ", ".join(str(one) for one in sorted(set(strides)))
            raise InputError(f"backbone {backbone!r}", f"has no map of stride {stride}", f"choose among {available}")
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

    Missing pixels, which preprocessing leaves at 0 in all bands, are ignored and stay 0.

    >>> import torch
    >>> standardised(torch.tensor([[[[1.0, 3.0, 0.0]]]])).abs().round(decimals=2).tolist()
    [[[[1.0, 1.0, 0.0]]]]
    """
    there = (x.abs().amax(1, keepdim=True) > 0).to(x.dtype)
    count = there.sum((2, 3), keepdim=True).clamp(min=1)
    centred = (x - (x * there).sum((2, 3), keepdim=True) / count) * there
    spread = (centred.square().sum((2, 3), keepdim=True) / count).sqrt()
    return centred / (spread + _LEAST)


def split_stride(backbone: str) -> tuple[str, int | None]:
    """timm's name, and the stride at which the network ends; None: the whole network.

    Raises:
        InputError: the text after the slash is no stride.

    >>> split_stride("resnet34"), split_stride("resnet34/8")
    (('resnet34', None), ('resnet34', 8))
    """
    name, slash, stride = backbone.partition("/")
    if not slash:
        return name, None
    if not stride.isdigit():
        raise InputError(f"backbone {backbone!r}", f"ends in {stride!r}, which is no stride", f"write e.g. {name}/8")
    return name, int(stride)
