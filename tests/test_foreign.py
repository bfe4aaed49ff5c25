"""Packages of another program read by ours, and ours read its way; the other program is tests/their_packages.py."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from littoral import CATCOA, FeatureClassifier, classify_objects
from littoral.errors import InputError, LittoralWarning
from littoral.learn.network import build_network, state_bytes
from littoral.package import (
    Manifest,
    Package,
    Preprocessing,
    definition_of,
    read_package,
    renewed,
    write_package,
)
from littoral.package.foreign import manifest_from, with_numbers
from littoral.raster_function import scripted, unscripted
from littoral.tiles import TileSpec
from textured_coast import boxes
from their_packages import (
    BUILT_IN,
    definition,
    older,
    pth,
    their_answer,
    their_network,
    their_scaling,
    write_theirs,
)

CLASSES = [
    {"Value": 1, "Name": "1", "Color": [10, 20, 30]},
    {"Value": 10, "Name": "10", "Color": [40, 50, 60]},
    {"Value": 3, "Name": "3", "Color": [70, 80, 90]},
]
SIZE = 32


def tile_of(bands: int, size: int = SIZE + 8) -> np.ndarray:
    rng = np.random.default_rng(bands)
    return rng.integers(0, 256 if bands == 3 else 5000, (bands, size, size)).astype("uint8" if bands == 3 else "uint16")


def loaded(path: Path) -> FeatureClassifier:
    with pytest.warns(LittoralWarning, match=r"(number only|by its statistics|ExtractBands)"):
        return FeatureClassifier.from_model(path)


@pytest.mark.parametrize(("backbone", "bands"), [("resnet18", 3), ("resnet18", 13), ("resnet34", 3), ("resnet50", 13)])
def test_their_file_answers_as_with_them(tmp_path: Path, backbone: str, bands: int) -> None:
    network = their_network(backbone, bands, 3)
    content = definition(backbone, bands, SIZE, CLASSES)
    model = loaded(write_theirs(tmp_path / "t.dlpk", content, pth(network.state_dict())))
    tile = tile_of(bands)
    answer = model.predict_proba(tile)
    assert np.abs(answer - their_answer(content, network, tile)).max() < 1e-5
    assert answer.max() < 0.999  # else many networks would agree
    assert [category.name for category in model.manifest.categories] == ["1", "10", "3"]


@pytest.mark.parametrize(("backbone", "bands"), [("resnet18", 3), ("resnet34", 13), ("resnet50", 13)])
def test_our_file_answers_as_with_us(tmp_path: Path, backbone: str, bands: int) -> None:
    source = their_network(backbone, bands, 2, seed=1)
    model = our_model(backbone, bands, source.state_dict())
    path = write_package(tmp_path / "ours.dlpk", model)
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read("ours.emd"))
        state = torch.load(io.BytesIO(archive.read(content["ModelFile"])), weights_only=True)
    network = their_network(backbone, bands, len(content["Classes"]), seed=2)
    network.load_state_dict(state)
    tile = tile_of(bands).astype("uint16")
    answer = FeatureClassifier.from_model(path).predict_proba(tile)
    assert np.abs(answer - their_answer(content, network, tile)).max() < 1e-5
    names = [entry["Name"] for entry in content["Classes"]]
    assert names == sorted(names)  # one consumer sorts them


def our_model(backbone: str, bands: int, state: dict[str, torch.Tensor]) -> Package:
    """Weights under timm's names, as a network of ours has them."""
    network = build_network(backbone, bands, 2)
    children = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}

    def renamed(key: str) -> str:
        part, child, rest = key.split(".", 2)
        return f"0.{children[child]}.{rest}" if part == "0" else key

    network.load_state_dict({renamed(key): value for key, value in state.items()})
    names = tuple(f"B{number:02d}" for number in range(1, bands + 1))
    rng = np.random.default_rng(3)
    mean, std = (tuple(rng.uniform(*span, bands).tolist()) for span in ((500, 3000), (200, 900)))
    preprocessing = Preprocessing(TileSpec(SIZE + 8, names), SIZE, mean, std, "uint16", "as stored")
    manifest = Manifest(
        backbone, preprocessing, (CATCOA[7], CATCOA[3]), (10.0, 10.0), 32617, "words", (), "", {}, {"littoral": "0"}
    )
    return Package("ours", manifest, state_bytes(network, backbone), {})


