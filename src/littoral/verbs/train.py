"""Train a model on labelled tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from littoral.errors import InputError
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.learn.options import BodyOptions, HeadOptions, NetworkOptions, PackageOptions, SampleOptions
from littoral.options import Cli, File, Number, Overwrite
from littoral.progress import Say, Track, quiet, silent
from littoral.tiles.options import ClassOptions, CutOptions, SplitOptions
from littoral.vectors.options import CategoryTable, TableOptions
from littoral.verbs.parameters import AlsoScenes

if TYPE_CHECKING:
    from littoral.evaluation import Record


@dataclass(frozen=True)
class TrainSummary:
    """A trained model."""

    output: Path
    """File written."""
    backbone: str
    """Its network."""
    classes: int
    """Number of its classes."""
    record: Record | None
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
        say: Called with a description of scenes.

    Returns:
        None in all processes of a training but the first.
    """
    from littoral.learn import train as train_model
    from littoral.learn.training import is_first_process
    from littoral.learn.training_run import save_trained
    from littoral.tiles import read_tiles, select_tiles
    from littoral.vectors import check_output
    from littoral.verbs.inputs import open_all_scenes, read_scheme, read_table, require_suffix

    output = Path(output)
    require_suffix(output, ".dlpk")
    check_output(output, overwrite)
    known = read_scheme(categories)
    chosen: Any = tiles or None
    scenes = None
    if scene is not None:
        scenes = open_all_scenes([scene, *also], opening, say)
    else:
        uncut = (combine, opening, replace(table, where=None), replace(cut, bands=None))
        if useless := [*(["--also"] if also else []), *(name for each in uncut for name in each.changed())]:
            raise InputError(useless[0], "goes with --scene", "leave it out")
        if tiles and table.where is not None:
            read = read_tiles(tiles, categories=known, unreadable=samples.unreadable, track=track)
            chosen = select_tiles(read, where=table.where)
    model = train_model(
        chosen,
        scene=scenes,
        rectangles=None if rectangles is None else read_table(rectangles, table),
        combine=combine if scenes else None,
        coast=coast,
        labels=labels,
        cut=cut,
        split=split,
        samples=samples,
        body=body,
        head=head,
        network=network,
        folds=folds,
        categories=known,
        track=track,
    )
    if not is_first_process():
        return None
    path = save_trained(model, output, package, overwrite=overwrite)
    return TrainSummary(path, model.manifest.backbone, len(model.manifest.categories), model.scores)
