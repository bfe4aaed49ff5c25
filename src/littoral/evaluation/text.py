"""The record of an evaluation as sentences and tables, for the terminal, the package and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from littoral.evaluation.record import BEATS, LOSES


class Record(dict[str, Any]):
    """The record of an evaluation: plain JSON values; printed, sentences and tables."""

    def __str__(self) -> str:
        return record_text(self)


def record_text(record: Mapping[str, Any]) -> str:
    """A record as sentences and tables; records of older packages have fewer entries."""
    lines = [scored_tiles(record)]
    if record.get("other_classes"):
        lines.append(f"{record['other_classes']} tiles are of classes that the model does not have")
    lines += [*left_out(record), "", *_aligned(standing_rows(record)), "", *_aligned(class_rows(record)), ""]
    lines += [sentence for sentence in (verdict(record), *doubts(record), confidence(record), sets(record)) if sentence]
    for fold in record.get("each", ()):
        network = fold["network"]
        lines.append(f"fold {fold['name']}: {fold['tiles']} tiles, accuracy {network['accuracy']:.3f}, macro-F1 "
                     f"{network['macro_f1']:.3f}; {verdict(fold)}")  # fmt: skip
    if "folds" in record:
        lines += ["", f"{record['folds']['method']}:", record_text(record["folds"])]
    return "\n".join(lines)


def scored_tiles(record: Mapping[str, Any]) -> str:
    """Sentence on the number of tiles scored."""
    if "each" in record:
        return f"{record['tiles']} tiles scored, each by a network whose training tiles share no ground with it"
    return f"{record['tiles']} tiles scored, {record['set_aside']} set aside because they share ground with training"


def left_out(record: Mapping[str, Any]) -> list[str]:
    """Sentences on classes without tiles."""
    absent = record.get("left_out", ())
    if not absent:
        return []
    every = len(record["network"]["classes"])
    lines = [f"these classes have no tile here and are not in the scores: {', '.join(absent)}"]
    if 2 * len(absent) >= every:
        lines.append(
            f"only {every - len(absent)} of {every} classes are scored, so the scores describe only part of the model"
        )
    return lines


def verdict(record: Mapping[str, Any]) -> str:
    """Sentence that compares the network with the better baseline, by macro-F1."""
    if record.get("comparison") is None:
        # A package of a version without intervals, or a model without baselines.
        beats = record.get("beats_baselines")
        return "" if beats is None or beats else "the network does NOT beat the better baseline in macro-F1"
    given = record["comparison"]
    name = given["baseline"]
    gap = f"{given['macro_f1_difference']:+.3f}"
    if given["interval"] is not None:
        gap += f", 95 % interval {span(given['interval'], '+.3f')}"
    if given["verdict"] == BEATS:
        return f"the network beats {name} in macro-F1 ({gap})"
    if given["verdict"] == LOSES and sum(bool(entry["support"]) for entry in record["network"]["classes"]) == 1:
        return f"only one class is scored, so no model can score higher than {name} ({gap})"
    if given["verdict"] == LOSES:
        return f"the network LOSES to {name} in macro-F1 ({gap}): use that baseline, or train again with more tiles"
    return f"the network is NOT SIGNIFICANTLY BETTER than {name} in macro-F1 ({gap})"


def doubts(record: Mapping[str, Any]) -> list[str]:
    """Sentences on how the intervals were computed, and on whether they are reliable."""
    given = record.get("intervals")
    if given is None:
        return []
    how = f"95 % intervals by bootstrap: {given['replicates']} draws of {given['blocks']} blocks ({given['unit']})"
    return [given["note"]] if given["blocks"] < 2 else [how + (f"; {given['note']}" if given["note"] else "")]


def confidence(record: Mapping[str, Any]) -> str:
    """Sentence on temperature scaling."""
    given = record.get("calibration")
    if given is None:
        return ""
    text = (f"expected calibration error {given['error_before']:.3f} before and {given['error_after']:.3f} after "
            f"temperature scaling, fitted {given['fitted']}")  # fmt: skip
    if given.get("temperature") is not None:
        text += f" (the model's temperature: {given['temperature']:.2f})"
    return "; ".join([text, *given.get("notes", ())])


def sets(record: Mapping[str, Any]) -> str:
    """Sentence on prediction sets."""
    given = record.get("prediction_sets")
    if given is None:
        return ""
    return (f"prediction sets of level {given['level']:.0%}: {given['coverage']:.1%} contain the true class, "
            f"{given['mean_size']:.2f} classes on average, {given['of_one']:.0%} have a single class")  # fmt: skip


def standing_rows(record: Mapping[str, Any]) -> list[list[str]]:
    """A table of each model with its measures and their intervals; the first row is the heading."""
    rows = [["", "accuracy", "95 %", "macro-F1", "95 %", "kappa", "95 %"]]
    for name, scores, ends in models(record):
        row = [name]
        for measure in ("accuracy", "macro_f1", "kappa"):
            row += [f"{scores[measure]:.3f}" if measure in scores else "–", span(ends.get(measure))]
        rows.append(row)
    return rows


def models(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Name, scores and intervals of the network and each baseline."""
    ends = record.get("intervals", {}).get("of", {})
    found = [("this model", record["network"], ends.get("network", {}))]
    return found + [(name, scores, ends.get(name, {})) for name, scores in record["baselines"].items()]


def class_rows(record: Mapping[str, Any]) -> list[list[str]]:
    """A table of each class with its measures; the first row is the heading."""
    rows = [["class", "precision", "recall", "F1", "tiles"]]
    return rows + [class_row(entry) for entry in record["network"]["classes"]]


def class_row(entry: Mapping[str, Any]) -> list[str]:
    """Name, precision, recall, F1 and support of a class; a dash where the divisor is 0."""
    precision = f"{entry['precision']:.3f}" if entry["predicted"] else "–"
    recall, f1 = (f"{entry[name]:.3f}" if entry["support"] else "–" for name in ("recall", "f1"))
    return [entry["name"], precision, recall, f1, f"{entry['support']}"]


def span(ends: Sequence[float] | None, form: str = ".3f") -> str:
    """An interval in words.

    >>> span([0.5, 0.75]), span(None)
    ('0.500 to 0.750', '–')
    """
    return "–" if ends is None else f"{ends[0]:{form}} to {ends[1]:{form}}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return lines
