from .answers import Answers, Examiner
from .checkpoints import Opening
from .classify import BEYOND, NO_AREA, answered, classify_objects, scenes_used, write_classified
from .compatibility import check_cell_size, check_scene
from .decisions import UNLIKE, Saying, say
from .ensemble import Model, Panel, open_panel, settle_engine
from .run import answer_rectangles

__all__ = [
    "BEYOND",
    "NO_AREA",
    "UNLIKE",
    "Answers",
    "Examiner",
    "Model",
    "Opening",
    "Panel",
    "Saying",
    "answer_rectangles",
    "answered",
    "check_cell_size",
    "check_scene",
    "classify_objects",
    "open_panel",
    "say",
    "scenes_used",
    "settle_engine",
    "write_classified",
]
