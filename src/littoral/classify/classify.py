"""Classify rectangles on scenes with a model: a table in memory, and its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from littoral.categories import Category, Scheme
from littoral.classify.checkpoints import ModelSource, file_stamps
from littoral.classify.compatibility import check_cell_size, check_scene, coarser_than_trained
from littoral.classify.decisions import decide, smoothing_transitions
from littoral.classify.ensemble import Ensemble, Model, model_names, open_ensemble, resolve_engine
from littoral.classify.options import ClassifyOptions, DecisionOptions
from littoral.classify.run import predict_rectangles
from littoral.errors import InputError
from littoral.imagery import Scene, Scenes, as_scenes
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.package import read_package
from littoral.predictions import BEYOND, NO_AREA, UNCERTAIN, UNLIKE, Predictions, Transitions, read_transitions
from littoral.predictions.columns import (
    CONFIDENCE,
    LABEL,
    SCENE,
    SCENE_DATE,
    STATUS,
    probability_column,
    smoothed_columns,
)
from littoral.progress import Track, silent
from littoral.tiles.export.inputs import extent_of
from littoral.vectors import qgis_style, read_vector, require_crs, trace, write_vector


def classify_objects(
    scenes: Scenes,
    rectangles: gpd.GeoDataFrame | str | Path,
    model: Model,
    options: ClassifyOptions | None = None,
    decisions: DecisionOptions | None = None,
    *,
    opening: SceneOptions | None = None,
    combine: CombineOptions | None = None,
    also_models: Sequence[Model] = (),
    transitions: Transitions | str | Path | None = None,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Predict the class of each rectangle from the imagery.

    Args:
        scenes: A scene or several, open or as paths, with the bands the model was trained on, in any CRS.
        rectangles: Polygons in any CRS, or the path of their file; not changed.
        model: An open model, a package, or the path of a ``.dlpk`` or an ``.onnx``.
        options: Extent, engine and device. With ``parts`` or ``dask`` models must be paths.
        decisions: When a rectangle gets a class, prediction sets, smoothing.
        opening: How paths are opened. ``cell_size``: that scenes are resampled to; None: the model's, or their own.
        combine: How several scenes are combined.
        also_models: Further models of the same classes, bands and tiles; the mean of all probabilities is used.
        transitions: How the class changes along the coast, for smoothing; a path: JSON, or a labelled coast to count
            them on (:func:`littoral.predictions.read_transitions`); None: those of the model.
        track: Shows progress, a step per rectangle.

    Returns:
        The same rows, CRS and index with all their columns (one that collides with a new one, compared without case, is
        renamed to ``<name>_in``; ``.attrs["renamed"]`` has which), and: the class name, ``ClassValue`` (integer) and
        ``Confidence`` (highest probability, 0 to 1); ``P_<code>``, the probability of each class; ``Novelty``, its
        distance from the training features (above 1 for 1 % of places like the training); ``ValidShare`` of the
        rectangle's own pixels, ``CloudShare`` of them (null where the scene has no masks); ``Scene`` and ``SceneDate``;
        ``status``; ``PredictionSet``, class names joined by ``; ``, which contains the true class for ``level`` % of
        rectangles like the validation tiles, and ``PredictionSetSize``; smoothed, ``<class label field>Smoothed``,
        ``ClassValueSmoothed``, ``ConfidenceSmoothed`` and ``PS_<code>``.

        The status is ``classified``; ``uncertain`` or ``unlike training``, which have probabilities but no class; or
        ``outside imagery``, ``nodata``, ``cloud``, ``no area`` or ``outside extent``, which have neither.
        ``Novelty`` and sets are left out where the model lacks what they need, see ``.attrs["notes"]``.
        ``.attrs["provenance"]`` is the record of inputs and options that :func:`write_classified` writes into the file;
        ``.attrs["categories"]`` are the model's, with the colours of its style.

    Raises:
        InputError: bands or scaling the scene lacks, cells of another size, rectangles without CRS or all outside the
            scene, a package that cannot be read, models of different classes or tiles, rectangles without links for
            smoothing.
    """
    options, decisions = options or ClassifyOptions(), decisions or DecisionOptions()
    opening, combine = opening or SceneOptions(), combine or CombineOptions()
    table = read_vector(rectangles) if isinstance(rectangles, str | Path) else rectangles
    require_crs(table, rectangles if isinstance(rectangles, str | Path) else "the table of rectangles")
    models: list[Model] = [model, *also_models]
    source, ensemble, engine_note = _open(models, options, opening.cell_size)
    manifest = ensemble.manifest
    given = transitions
    if isinstance(transitions, str | Path):
        codes = [category.code for category in manifest.categories]
        transitions = read_transitions(transitions, codes, scheme=Scheme(manifest.categories))
    opened = as_scenes(scenes, replace(opening, cell_size=manifest.preprocessing.tile.cell_size))
    for each in opened:
        check_scene(each, manifest.preprocessing)
        if not options.any_cell_size:
            check_cell_size(each, manifest)
    # Checked before the long computation, not after it.
    smoothing_transitions(ensemble, table, decisions, transitions)
    ensemble.threshold(decisions.level)
    inside = extent_of(options.extent, options.extent_crs, opened[0], table)
    found = _predict_inside(
        opened, table, source or ensemble, inside,
        combine=combine, folder=options.parts, dask=options.dask, track=track,
    )  # fmt: skip
    found = decide(found, table, ensemble, decisions, transitions)
    out = found.to_table(table, class_label_field=decisions.class_label_field)
    coarse = [note for each in opened if (note := coarser_than_trained(each, ensemble.members[0].manifest))]
    if len(coarse) > 1:
        coarse = [f"{coarse[0]}; as are those of {len(coarse) - 1} more"]
    out.attrs["notes"] = [*found.notes, *([engine_note] if engine_note else []), *coarse]
    extent_file = options.extent if isinstance(options.extent, str | Path) else None
    inputs = {"rectangles": rectangles, "transitions": given, "extent": extent_file}
    inputs |= {f"model {number}" if number else "model": each for number, each in enumerate(models)}
    parameters = asdict(options) | asdict(decisions) | asdict(combine)
    parameters |= {"scene_crs": opening.crs, "band_names": opening.band_names, "cell_size": opening.cell_size}
    parameters["extent"] = None if extent_file is not None else options.extent
    for name in ("parts", "dask"):
        # They do not affect the result.
        del parameters[name]
    files = {name: each for name, each in inputs.items() if isinstance(each, str | Path)}
    out.attrs["provenance"] = trace("classify", files, parameters)
    out.attrs["categories"] = [asdict(category) for category in manifest.categories]
    return out


