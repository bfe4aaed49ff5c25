from .curves import plot_learning_rates, plot_losses
from .maps import plot_map
from .render import Picture, png_data_uri, show, svg
from .scores import ReliabilityBin, plot_class_shares, plot_confusion_matrix, plot_reliability
from .tiles import MISSING_GREY, Image, plot_tiles, rgb_bands, stretch

__all__ = [
    "MISSING_GREY",
    "Image",
    "Picture",
    "ReliabilityBin",
    "plot_class_shares",
    "plot_confusion_matrix",
    "plot_learning_rates",
    "plot_losses",
    "plot_map",
    "plot_reliability",
    "plot_tiles",
    "png_data_uri",
    "rgb_bands",
    "show",
    "stretch",
    "svg",
]
