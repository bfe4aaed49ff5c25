"""Coastline categories: the S-57 table CATCOA with names, colours and S-101 equivalents, and tables of users.

CATCOA is attribute 15 of S-57 (IHO S-57 Edition 3.1, Appendix A); value 11 was added in Edition 3.1. In S-101 the
values 1, 2, 6, 7, 8 and 10 belong to ``categoryOfCoastline``, the other five to ``natureOfSurface``.

The colours were optimised for this table: the smallest CIEDE2000 difference between any two of them is 16, in normal
vision and in complete protanopia, deuteranopia and tritanopia (measured in ``tests/test_categories.py``).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from littoral.errors import InputError, is_printable

UNKNOWN_COLOUR = "#B4B4B4"
"""Colour of lines and rectangles without a category: null in the chart, or not classified."""
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Category:
    """One category of shore.

    Raises:
        InputError: the code, name or colour does not have the form described below.
    """

    code: int
    """Value of the class field, a 32-bit integer: the CATCOA number, or a number of the user's table."""
    name: str
    """Name for legends and reports, 1 to 200 characters without tabs, line breaks or control characters."""
    colour: str
    """``#RRGGBB``, for maps and legends."""
    s101: str = ""
    """Equivalent in S-101, ``attribute=value``; empty for categories of a user's table."""

    def __post_init__(self) -> None:
        if not -(2**31) < self.code < 2**31:
            raise InputError(f"class value {self.code}", "is beyond 32 bits", "number the classes from 1")
        if not (0 < len(self.name.strip()) <= _LONGEST_NAME and is_printable(self.name)):
            name = self.name if len(self.name) <= 60 else f"{self.name[:60]}…"
            what = f"is not 1 to {_LONGEST_NAME} letters without tabs, line breaks or control characters"
            raise InputError(f"class name {name!r}", what, "give the class another name")
        if not re.fullmatch("#[0-9A-Fa-f]{6}", self.colour):
            raise InputError(f"colour {self.colour!r}", "cannot be read", "write colours as #RRGGBB")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, each 0 to 255.

        >>> CATCOA[10].rgb
        (24, 106, 219)
        """
        return tuple(bytes.fromhex(self.colour[1:]))  # type: ignore[return-value]


@dataclass(frozen=True)
class Scheme(Mapping[int, Category]):
    """A mapping of codes to categories; :meth:`category` makes up names and colours for other codes.

    >>> CATCOA[3].name, CATCOA[3].s101
    ('sandy shore', 'natureOfSurface=4')
    >>> CATCOA.get(70) is None, CATCOA.category(70).name
    (True, 'category 70')
    """

    categories: tuple[Category, ...]

    def __getitem__(self, code: int) -> Category:
        for category in self.categories:
            if category.code == code:
                return category
        raise KeyError(code)

    def __iter__(self) -> Iterator[int]:
        return (category.code for category in self.categories)

    def __len__(self) -> int:
        return len(self.categories)

    def category(self, code: int) -> Category:
        """The category of a code; for a code that is not listed, one named ``category <code>``."""
        return self.get(code) or Category(code, f"category {code}", _SPARE_COLOURS[code % len(_SPARE_COLOURS)])

    def code_of(self, value: object) -> int:
        """Code of a field's value: a whole number, a name in upper or lower case, or ``attribute=value`` of S-101.

        Raises:
            InputError: the text is not the name of a category, or the number is not whole.

        >>> CATCOA.code_of("Mangrove"), CATCOA.code_of(7.0), CATCOA.code_of("7"), CATCOA.code_of("natureOfSurface = 4")
        (7, 7, 7, 3)
        """
        text = str(value).strip()
        given = text.casefold().replace(" ", "")
        for category in self.categories:
            if category.name.casefold() == text.casefold() or (category.s101 and category.s101.casefold() == given):
                return category.code
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if number.is_integer():
            return int(number)
        known = ", ".join(category.name for category in self.categories)
        raise InputError(
            f"class {text!r}",
            "is neither a whole number nor a name in the category table",
            f"use one of {known}, or give a table of your own with --categories",
        )

    def attribute_like(self, field: str) -> str:
        """S-101 attribute with the same name as a field, in full or cut to the ten letters of a Shapefile; else ``""``.

        >>> CATCOA.attribute_like("natureofsurface"), CATCOA.attribute_like("categoryOf"), CATCOA.attribute_like("KIND")
        ('natureOfSurface', 'categoryOfCoastline', '')
        """
        attributes = {category.s101.partition("=")[0] for category in self.categories if "=" in category.s101}
        given = field.casefold()
        return next((each for each in sorted(attributes) if given in (each.casefold(), each.casefold()[:10])), "")


CONSTRUCTED = 100
"""Code for constructed shore, which is an object class in S-57 (SLCONS) and a feature in S-101, not a category."""

CATCOA = Scheme(
    (
        Category(1, "steep coast", "#442205", "categoryOfCoastline=1"),
        Category(2, "flat coast", "#A89A86", "categoryOfCoastline=2"),
        Category(3, "sandy shore", "#F7F73C", "natureOfSurface=4"),
        Category(4, "stony shore", "#88686B", "natureOfSurface=5"),
        Category(5, "shingly shore", "#A4A8F7", "natureOfSurface=7"),
        Category(6, "glacier (seaward end)", "#8EF0EC", "categoryOfCoastline=6"),
        Category(7, "mangrove", "#052D30", "categoryOfCoastline=7"),
        Category(8, "marshy shore", "#A1B83C", "categoryOfCoastline=8"),
        Category(9, "coral reef", "#CD3B31", "natureOfSurface=14"),
        Category(10, "ice coast", "#186ADB", "categoryOfCoastline=10"),
        Category(11, "shelly shore", "#912175", "natureOfSurface=17"),
        Category(CONSTRUCTED, "constructed shore", "#E1F8CA", "ShorelineConstruction"),
    )
)
"""Values of the S-57 attribute "category of coastline", and :data:`CONSTRUCTED`."""

# Colours for codes that a table does not list, and for users' tables without colours.
_SPARE_COLOURS = ("#E07B00", "#5B8C85", "#D16BA5", "#3D4F9F", "#7A9E1F", "#B0413E", "#4FB0C6")


def user_scheme(
    names: Mapping[int, str] | Iterable[tuple[int, str]], colours: Mapping[int, str] | None = None
) -> Scheme:
    """Make a table from codes and names; colours not given are taken from a fixed list, in the order of codes.

    >>> user_scheme({20: "sea wall", 10: "dune"})[10].name
    'dune'
    """
    chosen = dict(colours or {})
    ordered = sorted(dict(names).items())
    return Scheme(
        tuple(
            Category(code, name, chosen.get(code) or _SPARE_COLOURS[index % len(_SPARE_COLOURS)])
            for index, (code, name) in enumerate(ordered)
        )
    )


def read_categories(path: Path) -> Scheme:
    """Read a table of categories: CSV with the columns ``code``, ``name`` and, optionally, ``colour`` (#RRGGBB).

    Raises:
        InputError: the file is not such a table, a code occurs twice, or a colour has another form.
    """
    names: dict[int, str] = {}
    colours: dict[int, str] = {}
    for number, row in _rows(path, ("code", "name"), ("colour",)):
        code, name, colour = row["code"], row["name"], row["colour"]
        if not re.fullmatch(r"-?\d+", code) or not name or int(code) in names:
            raise InputError(
                path,
                f"line {number} has code {code!r} and name {name!r}",
                "give each line a whole number of its own as code, and a name",
            )
        names[int(code)] = name
        try:
            Category(int(code), name, colour or UNKNOWN_COLOUR)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error.subject}", error.what, error.remedy) from error
        if colour:
            colours[int(code)] = colour.upper()
    if not names:
        raise InputError(path, "has no categories", "write one line each, under the heading code,name,colour")
    return user_scheme(names, colours)


def read_mapping(path: Path, scheme: Scheme = CATCOA) -> dict[str, int | None]:
    """Read the categories of a user's values: CSV with the columns ``value`` and ``category``.

    A category is a code or a name of the scheme, or empty for no category. The value ``*`` matches all values that are
    not listed.

    Returns:
        Code (None: no category) by value; values are text, whole numbers without a decimal point.

    Raises:
        InputError: the file is not such a table, a value occurs twice, or a category is not in the scheme.
    """
    mapping: dict[str, int | None] = {}
    for number, row in _rows(path, ("value", "category")):
        value, category = row["value"], row["category"]
        if not value or value_text(value) in mapping:
            raise InputError(path, f"line {number} has value {value!r}", "give each line a value of its own")
        try:
            mapping[value_text(value)] = scheme.code_of(category) if category else None
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error.subject}", error.what, error.remedy) from error
    if not mapping:
        raise InputError(path, "has no values", "write one line each, under the heading value,category")
    return mapping


def _rows(path: Path, needed: tuple[str, ...], wanted: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and fields by column of each row of a CSV; the delimiter is a comma, semicolon or tab.

    Blanks around fields are removed, empty rows are skipped, and column names are compared without case.

    Raises:
        InputError: the file cannot be read, or a column is missing.
    """
    columns = ",".join((*needed, *wanted))
    remedy = f"pass a CSV with the heading {columns}"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", remedy) from error
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", f"save it as such, and {remedy}") from error
    heading = lines[0] if lines else ""
    between = max(",;\t", key=heading.count)
    rows = csv.reader(lines, delimiter=between)
    names = [name.strip().casefold() for name in next(rows, [])]
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(path, f"has no column {' and no column '.join(missing)}", f"begin it with the line {columns}")
    for fields in rows:
        if any(field.strip() for field in fields):
            row = dict.fromkeys((*needed, *wanted), "") | dict(zip(names, map(str.strip, fields), strict=False))
            yield rows.line_num, row


def value_text(value: object) -> str:
    """A value as text in the form of mapping keys: no surrounding blanks, whole numbers without a decimal point.

    >>> value_text(7.0), value_text(" 7 "), value_text("7.0"), value_text("rock")
    ('7', '7', '7', 'rock')
    """
    text = str(value).strip()
    return text[:-2] if re.fullmatch(r"-?\d+\.0", text) else text
