"""Weights of a network: as a package carries them, and of a body from a file. Nothing in them is executed."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models import adapt_input_conv
from torch import Tensor, nn

from littoral.errors import InputError
from littoral.learn.network.torch_files import check_records

Weights = dict[str, Tensor]

# What reading a stranger's pickle may end in: its own error, or whatever a wrong argument to a tensor's maker raises.
_UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, AttributeError, ValueError,
               AssertionError, ArithmeticError, MemoryError, ImportError, OSError)  # fmt: skip

# torchvision's resnets as a plain Sequential number their children; timm names them.
_RESNET_CHILDREN = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def weights_of(network: nn.Module) -> Weights:
    """A copy on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


def state_bytes(network: nn.Module, backbone: str) -> bytes:
    """The weights as a package carries them: tensors only, a resnet's under torchvision's positions."""
    # Training may have left another memory layout; a copy in the plain one makes equal weights equal bytes.
    state = {
        _package_key(key, backbone): value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in network.state_dict().items()
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state_bytes(network: nn.Module, backbone: str, content: bytes, source: object) -> None:
    """The reverse of :func:`state_bytes`.

    Raises:
        InputError: not a file of tensors, or tensors that do not fit.
    """
    check_records(content, source)
    # Names and shapes first, on no device: nothing is allocated for what would not fit.
    raw = _unpickled(io.BytesIO(content), source, "meta")
    if _claimed(raw) > len(content):
        raise InputError(source, "has weights that claim more than its bytes", "do not use this file")
    shapes = _state_of(raw, source)
    own = {_package_key(key, backbone): value for key, value in network.state_dict().items()}
    # Files of before torch 0.4.1 have no counters of batches, which do not matter.
    needed = {key for key in own if not key.endswith("num_batches_tracked")}
    unknown, lacking = sorted(shapes.keys() - own.keys()), sorted(needed - shapes.keys())
    if unknown or lacking:
        key = (unknown + lacking)[0]
        raise InputError(source, f"has weights that do not fit {backbone} ({key[:60]!r})", "train the model again")
    for key, value in own.items():
        if key not in shapes:
            continue
        if shapes[key].layout != torch.strided or shapes[key].is_complex() or shapes[key].is_quantized:
            raise InputError(source, f"has weights that are no plain numbers ({key})", "train the model again")
        if shapes[key].shape != value.shape:
            detail = f"{key} is {tuple(shapes[key].shape)}, not {tuple(value.shape)}"
            raise InputError(source, f"has weights of other shapes ({detail})", "pass weights of the same network")
    state = {**own, **_tensors(io.BytesIO(content), source)}
    _load(network, {key: state[_package_key(key, backbone)] for key in network.state_dict()}, source)


def _package_key(key: str, backbone: str) -> str:
    part, _, rest = key.partition(".")
    child, _, name = rest.partition(".")
    if part == "0" and backbone.startswith("resnet") and child in _RESNET_CHILDREN:
        return f"0.{_RESNET_CHILDREN[child]}.{name}"
    return key


def load_body(body: nn.Module, path: Path, bands: int) -> None:
    """Load a file of a backbone's weights; those for another number of bands are repeated and rescaled, timm's rule.

    Raises:
        InputError: no such file, none of tensors, or tensors that do not fit.
    """
    if not path.is_file():
        raise InputError(path, "does not exist as a file", "pass a weights file, hub, none or sentinel2:NAME")
    if path.suffix == ".safetensors":
        try:
            state = load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(path, f"is not a safetensors file ({error})", "download it again") from error
    else:
        with path.open("rb") as file:
            state = _tensors(file, path)
    first = first_kernel(body)
    if first in state and state[first].ndim == 4 and state[first].shape[1] != bands:
        state[first] = adapt_input_conv(bands, state[first])
    fill_body(body, state, path)


def first_kernel(body: nn.Module) -> str:
    """Key of the kernel that meets the bands."""
    return next(key for key, value in body.state_dict().items() if value.ndim == 4)


def fill_body(body: Any, state: dict[str, Tensor], source: object, *, may_lack: tuple[str, ...] = ()) -> None:
    """Load a state dict into a backbone that has no classifier.

    Args:
        body: timm's network.
        state: Its tensors; a classifier among them is passed over.
        source: What to call them in a message.
        may_lack: Beginnings of keys that stay as they are where the state lacks them.

    Raises:
        InputError: they do not fit.
    """
    own = body.state_dict()
    # A classifier of other classes is of no use here; counters of batches do not matter.
    state = {
        key: value for key, value in state.items() if key in own or not key.startswith(("classifier.", "fc.", "head."))
    }
    may = ("num_batches_tracked",)
    lacking = [key for key in own if key not in state and not key.endswith(may) and not key.startswith(may_lack)]
    unknown = [key for key in state if key not in own]
    if lacking or unknown:
        raise InputError(
            source,
            f"does not fit the backbone, a {type(body).__name__} ({(lacking + unknown)[0]} has no counterpart)",
            "say with --backbone whose weights they are, or pass weights of this one",
        )
    place = "pos_embed"
    if place in state and state[place].ndim == 3 and state[place].shape[1] != own[place].shape[1]:
        # Places of another size of image, interpolated as timm does.
        state[place] = resample_abs_pos_embed(
            state[place], list(body.patch_embed.grid_size), num_prefix_tokens=body.num_prefix_tokens
        )
    _load(body, {**{key: own[key] for key in own if key not in state}, **state}, source)


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


def _tensors(file: Any, source: object) -> Weights:
    return _state_of(_unpickled(file, source), source)


def _unpickled(file: Any, source: object, device: str = "cpu") -> Any:
    try:
        with warnings.catch_warnings():
            # Of other pickle protocols, of sparse tensors: what is no state dict is refused below.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location=device, weights_only=True)
    except _UNREADABLE as error:
        raise InputError(
            source, "holds weights that cannot be read safely", "use a state dict of tensors only"
        ) from error


def _state_of(raw: Any, source: object) -> Weights:
    """The state dict of a network in what training programs save: beside the optimiser's, or under the prefixes that
    parallel and compiled networks put before each key.

    Raises:
        InputError: something else than tensors.
    """
    if isinstance(raw, dict) and not any(isinstance(value, Tensor) for value in raw.values()):
        inner = [raw[key] for key in ("model", "state_dict", "model_state_dict") if isinstance(raw.get(key), dict)]
        raw = inner[0] if inner else raw
    if not isinstance(raw, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in raw.items()
    ):
        raise InputError(source, "holds more than tensors", "use a state dict of tensors only")
    state = raw
    for prefix in ("module.", "_orig_mod.", "module."):
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _claimed(raw: Any) -> int:
    """Bytes of all tensors in what was read, storages that are shared counted once."""
    seen: set[int] = set()
    storages: dict[int, int] = {}
    todo = [raw]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            if value.layout == torch.strided:
                storage = value.untyped_storage()
                storages[storage._cdata] = storage.nbytes()
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list | tuple | set):
            todo += value
    return sum(storages.values())
