"""Make rectangles along a coastline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from littoral.errors import counted
from littoral.options import File, Overwrite
from littoral.progress import Track, silent
from littoral.rectangles.options import RectangleOptions
from littoral.tiles.options import Classes
from littoral.vectors.options import TableOptions
from littoral.verbs.parameters import VectorOut
from littoral.verbs.wording import renamed_lines

PURE = 0.75
"""Purity below which a rectangle is counted as one of mixed classes."""
THIN = 0.2
"""Share of its length: a rectangle with less line lies mostly beyond the end of a short one."""


@dataclass(frozen=True)
class RectanglesSummary:
    """Rectangles along lines."""

    output: Path
    """File written."""
    rectangles: int
    """How many there are."""
    groups: int
    """Number of lines that they follow."""
    km: float
    """Length of the line inside them."""
    mixed: int | None
    """How many have a purity below :data:`PURE`; None without classes."""
    thin: int
    """How many hold less line than :data:`THIN` of their length."""
    thin_m: float
    """That length."""
    renamed: Mapping[str, str]
    """Fields of the input that got other names."""

    def __str__(self) -> str:
        counts = f"{counted(self.rectangles, 'rectangle')} in {counted(self.groups, 'group')}"
        text = [*renamed_lines(self.renamed), f"{self.output}: {counts} along {self.km:.1f} km of line"]
        if self.mixed:
            text.append(
                f"  in {self.mixed} of them less than three quarters of the line has their class (purity below {PURE})"
            )
        if self.thin > 0.1 * self.rectangles:
            text.append(
                f"  {self.thin} of them hold less than {self.thin_m:g} m of line: --min-line leaves short lines out"
            )
        return "\n".join(text)


def rectangles(
    lines: Annotated[str | Path, File("vector")],
    output: VectorOut,
    options: RectangleOptions = RectangleOptions(),
    table: TableOptions = TableOptions(),
    *,
    classes: Classes = None,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> RectanglesSummary:
    """Make rectangles along a coastline.

    The rectangles of a line are numbered in order and keep the line's fields.

    Args:
        lines: Coastline: what charts, label or lines wrote, or any layer of lines.
        output: Rectangles to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        options: Size, step and order of the rectangles.
        table: Rows of the lines.
        track: Shows progress, a step per line.
    """
    from littoral.rectangles import rectangles_along_lines
    from littoral.vectors import DRIVERS, check_output, require_column, write_vector
    from littoral.verbs.inputs import coast_style, keep_classes, read_lines

    output = Path(output)
    check_output(output, overwrite, DRIVERS, inputs=(lines,))
    rows = read_lines(lines, table)
    field = "CATCOA" if options.class_field is None else options.class_field
    # What is wrong with a name that was given is said of the file.
    if field and (options.class_field or options.labelled_only or classes is not None):
        require_column(rows, field, lines)
    boxes = rectangles_along_lines(rows, options, track=track)
    if classes is not None:
        boxes = keep_classes(boxes, require_column(boxes, field, output), classes, lines)
    write_vector(boxes, output, overwrite=overwrite, style=coast_style(boxes))
    thin_m = THIN * options.length_m
    return RectanglesSummary(
        output,
        len(boxes),
        boxes["GroupId"].nunique(),
        boxes["line_m"].sum() / 1000,
        int((boxes["purity"] < PURE).sum()) if "purity" in boxes else None,
        int((boxes["line_m"] < thin_m).sum()),
        thin_m,
        boxes.attrs["renamed"],
    )
