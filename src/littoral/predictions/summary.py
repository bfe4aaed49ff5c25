"""What a classified coast adds up to: the line in colours, and kilometres per class and area."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import LittoralWarning
from littoral.predictions.chains import Chains, read_chains
from littoral.predictions.classified_table import RAW, SMOOTHED, UNCERTAIN, read_answers
from littoral.predictions.kilometres import CORRELATION_M, kilometres, require_level
from littoral.predictions.stretches import OUTSIDE_RECTANGLES, chords_as_pieces, cut_shoreline, on_pieces
from littoral.progress import Track, silent
from littoral.tiles import CLASSIFIED
from littoral.vectors import find_column, require_column

ALL, NO_AREA = "all", "outside areas"


@dataclass(frozen=True)
class Summary:
    """A coast in lines and in figures."""

    pieces: gpd.GeoDataFrame
    """The shoreline, cut: the line's own columns, then ``ID`` of the rectangle, the class name, ``ClassValue``,
    ``Confidence`` and ``status`` (``outside rectangles`` where it lies in none), ``area`` and ``length_m``."""
    table: pd.DataFrame
    """``area``, then what :func:`littoral.predictions.kilometres.kilometres` says of it; the whole coast is
    first."""
    categories: tuple[Category, ...]
    """The classes, for the map."""


def summarise(
    classified: gpd.GeoDataFrame,
    shoreline: gpd.GeoDataFrame | None = None,
    areas: gpd.GeoDataFrame | None = None,
    *,
    area_field: str | None = None,
    smoothed: bool = False,
    correlation_m: float = CORRELATION_M,
    level: float = 95,
    reach_m: float = 100.0,
    class_label_field: str = "ClassLabel",
    scheme: Scheme = CATCOA,
    track: Track = silent,
) -> Summary:
    """Bring the answers back on the line, and add them up.

    Args:
        classified: What classifying wrote, in any CRS.
        shoreline: Lines in any CRS; None: the chord of each rectangle, which stands for its ``line_m``.
        areas: Polygons in any CRS, to sum by; shore in several counts to the first.
        area_field: Field with their names; None: the first field of text, or else their position.
        smoothed: Take the answers along the chain (``PS_<code>``).
        correlation_m: Metres along the shore over which the correlation of mistakes falls to 1/e.
        level: Of the intervals, per cent.
        reach_m: How far beyond its last rectangle a line belongs to it.
        class_label_field: Field with the names of classes.
        scheme: Colours, and names of classes that no row has.
        track: Shows progress.

    Raises:
        InputError: a table that was not classified, has no CRS, or other geometries; a field that is not there.

    >>> from shapely import LineString, box
    >>> coast = gpd.GeoDataFrame({"ClassLabel": ["sandy shore", "mangrove"], "ClassValue": [3, 7], "Confidence": 0.9,
    ...     "P_3": [0.9, 0.1], "P_7": [0.1, 0.9], "status": "classified",
    ...     "GroupId": 1, "SeqId": [1, 2], "Previous": [None, 1], "Next": [2, None]}, crs=32631,
    ...     geometry=[box(4e5, -500, 401000, 500), box(401000, -500, 402000, 500)])
    >>> line = gpd.GeoDataFrame(geometry=[LineString([(4e5, 0), (402000, 0)])], crs=32631)
    >>> summarise(coast, line).table[["ClassLabel", "km"]].round(1).values.tolist()
    [['sandy shore', 1.0], ['mangrove', 1.0], ['not classified', 0.0]]
    """
    require_level(level)
    prefix = SMOOTHED if smoothed else RAW
    answers = read_answers(classified, prefix=prefix, class_label_field=class_label_field, scheme=scheme)
    names = None if areas is None else _names(areas, area_field)
    if shoreline is None:
        pieces = chords_as_pieces(classified, areas)
    else:
        pieces = cut_shoreline(shoreline, classified, areas, reach_m=reach_m, track=track)
    if shoreline is not None and len(pieces.row) and len(classified) and (pieces.row < 0).all():
        told = "the shoreline runs through none of the classified rectangles; they were made from another line"
        warnings.warn(LittoralWarning(told), stacklevel=2)
    best, none = answers.best, ~answers.answered
    labels = [category.name for category in answers.categories]
    status = classified[require_column(classified, "status", "the table")].astype("string").reset_index(drop=True)
    if smoothed:
        status = status.mask(none & (status == CLASSIFIED), UNCERTAIN).mask(~none, CLASSIFIED)
    identity = find_column(classified, "ID")
    columns = pd.DataFrame(
        {
            "ID": np.arange(1, len(classified) + 1) if identity is None else classified[identity].to_numpy(),
            class_label_field: pd.Series(np.take(labels, best), dtype="string").mask(none),
            "ClassValue": pd.Series(np.take(answers.codes, best), dtype="Int64").mask(none),
            "Confidence": answers.probabilities.max(axis=1),
            "status": status,
        }
    )
    columns["ID"] = columns["ID"].astype("Int64") if pd.api.types.is_integer_dtype(columns["ID"]) else columns["ID"]
    columns["area"] = pd.NA
    columns["length_m"] = 0.0
    out = on_pieces(pieces, columns)
    out["status"] = out["status"].fillna(OUTSIDE_RECTANGLES)
    out["length_m"] = pieces.length_m
    if names is None:
        out = out.drop(columns="area")
    else:
        out["area"] = pd.Series(np.append(names, "")[pieces.area], dtype="string").mask(pieces.area < 0)

    chains = chains_or_none(classified)
    places = [(ALL, np.ones(len(pieces.row), bool))]
    if names is not None:
        places += [(name, pieces.area == at) for at, name in enumerate(names)] + [(NO_AREA, pieces.area < 0)]
    tables = []
    for name, here in places:
        metres = np.bincount(np.where(pieces.row < 0, len(classified), pieces.row)[here],
                             weights=pieces.length_m[here], minlength=len(classified) + 1)  # fmt: skip
        table = kilometres(np.asarray(metres, np.float64), answers, chains, correlation_m=correlation_m, level=level)
        table.insert(0, "area", name)
        tables.append(table)
    return Summary(out, pd.concat(tables, ignore_index=True), answers.categories)


def chains_or_none(classified: gpd.GeoDataFrame) -> Chains:
    """Those of the table; if it has none, which a :class:`LittoralWarning` says, each rectangle is alone."""
    if all(find_column(classified, name) for name in ("GroupId", "SeqId", "Previous", "Next")):
        return read_chains(classified, "the classified table")
    told = ("the classified table has no GroupId, SeqId, Previous and Next: neighbours are taken to be mistaken "
            "independently, and intervals are too narrow")  # fmt: skip
    warnings.warn(LittoralWarning(told), stacklevel=3)
    count = len(classified)
    return Chains(np.arange(count), np.arange(count), np.full(count, np.inf), np.full(count, np.inf))


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
