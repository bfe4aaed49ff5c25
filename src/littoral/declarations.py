"""Read the declarations of verbs: every parameter with type, default, choices, bounds, unit, kind of file and help.

A verb is a function whose parameters are files, single values and :class:`~littoral.options.Options`. The command
line, ``littoral describe`` and the reference in the documentation are derived from what is read here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from docstring_parser import parse, parse_from_object

from littoral import __version__
from littoral.options import (
    Cli,
    Column,
    File,
    Help,
    Number,
    Options,
    alternatives,
    check_value,
    choices_of,
    flag_of,
    split_annotation,
)

ValueType = Literal["boolean", "integer", "number", "text", "path"]


@dataclass(frozen=True)
class ValueList:
    """How several values of one parameter are written in a text."""

    count: int | None
    """How many there are; None: any number."""
    separator: Literal[",", "x", " "]
    """What stands between them; a space: they are separate arguments."""


@dataclass(frozen=True)
class ParameterDeclaration:
    """One parameter of a verb, as a user meets it."""

    name: str
    """Keyword of the verb, or field of the options."""
    flag: str | None
    """Long name on the command line; None: positional."""
    short: str | None
    """Short name there."""
    negative: str | None
    """Name that turns a switch off."""
    aliases: tuple[str, ...]
    """Earlier names, which still work."""
    value_type: ValueType
    """Type of a value, or of each of several."""
    values: ValueList | None
    """Several values in one text; None: one value."""
    metavar: str | None
    """Word that stands for the value in help."""
    default: Any
    """Value where the parameter is not given; None also where that is decided later, as ``default_text`` says."""
    default_text: str | None
    """What happens where the parameter is not given, in words."""
    choices: tuple[str | int, ...]
    """The only values; empty: any."""
    bounds: Number
    """Bounds and unit."""
    file: File | None
    """What the path leads to; None: not a path."""
    column_of: str | None
    """The parameter whose table has the column of this name."""
    inverted: bool
    """Whether the flag turns the option off."""
    group: str
    """Heading in help and documentation."""
    advanced: bool
    """Whether most people can do without it."""
    required: bool
    """Whether there is no default."""
    repeatable: bool
    """Whether it may be given several times."""
    help: str
    """What it does."""
    argument: str
    """Keyword of the verb's function that takes the value, or the options with this field."""
    options: type[Options] | None
    """Options that the parameter is a field of."""
    kind: Any
    """Python type."""

    @property
    def positional(self) -> bool:
        """Whether the command line takes it by position."""
        return self.flag is None

    def shown_default(self) -> str | None:
        """The default in words; None where there is nothing to say: it is required, or off."""
        if self.required or self.default_text is not None:
            return self.default_text
        if self.default is None or self.default in ((), "") or self.value_type == "boolean":
            return "on" if self.default is True and self.negative else None
        if self.values is not None and isinstance(self.default, tuple):
            return ("x" if self.values.separator == "x" else ",").join(map(str, dict.fromkeys(self.default)))
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)

    def to_json(self) -> dict[str, Any]:
        """A record without Python's types."""
        default = self.default
        if isinstance(default, Path):
            default = str(default)
        elif isinstance(default, tuple):
            default = list(default)
        return {
            "name": self.name,
            "argument": self.argument,
            "flag": self.flag,
            "short": self.short,
            "negative": self.negative,
            "aliases": list(self.aliases),
            "type": self.value_type,
            "values": None if self.values is None else {"count": self.values.count, "separator": self.values.separator},
            "metavar": self.metavar,
            "default": default,
            "default_text": self.default_text,
            "choices": list(self.choices),
            "minimum": self.bounds.minimum,
            "maximum": self.bounds.maximum,
            "above": self.bounds.above,
            "below": self.bounds.below,
            "unit": self.bounds.unit,
            "file": None if self.file is None else {"kind": self.file.kind, "direction": self.file.direction},
            "column_of": self.column_of,
            "inverted": self.inverted,
            "group": self.group,
            "advanced": self.advanced,
            "positional": self.positional,
            "required": self.required,
            "repeatable": self.repeatable,
            "help": self.help,
        }


