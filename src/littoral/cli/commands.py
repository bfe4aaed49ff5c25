"""Commands of the command line, each derived with cyclopts from the declaration of a verb."""

from __future__ import annotations

import inspect
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import (
    App,
    CycloptsError,
    Group,
    MissingArgumentError,
    Parameter,
    UnknownOptionError,
    UnusedCliTokensError,
)
from rich.console import Console

from littoral.cli.streams import printable
from littoral.cli.values import value_of
from littoral.declarations import ParameterDeclaration, VerbDeclaration, read_verb
from littoral.errors import InputError
from littoral.progress import bar

WIDTH = 100
"""Most columns of help."""
GONE = {"--deepness": "littoral no longer writes models for Deepness, which takes only 8-bit images: export an .onnx"}
"""Options of earlier versions that have no successor."""
_TYPES: dict[str, type] = {"boolean": bool, "integer": int, "number": float, "text": str, "path": str}


def run_verb(function: Callable[..., Any], stage: str, arguments: list[str]) -> None:
    """Run a verb with the words after its name, and print its summary.

    Raises:
        InputError: arguments that are missing, not known or of another type.
        LittoralError: as the verb.
    """
    verb = read_verb(function, stage)
    app = _application(verb)
    tokens = _with_new_names(verb, arguments)
    try:
        call, bound, *_ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise InputError(f"littoral {verb.name}", *_explain(error, verb)) from None
    if call is not app.default_command:
        # Only --help is not the verb itself.
        call(*bound.args, **bound.kwargs)
        return
    declared = {parameter.name: parameter for parameter in verb.parameters}
    values = {name: value_of(declared[name], value) for name, value in bound.arguments.items()}
    shown: dict[str, Any] = {"track": bar, "say": partial(_print)}
    keywords = inspect.signature(function).parameters
    summary = function(**verb.arguments(values), **{name: how for name, how in shown.items() if name in keywords})
    if summary is not None:
        _print(str(summary))


def _print(text: str) -> None:
    print(printable(text), flush=True)


def _with_new_names(verb: VerbDeclaration, arguments: list[str]) -> list[str]:
    """Arguments with earlier names of options replaced, which a line on standard error says."""
    new = {old: str(parameter.flag) for parameter in verb.parameters for old in parameter.aliases}
    tokens = list(arguments)
    for position, token in enumerate(arguments):
        if token == "--":
            break
        name, equals, value = token.partition("=")
        if name in GONE:
            raise InputError(name, "is gone", GONE[name])
        if name in new:
            print(f"littoral: {name} is now {new[name]}", file=sys.stderr)
            tokens[position] = f"{new[name]}{equals}{value}"
    return tokens


def _explain(error: CycloptsError, verb: VerbDeclaration) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    usage = f"see littoral {verb.name} --help"
    if isinstance(error, UnusedCliTokensError):
        return f"takes no argument {' '.join(error.unused_tokens or ())}", usage
    if isinstance(error, MissingArgumentError) and error.argument is not None and not error.argument.tokens:
        missing = error.keyword or error.argument.name
        if error.tokens_so_far:
            return f"needs more values after {missing}", usage
        return f"needs {missing}", f"add a value after {missing}" if missing.startswith("-") else usage
    text = " ".join(str(error).split()).rstrip(".?")
    wrong, _, hint = text.partition(". Did you mean ")
    wrong, _, choices = wrong.partition(". Choose from: ")
    remedy = usage
    if hint:
        remedy = f"did you mean {hint}? {usage}"
    elif isinstance(error, UnknownOptionError) and Path(error.token.value or error.token.keyword or "").suffix:
        wrong, remedy = wrong.partition(". ")[0], "write ./ before the name of a file that begins with -"
    elif choices:
        remedy = f"choose one of {choices.replace(chr(34), '')}"
    wrong = wrong[0].lower() + wrong[1:]
    return f"cannot be run ({wrong})", remedy


def _application(verb: VerbDeclaration) -> App:
    """A command whose function only has the signature of the verb's parameters."""
    names = dict.fromkeys(parameter.group for parameter in verb.parameters)
    groups = {name: Group(name, sort_key=position) for position, name in enumerate(names)}

    def command(*arguments: Any, **options: Any) -> None:
        """Stands for the verb, which is called with the values that cyclopts found."""

    command.__signature__ = inspect.Signature([_parameter(each, groups) for each in verb.parameters])  # type: ignore[attr-defined]
    columns = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    app = App(
        name=f"littoral {verb.name}",
        help="\n\n".join(filter(None, (verb.summary, verb.description))),
        help_format="plaintext",
        help_flags=("--help", "-h"),
        version_flags=(),
        console=Console(width=columns, highlight=False, soft_wrap=False),
    )
    app["--help"].show = False
    app.default(command)
    return app


def _parameter(declared: ParameterDeclaration, groups: dict[str, Group]) -> inspect.Parameter:
    kind: Any = _TYPES[declared.value_type]
    if declared.choices:
        kind = Literal[declared.choices]
    if declared.repeatable:
        kind = list[kind]
    elif declared.values is not None:
        separate = declared.values.separator == " " and declared.values.count
        kind = tuple[(kind,) * separate] if separate else str  # type: ignore[misc]
    names = [declared.name.upper()] if declared.flag is None else [declared.flag, declared.short]
    default = declared.shown_default()
    how = Parameter(
        name=[name for name in names if name],
        negative=declared.negative or "",
        group=groups[declared.group],
        help=declared.help,
        metavar=_metavar(declared),
        show_default=False if default is None else lambda value: default,
    )
    return inspect.Parameter(
        declared.name,
        inspect.Parameter.POSITIONAL_ONLY if declared.positional else inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if declared.required else None,
        # None stands for an option that is not given; where pydantic is loaded, cyclopts has it check defaults.
        annotation=Annotated[kind if declared.required else kind | None, how],
    )


def _metavar(declared: ParameterDeclaration) -> str | None:
    """Word for the value in help; None where cyclopts has a better one."""
    if declared.metavar or declared.choices or declared.value_type == "boolean":
        return declared.metavar
    if declared.file is not None:
        return "FOLDER" if declared.file.kind in ("folder", "tiles") else "FILE"
    return {"integer": "N", "number": "NUMBER"}.get(declared.value_type, "TEXT")
