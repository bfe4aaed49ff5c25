"""A body under the head of fastai v1's ``create_cnn``.

Head: concatenated max and average pooling (max first), batch norm, dropout 0.25, linear to 512, ReLU, batch norm,
dropout 0.5, linear to the classes. Positions in the ``Sequential`` give the keys that packages carry (``1.2.weight``,
``1.4.weight``, …). Source: fastai v1 (Apache-2.0), ``create_head``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from littoral.errors import MissingExtraError
from littoral.learn.network.bodies import make_body, with_map
from littoral.learn.network.sentinel2 import PREFIX, load_sentinel2
from littoral.learn.network.stages import FirstStages, parted
from littoral.learn.network.weights import load_body

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

HIDDEN = 512


class ConcatPool(nn.Module):
    """Global maximum and mean of each channel: (batch, channels, height, width) to (batch, 2 x channels, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Maximum first."""
        return torch.cat([x.amax((2, 3), keepdim=True), x.mean((2, 3), keepdim=True)], dim=1)


class Network(nn.Sequential):
    """Body, then head: (batch, bands, height, width) to logits (batch, classes)."""

    def __init__(self, body: nn.Module, features: int, classes: int) -> None:
        head = nn.Sequential(
            ConcatPool(),
            nn.Flatten(),
            nn.BatchNorm1d(2 * features),
            nn.Dropout(0.25),
            nn.Linear(2 * features, HIDDEN),
            nn.ReLU(),
            nn.BatchNorm1d(HIDDEN),
            nn.Dropout(0.5),
            nn.Linear(HIDDEN, classes),
        )
        for layer in head:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
        super().__init__(body, head)

    @property
    def body(self) -> nn.Module:
        """All before pooling: to a map (batch, channels, height, width)."""
        return self[0]

    @property
    def head(self) -> nn.Module:
        """Pooling and all after it."""
        return self[1]

    def parted(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, classes), and what they come from: pooled features (batch, 2 x channels)."""
        head = cast(nn.Sequential, self.head)
        features: Tensor = head[:2](self.body(x))
        return head[2:](features), features


def build_network(
    backbone: str,
    bands: int | Sequence[str],
    classes: int,
    weights: str | Path = "none",
    *,
    chip_px: int | None = None,
) -> Network:
    """A network with fresh head.

    Args:
        backbone: timm's name of a network, one of :func:`backbones`; with a stride (``resnet34/8``) its first stages,
            on tiles that are standardised one by one (:mod:`littoral.learn.network.stages`).
        bands: Of the input: how many, or their names, which ``sentinel2:`` weights need.
        classes: Of the output.
        weights: ``hub`` (timm's pretrained ones, downloaded once), ``none``, ``sentinel2:`` and the name of
            self-supervised weights (:mod:`littoral.learn.network.sentinel2`), or a file of the backbone's weights
            (safetensors, or a ``torch.save`` of tensors).
        chip_px: Side of the input, which some backbones are made for; None: timm's own.

    Raises:
        InputError: an unknown backbone or one without a map, chips it does not take, a hub out of reach, or weights
            that do not fit.
        MissingExtraError: ``sentinel2:`` weights without torchgeo.
    """
    name, stride = parted(backbone)
    names = None if isinstance(bands, int) else tuple(bands)
    count = bands if isinstance(bands, int) else len(bands)
    whole = make_body(name, count, chip_px, hub=str(weights) == "hub")
    if str(weights).startswith(PREFIX):
        load_sentinel2(whole, name, names, str(weights))
    elif str(weights) not in ("hub", "none"):
        load_body(whole, Path(weights), count)
    body = whole if stride is None else FirstStages(whole, stride, backbone)
    return Network(*with_map(body, backbone, count, chip_px), classes)
