from .data import TileData, prepare_data
from .feature_classifier import FeatureClassifier

__all__ = [
    "FeatureClassifier",
    "TileData",
    "prepare_data",
]
