"""Classify rectangles along a coast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.classify.options import ClassifyOptions, DecisionOptions
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.options import Cli, File, Overwrite
from littoral.progress import Track, silent
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
    """Rectangles classified on each scene; empty where there is one."""
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
        text += [f"  on {name:<19}{count:>8}" for name, count in self.scenes.items()]
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
    decisions: DecisionOptions = DecisionOptions(),
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
) -> ClassifySummary:
    """Classify rectangles along a coast with a model.

    Each rectangle gets a class, its confidence, the probability of each class, and a status.

    Args:
        rectangles: Rectangles along the coast: what rectangles wrote, or other polygons.
        model: A .dlpk, or an .onnx that littoral wrote.
        output: Classified coast to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        decisions: Which class a rectangle gets.
        options: What is classified, and with what it is computed.
        combine: What is taken of several scenes.
        opening: How scenes are opened.
        table: Rows of the rectangles.
        also_models: Another model of the same classes, bands and tiles, for the mean prediction of all; may be given
            again.
        transitions: With smooth: a labelled coast (or transitions as .json) from which to estimate how classes
            follow each other along the shore.
        track: Shows progress, a step per rectangle.
    """
    from littoral.classify import classify_objects, write_classified
    from littoral.vectors import DRIVERS, check_output
    from littoral.verbs.inputs import read_table

    output = Path(output)
    check_output(output, overwrite, DRIVERS, inputs=(rectangles, transitions, model, *also_models))
    if options.dask is not None and options.parts is None:
        options = replace(options, parts=output.with_name(f"{output.name}.parts"))
    classified = classify_objects(
        [scene, *also],
        # The path is recorded in the output, unless some of its rows are left out.
        rectangles if table == TableOptions() else read_table(rectangles, table),
        model,
        options,
        decisions,
        opening=opening,
        combine=combine,
        also_models=also_models,
        transitions=transitions,
        track=track,
    )
    write_classified(classified, output, class_label_field=decisions.class_label_field, overwrite=overwrite)
    return _summary(output, classified, decisions)


def _summary(output: Path, table: gpd.GeoDataFrame, decisions: DecisionOptions) -> ClassifySummary:
    field = decisions.class_label_field
    return ClassifySummary(
        output,
        len(table),
        dict(table["status"].value_counts()),
        dict(table["Scene"].value_counts()) if table["Scene"].nunique() > 1 else {},
        dict(table[field].value_counts()),
        dict(table[f"{field}Smoothed"].value_counts()) if decisions.smooth else None,
        table.attrs["notes"],
        table.attrs["renamed"],
    )
