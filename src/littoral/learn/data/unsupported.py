"""Arguments of the original ``prepare_data`` that are elsewhere or not needed here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from littoral.errors import InputError

ELSEWHERE = {
    "dataset_type": "leave it out: the folder says what it holds",
    "imagery_type": "leave it out: any number of bands, of 8 or 16 bits or floats, is read alike",
    "stratify": "leave it out: every class comes to both sides of the split where that is possible without a leak",
    "rgb_bands": "pass it to show_batch or show_results",
    "norm_pct": "leave it out: the training tiles are measured whole",
    "num_workers": "leave it out: tiles are read beside the training without processes of their own",
    "working_dir": "pass save a path for the model, and cache= for packed tiles",
    "extract_bands": "pass bands= with names, or numbers from 1",
    "valid_path": "hold regions out with split='region' and val_regions=, or pass that folder to evaluate",
    "collate_fn": "leave it out: batches are (inputs, class indices)",
    "backend": "leave it out: there is one, PyTorch",
}
"""Name of an argument to what to do instead."""


def refuse_unknown(given: Iterable[str], allowed: Collection[str], named: Iterable[str]) -> None:
    """Refuse arguments that are neither named nor allowed.

    Raises:
        InputError: an argument that is elsewhere here.
        TypeError: an unknown one; the message names the most similar one.
    """
    for name in given:
        if name in allowed:
            continue
        if name in ELSEWHERE:
            raise InputError(f"prepare_data's argument {name}", "is not taken here", ELSEWHERE[name])
        near = get_close_matches(name, [*named, *allowed, *ELSEWHERE], 1)
        raise TypeError(f"prepare_data has no argument {name!r}" + (f": did you mean {near[0]!r}?" if near else ""))