def test_weights_have_the_entries_of_the_layout(tmp_path: Path) -> None:
    network = their_network("resnet18", 3, 5)
    assert len(network.state_dict()) == 134
    ours = torch.load(io.BytesIO(state_bytes(build_network("resnet18", 3, 5), "resnet18")), weights_only=True)
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in network.state_dict().items()}
    assert "0.5.0.downsample.0.weight" in ours


@pytest.fixture(scope="module")
def network() -> torch.nn.Sequential:
    return their_network("resnet18", 3, 3)


@pytest.fixture(scope="module")
def weights(network: torch.nn.Sequential) -> bytes:
    return pth(network.state_dict())


RGB = definition("resnet18", 3, SIZE, CLASSES)


def test_older_spellings(tmp_path: Path, network: torch.nn.Sequential, weights: bytes) -> None:
    script = {"ArcGISObjectClassifier.py": b"raise SystemExit('run')", "model_metrics.html": b"<script>"}
    path = write_theirs(tmp_path / "old.dlpk", older(RGB), weights, **script)
    model = loaded(path)
    assert np.abs(model.predict_proba(tile_of(3)) - their_answer(RGB, network, tile_of(3))).max() < 1e-5
    assert [(c.code, c.name, c.colour) for c in model.manifest.categories][1] == (10, "10", "#28323C")


def test_weights_of_before_zips(tmp_path: Path, network: torch.nn.Sequential) -> None:
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer, _use_new_zipfile_serialization=False)
    model = loaded(write_theirs(tmp_path / "old.dlpk", RGB, buffer.getvalue()))
    assert np.abs(model.predict_proba(tile_of(3)) - their_answer(RGB, network, tile_of(3))).max() < 1e-5


@pytest.mark.parametrize(
    "change",
    [
        {"ModelFile": ".\\theirs.pth"}, {"ModelFile": "./theirs.pth"}, {"ModelFile": "C:\\Users\\me\\theirs.pth"},
        {"ModelFile": "\\\\server\\share\\theirs.pth"}, {"ModelFile": "/home/me/theirs.pth"},
        {"ModelFile": "THEIRS.PTH"}, {"ImageHeight": "32", "ImageWidth": "32.0"}, {"ModelName": None},
        {"ModelFormat": None, "MetaDataMode": None}, {"ExtractBands": ["0", "1", "2"]},
        {"CropSizeFixed": "1", "BlackenAroundFeature": "0"}, {"IsMultispectral": "false"}, {"resize_to": "32"},
        {"Classes": [{**entry, "Value": str(entry["Value"]), "Color": [str(c) for c in entry["Color"]]}
                     for entry in CLASSES]},
        {"MinCellSize": {"x": "10.0", "y": 10, "spatialReference": {"wkid": "32617"}}},
    ],
    ids=str,
)  # fmt: skip
def test_other_spellings_mean_the_same(tmp_path: Path, weights: bytes, change: dict[str, Any]) -> None:
    plain = read_package(write_theirs(tmp_path / "plain.dlpk", RGB, weights))
    other = read_package(write_theirs(tmp_path / "other.dlpk", RGB | change, weights))
    assert (other.manifest, other.weights) == (plain.manifest, plain.weights)


