"""Classified coast and scores to one page: what a person looks at first.

The page is one HTML file that needs nothing else and may ask nothing of any address. Its map can be moved where scripts
run; on paper and without them a drawn one stands in its place. A part that lacks an input is left out, and the page
names it and says what to pass. ``coast`` has the classified table in the terms of the page, ``first`` says what to look
at first, ``maps``, ``interactive``, ``judging`` and ``samples`` make the parts, ``writing`` puts them together.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
