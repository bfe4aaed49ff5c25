from __future__ import annotations

import builtins
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from littoral import CATCOA, FeatureClassifier, classify_objects, engines, read_tiles, read_vector
from littoral.classify import ClassifyOptions, DecisionOptions, resolve_engine
from littoral.cli import main
from littoral.engines import open_classifier
from littoral.errors import InputError, LittoralWarning, MissingExtraError
from littoral.inference import OnnxClassifier
from littoral.learn import model_files
from littoral.learn.network import Network
from littoral.learn.network import device as learn_processor
from littoral.learn.onnx import export
from littoral.learn.options import PackageOptions
from littoral.learn.trained_model import TrainedModel
from littoral.package import Manifest, Package, read_package, write_package
from littoral.raster_function import SCRIPT
from littoral.tiles import TileSet, TileSpec

pytestmark = pytest.mark.slow

TORCH, KEEP = ClassifyOptions("torch"), DecisionOptions(keep_unlike=True)


@pytest.fixture(scope="module")
def model(with_graph: Path) -> FeatureClassifier:
    return FeatureClassifier.from_model(with_graph)


@pytest.fixture(scope="module")
def package(with_graph: Path) -> Package:
    return read_package(with_graph)


@pytest.fixture(scope="module")
def graph(package: Package) -> bytes:
    return package.files["m.onnx"]


@pytest.fixture(scope="module")
def run(graph: bytes) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """The graph as any program would run it: by ONNX Runtime and the names in the docs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda tiles: session.run(["probabilities"], {"tiles": tiles.astype(np.float32)})[0]


@pytest.fixture(scope="module")
def tiles(tiles_folder: Path) -> TileSet:
    return read_tiles(tiles_folder)


@pytest.fixture(scope="module")
def network_graph(model: FeatureClassifier) -> bytes:
    """The bare network's graph: what takes the time when one is written."""
    return bytes(export._network_graph(model.network, model.manifest).SerializeToString())


def by_torch(model: FeatureClassifier, x: NDArray[Any]) -> NDArray[Any]:
    """Softmax of the logits of preprocessed tiles, as torch computes them."""
    with torch.inference_mode():
        return torch.softmax(model.network.eval()(torch.from_numpy(x)), 1).numpy()


# The graph


def test_the_graph_answers_like_torch_from_raw_pixels(
    model: FeatureClassifier, run: Callable[..., NDArray[Any]], tiles: TileSet
) -> None:
    raw = np.stack([tiles.read(at)[0] for at in range(9)]).astype(np.float32)
    assert raw.shape == (9, 3, 32, 32)
    # The middle 24 pixels, scaled, by hand.
    given = model.manifest.preprocessing
    mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (given.mean, given.std))
    expected = by_torch(model, (raw[:, :, 4:28, 4:28] - mean) / std)
    found = run(raw)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-5
    assert found.sum(axis=1) == pytest.approx(np.ones(9), abs=1e-6)
    # Any number of tiles, and any size from the network's own upward.
    assert np.abs(run(raw[:1]) - expected[:1]).max() < 1e-5
    assert np.abs(run(raw[:, :, 4:28, 4:28]) - expected).max() < 1e-5
    assert np.abs(run(raw[:, :, 4:28, 2:30]) - expected).max() < 1e-5


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_missing_pixels_are_the_training_mean(
    model: FeatureClassifier, run: Callable[..., NDArray[Any]], seed: int, share: float
) -> None:
    """NaN in any band: the pixel is missing in all, as where a mask says so."""
    rng = np.random.default_rng(seed)
    given = model.manifest.preprocessing
    values = rng.normal(2000, 700, (3, 32, 32)).astype(np.float32)
    valid = rng.random((32, 32)) >= share
    holes = values.copy()
    holes[rng.integers(3), ~valid] = np.nan
    expected = by_torch(model, given.apply(values, valid)[None])
    assert np.abs(run(holes[None]) - expected).max() < 1e-5


