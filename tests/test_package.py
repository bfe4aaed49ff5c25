from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import MISSING, fields, replace
from pathlib import Path

import numpy as np
import pytest

from littoral import FeatureClassifier
from littoral.errors import ExistsError, InputError, WriteError
from littoral.package import MANIFEST, Manifest, credited, read_package, write_package
from littoral.tiles import TileSpec
from platforms import posix_only
from small_package import MODEL, PREPROCESSING, rewrite

DATA = Path(__file__).parent / "data"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_package(tmp_path / "m.dlpk", MODEL)


def test_round_trip_and_same_bytes(path: Path, tmp_path: Path) -> None:
    back = read_package(path)
    assert replace(back, definition={}) == MODEL
    assert write_package(tmp_path / "again.dlpk", MODEL).read_bytes() == path.read_bytes()
    with pytest.raises(ExistsError):
        write_package(path, MODEL)


def test_a_model_carries_how_its_tiles_were_cut(tmp_path: Path) -> None:
    tile = TileSpec(64, ("B02", "B03"), True, 0.25, 48, "oriented", "fixed", True, "pixel", 20.0, 0.5)
    manifest = replace(MODEL.manifest, preprocessing=replace(PREPROCESSING, tile=tile))
    back = read_package(write_package(tmp_path / "m.dlpk", replace(MODEL, manifest=manifest)))
    assert back.manifest.preprocessing.tile == tile
    told = [back.definition[key] for key in ("BlackenAroundFeature", "CropSizeFixed", "ImageSpaceUsed")]
    assert told == [1, 1, "PIXEL_SPACE"]


def test_packages_of_earlier_versions_are_read(path: Path) -> None:
    def edit(files: dict[str, bytes]) -> None:
        manifest = json.loads(files[MANIFEST])
        tile = manifest["preprocessing"]["tile"]
        manifest["preprocessing"]["tile"] = {key: tile[key] for key in ("size_px", "bands", "raw", "min_valid")}
        files[MANIFEST] = json.dumps(manifest).encode()

    rewrite(path, edit)
    assert read_package(path).manifest == MODEL.manifest


def test_definition_reads_as_a_feature_classifier(path: Path) -> None:
    emd = read_package(path).definition
    assert emd["ModelFile"] == "m.pth"
    assert emd["Classes"][0] == {"Value": 7, "Name": "mangrove", "Color": [5, 45, 48]}
    assert emd["ImageHeight"] == 48
    # The consumer's formula equals ours.
    stats = emd["NormalizationStats"]
    x = np.array([90.0, 260.0])
    low, high = np.array(stats["band_min_values"]), np.array(stats["band_max_values"])
    theirs = ((x - low) / (high - low) - stats["scaled_mean_values"]) / stats["scaled_std_values"]
    ours = PREPROCESSING.apply(np.tile(x[:, None, None], (1, 64, 64)), np.ones((64, 64), bool))[:, 0, 0]
    assert theirs == pytest.approx(ours)


def test_preprocessing_crops_the_middle_and_fills_with_the_mean() -> None:
    values = np.arange(2 * 64 * 64, dtype="uint16").reshape(2, 64, 64)
    valid = np.ones((64, 64), bool)
    valid[8, 8] = False
    out = PREPROCESSING.apply(values, valid)
    assert out.shape == (2, 48, 48)
    assert out.dtype == np.float32
    assert out[:, 0, 0].tolist() == [0.0, 0.0]
    assert out[1, 1, 1] == pytest.approx((float(values[1, 9, 9]) - 200) / 20)
    with pytest.raises(InputError, match="smaller than the 48"):
        PREPROCESSING.apply(values[:, :32], valid[:32])
    with pytest.raises(InputError, match="3 bands"):
        PREPROCESSING.apply(np.zeros((3, 64, 64)), valid)


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "C:\\evil.txt", "a/../../evil.txt", "..\\evil.txt"])
def test_unsafe_names_are_refused(path: Path, name: str) -> None:
    rewrite(path, lambda files: files.update({name: b"x"}))
    with pytest.raises(InputError, match="unsafe name"):
        read_package(path)


