"""What training minimises, against torch's own losses and the formulas of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from littoral.categories import CATCOA
from littoral.errors import InputError
from littoral.learn.training.losses import Objective, mixing, weigh

CLASSES = [CATCOA[3], CATCOA[7], CATCOA[4]]


def batch(seed: int = 0, count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=generator) * 3, torch.randint(3, (count,), generator=generator)


def loss(objective: Objective, logits: torch.Tensor, y: torch.Tensor) -> float:
    return float(objective(nn.Identity(), logits, y, np.random.default_rng(0)))


@pytest.mark.parametrize("weights", [(), (1.0, 2.5, 0.3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_focus_it_is_torchs_cross_entropy(weights: tuple[float, ...], smoothing: float) -> None:
    logits, y = batch()
    expected = nn.functional.cross_entropy(
        logits, y, torch.tensor(weights) if weights else None, label_smoothing=smoothing
    )
    assert loss(Objective(3, class_weights=weights, label_smoothing=smoothing), logits, y) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_focal_loss_is_that_of_the_paper() -> None:
    logits, y = batch(1)
    p = torch.softmax(logits, 1)[torch.arange(len(y)), y]
    assert loss(Objective(3, focal_loss=True), logits, y) == pytest.approx(float((-((1 - p) ** 2) * p.log()).mean()))


def test_focal_loss_against_torchvision() -> None:
    ops = pytest.importorskip("torchvision.ops")
    # Two classes whose logits are ±x/2 are one sigmoid of x.
    x = torch.linspace(-4, 4, 9)
    y = torch.arange(9) % 2
    expected = ops.sigmoid_focal_loss(x, y.float(), alpha=-1, gamma=2, reduction="mean")
    assert loss(Objective(2, focal_loss=True), torch.stack([-x / 2, x / 2], 1), y) == pytest.approx(float(expected))


def test_mixup_blends_tiles_and_labels_alike() -> None:
    """With a network that is linear in a tile, the answer must be the blend of both tiles' answers."""
    x = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    found = float(Objective(3, mixup=True)(lambda x: x.mean((2, 3)), x, y, np.random.default_rng(5)))  # type: ignore[arg-type]
    share, other = mixing(6, np.random.default_rng(5))
    logits = (share[:, None] * x.mean((2, 3))) + (1 - share[:, None]) * x.mean((2, 3))[other]
    each = [nn.functional.cross_entropy(logits, labels, reduction="none") for labels in (y, y[other])]
    assert found == pytest.approx(float((share * each[0] + (1 - share) * each[1]).mean()), rel=1e-5)


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_mixing_keeps_half_and_loses_no_tile(count: int, seed: int) -> None:
    share, other = mixing(count, np.random.default_rng(seed))
    assert sorted(other.tolist()) == list(range(count))
    assert ((share >= 0.5) & (share <= 1)).all()


def test_balanced_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    y = np.repeat([0, 1, 2], [50, 7, 13])
    assert weigh("balanced", CLASSES, np.bincount(y)) == pytest.approx(
        compute_class_weight("balanced", classes=np.arange(3), y=y)
    )
    # Where oversampling shows all equally often, there is nothing left to balance.
    assert weigh("balanced", CLASSES, np.ones(3, np.int64)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({3: 1.0}, "class mangrove has class_weights None"),
        ({3: 1.0, 7: 1.0, 4: 1.0, 9: 2.0}, "class_weights of 9 name no class"),
        ([1.0, 2.0], "are 2 for 3 classes"),
        ([1.0, 0.0, 1.0], "class mangrove has class_weights 0.0"),
        ("equal", "class_weights 'equal' is not known"),
    ],
)
def test_weights_that_are_none(given: object, what: str) -> None:
    with pytest.raises(InputError, match=what):
        weigh(given, CLASSES, np.ones(3, np.int64))  # type: ignore[arg-type]


def test_weights_by_name_and_value() -> None:
    assert weigh({"mangrove": 2, 3: 1, 4: 5}, CLASSES, np.ones(3, np.int64)) == (1, 2, 5)
    with pytest.raises(InputError, match=r"label_smoothing 1\.0"):
        Objective(3, label_smoothing=1.0)
