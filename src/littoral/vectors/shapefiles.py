"""What a Shapefile cannot hold: names of more than ten bytes, texts of more than 254.

Names are cut, texts too, and a file beside the Shapefile, ``<name>.shp.json``, says what the names were;
:func:`littoral.vectors.read_vector` gives them back. An empty text comes back as none, and a moment as text.
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
    """The file that says what the Shapefile cannot."""
    return path.with_name(f"{path.name}.json")


def short_names(names: Iterable[str]) -> dict[str, str]:
    """A name of at most ten bytes for each, no two alike without case: the first ten, or where another has them the
    first eight, or as many as there is room for, an underscore and a number; those that fit stay as they are.

    >>> short_names(["ClassLabelSmoothed", "ClassLabel", "ID", "ClassLabel_before"])
    {'ClassLabelSmoothed': 'ClassLab_1', 'ClassLabel': 'ClassLabel', 'ID': 'ID', 'ClassLabel_before': 'ClassLab_2'}
    >>> short_names(["id", "ID"])
    {'id': 'id', 'ID': 'ID_1'}
    """
    given = [str(name) for name in names]
    short_enough = [name for name in given if len(name.encode()) <= NAME_BYTES]
    # Of those that differ in case alone the first stays.
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
    """The beginning of a text, of at most ``size`` bytes of UTF-8, no character in parts.

    >>> cut("Käserrrrüüü", 10)
    'Käserrrr'
    """
    return text.encode()[:size].decode(errors="ignore")


def fitted(table: gpd.GeoDataFrame, path: Path) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """The table as a Shapefile can hold it, and the long name of each short one that differs.

    Warns:
        LittoralWarning: names or texts were cut.
    """
    geometry = table.geometry.name
    names = short_names(str(name) for name in table.columns if name != geometry)
    changed = {long: short for long, short in names.items() if long != short}
    out = table.rename(columns=names)
    told: list[str] = []
    if changed:
        told.append("names of " + ", ".join(f"{long} ({short})" for long, short in changed.items()))
    for name in out.columns:
        if name != geometry and (pd.api.types.is_object_dtype(out[name]) or pd.api.types.is_string_dtype(out[name])):
            text = out[name].map(lambda value: isinstance(value, str) and len(value.encode()) > TEXT_BYTES)
            if (count := int(text.fillna(False).sum())) > 0:
                out[name] = out[name].map(lambda value: cut(value, TEXT_BYTES) if isinstance(value, str) else value)
                told.append(f"{count} texts of {name}")
    if told:
        kept = f"; {beside(path).name} keeps the names" if changed else ""
        what = f"{path}: a Shapefile has names of {NAME_BYTES} bytes and texts of {TEXT_BYTES}, so these are cut: "
        warnings.warn(LittoralWarning(what + "; ".join(told) + kept + "."), stacklevel=4)
    return out, {short: long for long, short in changed.items()}


def write_beside(path: Path, place: Path, fields: Mapping[str, str], provenance: Mapping[str, Any] | None) -> None:
    """Write to the stage ``path`` what belongs beside the Shapefile ``place``."""
    said = {"about": place.name, "fields": dict(fields), "provenance": None if provenance is None else dict(provenance)}
    beside(path).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_beside(path: Path) -> dict[str, Any]:
    """What :func:`write_beside` wrote; empty where there is no such file."""
    try:
        said = json.loads(beside(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) and said.get("about") == path.name else {}


def long_names(table: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """The table with the names it was written with."""
    fields = read_beside(path).get("fields")
    known = fields if isinstance(fields, dict) else {}
    return table.rename(columns={short: str(long) for short, long in known.items() if short in table.columns})
