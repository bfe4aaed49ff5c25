"""Grad-CAM: attribution of a prediction to the parts of a tile, by captum.

Grad-CAM weighs the channels of the body's last map by how much each raises the score of the class, and keeps positive
values (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391). Unlike several sharper methods, it depends on the
network's weights: theirs change little when the weights are made random (Adebayo et al. 2018,
https://arxiv.org/abs/1810.03292). It takes one pass forward and one back per tile, where integrated gradients take
tens, and is deterministic. Its resolution is that of the last map: a 32nd of the chip in most
backbones.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from littoral.errors import InputError, require
from littoral.learn.network.building import Network, channels_last

require("explain", "explaining predictions", "captum")

_BATCH = 16


def attribution(network: Network, batch: NDArray[np.float32], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """Attribution of a class to each position of the tile.

    Args:
        network: Left in evaluation mode; its weights are not changed.
        batch: Preprocessed tiles (tiles, bands, chip, chip).
        targets: (tiles,), index of the class that is explained.

    Returns:
        (tiles, height, width) of the body's last map, each from 0 to 1 with a maximum of 1; all 0 where
        no position raises the score of the class.

    Raises:
        InputError: chips so small that the last map has one position.

    Memory: the activations of 16 tiles.
    """
    from captum.attr import LayerGradCam

    network.eval()
    method = LayerGradCam(network, network.body)
    maps = []
    for start in range(0, len(batch), _BATCH):
        part = channels_last(torch.from_numpy(batch[start : start + _BATCH]))
        wanted = torch.from_numpy(targets[start : start + _BATCH])
        with torch.enable_grad():
            found = method.attribute(part, wanted, relu_attributions=True).detach().float().numpy()[:, 0]
        maps.append(found)
    attributions = np.concatenate(maps)
    if max(attributions.shape[1:]) < 2:
        raise InputError(
            f"a chip of {batch.shape[-1]} pixels",
            "is a single position in this backbone's last map, so no part of it can be explained",
            "train with larger tiles, chips or resize_to",
        )
    highest = attributions.max(axis=(1, 2), keepdims=True)
    return np.asarray(attributions / np.where(highest > 0, highest, 1), np.float32)
