"""Options of classifying rectangles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from littoral.options import Cli, File, Number, Options

EngineChoice = Literal["auto", "torch", "torch-bf16", "onnx", "fastest"]


@dataclass(frozen=True)
class ClassifyOptions(Options):
    """Extent to classify, engine and device."""

    GROUP: ClassVar[str] = "Computation"

    engine: EngineChoice = "auto"
    """auto (torch where it is installed), torch, onnx (the graph in the model), fastest (of both, measured: the same
    labels), or torch-bf16 (16-bit arithmetic: a few labels may differ)."""
    processor: str = "auto"
    """torch's name of the device, e.g. cpu, cuda:1; auto: an NVIDIA GPU where there is one."""
    tta: bool = False
    """Mean prediction over the flips and quarter turns of each tile; up to eight times as long."""
    extent: Annotated[tuple[float, float, float, float] | str | None, Cli(metavar="EXTENT")] = None
    """Classify only rectangles that touch it: a vector file, or west,south,east,north."""
    extent_crs: Annotated[str | None, Cli(default="the scene's")] = None
    """CRS of an extent in numbers."""
    any_cell_size: Annotated[bool, Cli(advanced=True)] = False
    """Classify also where the scene's cells are larger or smaller than those of the training."""
    parts: Annotated[Path | None, File("folder", "out"), Cli(default="with --dask, OUTPUT.parts", advanced=True)] = None
    """Folder for finished parts, from which an interrupted run is resumed. It may be deleted at any time."""
    dask: Annotated[str | None, Cli(metavar="local|ADDRESS", advanced=True)] = None
    """Compute on a Dask cluster: local (a process on each core), or a scheduler's address, tcp://…; the results are
    the same."""


@dataclass(frozen=True)
class DecisionOptions(Options):
    """Which class a rectangle gets, and when it gets none."""

    GROUP: ClassVar[str] = "Decision"

    min_confidence: Annotated[float, Number(0, 1)] = 0.0
    """Smallest confidence; below it the status is uncertain and there is no class."""
    level: Annotated[int, Number(1, 99, unit="%")] = 90
    """Per cent of rectangles whose prediction set shall contain the true class."""
    keep_unlike: bool = False
    """Give a class to rectangles that look unlike the training tiles too."""
    smooth: bool = False
    """Smooth the predictions along the chain of rectangles, in columns beside the unsmoothed ones."""
    class_label_field: Annotated[str, Cli(advanced=True)] = "ClassLabel"
    """Name of the field for the name of the class."""
