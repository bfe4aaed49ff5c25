"""Metadata with which an option is declared, and the checks that follow from it.

An option is declared once: as a field of a frozen dataclass derived from :class:`Options`, or as a parameter of a verb.
Its type, default and docstring are Python's own; what Python has no place for stands in ``Annotated``. The command
line, ``littoral describe`` and the reference in the documentation are derived from these declarations.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Boxes(Options):
...     length_m: Annotated[float, Number(above=0, unit="m")] = 1000.0
>>> Boxes(-5)
Traceback (most recent call last):
    ...
littoral.errors.InputError: length -5 is not above 0 m: pass a number above 0.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from numbers import Real
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, cast, get_args, get_origin, get_type_hints

from littoral.errors import InputError

FileKind = Literal["vector", "scene", "raster", "chart", "tiles", "model", "page", "table", "json", "folder", "items"]
"""What a path leads to. ``scene``: anything that opens as a scene, also a web address; ``tiles``: a folder of labelled
tiles; ``page``: HTML; ``table``: CSV; ``items``: STAC items as JSON."""
Direction = Literal["in", "out"]

UNIT_SUFFIXES = ("_m2", "_m", "_km", "_px", "_deg")
"""Endings of field names that say the unit; the name on the command line is without them."""


@dataclass(frozen=True)
class Number:
    """Bounds and unit of a number."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    """Exclusive lower bound."""
    below: float | None = None
    """Exclusive upper bound."""
    unit: str | None = None
    """Symbol: ``m``, ``km``, ``px``, ``%``, ``degrees``."""

    def violation(self, value: float) -> str | None:
        """What is wrong with a value, or None."""
        unit = f" {self.unit}" if self.unit else ""
        if not math.isfinite(value):
            return "is not a finite number"
        for bound, holds, words in (
            (self.minimum, operator.ge, "less than"),
            (self.above, operator.gt, "not above"),
            (self.maximum, operator.le, "more than"),
            (self.below, operator.lt, "not below"),
        ):
            if bound is not None and not holds(value, bound):
                return f"is {words} {bound:g}{unit}"
        return None

    def __str__(self) -> str:
        """The bounds in words, for a remedy.

        >>> str(Number(minimum=0, maximum=1)), str(Number(above=0)), str(Number(minimum=1))
        ('a number from 0 to 1', 'a number above 0', 'a number of 1 or more')
        """
        low = "" if self.minimum is None else f"from {self.minimum:g}"
        low = low if self.above is None else f"above {self.above:g}"
        high = "" if self.maximum is None else f"to {self.maximum:g}"
        high = high if self.below is None else f"below {self.below:g}"
        if not high and self.minimum is not None:
            low = f"of {self.minimum:g} or more"
        return " ".join(["a number", *filter(None, (low, high))])


@dataclass(frozen=True)
class File:
    """A path, and what it leads to."""

    kind: FileKind
    direction: Direction = "in"


@dataclass(frozen=True)
class Column:
    """The name of a column of a table."""

    of: str = ""
    """The parameter that holds the table."""


@dataclass(frozen=True)
class Help:
    """Help text of a parameter that many verbs share; elsewhere the docstring is the help text."""

    text: str


@dataclass(frozen=True)
class Cli:
    """How an option appears on the command line, where that does not follow from its name and type."""

    flag: str | None = None
    """Long name, e.g. ``--also``; None: the field's name with dashes, without its unit."""
    short: str | None = None
    """Short name, e.g. ``-o``."""
    old: tuple[str, ...] = ()
    """Names of earlier versions, which still work and print the new one."""
    metavar: str | None = None
    """Word that stands for the value in help."""
    default: str | None = None
    """What happens where the option is not given, if the default value does not say it."""
    inverted: bool = False
    """A switch that is given to turn the option off."""
    advanced: bool = False
    """Listed after the options that most people need."""


