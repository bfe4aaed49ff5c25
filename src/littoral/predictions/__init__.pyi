from .chains import Chains, read_chains
from .change import STATUSES, Change, change_probability, change_rate, find_changes
from .classified_table import UNCERTAIN, Answers, read_answers
from .novelty import evened, fit_novelty, novelty_of, novelty_places, novelty_threshold
from .sets import add_prediction_sets
from .smoothing import marginals, smooth
from .summary import Summary, summarise
from .transitions import Transitions, estimate_transitions, read_transitions

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
    "novelty_of",
    "novelty_places",
    "novelty_threshold",
    "read_answers",
    "read_chains",
    "read_transitions",
    "smooth",
    "summarise",
]
