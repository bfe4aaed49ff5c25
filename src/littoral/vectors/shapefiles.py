"""Fit tables to the limits of Shapefiles: field names of ten bytes, texts of 254 bytes.

Longer names and texts are cut. The file ``<name>.shp.json`` beside the Shapefile stores the full names, which
:func:`littoral.vectors.read_vector` restores. Empty texts are read back as null, date-times as text.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from littoral.errors import LittoralWarning

NAME_BYTES, TEXT_BYTES = 10, 254


def beside(path: Path) -> Path:
    """Path of the JSON file beside a Shapefile."""
    return path.with_name(f"{path.name}.json")


def short_names(names: Iterable[str]) -> dict[str, str]:
    """A unique name of at most ten bytes for each name, compared without case.

    Names that fit are kept. Others are cut to ten bytes, or, if that name is taken, to as many as leave room for an
    underscore and a number.

    >>> short_names(["ClassLabelSmoothed", "ClassLabel", "ID", "ClassLabel_before"])
    {'ClassLabelSmoothed': 'ClassLab_1', 'ClassLabel': 'ClassLabel', 'ID': 'ID', 'ClassLabel_before': 'ClassLab_2'}
    >>> short_names(["id", "ID"])
    {'id': 'id', 'ID': 'ID_1'}
    """
    given = [str(name) for name in names]
    short_enough = [name for name in given if len(name.encode()) <= NAME_BYTES]
    # Of names that differ only in case, the first is kept.
    fits = set({name.casefold(): name for name in reversed(short_enough)}.values())
    used = {name.casefold() for name in fits}
    out: dict[str, str] = {}
    for name in given:
        short, number = name if name in fits else cut(name, NAME_BYTES), 0
        while name not in fits and short.casefold() in used:
            number += 1
            short = f"{cut(name, NAME_BYTES - 1 - len(str(number)))}_{number}"
        used.add(short.casefold())
        out[name] = short
    return out


def cut(text: str, size: int) -> str:
    """The beginning of a text, at most ``size`` bytes of UTF-8 and only whole characters.

    >>> cut("Käserrrrüüü", 10)
    'Käserrrr'
    """
    return text.encode()[:size].decode(errors="ignore")


def fitted(table: gpd.GeoDataFrame, path: Path) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """The table with names and texts cut, and the full name by each name that was cut.

    Warns:
        LittoralWarning: names or texts were cut.
    """
    geometry = table.geometry.name
    names = short_names(str(name) for name in table.columns if name != geometry)
    changed = {long: short for long, short in names.items() if long != short}
    out = table.rename(columns=names)
    cuts: list[str] = []
    if changed:
        cuts.append("names of " + ", ".join(f"{long} ({short})" for long, short in changed.items()))
    for name in out.columns:
        if name != geometry and (pd.api.types.is_object_dtype(out[name]) or pd.api.types.is_string_dtype(out[name])):
            text = out[name].map(lambda value: isinstance(value, str) and len(value.encode()) > TEXT_BYTES)
            if (count := int(text.fillna(False).sum())) > 0:
                out[name] = out[name].map(lambda value: cut(value, TEXT_BYTES) if isinstance(value, str) else value)
                cuts.append(f"{count} texts of {name}")
    if cuts:
        kept = f"; {beside(path).name} keeps the names" if changed else ""
        what = f"{path}: a Shapefile has names of {NAME_BYTES} bytes and texts of {TEXT_BYTES}, so these are cut: "
        warnings.warn(LittoralWarning(what + "; ".join(cuts) + kept + "."), stacklevel=4)
    return out, {short: long for long, short in changed.items()}


def write_beside(path: Path, place: Path, fields: Mapping[str, str], provenance: Mapping[str, Any] | None) -> None:
    """Write full field names and provenance beside the temporary Shapefile ``path``; ``place`` is its final path."""
    data = {"about": place.name, "fields": dict(fields), "provenance": None if provenance is None else dict(provenance)}
    beside(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_beside(path: Path) -> dict[str, Any]:
    """Read the file of :func:`write_beside`; empty if there is none for this Shapefile."""
    try:
        data = json.loads(beside(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) and data.get("about") == path.name else {}


def long_names(table: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """The table with its full names restored."""
    fields = read_beside(path).get("fields")
    known = fields if isinstance(fields, dict) else {}
    return table.rename(columns={short: str(long) for short, long in known.items() if short in table.columns})
