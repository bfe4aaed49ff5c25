"""Scores to statements: what probabilities say about stretches of coast, once pixels and models are out of sight.

All of it works on tables of rectangles with ``P_<code>`` and on arrays: along the chain (:func:`smooth`), as sets of
classes, on the shoreline itself, between two dates, and how unlike the training a place looks.
"""

from littoral.statements.answers import UNCERTAIN, Answers, read_answers
from littoral.statements.chains import Chains, read_chains
from littoral.statements.change import STATUSES, Change, change_probability, change_rate, find_changes
from littoral.statements.sets import add_prediction_sets, prediction_sets
from littoral.statements.smoothing import marginals, smooth
from littoral.statements.summarise import Summary, summarise
from littoral.statements.transitions import Transitions, estimate_transitions, read_transitions
from littoral.statements.unlike import evened, fit_novelty, novelty, novelty_places, novelty_threshold

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
