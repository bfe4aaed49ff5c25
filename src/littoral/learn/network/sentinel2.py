"""Self-supervised weights from Sentinel-2, as torchgeo publishes them (extra ``sentinel2-weights``).

They were trained on all bands of Level-1C, on some, or on B04, B03, B02. The first layer's kernels are selected by the
name of their band and put in the order of the data's bands; those of other bands are dropped. The authors divide
reflectance × 10000 by 10000 or standardise it; here inputs are standardised by the training tiles, and the batch norms,
which are trained even in a frozen body, adapt to the difference. Transformers have no batch norms and are better
unfrozen. torchgeo's documentation names the paper and the licence of each.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import timm
import torch
from torch import nn

from littoral.errors import InputError, MissingExtraError, first_line
from littoral.imagery.scene import same_band
from littoral.learn.network.weights import fill_body, first_kernel

PREFIX = "sentinel2:"


def sentinel2_weights() -> dict[str, tuple[str, Any]]:
    """Those that fit a backbone of timm: name as torchgeo writes it (``ResNet18_Weights.SENTINEL2_ALL_MOCO``) to the
    backbone and torchgeo's entry, whose ``meta`` names bands and paper.

    Raises:
        MissingExtraError: torchgeo is not installed.
    """
    try:
        from torchgeo.models import get_model_weights, list_models
    except ImportError as error:
        raise MissingExtraError("Sentinel-2 weights", "sentinel2-weights") from error
    found = {}
    for backbone in filter(timm.is_model, list_models()):
        for entry in get_model_weights(backbone):
            if entry.name.startswith("SENTINEL2_"):
                found[str(entry)] = (backbone, entry)
    return dict(sorted(found.items()))


def load_sentinel2(body: nn.Module, backbone: str, bands: Sequence[str] | None, wanted: str) -> None:
    """Load weights into timm's network.

    Args:
        body: Without classifier.
        backbone: Its name.
        bands: Names of the input's bands, in order.
        wanted: ``sentinel2:`` and a name of :func:`sentinel2_weights`.

    Raises:
        InputError: no such weights, weights of another backbone or of other bands, or a server out of reach.
        MissingExtraError: torchgeo is not installed.
    """
    known = sentinel2_weights()
    name = wanted.removeprefix(PREFIX)
    if name not in known:
        near = get_close_matches(name, known, 1, 0.4)
        guess = f", {near[0]} perhaps" if near else ""
        raise InputError(f"weights {name!r}", "are not among torchgeo's for Sentinel-2", f"choose one of "
                         f"{', '.join(known)}{guess}")  # fmt: skip
    fitting, entry = known[name]
    if fitting != backbone:
        raise InputError(
            f"weights {name}",
            f"are of {fitting}, not of {backbone}",
            f"pass --backbone {fitting} (backbone={fitting!r})",
        )
    trained = [str(band) for band in entry.meta["bands"]]
    places = [_place(band, trained, name) for band in bands or ()]
    if not places:
        raise InputError(f"weights {name}", "need the names of the bands", f"name them among {', '.join(trained)}")
    try:
        state = entry.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"weights {name}",
            f"could not be fetched ({first_line(error)})",
            f"put {entry.url} into {torch.hub.get_dir()}/checkpoints, or pass a file of weights with --weights PATH "
            "(pretrained=path), or --weights none (pretrained=False)",
        ) from error
    first = first_kernel(body)
    if first not in state or state[first].shape[1] != len(trained):
        raise InputError(f"weights {name}", f"are not for {len(trained)} bands", f"report it, with {entry.url}")
    state[first] = state[first][:, places]
    # Masked autoencoders are published without the norm after the last block.
    fill_body(body, state, f"weights {name}", may_lack=("norm.",))


def _place(band: str, trained: Sequence[str], name: str) -> int:
    for place, other in enumerate(trained):
        if same_band(band, other):
            return place
    raise InputError(
        f"weights {name}",
        f"know no band {band}",
        f"choose among {', '.join(trained)} with --bands (bands=…), or other weights",
    )
