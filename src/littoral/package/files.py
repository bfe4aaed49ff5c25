"""Packages as files: written whole or not at all, read into memory."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from littoral.errors import InputError
from littoral.package.archive import checked_names, json_of
from littoral.package.definition import definition_of
from littoral.package.manifest import MANIFEST, Manifest, manifest_json, manifest_of
from littoral.vectors import check_output, staged

METRICS, METRICS_PAGE = "metrics.json", "model_metrics.html"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Package:
    """All that a ``.dlpk`` holds."""

    name: str
    """Stem of the definition and the weights."""
    manifest: Manifest
    """Ours."""
    weights: bytes
    """A ``torch.save`` of a state dict of tensors."""
    scores: Mapping[str, Any]
    """Validation scores, as ``learn.evaluation`` writes them."""
    definition: Mapping[str, Any] = field(default_factory=dict)
    """Contents of the ``.emd``."""
    page: str = ""
    """``model_metrics.html``."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What else is in it, by name: a graph, a script; bytes here, never run."""


def write_package(path: str | Path, package: Package, *, overwrite: bool = False) -> Path:
    """Write a ``.dlpk``; the same package gives the same bytes.

    Raises:
        ExistsError: the file is there and ``overwrite`` is False.
        WriteError: the disk refused; an older file is still there.
    """
    path = Path(path)
    check_output(path, overwrite)
    contents = {
        f"{package.name}.emd": json.dumps(
            package.definition or definition_of(package.name, package.manifest), indent=1
        ).encode(),
        f"{package.name}.pth": package.weights,
        MANIFEST: json.dumps(manifest_json(package.manifest), indent=1).encode(),
        METRICS: json.dumps(package.scores, indent=1).encode(),
        METRICS_PAGE: package.page.encode(),
        **package.files,
    }
    with staged(path) as stage, zipfile.ZipFile(stage, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return path


def read_package(path: str | Path) -> Package:
    """Read a ``.dlpk`` into memory; nothing is unpacked to disk, executed or unpickled.

    Raises:
        InputError: not a package, damaged, or not one that littoral wrote.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(path, "does not exist", "check the path to the model")
    try:
        with zipfile.ZipFile(path) as archive:
            names = checked_names(path, archive)
            files = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(path, f"is not a whole .dlpk ({error})", "copy or train the model again") from error
    definitions = [name for name in files if name.endswith(".emd")]
    if len(definitions) != 1:
        raise InputError(path, f"holds {len(definitions)} .emd files instead of one", "train or export the model again")
    definition = json_of(path, definitions[0], files[definitions[0]])
    if MANIFEST not in files:
        raise InputError(path, f"was not written by littoral (no {MANIFEST})", "train the model with littoral")
    weights = str(definition.get("ModelFile", ""))
    if weights not in files:
        raise InputError(path, f"lacks its weights (ModelFile {weights!r})", "copy or train the model again")
    manifest = manifest_of(path, json_of(path, MANIFEST, files[MANIFEST]))
    scores = json_of(path, METRICS, files.get(METRICS, b"{}"))
    page = files.get(METRICS_PAGE, b"").decode("utf-8", "replace")
    known = {definitions[0], weights, MANIFEST, METRICS, METRICS_PAGE}
    others = {name: content for name, content in files.items() if name not in known}
    return Package(Path(definitions[0]).stem, manifest, files[weights], scores, definition, page, others)
