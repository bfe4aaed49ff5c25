"""Options of reading tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from littoral.options import Cli, File, Help, Options

Where = Annotated[str | None, Cli(metavar="CONDITION")]
"""A condition on fields (:func:`littoral.vectors.filter_rows`)."""


@dataclass(frozen=True)
class TableOptions(Options):
    """Which rows of the vector file are read."""

    GROUP: ClassVar[str] = "Rows of the table"

    layer: str | None = None
    """Layer of the vector file; needed where it has several."""
    where: Where = None
    """Only rows for which a condition on the fields holds, e.g. "site not in ('a', 'b') and purity >= 0.75"."""


CategoryTable = Annotated[
    Path | None,
    File("table"),
    Help("CSV with columns code,name,colour for a class field other than CATCOA."),
    Cli(default="the S-57 attribute CATCOA"),
]
"""Shared by the verbs that read or write categories."""
