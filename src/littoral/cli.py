"""The command line: the verbs stand in the order of the line, each reads files and writes one."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from littoral import __version__
from littoral.categories import CATCOA, Scheme, read_categories
from littoral.errors import InputError, LittoralError
from littoral.progress import bar
from littoral.vectors import DRIVERS, check_output, qgis_style, read_vector, require_column, staged, write_vector

if TYPE_CHECKING:
    import geopandas as gpd

app = typer.Typer(
    help="Says what kind of shore each stretch of coast is, from sea charts and Sentinel-2.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Layer = Annotated[str | None, typer.Option(help="Layer of the vector file; needed where it has several.")]
SceneArgument = Annotated[
    Path, typer.Argument(help="GeoTIFF, COG, VRT or JPEG 2000 with all bands, or a folder with one file per band.")
]
SceneCrs = Annotated[str | None, typer.Option(help="CRS of a scene that does not say it, e.g. EPSG:32617.")]
BandNames = Annotated[
    str | None, typer.Option(help="Names of the scene's bands in order, e.g. B02,B03,B04, where it has none.")
]
CategoryTable = Annotated[
    Path | None, typer.Option(help="CSV with columns code,name,colour for a class field other than CATCOA.")
]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Says what kind of shore each stretch of coast is, from sea charts and Sentinel-2."""
    if version:
        print(f"littoral {__version__}")
        raise typer.Exit


@app.command()
def charts(
    cells: Annotated[
        list[Path], typer.Argument(help="S-57 base cells (.000; updates beside them) or folders of them.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Coastline to write (.gpkg, .parquet, .fgb, …).")],
    overwrite: Overwrite = False,
) -> None:
    """The result of charts is a coastline: one row per line, with CATCOA and where it comes from."""
    from littoral.charts import read_charts
    from littoral.geodesy import line_lengths

    check_output(output, overwrite, DRIVERS)
    coast = read_charts(cells, track=bar)
    style = qgis_style("CATCOA", list(CATCOA.values()), text_values=False, geometry="line")
    write_vector(coast, output, overwrite=overwrite, style=style)
    scales = sorted(coast["scale"].dropna().unique().tolist())
    if len(scales) > 1:
        told = ", ".join(f"1:{int(scale)}" for scale in scales)
        print(f"charts of several scales ({told}): a coast that more than one of them covers is there more than once")
    km = line_lengths(coast) / 1000
    print(f"{output}: {len(coast)} lines of {coast['cell'].nunique()} cells, {km.sum():.1f} km")
    shares = km.groupby(coast["category"].fillna("no category")).sum().sort_values(ascending=False)
    for name, length in shares.items():
        print(f"  {name:<22}{length:>10.1f} km {length / max(km.sum(), 1e-9):>6.1%}")


