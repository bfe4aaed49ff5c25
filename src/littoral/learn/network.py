"""The network: a timm backbone of any band count under the head of fastai v1's ``create_cnn``, and its weights.

Head: concatenated max and average pooling (max first), batch norm, dropout 0.25, linear to 512, ReLU, batch norm,
dropout 0.5, linear to the classes. Positions in the ``Sequential`` give the keys that packages carry (``1.2.weight``,
``1.4.weight``, …). Source: fastai v1 (Apache-2.0), ``create_head``.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from littoral.errors import InputError, MissingExtraError
from littoral.learn.stages import FirstStages, parted

try:
    import timm
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from timm.models import adapt_input_conv
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN = 512

# torchvision's resnets as a plain Sequential number their children; timm names them.
_RESNET_CHILDREN = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


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
        """All before pooling."""
        return self[0]

    @property
    def head(self) -> nn.Module:
        """Pooling and all after it."""
        return self[1]


def build_network(backbone: str, bands: int, classes: int, weights: str | Path = "none") -> Network:
    """A network with fresh head.

    Args:
        backbone: timm's name of a convolutional network (``resnet34``); with a stride (``resnet34/8``) its first
            stages, on tiles that are standardised one by one.
        bands: Of the input.
        classes: Of the output.
        weights: ``hub`` (timm's pretrained ones, downloaded once), ``none``, or a file of the backbone's weights
            (safetensors, or a ``torch.save`` of tensors).

    Raises:
        InputError: an unknown backbone, a hub out of reach, or weights that do not fit.
    """
    asked = backbone
    backbone, stride = parted(backbone)
    if not timm.is_model(backbone):
        close = timm.list_models(f"*{backbone[:6]}*")[:5] or ["resnet18", "resnet34", "resnet50"]
        raise InputError(f"backbone {backbone!r}", "is not one of timm's", f"choose e.g. {', '.join(close)}")
    hub = str(weights) == "hub"
    body: Any
    if hub:
        body = _from_hub(backbone, bands)
    else:
        body = timm.create_model(backbone, pretrained=False, in_chans=bands, num_classes=0, global_pool="")
        if str(weights) != "none":
            _load_body(body, Path(weights), bands)
    fixed = body.default_cfg
    if stride is not None:
        body = FirstStages(body, stride, asked)
    shape: tuple[int, ...] = ()
    if not fixed.get("fixed_input_size", False):
        with torch.no_grad():
            shape = tuple(body.eval()(torch.zeros(1, bands, 64, 64)).shape)
    if len(shape) != 4 or shape[1] != body.num_features:
        raise InputError(f"backbone {backbone!r}", "is not a convolutional network", "choose e.g. resnet34")
    return Network(body, shape[1], classes)


def state_bytes(network: Network, backbone: str) -> bytes:
    """The weights as a package carries them: tensors only, a resnet's under torchvision's positions."""
    # Training may have left another memory layout; a copy in the plain one makes equal weights equal bytes.
    state = {
        _package_key(key, backbone): value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in network.state_dict().items()
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state_bytes(network: Network, backbone: str, content: bytes, source: object) -> None:
    """The reverse of :func:`state_bytes`.

    Raises:
        InputError: not a file of tensors, or tensors that do not fit.
    """
    state = _tensors(io.BytesIO(content), source)
    own = {_package_key(key, backbone): key for key in network.state_dict()}
    unknown, lacking = sorted(state.keys() - own.keys()), sorted(own.keys() - state.keys())
    if unknown or lacking:
        raise InputError(
            source, f"has weights that do not fit {backbone} ({(unknown + lacking)[0]})", "train the model again"
        )
    _load(network, {own[key]: value for key, value in state.items()}, source)


def _package_key(key: str, backbone: str) -> str:
    part, _, rest = key.partition(".")
    child, _, name = rest.partition(".")
    if part == "0" and backbone.startswith("resnet") and child in _RESNET_CHILDREN:
        return f"0.{_RESNET_CHILDREN[child]}.{name}"
    return key


def _from_hub(backbone: str, bands: int) -> nn.Module:
    try:
        return timm.create_model(backbone, pretrained=True, in_chans=bands, num_classes=0, global_pool="")
    # A hub out of reach is an OSError; a backbone that nobody has published weights of, a RuntimeError.
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"pretrained weights of {backbone}",
            f"could not be fetched from the hub ({reason})",
            "pass a file with --weights PATH (pretrained=path), or --weights none (pretrained=False)",
        ) from error


def _load_body(body: nn.Module, path: Path, bands: int) -> None:
    if not path.is_file():
        raise InputError(path, "does not exist as a file", "pass a weights file, hub or none")
    if path.suffix == ".safetensors":
        try:
            state = load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(path, f"is not a safetensors file ({error})", "download it again") from error
    else:
        with path.open("rb") as file:
            state = _tensors(file, path)
    own = body.state_dict()
    first = next(key for key, value in own.items() if value.ndim == 4)
    if first in state and state[first].ndim == 4 and state[first].shape[1] != bands:
        # timm's rule for another number of bands: repeat the kernels and rescale.
        state[first] = adapt_input_conv(bands, state[first])
    # A classifier of other classes is of no use here; counters of batches do not matter.
    state = {
        key: value for key, value in state.items() if key in own or not key.startswith(("classifier.", "fc.", "head."))
    }
    lacking = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in own]
    if lacking or unknown:
        raise InputError(
            path,
            f"does not fit the backbone ({(lacking + unknown)[0]} has no counterpart)",
            "pass weights of the same architecture with --backbone",
        )
    _load(body, {**{key: own[key] for key in own if key not in state}, **state}, path)


def _load(module: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(
            source, f"has weights of other shapes ({detail})", "pass weights of the same network"
        ) from error
    for key, value in module.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(source, f"has weights that are not finite ({key})", "train the model again")


def _tensors(file: Any, source: object) -> dict[str, Tensor]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InputError(
            source, "holds weights that cannot be read safely", "use a state dict of tensors only"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(source, "holds more than tensors", "use a state dict of tensors only")
    return state
