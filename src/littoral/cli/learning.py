"""A model judged, and written in other forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from littoral.cli.door import Overwrite, RasterFunction, app
from littoral.errors import InputError
from littoral.progress import bar
from littoral.vectors import check_output, staged


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A .dlpk.")],
    tiles: Annotated[list[Path], typer.Argument(help="Labeled_Tiles folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Scores to write (.json).")],
    allow_seen: Annotated[
        bool, typer.Option("--allow-seen", help="Score tiles on training ground too, which flatters.")
    ] = False,
    tta: Annotated[bool, typer.Option("--tta", help="Score the mean answer to flips and turns of each tile.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """The result of evaluate is a record of scores, on tiles that share no ground with the training tiles."""
    from littoral.learn import FeatureClassifier

    check_output(output, overwrite, inputs=(model,))
    record = FeatureClassifier.from_model(model).evaluate(tiles, allow_seen=allow_seen, tta=tta, track=bar)
    write_json(record, output)
    print(record)
    print(output)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="A .dlpk.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model to write (.onnx, or .dlpk with the graph).")],
    deepness: Annotated[
        bool, typer.Option("--deepness", help="As QGIS's plugin Deepness can load it (.onnx, models of 8-bit imagery).")
    ] = False,
    raster_function: RasterFunction = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of export is the same model as an ONNX graph, alone or in a package."""
    from littoral.learn import FeatureClassifier
    from littoral.learn.package_files import write_graph

    if output.suffix not in (".dlpk", ".onnx"):
        raise InputError(output, "does not end in .onnx or .dlpk", f"write e.g. -o {output.with_suffix('.onnx')}")
    check_output(output, overwrite, inputs=(model,))
    alone = output.suffix == ".onnx"
    for name, useless in (("--deepness", deepness and not alone), ("--raster-function", raster_function and alone)):
        if useless:
            raise InputError(name, f"does not go with {output.suffix}", "leave it away, or choose the other suffix")
    classifier = FeatureClassifier.from_model(model)
    if alone:
        write_graph(classifier, output, deepness=deepness)
    else:
        classifier.save(output, onnx=True, raster_function=raster_function, overwrite=overwrite)
    print(output)


def write_json(record: dict[str, Any], path: Path) -> None:
    with staged(path) as stage:
        stage.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")
