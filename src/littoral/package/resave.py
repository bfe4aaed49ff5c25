"""Saving what was loaded: what stays of another program's definition, what does not, and saying so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from littoral.errors import InputError
from littoral.package.definition import definition_of, runs_by
from littoral.package.foreign import manifest_from
from littoral.package.json_checks import harmless, shown
from littoral.package.manifest import Manifest


def renewed(
    old: Mapping[str, Any], name: str, manifest: Manifest, left_out: Sequence[str] = ()
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The ``.emd`` of a model that was loaded and is saved again, and what is not as it was, a sentence each.

    Keys that we do not know stay. Where what another program said of classes and preprocessing still holds, all stays
    but the name of the weights, older spellings, and what runs the network: scripts of others are not carried.

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
    """With a licence and an attribution; None leaves what was said before.

    Raises:
        InputError: text of several lines, or with control characters.
    """
    given = {"licence": licence, "attribution": attribution}
    said = {name: text.strip() for name, text in given.items() if text is not None}
    for name, text in said.items():
        if not harmless(text):
            raise InputError(f"{name} {shown(text)}", "is not one line of text", "pass one line")
    return replace(manifest, licence=said.get("licence", manifest.licence),
                   attribution=said.get("attribution", manifest.attribution))  # fmt: skip


def _holds(old: Mapping[str, Any], manifest: Manifest) -> bool:
    """Whether a definition, read as another program's, tells of this very model."""
    try:
        said, _ = manifest_from(Path("model.emd"), old)
    except InputError:
        return False
    told = said.backbone, said.preprocessing, said.categories
    return told == (manifest.backbone, manifest.preprocessing, manifest.categories)


def _classes(old: Mapping[str, Any], manifest: Manifest) -> list[dict[str, Any]]:
    """In the spelling of today, with whatever else was said of each."""
    older = ("ClassValue", "ClassName")
    kept = ({key: value for key, value in entry.items() if key not in older} for entry in old["Classes"])
    return [
        {"Value": category.code, "Name": category.name, **entry, "Color": entry.get("Color") or list(category.rgb)}
        for entry, category in zip(kept, manifest.categories, strict=True)
    ]