def test_too_much_is_refused(path: Path) -> None:
    rewrite(path, lambda files: files.update({f"{n}.txt": b"" for n in range(100)}))
    with pytest.raises(InputError, match="unpacks to 106 files"):
        read_package(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_truncated(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"not a whole \.dlpk"):
        read_package(path)


def test_wrong_checksum(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(b"m.pth") + len("m.pth")
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"not a whole \.dlpk"):
        read_package(path)


def test_missing_parts(path: Path, tmp_path: Path) -> None:
    for name, complaint in (
        ("m.pth", "lacks its weights"),
        ("m.emd", "holds 0 .emd files"),
    ):
        write_package(path, MODEL, overwrite=True)
        rewrite(path, lambda files, name=name: files.pop(name) and None)
        with pytest.raises(InputError, match=complaint):
            read_package(path)
    with pytest.raises(InputError, match="does not exist"):
        read_package(tmp_path / "none.dlpk")


KEYS = [
    each.name
    for each in fields(Manifest)
    if each.name in ("versions", "seed") or (each.default is MISSING and each.default_factory is MISSING)
]


@pytest.mark.parametrize("key", KEYS)
def test_each_key_of_the_manifest_is_needed(path: Path, key: str) -> None:
    def drop(files: dict[str, bytes]) -> None:
        content = json.loads(files[MANIFEST])
        del content[key]
        files[MANIFEST] = json.dumps(content).encode()

    rewrite(path, drop)
    with pytest.raises(InputError, match=key):
        read_package(path)


@pytest.mark.parametrize("value", [None, 3, "x", [1], {"mean": []}])
@pytest.mark.parametrize("key", ["preprocessing", "categories", "cell_size", "only_training"])
def test_wrong_types_are_sentences(path: Path, key: str, value: object) -> None:
    def change(files: dict[str, bytes]) -> None:
        files[MANIFEST] = json.dumps({**json.loads(files[MANIFEST]), key: value}).encode()

    rewrite(path, change)
    if (key, value) == ("only_training", [1]):
        assert read_package(path)
        return
    with pytest.raises(InputError, match=MANIFEST):
        read_package(path)


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": None, "format": 2},
        {"training_area": "garbage"},
        {"categories": [{"code": 3, "name": "x", "colour": "red", "s101": ""}]},
        {"categories": [{"code": 3, "name": "x", "colour": "#000000", "s101": ""}] * 2},
        {"preprocessing": {"std": [0.0, 1.0]}},
        {"preprocessing": {"mean": [float("nan"), 1.0]}},
        {"preprocessing": {"dtype": "O"}},
        {"preprocessing": {"chip_px": 65}},
        {"preprocessing": {"tile": {"size_px": 0}}},
    ],
)
def test_values_no_model_has(path: Path, change: dict[str, object]) -> None:
    def merge(into: dict[str, object], new: dict[str, object]) -> dict[str, object]:
        for key, value in new.items():
            old = into.get(key)
            into[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        return into

    def edit(files: dict[str, bytes]) -> None:
        files[MANIFEST] = json.dumps(merge(json.loads(files[MANIFEST]), change)).encode()

    rewrite(path, edit)
    with pytest.raises(InputError, match=r"m\.dlpk"):
        read_package(path)


def test_what_earlier_versions_lack_has_a_meaning(path: Path) -> None:
    def drop(files: dict[str, bytes]) -> None:
        content = json.loads(files[MANIFEST])
        for key in ("attribution", "licence", "acquired", "data_hash", "configuration_hash"):
            del content[key]
        del content["preprocessing"]["fill"]
        files[MANIFEST] = json.dumps(content).encode()

    rewrite(path, drop)
    assert read_package(path).manifest == MODEL.manifest


def test_what_is_said_of_the_imagery_is_kept(tmp_path: Path) -> None:
    manifest = replace(
        MODEL.manifest,
        attribution="Contains modified Copernicus Sentinel data 2024",
        licence="CC-BY-4.0",
        acquired=("2024-05-01", "2024-06-30"),
        data_hash="a" * 64,
        configuration_hash="b" * 64,
    )
    assert read_package(write_package(tmp_path / "m.dlpk", replace(MODEL, manifest=manifest))).manifest == manifest
    assert credited(manifest, None, " ESA ").attribution == "ESA"
    assert credited(manifest, None, None) == manifest


def test_an_earlier_release_is_read_and_answers_as_it_did(tmp_path: Path) -> None:
    """The file, and what 0.1.0 answered, were made by tests/data/make_package_fixture.py."""
    old = DATA / "package_0.1.0.dlpk"
    tile = np.random.default_rng(5).integers(0, 4000, (3, 48, 48)).astype("uint16")
    model = FeatureClassifier.from_model(old)
    answered = json.loads(old.with_suffix(".json").read_text())["probabilities"]
    assert model.predict_proba(tile) == pytest.approx(answered, abs=1e-5)
    assert model.scores().count == 40
    # Saved by this version it is the same model, to the last bit, and its definition is as it was.
    again = FeatureClassifier.from_model(model.save(tmp_path / "package_0.1.0.dlpk", onnx=False))
    assert np.array_equal(again.predict_proba(tile), model.predict_proba(tile))
    assert again.manifest == model.manifest
    assert read_package(tmp_path / "package_0.1.0.dlpk").definition == read_package(old).definition
    first, second = (read_package(each).weights for each in (old, tmp_path / "package_0.1.0.dlpk"))
    assert first == second


@pytest.mark.slow
@posix_only
def test_a_kill_in_the_middle_leaves_the_old_file(path: Path) -> None:
    before = path.read_bytes()
    code = (
        "import os, signal, sys, zipfile\n"
        "from littoral.package import read_package, write_package\n"
        "real, calls = zipfile.ZipFile.writestr, []\n"
        "def dying(*given, **more):\n"
        "    calls.append(given)\n"
        "    if len(calls) == 4:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(*given, **more)\n"
        "zipfile.ZipFile.writestr = dying\n"
        "write_package(sys.argv[1], read_package(sys.argv[1]), overwrite=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    left = [each for each in path.parent.iterdir() if each != path]
    assert left  # it had begun to write beside
    assert replace(read_package(path), definition={}) == MODEL


def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(*given: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(WriteError, match="free some space"):
        write_package(path, MODEL, overwrite=True)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["m.dlpk"]


def test_keys_of_later_versions_are_passed_over(path: Path) -> None:
    def add(files: dict[str, bytes]) -> None:
        files[MANIFEST] = json.dumps({**json.loads(files[MANIFEST]), "later": 1}).encode()

    rewrite(path, add)
    assert read_package(path).manifest == MODEL.manifest


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = write_package(tmp_path / "new" / "folder" / "x.dlpk", MODEL)
    assert read_package(path).manifest == MODEL.manifest


def test_a_pipe_is_no_package(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.dlpk")
    with pytest.raises(InputError, match="is not a file"):
        read_package(tmp_path / "x.dlpk")