def _open(
    models: Sequence[Model], options: ClassifyOptions, cell_size: float | None
) -> tuple[ModelSource | None, Ensemble, str]:
    """The source of the models for other processes (None if only this one computes), the open models, and a sentence
    about the engine if its speed was measured. Each file is read once.

    Raises:
        InputError: a model that cannot be used, or an open one that would have to be sent to other processes.
    """
    sent = options.parts is not None or options.dask is not None
    if sent and not all(isinstance(model, str | Path) for model in models):
        raise InputError("a model that is open", "cannot be sent to other processes", "pass the path of its package")
    files = tuple(str(Path(model).absolute()) for model in models if isinstance(model, str | Path)) if sent else ()
    before = file_stamps(files)
    read = [read_package(model) if isinstance(model, str | Path) and Path(model).suffix != ".onnx" else model
            for model in models]  # fmt: skip
    engine, note = resolve_engine(read, options.engine, options.processor)
    how: dict[str, Any] = {
        "engine": engine,
        "processor": options.processor,
        "turns": options.tta,
        "cell_size": cell_size,
    }
    ensemble = open_ensemble(read, names=model_names(models), **how)
    if not sent:
        return None, ensemble, note
    source = ModelSource(files, open_ensemble, {"models": files, **how})
    source.adopt(ensemble, before)
    return source, ensemble, note


