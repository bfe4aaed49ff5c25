"""Files that several verbs write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table of numbers, six digits after the point, in place of what is there."""
    from littoral.vectors import staged

    with staged(Path(path)) as stage:
        table.to_csv(stage, index=False, float_format="%.6f", lineterminator="\n")