@pytest.mark.parametrize(("width", "height", "resized"), [(40, 32, 30), (20, 26, 35)])
def test_tiles_are_resized_in_the_graph(
    model: FeatureClassifier,
    network_graph: bytes,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    height: int,
    resized: int,
) -> None:
    """Smaller or larger, missing pixels without weight, the middle of what comes out."""
    given = replace(
        model.manifest.preprocessing,
        tile=TileSpec(width, ("B02", "B03", "B04"), height_px=height),
        chip_px=24,
        resize_px=resized,
    )
    monkeypatch.setattr(export, "_network_graph", lambda *given: onnx.load_from_string(network_graph))
    graph = export.export_graph(model.network, replace(model.manifest, preprocessing=given), b"")
    classifier = OnnxClassifier(graph, "graph", threads=1)
    rng = np.random.default_rng(1)
    for share in (0.0, 0.3, 0.6, 1.0):
        values, valid = rng.integers(1, 5000, (3, height, width), np.uint16), rng.random((height, width)) >= share
        found = classifier.predict_inputs(classifier.prepare(values, valid)[None])
        assert np.abs(found - by_torch(model, given.apply(values, valid)[None])).max() < 1e-5
    with pytest.raises(InputError, match=f"is not of the {width} x {height} that the ONNX graph resizes"):
        classifier.prepare(values[:, 1:], valid[1:])


def test_a_tile_that_is_too_small_is_an_error(run: Callable[..., NDArray[Any]]) -> None:
    for shape in ((1, 3, 23, 32), (1, 3, 12, 12), (1, 2, 32, 32)):
        with pytest.raises(Exception, match=r"INVALID_ARGUMENT|RUNTIME_EXCEPTION|FAIL"):
            run(np.zeros(shape))


def test_metadata_say_what_goes_in_and_comes_out(model: FeatureClassifier, graph: bytes) -> None:
    # ONNX Runtime before 1.18 reads no newer version of the file.
    assert onnx.load_from_string(graph).ir_version == 8
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    told = {name: json.loads(facts[name]) for name in ("classes", "bands", "scaling", "tile_size", "cell_size")}
    assert told["classes"] == [
        {"value": 7, "name": "mangrove", "color": CATCOA[7].colour},
        {"value": 3, "name": "sandy shore", "color": CATCOA[3].colour},
    ]
    assert told["bands"] == ["B02", "B03", "B04"]
    assert told["scaling"]["mean"] == list(model.manifest.preprocessing.mean)
    assert (told["scaling"]["dtype"], told["scaling"]["nodata"]) == ("uint16", 0)
    assert told["tile_size"] == {"width": 32, "height": 32, "chip": 24, "resized": None}
    assert told["cell_size"] == {"x": 10.0, "y": 10.0, "epsg": 32617}
    (given,), (answer, features) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape) == ("tiles", ["batch", 3, "height", "width"])
    assert (answer.name, answer.shape) == ("probabilities", ["batch", 2])
    assert (features.name, features.shape) == ("features", ["batch", 1024])
    # Nothing of the machine that made it.
    assert b"/learn/" not in graph
    assert b"site-packages" not in graph