def _predict_inside(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    model: Ensemble | ModelSource,
    extent: BaseGeometry | None,
    **how: Any,
) -> Predictions:
    """Predict the rectangles that have an area and touch the extent (in the CRS of the first scene, None: all); the
    other rows have a status for the reason.

    Raises:
        InputError: as :func:`~littoral.classify.run.predict_rectangles`; no rectangle with an area, or none inside.
    """
    status = _left_out(rectangles, extent, scenes[0])
    inside = status == ""
    if not inside.any():
        if not (status == BEYOND).any():
            raise InputError("the rectangles", "all have no area", "pass others")
        remedy = "pass another, or name the CRS of its numbers (--extent-crs)"
        raise InputError("the rectangles", f"all lie outside the extent in {scenes[0].crs.to_string()}", remedy)
    if inside.all():
        return predict_rectangles(scenes, rectangles, model, **how)
    found = predict_rectangles(scenes, rectangles[inside], model, **how)
    out = Predictions.empty(len(inside), found.categories)
    out.put(np.flatnonzero(inside), found)
    out.status[~inside] = status[~inside]
    return replace(out, novelty=None) if found.novelty is None else out


def _left_out(rectangles: gpd.GeoDataFrame, extent: BaseGeometry | None, scene: Scene) -> NDArray[Any]:
    """(rectangles,), the status of those that are not predicted; empty for the others."""
    shapes = rectangles.geometry.to_numpy()
    with np.errstate(invalid="ignore"):
        area = shapely.area(shapes)
    # The halves of a bow tie have areas of opposite sign, which cancel.
    tied = np.flatnonzero((area == 0) & ~shapely.is_valid(shapes) & np.isfinite(shapely.bounds(shapes)).all(axis=1))
    area[tied] = shapely.area(shapely.make_valid(shapes[tied]))
    # Points and lines are refused later, by planning.
    flat = np.isin(shapely.get_dimensions(shapes), (-1, 2)) & ~(area > 0)
    out = np.where(flat, NO_AREA, "").astype(object)
    if extent is not None:
        there = rectangles.geometry.to_crs(scene.crs).to_numpy()
        out[~shapely.intersects(there, extent) & ~flat] = BEYOND
    return out


def write_classified(
    classified: gpd.GeoDataFrame,
    path: str | Path,
    categories: tuple[Category, ...] | None = None,
    *,
    class_label_field: str = LABEL,
    overwrite: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a classified coast; a GeoPackage carries QGIS styles that colour it by category, smoothed too.

    Args:
        classified: What :func:`classify_objects` returned.
        path: GeoPackage, GeoParquet, FlatGeobuf, GeoJSON or Shapefile, by its suffix.
        categories: Of the model; None: those that :func:`classify_objects` left in ``.attrs``; of a table without
            them, as it names its classes, in CATCOA's colours.
        class_label_field: Column with the class name.
        overwrite: Replace an existing file.
        provenance: Record of inputs and options (:func:`littoral.vectors.trace`); None: the one that
            :func:`classify_objects` left in ``.attrs``. The scenes used and their dates are added.

    Raises:
        ExistsError: it exists and ``overwrite`` is False.
        WriteError: the file cannot be written; an older file is kept.
    """
    if categories is None and "categories" in classified.attrs:
        categories = tuple(Category(**each) for each in classified.attrs["categories"])
    if categories is None:
        categories = Predictions.from_table(classified, class_label_field=class_label_field).categories
    smoothed, _, smoothed_confidence = smoothed_columns(class_label_field)
    coloured = {"littoral": (class_label_field, CONFIDENCE)}
    if smoothed in classified.columns:
        coloured["smoothed along the coast"] = (smoothed, smoothed_confidence)
    styles = {
        name: qgis_style(
            field,
            list(categories),
            text_values=True,
            status=STATUS,
            hatched={UNCERTAIN: "b_diagonal", UNLIKE: "diagonal_x"},
            aliases={probability_column(c.code): f"probability of {c.name}" for c in categories},
            confidence=confidence,
        )
        for name, (field, confidence) in coloured.items()
    }
    provenance = classified.attrs.get("provenance") if provenance is None else provenance
    if provenance is not None:
        provenance = {**provenance, "scenes": scenes_used(classified)}
    return write_vector(classified, path, overwrite=overwrite, style=styles, provenance=provenance)


def scenes_used(classified: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Name and date of each scene that rectangles were classified on, and how many rectangles."""
    shown = classified[[SCENE, SCENE_DATE]].dropna(subset=[SCENE]).fillna("")
    counted = Counter(shown.itertuples(index=False, name=None))
    return [{"name": name, "date": day, "rectangles": count} for (name, day), count in sorted(counted.items())]
