"""A classified coast to its report, and the whole line on a synthetic coast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from littoral.cli.door import BandNames, Overwrite, SceneCrs, app, listed
from littoral.imagery.options import SceneOptions
from littoral.progress import bar
from littoral.vectors import check_output


@app.command()
def report(
    classified: Annotated[Path, typer.Argument(help="What classify wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Page to write (.html).")],
    model: Annotated[Path | None, typer.Option(help="The .dlpk: its own scores, and the baselines.")] = None,
    truth: Annotated[str | None, typer.Option(help="Field with the true class, e.g. CATCOA.")] = None,
    scene: Annotated[Path | None, typer.Option(help="The scene: background of the map, and sample tiles.")] = None,
    class_label_field: Annotated[str, typer.Option(help="Field with the name of the class.")] = "ClassLabel",
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of report is one page that works anywhere: map, shares, scores, samples."""
    from littoral.imagery import open_scene
    from littoral.report import ReportOptions, write_report

    check_output(output, overwrite, inputs=(classified, model))
    opened = None if scene is None else open_scene(scene, SceneOptions(crs=scene_crs, band_names=listed(band_names)))
    write_report(
        classified,
        output,
        ReportOptions(truth, class_label_field),
        model=model,
        scene=opened,
        overwrite=overwrite,
        track=bar,
    )
    print(output)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")] = Path("littoral-demo"),
    seed: Annotated[int, typer.Option(help="Of the synthetic world and the training.", min=0)] = 0,
    overwrite: Overwrite = False,
) -> None:
    """The result of demo is a folder with the whole line run on a synthetic coast, report included."""
    from littoral.demo import run_demo

    run_demo(output, seed=seed, overwrite=overwrite, track=bar, say=print)
