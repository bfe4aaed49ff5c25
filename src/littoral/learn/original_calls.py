"""Arguments of the original ``FeatureClassifier`` that are elsewhere or not needed here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from littoral.errors import InputError, WriteError

Backbone = str | Callable[..., Any] | None
"""Name of a network, or a function that makes one, as those of ``torchvision.models``; None: resnet34."""

_TIMM_NAMES = {
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
}
"""Networks that timm calls otherwise than torchvision."""


def backbone_name(backbone: Backbone) -> str:
    """timm's name of a network.

    >>> def resnet18(weights=None): ...
    >>> backbone_name("resnet50"), backbone_name(resnet18), backbone_name(None), backbone_name("mobilenet_v2")
    ('resnet50', 'resnet18', 'resnet34', 'mobilenetv2_100')

    Raises:
        InputError: neither a name nor a function with one.
    """
    name = "resnet34" if backbone is None else backbone if isinstance(backbone, str) else _name_of(backbone)
    return _TIMM_NAMES.get(name, name)


def _name_of(backbone: object) -> str:
    name = getattr(backbone, "__name__", None)
    if not callable(backbone) or not isinstance(name, str):
        what = f"is a {type(backbone).__name__}"
        raise InputError("backbone", what, 'pass a name such as "resnet34", or a function of torchvision')
    return name.rpartition(".")[2]


def weights_name(pretrained: bool | str | Path | None, backend: str = "pytorch") -> str | Path:
    """Which pretrained weights are meant: ``hub`` for timm's, ``none``, a file, or ``sentinel2:NAME``.

    >>> weights_name(True), weights_name(None), weights_name(False), weights_name("a.pth")
    ('hub', 'hub', 'none', 'a.pth')

    Raises:
        InputError: another backend than ``pytorch``.
    """
    if backend != "pytorch":
        raise InputError(f"backend {backend!r}", "is not supported", "leave it out: there is one, pytorch")
    return ("none" if pretrained is False else "hub") if isinstance(pretrained, bool | None) else pretrained


def suffix_of(framework: str, *, publish: bool = False, save_optimizer: bool = False) -> str:
    """Suffix of the file that ``save`` writes for its arguments.

    >>> suffix_of("PyTorch"), suffix_of("onnx")
    ('.dlpk', '.onnx')

    Raises:
        InputError: an unknown framework, or an argument of the original that littoral cannot follow.
    """
    if publish:
        raise InputError(
            "publish", "is not supported, as littoral uploads nothing", "add the saved .dlpk as an item of the portal"
        )
    if save_optimizer:
        what, remedy = "is not supported", "keep the optimiser's state in a checkpoint, with fit(checkpoint=True)"
        raise InputError("save_optimizer", what, remedy)
    suffixes = {"pytorch": ".dlpk", "onnx": ".onnx"}
    if framework.casefold() not in suffixes:
        raise InputError(f"framework {framework!r}", "is not known", "choose PyTorch or onnx")
    return suffixes[framework.casefold()]


def with_folder(path: Path) -> Path:
    """The path of a file that is to be written, its folder made.

    Raises:
        WriteError: the disk refused.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(path, error) from error
    return path
