"""Export a model as an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from littoral.errors import InputError
from littoral.learn.options import PackageOptions, RasterFunction
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
    from littoral.learn import export_onnx, load_model, save_model
    from littoral.vectors import check_output
    from littoral.verbs.inputs import require_suffix

    output = Path(output)
    require_suffix(output, ".onnx", ".dlpk")
    check_output(output, overwrite, inputs=(model,))
    if output.suffix == ".onnx" and raster_function:
        raise InputError("--raster-function", "does not go with .onnx", "leave it out, or write a .dlpk")
    loaded = load_model(model)
    if output.suffix == ".onnx":
        export_onnx(loaded, output)
    else:
        save_model(loaded, output, PackageOptions(onnx=True, raster_function=raster_function), overwrite=overwrite)
    return GraphSummary(output)
