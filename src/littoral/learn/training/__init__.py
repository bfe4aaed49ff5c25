"""Training: batches, losses, learning rates, the loop with its checkpoints, and fitting a head on a frozen body."""

import lazy_loader

from littoral.learn import network as _checks_that_torch_is_installed  # noqa: F401

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
