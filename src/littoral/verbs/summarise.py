"""Sum up a classified coast in kilometres."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.options import File, Overwrite
from littoral.predictions.options import IntervalOptions, SummariseOptions
from littoral.progress import Track, silent
from littoral.vectors.options import CategoryTable, TableOptions
from littoral.verbs.parameters import KilometreTable, VectorOut
from littoral.verbs.wording import renamed_lines, share_of

if TYPE_CHECKING:
    from littoral.predictions.summary import Summary

_COLUMNS = ["ClassLabel", "km", "share", "expected_km", "low_km", "high_km"]


@dataclass(frozen=True)
class SummariseSummary:
    """A coast in kilometres."""

    output: Path
    """File written."""
    summary: Summary
    """Pieces of the shoreline, and kilometres by class and area."""
    level: float
    """Level of the intervals, per cent."""

    def __str__(self) -> str:
        pieces, table = self.summary.pieces, self.summary.table
        text = [*(f"  {note}" for note in self.summary.notes), *renamed_lines(pieces.attrs["renamed"])]
        several = table["area"].nunique() > 1
        for area, rows in table.groupby("area", sort=False):
            if several:
                text.append(str(area))
            text.append(f"  {'':<22}{'km':>10} {'share':>7} {'expected':>10}   {self.level:g} % interval")
            for name, km, share, expected, low, high in zip(*(rows[column] for column in _COLUMNS), strict=True):
                interval = "" if low != low else f"{expected:>10.1f}   {low:.1f} to {high:.1f}"
                text.append(f"  {name:<22}{km:>10.1f} {share_of(share):>7} {interval}".rstrip())
        total = pieces["length_m"].sum() / 1000
        return "\n".join([*text, f"{self.output}: {total:.3f} km in {len(pieces)} pieces"])


def summarise(
    classified: Annotated[str | Path, File("vector")],
    output: VectorOut,
    options: SummariseOptions = SummariseOptions(),
    intervals: IntervalOptions = IntervalOptions(),
    rows: TableOptions = TableOptions(),
    *,
    shoreline: Annotated[str | Path | None, File("vector")] = None,
    areas: Annotated[str | Path | None, File("vector")] = None,
    table: KilometreTable = None,
    categories: CategoryTable = None,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> SummariseSummary:
    """Sum up a classified coast in kilometres.

    The shoreline is cut and coloured by class; kilometres have intervals where the model is calibrated.

    Args:
        classified: What classify wrote.
        output: Shoreline to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        options: How predictions are brought onto the shoreline.
        intervals: How intervals are computed.
        rows: Rows of the classified coast.
        shoreline: Shoreline to cut; without it the chords of the rectangles are used.
        areas: Polygons to sum by; the line is cut at their borders.
        track: Shows progress.
    """
    from littoral.predictions import summarise as summarise_coast
    from littoral.vectors import DRIVERS, check_output, qgis_style, read_vector, trace, write_vector
    from littoral.verbs.inputs import read_scheme, read_table
    from littoral.verbs.outputs import write_csv

    output = Path(output)
    check_output(output, overwrite, DRIVERS, inputs=(classified, shoreline, areas))
    if table is not None:
        check_output(Path(table), overwrite, (".csv",), inputs=(classified, shoreline, areas, categories))
    found = summarise_coast(
        read_table(classified, rows),
        None if shoreline is None else read_vector(shoreline),
        None if areas is None else read_vector(areas),
        options,
        intervals,
        scheme=read_scheme(categories),
        track=track,
    )
    style = qgis_style(options.class_label_field, list(found.categories), text_values=True, geometry="line")
    inputs = {"classified": classified, "shoreline": shoreline, "areas": areas, "categories": categories}
    write_vector(
        found.pieces,
        output,
        overwrite=overwrite,
        style=style,
        provenance=trace("summarise", inputs, {**vars(options), **vars(intervals), "where": rows.where}),
    )
    if table is not None:
        write_csv(found.table, table)
    return SummariseSummary(output, found, intervals.level)
