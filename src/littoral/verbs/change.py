"""Compare two classified coasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.options import File, Overwrite
from littoral.predictions.options import ChangeOptions, IntervalOptions
from littoral.vectors.options import CategoryTable
from littoral.verbs.parameters import KilometreTable, VectorOut

if TYPE_CHECKING:
    from littoral.predictions import Change


@dataclass(frozen=True)
class ChangeSummary:
    """Two coasts compared."""

    output: Path
    """File written."""
    change: Change
    """Rectangles and kilometres."""
    level: float
    """Level of the interval, per cent."""
    estimated: bool
    """Whether the share of change was estimated from the coasts."""
    notes: Sequence[str]
    """What may look like change and is none."""

    def __str__(self) -> str:
        found = self.change
        text = [f"  {status:<22}{count:>8}" for status, count in found.rectangles["change"].value_counts().items()]
        moved = found.km[found.km["before"] != found.km["after"]].sort_values("km", ascending=False, kind="stable")
        text += [f"    {row.before} to {row.after}: {row.km:.1f} km" for row in moved.itertuples(index=False)]
        if found.compared_km:
            low, high = found.interval_km
            text.append(
                f"  of {found.compared_km:.1f} km compared {found.changed_km:.1f} km are expected to have changed "
                f"({low:.1f} to {high:.1f} at {self.level:g} %)"
            )
            if self.estimated:
                text.append(f"  estimated prior probability of change: {found.rate:.3f}")
        text += [f"  {note}" for note in self.notes]
        return "\n".join([*text, f"{self.output}: {len(found.rectangles)} rectangles"])


def change(
    before: Annotated[str | Path, File("vector")],
    after: Annotated[str | Path, File("vector")],
    output: VectorOut,
    options: ChangeOptions = ChangeOptions(),
    intervals: IntervalOptions = IntervalOptions(),
    *,
    table: KilometreTable = None,
    categories: CategoryTable = None,
    overwrite: Overwrite = False,
) -> ChangeSummary:
    """Find where the class changed between two dates.

    Each place gets the probability that its class changed.

    Args:
        before: What classify wrote for the earlier date.
        after: What classify wrote for the later date, with the same model.
        output: Changes to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        options: How the coasts are compared.
        intervals: How intervals are computed.
    """
    from littoral.predictions import STATUSES, notes_on_provenance
    from littoral.predictions import change as compare
    from littoral.vectors import DRIVERS, check_output, qgis_style, read_provenance, read_vector, trace, write_vector
    from littoral.verbs.inputs import read_scheme
    from littoral.verbs.outputs import write_csv

    output = Path(output)
    check_output(output, overwrite, DRIVERS, inputs=(before, after))
    if table is not None:
        check_output(Path(table), overwrite, (".csv",), inputs=(before, after, categories))
    found = compare(read_vector(before), read_vector(after), options, intervals, scheme=read_scheme(categories))
    inputs = {"before": before, "after": after, "categories": categories}
    write_vector(
        found.rectangles,
        output,
        overwrite=overwrite,
        style=qgis_style("change", list(STATUSES), text_values=True),
        provenance=trace("change", inputs, {**vars(options), **vars(intervals)}),
    )
    if table is not None:
        write_csv(found.km, table)
    notes = [*found.notes, *notes_on_provenance(read_provenance(before), read_provenance(after))]
    return ChangeSummary(output, found, intervals.level, options.rate is None, notes)