@dataclass(frozen=True)
class VerbDeclaration:
    """A verb and its parameters."""

    name: str
    """Words on the command line, e.g. ``fetch charts``."""
    function: Callable[..., Any]
    """What runs it."""
    stage: str
    """Part of the work that it belongs to."""
    summary: str
    """What it is for, in one line."""
    description: str
    """What else there is to say."""
    parameters: tuple[ParameterDeclaration, ...]
    """In the order of help: arguments by position, then options, the advanced ones last."""

    def to_json(self) -> dict[str, Any]:
        """A record of it."""
        return {
            "name": self.name,
            "stage": self.stage,
            "summary": self.summary,
            "description": self.description,
            "parameters": [parameter.to_json() for parameter in self.parameters],
        }

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keywords of the verb's function, with the options made of the fields that are given.

        Raises:
            InputError: a value outside its bounds or choices.
        """
        found: dict[str, Any] = {}
        of_options: dict[tuple[str, type[Options]], dict[str, Any]] = {}
        for parameter in self.parameters:
            if parameter.name in values:
                value = values[parameter.name]
                if parameter.options is None:
                    check_value(parameter.name, value, parameter.kind, (parameter.bounds,))
                    found[parameter.argument] = value
                else:
                    of_options.setdefault((parameter.argument, parameter.options), {})[parameter.name] = value
        return found | {argument: options(**given) for (argument, options), given in of_options.items()}


def read_verbs(stages: Mapping[str, Sequence[Callable[..., Any]]]) -> list[VerbDeclaration]:
    """Read the declarations of all verbs, e.g. of ``littoral.verbs.STAGES``."""
    return [read_verb(function, stage) for stage, functions in stages.items() for function in functions]


def words_of(function: Callable[..., Any]) -> str:
    """Words of a verb on the command line.

    >>> from littoral.verbs import fetch_charts
    >>> words_of(fetch_charts)
    'fetch charts'
    """
    return function.__name__.replace("_", " ")


def declarations_to_json(verbs: Sequence[VerbDeclaration]) -> dict[str, Any]:
    """The record that ``littoral describe --json`` prints; ``describe.schema.json`` says its form."""
    return {"version": __version__, "verbs": [verb.to_json() for verb in verbs]}


def read_verb(function: Callable[..., Any], stage: str) -> VerbDeclaration:
    """Read the declaration of a verb from its signature, its docstring and its options.

    Args:
        function: The verb.
        stage: Part of the work that it belongs to.
    """
    text = parse(inspect.cleandoc(function.__doc__ or ""))
    helps = {each.arg_name: each.description or "" for each in text.params}
    hints = get_type_hints(function, include_extras=True)
    found: list[ParameterDeclaration] = []
    for parameter in inspect.signature(function).parameters.values():
        kind, metadata = split_annotation(hints[parameter.name])
        if isinstance(kind, type) and issubclass(kind, Options):
            found += _read_options(parameter.name, kind)
        elif parameter.name not in ("track", "say"):
            required = parameter.default is inspect.Parameter.empty
            found.append(
                _parameter(
                    parameter.name,
                    kind,
                    metadata,
                    None if required else parameter.default,
                    help=helps.get(parameter.name, ""),
                    group="Options",
                    required=required,
                    positional=parameter.kind is not inspect.Parameter.KEYWORD_ONLY,
                )
            )
    groups = list(dict.fromkeys(["Files", *(each.group for each in found)]))
    found.sort(key=lambda each: (not each.positional, each.advanced, groups.index(each.group)))
    return VerbDeclaration(
        words_of(function),
        function,
        stage,
        text.short_description or "",
        _one_line(text.long_description),
        tuple(found),
    )


def _read_options(argument: str, options: type[Options]) -> list[ParameterDeclaration]:
    """A parameter for each field of a dataclass of options."""
    helps = {each.arg_name: each.description or "" for each in parse_from_object(options).params}
    hints = get_type_hints(options, include_extras=True)
    found = []
    for field in fields(options):  # type: ignore[arg-type]
        kind, metadata = split_annotation(hints[field.name])
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        found.append(
            _parameter(
                field.name,
                kind,
                metadata,
                default,
                help=helps.get(field.name, ""),
                group=options.GROUP,
                argument=argument,
                options=options,
            )
        )
    return found


def _parameter(
    name: str,
    kind: Any,
    metadata: tuple[Any, ...],
    default: Any,
    *,
    help: str,
    group: str,
    required: bool = False,
    positional: bool = False,
    argument: str | None = None,
    options: type[Options] | None = None,
) -> ParameterDeclaration:
    cli, file, shared = (_first(metadata, kind_of) for kind_of in (Cli, File, Help))
    cli = cli or Cli()
    column, bounds = _first(metadata, Column), _first(metadata, Number)
    value_type, values, repeatable = _form(kind, cli)
    flag: str | None = flag_of(name, metadata)
    if positional and (file is None or file.direction == "in"):
        flag = None
    # What is off by default needs no name that turns it off.
    optional = NoneType in get_args(kind)
    negative = None
    if value_type == "boolean" and flag is not None and not cli.inverted and (default is True or optional):
        negative = f"--no-{flag[2:]}"
    if options is None and file is not None:
        group = "Files"
    return ParameterDeclaration(
        name=name,
        flag=flag,
        short=cli.short,
        negative=negative,
        aliases=cli.old,
        value_type=value_type,
        values=values,
        metavar=cli.metavar,
        default=default,
        default_text=cli.default,
        choices=choices_of(kind),
        bounds=bounds or Number(),
        file=file,
        column_of=None if column is None else column.of,
        inverted=cli.inverted,
        group="Advanced" if cli.advanced else group,
        advanced=cli.advanced,
        required=required,
        repeatable=repeatable,
        help=_one_line(help or (shared.text if shared else "")),
        argument=argument or name,
        options=options,
        kind=kind,
    )


def _form(kind: Any, cli: Cli) -> tuple[ValueType, ValueList | None, bool]:
    """Type of a value, how several are written, and whether the parameter may be repeated.

    >>> _form(tuple[int, int], Cli())
    ('integer', ValueList(count=2, separator='x'), False)
    >>> _form(tuple[str, ...] | None, Cli(metavar="A,B")), _form(float | None, Cli())
    (('text', ValueList(count=None, separator=','), False), ('number', None, False))
    """
    kinds = list(alternatives(kind))
    if set(kinds) == {str, Path}:
        return "path", None, False
    if len(kinds) > 1:
        # What may be a number or a word is written as text.
        return "text", None, False
    (one,) = kinds
    if get_origin(one) is Literal:
        return _form(type(get_args(one)[0]), cli)
    if get_origin(one) in (tuple, list, Sequence):
        items = get_args(one)
        item: ValueType = _form(items[0], Cli())[0]
        if items[-1] is Ellipsis or len(items) == 1:
            comma = "," in (cli.metavar or "")
            return item, ValueList(None, ",") if comma else None, not comma
        return item, ValueList(len(items), "x" if item == "integer" else " "), False
    names: dict[type, ValueType] = {bool: "boolean", int: "integer", float: "number", Path: "path"}
    return names.get(one, "text"), None, False


def _first(metadata: tuple[Any, ...], kind: type) -> Any:
    return next((each for each in metadata if isinstance(each, kind)), None)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
