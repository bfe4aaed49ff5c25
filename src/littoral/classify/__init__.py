"""Classify rectangles on scenes with a trained model.

``classify`` is the entry point. ``ensemble`` averages models and orientations, ``compatibility`` checks a scene,
``partition`` divides rectangles into parts, ``pipeline`` predicts parts in one process, ``dask_backend`` on a cluster,
``checkpoints`` saves them, ``run`` resumes, ``decisions`` turns probabilities into classes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
