"""What a stranger's JSON must look like: a form is called with a value and what the value is called.

>>> form = record({"size": whole, "names": listed(text)})
>>> form({"size": 3, "names": ["a"], "later": None}, "")
>>> form({"size": "3", "names": ["a"]}, "")
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

Form = Callable[[Any, str], None]
"""Raises ValueError, with the key and the value, for what has another form."""

_LARGEST = 1e300
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def shown(value: object) -> str:
    r"""A value in a message: short, on one line, nothing in it that a terminal would obey.

    >>> shown("a\x1b[2J\nb")
    "'a\\x1b[2J\\nb'"
    """
    return _short.repr(value)


def one_line(error: Exception) -> str:
    """What an error says, fit for a sentence."""
    said = str(error)
    return said if harmless(said) and len(said) <= 200 else shown(said)


def parsed(content: bytes) -> dict[str, Any]:
    """The object that a JSON text is.

    Raises:
        ValueError: it is no JSON, no UTF-8, nested too deep, or no object.
    """
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def harmless(value: str) -> bool:
    r"""Whether a text has no control or format characters, which could rewrite what a person reads.

    >>> harmless("Côte d’Azur"), harmless("a\x1b[2J"), harmless("a\u202eb")
    (True, False, False)
    """
    return is_printable(value)


def _must(holds: bool, value: object, key: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{key or 'it'} is {shown(value)}, not {what}")


def text(value: Any, key: str) -> None:
    """One line."""
    _must(isinstance(value, str) and harmless(value), value, key, "a line of text")


def word(value: Any, key: str) -> None:
    """One line that says something."""
    text(value, key)
    _must(0 < len(value.strip()) <= 200, value, key, "a name of 1 to 200 letters")


def number(value: Any, key: str) -> None:
    """Finite."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST
    _must(fits, value, key, "a number")


def whole(value: Any, key: str) -> None:
    """An integer that other programs can hold, too."""
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
    _must(fits, value, key, "a whole number")


def flag(value: Any, key: str) -> None:
    """True or false, or 1 or 0, as some programs write it."""
    _must(isinstance(value, bool | int) and value in (0, 1), value, key, "true or false")


def area(value: Any, key: str) -> None:
    """WKT of polygons, or empty; other kinds could be nested without end."""
    fits = isinstance(value, str) and (not value or re.match(r"(MULTI)?POLYGON\b", value) is not None)
    _must(fits, value, key, "the WKT of polygons")


def maybe(form: Form) -> Form:
    """Or null."""
    return lambda value, key: None if value is None else form(value, key)


def either(*forms: Form) -> Form:
    """The first that fits; the complaint is that of the last."""

    def check(value: Any, key: str) -> None:
        for form in forms[:-1]:
            try:
                return form(value, key)
            except ValueError:
                continue
        return forms[-1](value, key)

    return check


def listed(form: Form, length: int | None = None) -> Form:
    """A list of such values."""

    def check(value: Any, key: str) -> None:
        _must(isinstance(value, list), value, key, "a list")
        _must(length is None or len(value) == length, value, key, f"a list of {length}")
        for position, each in enumerate(value):
            form(each, f"{key}[{position}]")

    return check


def table(form: Form | None = None) -> Form:
    """An object of such values, whatever the keys."""

    def check(value: Any, key: str) -> None:
        _must(isinstance(value, dict), value, key, "an object")
        for name, each in value.items():
            text(name, f"a key of {key}")
            if form is not None:
                form(each, f"{key}.{name}")

    return check


def record(needed: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> Form:
    """An object with these keys; others are passed over."""

    def check(value: Any, key: str) -> None:
        _must(isinstance(value, dict), value, key, "an object")
        for name, form in {**needed, **(optional or {})}.items():
            path = f"{key}.{name}" if key else name
            if name in value:
                form(value[name], path)
            elif name in needed:
                raise ValueError(f"{path} is missing")

    return check
