"""Write model packages, whole or not at all, and read them into memory."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from littoral.errors import InputError, WriteError, first_line
from littoral.package.archive import Archive, DefinitionFolder, open_files
from littoral.package.definition import definition_of
from littoral.package.foreign import check_definition, manifest_from, with_numbers
from littoral.package.json_checks import parsed, shown
from littoral.package.manifest import MANIFEST, Manifest, manifest_json, manifest_of
from littoral.package.metrics import METRICS, METRICS_SCHEMA
from littoral.package.mlm import MLM_ITEM, stac_item
from littoral.raster_function import SCRIPT, script
from littoral.tiles.labeled import decoded
from littoral.vectors import check_output, staged

METRICS_PAGE = "model_metrics.html"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MOST_JSON, _MOST_PAGE = 32 * 2**20, 64 * 2**20


@dataclass(frozen=True)
class Package:
    """A model package in memory."""

    name: str
    """Stem of the definition and the weights."""
    manifest: Manifest
    """From ``littoral.json``; of another program's package, from its definition."""
    weights: bytes
    """A ``torch.save`` of a state dict of tensors."""
    scores: Mapping[str, Any]
    """Validation scores, as :mod:`littoral.evaluation` writes them; empty where there are none."""
    definition: Mapping[str, Any] = field(default_factory=dict)
    """PackageContents of the ``.emd``."""
    page: str = ""
    """``model_metrics.html``."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Further files by name: an ONNX graph, a script. Kept as bytes, never run."""
    assumed: tuple[str, ...] = ()
    """What had to be assumed because another program's package does not state it, a sentence each."""
    left_out: tuple[str, ...] = ()
    """Names of files that were not read and are not written again: scripts of others, pictures."""


@dataclass(frozen=True)
class PackageContents:
    """Definition, manifest and scores of a package whose weights are not read."""

    path: Path
    """Of the ``.dlpk`` or the ``.emd``."""
    name: str
    """Stem of the definition."""
    definition: dict[str, Any]
    """The ``.emd``; the keys that littoral reads have values of the right type."""
    manifest: dict[str, Any] | None
    """``littoral.json``, unchecked; None in another program's package."""
    scores: dict[str, Any]
    """``metrics.json``; empty where there is none."""
    weights: str
    """Name of the weights' file."""
    sizes: Mapping[str, int]
    """Bytes of each file that belongs to it."""
    scripted: bool = False
    """Whether littoral wrote it and it holds the raster function of this version, byte for byte."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of files that littoral neither reads nor runs."""
        known = {self.weights, MANIFEST, METRICS, METRICS_PAGE, MLM_ITEM, *self.carried}
        return tuple(name for name in self.sizes if name not in known and not name.lower().endswith(".emd"))

    @property
    def carried(self) -> tuple[str, ...]:
        """Names of the ONNX graph and the raster function, where littoral wrote them."""
        graph = f"{self.name}.onnx"
        found = {graph: self.manifest is not None and graph in self.sizes, SCRIPT: self.scripted}
        return tuple(name for name, there in found.items() if there)

    def model(self) -> tuple[Manifest, tuple[str, ...]]:
        """The manifest, and the assumptions made for it, a sentence each.

        Raises:
            InputError: a model that littoral cannot run, or a damaged manifest.
        """
        if self.manifest is None:
            return manifest_from(self.path, self.definition)
        return manifest_of(self.path, self.manifest), ()


