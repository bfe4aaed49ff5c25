"""Bring lines of one's own into the form of a coastline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from littoral.errors import InputError, counted
from littoral.options import File, Overwrite
from littoral.shoreline.options import LineOptions
from littoral.vectors.options import CategoryTable, TableOptions
from littoral.verbs.parameters import VectorOut
from littoral.verbs.wording import kilometre_lines, renamed_lines


@dataclass(frozen=True)
class LinesSummary:
    """A merged coastline."""

    output: Path
    """File written."""
    lines: int
    """Number of lines."""
    chains: int
    """Number of chains of lines that meet."""
    km: Mapping[str, float]
    """Kilometres by category."""
    renamed: Mapping[str, str]
    """Fields of the input that got other names."""

    def __str__(self) -> str:
        counts = f"{counted(self.lines, 'line')} in {counted(self.chains, 'chain')}"
        head = f"{self.output}: {counts}, {sum(self.km.values()):.1f} km"
        return "\n".join([*renamed_lines(self.renamed), head, *kilometre_lines(self.km.items())])


def lines(
    lines: Annotated[str | Path, File("vector")],
    output: VectorOut,
    options: LineOptions = LineOptions(),
    table: TableOptions = TableOptions(),
    *,
    mapping: Annotated[str | Path | None, File("table")] = None,
    categories: CategoryTable = None,
    overwrite: Overwrite = False,
) -> LinesSummary:
    """Merge lines of your own into a labelled coastline.

    Lines are merged where they meet, cut where the category changes, and measured.

    Args:
        lines: Lines of your own, or what charts or label wrote.
        output: Coastline to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        options: How lines are merged.
        table: Rows of the lines.
        mapping: CSV with columns value,category: the category of each of your values; * for all others.
    """
    from littoral.categories import read_mapping
    from littoral.shoreline import map_categories, merge_lines
    from littoral.vectors import DRIVERS, check_output, qgis_style, require_column, write_vector
    from littoral.verbs.inputs import read_lines, read_scheme

    output = Path(output)
    check_output(output, overwrite, DRIVERS, inputs=(lines, mapping, categories))
    rows = read_lines(lines, table)
    known = read_scheme(categories)
    field = require_column(rows, options.class_field, lines)
    mapped = map_categories(rows, field, None if mapping is None else read_mapping(Path(mapping), known), known)
    merged = merge_lines(mapped, "CATCOA", min_length_m=options.min_length_m)
    if merged.empty:
        least = f"of {options.min_length_m:g} m or more" if options.min_length_m else "longer than zero"
        raise InputError(lines, f"holds no line {least}", "pass lines along the coast, or a smaller --min-length")
    style = qgis_style("CATCOA", list(known.values()), text_values=False, geometry="line")
    write_vector(merged, output, overwrite=overwrite, style=style)
    km = (merged["length_m"] / 1000).groupby(merged["category"].fillna("no category")).sum()
    return LinesSummary(
        output,
        len(merged),
        merged["chain"].nunique(),
        dict(km.sort_values(ascending=False)),
        mapped.attrs["renamed"] | merged.attrs["renamed"],
    )
