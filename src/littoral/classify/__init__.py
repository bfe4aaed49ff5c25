"""Scores to statements about stretches of coast: classifier x rectangles x scenes to a classified coast."""

from littoral.classify.answering import answer_rectangles
from littoral.classify.answers import Answers, Examiner
from littoral.classify.keeping import Opening
from littoral.classify.objects import check_scene, classify_objects, write_classified

__all__ = [
    "Answers",
    "Examiner",
    "Opening",
    "answer_rectangles",
    "check_scene",
    "classify_objects",
    "write_classified",
]
