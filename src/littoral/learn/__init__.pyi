from .cross_validation import cross_validate
from .data import TileData, prepare_data
from .feature_classifier import FeatureClassifier
from .methods import calibrate
from .model_evaluation import evaluate
from .model_files import export_onnx, load_model, save_model
from .trained_model import TrainedModel
from .training_run import train

__all__ = [
    "FeatureClassifier",
    "TileData",
    "TrainedModel",
    "calibrate",
    "cross_validate",
    "evaluate",
    "export_onnx",
    "load_model",
    "prepare_data",
    "save_model",
    "train",
]
