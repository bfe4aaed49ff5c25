"""Write one HTML page about a classified coast.

The page is one file that needs nothing else and makes no requests. Its map is interactive where scripts run; on paper
and without them drawn maps stand in its place. A part that lacks an input is left out, and the page says which option
would add it. ``coast`` reads the classified table, ``review_list`` chooses the places to review first, ``maps``,
``map_data``, ``model_scores`` and ``samples`` make the parts, ``page`` puts them together.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
