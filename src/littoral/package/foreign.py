"""Read the definition (``.emd``) of a package that another program wrote, and decide whether littoral can run it.

Sources: Esri/raster-deep-learning (Apache-2.0), model definitions; files that people published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any, NoReturn

import numpy as np

from littoral.categories import CATCOA, Category
from littoral.errors import InputError, first_line, is_printable
from littoral.imagery import AS_STORED
from littoral.package.json_checks import (
    Schema,
    either,
    flag,
    listed,
    maybe,
    number,
    record,
    shown,
    table,
    text,
    whole,
    word,
)
from littoral.package.manifest import Manifest, check_manifest
from littoral.package.preprocessing import Preprocessing
from littoral.tiles import TileSpec
from littoral.tiles.options import Space

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
"""Those whose tensors are the same in torchvision and timm."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of pixels divided by 255; red, green, blue."""

_FUNCTIONS = ("arcgisobjectclassifier.py", "featureclassifier.py")
_ABOUT = ("ModelName", "ModelType", "ModelConfiguration", "Framework", "InferenceFunction", "Description", "Version")
_CELL = maybe(record({"x": number, "y": number}, {"spatialReference": maybe(record({}, {"wkid": maybe(whole)}))}))
_STATS = ("band_min_values", "band_max_values", "scaled_mean_values", "scaled_std_values")
_COLOUR = listed(number)


def _class(value: Any, key: str) -> None:
    table()(value, key)
    for names in (("Value", "ClassValue"), ("Name", "ClassName")):
        if not any(name in value for name in names):
            raise ValueError(f"{key}.{names[0]} is missing")
    optional: dict[str, Schema] = {"Value": whole, "ClassValue": whole, "Name": word, "ClassName": word}
    record({}, {**optional, "Color": maybe(_COLOUR)})(value, key)


DEFINITION_SCHEMA = record(
    {},
    {
        "Framework": maybe(text),
        "ModelConfiguration": maybe(either(table(), text)),
        "ModelType": maybe(text),
        "InferenceFunction": maybe(text),
        "ModelFile": word,
        "ModelFormat": maybe(text),
        "ModelName": maybe(text),
        "MetaDataMode": maybe(text),
        "ModelParameters": maybe(record({}, {"backbone": word, "backend": maybe(text)})),
        "backend": maybe(text),
        "Classes": listed(_class),
        "ImageHeight": whole,
        "ImageWidth": whole,
        "ExtractBands": maybe(listed(whole)),
        "Bands": maybe(listed(either(whole, word))),
        "CropSizeFixed": flag,
        "BlackenAroundFeature": flag,
        "ImageSpaceUsed": maybe(text),
        "MinCellSize": _CELL,
        "MaxCellSize": _CELL,
        "IsMultispectral": maybe(flag),
        "IsImageNetNormalization": maybe(flag),
        "DoNormalize": maybe(flag),
        "NormalizationStats": maybe(record({}, {name: listed(number) for name in _STATS})),
        "resize_to": maybe(either(listed(whole), whole)),
    },
)
"""Of the keys that are read; all others are ignored."""

_NUMBERS = ("ImageHeight", "ImageWidth", "ExtractBands", "CropSizeFixed", "BlackenAroundFeature", "MinCellSize",
            "MaxCellSize", "IsMultispectral", "IsImageNetNormalization", "DoNormalize", "NormalizationStats",
            "resize_to")  # fmt: skip
"""Keys whose values are numbers, or lists or objects of numbers."""
_MEASURES = ("MinCellSize", "MaxCellSize", "NormalizationStats")
"""Those that need not be whole."""
_CLASS_NUMBERS = ("Value", "ClassValue", "Color")

_NEEDED = ("ModelType", "ModelConfiguration", "Framework", "InferenceFunction", "ModelParameters", "Classes",
           "ImageHeight", "ImageWidth", "CropSizeFixed", "BlackenAroundFeature")  # fmt: skip


