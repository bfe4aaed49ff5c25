"""Options of making rectangles along lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from littoral.errors import InputError
from littoral.options import Cli, Column, Number, Options

Sort = Literal["UL", "UR", "LL", "LR"]
"""Corner at which each group of rectangles starts: upper or lower, left or right."""
Tail = Literal["full", "drop", "shift_back"]
"""What becomes of the rest of a line that is shorter than a rectangle."""


@dataclass(frozen=True)
class RectangleOptions(Options):
    """Size, step and order of the rectangles."""

    GROUP: ClassVar[str] = "Rectangles"

    length_m: Annotated[float, Number(above=0, maximum=1_000_000, unit="m")] = 1000.0
    """Length along the line, metres."""
    width_m: Annotated[float, Number(above=0, maximum=1_000_000, unit="m")] = 1000.0
    """Length perpendicular to the line, metres, half on each side."""
    class_field: Annotated[
        str | None, Column("lines"), Cli(old=("--merge-by",), default="CATCOA where the lines have it")
    ] = None
    """Field with the class: lines are followed as one while it stays the same; '' follows them across all changes."""
    labelled_only: bool = False
    """No rectangles where the line has no class; purity still counts that line."""
    sort: Sort = "UL"
    """Corner where each group of rectangles starts."""
    overlap: Annotated[float | None, Number(0, below=1), Cli(default="0")] = None
    """Share of a rectangle that the next one covers again, 0 up to 1."""
    spacing_m: Annotated[float | None, Number(above=0, maximum=1_000_000, unit="m"), Cli(default="the length")] = None
    """Instead of overlap: distance from the start of one rectangle to the next, metres."""
    tail: Tail = "full"
    """The rest of a line: a rectangle beyond its end, none, or one that ends with the line."""
    min_tail: Annotated[float, Number(0, 1), Cli(advanced=True)] = 0.05
    """Shortest rest of a line that gets a rectangle, as a share of the length."""
    min_line_m: Annotated[float, Number(0, unit="m")] = 0.0
    """Leave out merged lines that are shorter, metres: islets, short pieces of a class."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.overlap is not None and self.spacing_m is not None:
            raise InputError("overlap", "cannot be given together with spacing", "pass one of the two")
