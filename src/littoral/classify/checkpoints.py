"""Parts that are answered, kept in a folder: each complete or absent, and known again by what it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
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
from littoral.classify.answers import Answers
from littoral.classify.partition import Task
from littoral.classify.pipeline import BATCH
from littoral.engines import Classifier, open_classifier
from littoral.errors import InputError, LittoralError, first_line
from littoral.imagery import Scene, select_bands
from littoral.imagery.fingerprint import content_key, file_key, stamps
from littoral.tiles import TileSpec
from littoral.vectors import staged

_COLUMNS = {
    "status": "status",
    "valid_share": "ValidShare",
    "cloud_share": "CloudShare",
    "scene": "Scene",
    "acquired": "SceneDate",
    "novelty": "Novelty",
}
"""Of a part's file, by field of the answers."""


def _open(model: str, engine: Any) -> Classifier:
    return open_classifier(Path(model), engine, threads=1)


@dataclass(frozen=True)
class Opening:
    """How to open a model anywhere: what travels to workers in place of weights."""

    files: tuple[str, ...]
    """Paths whose bytes decide what is answered; workers must see them too."""
    opener: Callable[..., Classifier]
    """A function that can be imported by name."""
    arguments: Mapping[str, Any]
    """Of it: plain values that are written alike on every machine."""

    @classmethod
    def of(cls, model: str | Path, engine: str = "auto") -> Opening:
        """Of a ``.dlpk`` or an ``.onnx``, each batch computed by one thread."""
        path = str(Path(model).absolute())
        return cls((path,), _open, {"model": path, "engine": engine})

    def open(self) -> Classifier:
        """The model.

        Raises:
            InputError: as its opener says.
        """
        return self.opener(**self.arguments)

    def open_unchanged(self) -> Classifier:
        """The model, where it is the one that the key is of, known before or not.

        Raises:
            InputError: a file is another by now; as its opener says.
        """
        key = self.key
        model = self.open()
        if replace(self).key != key:
            raise InputError(self.files[0], "changed while it was used", "leave models alone until the run has ended")
        return model

    @cached_property
    def key(self) -> str:
        """A text that changes with any byte of the files and with the arguments, but not with the files' names.

        Raises:
            InputError: a file cannot be read.
        """
        hashes = [file_key(file) for file in self.files]
        arguments = repr(sorted(self.arguments.items()))
        for file, of_it in zip(self.files, hashes, strict=True):
            arguments = arguments.replace(repr(file), of_it)
        return _hashed(self.opener.__module__, self.opener.__qualname__, hashes, arguments)


@dataclass(frozen=True)
class Keep:
    """A folder of parts, and what their names are made of besides the parts themselves."""

    folder: Path
    """Absolute; workers see it too."""
    opening: Opening
    """Of the model."""
    spec: TileSpec
    """How it wants tiles cut."""
    codes: tuple[int, ...]
    """Class value of each column of probabilities."""
    run: str = field(default_factory=lambda: uuid4().hex)
    """Of all runs this one: what a worker remembers of files holds as long."""
    _seen: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)
    """Content keys of scenes by their files: all of a scene is read for it, once."""
    _stamps: dict[tuple[str, ...], dict[Path, tuple[int, int, int]]] = field(default_factory=dict, repr=False)
    """Of those files, from before."""

    def path(self, task: Task) -> Path:
        """Where a part is kept: a name made of its outlines, the bytes of its scenes, and those of the model.

        Raises:
            InputError: a file cannot be read.
        """
        angles = [task.places[name].to_numpy(np.float64, na_value=np.nan) for name in task.places.columns[:-1]]
        outlines = hashlib.sha256(b"".join(angle.tobytes() for angle in angles))
        for shape in task.places.geometry.to_wkb():
            outlines.update(len(shape).to_bytes(8, "little") + shape)
        scenes = [(scene.name, scene.acquired, self._sight(scene)) for scene in task.scenes]
        told = task.own, task.combine, task.places.crs.to_wkt(), BATCH, __version__
        return self.folder / f"{_hashed(outlines.hexdigest(), scenes, told, self.opening.key)}.parquet"

    def _sight(self, scene: Scene) -> str:
        bands = select_bands(scene, self.spec.bands, exact=True)
        files = tuple(band.href for band in (*bands, *scene.masks))
        if files not in self._seen:
            self._stamps[files] = stamps((*bands, *scene.masks))
            # What nobody can know again has another name each time.
            self._seen[files] = content_key(scene, bands) or uuid4().hex
        return self._seen[files]

    def write(self, path: Path, task: Task, answers: Answers) -> None:
        """Write a part as GeoParquet, whole or not at all.

        Raises:
            InputError: a scene's file is another than when the path was made.
            WriteError: the disk refused.
        """
        for scene in task.scenes:
            self._check_unchanged(scene)
        columns = {f"P_{code}": values for code, values in zip(self.codes, answers.probabilities.T, strict=True)}
        columns |= {name: getattr(answers, field) for field, name in _COLUMNS.items()}
        kept = {name: values for name, values in columns.items() if values is not None}
        with staged(path) as stage:
            table = gpd.GeoDataFrame(kept, geometry=task.places.geometry.array, crs=task.places.crs)
            table.to_parquet(stage, write_page_checksum=True)

    def _check_unchanged(self, scene: Scene) -> None:
        """What is gone by now was there when it was opened, and is missed when it is opened next."""
        chosen = (*select_bands(scene, self.spec.bands, exact=True), *scene.masks)
        before = self._stamps[tuple(band.href for band in chosen)]
        for path, stamp in stamps(chosen).items():
            if stamp != before.get(path):
                raise InputError(path, "changed while it was read", "leave scenes alone until the run has ended")

    def resumable(self, error: LittoralError, kept: int, parts: int) -> InputError:
        """The same error, and what is not lost."""
        again = f"{error.remedy}, then run the same command again: {kept} of {parts} parts are kept in {self.folder}"
        return InputError(error.subject, error.what, again)


def read_part(path: Path, count: int) -> Answers:
    """Read a part's answers about ``count`` rectangles; the same bits that were written.

    Raises:
        InputError: it cannot be read, or is no such part.
    """
    try:
        names = pq.read_schema(path).names
        wanted = [name for name in names if name in _COLUMNS.values() or name.startswith("P_")]
        if not {*_COLUMNS.values()} - {_COLUMNS["novelty"]} < {*wanted}:
            raise pa.ArrowInvalid("it holds other columns")
        table = pq.read_table(path, columns=wanted, page_checksum_verification=True)
        if len(table) != count:
            raise pa.ArrowInvalid(f"it holds {len(table)} rows in place of {count}")
    except (OSError, pa.ArrowException) as error:
        what = f"cannot be read ({first_line(error)})"
        raise InputError(path, what, "delete it and run the same command again") from error
    columns = {name: _values(table[name]) for name in wanted}
    probabilities = np.column_stack([columns[name] for name in wanted if name.startswith("P_")])
    others = {field: columns.get(name) for field, name in _COLUMNS.items()}
    assert {field.name for field in fields(Answers)} == {"probabilities", *others}
    return Answers(probabilities, **others)  # type: ignore[arg-type]


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column as numbers, NaN where null; or as texts, each held once."""
    if pa.types.is_floating(column.type):
        return np.asarray(pc.fill_null(column, np.nan).to_numpy(), np.float64)
    once = column.combine_chunks().dictionary_encode()
    return np.asarray(np.take(np.array([*once.dictionary.to_pylist(), ""], object), once.indices.to_numpy()))


def _hashed(*told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()
