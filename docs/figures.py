"""The page of figures, made from the results that ``benchmarks/record.py`` kept.

Each benchmark ends with one line of JSON; nothing on the page is typed by hand. ``docs/build.py`` calls this.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"

TITLES = {
    "realcoast": ("Unseen real places", "Ten real places, each held out in turn: the score that matters most."),
    "coasts": ("Whole real coasts", "Every rectangle of eleven real places, by models that have not seen the place."),
    "unlike": ("Novelty", "How well `unlike training` finds places unlike the training."),
    "smoothing": ("Smoothing", "Predictions with and without the neighbours along the shore."),
    "trials": ("Trials", "What was tried on real coasts."),
    "miami": (
        "Charts under a real scene",
        "Kilometres, rectangles and tiles of NOAA cells under a scene.",
    ),
    "shoreline": ("Shorelines", "Distance of extracted shorelines from the true ones."),
    "rectangles": ("Rectangles", "Speed of walking lines."),
    "tiles": ("Cutting tiles", "Speed of cutting tiles from a product of the real size."),
    "packs": ("Reading tiles", "Speed of reading tiles from files and from the memory map."),
    "train": ("Training", "Speed of training."),
    "features": ("Features", "Speed and accuracy of features for a head."),
    "classify": ("Classifying", "Speed and memory of classifying."),
    "engines": ("Engines", "torch and ONNX Runtime."),
    "decoding": ("Decoding", "Time to decode a part of a JPEG 2000 block."),
    "ranges": ("HTTP", "Bytes fetched for windows of a remote file."),
    "readers": ("Readers", "Speed of reading windows, beside other libraries."),
}
"""Heading of each benchmark, in the order of the page, and what it measures."""


WORDS = {
    "site": "one place after another held out",
    "random": "a fifth of the tiles held out at random, which leaks",
    "beyond_baseline": "gain over the better baseline in macro-F1, and its 95 % interval",
    "macro_f1": "macro-F1",
    "majority": "the commonest category",
}
"""Names in the benchmarks' lines, in words; others are shown as they are."""


def words(name: object) -> str:
    """A name of a figure, for people.

    >>> words("macro_f1"), words("by_arc")
    ('macro-F1', 'by arc')
    """
    return WORDS.get(str(name), str(name).replace("_", " "))


def figures_page() -> str:
    """Markdown with a section for each benchmark that has a result; the latest result of each command counts."""
    found = {path.stem: latest(path) for path in sorted(RESULTS.glob("*.jsonl"))}
    order = [*(name for name in TITLES if name in found), *(name for name in found if name not in TITLES)]
    lines = [
        "# Figures",
        "",
        "Made by `docs/figures.py` from the lines that the benchmarks printed (`benchmarks/results`). Run a benchmark "
        "with `python benchmarks/record.py NAME` to add your own. Shares and scores are from 0 to 1 unless a unit is "
        "named. Accounts in words: [real coasts](real-coasts.md), [trials](trials.md), "
        "[decoding](decoding.md), [speed](../how-to/scale.md#speed-of-one-machine).",
    ]
    for name in order:
        title, what = TITLES.get(name, (name, ""))
        lines += ["", f"## {title}", "", *([what, ""] if what else [])]
        for record in found[name]:
            made = [f"`{record['command']}`", record["date"], f"commit {record['commit']}", record["machine"]]
            lines += [", ".join([*made, f"Python {record['python']}"]), "", *tables(record["figures"]), ""]
    absent = [f"`{name}`" for name in TITLES if name not in found]
    if absent:
        lines += [
            "## Not recorded yet",
            "",
            f"{', '.join(absent)}; some of their figures are in [Earlier results](earlier.md).",
        ]
    return "\n".join(lines) + "\n"


def latest(path: Path) -> list[dict[str, Any]]:
    """The last record of each command in a file, in the order in which commands first appear."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return list({record["command"]: record for record in records}.values())


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown: a table of the plain values, then one for each mapping of rows with the same columns."""
    plain = {name: value for name, value in figures.items() if not _nested(value) and name != "benchmark"}
    if plain:
        yield from _table(("", ""), [(words(name), value) for name, value in plain.items()])
    for name, value in figures.items():
        if _nested(value):
            yield from ("", f"**{words(name)}**", "")
            yield from _rows(value)


def _rows(value: Any) -> Iterator[str]:
    """A table with a row for each entry, and a column for each field of the entries."""
    entries = dict(enumerate(value, 1)) if isinstance(value, list) else value
    flat = {name: _flat(entry) for name, entry in entries.items()}
    columns = list(dict.fromkeys(column for row in flat.values() for column in row))
    heads = [column or "value" for column in columns]
    yield from _table(
        ("", *heads), [(words(name), *(row.get(column, "") for column in columns)) for name, row in flat.items()]
    )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, names joined by a space.

    >>> _flat({"a": {"b": 1, "c": 2}, "d": [0.1, 0.2]})
    {'a b': 1, 'a c': 2, 'd': [0.1, 0.2]}
    """
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        key: inner for name, entry in value.items() for key, inner in _flat(entry, f"{prefix} {name}".strip()).items()
    }


def _nested(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(entry, dict) for entry in value))


def _table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(words(head) for head in heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(_cell(value) for value in row) + " |"


def _cell(value: Any) -> str:
    """
    >>> _cell(0.77512), _cell([0.536, 0.887]), _cell(1234567), _cell("a|b")
    ('0.775', '0.536 to 0.887', '1,234,567', 'a\\\\|b')
    """
    if isinstance(value, bool) or value is None:
        return "–" if value is None else ("yes" if value else "no")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, list):
        return (" to " if len(value) == 2 else ", ").join(_cell(entry) for entry in value)
    return str(value).replace("|", "\\|")
