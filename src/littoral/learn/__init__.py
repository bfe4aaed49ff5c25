"""Tiles to a trained classifier: network, training, evaluation; the only room with gradients.

``evaluation`` needs no torch; the rest is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from littoral.learn.data import TileData, prepare_data
    from littoral.learn.feature_classifier import FeatureClassifier

__all__ = ["FeatureClassifier", "TileData", "prepare_data"]

_HOMES = {"FeatureClassifier": "feature_classifier", "TileData": "data", "prepare_data": "data"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
