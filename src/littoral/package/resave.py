"""Renew the definition of a model that was loaded from another program's package and is saved again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from littoral.errors import InputError, is_printable
from littoral.package.definition import definition_of, runs_by
from littoral.package.foreign import manifest_from
from littoral.package.json_checks import shown
from littoral.package.manifest import Manifest


def renewed(
    old: Mapping[str, Any], name: str, manifest: Manifest, left_out: Sequence[str] = ()
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The ``.emd`` of a model that was loaded and is saved again, and the changes, a sentence each.

    Unknown keys stay. Where classes and preprocessing are as another program's definition has them, all stays but the
    name of the weights, older spellings, and the inference function: scripts of others are not carried.

    Args:
        old: What was loaded; empty for a new model.
        name: Of the new file.
        manifest: What the model is now.
        left_out: Files that were beside it.
    """
    ours, kept = definition_of(name, manifest), {**old, **runs_by(name)}
    new = {**kept, "Classes": _classes(old, manifest)} if _holds(kept, manifest) else {**old, **ours}
    # Keys in one order, whatever was loaded: the same model gives the same bytes.
    new = {key: new[key] for key in (*(key for key in ours if key in new), *(key for key in new if key not in ours))}
    changes = []
    if left_out:
        changes.append(
            f"not kept, as littoral carries no scripts or files of others: {', '.join(map(shown, left_out))}"
        )
    if "InferenceFunction" in old and old["InferenceFunction"] != new["InferenceFunction"]:
        was = shown(old["InferenceFunction"])
        changes.append(f"InferenceFunction was {was} and is now the GIS tool's own, {new['InferenceFunction']}")
    return new, tuple(changes)


def credited(manifest: Manifest, licence: str | None, attribution: str | None) -> Manifest:
    """A manifest with a licence and an attribution; None keeps the earlier ones.

    Raises:
        InputError: text of several lines, or with control characters.
    """
    given = {"licence": licence, "attribution": attribution}
    stripped = {name: text.strip() for name, text in given.items() if text is not None}
    for name, text in stripped.items():
        if not is_printable(text):
            raise InputError(f"{name} {shown(text)}", "is not one line of text", "pass one line")
    return replace(manifest, licence=stripped.get("licence", manifest.licence),
                   attribution=stripped.get("attribution", manifest.attribution))  # fmt: skip


def _holds(old: Mapping[str, Any], manifest: Manifest) -> bool:
    """Whether a definition, read as another program's, has the model's backbone, preprocessing and classes."""
    try:
        read, _ = manifest_from(Path("model.emd"), old)
    except InputError:
        return False
    found = read.backbone, read.preprocessing, read.categories
    return found == (manifest.backbone, manifest.preprocessing, manifest.categories)


def _classes(old: Mapping[str, Any], manifest: Manifest) -> list[dict[str, Any]]:
    """In the current spelling, with the further keys of each class."""
    older = ("ClassValue", "ClassName")
    kept = ({key: value for key, value in entry.items() if key not in older} for entry in old["Classes"])
    return [
        {"Value": category.code, "Name": category.name, **entry, "Color": entry.get("Color") or list(category.rgb)}
        for entry, category in zip(kept, manifest.categories, strict=True)
    ]