@app.command()
def rectangles(
    lines: Annotated[Path, typer.Argument(help="Coastline: what charts wrote, or any layer of lines.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Rectangles to write (.gpkg, .parquet, .fgb, …).")],
    length: Annotated[float, typer.Option(help="Length along the line, metres.")] = 1000.0,
    width: Annotated[float, typer.Option(help="Length perpendicular to the line, metres.")] = 1000.0,
    sort: Annotated[Literal["UL", "UR", "LL", "LR"], typer.Option(help="Corner where each group starts.")] = "UL",
    merge_by: Annotated[
        str | None,
        typer.Option(
            help="Only lines with equal values of this field are walked as one; '' for all.",
            show_default="CATCOA if it is there",
        ),
    ] = None,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of rectangles is a chain of equal boxes along each line, with the line's own fields."""
    from littoral.rectangles import rectangles_along_lines

    check_output(output, overwrite, DRIVERS)
    table = read_vector(lines, layer)
    # A name given by hand must be there; CATCOA is only expected.
    by = "CATCOA" if merge_by is None else require_column(table, merge_by, lines) if merge_by else None
    boxes = rectangles_along_lines(table, length, width, sort=sort, by=by, track=bar)
    style = qgis_style("CATCOA", list(CATCOA.values()), text_values=False) if "CATCOA" in boxes else None
    write_vector(boxes, output, overwrite=overwrite, style=style)
    _tell_renamed(boxes)
    groups = boxes["GroupId"].nunique()
    print(f"{output}: {len(boxes)} rectangles in {groups} groups along {boxes['line_m'].sum() / 1000:.1f} km of line")


@app.command()
def tiles(
    scene: SceneArgument,
    rectangles: Annotated[Path, typer.Argument(help="Labelled rectangles: what rectangles wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Labeled_Tiles folder; appended to if it exists.")],
    class_field: Annotated[str, typer.Option(help="Field with the class: whole numbers, or names.")] = "CATCOA",
    tile_size: Annotated[
        int,
        typer.Option(help="Width and height of a tile, pixels of the scene."),
    ] = 256,
    bands: Annotated[str | None, typer.Option(help="Names or numbers, e.g. B02,B03,B04.", show_default="all")] = None,
    min_valid: Annotated[float, typer.Option(help="Least valid share of a rectangle's own pixels.")] = 0.5,
    raw: Annotated[bool, typer.Option("--raw", help="Keep stored values where a Sentinel-2 offset is known.")] = False,
    per_category: Annotated[
        bool, typer.Option("--per-category", help="One folder Category_<code> for each category.")
    ] = False,
    categories: CategoryTable = None,
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    layer: Layer = None,
) -> None:
    """The result of tiles is a Labeled_Tiles folder: an image and a label for each labelled rectangle."""
    from littoral.imagery import open_scene
    from littoral.tiles import export_tiles

    opened = open_scene(scene, crs=scene_crs, band_names=_listed(band_names))
    print(opened.describe())
    summary = export_tiles(
        opened,
        read_vector(rectangles, layer),
        output,
        class_field=class_field,
        tile_size=tile_size,
        bands=_listed(bands),
        raw=raw,
        min_valid=min_valid,
        per_category=per_category,
        categories=_scheme(categories),
        track=bar,
    )
    print(f"{output}: {summary}")


@app.command()
def train(
    tiles: Annotated[list[Path], typer.Argument(help="Labeled_Tiles folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model to write (.dlpk).")],
    backbone: Annotated[str, typer.Option(help="timm's name of a convolutional network.")] = "resnet34",
    weights: Annotated[
        str, typer.Option(help="hub (timm's, downloaded once), none, or a file of the backbone's weights.")
    ] = "hub",
    epochs: Annotated[int, typer.Option(help="Passes over the training tiles.")] = 20,
    lr: Annotated[
        float | None,
        typer.Option(help="Highest learning rate.", show_default="by a range test of 100 batches"),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Tiles in a batch.")] = 32,
    val_share: Annotated[float, typer.Option(help="Share of the tiles to validate with.")] = 0.2,
    split: Annotated[
        Literal["spatial", "random"], typer.Option(help="spatial (leaks nothing) or random (leaks, and says so).")
    ] = "spatial",
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

    _must_be_package(output)
    check_output(output, overwrite)
    data = prepare_data(
        tiles,
        batch_size=batch_size,
        val_split_pct=val_share,
        split=split,
        chip_size=chip_size,
        drop_rare=drop_rare,
        seed=seed,
        categories=_scheme(categories),
        track=bar,
    )
    print(data.describe())
    pretrained: bool | str = {"hub": True, "none": False}.get(weights, weights)
    model = FeatureClassifier(data, backbone, pretrained, oversample=oversample)
    if unfreeze:
        model.unfreeze()
    model.fit(epochs, lr, progress=True)
    path = model.save(output, overwrite=overwrite)
    print(_told(model.record()))
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

    check_output(output, overwrite)
    record = FeatureClassifier.from_model(model).evaluate(tiles, allow_seen=allow_seen, track=bar)
    _write_json(record, output)
    print(_told(record))
    print(output)


@app.command()
def classify(
    scene: SceneArgument,
    rectangles: Annotated[Path, typer.Argument(help="Rectangles along the coast to classify.")],
    model: Annotated[Path, typer.Argument(help="A .dlpk.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Classified coast to write (.gpkg, .parquet, …).")],
    class_label_field: Annotated[str, typer.Option(help="Field for the name of the class.")] = "ClassLabel",
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of classify is the same rectangles with class, confidence, probabilities and status."""
    from littoral.classify import classify_objects, write_classified
    from littoral.imagery import open_scene
    from littoral.package import read_package

    check_output(output, overwrite, DRIVERS)
    package = read_package(model)
    opened = open_scene(scene, crs=scene_crs, band_names=_listed(band_names))
    table = classify_objects(
        opened, read_vector(rectangles, layer), package, class_label_field=class_label_field, track=bar
    )
    write_classified(
        table, output, package.manifest.categories, class_label_field=class_label_field, overwrite=overwrite
    )
    _tell_renamed(table)
    for status, count in table["status"].value_counts().items():
        print(f"  {status:<22}{count:>8}")
    for name, count in table[class_label_field].value_counts().items():
        print(f"    {name:<20}{count:>8}")
    print(f"{output}: {len(table)} rectangles")


@app.command()
def report(
    classified: Annotated[Path, typer.Argument(help="What classify wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Page to write (.html).")],
    model: Annotated[Path | None, typer.Option(help="The .dlpk: its own scores, and the baselines.")] = None,
    truth: Annotated[str | None, typer.Option(help="Field with the true class, e.g. CATCOA.")] = None,
    scene: Annotated[Path | None, typer.Option(help="The scene: background of the map, and sample tiles.")] = None,
    class_label_field: Annotated[str, typer.Option(help="Field with the name of the class.")] = "ClassLabel",
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of report is one page that works anywhere: map, shares, scores, samples."""
    from littoral.imagery import open_scene
    from littoral.report import write_report

    opened = None if scene is None else open_scene(scene, crs=scene_crs, band_names=_listed(band_names))
    write_report(
        classified,
        output,
        model=model,
        truth=truth,
        scene=opened,
        class_label_field=class_label_field,
        overwrite=overwrite,
        track=bar,
    )
    print(output)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")] = Path("littoral-demo"),
    seed: Annotated[int, typer.Option(help="Of the synthetic world and the training.", min=0)] = 0,
    overwrite: Overwrite = False,
) -> None:
    """The result of demo is a folder with the whole line run on a synthetic coast, report included."""
    from littoral.demo import run_demo

    run_demo(output, seed=seed, overwrite=overwrite, track=bar, say=print)


def main() -> None:
    """Run the command line; what is wrong with the input is said in one sentence, with exit code 2."""
    try:
        app()
    except LittoralError as error:
        print(f"littoral: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _tell_renamed(table: gpd.GeoDataFrame) -> None:
    for old, new in table.attrs["renamed"].items():
        print(f"the input's field {old} is kept as {new}")


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _scheme(path: Path | None) -> Scheme:
    return CATCOA if path is None else read_categories(path)


def _must_be_package(path: Path) -> None:
    if path.suffix != ".dlpk":
        raise InputError(path, "does not end in .dlpk", f"write e.g. -o {path.with_suffix('.dlpk')}")


def _write_json(record: dict[str, Any], path: Path) -> None:
    with staged(path) as stage:
        stage.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _told(record: Mapping[str, Any]) -> str:
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


if __name__ == "__main__":
    main()
