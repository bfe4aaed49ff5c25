"""The verbs: one function each, files in and a file out, with a small summary back.

The command line, ``littoral describe`` and the reference are derived from their signatures and docstrings. Importing
them loads the standard library only.

>>> import littoral
>>> littoral.verbs.rectangles.__name__
'rectangles'
"""

from littoral.verbs.change import change
from littoral.verbs.charts import charts
from littoral.verbs.classify import classify
from littoral.verbs.demo import demo
from littoral.verbs.evaluate import evaluate
from littoral.verbs.export import export
from littoral.verbs.fetch_charts import fetch_charts
from littoral.verbs.fetch_item import fetch_item
from littoral.verbs.fetch_scenes import fetch_scenes
from littoral.verbs.inspect import inspect
from littoral.verbs.label import label
from littoral.verbs.lines import lines
from littoral.verbs.rectangles import rectangles
from littoral.verbs.report import report
from littoral.verbs.search import search
from littoral.verbs.shoreline import shoreline
from littoral.verbs.summarise import summarise
from littoral.verbs.tiles import tiles
from littoral.verbs.train import train

STAGES = {
    "Fetch": (search, fetch_charts, fetch_scenes, fetch_item),
    "Coastline": (charts, shoreline, label, lines, rectangles),
    "Tiles and training": (tiles, train, evaluate, inspect, export),
    "Classification": (classify,),
    "Results": (summarise, change, report),
    "Other": (demo,),
}
"""The verbs of each part of the work, in the order in which they are used."""

__all__ = [
    "STAGES",
    "change",
    "charts",
    "classify",
    "demo",
    "evaluate",
    "export",
    "fetch_charts",
    "fetch_item",
    "fetch_scenes",
    "inspect",
    "label",
    "lines",
    "rectangles",
    "report",
    "search",
    "shoreline",
    "summarise",
    "tiles",
    "train",
]
