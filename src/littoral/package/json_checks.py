"""Check JSON from untrusted sources against schemas: functions of a value and the key it stands under.

>>> schema = record({"size": whole, "names": listed(text)})
>>> schema({"size": 3, "names": ["a"], "later": None}, "")
>>> schema({"size": "3", "names": ["a"]}, "")
Traceback (most recent call last):
ValueError: size is '3', not a whole number
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from littoral.errors import is_printable

Schema = Callable[[Any, str], None]
"""Raises ValueError, with the key and the value, for a value that does not fit."""

_LARGEST = 1e300
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def shown(value: object) -> str:
    r"""A value for a message: shortened, on one line, control characters escaped.

    >>> shown("a\x1b[2J\nb")
    "'a\\x1b[2J\\nb'"
    """
    return _short.repr(value)


def parsed(content: str) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: no JSON, nested too deep, or no object.
    """
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _must(holds: bool, value: object, key: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{key or 'the value'} is {shown(value)}, not {what}")


def text(value: Any, key: str) -> None:
    """One line of text."""
    _must(isinstance(value, str) and is_printable(value), value, key, "a line of text")


def word(value: Any, key: str) -> None:
    """A name of 1 to 200 letters."""
    text(value, key)
    _must(0 < len(value.strip()) <= 200, value, key, "a name of 1 to 200 letters")


def number(value: Any, key: str) -> None:
    """Finite."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST
    _must(fits, value, key, "a number")


def whole(value: Any, key: str) -> None:
    """An integer within 32 bits."""
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
    _must(fits, value, key, "a whole number")


def flag(value: Any, key: str) -> None:
    """True, false, 1 or 0."""
    _must(isinstance(value, bool | int) and value in (0, 1), value, key, "true or false")


def area(value: Any, key: str) -> None:
    """WKT of polygons, or empty; collections could be nested without end."""
    fits = isinstance(value, str) and (not value or re.match(r"(MULTI)?POLYGON\b", value) is not None)
    _must(fits, value, key, "the WKT of polygons")


def maybe(schema: Schema) -> Schema:
    """Null, or what fits the schema."""
    return lambda value, key: None if value is None else schema(value, key)


def either(*schemas: Schema) -> Schema:
    """What fits one of the schemas; the error is that of the last."""

    def check(value: Any, key: str) -> None:
        for schema in schemas[:-1]:
            try:
                return schema(value, key)
            except ValueError:
                continue
        return schemas[-1](value, key)

    return check


def listed(schema: Schema, length: int | None = None) -> Schema:
    """A list whose elements fit the schema."""

    def check(value: Any, key: str) -> None:
        _must(isinstance(value, list), value, key, "a list")
        _must(length is None or len(value) == length, value, key, f"a list of {length}")
        for position, each in enumerate(value):
            schema(each, f"{key}[{position}]")

    return check


def table(schema: Schema | None = None) -> Schema:
    """An object with any keys whose values fit the schema."""

    def check(value: Any, key: str) -> None:
        _must(isinstance(value, dict), value, key, "an object")
        for name, each in value.items():
            text(name, f"a key of {key}")
            if schema is not None:
                schema(each, f"{key}.{name}")

    return check


def record(needed: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these keys; other keys are ignored."""

    def check(value: Any, key: str) -> None:
        _must(isinstance(value, dict), value, key, "an object")
        for name, schema in {**needed, **(optional or {})}.items():
            path = f"{key}.{name}" if key else name
            if name in value:
                schema(value[name], path)
            elif name in needed:
                raise ValueError(f"{path} is missing")

    return check
