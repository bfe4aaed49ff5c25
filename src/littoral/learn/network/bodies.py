"""timm's backbones as bodies: (batch, bands, height, width) to a map (batch, channels, rows, columns).

Convolutional networks give such a map by themselves. Vision transformers, mixers and others give tokens (batch, tokens,
channels), the first of which may stand for the whole image, or maps with the channels last: :class:`FeatureMap` brings
them into the same shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from math import isqrt
from ssl import SSLError
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import timm
import torch
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError
from timm.models import model_entrypoint
from torch import Tensor, nn

from littoral.errors import InputError, first_line

WITHOUT_MAP = frozenset({"coat", "crossvit", "efficientvim", "pit"})
"""Modules of timm whose networks end in no map: in several outputs at once, or in a token for the whole image only."""


_PATIENCE_S = 10
"""Time to wait for the hub, seconds."""


class FeatureMap(nn.Module):
    """A network whose features are tokens, or a map with the channels last."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        self.num_features: int = net.num_features
        self.prefix: int = getattr(net, "num_prefix_tokens", 0) or 0

    def forward(self, x: Tensor) -> Tensor:
        """(batch, bands, side, side) to (batch, channels, rows, columns)."""
        features: Tensor = self.net.forward_features(x)
        if features.ndim == 3:
            # Tokens for the whole image come first; not every network states their number.
            rows = isqrt(features.shape[1] - self.prefix)
            places = features[:, -rows * rows :].transpose(1, 2)
            return places.reshape(*places.shape[:2], rows, rows)
        return features if features.shape[1] == self.num_features else features.permute(0, 3, 1, 2)


def backbones(pattern: str = "*") -> list[str]:
    """Names of timm's networks that can be a body, sorted.

    Families that do not end in a map (coat, crossvit, efficientvim, pit) are left out. Some others accept only certain
    sizes of chips, with an error when they are built.

    Args:
        pattern: With ``*`` and ``?``: ``resnet*``.

    >>> backbones("resnet?4"), backbones("pit_*")
    (['resnet34'], [])
    """
    return sorted(name for name in timm.list_models(pattern) if _module(name) not in WITHOUT_MAP)


def make_body(backbone: str, bands: int, chip_px: int | None, *, hub: bool) -> Any:
    """timm's network without its classifier.

    Raises:
        InputError: an unknown backbone, or weights that cannot be fetched.
    """
    if not timm.is_model(backbone):
        close = timm.list_models(f"*{backbone[:6]}*")[:5] or ["resnet18", "resnet34", "resnet50"]
        raise InputError(f"backbone {backbone!r}", "is not one of timm's", f"choose e.g. {', '.join(close)}")
    if _module(backbone) in WITHOUT_MAP:
        raise InputError(
            f"backbone {backbone!r}",
            "does not end in a map that could be pooled",
            "choose e.g. resnet34; FeatureClassifier.backbones() lists all",
        )
    config = timm.get_pretrained_cfg(backbone)
    size = {"img_size": chip_px} if chip_px and config is not None and config.fixed_input_size else {}
    given: dict[str, Any] = {"pretrained": hub, "in_chans": bands, "num_classes": 0, **size}
    try:
        with _hub() if hub else nullcontext():
            try:
                return timm.create_model(backbone, global_pool="", **given)
            except AssertionError:
                # Some cannot be had without their pooling; their features can, all the same.
                return timm.create_model(backbone, **given)
    # OSError: the hub cannot be reached; RuntimeError: there are no weights of this backbone.
    except (OSError, RuntimeError) as error:
        if not hub:
            raise _refused(backbone, chip_px, error) from error
        reason = first_line(error)
        if isinstance(error, LocalEntryNotFoundError):
            reason = "it cannot be reached, and no earlier download is kept"
        raise InputError(
            f"pretrained weights of {backbone}",
            f"could not be fetched from the hub ({reason})",
            "pass a file with --weights PATH (pretrained=path), or --weights none (pretrained=False)",
        ) from error
    except (AssertionError, TypeError, ValueError) as error:
        raise _refused(backbone, chip_px, error) from error


def with_map(body: Any, backbone: str, bands: int, chip_px: int | None) -> tuple[nn.Module, int]:
    """The body, wrapped where it gives no map by itself, and the number of its channels.

    Raises:
        InputError: it does not take such chips, or gives no map.
    """
    side = chip_px or body.default_cfg["input_size"][-1]
    image = torch.zeros(1, bands, side, side)
    channels = {body.num_features, getattr(body, "head_hidden_size", None)}
    wrapped = FeatureMap(body)
    try:
        with torch.no_grad():
            found = body.eval()(image)
            if isinstance(found, Tensor) and found.ndim == 4 and found.shape[1] in channels:
                return body, found.shape[1]
            found = wrapped.eval()(image)
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise _refused(backbone, chip_px, error) from error
    if found.shape[1] != wrapped.num_features:
        raise _refused(backbone, chip_px, ValueError("it gives no map"))
    return wrapped, wrapped.num_features


def _module(backbone: str) -> str:
    return str(model_entrypoint(backbone).__module__).rpartition(".")[2]


@contextmanager
def _hub() -> Iterator[None]:
    """If the hub cannot be reached, use its cache only: its client would retry for most of a minute, with warnings."""
    before = constants.HF_HUB_OFFLINE
    try:
        if not before:
            urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=_PATIENCE_S).close()
    except HTTPError:
        pass  # The hub can be reached.
    except (OSError, RuntimeError) as error:
        # A problem with certificates is left to the client to report.
        constants.HF_HUB_OFFLINE = not isinstance(getattr(error, "reason", None), SSLError)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _refused(backbone: str, chip_px: int | None, error: Exception) -> InputError:
    chips = "its own size of chips" if chip_px is None else f"chips of {chip_px} pixels"
    return InputError(
        f"backbone {backbone!r}",
        f"cannot be used with {chips} ({first_line(error)})",
        "pass another chip_size or resize_to (--chip-size, --resize-to), e.g. 224, or another backbone",
    )
