"""Export a model as an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from littoral.errors import InputError
from littoral.learn.options import RasterFunction
from littoral.options import Cli, File, Overwrite
from littoral.verbs.parameters import ModelIn


@dataclass(frozen=True)
class GraphSummary:
    """A model with a graph."""

    output: Path
    """File written."""

    def __str__(self) -> str:
        return str(self.output)


def export(
    model: ModelIn,
    output: Annotated[str | Path, File("model", "out"), Cli(short="-o")],
    *,
    raster_function: RasterFunction = None,
    overwrite: Overwrite = False,
) -> GraphSummary:
    """Export a model as an ONNX graph.

    Args:
        output: Model to write: .onnx, or .dlpk with the graph inside.
    """
    from littoral.learn import FeatureClassifier
    from littoral.learn.package_files import write_graph
    from littoral.vectors import check_output
    from littoral.verbs.inputs import require_suffix

    output = Path(output)
    require_suffix(output, ".onnx", ".dlpk")
    check_output(output, overwrite, inputs=(model,))
    if output.suffix == ".onnx" and raster_function:
        raise InputError("--raster-function", "does not go with .onnx", "leave it out, or write a .dlpk")
    classifier = FeatureClassifier.from_model(model)
    if output.suffix == ".onnx":
        write_graph(classifier, output)
    else:
        classifier.save(output, onnx=True, raster_function=raster_function, overwrite=overwrite)
    return GraphSummary(output)
