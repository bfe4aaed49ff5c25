"""Write the report of a classified coast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from littoral.imagery.options import SceneOptions
from littoral.options import Cli, File, Overwrite
from littoral.progress import Track, silent
from littoral.report.options import ReportOptions
from littoral.vectors.options import TableOptions


@dataclass(frozen=True)
class ReportSummary:
    """A page."""

    output: Path
    """File written."""

    def __str__(self) -> str:
        return str(self.output)


def report(
    classified: Annotated[str | Path, File("vector")],
    output: Annotated[str | Path, File("page", "out"), Cli(short="-o")],
    options: ReportOptions = ReportOptions(),
    opening: SceneOptions = SceneOptions(),
    table: TableOptions = TableOptions(),
    *,
    model: Annotated[str | Path | None, File("model")] = None,
    scene: Annotated[str | Path | None, File("scene")] = None,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> ReportSummary:
    """Write a report of a classified coast as one web page.

    It holds a map, the share of each class, scores and samples, and needs no other file.

    Args:
        classified: What classify wrote.
        output: Page to write (.html).
        options: What the page shows.
        opening: How the scene is opened.
        table: Rows of the classified coast.
        model: The model, for its own scores and the baselines.
        scene: The scene, for the background of the map and sample tiles.
        track: Shows progress, a step per sample.
    """
    from littoral.imagery import open_scene
    from littoral.report import write_report
    from littoral.vectors import check_output
    from littoral.verbs.inputs import read_table

    output = Path(output)
    check_output(output, overwrite, inputs=(classified, model))
    opened = None if scene is None else open_scene(scene, opening)
    # The page names the file, unless some of its rows are left out.
    rows = classified if table == TableOptions() else read_table(classified, table)
    write_report(rows, output, options, model=model, scene=opened, overwrite=overwrite, track=track)
    return ReportSummary(output)
