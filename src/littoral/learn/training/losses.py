"""The loss: cross-entropy, with mixup, focal loss, class weights and label smoothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from littoral.categories import Category
from littoral.errors import InputError

ClassWeights = Literal["balanced"] | Mapping[int | str, float] | Sequence[float]
"""``balanced``, or a number for each class: by value or name, or in the classes' order."""

FOCUS = 2.0
"""γ of the focal loss, as in its paper."""
MIXING = 0.4
"""α of mixup's Beta distribution, as in fastai v1."""


@dataclass(frozen=True)
class Objective:
    """The loss of a training step; its default is plain cross-entropy."""

    classes: int
    """Number of classes."""
    mixup: bool = False
    """Blend pairs of tiles and their labels (Zhang et al. 2018, arXiv:1710.09412)."""
    focal_loss: bool = False
    """Weigh tiles by (1 - p)², p the probability of the true class (Lin et al. 2017, arXiv:1708.02002)."""
    class_weights: tuple[float, ...] = ()
    """Weight of each class; empty: all 1."""
    label_smoothing: float = 0.0
    """Share of each label that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567)."""

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"label_smoothing {self.label_smoothing}", "is not a share", "pass 0 to below 1, e.g. 0.1")

    def __call__(self, network: nn.Module, x: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
        """Loss of a batch of inputs (batch, bands, chip, chip) and class indices (batch,)."""
        truth = nn.functional.one_hot(y, self.classes).float()
        if self.mixup:
            share, other = mixing(len(y), rng)
            share, other = share.to(x.device), other.to(x.device)
            x = torch.lerp(x[other], x, share[:, None, None, None])
            truth = torch.lerp(truth[other], truth, share[:, None])
        return self.loss(network(x), truth)

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Of logits (batch, classes) and shares of classes (batch, classes) that sum to 1 for each tile.

        mean over tiles of -Σ_c w_c t_c (1 - p_c)^γ ln p_c, divided by the mean of Σ_c w_c t_c before smoothing: for
        whole labels that is torch's cross-entropy with its weights and its label smoothing.
        """
        logs = torch.log_softmax(logits.float(), dim=1)
        weights = logs.new_tensor(self.class_weights or (1.0,) * self.classes)
        total = (truth * weights).sum()
        if self.label_smoothing:
            truth = (1 - self.label_smoothing) * truth + self.label_smoothing / self.classes
        terms = truth * weights * logs
        if self.focal_loss:
            terms = terms * (1 - logs.exp()) ** FOCUS
        return -terms.sum() / total


def mixing(count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """For mixup: the share, 0.5 to 1, that each tile keeps, and the tile that it is blended with."""
    share = rng.beta(MIXING, MIXING, count)
    return torch.from_numpy(np.maximum(share, 1 - share).astype(np.float32)), torch.from_numpy(rng.permutation(count))


def weigh(weights: ClassWeights | None, categories: Sequence[Category], shown: NDArray[np.int64]) -> tuple[float, ...]:
    """Weight of each class, in the order of ``categories``.

    Args:
        weights: ``balanced`` is tiles / (classes x tiles of the class), scikit-learn's rule; None: no weights.
        categories: All classes.
        shown: Number of tiles of each class in an epoch.

    Raises:
        InputError: a class without a weight, one that is not there, or a weight that is not a positive number.

    >>> from littoral.categories import CATCOA
    >>> weigh("balanced", [CATCOA[3], CATCOA[7]], np.array([30, 10]))
    (0.6666666666666666, 2.0)
    >>> weigh({7: 2, "sandy shore": 1}, [CATCOA[3], CATCOA[7]], np.array([30, 10]))
    (1.0, 2.0)
    """
    if weights is None:
        return ()
    if isinstance(weights, str):
        if weights != "balanced":
            raise InputError(f"class_weights {weights!r}", "is not known", "pass 'balanced', or a number for each")
        present = np.maximum(shown, 1)
        return tuple((shown.sum() / ((shown > 0).sum() * present)).tolist())
    found: dict[int, Any] = {}
    if isinstance(weights, Mapping):
        codes: dict[int | str, int] = {c.name: c.code for c in categories} | {c.code: c.code for c in categories}
        if unknown := [key for key in weights if key not in codes]:
            raise InputError(f"class_weights of {unknown[0]!r}", "name no class of the data", "see data.class_mapping")
        found = {codes[key]: value for key, value in weights.items()}
    else:
        if len(weights) != len(categories):
            what = f"are {len(weights)} for {len(categories)} classes"
            raise InputError("class_weights", what, "pass one each, in the order of data.classes")
        found = {category.code: value for category, value in zip(categories, weights, strict=True)}
    for category in categories:
        weight = found.get(category.code)
        if weight is None or not (np.isfinite(weight) and weight > 0):
            raise InputError(f"class {category.name}", f"has class_weights {weight}", "pass a positive number")
    return tuple(float(found[category.code]) for category in categories)
