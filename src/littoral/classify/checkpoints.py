"""Finished parts in a folder, from which an interrupted run is resumed.

Each part is complete or absent. Its file name is a hash of everything that it was computed from: outlines, scenes,
model, settings.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from littoral import __version__
from littoral.categories import Category
from littoral.classify.partition import Task
from littoral.classify.pipeline import BATCH
from littoral.engines import Classifier, open_classifier
from littoral.errors import InputError, LittoralError, first_line
from littoral.imagery import Scene, select_bands
from littoral.imagery.fingerprint import content_key, file_key, stamps
from littoral.predictions import Predictions
from littoral.predictions.columns import (
    CLOUD_SHARE,
    NOVELTY,
    SCENE,
    SCENE_DATE,
    STATUS,
    VALID_SHARE,
    probability_column,
)
from littoral.tiles import TileSpec
from littoral.vectors import staged

_COLUMNS = {
    "status": STATUS,
    "valid_share": VALID_SHARE,
    "cloud_share": CLOUD_SHARE,
    "scene": SCENE,
    "acquired": SCENE_DATE,
    "novelty": NOVELTY,
}
"""Columns of a part's file, by field of the predictions."""
_FRESH_NS = 1_000_000_000
"""A file changed less than a second ago can change again without a new time of change."""

Stamps = tuple[tuple[object, ...], ...]


def _open(model: str, engine: Any) -> Classifier:
    return open_classifier(Path(model), engine, threads=1)


@dataclass(frozen=True)
class ModelSource:
    """How to open a model in any process: sent to workers in place of weights."""

    files: tuple[str, ...]
    """Paths of the files that determine the predictions; workers must be able to read them."""
    opener: Callable[..., Classifier]
    """A function that can be imported by name."""
    arguments: Mapping[str, Any]
    """Arguments of the opener: plain values with the same ``repr`` on every machine."""

    @classmethod
    def of(cls, model: str | Path, engine: str = "auto") -> ModelSource:
        """The source of a ``.dlpk`` or an ``.onnx``; each batch is computed by one thread."""
        path = str(Path(model).absolute())
        return cls((path,), _open, {"model": path, "engine": engine})

    def __getstate__(self) -> dict[str, Any]:
        """Each process opens the model and checks the files itself."""
        return {name: value for name, value in vars(self).items() if name not in ("model", "_read")}

    @cached_property
    def key(self) -> str:
        """A text that changes with any byte of the files and with the arguments, but not with the files' names.

        Raises:
            InputError: a file cannot be read.
        """
        return self._read[0]

    @cached_property
    def model(self) -> Classifier:
        """The model, opened once in each process.

        Raises:
            InputError: a file has changed since the key was made; as the opener.
        """
        before = self._read[1]
        model = self.opener(**self.arguments)
        self._check_unchanged(before)
        return model

    def adopt(self, model: Classifier, before: Stamps) -> None:
        """Use a model that was opened from the files since their stamps were taken, instead of opening them again.

        Raises:
            InputError: a file has changed since.
        """
        self._check_unchanged(before)
        vars(self)["model"] = model

    def _check_unchanged(self, before: Stamps) -> None:
        # In a worker the key is that of the process that sent this value.
        if self._read[0] != self.key or file_stamps(self.files, before) != before:
            raise InputError(self.files[0], "changed while it was used", "leave models alone until the run has ended")

    @cached_property
    def _read(self) -> tuple[str, Stamps]:
        """The key, computed from the files as this process reads them, and their stamps from before reading."""
        before = file_stamps(self.files)
        hashes = [file_key(file) for file in self.files]
        arguments = repr(sorted(self.arguments.items()))
        for file, digest in zip(self.files, hashes, strict=True):
            arguments = arguments.replace(repr(file), digest)
        return _hashed(self.opener.__module__, self.opener.__qualname__, hashes, arguments), before


def file_stamps(files: Sequence[str], earlier: Stamps = ()) -> Stamps:
    """Inode, size and time of change of each file; with its hash where it is, or was in ``earlier``, fresh.

    Raises:
        InputError: a file cannot be read.
    """
    found: list[tuple[object, ...]] = []
    for at, file in enumerate(files):
        try:
            stat = Path(file).stat()
        except OSError as error:
            raise InputError(file, f"could not be read ({error})", "check that the file is whole") from error
        fresh = earlier[at][-1] is not None if earlier else time.time_ns() - stat.st_mtime_ns < _FRESH_NS
        found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns, file_key(file) if fresh else None))
    return tuple(found)


