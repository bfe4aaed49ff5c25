"""Write conformal prediction sets (:func:`littoral.evaluation.prediction_sets`) into the classified table."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError
from littoral.evaluation import prediction_sets
from littoral.predictions.classified_table import read_answers
from littoral.vectors import free_names

SET, SIZE = "PredictionSet", "PredictionSetSize"


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
