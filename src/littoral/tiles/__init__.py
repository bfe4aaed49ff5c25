"""Cut labelled image tiles along the coast: place and cut tiles, write and read Labeled_Tiles folders, and split tiles
into training and validation sets that share no ground.

Training sets hosted on a portal are downloaded here, too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
