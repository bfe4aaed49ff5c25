"""Packages that are broken or mean harm, made by code: a name, and what writes the file."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import runpy
import stat
import struct
import subprocess
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from their_packages import definition, older, pth

FIXTURE = Path(__file__).parent / "data" / "package_0.1.0.dlpk"
EMD, PTH = "package_0.1.0.emd", "package_0.1.0.pth"
MARK = "ran"
"""What a payload would leave in the working folder."""

Files = dict[str, bytes]
Writer = Callable[[Path], object]

UNREAD = {
    "SupportsVariableTileSize", "ImageryType", "LearningRate", "latestWkid", "band_mean_values",
    "band_std_values", "scaled_min_values", "scaled_max_values", "BatchSize", "DataRange", "ModelPadding",
}  # fmt: skip
"""Keys of a definition that nobody reads."""


@cache
def ours() -> Files:
    with zipfile.ZipFile(FIXTURE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def theirs(bands: int = 13) -> dict[str, Any]:
    classes = [{"Value": 1, "Name": "a", "Color": [1, 2, 3]}, {"Value": 2, "Name": "b", "Color": [4, 5, 6]}]
    return definition("resnet18", bands, 32, classes)


def zipped(path: Path, files: Files | list[tuple[str | zipfile.ZipInfo, bytes]], method: int = 0) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)


def changed(path: Path, **files: bytes | None) -> None:
    """Ours with some files replaced; named by what they are."""
    names = {
        "emd": EMD,
        "pth": PTH,
        "manifest": "littoral.json",
        "metrics": "metrics.json",
        "page": "model_metrics.html",
    }
    new = {names[key]: content for key, content in files.items()}
    zipped(path, {name: content for name, content in {**ours(), **new}.items() if content is not None})


def their_zip(content: Any, weights: bytes, path: Path) -> None:
    zipped(path, {"theirs.emd": json.dumps(content).encode(), "theirs.pth": weights})


# Names


def with_entry(entry: str | zipfile.ZipInfo, path: Path) -> None:
    zipped(path, [*ours().items(), (entry, b"evil")])


def entry_of_kind(kind: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("entry")
    entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
    return entry


def names() -> Iterator[tuple[str, Writer]]:
    for name in (
        "../evil", "../../evil", "a/../../evil", "/evil", "/tmp/evil", "//server/share/evil", "a//evil",
        "a/./evil", "..\\evil", "a\\..\\..\\evil", "C:\\evil", "C:evil", "c:/evil", "\\evil", "\\\\server\\share\\evil",
        "a:b", "evil\x1b[2J", "evil\n", "evil\r", "\x07", "e\u202evil", "..", "e\x7fvil",
    ):  # fmt: skip
        yield f"name {name!r}", partial(with_entry, name)
    for word in ("LNK", "CHR", "BLK", "IFO", "SOCK"):
        kind = getattr(stat, f"S_IF{word}")
        yield f"entry of kind {word}", partial(with_entry, entry_of_kind(kind))
    reparse = zipfile.ZipInfo("entry")
    reparse.create_system, reparse.external_attr = 0, 0x400
    yield "reparse point", partial(with_entry, reparse)


def doubled(path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zipped(path, [*ours().items(), (name, b"{}")])


def doubles() -> Iterator[tuple[str, Writer]]:
    for name in (EMD, PTH, "littoral.json", "LITTORAL.JSON", PTH.upper()):
        yield f"twice {name}", partial(doubled, name=name)
    yield "two definitions", partial(with_entry, "other.emd")


# The zip itself


def patched(path: Path, name: str, central: tuple[int, str, int] | None, local: tuple[int, str, int] | None) -> None:
    """A field (offset, format, value) of an entry's headers overwritten."""
    zipped(path, ours())
    content = bytearray(path.read_bytes())
    for signature, fixed, change in ((b"PK\x01\x02", 46, central), (b"PK\x03\x04", 30, local)):
        if change:
            header = re.compile(re.escape(signature) + b".{%d}" % (fixed - 4) + re.escape(name.encode()), re.DOTALL)
            struct.pack_into(f"<{change[1]}", content, next(header.finditer(content)).start() + change[0], change[2])
    path.write_bytes(content)


