"""Names of the columns and statuses in a classified table; no other module spells them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import geopandas as gpd

from littoral.errors import InputError
from littoral.vectors import find_column, require_column

LABEL = "ClassLabel"
"""Name of the class; users may choose another column for it."""
VALUE, CONFIDENCE = "ClassValue", "Confidence"
"""Code of the class, and the highest probability."""
STATUS, NOVELTY, VALID_SHARE, CLOUD_SHARE = "status", "Novelty", "ValidShare", "CloudShare"
SCENE, SCENE_DATE = "Scene", "SceneDate"
SET, SET_SIZE = "PredictionSet", "PredictionSetSize"
P_CHANGED = "P_changed"
"""Probability of a change, in the output of ``change`` only."""
LINKS = ("GroupId", "SeqId", "Previous", "Next")
"""Which rectangle follows which along the coast; written by ``littoral rectangles``."""

UNCERTAIN = "uncertain"
"""Status of a rectangle whose highest probability is below the least confidence: it gets no class."""
UNLIKE = "unlike training"
"""Status of a rectangle whose features lie far from those of the training tiles: it gets no class."""
BEYOND = "outside extent"
"""Status of a rectangle that does not touch the extent to be classified."""
NO_AREA = "no area"
"""Status of a rectangle that covers no ground."""

_PROBABILITY = re.compile(r"(PS?)_(-?\d+)")


def probability_column(code: int, *, smoothed: bool = False) -> str:
    """
    >>> probability_column(7), probability_column(7, smoothed=True)
    ('P_7', 'PS_7')
    """
    return f"{'PS' if smoothed else 'P'}_{code}"


def probability_columns(names: Iterable[Any], *, smoothed: bool = False) -> dict[int, str]:
    """The columns that hold probabilities, by class code, in the order of the table.

    >>> probability_columns(["ID", "P_3", "PS_3", "P_7"])
    {3: 'P_3', 7: 'P_7'}
    """
    found = (_PROBABILITY.fullmatch(str(name)) for name in names)
    return {int(each[2]): each[0] for each in found if each and (each[1] == "PS") == smoothed}


def smoothed_columns(label: str) -> tuple[str, str, str]:
    """Class name, class code and confidence after smoothing."""
    return f"{label}Smoothed", f"{VALUE}Smoothed", f"{CONFIDENCE}Smoothed"


def written_columns(label: str, codes: Iterable[int]) -> list[str]:
    """Every column that classifying may write, with ``label`` as the one for the class name.

    Raises:
        InputError: ``label`` is the name of another of them.
    """
    names = [label, VALUE, CONFIDENCE, NOVELTY, SET, SET_SIZE, *smoothed_columns(label)]
    names += [VALID_SHARE, CLOUD_SHARE, SCENE, SCENE_DATE, STATUS]
    names += [probability_column(code, smoothed=smoothed) for code in codes for smoothed in (False, True)]
    if len({name.casefold() for name in names}) < len(names) or not label.strip():
        raise InputError(f"class label field {label!r}", "is the name of another output field", "choose another")
    return names


def require_classified(table: gpd.GeoDataFrame, source: object) -> str:
    """The status column of a classified table.

    Raises:
        InputError: it is the output of ``summarise`` or ``change``, or was not classified.
    """
    if find_column(table, P_CHANGED) is not None:
        raise InputError(
            source, "holds the changes between two coasts (littoral change)", "pass one of the classified coasts"
        )
    if find_column(table, "length_m") is not None and table.geom_type.isin(["LineString", "MultiLineString"]).any():
        raise InputError(
            source,
            "holds pieces of shoreline (littoral summarise), not rectangles",
            "pass the classified coast it was made from",
        )
    if find_column(table, STATUS) is None:
        raise InputError(source, f"has no field {STATUS!r}", "classify it first, with littoral classify")
    return require_column(table, STATUS, source)