class Options:
    """Base of frozen dataclasses of options: values are checked against their declaration."""

    GROUP: ClassVar[str] = "Options"
    """Heading in help and documentation."""

    def __post_init__(self) -> None:
        """
        Raises:
            InputError: a value outside its bounds or choices.
        """
        for name, kind, metadata in declared(cast(Any, type(self))):
            check_value(name, getattr(self, name), kind, metadata)

    def changed(self) -> list[str]:
        """Names on the command line of the options that are not at their default."""
        usual = type(self)()
        return [
            flag_of(name, metadata)
            for name, _, metadata in declared(cast(Any, type(self)))
            if getattr(self, name) != getattr(usual, name)
        ]


def flag_of(name: str, metadata: tuple[Any, ...]) -> str:
    """The long name of an option on the command line.

    >>> flag_of("length_m", ()), flag_of("crs", (Cli("--scene-crs"),))
    ('--length', '--scene-crs')
    """
    declared_flag = next((each.flag for each in metadata if isinstance(each, Cli)), None)
    return declared_flag or "--" + plain_name(name).replace("_", "-")


def check_value(name: str, value: Any, kind: Any, metadata: tuple[Any, ...]) -> None:
    """Check a value against its declaration.

    Args:
        name: Of the field.
        value: Given for it.
        kind: Its type.
        metadata: What stands beside the type in ``Annotated``.

    Raises:
        InputError: a value outside its bounds or choices.
    """
    if value is None:
        return
    label = plain_name(name).replace("_", " ")
    choices = choices_of(kind)
    if choices and isinstance(value, str | int) and value not in choices:
        text = " or ".join(map(str, choices)) if len(choices) < 3 else f"one of {', '.join(map(str, choices))}"
        raise InputError(f"{label} {value!r}", "is not known", f"choose {text}")
    for bounds in metadata:
        if isinstance(bounds, Number):
            for number in value if isinstance(value, tuple | list) else [value]:
                if isinstance(number, Real) and (wrong := bounds.violation(float(number))) is not None:
                    raise InputError(f"{label} {float(number):g}", wrong, f"pass {bounds}")


@cache
def declared(options: type) -> tuple[tuple[str, Any, tuple[Any, ...]], ...]:
    """Name, type and metadata of each field of a dataclass of options."""
    hints = get_type_hints(options, include_extras=True)
    return tuple((field.name, *split_annotation(hints[field.name])) for field in fields(options))


def split_annotation(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its ``Annotated``, and the metadata.

    >>> split_annotation(Annotated[int, Number(minimum=1)])
    (<class 'int'>, (Number(minimum=1, maximum=None, above=None, below=None, unit=None),))
    """
    if get_origin(annotation) is Annotated:
        kind, *metadata = get_args(annotation)
        return kind, tuple(metadata)
    return annotation, ()


def alternatives(kind: Any) -> Iterator[Any]:
    """The types of a union other than None; of any other type the type itself."""
    if get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            if each is not NoneType:
                yield from alternatives(each)
    elif get_origin(kind) is Annotated:
        yield from alternatives(get_args(kind)[0])
    else:
        yield kind


def choices_of(kind: Any) -> tuple[Any, ...]:
    """The values of a ``Literal``, also inside an optional type; empty where other values are allowed too.

    >>> choices_of(Literal["a", "b"] | None)
    ('a', 'b')
    """
    kinds = list(alternatives(kind))
    if not kinds or any(get_origin(each) is not Literal for each in kinds):
        return ()
    return tuple(value for each in kinds for value in get_args(each))


def plain_name(name: str) -> str:
    """The name of a field without its unit.

    >>> plain_name("length_m"), plain_name("min_area_m2"), plain_name("sort")
    ('length', 'min_area', 'sort')
    """
    for suffix in UNIT_SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


Overwrite = Annotated[bool, Help("Replace the output if it exists."), Cli(advanced=True)]
"""Shared by the verbs that write one file."""
