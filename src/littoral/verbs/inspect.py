"""Show what is inside a model file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.options import Cli, File

if TYPE_CHECKING:
    from littoral.package.inspection import Inspection


@dataclass(frozen=True)
class InspectSummary:
    """What is inside a model file."""

    inspection: Inspection
    """Its contents."""
    as_json: bool
    """Whether the text is JSON."""

    def __str__(self) -> str:
        return json.dumps(self.inspection.to_json(), indent=1) if self.as_json else self.inspection.describe()


def inspect(
    model: Annotated[str | Path, File("model")], *, as_json: Annotated[bool, Cli("--json")] = False
) -> InspectSummary:
    """Show what is inside a model file.

    Nothing in the file is run or unpickled.

    Args:
        model: A .dlpk, an .emd with its weights beside it, or the folder of one.
        as_json: Print JSON instead of text.
    """
    from littoral.package import inspect_package

    return InspectSummary(inspect_package(model), as_json)
