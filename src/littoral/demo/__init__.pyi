from .run import TILE_PX, Demo, run_demo
from .world import make_world

__all__ = ["TILE_PX", "Demo", "make_world", "run_demo"]
