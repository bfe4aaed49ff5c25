"""Read S-57 charts into a labelled coastline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.charts.options import ChartOptions
from littoral.errors import InputError, counted
from littoral.options import Cli, File, Overwrite
from littoral.progress import Track, silent
from littoral.verbs.wording import kilometre_lines, share_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ChartsSummary:
    """What was read from charts."""

    output: Path | None
    """File written."""
    lines: int
    """Number of lines."""
    km: pd.DataFrame
    """Kilometres: a row per cell, and ``all``; a column per category."""
    replaced_km: pd.DataFrame
    """Kilometres of each cell that cells of larger scale replaced."""
    by_cell: bool = False
    """Whether the text has a table of all cells."""

    def __str__(self) -> str:
        total = self.km.T["all"]
        text = [
            f"{cell}: {length:.1f} km replaced by cells of larger scale"
            for cell, length in self.replaced_km.sum(axis=1).items()
        ]
        counts = f"{counted(self.lines, 'line')} of {counted(len(self.km) - 1, 'cell')}"
        text += [f"{self.output or 'coastline'}: {counts}, {total.sum():.1f} km", *kilometre_lines(total.items())]
        if self.by_cell:
            text.append(_by_cell(self.km))
            if len(self.replaced_km):
                replaced = self.replaced_km.copy()
                replaced.loc["all"] = replaced.sum()
                text += ["replaced by cells of larger scale:", _by_cell(replaced)]
        return "\n".join(text)


def charts(
    cells: Annotated[Sequence[str | Path], File("chart")],
    output: Annotated[str | Path | None, File("vector", "out"), Cli(short="-o")] = None,
    chart: ChartOptions = ChartOptions(),
    *,
    summary: bool = False,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> ChartsSummary:
    """Read S-57 charts into a labelled coastline.

    Each row is a line with its category of coastline (CATCOA) and the cell it comes from.

    Args:
        cells: S-57 base cells (.000, with their updates beside them), zips, or folders of them.
        output: Coastline to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        chart: Which lines are read.
        summary: Print kilometres and shares of each category in each cell.
        overwrite: Replace the output if it exists.
        track: Shows progress, a step per cell.
    """
    import pandas as pd

    from littoral.categories import CATCOA
    from littoral.charts import read_charts, summarise_coast
    from littoral.vectors import DRIVERS, check_output, qgis_style, write_vector

    cells = [Path(cells)] if isinstance(cells, str | Path) else [Path(cell) for cell in cells]
    if output is None and not summary:
        raise InputError("charts", "has nothing to do", "pass -o coast.gpkg, --summary, or both")
    if output is not None:
        output = Path(output)
        check_output(output, overwrite, DRIVERS, inputs=cells)
    coast = read_charts(cells, chart, track=track)
    if coast.empty:
        raise InputError(", ".join(map(str, cells)), "holds no coastline", "pass cells that show a coast")
    if output is not None:
        style = qgis_style("CATCOA", list(CATCOA.values()), text_values=False, geometry="line")
        write_vector(coast, output, overwrite=overwrite, style=style)
    replaced = pd.DataFrame.from_dict(coast.attrs["replaced_km"], orient="index").fillna(0.0)
    return ChartsSummary(output, len(coast), summarise_coast(coast), replaced, summary)


def _by_cell(km: pd.DataFrame) -> str:
    """A table of kilometres and shares: a row per cell, a column per category."""
    width = max(len("cell"), *(len(str(cell)) for cell in km.index))
    sizes = [max(len(str(name)), 15) for name in km.columns]
    head = "".join(f"  {name!s:>{size}}" for name, size in zip(km.columns, sizes, strict=True))
    text = [f"{'cell':<{width}}{'km':>10}{head}"]
    for cell, row in zip(km.index, km.to_numpy(), strict=True):
        total = row.sum()
        shares = (f"{part:.1f} {share_of(part / max(total, 1e-9)):>6}" for part in row)
        columns = "".join(f"  {share:>{size}}" for share, size in zip(shares, sizes, strict=True))
        text.append(f"{cell!s:<{width}}{total:>10.1f}{columns}")
    return "\n".join(text)
