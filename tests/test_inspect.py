"""What inspect says, and that it runs and unpickles nothing."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import run_command
from littoral.learn.model_files import carried_files
from littoral.package import (
    MANIFEST,
    METRICS,
    Package,
    definition_of,
    inspect_package,
    read_package,
    write_package,
)
from littoral.raster_function import SCRIPT, script, scripted, unscripted
from small_package import MODEL, PREPROCESSING, rewrite
from their_packages import definition, write_theirs

FIXTURE = Path(__file__).parent / "data" / "package_0.1.0.dlpk"
THEIRS = definition("resnet18", 3, 32, [{"Value": 2, "Name": "b", "Color": [0, 0, 0]},
                                        {"Value": 1, "Name": "a", "Color": [9, 9, 9]}])  # fmt: skip


class Payload:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


def test_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "timm"):
        monkeypatch.setitem(sys.modules, name, None)
    found = inspect_package(FIXTURE)
    assert found.made_by == "a package of littoral 0.1.0"
    assert [name for _, name, _ in found.classes] == ["mangrove", "sandy shore"]
    assert found.bands == ("B02", "B03", "B08")
    assert found.training["trained_on"] == "25.600° N to 25.700° N, 80.200° W to 80.100° W"
    assert found.scores["tiles"] == 40
    assert 0 < found.scores["network"]["accuracy"]["value"] < 1
    assert set(found.scores["baselines"]) == {"majority", "logistic regression on band means"}
    text = found.describe()
    assert "this model" in text
    assert "licence" in text
    told = " ".join(found.warnings)
    for word in ("not calibrated", "does not score significantly higher", "licence and attribution"):
        assert word in told
    assert "scores are too high" not in told
    assert json.loads(json.dumps(found.to_json()))["bands"] == ["B02", "B03", "B08"]


def test_intervals_are_shown_where_they_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "m.dlpk"
    path.write_bytes(FIXTURE.read_bytes())

    def add(files: dict[str, bytes]) -> None:
        record = json.loads(files[METRICS])
        record["intervals"] = {"of": {"network": {"accuracy": [0.25, 0.75], "macro_f1": None}}}
        record["network"]["accuracy"] = 0.5
        files[METRICS] = json.dumps(record).encode()

    rewrite(path, add)
    assert "accuracy 0.500 (95 % 0.250 to 0.750), macro-F1" in inspect_package(path).describe()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"split": "random split: …, so the validation scores LEAK and flatter"}, "random split"),
        (
            {"split": "3 tiles have no georeference, so NOTHING PROVES that"},
            "tiles may overlap: some have no georeference",
        ),
        ({"training_area": ""}, "its training area is not recorded"),
        ({"categories": MODEL.manifest.categories[::-1]}, "order of their names"),
        ({"attribution": "x"}, "the licence of its training imagery is not given"),
        ({"backbone": "convnext_tiny"}, "is not supported by other programs"),
        ({"preprocessing": replace(PREPROCESSING, resize_px=96)}, "it resizes its tiles"),
        ({"preprocessing": replace(PREPROCESSING, dtype="int16", pixels="reflectance x 10000")}, "offsets subtracted"),
        (
            {"preprocessing": replace(PREPROCESSING, tile=replace(PREPROCESSING.tile, placement="oriented"))},
            "rotated along the shore",
        ),
        (
            {"preprocessing": replace(PREPROCESSING, tile=replace(PREPROCESSING.tile, blacken=True))},
            "to other programs they are 0",
        ),
    ],
)
def test_warnings_of_ours(tmp_path: Path, change: dict[str, object], word: str) -> None:
    sound = replace(
        MODEL.manifest,
        training_area="POLYGON ((0 0, 1 0, 1 1, 0 0))",
        licence="MIT",
        attribution="x",
        categories=MODEL.manifest.categories,
    )
    change = {**change, "licence": ""} if "attribution" in change else change
    plain = inspect_package(write_package(tmp_path / "a.dlpk", replace(MODEL, manifest=sound))).warnings
    told = inspect_package(
        write_package(tmp_path / "b.dlpk", replace(MODEL, manifest=replace(sound, **change)))
    ).warnings
    assert word not in " ".join(plain)
    assert word in " ".join(told)


def test_theirs_and_what_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    payload = pickle.dumps(Payload())
    script = {"Own.py": b"open('ran', 'w')", "ModelCharacteristics/loss.png": b"x"}
    found = inspect_package(write_theirs(tmp_path / "t.dlpk", THEIRS, payload, **script))
    assert found.made_by == "a package of another program"
    assert not found.cannot_run
    assert [name for _, name, _ in found.classes] == ["b", "a"]
    told = " ".join(found.warnings)
    for word in ("script of another program ('Own.py')", "no scores", "order of their names", "number only"):
        assert word in told
    other = inspect_package(
        write_theirs(tmp_path / "u.dlpk", THEIRS | {"ModelType": "ObjectDetection", "ModelName": "MaskRCNN"}, payload)
    )
    assert "ModelType is 'ObjectDetection'" in other.cannot_run
    assert other.definition["ModelName"] == "MaskRCNN"
    assert "littoral cannot run it" in other.describe()
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "theirs.emd").write_text(json.dumps(THEIRS))
    (tmp_path / "v" / "theirs.pth").write_bytes(payload)
    assert inspect_package(tmp_path / "v").bands == ("B1", "B2", "B3")
    assert not (tmp_path / "ran").exists()


def test_a_calibration_is_told(tmp_path: Path) -> None:
    path = write_package(tmp_path / "m.dlpk", MODEL)

    def add(files: dict[str, bytes]) -> None:
        files[MANIFEST] = json.dumps({**json.loads(files[MANIFEST]), "calibration": {"temperature": 1.5}}).encode()

    rewrite(path, add)
    found = inspect_package(path)
    assert "temperature 1.5" in found.describe()
    assert not any("calibrated" in warning for warning in found.warnings)


def test_at_the_command_line(tmp_path: Path) -> None:
    said = run_command(["inspect", str(FIXTURE)])
    assert said.exit_code == 0
    assert "mangrove" in said.output
    record = json.loads(run_command(["inspect", str(FIXTURE), "--json"]).output)
    assert record["training"]["versions"] == "littoral 0.1.0, torch 2.14.1"
    result = run_command(["inspect", str(tmp_path / "none.dlpk")])
    assert (result.exit_code, result.stderr.startswith("littoral: ")) == (2, True)


def test_packages_of_this_version_name_licence_and_hashes(tmp_path: Path) -> None:
    manifest = replace(MODEL.manifest, licence="CC0-1.0", attribution="Nobody", data_hash="ab", acquired=("a", "b"))
    found = inspect_package(write_package(tmp_path / "m.dlpk", Package("m", manifest, b"w", {})))
    assert (found.licence, found.attribution) == ("CC0-1.0", "Nobody")
    assert found.training["data_hash"] == "ab"
    assert found.training["trained_with_images_of"] == "a to b"


def test_our_script_is_known_and_another_in_its_place_is_told(tmp_path: Path) -> None:
    """A package of ours whose script someone has replaced: told, never run, and not saved again."""
    manifest = replace(MODEL.manifest, backbone="mobilenetv2_100")
    definition = scripted(definition_of("m", manifest), "m.onnx", (48, 48))
    ran = tmp_path / "ran"
    for name, content in (
        ("ours", script()),
        ("longer", script() + b"\nopen('ran', 'w')\n"),
        ("of the same length", f"open({str(ran)!r}, 'w')".encode().ljust(len(script()))),
    ):
        package = Package("m", manifest, b"w", {}, definition, files={"m.onnx": b"graph", SCRIPT: content})
        path = write_package(tmp_path / f"{name}.dlpk", package)
        told = " ".join(inspect_package(path).warnings)
        ours = content == script()
        assert ("is not what this version of littoral writes" in told) is not ours
        assert "script of another program" not in told
        # Other programs know the network by the script, if it is ours.
        assert ("is not supported by other programs" in told) is not ours
        back = read_package(path)
        assert (SCRIPT in back.files, back.left_out) == (ours, () if ours else (SCRIPT,))
        # Saved again it has our own script.
        assert carried_files(back) == {"onnx", "script"}
        assert unscripted(back.definition).get("InferenceFunction") is None
    assert not ran.exists()


def test_a_definition_that_names_other_classes_than_the_manifest_is_told(tmp_path: Path) -> None:
    definition = definition_of("m", MODEL.manifest)
    plain = write_package(tmp_path / "a.dlpk", replace(MODEL, definition=definition))
    turned = replace(MODEL, definition={**definition, "Classes": definition["Classes"][::-1]})
    told = [inspect_package(path).warnings for path in (plain, write_package(tmp_path / "b.dlpk", turned))]
    assert ["has other classes than its littoral.json" in " ".join(each) for each in told] == [False, True]


def test_a_resized_tile_and_notes_on_the_calibration_are_told(tmp_path: Path) -> None:
    manifest = replace(
        MODEL.manifest,
        preprocessing=replace(PREPROCESSING, resize_px=96),
        calibration={"temperature": 1.0, "notes": ["16 tiles are too few to fit a temperature", "\x1b[2J"]},
    )
    found = inspect_package(write_package(tmp_path / "m.dlpk", replace(MODEL, manifest=manifest)))
    assert "64 x 64 pixels, resized to 96, of which the network sees the middle 48 x 48" in found.describe()
    assert "warning: calibration: 16 tiles are too few to fit a temperature." in found.describe()
    assert "\x1b" not in found.describe()