def write_package(path: str | Path, package: Package, *, overwrite: bool = False) -> Path:
    """Write a ``.dlpk``, and its folder where that is not there; the same package gives the same bytes.

    Raises:
        ExistsError: the file is there and ``overwrite`` is False.
        WriteError: the disk refused; an older file is still there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(path, error) from error
    check_output(path, overwrite)
    definition = package.definition or definition_of(package.name, package.manifest)
    contents = {
        f"{package.name}.emd": json.dumps(definition, indent=1).encode(),
        f"{package.name}.pth": package.weights,
        MANIFEST: json.dumps(manifest_json(package.manifest), indent=1).encode(),
        METRICS: json.dumps(package.scores, indent=1).encode(),
        METRICS_PAGE: package.page.encode(),
        MLM_ITEM: json.dumps(stac_item(package.name, package.manifest, package.files), indent=1).encode(),
        **package.files,
    }
    with staged(path) as stage, zipfile.ZipFile(stage, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return path


def read_package(path: str | Path) -> Package:
    """Read a package of littoral or of another program into memory; nothing is unpacked to disk, run or unpickled.

    Args:
        path: A ``.dlpk``, an ``.emd`` with its weights beside it, or a folder that holds one of them.

    Raises:
        InputError: not a package, damaged, unsafe, or a model that littoral cannot run.

    Memory: the weights, at most 4 GB; of the rest 32 MB of JSON, which take some 20 times that when parsed.
    """
    with open_files(Path(path)) as files:
        contents = read_contents(files)
        manifest, assumed = contents.model()
        weights = files.read(contents.weights)
        ours = contents.manifest is not None and METRICS_PAGE in files.sizes
        page = files.read(METRICS_PAGE, _MOST_PAGE).decode("utf-8", "replace") if ours else ""
        carried = {name: files.read(name) for name in contents.carried}
    return Package(
        contents.name,
        manifest,
        weights,
        contents.scores,
        contents.definition,
        page,
        carried,
        assumed,
        contents.left_out,
    )


def read_contents(files: Archive | DefinitionFolder) -> PackageContents:
    """Read all of a package but its weights.

    Raises:
        InputError: damaged, or no package.
    """
    path = files.path
    definitions = [name for name in files.sizes if name.lower().endswith(".emd")]
    if len(definitions) != 1:
        raise InputError(path, f"holds {len(definitions)} .emd files instead of one", "train or export the model again")
    definition = with_numbers(_json(files, definitions[0]))
    check_definition(path, definition)
    inside = PurePosixPath(definitions[0])
    weights = _weights_file(str(definition.get("ModelFile", "")), inside.parent, files.sizes)
    if weights is None or weights == definitions[0]:
        what = f"lacks its weights (ModelFile {shown(definition.get('ModelFile'))})"
        raise InputError(path, what, "copy or train the model again")
    manifest = _json(files, MANIFEST) if MANIFEST in files.sizes else None
    scores = _json(files, METRICS) if manifest is not None and METRICS in files.sizes else {}
    try:
        METRICS_SCHEMA(scores, "")
    except ValueError as error:
        raise InputError(
            path, f"has a damaged {METRICS} ({first_line(error)})", "copy or train the model again"
        ) from error
    # Beside an .emd there may be files of other models.
    own = {definitions[0], weights, MANIFEST, METRICS, METRICS_PAGE, MLM_ITEM, f"{inside.stem}.onnx", SCRIPT}
    sizes = {name: size for name, size in files.sizes.items() if isinstance(files, Archive) or name in own}
    scripted = manifest is not None and sizes.get(SCRIPT) == len(script()) and files.read(SCRIPT) == script()
    return PackageContents(path, inside.stem, definition, manifest, scores, weights, sizes, scripted)


def _weights_file(written: str, folder: PurePosixPath, names: Iterable[str]) -> str | None:
    r"""The file that a definition means by its ModelFile; None where it is not there.

    Of an absolute path, which was that of another computer, the file's name counts. Letter case does not.

    >>> folder, names = PurePosixPath("w"), ["w/theirs.emd", "w/Theirs.pth"]
    >>> [_weights_file(path, folder, names) for path in (r".\theirs.PTH", r"C:\a\theirs.pth", r"..\w\theirs.pth")]
    ['w/Theirs.pth', 'w/Theirs.pth', None]
    """
    path = PureWindowsPath(written)
    if ".." in path.parts or not path.name:
        return None
    wanted = folder / path.name if path.anchor else folder.joinpath(*path.parts)
    return next((name for name in names if name.casefold() == wanted.as_posix().casefold()), None)


def _json(files: Archive | DefinitionFolder, name: str) -> dict[str, Any]:
    content = files.read(name, _MOST_JSON)
    try:
        # Other programs write definitions in other encodings, too.
        return parsed(decoded(content) if name.lower().endswith(".emd") else content.decode("utf-8-sig"))
    except ValueError as error:
        what = f"has a damaged {shown(name)} ({first_line(error)})"
        raise InputError(files.path, what, "copy or train the model again") from error
