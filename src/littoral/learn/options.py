"""Options of training and evaluating a model.

The defaults are those of ``littoral train`` and :func:`littoral.train`. ``prepare_data`` and ``FeatureClassifier`` keep
the names and defaults of the tool whose users they serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from littoral.options import Cli, File, Help, Number, Options

Method = Literal["head", "network"]
"""What is trained: a head on features that a frozen body computes once, or the whole network in epochs."""

ClassWeights = Literal["balanced"] | Mapping[int | str, float]


@dataclass(frozen=True)
class BodyOptions(Options):
    """The network, and its input from a tile."""

    GROUP: ClassVar[str] = "Network"

    method: Annotated[Method | None, Cli(default="head with pretrained weights, network without")] = None
    """head: fit a head on features that the frozen body computes once, minutes without a GPU; network: train in
    epochs."""
    backbone: Annotated[str | None, Cli(default="mobilenetv2_100/8 for a head, resnet34 for a network")] = None
    """timm's name of a network; resnet34/8 ends at an eighth of the resolution."""
    weights: str = "hub"
    """hub (timm's, downloaded once), none, a file of the backbone's weights, or sentinel2:NAME (torchgeo's; a wrong
    name lists them)."""
    chip_size: Annotated[int | None, Number(1, unit="px"), Cli(default="the tile's side", advanced=True)] = None
    """Side of the network's input, pixels. Smaller than the tile: random crops in training, the middle otherwise."""
    resize_to: Annotated[int | None, Number(1, unit="px"), Cli(default="not resized", advanced=True)] = None
    """Side that each tile is resized to before the chip is taken, pixels."""


@dataclass(frozen=True)
class HeadOptions(Options):
    """Training a head (``method`` head)."""

    GROUP: ClassVar[str] = "With --method head"

    flips: Annotated[bool, Cli(old=("--turns",))] = False
    """Train on the flips and quarter turns of the tiles too."""
    regularisation_c: Annotated[
        float | None,
        Number(above=0),
        Cli("--regularisation-c", old=("--strength",), default="chosen on training tiles left out"),
    ] = None
    """Inverse strength of the regularisation, scikit-learn's C."""


@dataclass(frozen=True)
class NetworkOptions(Options):
    """Training a network in epochs (``method`` network)."""

    GROUP: ClassVar[str] = "With --method network"

    epochs: Annotated[int, Number(1)] = 20
    """Passes over the training tiles."""
    lr: Annotated[float | None, Number(above=0), Cli(default="found by a range test of at most 100 batches")] = None
    """Highest learning rate."""
    unfreeze: bool = False
    """Train the pretrained body too, not only the head."""
    early_stopping: Annotated[int | None, Number(1), Cli(default="none")] = None
    """Stop after this number of epochs without an improvement."""
    mixup: Annotated[bool, Cli(advanced=True)] = False
    """Blend pairs of tiles and their labels."""
    focal_loss: Annotated[bool, Cli(advanced=True)] = False
    """Focal loss: tiles that are classified wrongly weigh more."""
    class_weights: Annotated[ClassWeights | None, Cli(metavar="balanced|3=1,7=2.5", advanced=True)] = None
    """Weight of each class in the loss: balanced, or numbers by code or name."""
    label_smoothing: Annotated[float, Number(0, below=1), Cli(advanced=True)] = 0.0
    """Share of each label that is spread over all classes, e.g. 0.1."""
    checkpoint: Annotated[Path | None, File("folder", "out"), Cli(advanced=True)] = None
    """Folder for checkpoints, from which an interrupted training can be resumed."""
    checkpoint_every: Annotated[int | None, Number(1), Cli(advanced=True)] = None
    """Write a checkpoint after this number of steps too, not only after each epoch."""
    resume: Annotated[bool, Cli(advanced=True)] = False
    """Resume from the checkpoint."""
    log: Annotated[Path | None, File("folder", "out"), Cli(advanced=True)] = None
    """Folder for epochs.csv, a row per epoch."""
    tensorboard: Annotated[bool, Cli(advanced=True)] = False
    """Write TensorBoard events into the log folder too."""
    devices: Annotated[int, Number(1), Cli(advanced=True)] = 1
    """Number of devices on each node."""
    num_nodes: Annotated[int, Number(1), Cli(advanced=True)] = 1
    """Number of nodes."""
    accelerator: Annotated[str, Cli(advanced=True)] = "auto"
    """Lightning's name of the accelerator, e.g. cpu, cuda, mps."""


@dataclass(frozen=True)
class SampleOptions(Options):
    """Which tiles are used for training, and how often."""

    GROUP: ClassVar[str] = "Training tiles"

    oversample: bool = True
    """Show every class equally often in training."""
    drop_rare: bool = False
    """Leave out classes that have one tile, instead of refusing them."""
    unreadable: Annotated[Literal["fatal", "skip"], Cli(advanced=True)] = "fatal"
    """Tiles that cannot be read or have no valid pixel: fatal, or skip (left out and named)."""
    batch_size: Annotated[int, Number(2), Cli(advanced=True)] = 32
    """Tiles in a batch."""
    seed: Annotated[int, Number(0)] = 42
    """Seed of the split, the augmentation and the training."""
    cache: Annotated[Path | None, File("folder", "out"), Cli(default="the user's cache folder", advanced=True)] = None
    """Folder for packed tiles; those of a folder of tiles are packed only if this is given."""


RasterFunction = Annotated[
    bool | None,
    Help("Include a script with which ArcGIS runs the ONNX graph."),
    Cli(default="where ArcGIS has none of its own: other than resnet18, 34 and 50, or resized tiles"),
]
"""Shared by the verbs that write a model."""


@dataclass(frozen=True)
class PackageOptions(Options):
    """What the model file carries beside the weights."""

    GROUP: ClassVar[str] = "Model file"

    licence: str | None = None
    """Licence of the model and its imagery, e.g. CC-BY-4.0."""
    attribution: str | None = None
    """Credit for the training imagery."""
    onnx: Annotated[bool | None, Cli(default="if the raster function needs it")] = None
    """Include an ONNX graph, to classify without torch."""
    raster_function: RasterFunction = None


@dataclass(frozen=True)
class EvaluateOptions(Options):
    """How a model is evaluated."""

    GROUP: ClassVar[str] = "Evaluation"

    allow_seen: bool = False
    """Score tiles that share ground with the training tiles too; such scores are too high."""
    tta: bool = False
    """Score the mean prediction over the flips and quarter turns of each tile."""
