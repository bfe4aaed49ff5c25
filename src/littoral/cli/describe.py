"""Describe verbs and their options, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from littoral.errors import InputError
from littoral.options import Cli

if TYPE_CHECKING:
    from littoral.declarations import ParameterDeclaration, VerbDeclaration


@dataclass(frozen=True)
class DescribeSummary:
    """Declarations of verbs."""

    verbs: Sequence[VerbDeclaration]
    """In the order of use."""
    as_json: bool
    """Whether the text is JSON."""

    def __str__(self) -> str:
        from littoral.declarations import declarations_to_json

        if self.as_json:
            return json.dumps(declarations_to_json(self.verbs), indent=1, ensure_ascii=False)
        return "\n\n".join(_describe_verb(verb) for verb in self.verbs)


def describe(verb: Sequence[str] = (), *, as_json: Annotated[bool, Cli("--json")] = False) -> DescribeSummary:
    """Describe verbs and options, also as JSON.

    Args:
        verb: Words of a verb, e.g. fetch charts; without them all verbs.
        as_json: Print JSON for programs: type, default, choices, bounds, unit and kind of file of each parameter.
    """
    from littoral.declarations import read_verb, read_verbs, words_of
    from littoral.verbs import STAGES

    verbs = [*read_verbs(STAGES), read_verb(describe, "Other")]
    name = " ".join(verb)
    found = [each for each in verbs if not name or each.name == name]
    if not found:
        raise InputError(name, "is not a verb", f"choose one of {', '.join(words_of(v.function) for v in verbs)}")
    return DescribeSummary(found, as_json)


def _describe_verb(verb: VerbDeclaration) -> str:
    text = [f"{verb.name}: {verb.summary}", *([f"  {verb.description}"] if verb.description else [])]
    group = ""
    for parameter in verb.parameters:
        if parameter.group != group:
            group = parameter.group
            text.append(f"  {group}")
        text.append(f"    {_describe_parameter(parameter)}")
    return "\n".join(text)


def _describe_parameter(parameter: ParameterDeclaration) -> str:
    name = parameter.flag or parameter.name.upper()
    notes = [" | ".join(map(str, parameter.choices)) or str(parameter.value_type)]
    if parameter.bounds.unit:
        notes.append(parameter.bounds.unit)
    if parameter.file:
        notes.append(f"{parameter.file.kind} {parameter.file.direction}")
    if parameter.required:
        notes.append("required")
    elif (default := parameter.shown_default()) is not None:
        notes.append(f"default: {default}")
    return f"{name} ({', '.join(notes)}): {parameter.help}"
