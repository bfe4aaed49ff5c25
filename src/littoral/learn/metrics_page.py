"""``model_metrics.html`` of a package: scores and figures of the model in one file, without scripts or links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from matplotlib.figure import Figure

from littoral import figures
from littoral.evaluation import Scores, bins_before, text
from littoral.learn.training import Epoch
from littoral.package import Manifest

_STYLE = (
    "body{font:15px/1.5 system-ui,'Segoe UI',Arial,sans-serif;color:#232a30;max-width:62em;"
    "margin:2em auto;padding:0 1em}"
    "h1{font-size:1.6em;margin:0}h2{font-size:1.25em;margin:1.8em 0 .5em}"
    "h3{font-size:1em;margin:1.5em 0 .4em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:right;padding:.3em .6em;border-bottom:1px solid #dde2e6;font-variant-numeric:tabular-nums}"
    "th{color:#66717a;font-weight:500}th:first-child,td:first-child{text-align:left}p{margin:.4em 0;max-width:72ch}"
    ".quiet{color:#66717a}.warning{background:#fdf1e7;color:#8a3d12;border-left:4px solid;padding:.7em 1em;"
    "max-width:none}"
    "svg{max-width:100%;height:auto}figure{margin:0;display:inline-block;vertical-align:top}"
    ".swatch{display:inline-block;width:.8em;height:.8em;border:1px solid #66717a;border-radius:2px;margin-right:.5em}"
)


def metrics_page(name: str, manifest: Manifest, record: Mapping[str, Any], epochs: Sequence[Epoch] = ()) -> str:
    """The page of a model.

    Args:
        name: Of the model.
        manifest: Of the model.
        record: Scores of the validation tiles; empty if there are none.
        epochs: Of a training in this session.
    """
    parts = [f"<h1>{escape(name)}</h1>", _lines([f"Backbone {manifest.backbone}; {manifest.split}."], "quiet")]
    if "network" in record:
        parts += _scores_of(record, "Validation tiles")
    if "folds" in record:
        parts += [*_scores_of(record["folds"], "Folds"),
                  "<h3>Each fold</h3>", _table(_fold_rows(record["folds"]["each"]))]  # fmt: skip
    if epochs:
        drawn = figures.plot_losses([epoch.train_loss for epoch in epochs], [epoch.valid_loss for epoch in epochs])
        parts += ["<h2>Training</h2>", _drawn(drawn, "Loss of each epoch")]
    made = ", ".join(f"{library} {version}" for library, version in manifest.versions.items())
    parts.append(_lines([f"Made with {made}; seed {manifest.seed}."], "quiet"))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _scores_of(record: Mapping[str, Any], heading: str) -> list[str]:
    scores = Scores.from_json(record["network"])
    named = [(entry.name, entry.colour) for entry in scores.classes]
    matrix = figures.plot_confusion_matrix(scores.matrix, *zip(*named, strict=True))
    reliability = figures.plot_reliability(scores.bins, before=bins_before(record))
    verdict = text.verdict(record)
    return [
        f"<h2>{escape(heading)}</h2>",
        _lines([f"{record['method']}."] if "method" in record else (), "quiet"),
        _lines([f"{text.scored_tiles(record)}."]),
        _lines([f"{verdict}."], "" if record.get("beats_baselines") else "warning") if verdict else "",
        _lines((f"{sentence}." for sentence in text.left_out(record)), "warning"),
        _table(text.standing_rows(record)),
        _lines((f"{sentence}." for sentence in text.doubts(record)), "quiet"),
        "<h3>By class</h3>",
        _table(text.class_rows(record), [colour for _, colour in named]),
        _drawn(matrix, "Confusion matrix: rows are the truth, columns the prediction"),
        "<h3>Calibration of the confidence</h3>",
        _lines(f"{sentence}." for sentence in (text.confidence(record), text.sets(record)) if sentence),
        _drawn(reliability, "Accuracy by confidence"),
    ]


def _fold_rows(each: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["fold", "tiles", "accuracy", "macro-F1", "kappa", "better baseline", "its macro-F1"]]
    for fold in each:
        network, better = fold["network"], fold["comparison"]["baseline"]
        measured = [f"{network[measure]:.3f}" for measure in ("accuracy", "macro_f1", "kappa")]
        rows.append(
            [fold["name"], f"{fold['tiles']}", *measured, better, f"{fold['baselines'][better]['macro_f1']:.3f}"]
        )
    return rows


def _lines(sentences: Iterable[str], kind: str = "") -> str:
    return "".join(
        f"<p{f' class={kind!r}' if kind else ''}>{escape(text[:1].upper() + text[1:])}</p>" for text in sentences
    )


def _table(rows: Sequence[Sequence[str]], colours: Sequence[str] = ()) -> str:
    """The first row is the heading; a colour goes before the first cell of each other row."""
    heading = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = []
    for number, row in enumerate(rows[1:]):
        square = f'<i class="swatch" style="background:{escape(colours[number])}"></i>' if colours else ""
        body.append(f"<tr><td>{square}" + "</td><td>".join(map(escape, row)) + "</td></tr>")
    return f"<table><tr>{heading}</tr>{''.join(body)}</table>"


def _drawn(figure: Figure, description: str) -> str:
    return f"<figure>{figures.svg(figure, description)}</figure>"
