from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from littoral import FeatureClassifier, prepare_data
from littoral.errors import InputError
from littoral.learn.network import build_network
from littoral.learn.network.stages import standardised


@pytest.mark.parametrize(("backbone", "place"), [("resnet10t", 2), ("mobilenetv2_050", 3)])
def test_first_stages_give_timms_intermediate_map(backbone: str, place: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = timm.create_model(backbone, num_classes=0).eval()
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    stride = whole.feature_info[place]["reduction"]
    network = build_network(f"{backbone}/{stride}", 3, 2, tmp_path / "w.pth").eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        mean, std = x.mean((2, 3), keepdim=True), x.std((2, 3), correction=0, keepdim=True)
        expected = whole.forward_intermediates((x - mean) / (std + 1e-3), indices=[place], intermediates_only=True)[0]
        assert torch.allclose(network.body(x), expected, atol=1e-4)
        assert network(x).shape == (2, 2)
    # What is not asked is not carried.
    assert sum(p.numel() for p in network.body.parameters()) < sum(p.numel() for p in whole.parameters()) / 2


def test_gains_offsets_and_missing_pixels_change_nothing() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 8)
    found = standardised(x)
    assert torch.allclose(standardised(3 * x + torch.tensor([1.0, -2, 5])[:, None, None]), found, atol=5e-3)
    wider = torch.nn.functional.pad(x, (0, 5, 2, 0))
    assert torch.allclose(standardised(wider)[..., 2:, :8], found, atol=1e-5)
    assert not standardised(wider)[..., 8:].any()
    # A tile of one colour, or of nothing.
    assert not standardised(torch.full((1, 3, 4, 4), 2.0)).any()
    assert not standardised(torch.zeros(1, 3, 4, 4)).any()


@pytest.mark.slow
def test_a_model_of_first_stages_comes_back_from_its_package(tiles_folder: Path, tmp_path: Path) -> None:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    model = FeatureClassifier(data, "resnet10t/8", pretrained=False)
    model.fit_head(regularisation_c=0.01)
    again = FeatureClassifier.from_model(model.save(tmp_path / "m.dlpk"))
    tile = data.tiles.paths[0]
    assert again.manifest.backbone == "resnet10t/8"
    assert again.predict(tile) == model.predict(tile)


@pytest.mark.parametrize(
    ("backbone", "said"),
    [
        ("resnet10t/7", "has no map of stride 7: choose among 2, 4, 8, 16, 32"),
        ("resnet10t/x", "ends in 'x', which is no stride: write e.g. resnet10t/8"),
        ("mixer_s32_224/8", "has no map of stride 8"),
    ],
)
def test_strides_that_are_none(backbone: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_network(backbone, 3, 2)
