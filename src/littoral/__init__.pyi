from .categories import CATCOA, Category, Scheme, read_categories
from .charts import fetch_charts, read_charts
from .classify import ClassifyOptions, DecisionOptions, classify_objects, write_classified
from .errors import LittoralError
from .imagery import fetch_scenes, open_scene, open_scenes, search_scenes
from .learn import FeatureClassifier, TrainedModel, evaluate, load_model, prepare_data, save_model, train
from .predictions import ChangeOptions, IntervalOptions, SummariseOptions, change, summarise
from .rectangles import rectangles_along_lines
from .report import plot_classified, write_report
from .shoreline import extract_shoreline, merge_lines, transfer_labels
from .tiles import GIS, export_tiles, fetch_item, read_tiles
from .vectors import read_vector, write_vector

__version__: str

__all__ = [
    "CATCOA",
    "GIS",
    "Category",
    "ChangeOptions",
    "ClassifyOptions",
    "DecisionOptions",
    "FeatureClassifier",
    "IntervalOptions",
    "LittoralError",
    "Scheme",
    "SummariseOptions",
    "TrainedModel",
    "change",
    "classify_objects",
    "evaluate",
    "export_tiles",
    "extract_shoreline",
    "fetch_charts",
    "fetch_item",
    "fetch_scenes",
    "load_model",
    "merge_lines",
    "open_scene",
    "open_scenes",
    "plot_classified",
    "prepare_data",
    "read_categories",
    "read_charts",
    "read_tiles",
    "read_vector",
    "rectangles_along_lines",
    "save_model",
    "search_scenes",
    "summarise",
    "train",
    "transfer_labels",
    "write_classified",
    "write_report",
    "write_vector",
]
