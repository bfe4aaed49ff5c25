"""Classified coast and scores to one page: what a person looks at first.

The page is one HTML file that needs nothing else: no network, no script. A part that lacks an input is left out, and
the page names it and says what to pass. ``coast`` has the classified table in the terms of the page, ``maps``,
``judging`` and ``samples`` make its parts, ``writing`` puts them together.
"""

from littoral.report.maps import plot_classified
from littoral.report.writing import write_report

__all__ = ["plot_classified", "write_report"]
