"""Average the predictions of one or several models, over one or all orientations of each tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from littoral.classify.pipeline import BATCH
from littoral.engines import AnyEngine, AnyModel, Classifier, Engine, fastest_engine, installed_engine, open_classifier
from littoral.errors import InputError
from littoral.evaluation import Calibration
from littoral.imagery import Values
from littoral.package import Manifest
from littoral.predictions import novelty_of, novelty_threshold, signed_sqrt
from littoral.tiles import turned

Model = AnyModel


class Ensemble:
    """Classifiers of the same classes and tiles; probabilities are the mean over all of them and all orientations.

    Args:
        members: Models that are open.
        turns: Average over the flips and quarter turns of each tile too, as far as its kind allows.
        cell_size: Cell size that scenes are brought to, units of their CRS; None: that of the first model.
        names: Names of the members in messages; by default their numbers.

    Raises:
        InputError: models of other classes, bands or tiles than the first.
    """

    manifest: Manifest
    """The first model's, with ``cell_size``."""

    def __init__(
        self,
        members: Sequence[Classifier],
        *,
        turns: bool = False,
        cell_size: float | None = None,
        names: Sequence[str] = (),
    ) -> None:
        first = members[0].manifest
        self.members = tuple(members)
        called = names or [f"model {number}" for number in range(1, len(members) + 1)]
        self._columns = [_columns(first, each.manifest, name) for each, name in zip(members, called, strict=True)]
        tile = first.preprocessing.tile
        self._turns = tile.turns if turns else (0,)
        width, height = tile.size
        blank = np.zeros((len(tile.bands), height, width), np.float32), np.ones((height, width), bool)
        self._shapes = [each.prepare(*blank).shape for each in members]
        if any(shape[1] != shape[2] for shape in self._shapes):
            # A tile that is not square cannot be turned by a quarter.
            self._turns = tuple(turn for turn in self._turns if turn % 2 == 0)
        if cell_size is not None:
            tile = replace(tile, cell_size=cell_size)
            first = replace(first, preprocessing=replace(first.preprocessing, tile=tile))
        self.manifest = first

    @property
    def plain(self) -> bool:
        """Whether it is a single model without flips and turns, as it was calibrated."""
        return len(self.members) == 1 and len(self._turns) == 1

    def threshold(self, level: int) -> float | None:
        """Threshold of the prediction sets of a level in per cent: the largest of the models'; None if one has none.

        Raises:
            InputError: a level without a threshold, or a damaged calibration.
        """
        calibrations = [Calibration.from_json(each.manifest.calibration) for each in self.members]
        if not all(each.thresholds for each in calibrations):
            return None
        return max(each.threshold(level) for each in calibrations)

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The inputs of all models for a tile (bands, height, width), one after the other: (numbers,)."""
        return np.concatenate([each.prepare(values, valid).ravel() for each in self.members])

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (tiles, classes) of prepared tiles (tiles, numbers)."""
        return self.predict_with_novelty(batch)[0]

    def predict_with_features(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], None]:
        """Probabilities, and None: an ensemble has no common features."""
        return self.predict_inputs(batch), None

    def predict_with_novelty(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Prepared tiles (tiles, numbers) to probabilities (tiles, classes) and novelty (tiles,).

        Novelty is the distance of a tile's features from the training, divided by the distance that 1 % of tiles like
        the training exceed. Of several models it is the mean of those with a record of the training features, None if
        there is none. It is computed on upright tiles only, like the record.
        """
        ends = np.cumsum([np.prod(shape) for shape in self._shapes])
        predicted, distances = [], []
        for member, columns, shape, part in zip(
            self.members, self._columns, self._shapes, np.split(batch, ends[:-1], axis=1), strict=True
        ):
            tiles = part.reshape(len(batch), *shape)
            for turn in self._turns:
                probabilities, features = member.predict_with_features(np.ascontiguousarray(turned(tiles, turn)))
                predicted.append(probabilities[:, columns])
                record = member.manifest.novelty
                if turn == 0 and record and features is not None:
                    distances.append(novelty_of(record, signed_sqrt(features)) / novelty_threshold(record))
        mean = predicted[0] if len(predicted) == 1 else np.mean(predicted, axis=0)
        return mean, np.mean(distances, axis=0) if distances else None


def open_ensemble(
    models: Sequence[Model],
    *,
    engine: Engine = "auto",
    processor: str = "auto",
    turns: bool = False,
    cell_size: float | None = None,
    names: Sequence[str] = (),
) -> Ensemble:
    """Open models by path or package as one ensemble; a single ensemble is returned as it is.

    Raises:
        InputError: as :func:`littoral.engines.open_classifier` and :class:`Ensemble`.
    """
    if len(models) == 1 and isinstance(models[0], Ensemble):
        return models[0]
    # Each batch is computed by one thread (see ``pipeline``), a graph's too.
    names = names or model_names(models)
    opened = [
        open_classifier(model, engine, threads=1, processor=processor, source=name)
        for model, name in zip(models, names, strict=True)
    ]
    return Ensemble(opened, turns=turns, cell_size=cell_size, names=names)


def model_names(models: Sequence[Model]) -> list[str]:
    """Names for messages: paths, or else numbers."""
    return [
        str(model) if isinstance(model, str | Path) else f"model {number}" for number, model in enumerate(models, 1)
    ]


def resolve_engine(models: Sequence[Model], engine: AnyEngine, processor: str = "auto") -> tuple[Engine, str]:
    """The engine to use, here and on all workers, and a sentence about it where it was measured.

    Raises:
        InputError: a model that cannot be used.
    """
    if engine == "auto":
        return installed_engine(models), ""
    if engine != "fastest":
        return engine, ""
    chosen, paces = fastest_engine(models, BATCH, processor)
    speeds = ", ".join(f"{name} {pace:.1f}" for name, pace in paces.items())
    if len(paces) == 1:
        return chosen, f"engine {chosen} ({speeds} tiles a second): no other can run this model here"
    return chosen, f"engine {chosen}, as measured here (tiles a second: {speeds or 'none, the model is open'})"


def _columns(first: Manifest, other: Manifest, name: str) -> list[int]:
    """Column of each of the first model's classes in another's probabilities.

    Raises:
        InputError: it has other classes, bands or tiles.
    """
    codes = [category.code for category in other.categories]
    wanted = [category.code for category in first.categories]
    if sorted(codes) != sorted(wanted):
        names = ", ".join(category.name for category in other.categories)
        raise InputError(name, f"has other classes ({names})", "pass models of the same classes")
    known = {category.code: category.name.casefold() for category in first.categories}
    differ = [f"{c.code} {c.name}" for c in other.categories if c.name.casefold() != known[c.code]]
    if differ:
        raise InputError(name, f"has other names for classes ({', '.join(differ)})", "pass models of the same classes")
    own, theirs = first.preprocessing.tile, other.preprocessing.tile
    if own.bands != theirs.bands:
        raise InputError(
            name,
            f"needs bands {', '.join(theirs.bands)}, the first {', '.join(own.bands)}",
            "pass models of the same bands",
        )
    scaling = (first.preprocessing.pixels, first.preprocessing.dtype)
    if own != theirs or scaling != (other.preprocessing.pixels, other.preprocessing.dtype):
        raise InputError(
            name, "was trained on tiles that are cut in another way", "pass models trained on the same tiles"
        )
    return [codes.index(code) for code in wanted]
