"""Run all steps, from chart to report, on a small synthetic world."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from littoral.categories import CATCOA
from littoral.charts import read_charts
from littoral.classify import ClassifyOptions, DecisionOptions, classify_objects, write_classified
from littoral.demo.world import make_world
from littoral.errors import ExistsError, InputError
from littoral.progress import Track, silent
from littoral.rectangles import rectangles_along_lines
from littoral.report import ReportOptions, write_report
from littoral.tiles import export_tiles
from littoral.tiles.options import CutOptions
from littoral.vectors import qgis_style, staged, write_vector

TILE_PX = 128
"""Side of a tile, 1.28 km; smaller than the default of 256 px, so that a laptop needs only minutes."""
BACKBONE, EPOCHS, RATE = "resnet18", 20, 2e-3
STEPS = 8
MARK = ".littoral-demo"
"""File that marks the folder as made by the demo, so that it may be replaced."""


@dataclass(frozen=True)
class Demo:
    """Paths of the results."""

    report: Path
    """Report (HTML)."""
    classified: Path
    """Classified rectangles of the unseen coast."""
    model: Path
    """Trained model package."""
    metrics: Path
    """Scores on the unseen coast (JSON)."""


def run_demo(
    folder: str | Path,
    *,
    seed: int = 0,
    overwrite: bool = False,
    track: Track = silent,
    say: Callable[[str], None] = print,
    size_px: int = 3072,
    epochs: int = EPOCHS,
) -> Demo:
    """Run charts, rectangles, tiles, train, evaluate, classify and report on a synthetic world.

    Args:
        folder: Output folder.
        seed: Seed of the world and of the training.
        overwrite: Replace the folder if it is that of an earlier demo.
        track: Shows progress.
        say: Called with a line for each step.
        size_px: Side of the training scene, pixels; that of the unseen scene is three quarters of it.
        epochs: Number of training epochs.

    Raises:
        ExistsError: the folder exists and ``overwrite`` is False.
        InputError: the folder exists and was not made by the demo.
    """
    from littoral.learn import FeatureClassifier, prepare_data

    folder = Path(folder)
    if folder.exists():
        if not overwrite:
            raise ExistsError(folder)
        # Only folders made by this function are deleted.
        if not (folder / MARK).is_file():
            raise InputError(folder, "is not the folder of an earlier demo", "choose another with -o")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("made by littoral demo, which may delete this folder\n", encoding="utf-8", newline="\n")
    started = time.perf_counter()

    def step(number: int, text: str) -> None:
        say(f"[{number}/{STEPS}] {text} ({time.perf_counter() - started:.0f} s)")

    step(1, "making a synthetic world: a training coast and an unseen one")
    world = make_world(folder / "world", seed=seed, size_px=size_px)

    step(2, "charts: reading the coastlines of the cells")
    style = qgis_style("CATCOA", list(CATCOA.values()), text_values=False, geometry="line")
    coasts = {}
    for coast in (world.training, world.unseen):
        coasts[coast.name] = read_charts(coast.chart)
        write_vector(coasts[coast.name], folder / f"coast-{coast.name}.gpkg", style=style)

    step(3, "rectangles: 1 km boxes along them")
    boxes = {}
    for name, lines in coasts.items():
        boxes[name] = rectangles_along_lines(lines, track=track)
        write_vector(boxes[name], folder / f"rectangles-{name}.gpkg")
    training, unseen = boxes[world.training.name], boxes[world.unseen.name]

    step(4, "tiles: cutting a labelled image for each")
    cut = CutOptions(tile_size=(TILE_PX, TILE_PX))
    say(f"      {export_tiles(world.training.scene, training, folder / 'tiles', cut, track=track)}")
    export_tiles(world.unseen.scene, unseen, folder / "tiles-unseen", cut, track=track)

    step(5, f"train: {BACKBONE} from scratch, {epochs} epochs")
    charted = coasts[world.training.name]
    data = prepare_data(folder / "tiles", coast=charted, batch_size=32, val_split_pct=0.2, seed=seed, track=track)
    say(data.describe())
    model = FeatureClassifier(data, BACKBONE, pretrained=False, oversample=True)
    model.fit(epochs, RATE, progress=track is not silent)
    path = model.save(folder / "model.dlpk")

    step(6, "evaluate: on the unseen coast, averaged over flips and rotations, beside the baselines")
    record = model.evaluate(folder / "tiles-unseen", tta=True, track=track)
    metrics = folder / "metrics.json"
    with staged(metrics) as stage:
        stage.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")
    for name, result in {"network": record["network"], **record["baselines"]}.items():
        say(f"      {name:<34} accuracy {result['accuracy']:.3f}  macro-F1 {result['macro_f1']:.3f}")

    step(7, "classify: the unseen coast")
    decisions = DecisionOptions(smooth=True, keep_unlike=True)
    classified = classify_objects(world.unseen.scene, unseen, model, ClassifyOptions(tta=True), decisions, track=track)
    write_classified(classified, folder / "classified.gpkg", model.manifest.categories)

    step(8, "report")
    page = write_report(
        classified, folder / "report.html", ReportOptions("CATCOA"), model=path, scene=world.unseen.scene,
        title="The unseen coast of the demo", track=track,
    )  # fmt: skip
    say(f"done in {time.perf_counter() - started:.0f} s")
    return Demo(page, folder / "classified.gpkg", path, metrics)
