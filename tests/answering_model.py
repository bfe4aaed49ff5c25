"""A model for tests of predicting that needs no training: its probabilities depend on the tile, on its place in the
batch and on the others in it, so that batches formed otherwise are found out."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral import CATCOA
from littoral.classify import ModelSource
from littoral.package import Manifest, Preprocessing
from littoral.predictions import Predictions
from littoral.tiles import TileSpec

BANDS = ("B02", "B03", "B04")
SIZE = 16
PARTS = 6
"""Parts of the places in conftest.py, 20 rectangles each."""


class Touchy:
    """Two classes; with ``deaths``, a folder with so many files, a process that is asked dies, one file for each;
    ``slow``: seconds that a batch takes."""

    def __init__(self, file: str, deaths: str = "", after: int = 0, novelty: bool = True, slow: float = 0) -> None:
        self.scale = float(Path(file).read_text())
        spec = TileSpec(SIZE, BANDS)
        preprocessing = Preprocessing(spec, SIZE, (0.0,) * 3, (1.0,) * 3, "uint16", "as stored")
        self.manifest = Manifest("none", preprocessing, (CATCOA[3], CATCOA[7]), (10.0, 10.0), 32617, "none", (), "", {})
        self.deaths, self.after, self.novelty, self.slow, self.asked = deaths, after, novelty, slow, 0

    def prepare(self, values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        return np.where(valid, values, 0).astype(np.float32)

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        self.asked += 1
        time.sleep(self.slow)
        if self.deaths and self.asked > self.after:
            for file in Path(self.deaths).iterdir():
                file.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        means = batch.astype(np.float64).mean(axis=(1, 2, 3))
        turn = np.arange(len(batch)) + batch.astype(np.float64).sum() % 97
        first = 0.5 + 0.5 * np.sin(self.scale * means + turn)
        return np.column_stack([first, 1 - first])

    def predict_with_novelty(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        return self.predict_inputs(batch), batch.astype(np.float64).std(axis=(1, 2, 3)) if self.novelty else None


def touchy(**given: Any) -> Touchy:
    return Touchy(**given)


def opening(file: Path, **given: Any) -> ModelSource:
    """How to open it; the file holds a number."""
    return ModelSource((str(file),), touchy, {"file": str(file), **given})


def equal(one: Predictions, other: Predictions) -> bool:
    """To the bit, NaN equal to NaN."""
    arrays = [field.name for field in fields(one) if field.name not in ("categories", "named", "added", "notes")]
    pairs = [(getattr(one, name), getattr(other, name)) for name in arrays]
    return one.categories == other.categories and all(
        (a is None) == (b is None) and (a is None or bool(pd.DataFrame(a).equals(pd.DataFrame(b)))) for a, b in pairs
    )
