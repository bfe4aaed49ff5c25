"""Scores to statements: what probabilities say about stretches of coast, once pixels and models are out of sight.

All of it works on tables of rectangles with ``P_<code>`` and on arrays: along the chain (:func:`smooth`), as sets of
classes, on the shoreline itself, between two dates, and how unlike the training a place looks.
"""

from littoral.predictions.chains import Chains, read_chains
from littoral.predictions.change import STATUSES, Change, change_probability, change_rate, find_changes
from littoral.predictions.classified_table import UNCERTAIN, Answers, read_answers
from littoral.predictions.novelty import evened, fit_novelty, novelty, novelty_places, novelty_threshold
from littoral.predictions.sets import add_prediction_sets, prediction_sets
from littoral.predictions.smoothing import marginals, smooth
from littoral.predictions.summary import Summary, summarise
from littoral.predictions.transitions import Transitions, estimate_transitions, read_transitions

__all__ = [
    "STATUSES",
    "UNCERTAIN",
    "Answers",
    "Chains",
    "Change",
    "Summary",
    "Transitions",
    "add_prediction_sets",
    "change_probability",
    "change_rate",
    "estimate_transitions",
    "evened",
    "find_changes",
    "fit_novelty",
    "marginals",
    "novelty",
    "novelty_places",
    "novelty_threshold",
    "prediction_sets",
    "read_answers",
    "read_chains",
    "read_transitions",
    "smooth",
    "summarise",
]
