"""What is said about each rectangle: a model's answers to columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import Category
from littoral.classify.answering import answer_rectangles
from littoral.engines import Classifier, Engine, open_classifier
from littoral.errors import InputError
from littoral.imagery import Scene, Scenes, as_scenes, kept_as, same_scaling, select_bands
from littoral.package import Package, Preprocessing
from littoral.progress import Track, silent
from littoral.tiles import CLASSIFIED, Merging
from littoral.vectors import free_names, qgis_style, write_vector


def classify_objects(
    scenes: Scenes,
    rectangles: gpd.GeoDataFrame,
    model: Classifier | Package | str | Path,
    *,
    engine: Engine = "auto",
    merging: Merging | None = None,
    class_label_field: str = "ClassLabel",
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Say of each rectangle what kind of shore it shows.

    Args:
        scenes: A scene, or the path to one, with the bands the model was trained on; or several, in any CRS.
        rectangles: Polygons in any CRS; not changed.
        model: A classifier, a package, or the path to a ``.dlpk`` or an ``.onnx``.
        engine: What answers for a package or a path: ``torch``, ``onnx`` (ONNX Runtime, with the package's graph), or
            ``auto``: torch where it is installed.
        merging: What becomes of several scenes; None: the best for each rectangle.
        class_label_field: Name of the field for the class name.
        track: Shows progress, a step per rectangle.

    Returns:
        The same rows, CRS and index with all their fields (one that collides with a new one, compared without case, is
        called ``<name>_in``; which ones is in ``.attrs["renamed"]``), and: the class name, ``ClassValue`` (integer) and
        ``Confidence`` (highest probability, 0 to 1), null unless the status is ``classified``; ``P_<code>``, the
        probability of each class, likewise; ``ValidShare`` of the rectangle's own pixels, ``CloudShare`` of them (null
        where the scene has no masks); ``Scene`` and ``SceneDate``, what was looked at; ``status``: ``classified``,
        ``outside imagery``, ``nodata`` or ``cloud``.

    Raises:
        InputError: bands or scaling the scene lacks, rectangles without CRS or all outside the scene, a package that
            cannot be read.
    """
    classifier = open_classifier(model, engine)
    preprocessing, categories = classifier.manifest.preprocessing, classifier.manifest.categories
    opened = as_scenes(scenes, cell_size=preprocessing.tile.cell_size)
    for scene in opened:
        check_scene(scene, preprocessing)

    answers = answer_rectangles(opened, rectangles, classifier, merging=merging, track=track)
    looked = {
        "ValidShare": answers.valid_share,
        "CloudShare": answers.cloud_share,
        "Scene": answers.scene,
        "SceneDate": answers.acquired,
    }
    return _statements(rectangles, categories, answers.probabilities, answers.status, looked, class_label_field)


def check_scene(scene: Scene, preprocessing: Preprocessing) -> None:
    """Refuse a scene whose values are not like those the model was trained on.

    Raises:
        InputError: a band is missing, or its values are of another kind.
    """
    try:
        bands = select_bands(scene, preprocessing.tile.bands, exact=True)
    except InputError as error:
        needed = ", ".join(preprocessing.tile.bands)
        raise InputError(f"the model needs bands {needed} and {error.subject}", error.what, error.remedy) from error
    kept, trained = kept_as(bands, preprocessing.tile.raw), (preprocessing.pixels, preprocessing.dtype)
    if not same_scaling(kept, trained):
        raise InputError(
            f"the scene {scene.name}",
            f"has {kept[1]} values ({kept[0]}) where the model was trained on {trained[1]} ({trained[0]})",
            "bring it to the training scenes' scaling, or say its scale and offset with gdal_edit -scale -offset",
        )


def write_classified(
    classified: gpd.GeoDataFrame,
    path: str | Path,
    categories: tuple[Category, ...],
    *,
    class_label_field: str = "ClassLabel",
    overwrite: bool = False,
) -> Path:
    """Write a classified coast; a GeoPackage carries a QGIS style that colours it by category."""
    style = qgis_style(class_label_field, list(categories), text_values=True)
    return write_vector(classified, path, overwrite=overwrite, style=style)


def _statements(
    rectangles: gpd.GeoDataFrame,
    categories: tuple[Category, ...],
    probabilities: NDArray[np.float64],
    status: NDArray[Any],
    looked: Mapping[str, NDArray[Any]],
    label_field: str,
) -> gpd.GeoDataFrame:
    columns = [f"P_{category.code}" for category in categories]
    fields = [label_field, "ClassValue", "Confidence", *columns, *looked, "status"]
    if len({field.casefold() for field in fields}) < len(fields) or not label_field.strip():
        raise InputError(f"class label field {label_field!r}", "is the name of another output field", "choose another")
    # A GeoPackage keeps fid and geom for itself.
    if label_field.casefold() in {rectangles.geometry.name.casefold(), "fid", "geom"}:
        raise InputError(
            f"class label field {label_field!r}", "is a name that files keep for themselves", "choose another"
        )
    out, renamed = free_names(rectangles, fields)
    known = status == CLASSIFIED
    best = np.where(known, np.nan_to_num(probabilities, nan=-1.0).argmax(axis=1), 0)
    names, codes = [c.name for c in categories], [c.code for c in categories]
    out[label_field] = pd.Series(np.take(names, best), out.index, dtype="string").mask(~known)
    out["ClassValue"] = pd.Series(np.take(codes, best), out.index, dtype="Int64").mask(~known)
    out["Confidence"] = probabilities.max(axis=1)
    for column, values in zip(columns, probabilities.T, strict=True):
        out[column] = values
    for column, told in looked.items():
        text = pd.Series(told, out.index)
        out[column] = text.astype("string").mask(text == "") if told.dtype == object else told
    out["status"] = pd.Series(status, out.index, dtype="string")
    out.attrs["renamed"] = renamed
    return out
