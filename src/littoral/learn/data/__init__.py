"""What a classifier learns from: tiles, their split, and how the training part measures."""

from littoral.learn.data.prepare import prepare_data
from littoral.learn.data.tile_data import TileData, training_area

__all__ = ["TileData", "prepare_data", "training_area"]
