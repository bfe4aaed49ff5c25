"""What in a tile speaks for an answer: Grad-CAM, by captum.

Grad-CAM weighs the channels of the body's last map by how much each raises the score of the class, and keeps what
speaks for it (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391). It was taken because it depends on what the
network has learnt, where several finer-looking maps do not: they stay alike when the weights are made random (Adebayo
et al. 2018, https://arxiv.org/abs/1810.03292). It also takes one pass forward and one back per tile, where integrated
gradients take tens, and nothing of it is random. Its resolution is that of the last map: a 32nd of the chip in most
backbones.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from littoral.errors import InputError, MissingExtraError
from littoral.learn.batches import inputs
from littoral.learn.network import Network

try:
    from captum.attr import LayerGradCam
except ImportError as error:
    raise MissingExtraError("explaining answers", "explain") from error

_BATCH = 16


def attribution(network: Network, batch: NDArray[np.float32], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """How much each place speaks for a class.

    Args:
        network: Left in evaluation mode; its weights and what of them learns are not touched.
        batch: Preprocessed tiles (tiles, bands, chip, chip).
        targets: (tiles,), index of the class that each is explained for.

    Returns:
        (tiles, height, width) of the body's last map, each from 0 to 1 where its strongest place is 1; all 0 where
        nothing speaks for the class.

    Raises:
        InputError: chips so small that the last map has one place.

    Memory: the activations of 16 tiles.
    """
    network.eval()
    method = LayerGradCam(network, network.body)
    maps = []
    for start in range(0, len(batch), _BATCH):
        part = inputs(torch.from_numpy(batch[start : start + _BATCH]))
        wanted = torch.from_numpy(targets[start : start + _BATCH])
        with torch.enable_grad():
            found = method.attribute(part, wanted, relu_attributions=True).detach().float().numpy()[:, 0]
        maps.append(found)
    strength = np.concatenate(maps)
    if max(strength.shape[1:]) < 2:
        raise InputError(
            f"a chip of {batch.shape[-1]} pixels",
            "is a single place to this backbone, so no part of it can be told from another",
            "train with larger tiles, chips or resize_to",
        )
    highest = strength.max(axis=(1, 2), keepdims=True)
    return np.asarray(strength / np.where(highest > 0, highest, 1), np.float32)
