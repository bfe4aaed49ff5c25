"""Write the HTML report on a classified coast.

The page is one self-contained file that makes no requests. Its map is interactive where scripts run; in print and
without scripts there are static maps. A part without its input is left out, and the page lists the option that adds it.

``coast`` reads the classified table, ``review_list`` chooses the places to review first, ``maps``, ``map_data``,
``model_scores`` and ``samples`` make the parts, ``page`` assembles them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
