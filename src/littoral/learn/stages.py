"""The first stages of a backbone: with few tiles, textures carry over to other coasts where objects do not.

``mobilenetv2_100/8`` is mobilenetv2_100 up to the last map at an eighth of the resolution. Why that may be better, and
on what shores: ``docs/trials.md``.
"""

from __future__ import annotations

from typing import Any

from littoral.errors import InputError


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


def keep_stages(body: Any, stride: int, backbone: str) -> int:
    """Cut a network of timm's, in place, after its last map of a stride.

    Returns:
        Channels of that map.

    Raises:
        InputError: the network cannot be cut, or has no such map.
    """
    info, cut = getattr(body, "feature_info", None), getattr(body, "prune_intermediate_layers", None)
    if not info or cut is None:
        raise InputError(f"backbone {backbone!r}", "cannot be cut", "leave the stride away")
    strides = [int(one["reduction"]) for one in info]
    if stride not in strides:
        known = ", ".join(str(one) for one in sorted(set(strides)))
        raise InputError(f"backbone {backbone!r}", f"has no map of stride {stride}", f"choose among {known}")
    place = len(strides) - 1 - strides[::-1].index(stride)
    cut([place], prune_norm=True)
    return int(info[place]["num_chs"])
