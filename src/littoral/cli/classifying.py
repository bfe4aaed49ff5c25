"""From a model to a classified coast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

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
    box_or_file,
    listed,
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
        Literal["auto", "torch", "torch-bf16", "onnx", "fastest"],
        typer.Option(
            help="What computes: torch, onnx (the package's graph), auto (torch where it is installed), fastest (of "
            "both, by measurement: the same labels), or torch-bf16 (16-bit arithmetic: a few labels may change)."
        ),
    ] = "auto",
    processor: Annotated[
        str,
        typer.Option(help="torch's name of what computes, e.g. cpu, cuda:1; auto: an NVIDIA GPU where there is one."),
    ] = "auto",
    also_models: Annotated[
        list[Path] | None,
        typer.Option(
            "--also-model", help="Another model of the same classes, bands and tiles: the mean of all counts."
        ),
    ] = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Ask about flips and turns of each tile too: up to eight times as long.")
    ] = False,
    level: Annotated[
        int, typer.Option(help="Per cent of rectangles whose prediction set is to hold the true class.")
    ] = 90,
    min_confidence: Annotated[float, typer.Option(help="Below it there is no class; 0 to 1.")] = 0.0,
    keep_unlike: Annotated[
        bool, typer.Option("--keep-unlike", help="Give a class to what is unlike the training too.")
    ] = False,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Add the answers along the chain of rectangles, beside the raw ones.")
    ] = False,
    transitions: Annotated[
        Path | None,
        typer.Option(
            help="With --smooth: a labelled coast (or transitions as .json) to learn from how the shore changes.",
            show_default="the model's",
        ),
    ] = None,
    extent: Annotated[
        str | None, typer.Option(help="Classify only what touches it: a vector file, or west,south,east,north.")
    ] = None,
    extent_crs: Annotated[str | None, typer.Option(help="Of an extent in numbers.", show_default="the scene's")] = None,
    cell_size: Annotated[
        float | None,
        typer.Option(help="To bring the scene to, units of its CRS.", show_default="the model's, or its own"),
    ] = None,
    any_cell_size: Annotated[
        bool, typer.Option("--any-cell-size", help="Go on where cells are larger or smaller than in training.")
    ] = False,
    parts: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep there what is answered: a run that was killed goes on from it. It may be deleted at any time.",
            show_default="with --dask, OUTPUT.parts",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            help="local for a process on each processor, or a scheduler's address, tcp://…; the same answers."
        ),
    ] = None,
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of classify is the same rectangles with class, confidence, probabilities and status."""
    from littoral.classify import ClassifyOptions, DecisionOptions, classify_objects, write_classified
    from littoral.imagery.options import CombineOptions, SceneOptions

    models = [model, *(also_models or ())]
    check_output(output, overwrite, DRIVERS, inputs=(rectangles, transitions, *models))
    if dask is not None and parts is None:
        parts = output.with_name(f"{output.name}.parts")
    # A box of other than four numbers is refused when it is used.
    box: Any = box_or_file(extent)
    try:
        table = classify_objects(
            [scene, *(also or ())],
            rectangles if layer is None else read_vector(rectangles, layer),
            model,
            ClassifyOptions(engine, processor, tta, box, extent_crs, any_cell_size, parts, dask),
            DecisionOptions(min_confidence, level, keep_unlike, smooth, class_label_field),
            scene=SceneOptions(scene_crs, None if (names := listed(band_names)) is None else tuple(names), cell_size),
            combine=CombineOptions(combine, near),
            also_models=models[1:],
            transitions=transitions,
            track=bar,
        )
    except KeyboardInterrupt as stop:
        if str(stop):
            print(f"littoral: {stop}.", file=sys.stderr)
        raise
    write_classified(table, output, class_label_field=class_label_field, overwrite=overwrite)
    tell_renamed(table)
    for note in table.attrs["notes"]:
        print(f"  {note}")
    for status, count in table["status"].value_counts().items():
        print(f"  {status:<22}{count:>8}")
    if table["Scene"].nunique() > 1:
        for name, count in table["Scene"].value_counts().items():
            print(f"  on {name:<19}{count:>8}")
    counts = {"class": table[class_label_field].value_counts()}
    if smooth:
        counts["smoothed"] = table[f"{class_label_field}Smoothed"].value_counts()
    print(f"    {'':<20}" + "".join(f"{title:>10}" for title in counts))
    for name in dict.fromkeys(name for each in counts.values() for name in each.index):
        print(f"    {name:<20}" + "".join(f"{each.get(name, 0):>10}" for each in counts.values()))
    print(f"{output}: {len(table)} rectangles")
