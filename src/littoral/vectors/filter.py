"""Rows of a table for which a condition on its fields holds.

A condition is data, not code. It has comparisons (``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``), ``in``, ``between``,
``is null``, ``and``, ``or``, ``not`` and parentheses, on fields, numbers, texts in single quotes, ``true``, ``false``
and ``null``.

Names of fields are compared without case; odd ones stand in double quotes. Null is SQL's: what is compared with it is
neither true nor false, and a row is kept only where the condition is true. Dates are texts, ``YYYY-MM-DD``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import pandas as pd

from littoral.errors import InputError
from littoral.vectors.columns import find_column

Table = TypeVar("Table", bound=pd.DataFrame)

MAX_LENGTH = 4000
"""Characters of a condition."""
MAX_DEPTH = 50
"""Parentheses and ``not`` inside each other."""

_TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<text>'(?:[^']|'')*')|(?P<field>"(?:[^"]|"")+")"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|<>|!=|==|[=<>(),+-])"""
)
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "==": operator.eq, "<>": operator.ne, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "true", "false", "between"}


def filter_rows(table: Table, where: str | None, source: object = "the table") -> Table:
    """Rows for which a condition is true, in their order.

    >>> coast = pd.DataFrame({"site": ["a", "b", None], "purity": [0.9, 0.5, 0.8]})
    >>> filter_rows(coast, "site <> 'b' and purity >= 0.75").index.tolist()
    [0]
    >>> filter_rows(coast, "site is null or not purity > 0.6").index.tolist()
    [1, 2]

    Args:
        table: Rows with fields; not changed.
        where: The condition; None: all rows.
        source: What the rows were read from, for messages.

    Raises:
        InputError: a condition that cannot be understood, a field that is not there, a comparison of a number with a
            text, or no row left.
    """
    if where is None:
        return table
    kept = table[evaluate_condition(table, where, source).fillna(False).to_numpy(bool)]
    if kept.empty:
        raise InputError(source, f"has no row where {where}", "change the condition given with --where")
    kept.attrs = table.attrs
    return kept


def evaluate_condition(table: pd.DataFrame, where: str, source: object = "the table") -> pd.Series[Any]:
    """True, false or null for each row.

    >>> evaluate_condition(pd.DataFrame({"n": [1, 2, None]}), "n in (2, 3)").tolist()
    [False, True, <NA>]

    Raises:
        InputError: as :func:`filter_rows`.
    """
    if len(where) > MAX_LENGTH:
        raise InputError("the condition", f"has more than {MAX_LENGTH} characters", "pass a shorter one")
    parser = _Parser(where, table, source)
    found = parser.alternatives(0)
    if parser.token.kind != "end":
        parser.fail("expected and, or, or the end")
    return found


@dataclass(frozen=True)
class _Token:
    kind: str
    """``number``, ``text``, ``field``, ``word``, ``sign`` or ``end``."""
    text: str
    at: int
    """Place in the condition, from 0."""


@dataclass(frozen=True)
class _Operand:
    """A value for each row."""

    values: pd.Series[Any]
    kind: str
    """``number``, ``text``, ``boolean`` or ``null``."""


