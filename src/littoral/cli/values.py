"""Values of options from their texts, where a type alone does not say how they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

from littoral.declarations import ParameterDeclaration
from littoral.errors import InputError
from littoral.options import alternatives


def value_of(parameter: ParameterDeclaration, given: Any) -> Any:
    """What a verb takes, from what was given on the command line.

    Raises:
        InputError: a text that cannot be read as what it stands for.
    """
    kinds = list(alternatives(parameter.kind))
    if parameter.value_type == "boolean":
        return given != parameter.inverted
    if isinstance(given, list | tuple):
        return tuple(given)
    if parameter.values is not None:
        return _size(parameter, given) if parameter.values.separator == "x" else _list(parameter, given)
    if len(kinds) > 1 and parameter.value_type == "text":
        return _one_of(parameter, kinds, given)
    return Path(given) if kinds == [Path] else given


def _size(parameter: ParameterDeclaration, text: str) -> tuple[int, int]:
    """Pixels of both axes, or of each: ``256`` or ``256x128``."""
    found = re.fullmatch(r"(-?\d+)(?:[x,](-?\d+))?", text.strip())
    if found is None:
        raise InputError(f"{parameter.flag} {text}", "is not a number of pixels", "write e.g. 256, or 256x128")
    return int(found[1]), int(found[2] or found[1])


def _list(parameter: ParameterDeclaration, text: str) -> tuple[Any, ...]:
    """Values between commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if parameter.value_type != "integer":
        return tuple(parts)
    try:
        return tuple(map(int, parts))
    except ValueError as error:
        raise InputError(f"{parameter.flag} {text}", "is not a list of whole numbers", "write e.g. 2,3,7") from error


def _one_of(parameter: ParameterDeclaration, kinds: list[Any], text: str) -> Any:
    """Numbers or pairs where the text looks like them, else the text itself."""
    origins = [get_origin(kind) for kind in kinds]
    try:
        if tuple in origins and "," in text:
            return tuple(float(part) for part in text.split(","))
        if Mapping in origins and "=" in text:
            pairs = [part.partition("=") for part in text.split(",") if part.strip()]
            return {int(name) if name.strip().isdigit() else name.strip(): float(number) for name, _, number in pairs}
        if int in kinds and text.strip().isdecimal():
            return int(text)
    except ValueError:
        pass
    words = [word for kind in kinds if str(get_origin(kind)) == "typing.Literal" for word in kind.__args__]
    if str in kinds or text in words:
        return text
    raise InputError(f"{parameter.flag} {text}", "cannot be read", f"write {parameter.metavar}")
