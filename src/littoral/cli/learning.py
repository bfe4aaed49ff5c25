"""From tiles to a model and its scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    SceneCrs,
    app,
    describe_scenes,
    listed,
    opened_scenes,
    scheme,
)
from littoral.errors import InputError
from littoral.progress import bar
from littoral.vectors import check_output, read_vector, staged


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
        str,
        typer.Option(help="timm's name of a convolutional network; resnet34/8 ends at an eighth of the resolution."),
    ] = "resnet34",
    weights: Annotated[
        str, typer.Option(help="hub (timm's, downloaded once), none, or a file of the backbone's weights.")
    ] = "hub",
    method: Annotated[
        Literal["network", "head"],
        typer.Option(help="network (in epochs), or head (features computed once: minutes without a GPU)."),
    ] = "network",
    turns: Annotated[bool, typer.Option("--turns", help="With --method head: learn from flips and turns too.")] = False,
    strength: Annotated[
        float | None,
        typer.Option(help="With --method head: scikit-learn's C.", show_default="by training tiles that are left out"),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training tiles.")] = 20,
    lr: Annotated[
        float | None,
        typer.Option(help="Highest learning rate.", show_default="by a range test of 100 batches"),
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
    oversample: Annotated[bool, typer.Option(help="Show every class equally often.")] = True,
    unfreeze: Annotated[
        bool, typer.Option("--unfreeze", help="Train the body of pretrained weights too, not only the head.")
    ] = False,
    drop_rare: Annotated[bool, typer.Option("--drop-rare", help="Leave out classes that have one tile.")] = False,
    categories: CategoryTable = None,
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0)] = 42,
    overwrite: Overwrite = False,
) -> None:
    """The result of train is a model: a .dlpk with weights, preprocessing, classes and scores of unseen ground."""
    from littoral.learn import FeatureClassifier, prepare_data
    from littoral.tiles import Merging

    must_be_package(output)
    check_output(output, overwrite)
    only = {"network": {"--lr": lr, "--unfreeze": unfreeze}, "head": {"--turns": turns, "--strength": strength}}
    for needs, these in only.items():
        if needs != method and (
            useless := [name for name, value in these.items() if value is not None and value is not False]
        ):
            raise InputError(useless[0], f"goes with --method {needs}", "leave it away")
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
        drop_rare=drop_rare,
        seed=seed,
        categories=scheme(categories),
        track=bar,
        **{name: value for name, value in cut.items() if value is not None},
    )
    print(data.describe())
    pretrained: bool | str = {"hub": True, "none": False}.get(weights, weights)
    model = FeatureClassifier(data, backbone, pretrained, oversample=oversample)
    if method == "head":
        model.fit_head(turns=turns, strength=strength, track=bar)
    else:
        if unfreeze:
            model.unfreeze()
        model.fit(epochs, lr, progress=True)
    path = model.save(output, overwrite=overwrite)
    print(told(model.record()))
    print(f"{path}: {backbone}, {data.c} classes")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A .dlpk.")],
    tiles: Annotated[list[Path], typer.Argument(help="Labeled_Tiles folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Scores to write (.json).")],
    allow_seen: Annotated[
        bool, typer.Option("--allow-seen", help="Score tiles on training ground too, which flatters.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """The result of evaluate is a record of scores, on tiles that share no ground with the training tiles."""
    from littoral.learn import FeatureClassifier

    check_output(output, overwrite, inputs=(model,))
    record = FeatureClassifier.from_model(model).evaluate(tiles, allow_seen=allow_seen, track=bar)
    write_json(record, output)
    print(told(record))
    print(output)


def must_be_package(path: Path) -> None:
    if path.suffix != ".dlpk":
        raise InputError(path, "does not end in .dlpk", f"write e.g. -o {path.with_suffix('.dlpk')}")


def write_json(record: dict[str, Any], path: Path) -> None:
    with staged(path) as stage:
        stage.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def told(record: Mapping[str, Any]) -> str:
    """Scores as a small table."""
    rows = {"this model": record["network"], **record["baselines"]}
    lines = [f"{record['tiles']} tiles scored, {record['set_aside']} set aside because they share ground with training"]
    if record["left_out"]:
        lines.append(f"no tile of these classes here, so they are not in the scores: {', '.join(record['left_out'])}")
    if record["other_classes"]:
        lines.append(f"{record['other_classes']} tiles are of classes the model does not know")
    lines.append(f"{'':<34}{'accuracy':>9}{'macro-F1':>10}")
    lines += [f"{name:<34}{result['accuracy']:>9.3f}{result['macro_f1']:>10.3f}" for name, result in rows.items()]
    if not record["beats_baselines"]:
        lines.append("the network does NOT beat the better baseline in macro-F1")
    return "\n".join(lines)