class _Parser:
    """Reads a condition from left to right and evaluates it on the way: one method for each rule of the grammar."""

    def __init__(self, where: str, table: pd.DataFrame, source: object) -> None:
        self._where, self._table, self._source = where, table, source
        self._tokens = self._split()
        self._next = 0

    @property
    def token(self) -> _Token:
        """The token that comes next."""
        return self._tokens[self._next]

    def fail(self, wrong: str, token: _Token | None = None) -> NoReturn:
        """
        Raises:
            InputError: always; it names the place.
        """
        token = token or self.token
        there = f"{token.text!r} at character {token.at + 1}" if token.text else "the end"
        remedy = "write e.g. \"site not in ('a', 'b') and purity >= 0.75\", texts in single quotes"
        raise InputError(f"the condition {self._where!r}", f"cannot be understood at {there} ({wrong})", remedy)

    def alternatives(self, depth: int) -> pd.Series[Any]:
        """``a or b``"""
        found = self._conjunction(depth)
        while self._take("or"):
            found = found | self._conjunction(depth)
        return found

    def _conjunction(self, depth: int) -> pd.Series[Any]:
        found = self._negation(depth)
        while self._take("and"):
            found = found & self._negation(depth)
        return found

    def _negation(self, depth: int) -> pd.Series[Any]:
        if depth > MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} parentheses inside each other")
        if self._take("not"):
            return ~self._negation(depth + 1)
        if self._take("("):
            found = self.alternatives(depth + 1)
            self._expect(")")
            return found
        return self._predicate()

    def _predicate(self) -> pd.Series[Any]:
        start = self.token
        left = self._operand()
        if (sign := self.token.text) in _COMPARISONS and self.token.kind == "sign":
            self._next += 1
            return self._compare(left, sign, self._operand(), start)
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            null = left.values.isna().astype("boolean")
            return ~null if negated else null
        negated = self._take("not")
        if self._take("in"):
            self._expect("(")
            found = self._compare(left, "=", self._operand(), start)
            while self._take(","):
                found = found | self._compare(left, "=", self._operand(), start)
            self._expect(")")
        elif self._take("between"):
            low = self._operand()
            self._expect("and")
            found = self._compare(left, ">=", low, start) & self._compare(left, "<=", self._operand(), start)
        elif negated or left.kind not in ("boolean", "null"):
            self.fail("expected a comparison, in, between, or is null")
        else:
            return left.values.astype("boolean")
        return ~found if negated else found

    def _operand(self) -> _Operand:
        token = self.token
        self._next += 1
        if token.kind == "sign" and token.text in "+-" and self.token.kind == "number":
            number = self._operand()
            return _Operand(-number.values if token.text == "-" else number.values, "number")
        word = token.text.casefold() if token.kind == "word" else ""
        if token.kind == "number":
            whole = token.text.isdecimal() and len(token.text) < 19
            return self._constant(int(token.text) if whole else float(token.text), "number")
        if token.kind == "text":
            return self._constant(token.text[1:-1].replace("''", "'"), "text")
        if word in ("true", "false"):
            return self._constant(word == "true", "boolean")
        if word == "null":
            return _Operand(pd.Series(pd.NA, index=self._table.index, dtype="boolean"), "null")
        if token.kind == "field":
            return self._field(token.text[1:-1].replace('""', '"'), token)
        if word and word not in _KEYWORDS:
            return self._field(token.text, token)
        return self.fail("expected a field, a number, or a text in single quotes", token)

    def _constant(self, value: Any, kind: str) -> _Operand:
        return _Operand(pd.Series([value] * len(self._table), index=self._table.index).convert_dtypes(), kind)

    def _field(self, name: str, token: _Token) -> _Operand:
        column = find_column(self._table.drop(columns="geometry", errors="ignore"), name)
        if column is None:
            fields = ", ".join(str(each) for each in self._table.columns if each != "geometry")
            remedy = f"choose one of {fields}; texts stand in single quotes"
            raise InputError(self._source, f"has no field {name!r} (character {token.at + 1} of --where)", remedy)
        return _as_operand(self._table[column])

    def _compare(self, left: _Operand, sign: str, right: _Operand, start: _Token) -> pd.Series[Any]:
        if "null" in (left.kind, right.kind):
            return pd.Series(pd.NA, index=self._table.index, dtype="boolean")
        if left.kind != right.kind:
            self.fail(f"a {left.kind} is compared with a {right.kind}", start)
        return pd.Series(_COMPARISONS[sign](left.values, right.values).astype("boolean"))

    def _take(self, text: str) -> bool:
        """Go past the next token if it is this keyword or sign."""
        taken = self.token.kind in ("word", "sign") and self.token.text.casefold() == text
        self._next += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            self.fail(f"expected {text}")

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._where):
            if self._where[at].isspace():
                at += 1
                continue
            match = _TOKEN.match(self._where, at)
            if match is None:
                quote = self._where[at] in "'\""
                self.fail("a quote that is not closed" if quote else "not expected", _Token("", self._where[at], at))
            tokens.append(_Token(str(match.lastgroup), match.group(), at))
            at = match.end()
        return [*tokens, _Token("end", "", at)]


def _as_operand(column: pd.Series[Any]) -> _Operand:
    """A field's values, NaN as null; dates and what else is neither number nor boolean as text."""
    if pd.api.types.is_datetime64_any_dtype(column):
        whole = bool((column.dropna() == column.dropna().dt.normalize()).all())
        return _Operand(column.dt.strftime("%Y-%m-%d" if whole else "%Y-%m-%dT%H:%M:%S").astype("string"), "text")
    values = column.convert_dtypes()
    if values.isna().all():
        return _Operand(values.astype("boolean"), "null")
    if pd.api.types.is_bool_dtype(values):
        return _Operand(values, "boolean")
    if pd.api.types.is_numeric_dtype(values):
        return _Operand(values, "number")
    return _Operand(values.map(str, na_action="ignore").astype("string"), "text")
