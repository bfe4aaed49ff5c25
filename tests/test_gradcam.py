"""What speaks for an answer: Grad-CAM against its formula, on networks of both kinds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from littoral import FeatureClassifier, prepare_data
from littoral.errors import InputError, MissingExtraError
from littoral.learn.network import build_network
from littoral.learn.network.gradcam import attribution

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("backbone", "side"), [("test_resnet", 96), ("test_vit", 64)])
def test_attribution_is_grad_cams_formula(backbone: str, side: int) -> None:
    """The ReLU of the map's channels, each weighed by its mean gradient: Selvaraju et al. 2017, equations 1 and 2."""
    torch.manual_seed(0)
    network = build_network(backbone, 4, 3, chip_px=side).eval()
    for parameter in network.body.parameters():
        parameter.requires_grad = False
    before = {key: value.clone() for key, value in network.state_dict().items()}
    rng = np.random.default_rng(0)
    # More than one batch.
    batch = rng.normal(0, 1, (18, 4, side, side)).astype(np.float32)
    targets = rng.integers(0, 3, 18)
    found = attribution(network, batch, targets)

    features = network.body(torch.from_numpy(batch)).detach().requires_grad_()
    scores = network.head(features)
    (gradient,) = torch.autograd.grad(scores[torch.arange(18), torch.from_numpy(targets)].sum(), features)
    weights = gradient.mean((2, 3), keepdim=True)
    expected = torch.relu((weights * features).sum(1)).detach().numpy()
    peaks = expected.max(axis=(1, 2), keepdims=True)
    assert np.allclose(found, expected / np.where(peaks > 0, peaks, 1), atol=1e-4)
    assert found.shape == expected.shape
    assert found.max() == 1.0
    assert np.array_equal(found, attribution(network, batch, targets))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.body.parameters())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_what_speaks_for_a_class_is_found() -> None:
    """A body of one convolution, and a head that looks for brightness: the bright corner is lit."""
    body = torch.nn.Conv2d(1, 1, 4, stride=4, bias=False)
    torch.nn.init.ones_(body.weight)

    class Plain(torch.nn.Sequential):
        body = property(lambda self: self[0])

    network = Plain(body, torch.nn.Flatten(), torch.nn.Linear(64, 2, bias=False))
    torch.nn.init.ones_(network[2].weight)
    image = np.zeros((1, 1, 32, 32), np.float32)
    image[..., 24:, :8] = 1
    lit = attribution(network, image, np.array([1]))[0]  # type: ignore[arg-type]
    assert lit.shape == (8, 8)
    assert (lit[6:, :2] == 1).all()
    assert lit.sum() == 4


def test_results_are_explained_on_the_chip(tiles_folder: Path) -> None:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1, resize_to=96, chip_size=72)
    model = FeatureClassifier(data, "resnet10t", pretrained=False)
    plain, lit = (model.show_results(1, columns=3, explain=explain) for explain in (False, True))
    for one, other in zip(plain.axes, lit.axes, strict=True):
        assert one.get_title("left") == other.get_title("left")
        whole, chip = (np.asarray(axes.images[0].get_array()) for axes in (one, other))
        # Three quarters of a tile of 32 pixels, darkened in places.
        assert (whole.shape[:2], chip.shape[:2]) == ((32, 32), (24, 24))
        assert chip.mean() < whole.mean()
    again = model.show_results(1, columns=3, explain=True)
    for one, other in zip(lit.axes, again.axes, strict=True):
        assert np.array_equal(one.images[0].get_array(), other.images[0].get_array())


def test_a_chip_of_one_place_is_refused() -> None:
    network = build_network("test_resnet", 3, 2, chip_px=32)
    with pytest.raises(InputError, match=r"a chip of 32 pixels is a single position .*resize_to"):
        attribution(network, np.zeros((1, 3, 32, 32), np.float32), np.array([0]))


def test_explaining_needs_its_extra(tiles_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.delitem(sys.modules, "littoral.learn.network.gradcam")
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    with pytest.raises(MissingExtraError, match=r'pip install "littoral\[explain\]"'):
        FeatureClassifier(data, "resnet10t", pretrained=False).show_results(1, explain=True)
