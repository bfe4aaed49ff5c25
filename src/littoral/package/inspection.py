"""Describe a model package as text and as JSON; nothing in it is run, unpickled or unpacked to disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import shapely

from littoral.errors import InputError, is_printable
from littoral.imagery import AS_STORED
from littoral.package.archive import open_files
from littoral.package.files import PackageContents, read_contents
from littoral.package.foreign import BACKBONES, about
from littoral.package.json_checks import shown
from littoral.package.manifest import Manifest
from littoral.package.mlm import geographic
from littoral.raster_function import SCRIPT

_SCRIPTS = (".py", ".pyc", ".pyt", ".dll", ".so", ".exe", ".bat", ".sh", ".js")


@dataclass(frozen=True)
class Inspection:
    """Properties of a package and its model."""

    path: str
    """Of the file."""
    made_by: str
    """The program that wrote it, and its version where known."""
    cannot_run: str
    """Why littoral cannot run it; empty where it can."""
    definition: Mapping[str, str]
    """Keys of the ``.emd`` that name its kind: ModelType, Framework, backbone, …"""
    classes: tuple[tuple[int, str, str], ...]
    """Value, name and colour of each, in the order of the network's outputs."""
    bands: tuple[str, ...]
    """In the order of the network's input."""
    input: Mapping[str, Any]
    """Size, scaling and placement of a tile."""
    scores: Mapping[str, Any]
    """Tiles scored, accuracy and macro-F1 with intervals where they are recorded, the same of the baselines."""
    split: str
    """How training and validation tiles were split."""
    training: Mapping[str, Any]
    """Area, dates and libraries of its training, and hashes of data and configuration."""
    calibration: Mapping[str, Any]
    """As recorded; empty where there is none."""
    licence: str
    """Empty where it was not given."""
    attribution: str
    """Of the training imagery, likewise."""
    files: Mapping[str, int]
    """Bytes of each file."""
    warnings: tuple[str, ...]
    """Limits of the model and of the package, a sentence each."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def describe(self) -> str:
        """As lines of text."""
        lines = [f"{self.path}: {self.made_by}"]
        rows = {
            "classes": ", ".join(f"{code} {name}" for code, name, _ in self.classes) or "not given",
            "bands": ", ".join(self.bands) or "not given",
            **{key.replace("_", " "): _text(value) for key, value in self.input.items()},
            "split": self.split or "not recorded",
            **{f"  {name}": text for name, text in _score_rows(self.scores).items()},
            "calibration": _calibration_text(self.calibration),
            **{key.replace("_", " "): _text(value) for key, value in self.training.items()},
            "licence": self.licence or "not given",
            "attribution": self.attribution or "not given",
            "definition": "; ".join(f"{key} {value}" for key, value in self.definition.items()),
            "files": ", ".join(f"{name} ({size:,} bytes)" for name, size in self.files.items()),
        }
        width = max(map(len, rows))
        lines += [f"  {name:<{width}}  {text}" for name, text in rows.items()]
        if self.cannot_run:
            lines.append(f"littoral cannot run it: {self.cannot_run}")
        lines += [f"warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def inspect_package(path: str | Path) -> Inspection:
    """Describe a package of littoral or of another program, also one whose model littoral cannot run.

    Args:
        path: A ``.dlpk``, an ``.emd`` with its weights beside it, or a folder that holds one of them.

    Raises:
        InputError: no package, damaged, or unsafe.
    """
    with open_files(Path(path)) as files:
        contents = read_contents(files)
    try:
        manifest, assumed = contents.model()
    except InputError as error:
        if contents.manifest is not None:
            raise
        return _not_run(contents, f"{error.what}")
    raw = contents.manifest or {}
    calibration = raw.get("calibration")
    calibration = calibration if isinstance(calibration, dict) else {}
    scores = _scores(contents.scores)
    return Inspection(
        str(contents.path),
        _maker(contents),
        "",
        about(contents.definition),
        tuple((category.code, category.name, category.colour) for category in manifest.categories),
        manifest.preprocessing.tile.bands,
        _input(manifest),
        scores,
        manifest.split,
        _training(manifest),
        calibration,
        manifest.licence,
        manifest.attribution,
        dict(contents.sizes),
        (*_warnings(contents, manifest, calibration, scores), *(f"{each}." for each in assumed)),
    )


def _not_run(contents: PackageContents, why: str) -> Inspection:
    """Describe a package whose model littoral cannot run."""
    classes = tuple((code, name, "") for code, name in _named(contents.definition))
    bands = tuple(map(str, contents.definition.get("Bands") or ()))
    return Inspection(
        str(contents.path), _maker(contents), why, about(contents.definition), classes, bands, {}, {}, "", {}, {}, "",
        "", dict(contents.sizes), tuple(_scripts(contents)),
    )  # fmt: skip


def _maker(contents: PackageContents) -> str:
    if contents.manifest is None:
        return "a package of another program"
    versions = contents.manifest.get("versions")
    version = versions.get("littoral", "") if isinstance(versions, dict) else ""
    return f"a package of littoral {version}".rstrip()


def _input(manifest: Manifest) -> dict[str, Any]:
    given = manifest.preprocessing
    width, height = given.tile.size
    cell = manifest.cell_size
    resized = f", resized to {given.resize_px}" if given.resize_px else ""
    return {
        "backbone": manifest.backbone,
        "tile": f"{width} x {height} pixels{resized}, "
        f"of which the network sees the middle {given.chip_px} x {given.chip_px}",
        "placement": given.tile.placement + (", other ground blackened" if given.tile.blacken else ""),
        "cell_size": f"{cell[0]:g} x {cell[1]:g}, EPSG {manifest.cell_epsg}" if cell[0] > 0 else "not given",
        "values": f"{given.pixels} ({given.dtype})",
        "scaling": [
            f"({band} - {m:g}) / {s:g}" for band, m, s in zip(given.tile.bands, given.mean, given.std, strict=True)
        ],
    }


def _training(manifest: Manifest) -> dict[str, Any]:
    area = geographic(manifest.training_area)
    return {
        "trained_on": "not recorded" if area is None else place(manifest.training_area),
        "trained_with_images_of": "not recorded" if manifest.acquired is None else " to ".join(manifest.acquired),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()) or "not recorded",
        "data_hash": manifest.data_hash or "not recorded",
        "configuration_hash": manifest.configuration_hash or "not recorded",
    }


def place(wkt: str) -> str:
    """Bounds of a training area in words.

    >>> place("POLYGON ((179.5 -8, 180.25 -8, 180.25 -7, 179.5 -7, 179.5 -8))")
    '8.000° S to 7.000° S, 179.500° E to 179.750° W'
    >>> place("POLYGON ((-80.2 25, -80 25, -80 26, -80.2 26, -80.2 25))")
    '25.000° N to 26.000° N, 80.200° W to 80.000° W'
    """
    west, south, east, north = shapely.from_wkt(wkt).bounds

    def degrees(value: float, signs: str) -> str:
        return f"{abs(value):.3f}° {signs[value < 0]}"

    longitudes = (degrees((value + 180) % 360 - 180, "EW") for value in (west, east))
    return f"{degrees(south, 'NS')} to {degrees(north, 'NS')}, {' to '.join(longitudes)}"


def _scores(record: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of the network and of the baselines, each with its interval where one is recorded."""
    if not record.get("network"):
        return {}
    ends = record.get("intervals", {}).get("of", {})

    def of(scores: Mapping[str, Any], name: str) -> dict[str, Any]:
        around = ends.get(name, {})
        return {
            measure: {"value": scores[measure], "interval": around.get(measure)} for measure in ("accuracy", "macro_f1")
        }

    return {
        "tiles": record["network"]["count"],
        "network": of(record["network"], "network"),
        "baselines": {name: of(scores, name) for name, scores in record.get("baselines", {}).items()},
        "beats_baselines": record.get("beats_baselines"),
        "left_out": list(record.get("left_out", ())),
    }