def with_numbers(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition whose numbers are numbers: some programs write them as text, or whole ones with a point.

    >>> with_numbers({"ImageHeight": "64", "ExtractBands": ["0", 1.0], "ModelName": "7", "Classes": [{"Value": "3"}]})
    {'ImageHeight': 64, 'ExtractBands': [0, 1], 'ModelName': '7', 'Classes': [{'Value': 3}]}
    """
    found = {
        key: _as_number(value, whole=key not in _MEASURES) if key in _NUMBERS else value
        for key, value in definition.items()
    }
    if isinstance(classes := found.get("Classes"), list):
        found["Classes"] = [
            {key: _as_number(value) if key in _CLASS_NUMBERS else value for key, value in entry.items()}
            if isinstance(entry, dict)
            else entry
            for entry in classes
        ]
    return found


def _as_number(value: Any, *, whole: bool = True, depth: int = 3) -> Any:
    if isinstance(value, str):
        plain = value.strip().lower()
        if plain in ("true", "false"):
            return plain == "true"
        if re.fullmatch(r"-?\d{1,30}(\.\d{0,30})?(e[-+]?\d{1,3})?", plain, re.ASCII):
            value = float(plain) if re.search("[.e]", plain) else int(plain)
    if whole and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list) and depth:
        return [_as_number(each, whole=whole, depth=depth - 1) for each in value]
    if isinstance(value, dict) and depth:
        return {key: _as_number(each, whole=whole, depth=depth - 1) for key, each in value.items()}
    return value


def about(definition: Mapping[str, Any]) -> dict[str, str]:
    """The keys of a definition that name its kind, with their values as text."""
    found = {key: definition[key] for key in _ABOUT if definition.get(key) is not None}
    parameters = definition.get("ModelParameters")
    if isinstance(parameters, dict) and "backbone" in parameters:
        found["backbone"] = parameters["backbone"]
    return {
        key: value if isinstance(value, str) and len(value) < 100 and is_printable(value) else shown(value)
        for key, value in found.items()
    }


def manifest_from(path: Path, definition: Mapping[str, Any]) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of another program's model, and the assumptions made for it, a sentence each.

    Raises:
        InputError: a model of another kind, or a key that is missing or damaged.
    """
    _check_kind(path, definition)
    try:
        backbone = definition["ModelParameters"]["backbone"]
        size = definition["ImageHeight"]
        assumed: list[str] = []
        bands = _bands(definition, assumed)
        mean, std = _scaling(path, definition, len(bands))
        fill = 0.0 if definition["BlackenAroundFeature"] else None
        space: Space = "pixel" if definition.get("ImageSpaceUsed") == "PIXEL_SPACE" else "map"
        tile = TileSpec(size, bands, raw=True, blacken=fill is not None, space=space)
        dtype = _dtype(definition, assumed)
        cell = definition.get("MinCellSize") or {}
        manifest = Manifest(
            backbone,
            Preprocessing(tile, size, mean, std, dtype, AS_STORED, fill=fill),
            tuple(_category(entry) for entry in definition["Classes"]),
            (float(cell.get("x", 0)), float(cell.get("y", 0))),
            (cell.get("spatialReference") or {}).get("wkid"),
            "",
            (),
            "",
            {},
        )
        check_manifest(manifest)
    except KeyError as error:
        raise InputError(path, f"lacks the key {error} in its .emd", "export the model again") from error
    except InputError as error:
        if error.subject == str(path):
            raise
        raise _damaged(path, f"{error.subject} {error.what}") from error
    except ValueError as error:
        raise _damaged(path, first_line(error)) from error
    return manifest, tuple(assumed)


def check_definition(path: Path, definition: Mapping[str, Any]) -> None:
    """Check the types of the keys that are read.

    Raises:
        InputError: a value of another type.
    """
    try:
        DEFINITION_SCHEMA(definition, "")
    except ValueError as error:
        raise _damaged(path, first_line(error)) from error


def _damaged(path: Path, what: str) -> InputError:
    return InputError(path, f"has a damaged .emd ({what})", "export the model again")


def _check_kind(path: Path, definition: Mapping[str, Any]) -> None:
    """Refuse a model that is no feature classifier of the known layout; the error names its kind."""
    lacking = [key for key in _NEEDED if definition.get(key) is None]
    if lacking:
        _refuse(path, definition, f"its .emd lacks {', '.join(lacking)}")
    if _is_multi_label(definition):
        _refuse(path, definition, "it gives one tile several classes (a multi-label model)")
    parameters = definition["ModelParameters"]
    backends = {definition.get("backend") or "pytorch", parameters.get("backend") or "pytorch"}
    known = {
        "ModelType": ("ObjectClassification",),
        "ModelConfiguration": ("_FeatureClassifier", "FeatureClassifier"),
        "Framework": ("arcgis.learn.models._inferencing", "PyTorch"),
        "ModelFormat": ("NCHW",),
        "MetaDataMode": ("Labeled_Tiles", "Imagenet"),
    }
    for key, values in known.items():
        if definition.get(key) is not None and definition[key] not in values:
            _refuse(path, definition, f"its {key} is {shown(definition[key])}, not {values[0]!r}")
    if backends != {"pytorch"}:
        _refuse(path, definition, f"its backend is {shown(sorted(backends - {'pytorch'})[0])}, not 'pytorch'")
    if PureWindowsPath(definition["InferenceFunction"]).name.lower() not in _FUNCTIONS:
        _refuse(path, definition, f"it runs by a script of its own, {shown(definition['InferenceFunction'])}")
    if parameters.get("backbone") not in BACKBONES:
        _refuse(
            path, definition, f"its backbone is {shown(parameters.get('backbone'))}, none of {', '.join(BACKBONES)}"
        )
    height, width = definition["ImageHeight"], definition["ImageWidth"]
    if height != width:
        _refuse(path, definition, f"its input is {width} x {height} pixels, which is no square")
    if not definition["CropSizeFixed"]:
        _refuse(path, definition, "it stretches each feature's own bounds to its input (CropSizeFixed 0)")
    if definition.get("resize_to") not in (None, height, [height], [height, width]):
        _refuse(
            path, definition, f"it resizes its tiles to {shown(definition['resize_to'])} in its own way (resize_to)"
        )


def _is_multi_label(definition: Mapping[str, Any]) -> bool:
    if str(definition.get("MetaDataMode") or "").casefold() == "multilabeled_tiles":
        return True
    keys = {**definition, **definition["ModelParameters"]}
    return any(re.sub("[^a-z]", "", key.lower()) in ("multilabel", "ismultilabel") and keys[key] for key in keys)


def _refuse(path: Path, definition: Mapping[str, Any], why: str) -> NoReturn:
    keys = ", ".join(f"{key} {value}" for key, value in about(definition).items()) or "none of the usual keys"
    raise InputError(
        path, f"cannot be run by littoral, as {why} (its definition has {keys})", "use the program it was made with"
    )


def _category(entry: Mapping[str, Any]) -> Category:
    code = entry["Value"] if "Value" in entry else entry["ClassValue"]
    name = entry["Name"] if "Name" in entry else entry["ClassName"]
    colour = entry.get("Color")
    if colour is None or len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
        return Category(code, name, CATCOA.category(code).colour)
    return Category(code, name, "#" + bytes(int(part) for part in colour).hex().upper())


def _bands(definition: Mapping[str, Any], assumed: list[str]) -> tuple[str, ...]:
    """Names, or else numbers as an image's unnamed bands are called: B1, B2, …

    Raises:
        ValueError: none, or names and numbers that do not go together.
    """
    names, chosen = definition.get("Bands") or [], definition.get("ExtractBands")
    if chosen is None:
        chosen = list(range(len(names) or 3))
        assumed.append("its definition lists no bands (ExtractBands), so the first are taken")
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise ValueError(f"ExtractBands is {shown(chosen)}")
    if len(names) == len(chosen):
        picked = [str(name) for name in names]
    elif len(names) > max(chosen):
        picked = [str(names[position]) for position in chosen]
    else:
        picked = [str(position + 1) for position in chosen]
    counted = [re.fullmatch(r"(?i)(?:band[_ ]?)?(\d+)", name.strip()) for name in picked]
    if any(counted):
        numbers = ", ".join(str(int(found[1])) for found in counted if found)
        assumed.append(
            f"its definition has bands by number only ({numbers} of the image it was trained on), taken for B1, B2, … "
            "of an image without band names; for another image pass --band-names"
        )
    return tuple(f"B{int(found[1])}" if found else name for found, name in zip(counted, picked, strict=True))


def _scaling(path: Path, definition: Mapping[str, Any], bands: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation equal to its scaling: both kinds are linear in the pixel.

    Raises:
        InputError: its scaling is not stated.
        ValueError: numbers that do not go with the bands.
    """
    stats = definition.get("NormalizationStats")
    if definition.get("IsMultispectral"):
        if not stats or definition.get("DoNormalize") in (False, 0):
            _refuse(path, definition, "it is multispectral and lacks the scaling of its bands (NormalizationStats)")
        low, high, middle, spread = (np.array(stats[name], float) for name in _STATS)
        if not len(low) == len(high) == len(middle) == len(spread) == bands:
            raise ValueError(f"NormalizationStats are not of {bands} bands")
        reach = high - low
        return tuple((low + middle * reach).tolist()), tuple((spread * reach).tolist())
    if definition.get("IsImageNetNormalization") in (False, 0):
        _refuse(path, definition, "the scaling of its pixels is not stated (IsImageNetNormalization is false)")
    if bands != 3:
        raise ValueError(f"{bands} bands and no statistics of them")
    return tuple(255 * each for each in IMAGENET_MEAN), tuple(255 * each for each in IMAGENET_STD)


def _dtype(definition: Mapping[str, Any], assumed: list[str]) -> str:
    """Data type of its training pixels: 8 bits for pictures, else from the range of its statistics."""
    if not definition.get("IsMultispectral"):
        return "uint8"
    highest = np.array(definition["NormalizationStats"]["band_max_values"], float)
    shares = bool((highest % 1).any()) or highest.max() <= 1
    dtype = "float32" if shares else "uint8" if highest.max() <= 255 else "uint16"
    assumed.append(f"its definition lacks the data type of its training pixels, by its statistics {dtype}")
    return dtype
