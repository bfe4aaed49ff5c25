"""Models that answer together: one or several, each asked about a tile in one position or in all that it may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.classify.checkpoints import Opening
from littoral.classify.pipeline import BATCH
from littoral.engines import AnyEngine, AnyModel, Classifier, Engine, fastest_engine, installed_engine, open_classifier
from littoral.errors import InputError
from littoral.evaluation import Calibration
from littoral.imagery import Values
from littoral.package import Manifest
from littoral.predictions import evened, novelty_of, novelty_threshold
from littoral.tiles import turned

Model = AnyModel


class Panel:
    """Classifiers of the same classes and tiles; probabilities are the mean of what all say of all positions.

    Args:
        members: Models that are open.
        turns: Ask about the flips and quarter turns of each tile too, as far as its kind allows.
        cell_size: Bring scenes to cells of this size, units of their CRS; None: as the first model says.
        names: What members are called in messages; by default by their number.

    Raises:
        InputError: models of other classes, bands or tiles than the first.
    """

    manifest: Manifest
    """The first model's, with the cell size asked for."""

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
            # A tile that is longer one way cannot stand on its side.
            self._turns = tuple(turn for turn in self._turns if turn % 2 == 0)
        if cell_size is not None:
            tile = replace(tile, cell_size=cell_size)
            first = replace(first, preprocessing=replace(first.preprocessing, tile=tile))
        self.manifest = first

    @property
    def plain(self) -> bool:
        """Whether it is one model that is asked once, as it was calibrated."""
        return len(self.members) == 1 and len(self._turns) == 1

    def threshold(self, level: int) -> float | None:
        """Of the prediction sets of a level in per cent: the most cautious of the models'; None if one has none.

        Raises:
            InputError: a level that models do not know, or a damaged calibration.
        """
        calibrations = [Calibration.from_json(each.manifest.calibration) for each in self.members]
        if not all(each.thresholds for each in calibrations):
            return None
        return max(each.threshold(level) for each in calibrations)

    def prepare(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """What each model makes of a tile (bands, height, width), one after the other: (numbers,)."""
        return np.concatenate([each.prepare(values, valid).ravel() for each in self.members])

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (tiles, classes) of prepared tiles (tiles, numbers)."""
        return self.examine_inputs(batch)[0]

    def predict_with_features(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], None]:
        """The same; features of several models are none."""
        return self.predict_inputs(batch), None

    def examine_inputs(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Prepared tiles (tiles, numbers) to probabilities (tiles, classes) and novelty (tiles,).

        Novelty is the distance of a tile's features from the training over that which one in a hundred tiles like the
        training exceeds; of several models the mean of those that know it; None if none does. Upright tiles count only,
        as the record is of such.
        """
        ends = np.cumsum([np.prod(shape) for shape in self._shapes])
        said, strange = [], []
        for member, columns, shape, part in zip(
            self.members, self._columns, self._shapes, np.split(batch, ends[:-1], axis=1), strict=True
        ):
            tiles = part.reshape(len(batch), *shape)
            for turn in self._turns:
                probabilities, features = member.predict_with_features(np.ascontiguousarray(turned(tiles, turn)))
                said.append(probabilities[:, columns])
                record = member.manifest.novelty
                if turn == 0 and record and features is not None:
                    strange.append(novelty_of(record, evened(features)) / novelty_threshold(record))
        mean = said[0] if len(said) == 1 else np.mean(said, axis=0)
        return mean, np.mean(strange, axis=0) if strange else None


def open_panel(
    models: Sequence[Model],
    *,
    engine: Engine = "auto",
    processor: str = "auto",
    turns: bool = False,
    cell_size: float | None = None,
) -> Panel:
    """Models by path, package or as they are, to answer together; a panel alone stays as it is.

    Raises:
        InputError: as :func:`littoral.engines.open_classifier` and :class:`Panel` say.
    """
    if len(models) == 1 and isinstance(models[0], Panel):
        return models[0]
    # Each batch is computed by one thread (see ``pipeline``), a graph's too.
    opened = [open_classifier(model, engine, threads=1, processor=processor) for model in models]
    names = [
        str(model) if isinstance(model, str | Path) else f"model {number}" for number, model in enumerate(models, 1)
    ]
    return Panel(opened, turns=turns, cell_size=cell_size, names=names)


def settle_engine(models: Sequence[Model], engine: AnyEngine, processor: str = "auto") -> tuple[Engine, str]:
    """The engine that is to answer, here and on all workers, and a sentence about it where it was measured.

    Raises:
        InputError: a model that cannot be used.
    """
    if engine == "auto":
        return installed_engine(models), ""
    if engine != "fastest":
        return engine, ""
    chosen, paces = fastest_engine(models, BATCH, processor)
    told = ", ".join(f"{name} {pace:.1f}" for name, pace in paces.items())
    if len(paces) == 1:
        return chosen, f"engine {chosen} ({told} tiles a second), as no other can answer for this model here"
    return chosen, f"engine {chosen}, by measurement here (tiles a second: {told or 'none, as the model is open'})"


def opening_of(models: Sequence[Model], **how: Any) -> Opening:
    """How to open a panel anywhere, as a folder of parts and a cluster need it.

    Args:
        models: Paths.
        how: Further arguments of :func:`open_panel`.

    Raises:
        InputError: a model that is open already.
    """
    if not all(isinstance(model, str | Path) for model in models):
        raise InputError("a model that is open", "cannot be handed to others", "pass the path of its package")
    files = tuple(str(Path(model).absolute()) for model in models if isinstance(model, str | Path))
    return Opening(files, open_panel, {"models": files, **how})


def _columns(first: Manifest, other: Manifest, name: str) -> list[int]:
    """Where the first model's classes stand in another's answers.

    Raises:
        InputError: it has other classes, bands or tiles.
    """
    codes = [category.code for category in other.categories]
    wanted = [category.code for category in first.categories]
    if sorted(codes) != sorted(wanted):
        names = ", ".join(category.name for category in other.categories)
        raise InputError(name, f"knows other classes ({names})", "pass models of the same classes")
    known = {category.code: category.name.casefold() for category in first.categories}
    strange = [f"{c.code} {c.name}" for c in other.categories if c.name.casefold() != known[c.code]]
    if strange:
        raise InputError(name, f"has other names for classes ({', '.join(strange)})", "pass models of the same classes")
    own, theirs = first.preprocessing.tile, other.preprocessing.tile
    if own.bands != theirs.bands:
        raise InputError(
            name,
            f"needs bands {', '.join(theirs.bands)}, the first {', '.join(own.bands)}",
            "pass models of the same bands",
        )
    scaling = (first.preprocessing.pixels, first.preprocessing.dtype)
    if own != theirs or scaling != (other.preprocessing.pixels, other.preprocessing.dtype):
        raise InputError(name, "was trained on tiles that are cut otherwise", "pass models trained on the same tiles")
    return [codes.index(code) for code in wanted]
