"""Label a line by the nearest charted line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from littoral.errors import InputError, counted
from littoral.options import File, Overwrite
from littoral.progress import Track, silent
from littoral.shoreline.options import LabelOptions
from littoral.vectors.options import TableOptions
from littoral.verbs.parameters import VectorOut
from littoral.verbs.wording import kilometre_lines, renamed_lines


@dataclass(frozen=True)
class LabelSummary:
    """A labelled line."""

    output: Path
    """File written."""
    pieces: int
    """Number of pieces that the line was cut into."""
    km: Mapping[str, float]
    """Kilometres by status of the label."""
    renamed: Mapping[str, str]
    """Fields of the input that got other names."""

    def __str__(self) -> str:
        head = f"{self.output}: {counted(self.pieces, 'piece')}, {sum(self.km.values()):.1f} km"
        return "\n".join([*renamed_lines(self.renamed), head, *kilometre_lines(self.km.items())])


def label(
    line: Annotated[str | Path, File("vector")],
    coast: Annotated[str | Path, File("vector")],
    output: VectorOut,
    options: LabelOptions = LabelOptions(),
    table: TableOptions = TableOptions(),
    *,
    coast_layer: str | None = None,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> LabelSummary:
    """Label a line by the nearest charted line.

    The line is cut where its label changes.

    Args:
        line: Line to label: what shoreline wrote, or any layer of lines.
        coast: Labelled lines: what charts wrote, or any layer with the class field.
        output: Labelled line to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        options: How labels are transferred.
        table: Rows of the line.
        coast_layer: Layer of the labelled lines; needed where that file has several.
        track: Shows progress, a step per line.
    """
    from littoral.shoreline import TOO_FAR, transfer_labels
    from littoral.vectors import DRIVERS, check_output, require_column, write_vector
    from littoral.verbs.inputs import coast_style, read_lines

    output = Path(output)
    check_output(output, overwrite, DRIVERS, inputs=(line, coast))
    bare, charted = read_lines(line, table), read_lines(coast, TableOptions(coast_layer))
    require_column(charted, options.class_field, coast)
    pieces = transfer_labels(bare, charted, options, track=track)
    if (pieces["label_status"] == TOO_FAR).all():
        raise InputError(
            line,
            f"lies nowhere within {options.within_m:g} m of {coast}",
            "check that they show the same coast, or pass a larger --within",
        )
    write_vector(pieces, output, overwrite=overwrite, style=coast_style(pieces, geometry="line"))
    km = (pieces["length_m"] / 1000).groupby(pieces["label_status"]).sum()
    return LabelSummary(output, len(pieces), dict(km), pieces.attrs["renamed"])
