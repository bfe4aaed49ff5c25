"""Scenes x rectangles x model to answers: in this process or on a cluster, at once or where a killed run stopped."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from littoral.classify.answers import Answers
from littoral.classify.checkpoints import Keep, Opening, read_part
from littoral.classify.partition import Part, Task, part_rectangles, tasks_of
from littoral.classify.pipeline import answer_tasks
from littoral.engines import Classifier
from littoral.errors import InputError, WriteError
from littoral.imagery import Scene
from littoral.progress import Track, silent
from littoral.threads import processors
from littoral.tiles import Merging

_AT_ONCE = 2**15
"""Rectangles whose outlines are looked at together."""


def answer_rectangles(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    classifier: Classifier | Opening,
    *,
    merging: Merging | None = None,
    folder: Path | None = None,
    dask: str | None = None,
    track: Track = silent,
) -> Answers:
    """Cut a tile for each rectangle and ask the model, in batches.

    Args:
        scenes: One or several, in any CRS.
        rectangles: Polygons, in any CRS.
        classifier: What answers, or how to open it, which a folder and a cluster need; an
            :class:`~littoral.classify.answers.Examiner` is asked for the novelty too.
        merging: What becomes of several scenes; None: the best for each rectangle.
        folder: Where parts are kept that are answered, each complete or absent: a run that was killed goes on from
            there. It may be deleted at any time. None: nothing is kept.
        dask: ``local`` for a process on each processor, or the address of a scheduler (``tcp://…``) whose workers see
            the same files; None: this process. The answers are the same, bit for bit.
        track: Shows progress, a step per rectangle.

    Raises:
        InputError: as :func:`littoral.tiles.plan_scenes` and :func:`littoral.tiles.cut_planned` say; workers that
            cannot be had, or died of a part again and again; a scene or a model that changes meanwhile.
        KeyboardInterrupt: Ctrl-C; its text says what is kept.
        WriteError: a part could not be written.
        MissingExtraError: dask is not installed.

    Memory: that of :meth:`Answers.empty`, of :func:`~littoral.classify.partition.part_rectangles` and of
    :func:`~littoral.classify.pipeline.answer_tasks`: it grows by less than 300 bytes for each rectangle and not with
    the size of scenes.
    """
    merging = merging or Merging()
    opening = classifier if isinstance(classifier, Opening) else None
    if opening is None and not (folder is None and dask is None):
        raise InputError("a model that is open", "cannot be handed to others", "pass the path of its package")
    if dask is not None and folder is None:
        raise InputError("a cluster", "has no folder to answer in", "name one that all its workers see")
    model = classifier.open_unchanged() if isinstance(classifier, Opening) else classifier
    spec, categories = model.manifest.preprocessing.tile, model.manifest.categories
    # Of the fields only the one that turns tiles counts.
    turning = spec.placement == "oriented"
    angle = [name for name in rectangles.columns if turning and str(name).casefold() == "angle"]
    bare = rectangles[[*angle, rectangles.geometry.name]]
    once, of = _once(bare)
    places = bare.iloc[once]
    parts = part_rectangles(scenes, places, spec, merging=merging, track=track)
    answers = Answers.empty(len(places), len(categories))

    def tasks(some: Sequence[Part]) -> Iterator[Task]:
        return tasks_of(some, scenes, places, spec, merging)

    if opening is None or folder is None:
        done = _numbered(answer_tasks(tasks(parts), model, computing=processors()))
    else:
        keep = Keep(_made(folder), opening, spec, tuple(category.code for category in categories))
        if dask is None:
            done = _resumed(parts, tasks, model, keep)
        else:
            from littoral.classify.dask_backend import answer_on_cluster

            done = answer_on_cluster(tasks(parts), len(parts), keep, dask)
    novelty, kept = False, 0
    try:
        with closing(done):
            for found in track(done, sum(len(part.rows) for part in parts), "classifying"):
                if found is not None:
                    number, of_part = found
                    answers.put(parts[number].rows, of_part)
                    novelty, kept = novelty or of_part.novelty is not None, kept + 1
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_farewell(folder, kept, len(parts), dask)) from None
    return answers.of(of, novelty=novelty)


def _farewell(folder: Path | None, kept: int, parts: int, dask: str | None) -> str:
    if folder is None:
        return "stopped, and nothing is kept: with --parts FOLDER (folder=…) a run goes on where it was stopped"
    # Workers may have left more than was heard of.
    least = "" if dask is None else "at least "
    return f"stopped: {least}{kept} of {parts} parts are kept in {folder}, run the same command again to go on"


Done = Generator[tuple[int, Answers] | None, None, None]
"""One item for each rectangle; with the last of a part its number and answers."""


def _numbered(answers: Generator[Answers | None, None, None]) -> Done:
    number = 0
    with closing(answers):
        for each in answers:
            yield None if each is None else (number, each)
            number += each is not None


def _resumed(
    parts: Sequence[Part], tasks: Callable[[Sequence[Part]], Iterator[Task]], model: Classifier, keep: Keep
) -> Done:
    """First what is kept, then the rest."""
    paths = [keep.path(task) for task in tasks(parts)]
    absent = []
    for number, path in enumerate(paths):
        if path.exists():
            yield from [None] * (len(parts[number].rows) - 1)
            yield number, read_part(path, len(parts[number].rows))
        else:
            absent.append(number)
    left = [parts[number] for number in absent]
    # Made anew for writing, so that no part is held twice.
    again = zip(absent, tasks(left), strict=True)
    kept = len(parts) - len(absent)
    try:
        with closing(answer_tasks(tasks(left), model, computing=processors())) as answers:
            for each in answers:
                if each is None:
                    yield None
                else:
                    number, task = next(again)
                    keep.write(paths[number], task, each)
                    kept += 1
                    yield number, each
    except InputError as error:
        raise keep.resumable(error, kept, len(parts)) from error


def _once(rectangles: gpd.GeoDataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a table such that no two are alike, and of which of them each row is: what is there twice is asked once.

    Alike are outlines and other fields, byte for byte. Memory: 60 bytes for each rectangle.
    """
    digests = np.empty(len(rectangles), "V16")
    for start in range(0, len(rectangles), _AT_ONCE):
        some = rectangles.iloc[start : start + _AT_ONCE]
        others = (some[name] for name in some.columns if name != some.geometry.name)
        for at, told in enumerate(zip(some.geometry.to_wkb(), *others, strict=True), start):
            digests[at] = blake2b(repr(told).encode(), digest_size=16).digest()
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
