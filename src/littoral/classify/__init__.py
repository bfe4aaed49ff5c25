"""Scores to statements about stretches of coast: classifier x rectangles x scenes to a classified coast.

``panel`` is who is asked: one model or several, once or in every turn; ``fitting`` says whether a scene is of the kind
that it knows; ``answering`` asks about each rectangle: ``parting`` makes parts, ``pipeline`` answers them in one
process, ``cluster`` on many, ``keeping`` keeps them; ``saying`` makes columns of the ``answers``; ``objects`` is all of
it together.
"""

from littoral.classify.answers import Answers, Examiner
from littoral.classify.checkpoints import Opening
from littoral.classify.classify import BEYOND, NO_AREA, answered, classify_objects, scenes_used, write_classified
from littoral.classify.compatibility import check_cell_size, check_scene
from littoral.classify.decisions import UNLIKE, Saying, say
from littoral.classify.ensemble import Model, Panel, open_panel, settle_engine
from littoral.classify.run import answer_rectangles
from littoral.predictions import UNCERTAIN

__all__ = [
    "BEYOND",
    "NO_AREA",
    "UNCERTAIN",
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
