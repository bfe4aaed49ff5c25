"""From tiles to a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from littoral.cli.door import (
    AlsoScenes,
    BandNames,
    CategoryTable,
    Combining,
    Layer,
    Near,
    Overwrite,
    RasterFunction,
    SceneCrs,
    app,
    describe_scenes,
    listed,
    opened_scenes,
    scheme,
)
from littoral.errors import InputError, MissingExtraError
from littoral.progress import bar, silent
from littoral.vectors import check_output, read_vector

BACKBONES = {"head": "mobilenetv2_100/8", "network": "resnet34"}
"""That of a head is the one that did best on real coasts: docs/figures/trials.md."""


@app.command()
def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="Model to write (.dlpk).")],
    tiles: Annotated[
        list[Path] | None, typer.Argument(help="Labeled_Tiles folders; or else --scene and --rectangles.")
    ] = None,
    scene: Annotated[
        str | None, typer.Option(metavar="SCENE", help="Cut tiles from it, once, instead of reading TILES.")
    ] = None,
    rectangles: Annotated[Path | None, typer.Option(help="Labelled rectangles.")] = None,
    class_field: Annotated[
        str | None, typer.Option(help="Field with the class.", show_default="CATCOA, value or classvalue")
    ] = None,
    tile_size: Annotated[
        int | None,
        typer.Option(help="Side of a tile, pixels of the scene.", show_default="256"),
    ] = None,
    bands: Annotated[str | None, typer.Option(help="Names or numbers.", show_default="all")] = None,
    min_valid: Annotated[
        float | None,
        typer.Option(help="Least valid share of a rectangle's own pixels.", show_default="0.5"),
    ] = None,
    min_purity: Annotated[
        float | None,
        typer.Option(help="Least purity of a rectangle.", show_default="0"),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Keep stored values where an offset is known.")] = False,
    region_field: Annotated[str | None, typer.Option(help="Field with the region, for --split region.")] = None,
    max_cloud: Annotated[
        float | None,
        typer.Option(help="Largest share of a rectangle's own pixels that may be cloud.", show_default="1"),
    ] = None,
    coast: Annotated[
        Path | None,
        typer.Option(
            help="Labelled coastline, or rectangles that know their neighbours: how the shore changes, for "
            "classify --smooth.",
            show_default="the --rectangles",
        ),
    ] = None,
    also: AlsoScenes = None,
    combine: Combining = "best",
    near: Near = None,
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    layer: Layer = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder to keep packed tiles in; those of TILES are packed only if it is named.",
            show_default="the user's",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="timm's name of a network; resnet34/8 ends at an eighth of the resolution.",
            show_default="mobilenetv2_100/8 for a head, resnet34 for a network",
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            metavar="WEIGHTS",
            help="hub (timm's, downloaded once), none, a file of the backbone's weights, or sentinel2:NAME "
            "(torchgeo's; a wrong name lists them).",
        ),
    ] = "hub",
    method: Annotated[
        Literal["head", "network"] | None,
        typer.Option(
            help="head (on features that a frozen body computes once: minutes without a GPU), or network (in epochs).",
            show_default="head with pretrained weights, network without",
        ),
    ] = None,
    turns: Annotated[bool, typer.Option("--turns", help="With --method head: learn from flips and turns too.")] = False,
    strength: Annotated[
        float | None,
        typer.Option(help="With --method head: scikit-learn's C.", show_default="by training tiles that are left out"),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training tiles.", show_default="20")] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Highest learning rate.", show_default="by a range test of at most 100 batches"),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Tiles in a batch.")] = 32,
    val_share: Annotated[float, typer.Option(help="Share of the tiles to validate with.")] = 0.2,
    split: Annotated[
        Literal["spatial", "region", "random"],
        typer.Option(help="spatial or region (leak nothing), or random (leaks, and says so)."),
    ] = "spatial",
    block_km: Annotated[
        float | None, typer.Option(help="Side of the blocks of a spatial split, km.", show_default="four tiles")
    ] = None,
    val_regions: Annotated[
        str | None, typer.Option(help="Regions to hold out, e.g. north,bay.", show_default="some, by the seed")
    ] = None,
    chip_size: Annotated[
        int | None, typer.Option(help="Side of the network's input, pixels.", show_default="the tile's")
    ] = None,
    resize_to: Annotated[
        int | None,
        typer.Option(help="Side tiles are resized to before the input is taken, pixels.", show_default="as they are"),
    ] = None,
    oversample: Annotated[bool, typer.Option(help="Show every class equally often.")] = True,
    unfreeze: Annotated[
        bool, typer.Option("--unfreeze", help="Train the body of pretrained weights too, not only the head.")
    ] = False,
    folds: Annotated[
        str | None,
        typer.Option(
            metavar="K|region",
            help="Also train anew for each of K parts of the ground, or each region, and score the part held out.",
        ),
    ] = None,
    mixup: Annotated[bool, typer.Option("--mixup", help="Blend pairs of tiles and their labels.")] = False,
    focal_loss: Annotated[bool, typer.Option("--focal-loss", help="Care more for tiles that are got wrong.")] = False,
    class_weights: Annotated[
        str | None, typer.Option(help="balanced (goes with --no-oversample), or of each class, e.g. 3=1,7=2.5.")
    ] = None,
    label_smoothing: Annotated[float, typer.Option(help="Share of a label spread over all classes, e.g. 0.1.")] = 0.0,
    early_stopping: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better one.", show_default="never", min=1)
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep there what is needed to go on after a kill.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Steps between checkpoints.", show_default="an epoch's", min=1)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the --checkpoint.")] = False,
    log: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write epochs.csv there, a row per epoch.")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard's events to --log.")] = False,
    devices: Annotated[int, typer.Option(help="Processors on each node; a batch is that of each.", min=1)] = 1,
    num_nodes: Annotated[int, typer.Option(help="Machines; start it on each with srun or torchrun.", min=1)] = 1,
    accelerator: Annotated[str, typer.Option(help="Lightning's name of the processor, e.g. cpu, cuda, mps.")] = "auto",
    drop_rare: Annotated[bool, typer.Option("--drop-rare", help="Leave out classes that have one tile.")] = False,
    unreadable: Annotated[
        Literal["fatal", "skip"],
        typer.Option(help="Tiles that cannot be read or show nothing: fatal, or skip (left out and named)."),
    ] = "fatal",
    categories: CategoryTable = None,
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0)] = 42,
    licence: Annotated[
        str | None, typer.Option(help="Of the model and its imagery, e.g. CC-BY-4.0; kept in the model.")
    ] = None,
    attribution: Annotated[
        str | None, typer.Option(help="Whom the training imagery is to be credited to; kept in the model.")
    ] = None,
    onnx: Annotated[
        bool | None,
        typer.Option(
            "--onnx/--no-onnx",
            help="Put an ONNX graph into the model, to classify without torch.",
            show_default="if the raster function needs it",
        ),
    ] = None,
    raster_function: RasterFunction = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of train is a model: a .dlpk with weights, preprocessing, classes and scores of unseen ground."""
    from littoral.learn import FeatureClassifier, prepare_data
    from littoral.learn.training import Machine, is_first_process
    from littoral.tiles import Merging

    must_be_package(output)
    check_output(output, overwrite)
    parts = None if folds is None else fold_count(folds)
    for name, value in {"--resume": resume, "--checkpoint-every": checkpoint_every}.items():
        if value and checkpoint is None:
            raise InputError(name, "goes with --checkpoint", "say in which folder")
    weights_of_classes = class_numbers(class_weights)
    method = method or ("network" if weights == "none" else "head")
    backbone = backbone or BACKBONES[method]
    only: dict[str, dict[str, Any]] = {
        "network": {
            "--epochs": epochs,
            "--lr": lr,
            "--unfreeze": unfreeze,
            "--mixup": mixup,
            "--focal-loss": focal_loss,
            "--class-weights": class_weights,
            "--label-smoothing": label_smoothing or None,
            "--early-stopping": early_stopping,
            "--checkpoint": checkpoint,
            "--log": log,
            "--tensorboard": tensorboard,
            "--devices": devices != 1,
            "--num-nodes": num_nodes != 1,
        },
        "head": {"--turns": turns, "--strength": strength},
    }
    for needs, options in only.items():
        useless = [name for name, value in options.items() if value is not None and value is not False]
        if needs != method and useless:
            raise InputError(useless[0], f"goes with --method {needs}", "add that, or leave it away")
    epochs = 20 if epochs is None else epochs
    cut: dict[str, Any] = {
        "class_field": class_field,
        "tile_size": tile_size,
        "bands": listed(bands),
        "min_valid": min_valid,
        "max_cloud": max_cloud,
        "min_purity": min_purity,
        "raw": raw or None,
        "region_field": region_field,
    }
    if scene is not None:
        opened = opened_scenes([scene, *(also or ())], scene_crs, band_names)
        describe_scenes(opened)
        cut |= {"scene": opened, "merging": Merging(combine, near)}
    else:
        options = {
            "--also": also,
            "--combine": combine != "best",
            "--near": near,
            "--scene-crs": scene_crs,
            "--band-names": band_names,
            "--layer": layer,
        }
        if useless := [name for name, value in options.items() if value]:
            raise InputError(useless[0], "goes with --scene", "leave it away")
    data = prepare_data(
        tiles or None,
        rectangles=None if rectangles is None else read_vector(rectangles, layer),
        cache=cache,
        batch_size=batch_size,
        val_split_pct=val_share,
        split=split,
        block_km=block_km,
        val_regions=listed(val_regions),
        chip_size=chip_size,
        resize_to=resize_to,
        unreadable=unreadable,
        coast=coast,
        drop_rare=drop_rare,
        seed=seed,
        categories=scheme(categories),
        track=bar,
        **{name: value for name, value in cut.items() if value is not None},
    )
    if is_first_process():
        print(data.describe())
    pretrained: bool | str = {"hub": True, "none": False}.get(weights, weights)
    model = FeatureClassifier(
        data,
        backbone,
        pretrained,
        oversample=oversample,
        mixup=mixup,
        focal_loss=focal_loss,
        class_weights=weights_of_classes,
        label_smoothing=label_smoothing,
    )
    try:
        if method == "head":
            model.fit_head(turns=turns, strength=strength, track=bar)
        else:
            if unfreeze:
                model.unfreeze()
            if lr is None and is_first_process():
                print("finding a learning rate (--lr skips this)", flush=True)
            model.fit(
                epochs,
                lr,
                early_stopping=early_stopping or False,
                checkpoint=checkpoint or False,
                checkpoint_every=checkpoint_every,
                resume=resume,
                log=log,
                tensorboard=tensorboard,
                machine=Machine(devices, num_nodes, accelerator),
            )
    except KeyboardInterrupt as stop:
        print(f"littoral: {stop}" if str(stop) else "littoral: stopped before the first step", file=sys.stderr)
        raise
    if parts is not None:
        # All processes of a training train the folds.
        model.evaluate(folds=parts, track=bar if is_first_process() else silent)
    if not is_first_process():
        return
    told: dict[str, Any] = {"overwrite": overwrite, "licence": licence, "attribution": attribution}
    try:
        path = model.save(output, onnx=onnx, raster_function=raster_function, **told)
    except (InputError, MissingExtraError):
        # What was learnt is not to be lost for want of a graph.
        print(f"{model.save(output, onnx=False, **told)}: saved without a graph")
        raise
    print(model.record())
    print(f"{path}: {backbone}, {data.c} classes")


def class_numbers(text: str | None) -> Literal["balanced"] | dict[int | str, float] | None:
    """
    >>> class_numbers("balanced"), class_numbers("3=1, mangrove=2.5")
    ('balanced', {3: 1.0, 'mangrove': 2.5})
    """
    if text is None or text == "balanced":
        return text  # type: ignore[return-value]
    found: dict[int | str, float] = {}
    for part in listed(text) or []:
        name, _, number = part.partition("=")
        try:
            found[int(name) if name.strip().isdigit() else name.strip()] = float(number)
        except ValueError as error:
            raise InputError(
                f"--class-weights {part}", "is not a class and a number", "write e.g. 3=1,7=2.5"
            ) from error
    return found


def must_be_package(path: Path) -> None:
    if path.suffix != ".dlpk":
        raise InputError(path, "does not end in .dlpk", f"write e.g. -o {path.with_suffix('.dlpk')}")


def fold_count(text: str) -> int | Literal["region"]:
    if text == "region":
        return "region"
    if not text.isdecimal() or int(text) < 2:
        raise InputError(f"--folds {text}", "is neither a number from 2 nor region", "pass e.g. --folds 5")
    return int(text)