def truncated(path: Path, share: float) -> None:
    whole = FIXTURE.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def many(path: Path, count: int) -> None:
    zipped(path, {**ours(), **{f"{number}": b"" for number in range(count)}})


def zips() -> Iterator[tuple[str, Writer]]:
    for tenth in range(10):
        yield f"truncated at {tenth}/10", partial(truncated, share=tenth / 10)
    yield "one byte short", partial(truncated, share=1 - 2e-6 * 3)
    for name in (EMD, PTH, "littoral.json", "metrics.json", "model_metrics.html"):
        yield f"wrong checksum of {name}", partial(patched, name=name, central=(16, "L", 1), local=(14, "L", 1))
        yield f"encrypted {name}", partial(patched, name=name, central=(8, "H", 1), local=(6, "H", 1))
        yield f"unknown method of {name}", partial(patched, name=name, central=(10, "H", 99), local=(8, "H", 99))
        yield f"{name} ends early", partial(patched, name=name, central=(24, "L", 2_000_000), local=None)
        yield f"{name} is longer", partial(patched, name=name, central=(24, "L", 3), local=None)
        yield f"{name} of 4 GB", partial(patched, name=name, central=(24, "L", 0xFFFFFFF0), local=None)
        yield f"{name} lies elsewhere", partial(patched, name=name, central=(42, "L", 0x7FFFFFF0), local=None)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"method {method}", partial(zipped, files={**ours(), PTH: b"w"}, method=method)
    zeros = bytes(8 * 2**20)
    deflated = zipfile.ZIP_DEFLATED
    yield "bomb beside", lambda path: zipped(path, {**ours(), "zeros": zeros}, deflated)
    yield "bomb for weights", lambda path: zipped(path, {**ours(), PTH: zeros}, deflated)
    yield "bomb for a manifest", lambda path: zipped(path, {**ours(), "littoral.json": b" " * 2**23}, deflated)
    yield "too large a definition", lambda path: changed(path, emd=b"{}" + b" " * (2**25 + 1))
    yield "bomb in a zip", lambda path: zipped(path, {**ours(), PTH: nested(zeros)})
    yield "a package for weights", lambda path: changed(path, pth=FIXTURE.read_bytes())
    yield "many files", partial(many, count=100)
    yield "a directory of 25,000 entries", partial(many, count=25_000)
    yield "empty zip", partial(zipped, files={})
    for label, content in {"nothing": b"", "text": b"hello " * 100, "end only": b"PK\x05\x06",
                           "png": b"\x89PNG\r\n\x1a\n",
                           "end of zeros": b"PK\x05\x06" + bytes(18), "ones": b"\xff" * 500}.items():  # fmt: skip
        yield f"no zip: {label}", partial(_bytes, content=content)
    for key in ("emd", "pth"):
        yield f"without {key}", partial(changed, **{key: None})