def test_numbers_of_statistics_as_text(tmp_path: Path) -> None:
    content = definition("resnet18", 5, SIZE, CLASSES)
    stats = {name: [str(value) for value in values] for name, values in content["NormalizationStats"].items()}
    found, _ = manifest_from(Path("m.emd"), with_numbers(content | {"NormalizationStats": stats}))
    assert found == manifest_from(Path("m.emd"), content)[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_definitions_in_other_encodings(tmp_path: Path, weights: bytes, encoding: str) -> None:
    content = RGB | {"Classes": [{**CLASSES[0], "Name": "Grève"}, *CLASSES[1:]]}
    with zipfile.ZipFile(tmp_path / "x.dlpk", "w") as archive:
        archive.writestr("Model\\theirs.EMD", json.dumps(content, ensure_ascii=False).encode(encoding))
        archive.writestr("Model\\theirs.pth", weights)
    assert read_package(tmp_path / "x.dlpk").manifest.categories[0].name == "Grève"


@pytest.mark.parametrize("kind", ["with the optimiser", "state_dict", "parallel", "compiled", "no counters"])
def test_states_as_training_programs_save_them(tmp_path: Path, network: torch.nn.Sequential, kind: str) -> None:
    state = network.state_dict()
    moments = {"state": {0: {"exp_avg": torch.zeros(3), "step": 7}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    saved: dict[str, Any] = {
        "with the optimiser": {"model": state, "opt": moments},
        "state_dict": {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}},
        "parallel": {f"module.{key}": value for key, value in state.items()},
        "compiled": {f"_orig_mod.{key}": value for key, value in state.items()},
        "no counters": {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")},
    }
    found = loaded(write_theirs(tmp_path / "x.dlpk", RGB, pth(saved[kind])))
    tile = tile_of(3)
    assert np.abs(found.predict_proba(tile) - their_answer(RGB, network, tile)).max() < 1e-5


def test_a_definition_with_its_weights_beside_it(tmp_path: Path, weights: bytes) -> None:
    (tmp_path / "theirs.emd").write_text(json.dumps(RGB))
    (tmp_path / "theirs.pth").write_bytes(weights)
    (tmp_path / "notes.py").write_text("raise SystemExit")
    by_file, by_folder = loaded(tmp_path / "theirs.emd"), loaded(tmp_path)
    tile = tile_of(3)
    assert np.array_equal(by_file.predict_proba(tile), by_folder.predict_proba(tile))
    (tmp_path / "theirs.emd").write_text(json.dumps(RGB | {"ModelFile": "../theirs.pth"}))
    with pytest.raises(InputError, match="lacks its weights"):
        read_package(tmp_path)
    (tmp_path / "other.emd").write_text("{}")
    with pytest.raises(InputError, match=r"holds 2 \.emd files"):
        read_package(tmp_path)


numbers = st.floats(-1e4, 1e4, allow_nan=False)


@given(st.lists(st.tuples(numbers, st.floats(1, 1e4), numbers, st.floats(0.01, 10)), min_size=1, max_size=4), numbers)
def test_their_formula_is_a_mean_and_a_deviation(stats: list[tuple[float, ...]], pixel: float) -> None:
    low, reach, middle, spread = np.array(stats).T
    content = definition("resnet18", 4, SIZE, CLASSES) | {
        "ExtractBands": list(range(len(stats))),
        "Bands": [f"b{number}x" for number in range(len(stats))],
        "NormalizationStats": {
            "band_min_values": low.tolist(),
            "band_max_values": (low + reach).tolist(),
            "scaled_mean_values": middle.tolist(),
            "scaled_std_values": spread.tolist(),
        },
    }
    ours = manifest_from(Path("m.emd"), content)[0].preprocessing
    theirs = their_scaling(content, np.full((len(stats), 1, 1), pixel))[:, 0, 0]
    found = (pixel - np.array(ours.mean)) / np.array(ours.std)
    scale = np.abs(middle) / spread + (np.abs(pixel) + np.abs(low)) / reach / spread + 1
    assert (np.abs(found - theirs) <= 1e-9 * scale).all()


@pytest.mark.parametrize(
    ("change", "bands", "note"),
    [
        ({}, ("B1", "B2", "B3"), "number only"),
        ({"ExtractBands": [3, 2, 1]}, ("B4", "B3", "B2"), "4, 3, 2 of the image"),
        ({"Bands": ["Red", "Green", "Blue"]}, ("Red", "Green", "Blue"), ""),
        ({"Bands": ["a", "b", "c", "d"], "ExtractBands": [3, 0, 1]}, ("d", "a", "b"), ""),
        ({"Bands": ["Band_3", "2", "Band 1"]}, ("B3", "B2", "B1"), "number only"),
        ({"Bands": [3, 2, 1]}, ("B3", "B2", "B1"), "number only"),
        ({"ExtractBands": None}, ("B1", "B2", "B3"), "so the first are taken"),
    ],
)
def test_what_bands_are_called(change: dict[str, Any], bands: tuple[str, ...], note: str) -> None:
    manifest, assumed = manifest_from(Path("m.emd"), RGB | change)
    assert manifest.preprocessing.tile.bands == bands
    assert note in " ".join(assumed) if note else not assumed


def test_ground_outside_a_feature_is_black_where_they_blacken() -> None:
    manifest, _ = manifest_from(Path("m.emd"), RGB | {"BlackenAroundFeature": 1})
    tile, valid = np.full((3, SIZE, SIZE), 200, "uint8"), np.zeros((SIZE, SIZE), bool)
    valid[0, 0] = True
    found = manifest.preprocessing.apply(tile, valid)
    black = their_scaling(RGB, np.where(valid, tile, 0))
    assert np.abs(found - black).max() < 1e-5
    assert manifest.preprocessing.tile.blacken


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ModelType": "ObjectDetection"}, "ModelType is 'ObjectDetection'"),
        ({"ModelConfiguration": "_MaskRCNN"}, "ModelConfiguration is '_MaskRCNN'"),
        ({"ModelConfiguration": {"a": 1}}, "ModelConfiguration is {'a': 1}"),
        ({"Framework": "TensorFlow"}, "Framework is 'TensorFlow'"),
        ({"backend": "tensorflow"}, "backend is 'tensorflow'"),
        ({"ModelFormat": "NHWC"}, "ModelFormat is 'NHWC'"),
        ({"InferenceFunction": "MyOwn.py"}, "script of its own, 'MyOwn.py'"),
        ({"ModelParameters": {"backbone": "vgg16"}}, "backbone is 'vgg16'"),
        ({"ModelParameters": {}}, "backbone is None"),
        ({"ImageWidth": 64}, "64 x 32 pixels"),
        ({"CropSizeFixed": 0}, "CropSizeFixed 0"),
        ({"resize_to": [64, 64]}, r"resizes its tiles to \[64, 64\]"),
        ({"IsImageNetNormalization": False}, "the scaling of its pixels is not stated"),
        ({"IsMultispectral": True}, "lacks the scaling of its bands"),
        ({"ModelType": None}, "its .emd lacks ModelType"),
        ({"MetaDataMode": "MultiLabeled_Tiles"}, "it gives one tile several classes (a multi-label model)"),
        ({"ModelParameters": {"backbone": "resnet18", "is_multilabel": True}}, "(a multi-label model)"),
        ({"MetaDataMode": "Classified_Tiles"}, "MetaDataMode is 'Classified_Tiles', not 'Labeled_Tiles'"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(
    tmp_path: Path, weights: bytes, change: dict[str, Any], why: str
) -> None:
    path = write_theirs(tmp_path / "x.dlpk", RGB | change, weights)
    with pytest.raises(InputError, match=why.replace("(", r"\(").replace(")", r"\)")) as caught:
        FeatureClassifier.from_model(path)
    assert "its definition has ModelName FeatureClassifier" in str(caught.value)


@pytest.mark.parametrize("key", ["ModelType", "Classes", "ImageHeight", "CropSizeFixed", "ModelParameters"])
def test_keys_that_are_needed(tmp_path: Path, weights: bytes, key: str) -> None:
    content = {name: value for name, value in RGB.items() if name != key}
    with pytest.raises(InputError, match=f"its .emd lacks {key}"):
        read_package(write_theirs(tmp_path / "x.dlpk", content, weights))


# Saved again


def test_saving_theirs_keeps_what_need_not_change(
    tmp_path: Path, weights: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    content = older(RGB) | {"Description": "of a friend", "accuracy": 0.9, "Nested": {"a": [1, {"b": None}]}}
    content["Classes"][0]["Note"] = "kept"
    script = {"ArcGISObjectClassifier.py": b"raise SystemExit('run')"}
    first = loaded(write_theirs(tmp_path / "old.dlpk", content, weights, **script))
    again = first.save(tmp_path / "new.dlpk", licence="CC-BY-4.0", attribution="A Friend")
    said = capsys.readouterr().out
    assert "not kept, as littoral carries no scripts or files of others: 'ArcGISObjectClassifier.py'" in said
    assert "InferenceFunction was 'ArcGISObjectClassifier.py' and is now" in said
    back = read_package(again)
    changed = {"Framework", "ModelConfiguration", "InferenceFunction", "ModelFile", "Classes"}
    assert {k: v for k, v in back.definition.items() if k not in changed} == {
        k: v for k, v in content.items() if k not in changed
    }
    assert back.definition["InferenceFunction"] == BUILT_IN
    assert back.definition["Classes"] == [CLASSES[0] | {"Note": "kept"}, *CLASSES[1:]]
    assert not [name for name in zipfile.ZipFile(again).namelist() if name.endswith(".py")]
    assert (back.manifest.licence, back.manifest.attribution) == ("CC-BY-4.0", "A Friend")
    second = FeatureClassifier.from_model(again)
    assert np.array_equal(second.predict_proba(tile_of(3)), first.predict_proba(tile_of(3)))
    third = read_package(second.save(tmp_path / "third.dlpk"))
    assert {**third.definition, "ModelFile": ""} == {**back.definition, "ModelFile": ""}
    with pytest.raises(InputError, match=r"licence 'a\\nb' is not one line"):
        second.save(tmp_path / "third.dlpk", licence="a\nb")


def test_a_script_that_came_and_went_leaves_the_definition_as_it_was() -> None:
    content = RGB | {"Description": "of a friend"}
    content["Classes"] = [{**entry, "Note": "kept"} for entry in CLASSES]
    manifest, _ = manifest_from(Path("m.emd"), content)
    for name, emd in (("theirs", content), ("ours", definition_of("ours", manifest))):
        with_script = scripted(emd, "m.onnx", (SIZE, SIZE))
        again, _ = renewed(unscripted(with_script), name, manifest)
        plain, _ = renewed(emd, name, manifest)
        # To the last byte, so in the same order too.
        assert json.dumps(again) == json.dumps(plain)
        assert again == emd


def test_a_model_that_has_changed_says_so_in_its_definition(tmp_path: Path, weights: bytes) -> None:
    model = loaded(write_theirs(tmp_path / "t.dlpk", RGB | {"Description": "kept"}, weights))
    preprocessing = replace(model.manifest.preprocessing, mean=(1.0, 2.0, 3.0))
    model.trained = replace(model.trained, manifest=replace(model.manifest, preprocessing=preprocessing))
    content = read_package(model.save(tmp_path / "n.dlpk")).definition
    assert content["Description"] == "kept"
    assert content["NormalizationStats"]["scaled_mean_values"] == [1.0, 2.0, 3.0]
    assert content["IsMultispectral"]


# On a coast


def test_classifying_a_coast_with_theirs(
    tmp_path: Path, network: torch.nn.Sequential, weights: bytes, write_scene: Callable[..., Path]
) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 120, 160)).astype("uint8")
    scene = write_scene(tmp_path / "picture.tif", values, names=None)
    table: gpd.GeoDataFrame = boxes([(40.0, 40.0), (100.0, 70.0)], [None, None])
    path = write_theirs(tmp_path / "t.dlpk", RGB, weights)
    with pytest.warns(LittoralWarning, match="number only"):
        found = classify_objects(scene, table, path)
    assert found["status"].tolist() == ["classified", "classified"]
    for row, (x, y) in enumerate([(40, 40), (100, 70)]):
        chip = values[:, y - SIZE // 2 : y + SIZE // 2, x - SIZE // 2 : x + SIZE // 2]
        answer = found.loc[row, ["P_1", "P_10", "P_3"]].to_numpy(float)
        assert np.abs(answer - their_answer(RGB, network, chip)).max() < 1e-5
