"""What is inside a model's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from littoral.cli.door import app


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="A .dlpk, an .emd with its weights beside it, or their folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a record instead of lines for people.")] = False,
) -> None:
    """The result of inspect is what a model's file says of itself; nothing in it is run or unpickled."""
    from littoral.package import inspect_package

    found = inspect_package(model)
    print(json.dumps(found.to_json(), indent=1) if as_json else found.describe())
