"""Options of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from littoral.options import Cli, Column, Options


@dataclass(frozen=True)
class ReportOptions(Options):
    """What the page shows."""

    GROUP: ClassVar[str] = "Page"

    truth: Annotated[str | None, Column("classified")] = None
    """Field with the true class, e.g. CATCOA."""
    class_label_field: Annotated[str, Cli(advanced=True)] = "ClassLabel"
    """Field with the name of the class."""
