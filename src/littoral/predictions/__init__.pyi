from .chains import RectangleChains, read_chains
from .changes import STATUSES, Change, change, change_probability, change_rate, notes_on_provenance
from .columns import BEYOND, LABEL, NO_AREA, UNCERTAIN, UNLIKE
from .novelty import fit_novelty, novelty_of, novelty_places, novelty_threshold, signed_sqrt
from .options import ChangeOptions, IntervalOptions, SummariseOptions
from .predictions import Predictions
from .smoothing import marginals, smooth
from .summary import Summary, summarise
from .transitions import Transitions, estimate_transitions, read_transitions

__all__ = [
    "BEYOND",
    "LABEL",
    "NO_AREA",
    "STATUSES",
    "UNCERTAIN",
    "UNLIKE",
    "Change",
    "ChangeOptions",
    "IntervalOptions",
    "Predictions",
    "RectangleChains",
    "SummariseOptions",
    "Summary",
    "Transitions",
    "change",
    "change_probability",
    "change_rate",
    "estimate_transitions",
    "fit_novelty",
    "marginals",
    "notes_on_provenance",
    "novelty_of",
    "novelty_places",
    "novelty_threshold",
    "read_chains",
    "read_transitions",
    "signed_sqrt",
    "smooth",
    "summarise",
]
