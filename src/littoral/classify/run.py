"""Predict rectangles with a model: in this process or on a cluster, new or resumed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from littoral.classify.checkpoints import ModelSource, PartFolder
from littoral.classify.partition import Part, Task, part_rectangles, tasks_of
from littoral.classify.pipeline import predict_parts
from littoral.engines import Classifier
from littoral.errors import InputError, WriteError
from littoral.imagery import Scene
from littoral.imagery.options import CombineOptions
from littoral.predictions import Predictions
from littoral.progress import Track, silent
from littoral.threads import processors

_AT_ONCE = 2**15
"""Rectangles whose outlines are hashed together."""


def predict_rectangles(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    model: Classifier | ModelSource,
    *,
    combine: CombineOptions | None = None,
    folder: Path | None = None,
    dask: str | None = None,
    track: Track = silent,
) -> Predictions:
    """Cut a tile for each rectangle and predict its class probabilities, in batches.

    Args:
        scenes: One or several, in any CRS.
        rectangles: Polygons, in any CRS.
        model: An open model, or how to open it, which a folder and a cluster need. Novelty is measured where it is a
            :class:`~littoral.classify.pipeline.NoveltyClassifier`.
        combine: How several scenes are combined; None: the best for each rectangle.
        folder: For finished parts, each complete or absent, from which an interrupted run is resumed. It may be
            deleted at any time. None: no parts are saved.
        dask: ``local`` for a process on each core, or the address of a scheduler (``tcp://…``) whose workers see the
            same files; None: this process. The predictions are the same, bit for bit.
        track: Shows progress, a step per rectangle.

    Raises:
        InputError: as :func:`littoral.tiles.plan_scenes` and :func:`littoral.tiles.cut_planned`; no workers, or a part
            that kills them; a scene or a model that changes during the run.
        KeyboardInterrupt: Ctrl-C; its text has the number of parts saved.
        WriteError: a part could not be written.
        MissingExtraError: dask is not installed.

    Memory: that of :meth:`Predictions.empty`, of :func:`~littoral.classify.partition.part_rectangles` and of
    :func:`~littoral.classify.pipeline.predict_parts`: it grows by less than 300 bytes for each rectangle and not with
    the size of scenes.
    """
    combine = combine or CombineOptions()
    source = model if isinstance(model, ModelSource) else None
    if source is None and not (folder is None and dask is None):
        raise InputError("a model that is open", "cannot be sent to other processes", "pass the path of its package")
    if dask is not None and folder is None:
        raise InputError("a cluster", "has no folder for its parts", "name one that all its workers see")
    classifier = model.model if isinstance(model, ModelSource) else model
    spec, categories = classifier.manifest.preprocessing.tile, classifier.manifest.categories
    # The only field that affects a tile is its angle.
    turning = spec.placement == "oriented"
    angle = [name for name in rectangles.columns if turning and str(name).casefold() == "angle"]
    bare = rectangles[[*angle, rectangles.geometry.name]]
    once, of = _once(bare)
    places = bare.iloc[once]
    parts = part_rectangles(scenes, places, spec, combine=combine, track=track)
    out = Predictions.empty(len(places), categories)

    def tasks(some: Sequence[Part]) -> Iterator[Task]:
        return tasks_of(some, scenes, places, spec, combine)

    if source is None or folder is None:
        done = _numbered(predict_parts(tasks(parts), classifier, computing=processors()))
    else:
        part_folder = PartFolder(_made(folder), source, spec, categories)
        if dask is None:
            done = _resumed(parts, tasks, classifier, part_folder)
        else:
            from littoral.classify.dask_backend import predict_on_cluster

            done = predict_on_cluster(tasks(parts), len(parts), part_folder, dask)
    novelty, finished = False, 0
    try:
        with closing(done):
            for found in track(done, sum(len(part.rows) for part in parts), "classifying"):
                if found is not None:
                    number, of_part = found
                    out.put(parts[number].rows, of_part)
                    novelty, finished = novelty or of_part.novelty is not None, finished + 1
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(folder, finished, len(parts), dask)) from None
    return (out if novelty else replace(out, novelty=None)).take(of)


def _interrupted(folder: Path | None, kept: int, parts: int, dask: str | None) -> str:
    if folder is None:
        return "stopped, and no parts are saved: with --parts FOLDER a run can be resumed"
    # Workers may have finished more than was reported.
    least = "" if dask is None else "at least "
    return f"stopped: {least}{kept} of {parts} parts are kept in {folder}, run the same command again to continue"


Done = Generator[tuple[int, Predictions] | None, None, None]
"""One item for each rectangle; with the last of a part its number and predictions."""


def _numbered(predicted: Generator[Predictions | None, None, None]) -> Done:
    number = 0
    with closing(predicted):
        for each in predicted:
            yield None if each is None else (number, each)
            number += each is not None


def _resumed(
    parts: Sequence[Part],
    tasks: Callable[[Sequence[Part]], Iterator[Task]],
    model: Classifier,
    part_folder: PartFolder,
) -> Done:
    """First the finished parts, then the rest."""
    paths = [part_folder.path(task) for task in tasks(parts)]
    absent = []
    for number, path in enumerate(paths):
        if path.exists():
            yield from [None] * (len(parts[number].rows) - 1)
            yield number, part_folder.read(path, len(parts[number].rows))
        else:
            absent.append(number)
    left = [parts[number] for number in absent]
    # Tasks are created again for writing, so that no part is in memory twice.
    again = zip(absent, tasks(left), strict=True)
    kept = len(parts) - len(absent)
    try:
        with closing(predict_parts(tasks(left), model, computing=processors())) as predicted:
            for each in predicted:
                if each is None:
                    yield None
                else:
                    number, task = next(again)
                    part_folder.write(paths[number], task, each)
                    kept += 1
                    yield number, each
    except InputError as error:
        raise part_folder.resumable(error, kept, len(parts)) from error


def _once(rectangles: gpd.GeoDataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct rows of a table, and for each row the position of the one equal to it, so that duplicates are predicted
    once.

    Rows are equal if outlines and other fields are equal byte for byte. Memory: 60 bytes for each rectangle.
    """
    digests = np.empty(len(rectangles), "V16")
    for start in range(0, len(rectangles), _AT_ONCE):
        some = rectangles.iloc[start : start + _AT_ONCE]
        others = (some[name] for name in some.columns if name != some.geometry.name)
        for at, values in enumerate(zip(some.geometry.to_wkb(), *others, strict=True), start):
            digests[at] = blake2b(repr(values).encode(), digest_size=16).digest()
    _, first, of = np.unique(digests, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return first[order], place[of]


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(folder, error) from error
    return folder.absolute()
