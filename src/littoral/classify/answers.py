"""What is known of rectangles once a model was asked, as arrays; and what such a model does."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from littoral.imagery import Values
from littoral.package import Manifest
from littoral.tiles import OUTSIDE


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
    """(rectangles,): how unlike the training (:func:`littoral.predictions.novelty`), about 1 where it is usual; NaN
    unless the status is ``classified``. None: the model does not say."""

    @classmethod
    def empty(cls, count: int, classes: int) -> Answers:
        """Those of rectangles beside all scenes, to be filled.

        Memory: 56 bytes for each rectangle and 8 for each of its classes; texts are shared.
        """
        return cls(
            np.full((count, classes), np.nan),
            np.full(count, OUTSIDE, object),
            np.zeros(count),
            np.full(count, np.nan),
            np.full(count, "", object),
            np.full(count, "", object),
            np.full(count, np.nan),
        )

    def of(self, rows: NDArray[np.int64], *, novelty: bool) -> Answers:
        """Answers of rows, any of them any number of times; without novelty where no model said it."""
        kept = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "novelty" or novelty}
        return Answers(**{name: values[rows] for name, values in kept.items()})

    def put(self, rows: NDArray[np.int64], others: Answers) -> None:
        """Put the answers of some rows in their places."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(others, field.name)
            if mine is not None and theirs is not None:
                mine[rows] = theirs


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
