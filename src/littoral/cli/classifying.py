"""From a model to a classified coast and its report, and the whole line on a synthetic one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from littoral.cli.door import (
    AlsoScenes,
    BandNames,
    Combining,
    Layer,
    Near,
    Overwrite,
    SceneArgument,
    SceneCrs,
    app,
    listed,
    opened_scenes,
    tell_renamed,
)
from littoral.progress import bar
from littoral.vectors import DRIVERS, check_output, read_vector


@app.command()
def classify(
    scene: SceneArgument,
    rectangles: Annotated[Path, typer.Argument(help="Rectangles along the coast to classify.")],
    model: Annotated[Path, typer.Argument(help="A .dlpk, or an .onnx of littoral's.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Classified coast to write (.gpkg, .parquet, …).")],
    class_label_field: Annotated[str, typer.Option(help="Field for the name of the class.")] = "ClassLabel",
    also: AlsoScenes = None,
    combine: Combining = "best",
    near: Near = None,
    engine: Annotated[
        Literal["auto", "torch", "onnx"],
        typer.Option(help="What computes: torch, onnx (the package's graph), or auto: torch where it is installed."),
    ] = "auto",
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of classify is the same rectangles with class, confidence, probabilities and status."""
    from littoral.classify import classify_objects, write_classified
    from littoral.engines import open_classifier
    from littoral.tiles import Merging

    check_output(output, overwrite, DRIVERS, inputs=(rectangles, model))
    classifier = open_classifier(model, engine)
    manifest = classifier.manifest
    opened = opened_scenes([scene, *(also or ())], scene_crs, band_names, manifest.preprocessing.tile.cell_size)
    table = classify_objects(
        opened,
        read_vector(rectangles, layer),
        classifier,
        merging=Merging(combine, near),
        class_label_field=class_label_field,
        track=bar,
    )
    write_classified(table, output, manifest.categories, class_label_field=class_label_field, overwrite=overwrite)
    tell_renamed(table)
    for status, count in table["status"].value_counts().items():
        print(f"  {status:<22}{count:>8}")
    if len(opened) > 1:
        for name, count in table["Scene"].value_counts().items():
            print(f"  seen on {name:<14}{count:>8}")
    for name, count in table[class_label_field].value_counts().items():
        print(f"    {name:<20}{count:>8}")
    print(f"{output}: {len(table)} rectangles")


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
    from littoral.report import write_report

    check_output(output, overwrite, inputs=(classified, model))
    opened = None if scene is None else open_scene(scene, crs=scene_crs, band_names=listed(band_names))
    write_report(
        classified,
        output,
        model=model,
        truth=truth,
        scene=opened,
        class_label_field=class_label_field,
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
