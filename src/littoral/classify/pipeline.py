"""Parts to answers in one process: a thread cuts and prepares tiles while others compute.

Batches are of one size, formed along a part's tiles, the last one filled up, and each is computed by one thread: the
bits of an answer depend neither on how many processors there are nor on who else is asked.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from littoral.classify.answers import Answers, Examiner
from littoral.classify.partition import Task
from littoral.engines import Classifier, lone_threads
from littoral.threads import lookahead, map_ahead
from littoral.tiles import CLASSIFIED, OUTSIDE, Tile, cut_planned

BATCH = 8
"""Tiles per forward pass; the last batch is filled up to it. Larger ones are hardly faster, and slower where what a
small network computes of them leaves the processor's cache (``benchmarks/classify.py``)."""
_READY = 2
"""Batches that are cut before they can be computed."""
Asked = tuple[NDArray[np.float64], NDArray[np.float64] | None]


def answer_tasks(
    tasks: Iterable[Task], classifier: Classifier, *, computing: int
) -> Generator[Answers | None, None, None]:
    """Answer parts, one after the other.

    Args:
        tasks: What each takes.
        classifier: What answers.
        computing: Batches computed at a time, each by a thread.

    Yields:
        One item for each rectangle: None, but with the last one of a part its answers, in the order of ``places``.

    Raises:
        InputError: a band that a scene lacks, a file that cannot be read.

    Memory: ``computing + 3`` batches of tiles, what the network computes of ``computing`` of them, a part's plan, and
    what reading takes.
    """
    classes = len(classifier.manifest.categories)
    answers, novelty = None, False
    with closing(lookahead(_batches(tasks, classifier), _READY)) as batches:
        for batch, (probabilities, unlike) in _computed(batches, classifier, computing):
            if answers is None:
                answers, novelty = Answers.empty(batch.of, classes), False
            for each in batch.seen:
                _note(answers, each)
            answers.probabilities[batch.rows] = probabilities[: len(batch.rows)]
            if unlike is not None:
                assert answers.novelty is not None
                answers.novelty[batch.rows], novelty = unlike[: len(batch.rows)], True
            yield from [None] * (len(batch.seen) - 1)
            if batch.last:
                yield answers if novelty else replace(answers, novelty=None)
                answers = None
            elif batch.seen:
                yield None


@dataclass(frozen=True)
class _Batch:
    """Tiles to compute together, and all that was seen since the last batch."""

    of: int
    """Rectangles of the part."""
    tiles: NDArray[np.float32]
    """(:data:`BATCH`, bands, chip, chip), zeros where there are no more; empty where none is to be computed."""
    rows: list[int]
    """Of ``places``, for each tile."""
    seen: list[Tile]
    """All tiles, without their pixels."""
    last: bool
    """Whether the part ends here."""


def _batches(tasks: Iterable[Task], classifier: Classifier) -> Generator[_Batch, None, None]:
    for task in tasks:
        plan = task.plan(classifier.manifest.preprocessing.tile)
        nothing = np.empty((0, 0, 0, 0), np.float32)
        tiles, rows, seen = nothing, list[int](), list[Tile]()
        left = len(plan.tiles)
        for tile in cut_planned(plan):
            left -= 1
            if tile.status == CLASSIFIED:
                prepared = classifier.prepare(tile.values, tile.valid)
                if not rows:
                    tiles = np.zeros((BATCH, *prepared.shape), np.float32)
                tiles[len(rows)] = prepared
                rows.append(tile.position)
            seen.append(replace(tile, values=_UNSEEN, valid=_UNSEEN, cloud=None))
            if len(rows) == BATCH or not left:
                yield _Batch(len(plan.tiles), tiles, rows, seen, not left)
                tiles, rows, seen = nothing, [], []


_UNSEEN = np.empty((0, 0), bool)


def _note(answers: Answers, tile: Tile) -> None:
    at = tile.position
    answers.status[at], answers.valid_share[at] = tile.status, tile.valid_share
    if tile.status != OUTSIDE:
        answers.scene[at], answers.acquired[at] = tile.scene, tile.acquired
        if tile.cloud_share is not None:
            answers.cloud_share[at] = tile.cloud_share


def _computed(batches: Iterable[_Batch], classifier: Classifier, computing: int) -> Iterator[tuple[_Batch, Asked]]:
    """Batches in their order with what the model says of them."""
    with lone_threads(computing) as pool:
        yield from map_ahead(pool, lambda batch: (batch, _ask(classifier, batch)), batches, computing)


def _ask(classifier: Classifier, batch: _Batch) -> Asked:
    if not batch.rows:
        return np.empty((0, len(classifier.manifest.categories))), None
    if isinstance(classifier, Examiner):
        return classifier.examine_inputs(batch.tiles)
    return classifier.predict_inputs(batch.tiles), None
