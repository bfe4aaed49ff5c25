"""Backbones of every family, and the weights that go into them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants

from littoral import FeatureClassifier
from littoral.errors import InputError, MissingExtraError
from littoral.learn.network import backbones, build_network, load_state_bytes, state_bytes
from littoral.learn.network.bodies import WITHOUT_MAP
from littoral.learn.network.building import Network
from littoral.learn.network.sentinel2 import sentinel2_weights

RESNET, VIT = "ResNet18_Weights.SENTINEL2_ALL_MOCO", "ViTSmall16_Weights.SENTINEL2_ALL_MAE"


# Backbones


def test_backbones_are_those_of_timm_that_end_in_a_map() -> None:
    every = FeatureClassifier.backbones()
    assert every == sorted(every)
    left_out = set(timm.list_models()) - set(every)
    assert {"resnet34", "vit_small_patch16_224", "swin_tiny_patch4_window7_224", "mixer_s32_224"} <= set(every)
    assert {name.split("_")[0].rstrip("0123456789") for name in left_out} == WITHOUT_MAP
    assert FeatureClassifier.backbones("resnet?4") == backbones("resnet?4") == ["resnet34"]
    assert FeatureClassifier.backbones("no such*") == []


@pytest.mark.parametrize(
    ("backbone", "chip", "rows"),
    [
        ("resnet10t", 40, 2),
        ("test_vit", 64, 4),
        ("test_vit3", 96, 6),
        ("mobilenetv3_small_050", 64, 2),
        ("levit_128s", 64, 1),
        ("mambaout_femto", 64, 2),
        ("swin_tiny_patch4_window7_224", 64, 2),
        ("xcit_nano_12_p16_224", 64, 4),
        ("efficientvit_b0", 64, 2),
        ("volo_d1_224", 64, 4),
    ],
)
def test_every_kind_of_body_gives_a_map(backbone: str, chip: int, rows: int) -> None:
    """Maps of its own, tokens with and without one for the whole, channels last, no pooling to be had: on the meta
    device, where nothing is computed."""
    assert backbone in backbones(backbone)
    with torch.device("meta"):
        network = build_network(backbone, 4, 3, chip_px=chip).eval()
        image = torch.zeros(2, 4, chip, chip)
        found = network.body(image)
        assert found.shape[2:] == (rows, rows)
        assert network(image).shape == (2, 3)


@pytest.mark.parametrize("backbone", ["pit_ti_224", "crossvit_tiny_240", "efficientvim_m1", "coat_tiny"])
def test_families_without_a_map_are_refused_and_not_listed(backbone: str) -> None:
    assert timm.is_model(backbone)
    assert backbones(backbone) == []
    with pytest.raises(InputError, match="does not end in a map that could be pooled"):
        build_network(backbone, 3, 2)


def test_tokens_lie_where_their_places_are() -> None:
    """Patch by patch: what is changed in one corner of the input changes most in that corner of the map."""
    torch.manual_seed(0)
    network = build_network("test_vit", 3, 2, chip_px=64).eval()
    image = torch.zeros(1, 3, 64, 64)
    changed = image.clone()
    changed[..., 48:, :16] = 3.0
    with torch.inference_mode():
        tokens = network.body.net.forward_features(changed)
        found = network.body(changed)
        moved = (found - network.body(image)).abs().sum(1)[0]
    assert divmod(int(moved.argmax()), 4) == (3, 0)
    # Row by row, after the token for the whole image.
    assert torch.equal(found[0, :, 3, 0], tokens[0, network.body.prefix + 12])


def test_chips_that_a_backbone_does_not_take() -> None:
    with pytest.raises(InputError, match=r"'efficientformer_l1' cannot be used with chips of 64 pixels .*--chip-size"):
        build_network("efficientformer_l1", 3, 2, chip_px=64)


@pytest.mark.parametrize("backbone", ["test_vit", "test_resnet"])
def test_packages_keep_any_body(backbone: str) -> None:
    one, other = (build_network(backbone, 3, 2, chip_px=64).eval() for _ in range(2))
    load_state_bytes(other, backbone, state_bytes(one, backbone), "m")
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(one(image), other(image))


# Files of weights


def saved(network: Network, path: Path) -> Path:
    body = getattr(network.body, "net", network.body)
    torch.save(body.state_dict(), path)
    return path


def test_a_transformers_places_are_interpolated(tmp_path: Path) -> None:
    path = saved(build_network("test_vit", 3, 2, chip_px=64), tmp_path / "w.pth")
    network = build_network("test_vit", 3, 2, path, chip_px=96)
    given, own = torch.load(path, weights_only=True)["pos_embed"], network.body.net.pos_embed
    assert (given.shape[1], own.shape[1]) == (1 + 16, 1 + 36)
    assert torch.allclose(own.mean(), given.mean(), atol=0.02)
    assert torch.equal(network.body.net.patch_embed.proj.weight, torch.load(path)["patch_embed.proj.weight"])


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    """Bytes in the middle of a tensor's data turned into what no finite number has."""
    state = torch.load(path, weights_only=True)
    state["conv1.weight" if "conv1.weight" in state else next(iter(state))].view(-1)[0] = float("nan")
    torch.save(state, path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut, "holds weights that cannot be read safely"),
        (lambda path: path.write_bytes(b""), "holds weights that cannot be read safely"),
        (flip, "has weights that are not finite"),
        (lambda path: torch.save({"state": 3}, path), "holds more than tensors"),
        (lambda path: saved(build_network("test_efficientnet", 3, 2), path), "does not fit the backbone"),
        (
            lambda path: torch.save(
                {key: value[:1] if value.ndim == 4 else value for key, value in torch.load(path).items()}, path
            ),
            "has weights of other shapes",
        ),
    ],
)
def test_files_of_weights_that_cannot_be_used(tmp_path: Path, spoil: Callable[[Path], object], sentence: str) -> None:
    path = saved(build_network("test_resnet", 3, 2), tmp_path / "w.pth")
    build_network("test_resnet", 3, 2, path)
    spoil(path)
    with pytest.raises(InputError, match=sentence) as error:
        build_network("test_resnet", 3, 2, path)
    assert str(path) in str(error.value)


