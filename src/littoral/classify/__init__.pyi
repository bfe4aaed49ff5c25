from .checkpoints import ModelSource
from .classify import classify_objects, scenes_used, write_classified
from .compatibility import check_cell_size, check_scene
from .decisions import decide
from .ensemble import Ensemble, Model, open_ensemble, resolve_engine
from .options import ClassifyOptions, DecisionOptions
from .pipeline import NoveltyClassifier
from .run import predict_rectangles

__all__ = [
    "ClassifyOptions",
    "DecisionOptions",
    "Ensemble",
    "Model",
    "ModelSource",
    "NoveltyClassifier",
    "check_cell_size",
    "check_scene",
    "classify_objects",
    "decide",
    "open_ensemble",
    "predict_rectangles",
    "resolve_engine",
    "scenes_used",
    "write_classified",
]
