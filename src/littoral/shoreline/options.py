"""Options of extracting, labelling and merging lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from littoral.options import Cli, Column, Number, Options

WaterIndex = Literal["auto", "MNDWI", "NDWI", "ratios", "RGB"]


@dataclass(frozen=True)
class ShorelineOptions(Options):
    """How water is separated from land, and which lines are kept."""

    GROUP: ClassVar[str] = "Water and land"

    index: WaterIndex = "auto"
    """Water index; auto takes the first in this list whose bands the scene has. RGB is a last resort."""
    threshold: Annotated[float | None, Number(above=-1, below=1), Cli(default="Otsu's, refined locally")] = None
    """Threshold of the index, the same everywhere."""
    min_area_m2: Annotated[float, Number(0, unit="m2")] = 10_000.0
    """Leave out islands with a smaller area, square metres."""
    min_length_m: Annotated[float, Number(0, unit="m")] = 0.0
    """Leave out shorter lines, metres."""
    cloud_buffer_m: Annotated[float, Number(0, unit="m"), Cli(advanced=True)] = 100.0
    """No shoreline nearer than this to cloud or its shadow, metres."""


@dataclass(frozen=True)
class LabelOptions(Options):
    """How labels are transferred from charted lines."""

    GROUP: ClassVar[str] = "Labels"

    within_m: Annotated[float, Number(above=0, unit="m")] = 200.0
    """Largest distance of the charted line, metres."""
    ratio: Annotated[float, Number(1)] = 1.5
    """A line with another label must be this many times farther away; else there is a conflict and no label."""
    class_field: Annotated[str, Column("coast")] = "CATCOA"
    """Field of the labelled lines that holds the class."""


@dataclass(frozen=True)
class LineOptions(Options):
    """How lines are merged and cut."""

    GROUP: ClassVar[str] = "Lines"

    class_field: Annotated[str, Column("lines")] = "CATCOA"
    """Field with the class: codes, names, or the values that the mapping lists."""
    min_length_m: Annotated[float, Number(0, unit="m")] = 0.0
    """Leave out merged lines that are shorter, metres."""
