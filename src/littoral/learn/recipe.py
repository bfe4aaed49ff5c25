"""How a model was made, so that it can be made again on other tiles: calls of its methods, in their order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from littoral.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")

OF_THE_RUN = frozenset({"progress", "track", "checkpoint", "checkpoint_every", "resume", "log", "tensorboard"})
"""Arguments that say nothing about the model: where a run shows itself and leaves its files."""


@dataclass(frozen=True)
class Step:
    """One call."""

    name: str
    """Of the method."""
    given: inspect.BoundArguments
    """Its arguments, without those that are left to their defaults."""

    def complete(self) -> dict[str, Any]:
        """All its arguments by name."""
        every = inspect.BoundArguments(self.given.signature, self.given.arguments.copy())
        every.apply_defaults()
        return dict(every.arguments)


def recorded(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """A method whose calls are steps of the object's recipe once they have succeeded."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def remembering(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps: list[Step] = self.__dict__.setdefault("_recipe", [])
        before = len(steps)
        result = method(self, *args, **kwargs)
        # What it called itself it will call again.
        del steps[before:]
        steps.append(Step(method.__name__, signature.bind(self, *args, **kwargs)))
        return result

    return remembering


def must_be_whole(recipe: Sequence[Step]) -> None:
    """
    Raises:
        InputError: the recipe of a model that was loaded, not made.
    """
    if not recipe or recipe[0].name != "__init__":
        raise InputError("the model", "was loaded, so how it was trained is not known", "train one in this session")


def repeat(kind: type[T], recipe: Sequence[Step], data: Any) -> T:
    """An object of a class made anew by a recipe, from other data.

    Raises:
        InputError: a model that was loaded, not made.
    """
    must_be_whole(recipe)
    model = kind.__new__(kind)
    for step in recipe:
        arguments = {name: value for name, value in step.given.arguments.items() if name not in OF_THE_RUN}
        arguments |= {"self": model} | ({"data": data} if step.name == "__init__" else {})
        order = [name for name in step.given.signature.parameters if name in arguments]
        again = inspect.BoundArguments(step.given.signature, {name: arguments[name] for name in order})
        getattr(kind, step.name)(*again.args, **again.kwargs)
    return model