def _score_rows(scores: Mapping[str, Any]) -> dict[str, str]:
    if not scores:
        return {"scores": "none recorded"}

    def scores_text(entry: Mapping[str, Any]) -> str:
        parts = []
        for measure, word in (("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
            value, ends = entry[measure]["value"], entry[measure]["interval"]
            parts.append(f"{word} {value:.3f}" + (f" (95 % {ends[0]:.3f} to {ends[1]:.3f})" if ends else ""))
        return ", ".join(parts)

    rows = {"this model": f"{scores_text(scores['network'])} on {scores['tiles']} tiles"}
    return rows | {name: scores_text(entry) for name, entry in scores["baselines"].items()}


def _calibration_text(calibration: Mapping[str, Any]) -> str:
    if not calibration:
        return "none"
    temperature = calibration.get("temperature")
    return f"temperature {temperature:.3g}" if isinstance(temperature, float | int) else "recorded"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _warnings(
    contents: PackageContents, manifest: Manifest, calibration: Mapping[str, Any], scores: Mapping[str, Any]
) -> list[str]:
    found = _scripts(contents)
    names = [category.name for category in manifest.categories]
    if contents.manifest is not None and _named(contents.definition) != [(c.code, c.name) for c in manifest.categories]:
        found.append("its .emd has other classes than its littoral.json: other programs would give other predictions.")
    if names != sorted(names):
        found.append("its classes are not in the order of their names, so some programs may name them wrongly.")
    if not calibration:
        found.append(
            "its confidence is not calibrated: of predictions with confidence 0.9 other than 90 % may be correct."
        )
    found += _notes(calibration)
    if not scores:
        found.append("it has no scores on validation tiles, so its accuracy is unknown.")
    elif scores["beats_baselines"] in (False, 0):
        found.append("the network does not score significantly higher than the better of two baselines.")
    if scores and scores["left_out"]:
        found.append(f"no tile of these classes was scored: {', '.join(scores['left_out'])}.")
    if "LEAK" in manifest.split:
        found.append("training and validation tiles overlap (random split), so its scores are too high.")
    elif "NOTHING PROVES" in manifest.split:
        found.append("training and validation tiles may overlap: some have no georeference.")
    if not manifest.training_area:
        found.append("its training area is not recorded, so an evaluation cannot leave it out.")
    if not manifest.licence or not manifest.attribution:
        lacking = " and ".join(name for name in ("licence", "attribution") if not getattr(manifest, name))
        found.append(f"the {lacking} of its training imagery is not given.")
    if contents.manifest is not None:
        found += _for_others(manifest, contents.scripted)
    return found


def _named(definition: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Value and name of each class of an ``.emd``, in either spelling."""
    return [
        (entry.get("Value", entry.get("ClassValue")), entry.get("Name", entry.get("ClassName")))
        for entry in definition.get("Classes", ())
    ]


def _notes(calibration: Mapping[str, Any]) -> list[str]:
    """Notes on the calibration, e.g. that there were too few tiles for one."""
    notes = calibration.get("notes")
    if not isinstance(notes, list):
        return []
    return [
        f"calibration: {note}." for note in notes if isinstance(note, str) and len(note) < 200 and is_printable(note)
    ]


def _for_others(manifest: Manifest, scripted: bool) -> list[str]:
    """Warnings where another program that reads the definition would fail, or give other predictions."""
    given, found = manifest.preprocessing, []
    if manifest.backbone not in BACKBONES and not scripted:
        found.append(
            f"its backbone {manifest.backbone} is not supported by other programs (resnet18, resnet34, … are)."
        )
    if given.resize_px and not scripted:
        found.append("it resizes its tiles; other programs resize them in another way or not at all.")
    if given.tile.placement == "oriented":
        found.append("its tiles are rotated along the shore; other programs cut them with north up.")
    if given.tile.blacken and given.fill is None:
        found.append("pixels outside a feature are missing to it (the mean); to other programs they are 0.")
    if given.pixels != AS_STORED and given.dtype == "int16":
        found.append(
            f"it expects {given.pixels} with offsets subtracted; other programs read values as they are stored."
        )
    return found


def _scripts(contents: PackageContents) -> list[str]:
    found, scripts = [], [name for name in contents.left_out if name.lower().endswith(_SCRIPTS)]
    if contents.manifest is not None and SCRIPT in scripts:
        scripts.remove(SCRIPT)
        found.append(
            f"its {SCRIPT} is not what this version of littoral writes; littoral never runs it, but ArcGIS would: "
            "do not use it there before you have saved the model again (littoral export), which replaces it."
        )
    if scripts:
        found.append(
            f"it carries a script of another program ({', '.join(map(shown, scripts))}), which littoral never runs."
        )
    return found
