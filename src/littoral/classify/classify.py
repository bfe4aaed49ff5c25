"""What is said about each rectangle: scenes, rectangles and a model to a table, and to a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from littoral.categories import Category
from littoral.classify.answers import Answers
from littoral.classify.checkpoints import Opening
from littoral.classify.compatibility import check_cell_size, check_scene, coarser_than_trained
from littoral.classify.decisions import UNLIKE, Saying, say
from littoral.classify.ensemble import Model, Panel, open_panel, opening_of, settle_engine
from littoral.classify.run import answer_rectangles
from littoral.engines import AnyEngine
from littoral.errors import InputError
from littoral.imagery import Scene, Scenes, as_scenes
from littoral.imagery.options import SceneOptions
from littoral.predictions import UNCERTAIN, read_answers
from littoral.progress import Track, silent
from littoral.tiles import Merging
from littoral.tiles.export.inputs import Extent, extent_of
from littoral.vectors import qgis_style, read_vector, require_crs, write_vector

BEYOND = "outside extent"
"""Status of a rectangle that does not touch the extent asked for."""
NO_AREA = "no area"
"""Status of a rectangle that covers no ground."""


def classify_objects(
    scenes: Scenes,
    rectangles: gpd.GeoDataFrame | str | Path,
    model: Model,
    *,
    also_models: Sequence[Model] = (),
    engine: AnyEngine = "auto",
    processor: str = "auto",
    tta: bool = False,
    merging: Merging | None = None,
    extent: Extent = None,
    extent_crs: str | None = None,
    cell_size: float | None = None,
    any_cell_size: bool = False,
    class_label_field: str = "ClassLabel",
    saying: Saying | None = None,
    folder: str | Path | None = None,
    dask: str | None = None,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Say of each rectangle what kind of shore it shows.

    Args:
        scenes: A scene, or the path to one, with the bands the model was trained on; or several, in any CRS.
        rectangles: Polygons in any CRS, or the path of their file; not changed.
        model: A classifier, a package, or the path to a ``.dlpk`` or an ``.onnx``.
        also_models: Others of the same classes, bands and tiles: probabilities are the mean of all.
        engine: What answers for a package or a path: ``torch``, ``onnx`` (ONNX Runtime, with the package's graph),
            ``auto`` (torch where it is installed), ``fastest`` (of both, by measurement: the same labels, not always
            the same last digits), ``torch-bf16`` (in 16-bit arithmetic: faster where the processor has it, and not
            always the same labels).
        processor: torch's name of what computes; ``auto``: an NVIDIA GPU where there is one.
        tta: Ask about flips and quarter turns of each tile too, as far as its kind allows; the mean counts. It takes
            up to eight times as long.
        merging: What becomes of several scenes; None: the best for each rectangle.
        extent: Of what is to be classified: a vector file, for its bounds, or (west, south, east, north).
        extent_crs: Of an extent in numbers; None: the first scene's.
        cell_size: Side of the cells that scenes are brought to, units of their CRS; None: as the model says, or theirs.
        any_cell_size: Go on where cells are larger or smaller than in training.
        class_label_field: Name of the field for the class name.
        saying: What is said and what withheld; None: the default.
        folder: Where parts are kept that are answered, so that a run that was killed goes on; it may be deleted at any
            time. Models must be paths then. None: nothing is kept.
        dask: ``local``, or the address of a scheduler (:func:`answer_rectangles`); needs a folder that workers see.
        track: Shows progress, a step per rectangle.

    Returns:
        The same rows, CRS and index with all their fields (one that collides with a new one, compared without case, is
        called ``<name>_in``; which ones is in ``.attrs["renamed"]``), and: the class name, ``ClassValue`` (integer) and
        ``Confidence`` (highest probability, 0 to 1); ``P_<code>``, the probability of each class; ``Novelty``, how
        unlike the training it looks (beyond 1 are one in a hundred places like the training); ``ValidShare`` of the
        rectangle's own pixels, ``CloudShare`` of them (null where the scene has no masks); ``Scene`` and ``SceneDate``,
        what was looked at; ``status``; ``PredictionSet``, names joined by ``; `` that hold the true class as often as
        asked, and ``PredictionSetSize``; smoothed, ``<class label field>Smoothed``, ``ClassValueSmoothed``,
        ``ConfidenceSmoothed`` and ``PS_<code>``.

        The status is ``classified``; ``uncertain`` or ``unlike training``, which have probabilities but no class; or
        ``outside imagery``, ``nodata``, ``cloud``, ``no area`` or ``outside extent``, which have neither.
        ``Novelty`` and sets are left out where the model cannot say them, which ``.attrs["notes"]`` says.

    Raises:
        InputError: bands or scaling the scene lacks, cells of another size, rectangles without CRS or all outside the
            scene, a package that cannot be read, models that do not go together, a chain that cannot be followed.
    """
    saying = saying or Saying()
    source = rectangles if isinstance(rectangles, str | Path) else "the table of rectangles"
    rectangles = read_vector(rectangles) if isinstance(rectangles, str | Path) else rectangles
    require_crs(rectangles, source)
    models: list[Model] = [model, *also_models]
    settled, measured = settle_engine(models, engine, processor)
    how: dict[str, Any] = {"engine": settled, "processor": processor, "turns": tta, "cell_size": cell_size}
    opening = opening_of(models, **how) if folder is not None or dask is not None else None
    panel = open_panel(models, **how)
    opened = as_scenes(scenes, SceneOptions(cell_size=panel.manifest.preprocessing.tile.cell_size))
    for scene in opened:
        check_scene(scene, panel.manifest.preprocessing)
        if not any_cell_size:
            check_cell_size(scene, panel.manifest)
    # Said before an hour of work rather than after.
    saying.transitions_of(panel, rectangles)
    panel.threshold(saying.level)
    place = None if folder is None else Path(folder)
    inside = extent_of(extent, extent_crs, opened[0], rectangles)
    answers = answered(
        opened, rectangles, opening or panel, inside, merging=merging, folder=place, dask=dask, track=track
    )
    said = say(rectangles, answers, panel, saying, class_label_field=class_label_field)
    coarse = [note for scene in opened if (note := coarser_than_trained(scene, panel.members[0].manifest))]
    if len(coarse) > 1:
        coarse = [f"{coarse[0]}; as are those of {len(coarse) - 1} more"]
    said.attrs["notes"] += [*([measured] if measured else []), *coarse]
    return said


