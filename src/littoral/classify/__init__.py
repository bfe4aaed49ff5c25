"""Scores to statements about stretches of coast: classifier x rectangles x scenes to a classified coast.

``panel`` is who is asked: one model or several, once or in every turn; ``fitting`` says whether a scene is of the kind
that it knows; ``answering`` asks about each rectangle: ``parting`` makes parts, ``pipeline`` answers them in one
process, ``cluster`` on many, ``keeping`` keeps them; ``saying`` makes columns of the ``answers``; ``objects`` is all of
it together.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
