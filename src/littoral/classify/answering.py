"""What a model answers for each rectangle: scenes x rectangles x classifier to arrays, streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from littoral.engines import Classifier
from littoral.imagery import Scene, Values
from littoral.package import Manifest
from littoral.progress import Track, silent
from littoral.tiles import CLASSIFIED, OUTSIDE, Merging, cut_planned, plan_scenes

BATCH = 32
"""Tiles per forward pass; the last batch is filled up to it."""


@dataclass(frozen=True)
class Answers:
    """Of each rectangle, in the order of the table, what was seen and what the model says."""

    probabilities: NDArray[np.float64]
    """(rectangles, classes), 0 to 1, in the order of the categories; NaN unless the status is ``classified``."""
    status: NDArray[Any]
    """(rectangles,) text: ``classified``, ``outside imagery``, ``nodata`` or ``cloud``."""
    valid_share: NDArray[np.float64]
    """(rectangles,), of the rectangle's own pixels, 0 to 1."""
    cloud_share: NDArray[np.float64]
    """(rectangles,), of the rectangle's own pixels, 0 to 1; NaN where the scene has no masks, or does not show it."""
    scene: NDArray[Any]
    """(rectangles,) text: name of the scene looked at; empty outside the imagery."""
    acquired: NDArray[Any]
    """(rectangles,) text: its date, ``YYYY-MM-DD``; empty where nothing says it."""
    novelty: NDArray[np.float64] | None = None
    """(rectangles,): how unlike the training (:func:`littoral.statements.novelty`), about 1 where it is usual; NaN
    unless the status is ``classified``. None: the model does not say."""


@runtime_checkable
class Examiner(Protocol):
    """A :class:`~littoral.engines.Classifier` that also says how unlike its training each tile is."""

    manifest: Manifest
    """As of a classifier."""

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """As of a classifier."""

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """As of a classifier."""

    def examine_inputs(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Prepared tiles (tiles, bands, chip, chip) to probabilities (tiles, classes) and novelty (tiles,), None where
        the model carries no record of its training."""


def answer_rectangles(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    classifier: Classifier,
    *,
    merging: Merging | None = None,
    track: Track = silent,
) -> Answers:
    """Cut a tile for each rectangle and ask the model, in batches.

    Args:
        scenes: One or several, in any CRS.
        rectangles: Polygons, in any CRS.
        classifier: What answers; an :class:`Examiner` is asked for the novelty too.
        merging: What becomes of several scenes; None: the best for each rectangle.
        track: Shows progress, a step per rectangle.

    Raises:
        InputError: as :func:`littoral.tiles.plan_scenes` and :func:`littoral.tiles.cut_planned` say.
    """
    preprocessing, count = classifier.manifest.preprocessing, len(rectangles)
    probabilities = np.full((count, len(classifier.manifest.categories)), np.nan)
    unlike = np.full(count, np.nan)
    examined = False
    status, seen = np.full(count, OUTSIDE, object), np.full((count, 2), "", object)
    valid_share, cloud_share = np.zeros(count), np.full(count, np.nan)
    waiting: list[tuple[int, NDArray[np.float32]]] = []

    def answer() -> None:
        nonlocal examined
        if waiting:
            positions, tiles = zip(*waiting, strict=True)
            batch, at = np.stack(tiles), list(positions)
            if isinstance(classifier, Examiner):
                probabilities[at], novelty = classifier.examine_inputs(batch)
                if novelty is not None:
                    unlike[at], examined = novelty, True
            else:
                probabilities[at] = classifier.predict_inputs(batch)
            waiting.clear()

    plan = plan_scenes(scenes, rectangles, preprocessing.tile, merging=merging, track=track)
    for tile in track(cut_planned(plan), count, "classifying"):
        status[tile.position], valid_share[tile.position] = tile.status, tile.valid_share
        if tile.status != OUTSIDE:
            seen[tile.position] = tile.scene, tile.acquired
            cloud_share[tile.position] = np.nan if tile.cloud_share is None else tile.cloud_share
        if tile.status == CLASSIFIED:
            waiting.append((tile.position, classifier.prepare(tile.values, tile.valid)))
        if len(waiting) == BATCH:
            answer()
    answer()
    novelty = unlike if examined else None
    return Answers(probabilities, status, valid_share, cloud_share, seen[:, 0], seen[:, 1], novelty)
