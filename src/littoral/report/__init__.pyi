from .maps import plot_classified
from .options import ReportOptions
from .page import write_report

__all__ = [
    "ReportOptions",
    "plot_classified",
    "write_report",
]
