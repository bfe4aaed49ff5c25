"""Predict parts in one process: a thread cuts and prepares tiles while others compute.

Batches have a fixed size, follow a part's tiles, and are padded at its end; each is computed by one thread. So the bits
of a prediction depend neither on the number of cores nor on the other parts.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from littoral.classify.partition import Task
from littoral.engines import Classifier, lone_threads
from littoral.imagery import Values
from littoral.package import Manifest
from littoral.predictions import Predictions
from littoral.threads import lookahead, map_ahead
from littoral.tiles import CLASSIFIED, OUTSIDE, Tile, cut_planned

BATCH = 8
"""Tiles per forward pass; the last batch is filled up to it. Larger ones are hardly faster, and slower where
their activations do not fit the processor's cache (``benchmarks/classify.py``)."""
_READY = 2
"""Batches that are cut ahead of their computation."""
Computed = tuple[NDArray[np.float64], NDArray[np.float64] | None]
"""Probabilities and novelty of a batch."""


@runtime_checkable
class NoveltyClassifier(Protocol):
    """A :class:`~littoral.engines.Classifier` that also measures how unlike its training each tile is."""

    manifest: Manifest
    """As of a classifier."""

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """As of a classifier."""

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """As of a classifier."""

    def predict_with_novelty(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Prepared tiles (tiles, bands, chip, chip) to probabilities (tiles, classes) and novelty (tiles,), None where
        the model has no record of its training's features."""


def predict_parts(
    tasks: Iterable[Task], classifier: Classifier, *, computing: int
) -> Generator[Predictions | None, None, None]:
    """Predict parts, one after the other.

    Args:
        tasks: The parts.
        classifier: An open model.
        computing: Batches computed at a time, each by a thread.

    Yields:
        One item for each rectangle: None, except for the last one of a part: the part's predictions, in the order of
        ``places``.

    Raises:
        InputError: a band that a scene lacks, a file that cannot be read.

    Memory: ``computing + 3`` batches of tiles, the activations of ``computing`` of them, a part's plan, and what
    reading takes.
    """
    categories = classifier.manifest.categories
    found, has_novelty = None, False
    with closing(lookahead(_batches(tasks, classifier), _READY)) as batches:
        for batch, (probabilities, novelty) in _computed(batches, classifier, computing):
            if found is None:
                found, has_novelty = Predictions.empty(batch.of, categories), False
            for each in batch.seen:
                _record(found, each)
            found.probabilities[batch.rows] = probabilities[: len(batch.rows)]
            if novelty is not None:
                assert found.novelty is not None
                found.novelty[batch.rows], has_novelty = novelty[: len(batch.rows)], True
            yield from [None] * (len(batch.seen) - 1)
            if batch.last:
                yield found if has_novelty else replace(found, novelty=None)
                found = None
            elif batch.seen:
                yield None


@dataclass(frozen=True)
class _Batch:
    """Tiles to compute together, and all tiles since the last batch."""

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


def _record(found: Predictions, tile: Tile) -> None:
    """Copy status, valid share, cloud share and scene of a tile."""
    assert found.valid_share is not None
    assert found.cloud_share is not None
    assert found.scene is not None
    assert found.acquired is not None
    at = tile.position
    found.status[at], found.valid_share[at] = tile.status, tile.valid_share
    if tile.status != OUTSIDE:
        found.scene[at], found.acquired[at] = tile.scene, tile.acquired
        if tile.cloud_share is not None:
            found.cloud_share[at] = tile.cloud_share


def _computed(batches: Iterable[_Batch], classifier: Classifier, computing: int) -> Iterator[tuple[_Batch, Computed]]:
    """Batches in their order with their predictions."""
    with lone_threads(computing) as pool:
        yield from map_ahead(pool, lambda batch: (batch, _predict(classifier, batch)), batches, computing)


def _predict(classifier: Classifier, batch: _Batch) -> Computed:
    if not batch.rows:
        return np.empty((0, len(classifier.manifest.categories))), None
    if isinstance(classifier, NoveltyClassifier):
        return classifier.predict_with_novelty(batch.tiles)
    return classifier.predict_inputs(batch.tiles), None
