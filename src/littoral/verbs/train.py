"""Train a model on labelled tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from littoral.errors import InputError, MissingExtraError
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.learn.options import BodyOptions, HeadOptions, NetworkOptions, PackageOptions, SampleOptions
from littoral.options import Cli, File, Number, Options, Overwrite
from littoral.progress import Say, Track, quiet, silent
from littoral.tiles.options import ClassOptions, CutOptions, SplitOptions
from littoral.vectors.options import CategoryTable, TableOptions
from littoral.verbs.parameters import AlsoScenes

if TYPE_CHECKING:
    from littoral.evaluation import Record

BACKBONES = {"head": "mobilenetv2_100/8", "network": "resnet34"}
"""That of a head is the one that did best on real coasts: docs/trials.md."""


@dataclass(frozen=True)
class TrainSummary:
    """A trained model."""

    output: Path
    """File written."""
    backbone: str
    """Its network."""
    classes: int
    """Number of its classes."""
    record: Record
    """Scores on the validation tiles."""

    def __str__(self) -> str:
        return f"{self.record}\n{self.output}: {self.backbone}, {self.classes} classes"


def train(
    tiles: Annotated[Sequence[str | Path], File("tiles")] = (),
    *,
    output: Annotated[str | Path, File("model", "out"), Cli(short="-o")],
    body: BodyOptions = BodyOptions(),
    samples: SampleOptions = SampleOptions(),
    split: SplitOptions = SplitOptions(),
    head: HeadOptions = HeadOptions(),
    network: NetworkOptions = NetworkOptions(),
    package: PackageOptions = PackageOptions(),
    labels: ClassOptions = ClassOptions(),
    cut: CutOptions = CutOptions(),
    combine: CombineOptions = CombineOptions(),
    opening: SceneOptions = SceneOptions(),
    table: TableOptions = TableOptions(),
    scene: Annotated[str | Path | None, File("scene"), Cli(metavar="SCENE")] = None,
    also: AlsoScenes = (),
    rectangles: Annotated[str | Path | None, File("vector")] = None,
    coast: Annotated[str | Path | None, File("vector"), Cli(default="the rectangles", advanced=True)] = None,
    folds: Annotated[int | Literal["region"] | None, Number(2), Cli(metavar="K|region")] = None,
    categories: CategoryTable = None,
    overwrite: Overwrite = False,
    track: Track = silent,
    say: Say = quiet,
) -> TrainSummary | None:
    """Train a model on labelled tiles.

    The model file (.dlpk) holds weights, preprocessing, classes, and scores on ground that was held out.

    Args:
        tiles: Labeled_Tiles folders; or else a scene and rectangles.
        output: Model to write (.dlpk).
        body: The network.
        samples: Which tiles are used.
        split: How tiles are split into training and validation.
        head: Training a head.
        network: Training a network.
        package: What the model file carries beside the weights.
        labels: Which labelled rectangles are used.
        cut: How tiles are cut from the scene.
        combine: What is taken of several scenes.
        opening: How scenes are opened.
        table: Rows of the rectangles, or tiles of the folders by class, category, region and file.
        scene: Cut tiles from this scene, once, instead of reading folders of tiles.
        rectangles: Labelled rectangles, with a scene.
        coast: Labelled coastline, or rectangles with their neighbours, from which to estimate how classes follow each
            other along the shore; for classify --smooth.
        folds: Also train anew for each of K parts of the ground, or for each region, and score the part held out.
        track: Shows progress.
        say: Called with a description of scenes and tiles.

    Returns:
        None in all processes of a training but the first.
    """
    from littoral.learn import FeatureClassifier, prepare_data
    from littoral.learn.training import Machine, is_first_process
    from littoral.tiles import Merging, read_tiles, select_tiles
    from littoral.vectors import check_output
    from littoral.verbs.inputs import open_all_scenes, read_scheme, read_table, require_suffix

    output = Path(output)
    require_suffix(output, ".dlpk")
    check_output(output, overwrite)
    for name, value in {"--resume": network.resume, "--checkpoint-every": network.checkpoint_every}.items():
        if value and network.checkpoint is None:
            raise InputError(name, "goes with --checkpoint", "add that, with a folder")
    method = body.method or ("network" if body.weights == "none" else "head")
    backbone = body.backbone or BACKBONES[method]
    other: Options = head if method == "network" else network
    if useless := other.changed():
        needed = "head" if method == "network" else "network"
        raise InputError(useless[0], f"goes with --method {needed}", "add that, or leave it out")
    given: dict[str, Any] = {
        "bands": cut.bands,
        "class_field": labels.class_field,
        "min_purity": labels.min_purity or None,
        "region_field": labels.region_field,
    }
    if scene is not None:
        opened = open_all_scenes([scene, *also], opening, say)
        given |= {
            "scene": opened,
            "merging": Merging(combine.combine, combine.near),
            "tile_size": cut.tile_size[0],
            "min_valid": cut.min_valid,
            "max_cloud": cut.max_cloud,
            "raw": cut.raw,
        }
    else:
        uncut = (combine, opening, replace(table, where=None), replace(cut, bands=None))
        if useless := [*(["--also"] if also else []), *(name for each in uncut for name in each.changed())]:
            raise InputError(useless[0], "goes with --scene", "leave it out")
    chosen: Any = tiles or None
    if tiles and (labels.classes is not None or table.where is not None):
        read = read_tiles(tiles, categories=read_scheme(categories), unreadable=samples.unreadable, track=track)
        chosen = select_tiles(read, labels.classes, table.where)
    data = prepare_data(
        chosen,
        rectangles=None if rectangles is None else read_table(rectangles, table),
        cache=samples.cache,
        batch_size=samples.batch_size,
        val_split_pct=split.val_share,
        split=split.split,
        block_km=split.block_km,
        val_regions=split.val_regions,
        chip_size=body.chip_size,
        resize_to=body.resize_to,
        unreadable=samples.unreadable,
        coast=coast,
        drop_rare=samples.drop_rare,
        seed=samples.seed,
        categories=read_scheme(categories),
        track=track,
        **{name: value for name, value in given.items() if value is not None},
    )
    if is_first_process():
        say(data.describe())
    model = FeatureClassifier(
        data,
        backbone,
        {"hub": True, "none": False}.get(body.weights, body.weights),
        oversample=samples.oversample,
        mixup=network.mixup,
        focal_loss=network.focal_loss,
        class_weights=network.class_weights,
        label_smoothing=network.label_smoothing,
    )
    if method == "head":
        model.fit_head(turns=head.flips, strength=head.regularisation_c, track=track)
    else:
        if network.unfreeze:
            model.unfreeze()
        if network.lr is None and is_first_process():
            say("finding a learning rate (--lr skips this)")
        model.fit(
            network.epochs,
            network.lr,
            early_stopping=network.early_stopping or False,
            checkpoint=network.checkpoint or False,
            checkpoint_every=network.checkpoint_every,
            resume=network.resume,
            log=network.log,
            tensorboard=network.tensorboard,
            machine=Machine(network.devices, network.num_nodes, network.accelerator),
        )
    if folds is not None:
        # All processes of a training train the folds.
        model.evaluate(folds=folds, track=track if is_first_process() else silent)
    if not is_first_process():
        return None
    written: dict[str, Any] = {
        "overwrite": overwrite,
        "licence": package.licence,
        "attribution": package.attribution,
    }
    try:
        path = model.save(output, onnx=package.onnx, raster_function=package.raster_function, **written)
    except (InputError, MissingExtraError):
        # What was learnt is not to be lost for want of a graph.
        say(f"{model.save(output, onnx=False, **written)}: saved without a graph")
        raise
    return TrainSummary(path, backbone, data.c, model.record())
