"""Options of summing up and comparing classified coasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from littoral.options import Cli, Column, Number, Options


@dataclass(frozen=True)
class IntervalOptions(Options):
    """Intervals of kilometres."""

    GROUP: ClassVar[str] = "Intervals"

    level: Annotated[float, Number(above=0, below=100, unit="%")] = 95
    """Level of the intervals, per cent."""
    correlation_m: Annotated[float, Number(0, unit="m"), Cli(advanced=True)] = 3000
    """Distance along the shore over which the correlation of errors falls to 1/e, metres."""


@dataclass(frozen=True)
class SummariseOptions(Options):
    """How predictions are brought onto the shoreline."""

    GROUP: ClassVar[str] = "Summary"

    smoothed: bool = False
    """Use the predictions that classify --smooth smoothed along the chain."""
    area_field: Annotated[str | None, Column("areas")] = None
    """Field with the names of the areas."""
    reach_m: Annotated[float, Number(0, unit="m"), Cli(advanced=True)] = 100
    """How far beyond its last rectangle a line still belongs to it, metres."""
    class_label_field: Annotated[str, Cli(advanced=True)] = "ClassLabel"
    """Field with the name of the class."""


@dataclass(frozen=True)
class ChangeOptions(Options):
    """How two classified coasts are compared."""

    GROUP: ClassVar[str] = "Change"

    rate: Annotated[float | None, Number(above=0, below=1), Cli(default="estimated from the two coasts")] = None
    """Share of the shore that is expected to have changed, e.g. 0.05."""
    min_overlap: Annotated[float, Number(above=0, maximum=1)] = 0.3
    """Smallest overlap of two rectangles of the same place, intersection over union."""
    class_label_field: Annotated[str, Cli(advanced=True)] = "ClassLabel"
    """Field with the name of the class."""
