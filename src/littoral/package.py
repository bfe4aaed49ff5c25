"""The self-describing file: a ``.dlpk`` is a zip with a model definition (``.emd``), weights and a manifest.

Weights are bytes here; nothing in a package is executed or unpickled by this module. Layout and keys of the ``.emd``
are those that GIS deep-learning tools write and read for a feature classifier; ``littoral.json`` is ours and holds all
that the ``.emd`` has no place for.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse

from littoral.categories import Category
from littoral.errors import InputError
from littoral.imagery import Values
from littoral.tiles import TileSpec
from littoral.vectors import check_output, staged

MANIFEST, METRICS, METRICS_PAGE = "littoral.json", "metrics.json", "model_metrics.html"
FORMAT = 1
"""Of the manifest; a reader refuses others."""
_MOST_FILES = 64
_MOST_BYTES = 4 * 2**30
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Preprocessing:
    """From a scene's pixels to a network's input; learning and classifying apply the same."""

    tile: TileSpec
    """How tiles are cut."""
    chip_px: int
    """Side of the network's input: the middle of the tile."""
    mean: tuple[float, ...]
    """Of each band over the valid pixels of the training tiles."""
    std: tuple[float, ...]
    """Standard deviation, likewise."""
    dtype: str
    """NumPy type of the training tiles."""
    pixels: str
    """What their values mean: reflectance x 10000, or as stored."""
    nodata: float | None = None
    """Value that means nodata in the training tiles; None if there is none."""
    resize_px: int | None = None
    """Side that a tile of ``tile.size_px`` is resized to before the chip is taken; None: as it is cut."""

    def resized(self, values: Values, valid: NDArray[np.bool_]) -> tuple[Values, NDArray[np.bool_]]:
        """A tile at the scale the network sees it; one of another size than ``tile.size_px`` is scaled by as much."""
        if self.resize_px is None:
            return values, valid
        scale = self.resize_px / self.tile.size_px
        return resize(values, valid, (round(values.shape[1] * scale), round(values.shape[2] * scale)))

    def apply(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Resize, crop and standardise one tile ``(bands, height, width)``; missing pixels get 0, the training mean.

        Raises:
            InputError: another number of bands, or smaller than the network's input.
        """
        if values.shape[0] != len(self.mean):
            raise InputError(
                f"a tile of {values.shape[0]} bands",
                f"cannot be used by a model of {len(self.mean)}",
                f"cut it with bands {', '.join(self.tile.bands)}",
            )
        values, valid = self.resized(values, valid)
        if min(values.shape[1:]) < self.chip_px:
            raise InputError(
                f"a tile of {values.shape[1]} x {values.shape[2]} pixels",
                f"is smaller than the {self.chip_px} the model needs",
                "cut larger tiles",
            )
        top, left = (values.shape[1] - self.chip_px) // 2, (values.shape[2] - self.chip_px) // 2
        middle = np.s_[top : top + self.chip_px, left : left + self.chip_px]
        return standardise(values[(slice(None), *middle)], valid[middle], self.mean, self.std)


def standardise(
    values: Values, valid: NDArray[np.bool_], mean: tuple[float, ...], std: tuple[float, ...]
) -> NDArray[np.float32]:
    """(values - mean) / std per band, 0 where a pixel is missing.

    >>> standardise(np.array([[[10, 99]]]), np.array([[True, False]]), (6.0,), (2.0,)).tolist()
    [[[2.0, 0.0]]]
    """
    middle, spread = (np.array(numbers, np.float32)[:, None, None] for numbers in (mean, std))
    scaled = (values.astype(np.float32) - middle) / spread
    return np.where(valid, scaled, np.float32(0)).astype(np.float32)


def resize(
    values: Values, valid: NDArray[np.bool_], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring a tile to another height and width.

    Triangle filter, as wide as an old or a new pixel, whichever is wider: bilinear where it grows, a weighted mean by
    area where it shrinks (what Pillow calls ``BILINEAR``). Missing pixels have no weight; a new pixel is valid where at
    least half of its weight lies on valid ones.

    Args:
        values: (bands, height, width) of any type.
        valid: (height, width).
        shape: New height and width.

    >>> values, valid = resize(np.array([[[4.0, 8.0, np.nan, 2.0]]]), np.array([[True, True, False, True]]), (1, 2))
    >>> values[0].round(1).tolist(), valid.tolist()
    ([[6.0, 3.5]], [[True, True]])
    """
    (height, width), count = valid.shape, len(values) + 1
    rows, columns = _weights(height, shape[0]), _weights(width, shape[1])
    planes = np.concatenate([np.where(valid, values, 0), valid[None]]).astype(np.float32)
    taller = (rows @ planes.transpose(1, 0, 2).reshape(height, -1)).reshape(shape[0], count, width)
    wider = (columns @ taller.transpose(2, 1, 0).reshape(width, -1)).reshape(shape[1], count, shape[0])
    *total, share = wider.transpose(1, 2, 0)
    return np.stack(total) / np.maximum(share, np.float32(1e-6)), share >= 0.5 - 1e-6


@lru_cache(maxsize=16)
def _weights(old: int, new: int) -> sparse.csr_array:
    """(new, old), share of each old pixel in each new one."""
    step = old / new
    middles = (np.arange(new) + 0.5) * step
    distance = np.abs(np.arange(old) + 0.5 - middles[:, None]) / max(step, 1.0)
    weights = np.maximum(1 - distance, 0)
    return sparse.csr_array((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


@dataclass(frozen=True)
class Manifest:
    """What a package says about its model."""

    backbone: str
    """timm's name of the network's body."""
    preprocessing: Preprocessing
    """From pixels to input."""
    categories: tuple[Category, ...]
    """In the order of the network's outputs."""
    cell_size: tuple[float, float]
    """Width and height of a training pixel in units of its CRS."""
    cell_epsg: int | None
    """EPSG code of that CRS."""
    split: str
    """How training and validation were parted, in words."""
    only_training: tuple[int, ...]
    """Class values that are left out of the validation scores, as they exist in one place only."""
    training_area: str
    """WKT of the ground under the training tiles in longitude and latitude; empty where it is not known."""
    baselines: Mapping[str, Any]
    """Simple models fitted on the same training tiles (see ``learn.evaluation``)."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the libraries that made it."""
    seed: int = 42
    """Of split and training."""


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


def write_package(path: str | Path, package: Package, *, overwrite: bool = False) -> Path:
    """Write a ``.dlpk``; the same package gives the same bytes.

    Raises:
        ExistsError: the file is there and ``overwrite`` is False.
        WriteError: the disk refused; an older file is still there.
    """
    path = Path(path)
    check_output(path, overwrite)
    contents = {
        f"{package.name}.emd": json.dumps(package.definition or _definition(package), indent=1).encode(),
        f"{package.name}.pth": package.weights,
        MANIFEST: json.dumps({"format": FORMAT, **asdict(package.manifest)}, indent=1).encode(),
        METRICS: json.dumps(package.scores, indent=1).encode(),
        METRICS_PAGE: package.page.encode(),
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
            names = _checked_names(path, archive)
            files = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(path, f"is not a whole .dlpk ({error})", "copy or train the model again") from error
    definitions = [name for name in files if name.endswith(".emd")]
    if len(definitions) != 1:
        raise InputError(path, f"holds {len(definitions)} .emd files instead of one", "train or export the model again")
    definition = _json(path, definitions[0], files[definitions[0]])
    if MANIFEST not in files:
        raise InputError(path, f"was not written by littoral (no {MANIFEST})", "train the model with littoral")
    weights = str(definition.get("ModelFile", ""))
    if weights not in files:
        raise InputError(path, f"lacks its weights (ModelFile {weights!r})", "copy or train the model again")
    manifest = _manifest(path, _json(path, MANIFEST, files[MANIFEST]))
    scores = _json(path, METRICS, files.get(METRICS, b"{}"))
    page = files.get(METRICS_PAGE, b"").decode("utf-8", "replace")
    return Package(Path(definitions[0]).stem, manifest, files[weights], scores, definition, page)


def _checked_names(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """Names of the files, refused where they could do harm: a stranger's zip is not trusted."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise InputError(
            path,
            f"unpacks to {len(entries)} files of {sum(e.file_size for e in entries)} bytes",
            "pass a .dlpk of one model",
        )
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise InputError(path, f"holds the unsafe name {entry.filename!r}", "do not use this file")
    return [entry.filename for entry in entries]


def _json(path: Path, name: str, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise InputError(path, f"has a damaged {name} ({error})", "copy or train the model again") from error
    if not isinstance(value, dict):
        raise InputError(path, f"has a {name} that is no JSON object", "copy or train the model again")
    return value


def _manifest(path: Path, content: dict[str, Any]) -> Manifest:
    """Every value checked before it is used; keys of later versions are passed over."""
    if content.get("format") != FORMAT:
        raise InputError(path, f"is of format {content.get('format')!r}, not {FORMAT}", "update littoral")
    try:
        given = dict(content["preprocessing"])
        tile = dict(given["tile"])
        nodata, resize_px = given.get("nodata"), given.get("resize_px")
        preprocessing = Preprocessing(
            TileSpec.from_json(tile),
            int(given["chip_px"]),
            tuple(map(float, given["mean"])),
            tuple(map(float, given["std"])),
            np.dtype(str(given["dtype"])).name,
            str(given["pixels"]),
            None if nodata is None else float(nodata),
            None if resize_px is None else int(resize_px),
        )
        categories = tuple(
            Category(int(c["code"]), str(c["name"]), str(c["colour"]), str(c["s101"])) for c in content["categories"]
        )
        manifest = Manifest(
            str(content["backbone"]),
            preprocessing,
            categories,
            _pair(content["cell_size"]),
            None if content["cell_epsg"] is None else int(content["cell_epsg"]),
            str(content["split"]),
            tuple(map(int, content["only_training"])),
            str(content["training_area"]),
            dict(content["baselines"]),
            {str(name): str(version) for name, version in dict(content["versions"]).items()},
            int(content["seed"]),
        )
        _check(manifest)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        InputError,
        shapely.errors.GEOSException,
    ) as error:
        what = f"lacks the key {error}" if isinstance(error, KeyError) else f"is damaged ({error})"
        raise InputError(path, f"has a {MANIFEST} that {what}", "copy or train the model again") from error
    return manifest


def _pair(values: Any) -> tuple[float, float]:
    x, y = map(float, values)
    return x, y


def _check(manifest: Manifest) -> None:
    """
    Raises:
        ValueError: values that no model of ours has.
    """
    given = manifest.preprocessing
    if not 0 < len(given.tile.bands) == len(given.mean) == len(given.std):
        raise ValueError("bands, mean and std differ in number")
    if not (np.isfinite(given.mean).all() and np.isfinite(given.std).all() and min(given.std) > 0):
        raise ValueError("mean and std must be finite, std positive")
    if not 8 <= given.chip_px <= (given.resize_px or min(given.tile.size)) <= 16_384:
        raise ValueError("chip_px is out of range")
    if np.dtype(given.dtype).kind not in "uif":
        raise ValueError(f"dtype {given.dtype}")
    codes = [category.code for category in manifest.categories]
    if not codes or len(set(codes)) < len(codes):
        raise ValueError("class codes are missing or repeated")
    if not all(re.fullmatch("#[0-9A-Fa-f]{6}", category.colour) for category in manifest.categories):
        raise ValueError("colours must be #RRGGBB")
    if manifest.training_area:
        shapely.from_wkt(manifest.training_area)


def _definition(package: Package) -> dict[str, Any]:
    """The ``.emd``. The consumer computes ((x - min)/(max - min) - scaled mean)/scaled std: with min 0 and max 1 that
    is our own standardisation."""
    manifest = package.manifest
    given = manifest.preprocessing
    bands = list(given.tile.bands)
    cell = {
        "x": manifest.cell_size[0],
        "y": manifest.cell_size[1],
        "spatialReference": {"wkid": manifest.cell_epsg, "latestWkid": manifest.cell_epsg},
    }
    count = len(bands)
    stats = {
        "band_min_values": [0.0] * count,
        "band_max_values": [1.0] * count,
        "band_mean_values": list(given.mean),
        "band_std_values": list(given.std),
        "scaled_min_values": [0.0] * count,
        "scaled_max_values": [1.0] * count,
        "scaled_mean_values": list(given.mean),
        "scaled_std_values": list(given.std),
    }
    return {
        "Framework": "arcgis.learn.models._inferencing",
        "ModelConfiguration": "_FeatureClassifier",
        "ModelType": "ObjectClassification",
        "InferenceFunction": "[Functions]System\\DeepLearning\\ArcGISLearn\\ArcGISObjectClassifier.py",
        "ModelName": "FeatureClassifier",
        "ModelFile": f"{package.name}.pth",
        "ModelFormat": "NCHW",
        "ModelParameters": {"backbone": manifest.backbone, "backend": "pytorch"},
        "backend": "pytorch",
        "MetaDataMode": "Labeled_Tiles",
        "ImageSpaceUsed": f"{given.tile.space.upper()}_SPACE",
        "ImageHeight": given.chip_px,
        "ImageWidth": given.chip_px,
        "ExtractBands": list(range(count)),
        "Bands": bands,
        "CropSizeFixed": int(given.tile.crop == "fixed"),
        "BlackenAroundFeature": int(given.tile.blacken),
        "SupportsVariableTileSize": False,
        "resize_to": given.resize_px,
        "MinCellSize": cell,
        "MaxCellSize": cell,
        "IsMultispectral": True,
        "IsImageNetNormalization": False,
        "ImageryType": "multispectral",
        "DoNormalize": True,
        "NormalizationStats": stats,
        "Classes": [{"Value": c.code, "Name": c.name, "Color": list(c.rgb)} for c in manifest.categories],
    }
