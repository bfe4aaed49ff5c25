from .prepare import prepare_data
from .statistics import measured
from .tile_data import TileData, training_area

__all__ = ["TileData", "measured", "prepare_data", "training_area"]