# Sentinel-2


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, torch.Tensor]]:
    """Puts a state dict where torchgeo's entry points to, as a file that its check of contents accepts."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def publish(name: str, *, spoil: bool = False, drop: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
        backbone, entry = sentinel2_weights()[name]
        torch.manual_seed(5)
        state = timm.create_model(backbone, in_chans=entry.meta["in_chans"], num_classes=1000).state_dict()
        state = {key: value for key, value in state.items() if not key.startswith(drop or ("\0",))}
        path = tmp_path / "weights.pth"
        torch.save(state, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        final = path.rename(tmp_path / f"weights-{'0' * 8 if spoil else digest}.pth")
        monkeypatch.setattr(entry.value, "url", final.as_uri())
        return state

    return publish


@pytest.mark.parametrize(
    ("bands", "places"),
    [(("B02", "B03", "B04"), [1, 2, 3]), (("B08", "B8A", "b12", "B1"), [7, 8, 12, 0]), (("B4", "B10"), [3, 10])],
)
def test_sentinel2_kernels_go_to_their_bands(
    published: Callable[..., dict[str, torch.Tensor]], bands: tuple[str, ...], places: list[int]
) -> None:
    state = published(RESNET)
    network = build_network("resnet18", bands, 2, f"sentinel2:{RESNET}")
    assert torch.equal(network.body.conv1.weight, state["conv1.weight"][:, places])
    own = network.body.state_dict()
    assert all(torch.equal(own[key], state[key]) for key in own if key != "conv1.weight")


def test_sentinel2_transformers(published: Callable[..., dict[str, torch.Tensor]]) -> None:
    state = published(VIT, drop=("norm.", "head."))
    network = build_network("vit_small_patch16_224", ("B03", "B11"), 2, f"sentinel2:{VIT}", chip_px=64)
    own = network.body.net
    assert torch.equal(own.patch_embed.proj.weight, state["patch_embed.proj.weight"][:, [2, 11]])
    assert own.pos_embed.shape[1] == 1 + 16
    assert torch.equal(own.norm.weight, torch.ones(384))


@pytest.mark.parametrize(
    ("backbone", "bands", "name", "sentence"),
    [
        ("resnet18", ("B02",), "ResNet18_Weights.SENTINEL2_AL_MOCO", f"choose one of .*{RESNET} perhaps"),
        ("resnet50", ("B02",), RESNET, "are of resnet18, not of resnet50: pass --backbone resnet18"),
        ("resnet18", ("B02", "VV"), RESNET, "know no band VV: choose among B1, B2,"),
        ("resnet18", ("B08",), "ResNet18_Weights.SENTINEL2_RGB_MOCO", "know no band B08: choose among B4, B3, B2"),
        ("resnet18", 3, RESNET, "need the names of the bands"),
    ],
)
def test_sentinel2_weights_that_do_not_fit(backbone: str, bands: object, name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_network(backbone, bands, 2, f"sentinel2:{name}")  # type: ignore[arg-type]


@pytest.mark.parametrize("spoil", [False, True])
def test_sentinel2_weights_out_of_reach(
    published: Callable[..., dict[str, torch.Tensor]], tmp_path: Path, spoil: bool
) -> None:
    published(RESNET, spoil=spoil)
    if not spoil:
        next(tmp_path.glob("weights-*.pth")).unlink()
    why = "invalid hash value" if spoil else "could not be fetched"
    with pytest.raises(InputError, match=rf"{why}.*put file://.* into .*hub/checkpoints, or pass a file"):
        build_network("resnet18", ("B02",), 2, f"sentinel2:{RESNET}")


def test_sentinel2_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchgeo.models", None)
    with pytest.raises(MissingExtraError, match=r'pip install "littoral\[sentinel2-weights\]"'):
        build_network("resnet18", ("B02",), 2, f"sentinel2:{RESNET}")


def test_every_listed_name_is_of_a_backbone_that_can_be_built() -> None:
    known = sentinel2_weights()
    assert RESNET in known
    assert {backbone for backbone, _ in known.values()} <= set(backbones())
    assert all(len(entry.meta["bands"]) == entry.meta["in_chans"] for _, entry in known.values())


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_hub_out_of_reach_is_asked_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(InputError) as raised:
        build_network("resnet18", 3, 2, "hub")
    assert str(raised.value) == (
        "pretrained weights of resnet18 could not be fetched from the hub (it cannot be reached, and no earlier "
        "download is kept): pass a file with --weights PATH (pretrained=path), or --weights none (pretrained=False)."
    )
    assert "Retrying" not in caplog.text
    assert constants.HF_HUB_OFFLINE is False
