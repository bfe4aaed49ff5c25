"""Option values from plain keywords, for tests that go through many."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from littoral.imagery.options import CombineOptions
from littoral.tiles.options import ClassOptions, CutOptions, ExportOptions


def export_values(**given: Any) -> dict[str, Any]:
    """Keywords of ``export_tiles``; one number for a size stands for both sides, and what is no option stays."""
    for name in ("tile_size", "stride"):
        if isinstance(given.get(name), int):
            given[name] = (given[name], given[name])
    kinds = {"cut": CutOptions, "labels": ClassOptions, "export": ExportOptions, "combine": CombineOptions}
    out: dict[str, Any] = {}
    for keyword, kind in kinds.items():
        names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
        out[keyword] = kind(**{name: given.pop(name) for name in names & set(given)})
    return out | given
