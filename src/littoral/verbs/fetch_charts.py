"""Fetch the S-57 cells of an office into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from littoral.charts.options import FetchChartsOptions
from littoral.progress import Say, Track, quiet, silent
from littoral.verbs.parameters import FolderOut

if TYPE_CHECKING:
    from littoral.charts.download import FetchedCharts


@dataclass(frozen=True)
class FetchChartsSummary:
    """A folder of charts brought up to date."""

    output: Path
    """The folder."""
    fetched: FetchedCharts
    """Cells that were fetched, kept and withdrawn."""

    def __str__(self) -> str:
        return f"{self.output}: {self.fetched}"


def fetch_charts(
    output: FolderOut,
    options: FetchChartsOptions = FetchChartsOptions(),
    *,
    track: Track = silent,
    say: Say = quiet,
) -> FetchChartsSummary:
    """Fetch sea charts (S-57) from NOAA or another office.

    Run again, it fetches only what has changed since.

    Args:
        output: Folder of cells to write; brought up to date if it exists.
        options: Which cells are fetched.
        track: Shows progress, a step per 64 KiB.
        say: Called with the conditions of use.
    """
    from littoral.charts import fetch_charts as fetch

    return FetchChartsSummary(Path(output), fetch(output, options, track=track, say=say))
