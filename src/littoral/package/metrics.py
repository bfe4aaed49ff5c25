"""Schema of ``metrics.json``: scores on validation tiles, as :mod:`littoral.evaluation` writes them."""

from __future__ import annotations

from littoral.package.json_checks import either, flag, listed, maybe, number, record, table, text, whole, word

METRICS = "metrics.json"

_CLASS = record(
    {
        "code": whole,
        "name": word,
        "colour": text,
        "support": whole,
        "predicted": whole,
        "precision": number,
        "recall": number,
        "f1": number,
    }
)
_BIN = record({"low": number, "high": number, "count": whole, "confidence": number, "accuracy": number})
_SCORES = record(
    {
        "count": whole,
        "accuracy": number,
        "macro_f1": number,
        "classes": listed(_CLASS),
        "matrix": listed(listed(whole)),
        "calibration_error": number,
        "bins": listed(_BIN),
    }
)


def _nothing(value: object, key: str) -> None:
    if value != {}:
        raise ValueError(f"{key} is not empty")


METRICS_SCHEMA = record(
    {},
    {
        "tiles": whole,
        "set_aside": whole,
        "other_classes": whole,
        "split": text,
        "left_out": listed(word),
        "network": either(_nothing, _SCORES),
        "baselines": table(_SCORES),
        "beats_baselines": maybe(flag),
        "intervals": record({}, {"of": table(table(maybe(listed(number, 2))))}),
    },
)
"""Of the keys that are read; there may be more."""
