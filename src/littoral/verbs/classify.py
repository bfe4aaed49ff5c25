"""Classify rectangles along a coast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from littoral.classify.options import ClassifyOptions, DecisionOptions
from littoral.errors import InputError
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.options import Cli, File, Overwrite
from littoral.progress import Say, Track, quiet, silent
from littoral.vectors.options import TableOptions
from littoral.verbs.parameters import AlsoScenes, ModelIn, SceneIn, VectorOut
from littoral.verbs.wording import renamed_lines

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass(frozen=True)
class ClassifySummary:
    """A classified coast."""

    output: Path
    """File written."""
    rectangles: int
    """How many there are."""
    statuses: Mapping[str, int]
    """Rectangles of each status."""
    scenes: Mapping[str, int]
    """Rectangles seen on each scene; empty where there is one."""
    classes: Mapping[str, int]
    """Rectangles of each class."""
    smoothed: Mapping[str, int] | None
    """The same of the smoothed classes; None: not smoothed."""
    notes: Sequence[str]
    """What a user should know about the predictions."""
    renamed: Mapping[str, str]
    """Fields of the input that got other names."""

    def __str__(self) -> str:
        text = [*renamed_lines(self.renamed), *(f"  {note}" for note in self.notes)]
        text += [f"  {status:<22}{count:>8}" for status, count in self.statuses.items()]
        text += [f"  seen on {name:<14}{count:>8}" for name, count in self.scenes.items()]
        counts = {"class": self.classes} | ({} if self.smoothed is None else {"smoothed": self.smoothed})
        text.append(f"    {'':<20}" + "".join(f"{title:>10}" for title in counts))
        for name in dict.fromkeys(name for each in counts.values() for name in each):
            text.append(f"    {name:<20}" + "".join(f"{each.get(name, 0):>10}" for each in counts.values()))
        return "\n".join([*text, f"{self.output}: {self.rectangles} rectangles"])


def classify(
    scene: SceneIn,
    rectangles: Annotated[str | Path, File("vector")],
    model: ModelIn,
    output: VectorOut,
    decision: DecisionOptions = DecisionOptions(),
    options: ClassifyOptions = ClassifyOptions(),
    combine: CombineOptions = CombineOptions(),
    opening: SceneOptions = SceneOptions(),
    table: TableOptions = TableOptions(),
    *,
    also: AlsoScenes = (),
    also_models: Annotated[Sequence[str | Path], File("model"), Cli("--also-model")] = (),
    transitions: Annotated[str | Path | None, File("vector"), Cli(default="those in the model")] = None,
    overwrite: Overwrite = False,
    track: Track = silent,
    say: Say = quiet,
) -> ClassifySummary:
    """Classify rectangles along a coast with a model.

    Each rectangle gets a class, its confidence, the probability of each class, and a status.

    Args:
        rectangles: Rectangles along the coast: what rectangles wrote, or other polygons.
        model: A .dlpk, or an .onnx that littoral wrote.
        output: Classified coast to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        decision: Which class a rectangle gets.
        options: What is classified, and with what it is computed.
        combine: What is taken of several scenes.
        opening: How scenes are opened.
        table: Rows of the rectangles.
        also_models: Another model of the same classes, bands and tiles, for the mean prediction of all; may be given
            again.
        transitions: With smooth: a labelled coast (or transitions as .json) from which to estimate how classes
            follow each other along the shore.
        track: Shows progress, a step per rectangle.
        say: Called with remarks on the engine.
    """
    from littoral.categories import Scheme
    from littoral.classify import Saying, classify_objects, open_panel, settle_engine, write_classified
    from littoral.predictions import read_transitions
    from littoral.tiles import Merging
    from littoral.vectors import DRIVERS, check_output, trace
    from littoral.verbs.inputs import open_all_scenes, read_table

    output = Path(output)
    models = [Path(model), *map(Path, also_models)]
    check_output(output, overwrite, DRIVERS, inputs=(rectangles, transitions, *models))
    if transitions is not None and not decision.smooth:
        raise InputError("--transitions", "goes with --smooth", "add that, or leave it out")
    settled, measured = settle_engine(models, options.engine, options.processor)
    parts = options.parts
    if measured:
        say(
            f"  {measured}"
            + (f"; to resume from these parts, pass --engine {settled}" if parts or options.dask else "")
        )
    how: dict[str, Any] = {"engine": settled, "processor": options.processor, "cell_size": opening.cell_size}
    panel = open_panel(models, turns=options.tta, **how)
    if options.dask is not None and parts is None:
        parts = output.with_name(f"{output.name}.parts")
    # Workers, and those who resume from a folder, open models themselves.
    source: dict[str, Any] = (
        {"model": panel}
        if parts is None
        else {"model": models[0], "also_models": models[1:], "tta": options.tta, **how}
    )
    categories = panel.manifest.categories
    codes = [category.code for category in categories]
    changes = None if transitions is None else read_transitions(Path(transitions), codes, scheme=Scheme(categories))
    scenes = open_all_scenes([scene, *also], opening, cell_size=panel.manifest.preprocessing.tile.cell_size)
    classified = classify_objects(
        scenes,
        read_table(rectangles, table),
        **source,
        merging=Merging(combine.combine, combine.near),
        extent=options.extent,
        extent_crs=options.extent_crs,
        any_cell_size=options.any_cell_size,
        class_label_field=decision.class_label_field,
        saying=Saying(decision.level, decision.min_confidence, decision.keep_unlike, decision.smooth, changes),
        folder=parts,
        dask=options.dask,
        track=track,
    )
    extent = options.extent
    inputs = {
        "rectangles": rectangles,
        "transitions": transitions,
        "extent": extent if isinstance(extent, str) else None,
    } | {f"model {number}" if number else "model": path for number, path in enumerate(models)}
    # Where the work was done decides about no prediction.
    computed = asdict(replace(options, engine=settled, extent=None if isinstance(extent, str) else extent))
    parameters = {
        **asdict(decision), **computed, **asdict(combine), **asdict(opening), "where": table.where,
    }  # fmt: skip
    for name in ("parts", "dask"):
        del parameters[name]
    write_classified(
        classified,
        output,
        categories,
        class_label_field=decision.class_label_field,
        overwrite=overwrite,
        provenance=trace("classify", inputs, parameters),
    )
    return _summary(output, classified, decision, several=len(scenes) > 1)


def _summary(output: Path, table: gpd.GeoDataFrame, decision: DecisionOptions, several: bool) -> ClassifySummary:
    field = decision.class_label_field
    return ClassifySummary(
        output,
        len(table),
        dict(table["status"].value_counts()),
        dict(table["Scene"].value_counts()) if several else {},
        dict(table[field].value_counts()),
        dict(table[f"{field}Smoothed"].value_counts()) if decision.smooth else None,
        table.attrs["notes"],
        table.attrs["renamed"],
    )
