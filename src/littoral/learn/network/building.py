"""The network: a body with the head of fastai v1's ``create_cnn``.

Head: concatenated max and average pooling (max first), batch norm, dropout 0.25, linear to 512, ReLU, batch norm,
dropout 0.5, linear to the classes. Positions in the ``Sequential`` give the keys that packages carry (``1.2.weight``,
``1.4.weight``, …). Source: fastai v1 (Apache-2.0), ``create_head``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from littoral.learn.network.bodies import make_body, with_map
from littoral.learn.network.sentinel2 import PREFIX, load_sentinel2
from littoral.learn.network.stages import FirstStages, split_stride
from littoral.learn.network.weights import load_body

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

    def with_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, classes), and the pooled features (batch, 2 x channels) that they are computed from."""
        head = cast(nn.Sequential, self.head)
        features: Tensor = head[:2](self.body(x))
        return head[2:](features), features

    def predict(
        self, batch: NDArray[np.float32], *, bf16: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Probabilities (tiles, classes) and features (tiles, 2 x channels), in evaluation mode.

        Args:
            batch: Preprocessed tiles (tiles, bands, chip, chip).
            bf16: Compute in 16-bit arithmetic, else in 32-bit.
        """
        self.eval()
        device = next(self.parameters()).device
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits, features = self.with_features(channels_last(torch.from_numpy(batch).to(device)))
            return torch.softmax(logits.double(), dim=1).cpu().numpy(), features.float().cpu().numpy()

    def freeze(self) -> None:
        """Let training change only the head and the batch norms."""
        for layer in self.body.modules():
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad = isinstance(layer, nn.modules.batchnorm._BatchNorm)

    def unfreeze(self) -> None:
        """Let training change all weights."""
        for parameter in self.parameters():
            parameter.requires_grad = True


def channels_last(batch: Any) -> Tensor:
    """A tensor in the memory layout in which convolutions are fastest."""
    return torch.as_tensor(batch).contiguous(memory_format=torch.channels_last)


def build_network(
    backbone: str,
    bands: int | Sequence[str],
    classes: int,
    weights: str | Path = "none",
    *,
    chip_px: int | None = None,
    seed: int | None = None,
) -> Network:
    """A network with a new head.

    Args:
        backbone: timm's name of a network, one of :func:`backbones`; with a stride (``resnet34/8``) its first stages,
            on tiles that are standardised one by one (:mod:`littoral.learn.network.stages`).
        bands: Of the input: how many, or their names, which ``sentinel2:`` weights need.
        classes: Of the output.
        weights: ``hub`` (timm's pretrained ones, downloaded once), ``none``, ``sentinel2:`` and the name of
            self-supervised weights (:mod:`littoral.learn.network.sentinel2`), or a file of the backbone's weights
            (safetensors, or a ``torch.save`` of tensors).
        chip_px: Side of the input, which some backbones are made for; None: timm's own.
        seed: Of the first weights; None: torch's generator as it is.

    Raises:
        InputError: an unknown backbone or one without a map, chips it does not take, a hub out of reach, or weights
            that do not fit.
        MissingExtraError: ``sentinel2:`` weights without torchgeo.
    """
    if seed is not None:
        torch.manual_seed(seed)
    name, stride = split_stride(backbone)
    names = None if isinstance(bands, int) else tuple(bands)
    count = bands if isinstance(bands, int) else len(bands)
    whole = make_body(name, count, chip_px, hub=str(weights) == "hub")
    if str(weights).startswith(PREFIX):
        load_sentinel2(whole, name, names, str(weights))
    elif str(weights) not in ("hub", "none"):
        load_body(whole, Path(weights), count)
    body = whole if stride is None else FirstStages(whole, stride, backbone)
    return Network(*with_map(body, backbone, count, chip_px), classes)