@dataclass(frozen=True)
class PartFolder:
    """A folder of finished parts, with the values that are hashed into their file names."""

    folder: Path
    """Absolute path; workers must be able to write to it."""
    source: ModelSource
    """The model."""
    spec: TileSpec
    """How the model's tiles are cut."""
    categories: tuple[Category, ...]
    """Classes in the order of the columns of probabilities."""
    run: str = field(default_factory=lambda: uuid4().hex)
    """Identifier of this run; a worker's cached hashes and model are valid for one run."""
    _seen: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)
    """Content keys of scenes by their files; each scene is read completely once for it."""
    _stamps: dict[tuple[str, ...], dict[Path, tuple[int, int, int]]] = field(default_factory=dict, repr=False)
    """Stamps of those files, taken before they were read."""

    def path(self, task: Task) -> Path:
        """Path of a part, named by a hash of its outlines, the bytes of its scenes, and those of the model.

        Raises:
            InputError: a file cannot be read.
        """
        angles = [task.places[name].to_numpy(np.float64, na_value=np.nan) for name in task.places.columns[:-1]]
        outlines = hashlib.sha256(b"".join(angle.tobytes() for angle in angles))
        for shape in task.places.geometry.to_wkb():
            outlines.update(len(shape).to_bytes(8, "little") + shape)
        scenes = [(scene.name, scene.acquired, self._content(scene)) for scene in task.scenes]
        parameters = task.own, task.combine, task.places.crs.to_wkt(), BATCH, __version__
        return self.folder / f"{_hashed(outlines.hexdigest(), scenes, parameters, self.source.key)}.parquet"

    def _content(self, scene: Scene) -> str:
        bands = select_bands(scene, self.spec.bands, exact=True)
        files = tuple(band.href for band in (*bands, *scene.masks))
        if files not in self._seen:
            self._stamps[files] = stamps((*bands, *scene.masks))
            # A file without a version cannot be recognised, so its parts are never reused.
            self._seen[files] = content_key(scene, bands) or uuid4().hex
        return self._seen[files]

    def write(self, path: Path, task: Task, found: Predictions) -> None:
        """Write a part as GeoParquet, whole or not at all.

        Raises:
            InputError: a scene's file has changed since the path was made.
            WriteError: the file cannot be written.
        """
        for scene in task.scenes:
            self._check_unchanged(scene)
        columns = {probability_column(category.code): values
                   for category, values in zip(self.categories, found.probabilities.T, strict=True)}  # fmt: skip
        columns |= {name: getattr(found, field) for field, name in _COLUMNS.items()}
        kept = {name: values for name, values in columns.items() if values is not None}
        with staged(path) as stage:
            table = gpd.GeoDataFrame(kept, geometry=task.places.geometry.array, crs=task.places.crs)
            table.to_parquet(stage, write_page_checksum=True)

    def _check_unchanged(self, scene: Scene) -> None:
        """Raise InputError if a file changed; a deleted file is not an error here but when it is opened again."""
        chosen = (*select_bands(scene, self.spec.bands, exact=True), *scene.masks)
        before = self._stamps[tuple(band.href for band in chosen)]
        for path, stamp in stamps(chosen).items():
            if stamp != before.get(path):
                raise InputError(path, "changed while it was read", "leave scenes alone until the run has ended")

    def resumable(self, error: LittoralError, kept: int, parts: int) -> InputError:
        """The same error; its remedy also has the number of parts saved."""
        again = f"{error.remedy}, then run the same command again: {kept} of {parts} parts are kept in {self.folder}"
        return InputError(error.subject, error.what, again)

    def read(self, path: Path, count: int) -> Predictions:
        """Read the predictions of a part of ``count`` rectangles; the same bits that were written.

        Raises:
            InputError: it cannot be read, or is no such part.
        """
        wanted = [*(probability_column(category.code) for category in self.categories), *_COLUMNS.values()]
        try:
            names = pq.read_schema(path).names
            if lacking := set(wanted) - {NOVELTY} - set(names):
                raise pa.ArrowInvalid(f"it holds other columns and no {', '.join(sorted(lacking))}")
            wanted = [name for name in wanted if name in names]
            table = pq.read_table(path, columns=wanted, page_checksum_verification=True)
            if len(table) != count:
                raise pa.ArrowInvalid(f"it holds {len(table)} rows in place of {count}")
        except (OSError, pa.ArrowException) as error:
            what = f"cannot be read ({first_line(error)})"
            raise InputError(path, what, "delete it and run the same command again") from error
        columns = {name: _values(table[name]) for name in wanted}
        probabilities = np.column_stack([columns[probability_column(category.code)] for category in self.categories])
        others = {field: columns.get(name) for field, name in _COLUMNS.items()}
        return Predictions(self.categories, probabilities, **others)  # type: ignore[arg-type]


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column as numbers, NaN where null; or as texts, each held once."""
    if pa.types.is_floating(column.type):
        return np.asarray(pc.fill_null(column, np.nan).to_numpy(), np.float64)
    once = column.combine_chunks().dictionary_encode()
    return np.asarray(np.take(np.array([*once.dictionary.to_pylist(), ""], object), once.indices.to_numpy()))


def _hashed(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