def test_the_same_model_gives_the_same_bytes(
    model: FeatureClassifier, with_graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = model.save(tmp_path / "m.dlpk")
    assert again.read_bytes() == with_graph.read_bytes()
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("ONNX graph: probabilities differ from torch's by at most ")
    assert float(said.split()[-1]) < 1e-5
    with pytest.raises(InputError, match="framework 'TensorFlow' is not known"):
        model.save(tmp_path / "m.dlpk", framework="TensorFlow")


def test_a_graph_that_answers_otherwise_is_not_written(
    model: FeatureClassifier, network_graph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(network: Any, manifest: Any) -> onnx.ModelProto:
        return spoilt

    spoilt = onnx.load_from_string(network_graph)
    bias = next(each for each in spoilt.graph.initializer if each.name == "1.8.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32([0.01, 0]), bias.name))
    monkeypatch.setattr(export, "_network_graph", other)
    with pytest.raises(InputError, match="differs from the network by"):
        model.save(tmp_path / "m.onnx", framework="ONNX")
    assert list(tmp_path.iterdir()) == []


# What a package carries


def a_model(manifest: Manifest, carried: tuple[str, ...] = (), network: Any = None) -> TrainedModel:
    """A model of a package that carries a graph or a script; its weights are not looked at."""
    files = {name: b"" for name, wanted in (("n.onnx", "onnx"), (SCRIPT, "script")) if wanted in carried}
    return TrainedModel(network, manifest, source=Package("n", manifest, b"", {}, files=files))


def beside(model: TrainedModel, definition: Any, onnx: bool | None, script: bool | None) -> tuple[Any, Any]:
    options = PackageOptions(onnx=onnx, raster_function=script)
    return model_files._graph_and_script(model, "n", b"", definition, options)


@pytest.mark.parametrize(
    ("backbone", "carried", "onnx", "script", "files"),
    [
        ("resnet18", (), None, None, ()),
        ("resnet50", (), True, None, ("graph",)),
        ("resnet34", (), None, True, ("graph", "script")),
        ("resnet34", ("onnx",), None, None, ("graph",)),
        ("resnet34", ("onnx", "script"), None, None, ("graph", "script")),
        ("resnet34", ("onnx", "script"), None, False, ("graph",)),
        ("resnet34", ("onnx", "script"), False, None, ()),
        ("resnet18 resizing", (), None, None, ("graph", "script")),
        ("mobilenetv2_100", (), None, None, ("graph", "script")),
        ("mobilenetv2_100", (), True, False, ("graph",)),
        ("mobilenetv2_100", (), None, False, ()),
        ("mobilenetv2_100", (), False, None, ()),
    ],
)
def test_what_goes_into_a_package(
    package: Package,
    monkeypatch: pytest.MonkeyPatch,
    backbone: str,
    carried: tuple[str, ...],
    onnx: bool | None,
    script: bool | None,
    files: tuple[str, ...],
) -> None:
    monkeypatch.setattr(model_files, "_graph", lambda *given: b"graph")
    name, *resizing = backbone.split()
    preprocessing = replace(package.manifest.preprocessing, resize_px=48 if resizing else None)
    manifest = replace(package.manifest, backbone=name, preprocessing=preprocessing)
    plain = {"ModelFile": "n.pth"}
    definition, found = beside(a_model(manifest, carried), plain, onnx, script)
    assert set(found) == {{"graph": "n.onnx", "script": SCRIPT}[name] for name in files}
    if "script" in files:
        assert (definition["InferenceFunction"], definition["OnnxFile"]) == (SCRIPT, "n.onnx")
        assert definition["ModelFile"] == "n.pth"
    else:
        assert definition == plain


def test_a_script_without_its_graph_is_refused(package: Package) -> None:
    with pytest.raises(InputError, match="leaves the raster function no graph to run"):
        beside(a_model(package.manifest), {}, False, True)


def test_without_the_extra_a_package_says_what_it_lacks(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for name in ("littoral.learn.onnx", "littoral.learn.onnx.export"):
        monkeypatch.delitem(sys.modules, name)
    model = a_model(package.manifest)
    with pytest.warns(LittoralWarning, match=r"ArcGIS cannot run a resnet10t: writing ONNX needs a library"):
        assert beside(model, {}, None, None) == ({}, {})
    with pytest.raises(MissingExtraError, match=r"pip install \"littoral\[onnx\]\""):
        beside(model, {}, True, None)


class Undecided(nn.Module):
    """A body that no graph can hold: what it does depends on the pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if int(x.sum()) % 2 else x.flip(2)


def test_a_network_that_is_no_graph(package: Package) -> None:
    odd = a_model(package.manifest, network=Network(Undecided(), 3, 2))
    with pytest.raises(InputError, match="cannot be written as ONNX"):
        beside(odd, {}, True, None)
    with pytest.warns(LittoralWarning, match="holds no raster function"):
        assert beside(odd, {}, None, None) == ({}, {})


def test_the_example_in_the_docs_runs(
    model: FeatureClassifier, graph: bytes, tiles: TileSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    text = (Path(__file__).parents[1] / "docs" / "how-to" / "onnx.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(graph)
    raw = np.stack([tiles.read(at)[0] for at in range(5)])
    raw[0, 1, 10:15] = 0
    np.save("tiles.npy", raw)
    exec(example, {})
    said = [line.rsplit(" ", 1) for line in capsys.readouterr().out.splitlines()]
    expected = [model.predict(tile) for tile in raw]
    assert [name for name, _ in said] == [name for name, _ in expected]
    assert [float(number) for _, number in said] == pytest.approx([each for _, each in expected], abs=6e-4)


# Classifying with it


def test_both_engines_say_the_same(
    coast: tuple[Path, gpd.GeoDataFrame], with_graph: Path, graph: bytes, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(graph)
    torch_says = classify_objects(*coast, with_graph, options=ClassifyOptions("torch"))
    onnx_says = classify_objects(*coast, with_graph, options=ClassifyOptions("onnx"))
    assert list(torch_says) == list(onnx_says)
    for column in torch_says.columns.drop("geometry"):
        if torch_says[column].dtype == float:
            np.testing.assert_allclose(onnx_says[column], torch_says[column], rtol=0, atol=1e-5)
        else:
            assert torch_says[column].equals(onnx_says[column])
    # Each run the same bits, whichever way the graph came.
    for other in (with_graph, read_package(with_graph), alone, OnnxClassifier.from_model(with_graph)):
        assert classify_objects(*coast, other, options=ClassifyOptions("onnx")).equals(onnx_says)
    assert classify_objects(*coast, with_graph).equals(torch_says)
    assert classify_objects(*coast, alone).equals(onnx_says)


@pytest.mark.parametrize("quicker", ["torch", "onnx"])
def test_the_fastest_engine_is_the_one_that_was_measured_so(
    coast: tuple[Path, gpd.GeoDataFrame], with_graph: Path, quicker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(model: engines.Classifier, size: int) -> float:
        return 0.01 if isinstance(model, OnnxClassifier) == (quicker == "onnx") else 0.02

    monkeypatch.setattr(engines, "_seconds_of_a_tile", seconds)
    found = classify_objects(*coast, with_graph, options=ClassifyOptions("fastest"))
    assert found.equals(classify_objects(*coast, with_graph, options=ClassifyOptions(quicker)))  # type: ignore[arg-type]
    slower = {"torch": "onnx", "onnx": "torch"}[quicker]
    (note,) = [note for note in found.attrs["notes"] if "as measured here" in note]
    assert note.startswith(f"engine {quicker}, ")
    assert f"{quicker} 100.0" in note
    assert f"{slower} 50.0" in note


def test_only_engines_that_a_model_can_have_are_measured(with_graph: Path, graph: bytes, tmp_path: Path) -> None:
    bare = write_package(tmp_path / "bare.dlpk", replace(read_package(with_graph), files={}))
    alone = tmp_path / "a.onnx"
    alone.write_bytes(graph)
    able = {"both": ([with_graph], {"torch", "onnx"}), "torch": ([bare], {"torch"}), "onnx": ([alone], {"onnx"})}
    for models, expected in [*able.values(), ([with_graph, bare], {"torch"}), ([with_graph, alone], {"onnx"})]:
        engine, paces = engines.fastest_engine(models, 2)
        assert set(paces) == expected
        assert engine in expected
    assert engines.fastest_engine([OnnxClassifier(graph, "a")], 2) == ("auto", {})
    # A processor that only torch has leaves nothing to choose.
    assert set(engines.fastest_engine([with_graph], 2, "cpu:0")[1]) == {"torch"}


def test_auto_is_one_engine_for_all_who_open_the_models(
    with_graph: Path, graph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "a.onnx"
    alone.write_bytes(graph)
    assert resolve_engine([with_graph], "auto") == ("torch", "")
    assert resolve_engine([alone], "auto") == ("onnx", "")
    # Both have a graph, one only that.
    assert resolve_engine([with_graph, alone], "auto") == ("onnx", "")
    bare = write_package(tmp_path / "bare.dlpk", replace(read_package(with_graph), files={}))
    assert resolve_engine([bare, alone], "auto") == ("auto", "")
    assert resolve_engine([OnnxClassifier(graph, "a")], "auto") == ("auto", "")

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "littoral.learn":
            raise MissingExtraError("learning", "learn")
        return imported(name, *rest, **more)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", missing)
    assert resolve_engine([with_graph], "auto") == ("onnx", "")


def test_sixteen_bits_are_near_and_only_where_the_processor_has_them(
    coast: tuple[Path, gpd.GeoDataFrame], with_graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = classify_objects(*coast, with_graph, options=ClassifyOptions("torch"))
    monkeypatch.setattr(learn_processor, "precision", lambda: "bf16-mixed")
    half = classify_objects(*coast, with_graph, options=ClassifyOptions("torch-bf16"))
    apart = np.abs(half["P_3"] - whole["P_3"]).max()
    assert 0 < apart < 0.05
    assert classify_objects(*coast, with_graph, options=ClassifyOptions("torch-bf16")).equals(half)
    monkeypatch.setattr(learn_processor, "precision", lambda: "32-true")
    with pytest.raises(InputError, match="is not supported by this processor"):
        classify_objects(*coast, with_graph, options=ClassifyOptions("torch-bf16"))


def test_an_engine_that_cannot_is_refused(with_graph: Path, graph: bytes, package: Package, tmp_path: Path) -> None:
    bare = write_package(tmp_path / "bare.dlpk", replace(package, files={}))
    with pytest.raises(InputError, match="holds no ONNX graph"):
        open_classifier(bare, "onnx")
    assert isinstance(open_classifier(bare), TrainedModel)
    alone = tmp_path / "a.onnx"
    alone.write_bytes(graph)
    with pytest.raises(InputError, match="is a graph without weights for torch"):
        open_classifier(alone, "torch")
    with pytest.raises(InputError, match="cannot be read"):
        open_classifier(tmp_path / "none.onnx")


def test_a_graph_of_another_model_is_refused(package: Package) -> None:
    for other in (
        replace(package, weights=b"other"),
        replace(package, manifest=replace(package.manifest, seed=7)),
    ):
        with pytest.raises(InputError, match="holds the ONNX graph of another model"):
            open_classifier(other, "onnx")


def changed(graph: bytes, change: Callable[[onnx.ModelProto], object]) -> bytes:
    proto = onnx.load_from_string(graph)
    change(proto)
    return bytes(proto.SerializeToString())


def says(name: str, text: str) -> Callable[[onnx.ModelProto], object]:
    def change(proto: onnx.ModelProto) -> None:
        kept = {each.key: each.value for each in proto.metadata_props if each.key != name}
        del proto.metadata_props[:]
        helper.set_model_props(proto, {**kept, name: text} if text else kept)

    return change


def outside(proto: onnx.ModelProto) -> None:
    """Weights that are to be read from a file of this machine."""
    weights = proto.graph.initializer[-1]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../etc/hostname")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (says("littoral", ""), "was not written by littoral"),
        (says("littoral", "{"), "has damaged metadata"),
        (says("littoral", "[]"), "metadata that are not a JSON object"),
        (says("littoral", '{"format": 99}'), "is of format 99"),
        (says("littoral", '{"format": 1}'), "backbone is missing"),
        (outside, "holds a graph whose weights are in other files"),
        (lambda proto: proto.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="x")), "cannot be run"),
        (lambda proto: setattr(proto.graph.node[0], "op_type", "Run"), "cannot be run"),
    ],
)
def test_hostile_and_broken_graphs_are_sentences(
    graph: bytes, tmp_path: Path, change: Callable[[onnx.ModelProto], object], complaint: str
) -> None:
    path = tmp_path / "g.onnx"
    path.write_bytes(changed(graph, change))
    with pytest.raises(InputError, match=complaint) as caught:
        open_classifier(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated(graph: bytes, tmp_path: Path, share: float) -> None:
    path = tmp_path / "g.onnx"
    path.write_bytes(graph[: int(len(graph) * share)])
    with pytest.raises(InputError, match=r"cannot be run|was not written by littoral"):
        open_classifier(path)


def answering(graph: bytes, nodes: list[onnx.NodeProto], **constants: NDArray[Any]) -> bytes:
    """Our metadata on a graph of other nodes."""

    def change(proto: onnx.ModelProto) -> None:
        del proto.graph.node[:], proto.graph.initializer[:]
        proto.graph.node.extend(nodes)
        proto.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())

    return changed(graph, change)


def hostile(graph: bytes) -> Iterator[tuple[str, bytes]]:
    """Graphs that are no text, no numbers, no answer, or far too large."""
    node = helper.make_node
    yield "names that are no text", graph.replace(b"probabilities", b"prob\xff\xfeilities")
    yield "metadata that are no text", graph.replace(b'"training_area"', b'"tr\xff\xfening_area"')
    yield "metadata too deep", changed(graph, says("littoral", '{"a":' * 100_000))
    mean = [node("ReduceMean", ["tiles", "axes"], ["mean"], keepdims=0), node("Mul", ["mean", "x"], ["probabilities"])]
    axes = np.array([2, 3])
    yield "no number", answering(graph, mean, axes=axes, x=np.full((1, 1), np.nan, np.float32))
    yield (
        "no probabilities",
        answering(
            graph,
            [node("Shape", ["tiles"], ["s"]), node("ConstantOfShape", ["two"], ["probabilities"])],
            two=np.array([1, 2]),
        ),
    )
    yield (
        "another number of classes",
        answering(graph, [node("ConstantOfShape", ["shape"], ["probabilities"])], shape=np.array([1, 7])),
    )
    yield "more than there is memory", answering(
        graph, [node("Expand", ["x", "shape"], ["probabilities"])],
        x=np.zeros((1, 1), np.float32), shape=np.array([10**8, 10**7]),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.integers(0, 20_000, 15), len(graph) - rng.integers(1, 16_000, 15)])
    for place, sign in zip(places.tolist(), rng.integers(128, 256, 30).tolist(), strict=True):
        yield f"{sign} at {place}", graph[:place] + bytes([sign]) + graph[place + 1 :]


def test_hostile_graphs_end_in_a_sentence(graph: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, said = tmp_path / "g.onnx", {}
    for name, content in hostile(graph):
        path.write_bytes(content)
        try:
            open_classifier(path)
        except InputError as error:
            said[name] = str(error)
        else:
            # A byte of the weights may be any.
            assert " at " in name, f"{name}: it was loaded"
    assert len(said) > 12
    for name, text in said.items():
        assert text.startswith(str(path)), name
        assert text.isprintable(), name
        assert len(text) < 600, name
    assert capfd.readouterr() == ("", "")
    assert [each.name for each in tmp_path.iterdir()] == ["g.onnx"]


# The command line


def test_export_and_classify_by_verb(
    coast: tuple[Path, gpd.GeoDataFrame],
    with_graph: Path,
    graph: bytes,
    package: Package,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def verb(*words: object) -> str:
        monkeypatch.setattr("sys.argv", ["littoral", *map(str, words)])
        try:
            main()
        except SystemExit as stop:
            if stop.code:
                return capsys.readouterr().err
        return capsys.readouterr().out

    boxes = tmp_path / "boxes.parquet"
    coast[1].to_parquet(boxes)
    bare = write_package(tmp_path / "bare.dlpk", replace(package, files={}, definition={}))
    assert str(tmp_path / "m.onnx") in verb("export", bare, "-o", tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == graph
    assert "Computing" in verb("export", bare, "-o", tmp_path / "full.dlpk", "--no-raster-function")
    assert list(read_package(tmp_path / "full.dlpk").files) == ["full.onnx"]
    for model in (tmp_path / "full.dlpk", tmp_path / "m.onnx"):
        out = verb(
            "classify",
            coast[0],
            boxes,
            model,
            "--engine",
            "onnx",
            "-o",
            tmp_path / "c.gpkg",
            "--keep-unlike",
            "--overwrite",
        )
        assert "52 rectangles" in out
    expected = classify_objects(*coast, with_graph, options=TORCH, decisions=KEEP)
    assert read_vector(tmp_path / "c.gpkg")["ClassLabel"].tolist() == expected["ClassLabel"].tolist()
    assert "does not end in .onnx or .dlpk" in verb("export", bare, "-o", tmp_path / "m.pt")
    assert "no longer writes models for Deepness" in verb("export", bare, "-o", tmp_path / "n.onnx", "--deepness")
    assert not (tmp_path / "n.onnx").exists()


def test_training_is_not_lost_for_want_of_a_graph(
    tiles_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*given: Any) -> bytes:
        raise MissingExtraError("writing ONNX", "onnx")

    monkeypatch.setattr(model_files, "_graph", fails)
    words = (
        f"train {tiles_folder} -o {tmp_path}/m.dlpk --backbone resnet10t --weights none --epochs 1 --lr 0.001 --onnx"
    )
    monkeypatch.setattr("sys.argv", ["littoral", *words.split()])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    told = capsys.readouterr()
    assert f"{tmp_path}/m.dlpk: saved without a graph" in told.out
    assert "littoral[onnx]" in told.err
    assert model_files.carried_files(read_package(tmp_path / "m.dlpk")) == frozenset()


def test_the_engine_room_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "littoral.inference")
    with pytest.raises(MissingExtraError, match=r"littoral\[onnx\]"):
        import_module("littoral.inference")