def _bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def nested(zeros: bytes) -> bytes:
    """A ``torch.save`` of one tensor whose record is packed."""
    plain = io.BytesIO(pth({"0.weight": torch.zeros(len(zeros) // 4)}))
    packed = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return packed.getvalue()


# JSON


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every key of a record and the first element of every list."""
    parts = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for key, each in parts:
        yield (*path, key), each
        yield from places(each, (*path, key))


def with_value(record: Any, path: tuple[str | int, ...], value: Any) -> bytes:
    copy = json.loads(json.dumps(record))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(copy).encode()


def of_another_type(value: Any, number: str = "1") -> list[Any]:
    if isinstance(value, bool):
        return ["yes", [True]]
    if isinstance(value, int | float):
        return [number, {"a": value}, float("nan"), True]
    if isinstance(value, str):
        return [[value], {"a": value}]
    if isinstance(value, list):
        return ["x", {"0": value}]
    return ["x", [value]] if isinstance(value, dict) else [["x"], {"x": 1}]


def wrong_types() -> Iterator[tuple[str, Writer]]:
    for part, name in (("manifest", "littoral.json"), ("metrics", "metrics.json"), ("emd", EMD)):
        record = json.loads(ours()[name])
        for path, value in places(record):
            if "baselines" in path[:-1] and part == "manifest":
                continue  # read when the model is evaluated
            if part == "emd" and (set(path) & UNREAD or value is None):
                continue
            # A definition may have its numbers as text.
            for number, other in enumerate(of_another_type(value, "one" if part == "emd" else "1")):
                if (part == "emd" and isinstance(value, int) and value in (0, 1) and other is True) or (
                    path == ("format",) and other is True
                ):
                    continue  # as good as 1
                if part == "emd" and path == ("ModelConfiguration",) and isinstance(other, dict):
                    continue  # a kind of model: of no consequence where there is a manifest
                content = with_value(record, path, other)
                yield f"{name} {path} {number}", partial(changed, **{part: content})
    for label, content in {"new": theirs(), "rgb": theirs(3), "old": older(theirs(3))}.items():
        for path, value in places(content):
            if set(path) & UNREAD or value is None:
                continue
            for number, other in enumerate(of_another_type(value, "one")):
                if isinstance(value, int) and value in (0, 1) and other is True and path[0] != "Classes":
                    continue
                weights = b"no weights"
                yield (
                    f"theirs {label} {path} {number}",
                    partial(their_zip, json.loads(with_value(content, path, other)), weights),
                )


def texts() -> Iterator[tuple[str, Writer]]:
    deep = b'{"a":' * 100_000
    for label, content in {
        "nothing": b"", "null": b"null", "list": b"[]", "text": b'"x"', "number": b"3", "cut": b'{"a": [1, 2',
        "deep objects": deep, "deep lists": b"[" * 200_000, "huge number": b'{"format": ' + b"9" * 5000 + b"}",
        "utf-16": json.dumps({"format": 1}).encode("utf-16"), "latin-1": b'{"ModelFile": "\xe9"}',
        "binary": bytes(range(256)), "a lone surrogate": b'{"ModelFile": "\\ud800"}',
    }.items():  # fmt: skip
        for part in ("emd", "manifest", "metrics"):
            if (part, label) in (("metrics", "latin-1"), ("metrics", "a lone surrogate")):
                content = content.replace(b"ModelFile", b"split")
            if (part, label) == ("metrics", "huge number"):
                content = content.replace(b"format", b"tiles")
            if (part, label) == ("metrics", "utf-16"):
                content = json.dumps({"tiles": 1}).encode("utf-16")
            yield f"{part} is {label}", partial(changed, **{part: content})


def values() -> Iterator[tuple[str, Writer]]:
    record = json.loads(ours()["littoral.json"])
    area = "GEOMETRYCOLLECTION (" * 50_000
    category = record["categories"][0]
    wrong: list[tuple[tuple[str | int, ...], Any]] = [
        *((("categories", 0, "name"), name) for name in
          ("a\x1b[31mb", "a\nb", "\u202eb", "", " ", "x" * 10_000, "\x00")),
        *((("preprocessing", "tile", "bands", 0), name) for name in ("B\x1b]0;x\x07", "", "B\n2")),
        *((("backbone",), name) for name in ("resnet18\x1b", "no such network", "vit_tiny_patch16_224", "")),
        *((("split",), text) for text in ("\x1b[2J", "a\rb")),
        *((("preprocessing", "dtype"), text) for text in ("O", "V8", "U7", "int\x00", "datetime64[s]", "complex64")),
        *((("training_area",), text) for text in
          (area, "POLYGON", "POLYGON ((0 0, 1 1))", "POLYGON ((0 0, 1e309 0, 1 1, 0 0))",
          "POLYGON ((0 0, 600000 0, 1 1, 0 0))", "POINT (1 1)", "MULTIPOLYGON (" * 10_000, "\x1b", "POLYGON EMPTY x")),
        *((("preprocessing", "chip_px"), number) for number in (0, 7, 49, -40, 10**9, 10**400)),
        *((("preprocessing", "tile", "size_px"), number) for number in (0, -1, 10**9, 10**400)),
        *((("preprocessing", "std", 0), number) for number in (0, -1, float("inf"), 1e301)),
        *((("preprocessing", key), []) for key in ("mean", "std")),
        (("preprocessing", "tile", "bands"), []), (("preprocessing", "tile", "bands"), ["B02", "B03"]),
        (("preprocessing", "tile", "placement"), "upside down"), (("preprocessing", "tile", "min_valid"), 7),
        (("categories",), []), (("categories",), [category, category]), (("categories",), [category]),
        (("categories", 0, "colour"), "#12"), (("categories", 0, "colour"), "red\x1b"),
        (("categories",), [{**category, "code": number} for number in range(1000)]),
        (("format",), 2), (("format",), None), (("format",), "\x1b"), (("format",), 10**400),
        (("cell_size",), [1]), (("cell_size",), [1, 2, 3]), (("attribution",), "a\nb"), (("licence",), {}),
        (("acquired",), ["2024"]), (("data_hash",), 3),
    ]  # fmt: skip
    for number, (path, value) in enumerate(wrong):
        yield f"value {number} of {path}", partial(changed, manifest=with_value(record, path, value))
    for number, (path, value) in enumerate(
        [
            (("Classes",), [{"Value": n, "Name": str(n), "Color": [0, 0, 0]} for n in range(1000)]),
            (("Classes",), []), (("Classes", 0, "Name"), "a\x1b[2J"), (("Classes", 0, "Value"), 2),
            (("Classes", 0), {}), (("ImageHeight",), 10**6), (("ExtractBands",), [0, 0]), (("ExtractBands",), [-1]),
            (("ExtractBands",), []), (("Bands", 0), "B\x07"), (("ModelFile",), "../theirs.pth"),
            (("ModelFile",), "theirs.emd"),
            (("ModelFile",), "/etc/passwd"), (("ModelFile",), "C:\\x.pth"), (("ModelFile",), "x\x1b.pth"),
            (("ModelName",), "\x1b"),
            (("NormalizationStats", "band_max_values", 0), -1e6), (("NormalizationStats", "scaled_std_values", 0), 0),
            (("NormalizationStats", "scaled_std_values"), [1.0]), (("NormalizationStats",), {}),
            (("ModelType",), "Object\x1bDetection"), (("InferenceFunction",), "x\x1b.py"),
            (("Description",), "\x1b[2J"),
            (("ModelParameters", "backbone"), "resnet\x1b18"),
        ]
    ):  # fmt: skip
        content = json.loads(with_value(theirs(), path, value))
        yield f"their value {number} of {path}", partial(their_zip, content, b"no weights")


# Weights


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, how: int) -> None:
        self.how = how

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        code = f"open({MARK!r}, 'w').close()"
        return [(exec, (code,)), (eval, (code,)), (os.system, (f"touch {MARK}",)), (Path.touch, (Path(MARK),)),
                (subprocess.check_call, (["touch", MARK],)), (runpy._run_code, (code, {}))][self.how]  # fmt: skip


@cache
def state() -> dict[str, torch.Tensor]:
    return torch.load(io.BytesIO(ours()[PTH]), weights_only=True)


def with_tensor(change: Callable[[dict[str, Any]], object], path: Path) -> None:
    copy: dict[str, Any] = {key: value.clone() for key, value in state().items()}
    change(copy)
    changed(path, pth=pth(copy))


def pickles() -> Iterator[tuple[str, Writer]]:
    for how in range(6):
        for protocol in (0, 2, 4):
            payload = pickle.dumps(Payload(how), protocol)
            yield f"pickle {how} of protocol {protocol}", partial(changed, pth=payload)
        yield f"torch.save of payload {how}", partial(changed, pth=pth({"0.weight": Payload(how)}))
        buffer = io.BytesIO()
        torch.save({"0.weight": Payload(how)}, buffer, _use_new_zipfile_serialization=False)
        yield f"older torch.save of payload {how}", partial(changed, pth=buffer.getvalue())
        yield f"theirs with payload {how}", partial(their_zip, theirs(3), pickle.dumps(Payload(how)))
    yield "a key that takes for ever", partial(changed, pth=endless())
    yield "a key that takes for ever, with marks", partial(changed, pth=endless(b"(h\x00h\x00t"))
    yield "a module", partial(changed, pth=pth(torch.nn.Linear(2, 2)))


def endless(pair: bytes = b"h\x00h\x00\x86") -> bytes:
    """A dictionary whose key is a pair of a pair of a pair …, each of the one before twice."""
    return b"\x80\x02))\x86q\x00" + (pair + b"q\x00") * 60 + b"}h\x00K\x01s."


def tensors() -> Iterator[tuple[str, Writer]]:
    last = "1.8.weight"
    for number in (float("nan"), float("inf"), -float("inf")):
        yield f"weights {number}", partial(with_tensor, lambda s, n=number: s[last].view(-1).__setitem__(3, n))
        yield f"bias {number}", partial(with_tensor, lambda s, n=number: s["1.8.bias"].__setitem__(1, n))
    made: dict[str, Callable[[dict[str, Any]], object]] = {
        "turned": lambda s: s.update({last: s[last].T.clone()}),
        "a dimension more": lambda s: s.update({last: s[last][None]}),
        "a class more": lambda s: s.update({last: torch.zeros(3, 512), "1.8.bias": torch.zeros(3)}),
        "a thousand classes": lambda s: s.update({last: torch.zeros(1000, 512), "1.8.bias": torch.zeros(1000)}),
        "no number": lambda s: s.update({last: torch.zeros(())}),
        "empty": lambda s: s.update({last: torch.zeros(0)}),
        "one missing": lambda s: s.pop(last),
        "one more": lambda s: s.update({"1.9.weight": torch.zeros(1)}),
        "a key that rings": lambda s: s.update({"1.9\x1b[2J\x07": torch.zeros(1)}),
        "a key of 100,000 letters": lambda s: s.update({"x" * 100_000: torch.zeros(1)}),
        "a number for a key": lambda s: s.update({7: torch.zeros(1)}),
        "text": lambda s: s.update({last: "x"}),
        "nothing": lambda s: s.clear(),
        "complex": lambda s: s.update({last: s[last].to(torch.complex64)}),
        "sparse": lambda s: s.update({last: s[last].to_sparse()}),
        "nested": lambda s: s.update({"model": dict(s)}),
    }
    for name, change in made.items():
        yield f"tensors: {name}", partial(with_tensor, change)
    yield "a list of tensors", partial(changed, pth=pth([torch.zeros(2)]))
    yield "a tensor", partial(changed, pth=pth(torch.zeros(2)))
    whole = ours()[PTH]
    for tenth in range(10):
        yield f"weights cut at {tenth}/10", partial(changed, pth=whole[: len(whole) * tenth // 10])
    yield "tensors that claim more than there is", claiming


def claiming(path: Path) -> None:
    """A pickle that makes of one number a tensor of 40 GB."""
    source = io.BytesIO(pth({"0.weight": torch.zeros(1)}))
    with zipfile.ZipFile(source) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in records if name.endswith("data.pkl"))
    # The tensor's size, (1,), becomes (10**10,).
    records[name] = records[name].replace(b"K\x00K\x01\x85", b"K\x00\x8a\x05\x00\xe4\x0bT\x02\x85")
    buffer = io.BytesIO()
    zipped_into(buffer, records)
    changed(path, pth=buffer.getvalue())


def zipped_into(buffer: io.BytesIO, records: Files) -> None:
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, content)


def cases() -> dict[str, dict[str, Writer]]:
    """All, by kind and name."""
    kinds = (names, doubles, zips, wrong_types, texts, values, pickles, tensors)
    return {kind.__name__: dict(kind()) for kind in kinds}
