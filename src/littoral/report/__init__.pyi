from .maps import plot_classified
from .page import write_report

__all__ = [
    "plot_classified",
    "write_report",
]
