"""A training from option values to a model, for ``littoral.train`` and the verb ``train``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError, MissingExtraError
from littoral.evaluation import Folds, Record
from littoral.imagery import Scenes
from littoral.imagery.options import CombineOptions
from littoral.learn.cross_validation import cross_validate
from littoral.learn.data import TileData, prepare_data
from littoral.learn.methods import RunFiles, finished, new_model, train_epochs, train_head, trained_again
from littoral.learn.model_files import save_model
from littoral.learn.options import BodyOptions, HeadOptions, NetworkOptions, PackageOptions, SampleOptions
from littoral.learn.trained_model import TrainedModel
from littoral.learn.training import (
    Checkpoints,
    EpochTraining,
    HeadTraining,
    Machine,
    Schedule,
    TrainingStep,
    is_first_process,
    rate_of,
)
from littoral.progress import Track, silent
from littoral.tiles import TileSet
from littoral.tiles.options import ClassOptions, CutOptions, SplitOptions

BACKBONES = {"head": "mobilenetv2_100/8", "network": "resnet34"}
"""Default backbone of each method; that of a head did best on real coasts (``docs/figures/trials.md``)."""


def train(
    tiles: TileData | TileSet | str | Path | Iterable[str | Path] | None = None,
    *,
    scene: Scenes | None = None,
    rectangles: gpd.GeoDataFrame | str | Path | None = None,
    combine: CombineOptions | None = None,
    coast: gpd.GeoDataFrame | str | Path | None = None,
    labels: ClassOptions | None = None,
    cut: CutOptions | None = None,
    split: SplitOptions | None = None,
    samples: SampleOptions | None = None,
    body: BodyOptions | None = None,
    head: HeadOptions | None = None,
    network: NetworkOptions | None = None,
    folds: Folds | None = None,
    categories: Scheme = CATCOA,
    track: Track = silent,
) -> TrainedModel:
    """Train a model on labelled tiles, calibrate it and score it on its validation tiles.

    By default a head is fitted on a frozen body with pretrained weights; ``BodyOptions(weights="none")`` trains a
    network from scratch in epochs. Prints the class balance and how training goes.

    Args:
        tiles: Folders of labelled tiles, a set of tiles, or tiles that are split already (with them, ``labels``,
            ``cut``, ``split``, ``combine`` and ``coast`` do not go).
        scene: Instead of ``tiles``: imagery that tiles are cut from, once; they are kept in a cache.
        rectangles: With ``scene``: labelled rectangles.
        combine: With several scenes: how they are combined.
        coast: Labelled coastline, or rectangles that are linked to their neighbours, from which transitions between
            classes are estimated; None: ``rectangles``.
        labels: Which labels are used.
        cut: With ``scene``: how tiles are cut; of tiles in folders only ``bands`` can be chosen.
        split: How tiles are split into training and validation.
        samples: Which tiles are used for training, and how often.
        body: Method, backbone and first weights.
        head: Settings of the method ``head``.
        network: Settings of the method ``network``.
        folds: Also train anew for each fold of the tiles and score it; the scores carry the record.
        categories: Names and colours of the classes.
        track: Shows progress.

    Raises:
        InputError: tiles that cannot be used, or an option that does not go with the method.
        KeyboardInterrupt: Ctrl-C; the message says how to resume, if there is a checkpoint.

    Memory: 3 KB per tile, and that of the method (:func:`littoral.learn.training.fit_head`,
    :func:`littoral.learn.methods.train_epochs`).
    """
    samples, body, network = samples or SampleOptions(), body or BodyOptions(), network or NetworkOptions()
    step, backbone, files = training_step(samples, body, head or HeadOptions(), network)
    if isinstance(tiles, TileData):
        data = tiles
        if any(each is not None for each in (scene, rectangles, combine, coast, labels, cut, split)):
            raise InputError("tiles that are split already", "cannot be split or cut again", "pass their folder")
    else:
        data = read_training_tiles(
            tiles, scene, rectangles, combine, coast, labels, cut, split, samples, body, categories, track
        )
    if is_first_process():
        print(data.describe())
    model = new_model(data, backbone, body.weights)
    if isinstance(step, HeadTraining):
        data = data.without_damaged()
        model = train_head(model, data, step, track)
    else:
        if not step.frozen:
            model.network.unfreeze()
        if step.schedule.rate is None and is_first_process():
            print("finding a learning rate (--lr skips this)", flush=True)
        model = train_epochs(model, data, step, files)
        data = data.without_damaged()
    model = finished(model, data, step)
    if folds is not None and model.history is not None:
        # All processes of a training train the folds.
        again = partial(trained_again, model.history)
        record = cross_validate(again, data, folds, track=track if is_first_process() else silent)
        model = replace(model, scores=Record({**(model.scores or {}), "folds": record}))
    return model


def training_step(
    samples: SampleOptions, body: BodyOptions, head: HeadOptions, network: NetworkOptions
) -> tuple[TrainingStep, str, RunFiles]:
    """Method and settings of a training, the backbone, and what is printed and written meanwhile.

    Raises:
        InputError: an option of the method that is not chosen, or of checkpoints without a folder for them.
    """
    if network.checkpoint is None and (network.resume or network.checkpoint_every):
        name = "--resume" if network.resume else "--checkpoint-every"
        raise InputError(name, "goes with --checkpoint", "say in which folder")
    pretrained = body.weights != "none"
    method = body.method or ("head" if pretrained else "network")
    for other, options in (("head", head), ("network", network)):
        if other != method and (given := _first_given(options)):
            raise InputError(f"--{given}", f"goes with --method {other}", "add that, or leave it out")
    backbone = body.backbone or BACKBONES[method]
    if method == "head":
        return HeadTraining(samples.oversample, head.flips, head.regularisation_c), backbone, RunFiles()
    rate, patience = None if network.lr is None else rate_of(network.lr), network.early_stopping or 0
    step = EpochTraining(
        Schedule(network.epochs, rate, patience=patience),
        samples.oversample,
        network.mixup,
        network.focal_loss,
        network.class_weights,
        network.label_smoothing,
        frozen=pretrained and not network.unfreeze,
        machine=Machine(network.devices, network.num_nodes, network.accelerator),
    )
    checkpoints = (
        None
        if network.checkpoint is None
        else Checkpoints(network.checkpoint, network.checkpoint_every, network.resume)
    )
    return step, backbone, RunFiles(checkpoints, network.log, network.tensorboard)


def read_training_tiles(
    tiles: TileSet | str | Path | Iterable[str | Path] | None,
    scene: Scenes | None,
    rectangles: gpd.GeoDataFrame | str | Path | None,
    combine: CombineOptions | None,
    coast: gpd.GeoDataFrame | str | Path | None,
    labels: ClassOptions | None,
    cut: CutOptions | None,
    split: SplitOptions | None,
    samples: SampleOptions,
    body: BodyOptions,
    categories: Scheme,
    track: Track,
) -> TileData:
    """Tiles, split and with their statistics; the arguments are those of :func:`train`.

    Raises:
        InputError: as :func:`littoral.prepare_data`.
    """
    labels, cut, split = labels or ClassOptions(), cut or CutOptions(), split or SplitOptions()
    how: dict[str, Any] = {"combine": combine} if scene is not None else {}
    # Defaults are not passed on: tiles of folders are cut already, and prepare_data refuses such settings for them.
    usual = _cut_settings(ClassOptions(), CutOptions())
    how |= {name: value for name, value in _cut_settings(labels, cut).items() if value != usual[name]}
    return prepare_data(
        tiles,
        scene=scene,
        rectangles=rectangles,
        bands=cut.bands,
        classes=labels.classes,
        coast=coast,
        cache=samples.cache,
        batch_size=samples.batch_size,
        val_split_pct=split.val_share,
        split=split.split,
        block_km=split.block_km,
        val_regions=split.val_regions,
        chip_size=body.chip_size,
        resize_to=body.resize_to,
        drop_rare=samples.drop_rare,
        unreadable=samples.unreadable,
        seed=samples.seed,
        categories=categories,
        track=track,
        **how,
    )


def _cut_settings(labels: ClassOptions, cut: CutOptions) -> dict[str, Any]:
    """Options by the names that :func:`littoral.prepare_data` has for them."""
    width, height = cut.tile_size
    return {
        "class_field": labels.class_field,
        "min_purity": labels.min_purity,
        "region_field": labels.region_field,
        "tile_size": width,
        "height_px": None if height == width else height,
        "min_valid": cut.min_valid,
        "max_cloud": cut.max_cloud,
        "raw": cut.raw,
    }


def save_trained(
    model: TrainedModel, path: str | Path, options: PackageOptions | None = None, *, overwrite: bool = False
) -> Path:
    """Save a model after its training; if its graph cannot be made, save it without before the error is raised.

    Raises:
        InputError: as :func:`littoral.learn.save_model`.
    """
    options = options or PackageOptions()
    try:
        return save_model(model, path, options, overwrite=overwrite)
    except (InputError, MissingExtraError):
        # Without the graph, so that the trained model is not lost.
        bare = replace(options, onnx=False, raster_function=None)
        print(f"{save_model(model, path, bare, overwrite=overwrite)}: saved without a graph")
        raise


def _first_given(options: HeadOptions | NetworkOptions) -> str | None:
    """Name of the first option that is not at its default."""
    usual = type(options)()
    return next(
        (field.name.replace("_", "-") for field in fields(options)
         if getattr(options, field.name) != getattr(usual, field.name)), None
    )  # fmt: skip