def answered(
    scenes: Sequence[Scene],
    rectangles: gpd.GeoDataFrame,
    classifier: Panel | Opening,
    extent: BaseGeometry | None = None,
    **how: Any,
) -> Answers:
    """What is said of those rectangles that a model is to be asked about, with the others in their places.

    Args:
        scenes: One or several.
        rectangles: Polygons.
        classifier: Who is asked.
        extent: In the CRS of the first scene.
        how: Further arguments of :func:`answer_rectangles`.

    Raises:
        InputError: as :func:`answer_rectangles`; no rectangle with an area, or none in the extent.
    """
    withheld = _withheld(rectangles, extent, scenes[0])
    asked = withheld == ""
    if asked.all():
        return answer_rectangles(scenes, rectangles, classifier, **how)
    if not asked.any():
        if not (withheld == BEYOND).any():
            raise InputError("the rectangles", "all have no area", "pass others")
        remedy = "pass another, or say of which CRS its numbers are (--extent-crs)"
        raise InputError("the rectangles", f"all lie outside the extent in {scenes[0].crs.to_string()}", remedy)
    return _spread(answer_rectangles(scenes, rectangles[asked], classifier, **how), asked, withheld)


def _withheld(rectangles: gpd.GeoDataFrame, extent: BaseGeometry | None, scene: Scene) -> NDArray[Any]:
    """(rectangles,), the status of those that no model is asked about; empty for the others."""
    shapes = rectangles.geometry.to_numpy()
    with np.errstate(invalid="ignore"):
        area = shapely.area(shapes)
    # The halves of a bow tie run round in opposite ways, and take away from each other.
    tied = np.flatnonzero((area == 0) & ~shapely.is_valid(shapes) & np.isfinite(shapely.bounds(shapes)).all(axis=1))
    area[tied] = shapely.area(shapely.make_valid(shapes[tied]))
    # Points and lines are no rectangles at all, which planning says.
    flat = np.isin(shapely.get_dimensions(shapes), (-1, 2)) & ~(area > 0)
    out = np.where(flat, NO_AREA, "").astype(object)
    if extent is not None:
        there = rectangles.geometry.to_crs(scene.crs).to_numpy()
        out[~shapely.intersects(there, extent) & ~flat] = BEYOND
    return out


def _spread(found: Answers, asked: NDArray[np.bool_], withheld: NDArray[Any]) -> Answers:
    """Answers about some rectangles as answers about all."""
    out = Answers.empty(len(asked), found.probabilities.shape[1])
    out.put(np.flatnonzero(asked), found)
    out.status[~asked] = withheld[~asked]
    return replace(out, novelty=None) if found.novelty is None else out


def write_classified(
    classified: gpd.GeoDataFrame,
    path: str | Path,
    categories: tuple[Category, ...] | None = None,
    *,
    class_label_field: str = "ClassLabel",
    overwrite: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a classified coast; a GeoPackage carries QGIS styles that colour it by category, smoothed too.

    Args:
        classified: What :func:`classify_objects` returned.
        path: GeoPackage, GeoParquet, FlatGeobuf, GeoJSON or Shapefile, by its suffix.
        categories: Of the model; None: as the table names its classes, in CATCOA's colours.
        class_label_field: Field with the class name.
        overwrite: Replace a file that is there.
        provenance: What :func:`littoral.vectors.trace` says of how it came to be; the scenes used and their days are
            added.

    Raises:
        ExistsError: it is there and ``overwrite`` is False.
        WriteError: the disk refused; an older file is still there.
    """
    if categories is None:
        categories = read_answers(classified, class_label_field=class_label_field).categories
    smoothed = f"{class_label_field}Smoothed"
    coloured = {"littoral": class_label_field}
    if smoothed in classified.columns:
        coloured["smoothed along the coast"] = smoothed
    styles = {
        name: qgis_style(
            field,
            list(categories),
            text_values=True,
            status="status",
            hatched={UNCERTAIN: "b_diagonal", UNLIKE: "diagonal_x"},
            aliases={f"P_{c.code}": f"probability of {c.name}" for c in categories},
            confidence="ConfidenceSmoothed" if field == smoothed else "Confidence",
        )
        for name, field in coloured.items()
    }
    if provenance is not None:
        provenance = {**provenance, "scenes": scenes_used(classified)}
    return write_vector(classified, path, overwrite=overwrite, style=styles, provenance=provenance)


def scenes_used(classified: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Name and day of each scene that a classified coast was seen on, and how many rectangles."""
    seen = classified[["Scene", "SceneDate"]].dropna(subset=["Scene"]).fillna("")
    counted = Counter(seen.itertuples(index=False, name=None))
    return [{"name": name, "date": day, "rectangles": count} for (name, day), count in sorted(counted.items())]
