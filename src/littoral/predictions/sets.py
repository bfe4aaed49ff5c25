"""Sets of classes that hold the true one as often as asked (split conformal prediction).

The nonconformity of a class is 1 - p. A threshold is the quantile of that of the true class among rectangles kept for
calibration; the set is all classes below it (Sadinle, Lei and Wasserman, 2019, Journal of the American Statistical
Association 114). It keeps its word on shores that are like those it was calibrated on.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError
from littoral.predictions.classified_table import read_answers
from littoral.vectors import free_names

SET, SIZE = "PredictionSet", "PredictionSetSize"


def prediction_sets(probabilities: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Which classes are in the set of each row, (rows, classes); the likeliest always is, NaN rows have none.

    Args:
        probabilities: (rows, classes).
        threshold: Largest 1 - p of a class in the set.

    >>> prediction_sets(np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [np.nan] * 3]), 0.8).tolist()
    [[True, True, False], [True, True, False], [False, False, False]]
    >>> prediction_sets(np.array([[0.4, 0.3, 0.3]]), 0.2).tolist()
    [[True, False, False]]
    """
    known = np.asarray(np.isfinite(probabilities).all(axis=1), np.bool_)
    # 1 - p is rounded; a threshold that was such a number must let it in.
    inside = 1 - probabilities <= threshold + 1e-12
    inside[np.arange(len(inside)), np.nan_to_num(probabilities, nan=-1.0).argmax(axis=1)] = True
    return np.asarray(inside & known[:, None])


def add_prediction_sets(
    classified: gpd.GeoDataFrame,
    threshold: float,
    *,
    class_label_field: str = "ClassLabel",
    scheme: Scheme = CATCOA,
) -> gpd.GeoDataFrame:
    """Add ``PredictionSet``, names joined by ``; ``, likeliest first, and ``PredictionSetSize``; null without answer.

    Args:
        classified: What classifying wrote; not changed.
        threshold: Largest 1 - p in a set, that of a level in the model's calibration
            (:meth:`littoral.evaluation.Calibration.threshold`).
        class_label_field: Field with the names of classes.
        scheme: Names of classes that no row has.

    Raises:
        InputError: not such a table, or a threshold that is not from 0 to 1.
    """
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold {threshold:g}", "is not from 0 to 1", "calibrate the model again")
    answers = read_answers(classified, class_label_field=class_label_field, scheme=scheme)
    inside = prediction_sets(answers.probabilities, threshold)
    size = inside.sum(axis=1)
    order = np.argsort(-np.nan_to_num(answers.probabilities, nan=-1.0), axis=1, kind="stable")
    names = np.array([category.name for category in answers.categories], object)
    text = ["; ".join(names[ranked[:count]]) for ranked, count in zip(order, size.tolist(), strict=True)]
    out, renamed = free_names(classified, [SET, SIZE])
    out[SET] = pd.Series(text, out.index, dtype="string").mask(size == 0)
    out[SIZE] = pd.Series(size, out.index, dtype="Int64").mask(size == 0)
    out.attrs["renamed"] = {**classified.attrs.get("renamed", {}), **renamed}
    return out
