"""Sum up a classified coast: the shoreline cut by class, and kilometres per class and area."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError, LittoralWarning
from littoral.predictions.chains import RectangleChains
from littoral.predictions.columns import CONFIDENCE, LINKS, STATUS, UNCERTAIN, VALUE
from littoral.predictions.kilometres import kilometres
from littoral.predictions.options import IntervalOptions, SummariseOptions
from littoral.predictions.predictions import Predictions
from littoral.predictions.stretches import OUTSIDE_RECTANGLES, chords_as_pieces, cut_shoreline, on_pieces
from littoral.progress import Track, silent
from littoral.tiles import CLASSIFIED
from littoral.vectors import find_column, require_column

ALL, OUTSIDE_AREAS = "all", "outside areas"


@dataclass(frozen=True)
class Summary:
    """A classified coast as pieces of shoreline with a class, and as kilometres per class."""

    pieces: gpd.GeoDataFrame
    """The shoreline, cut: the line's own columns, then ``ID`` of the rectangle, the class name, ``ClassValue``,
    ``Confidence`` (null where a person gave the class) and ``status`` (``outside rectangles`` where it lies in none),
    ``area`` and ``length_m``."""
    table: pd.DataFrame
    """``area``, then the columns of :func:`littoral.predictions.kilometres.kilometres`; the whole coast is first."""
    categories: tuple[Category, ...]
    """The classes, for the map."""
    notes: tuple[str, ...]
    """Sentences about classes that a person changed."""


def summarise(
    classified: gpd.GeoDataFrame,
    shoreline: gpd.GeoDataFrame | None = None,
    areas: gpd.GeoDataFrame | None = None,
    options: SummariseOptions | None = None,
    intervals: IntervalOptions | None = None,
    *,
    scheme: Scheme = CATCOA,
    track: Track = silent,
) -> Summary:
    """Cut a shoreline by the class of the rectangles it lies in, and add up kilometres.

    A class that a person changed in the table is used with probability 1.

    Args:
        classified: Rectangles that ``classify`` wrote, in any CRS.
        shoreline: Lines in any CRS; None: the chord of each rectangle, with its ``line_m`` as length.
        areas: Polygons in any CRS, to sum by; shore in several belongs to the first.
        options: Smoothed or not, and how lines are matched to rectangles. Without ``area_field`` areas are named by
            the first field of text, or else by their position.
        intervals: Level and correlation of the intervals.
        scheme: Colours, and names of classes that no row has.
        track: Shows progress.

    Raises:
        InputError: a table that was not classified, has no CRS, or other geometries; a field that is missing.

    >>> from shapely import LineString, box
    >>> coast = gpd.GeoDataFrame({"ClassLabel": ["sandy shore", "mangrove"], "ClassValue": [3, 7], "Confidence": 0.9,
    ...     "P_3": [0.9, 0.1], "P_7": [0.1, 0.9], "status": "classified",
    ...     "GroupId": 1, "SeqId": [1, 2], "Previous": [None, 1], "Next": [2, None]}, crs=32631,
    ...     geometry=[box(4e5, -500, 401000, 500), box(401000, -500, 402000, 500)])
    >>> line = gpd.GeoDataFrame(geometry=[LineString([(4e5, 0), (402000, 0)])], crs=32631)
    >>> summarise(coast, line).table[["ClassLabel", "km"]].round(1).values.tolist()
    [['sandy shore', 1.0], ['mangrove', 1.0], ['not classified', 0.0]]
    """
    options, intervals = options or SummariseOptions(), intervals or IntervalOptions()
    label = options.class_label_field
    predictions = Predictions.from_table(classified, class_label_field=label, scheme=scheme)
    notes = predictions.notes
    if options.smoothed:
        if predictions.smoothed is None:
            raise InputError(
                "the classified table", "has no field PS_<code>", "pass what littoral classify --smooth wrote"
            )
        unsmoothed, predictions = predictions.status, predictions.smoothed
    names = None if areas is None else _names(areas, options.area_field)
    if shoreline is None:
        pieces = chords_as_pieces(classified, areas)
    else:
        pieces = cut_shoreline(shoreline, classified, areas, reach_m=options.reach_m, track=track)
    if shoreline is not None and len(pieces.row) and len(classified) and (pieces.row < 0).all():
        message = "the shoreline runs through none of the classified rectangles; they were made from another line"
        warnings.warn(LittoralWarning(message), stacklevel=2)
    none = predictions.chosen < 0
    labels = [category.name for category in predictions.categories]
    status = pd.Series(unsmoothed if options.smoothed else predictions.status, dtype="string")
    status = status.mask(none & (status == CLASSIFIED), UNCERTAIN).mask(~none, CLASSIFIED)
    identity = find_column(classified, "ID")
    by_model = np.ones(len(none), bool) if predictions.by_person is None else ~predictions.by_person
    columns = pd.DataFrame(
        {
            "ID": np.arange(1, len(classified) + 1) if identity is None else classified[identity].to_numpy(),
            label: pd.Series(np.take(labels, predictions.chosen), dtype="string").mask(none),
            VALUE: pd.Series(np.take(predictions.codes, predictions.chosen), dtype="Int64").mask(none),
            CONFIDENCE: np.where(by_model, predictions.evidence.max(axis=1), np.nan),
            STATUS: status,
        }
    )
    columns["ID"] = columns["ID"].astype("Int64") if pd.api.types.is_integer_dtype(columns["ID"]) else columns["ID"]
    columns["area"] = pd.NA
    columns["length_m"] = 0.0
    out = on_pieces(pieces, columns)
    out[STATUS] = out[STATUS].fillna(OUTSIDE_RECTANGLES)
    out["length_m"] = pieces.length_m
    if names is None:
        out = out.drop(columns="area")
    else:
        out["area"] = pd.Series(np.append(names, "")[pieces.area], dtype="string").mask(pieces.area < 0)

    places = [(ALL, np.ones(len(pieces.row), bool))]
    if names is not None:
        places += [(name, pieces.area == at) for at, name in enumerate(names)] + [(OUTSIDE_AREAS, pieces.area < 0)]
    chains = chains_of(predictions)
    tables = []
    for name, here in places:
        metres = np.bincount(np.where(pieces.row < 0, len(classified), pieces.row)[here],
                             weights=pieces.length_m[here], minlength=len(classified) + 1)  # fmt: skip
        table = kilometres(np.asarray(metres, np.float64), predictions, chains, intervals)
        table.insert(0, "area", name)
        tables.append(table)
    return Summary(out, pd.concat(tables, ignore_index=True), predictions.categories, notes)


def chains_of(predictions: Predictions) -> RectangleChains:
    """Chains of the table; without them a :class:`LittoralWarning` is given and each rectangle is a chain of one."""
    if predictions.chains is not None:
        return predictions.chains
    message = (f"the classified table has no {', '.join(LINKS)}: errors of neighbours are treated as independent, "
               "so the intervals are too narrow")  # fmt: skip
    warnings.warn(LittoralWarning(message), stacklevel=3)
    count = len(predictions.status)
    return RectangleChains(np.arange(count), np.arange(count), np.full(count, np.inf), np.full(count, np.inf))


def _names(areas: gpd.GeoDataFrame, field: str | None) -> list[str]:
    """A name for each area."""
    if field is None:
        texts = [name for name in areas.columns if name != areas.geometry.name and not
                 pd.api.types.is_numeric_dtype(areas[name])]  # fmt: skip
        field = str(texts[0]) if texts else None
    else:
        field = require_column(areas, field, "the table of areas")
    numbers = [str(at) for at in range(1, len(areas) + 1)]
    if field is None:
        return numbers
    given = areas[field].astype("string").to_list()
    return [number if pd.isna(name) else str(name) for name, number in zip(given, numbers, strict=True)]
