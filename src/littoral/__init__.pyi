from . import verbs as verbs
from .categories import CATCOA, Category, Scheme, read_categories
from .charts import fetch_charts, read_charts
from .charts.options import ChartOptions, FetchChartsOptions
from .classify import classify_objects, write_classified
from .classify.options import ClassifyOptions, DecisionOptions
from .errors import LittoralError
from .imagery import fetch_scenes, open_scene, open_scenes, search_scenes
from .imagery.options import CombineOptions, FetchScenesOptions, SceneOptions, SearchOptions
from .learn import FeatureClassifier, TrainedModel, evaluate, load_model, prepare_data, save_model, train
from .learn.options import BodyOptions, EvaluateOptions, HeadOptions, NetworkOptions, PackageOptions, SampleOptions
from .predictions import change, summarise
from .predictions.options import ChangeOptions, IntervalOptions, SummariseOptions
from .rectangles import rectangles_along_lines
from .rectangles.options import RectangleOptions
from .report import plot_classified, write_report
from .report.options import ReportOptions
from .shoreline import extract_shoreline, merge_lines, transfer_labels
from .shoreline.options import LabelOptions, LineOptions, ShorelineOptions
from .tiles import GIS, export_tiles, fetch_item, read_tiles
from .tiles.options import ClassOptions, CutOptions, ExportOptions, SplitOptions
from .vectors import read_vector, write_vector
from .vectors.options import TableOptions

__version__: str

__all__ = [
    "CATCOA",
    "GIS",
    "BodyOptions",
    "Category",
    "ChangeOptions",
    "ChartOptions",
    "ClassOptions",
    "ClassifyOptions",
    "CombineOptions",
    "CutOptions",
    "DecisionOptions",
    "EvaluateOptions",
    "ExportOptions",
    "FeatureClassifier",
    "FetchChartsOptions",
    "FetchScenesOptions",
    "HeadOptions",
    "IntervalOptions",
    "LabelOptions",
    "LineOptions",
    "LittoralError",
    "NetworkOptions",
    "PackageOptions",
    "RectangleOptions",
    "ReportOptions",
    "SampleOptions",
    "SceneOptions",
    "Scheme",
    "SearchOptions",
    "ShorelineOptions",
    "SplitOptions",
    "SummariseOptions",
    "TableOptions",
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
    "verbs",
    "write_classified",
    "write_report",
    "write_vector",
]
