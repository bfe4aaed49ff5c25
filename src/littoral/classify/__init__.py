"""Scores to statements about stretches of coast: classifier x rectangles x scenes to a classified coast.

``answering`` asks a model about each rectangle; ``panel`` is who is asked: one model or several, once or in every turn;
``fitting`` says whether a scene is of the kind that it knows; ``saying`` makes columns of the answers; ``objects`` is
all of it together.
"""

from littoral.classify.answering import Answers, Examiner, answer_rectangles
from littoral.classify.fitting import check_cell_size, check_scene
from littoral.classify.objects import BEYOND, NO_AREA, answered, classify_objects, scenes_used, write_classified
from littoral.classify.panel import Model, Panel, open_panel
from littoral.classify.saying import UNCERTAIN, UNLIKE, Saying, say

__all__ = [
    "BEYOND",
    "NO_AREA",
    "UNCERTAIN",
    "UNLIKE",
    "Answers",
    "Examiner",
    "Model",
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
    "write_classified",
]
