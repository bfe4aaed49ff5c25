"""Score a model on labelled tiles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.learn.options import EvaluateOptions
from littoral.options import Cli, File, Overwrite
from littoral.progress import Track, silent
from littoral.tiles.options import Classes
from littoral.vectors.options import Where
from littoral.verbs.parameters import ModelIn, TilesIn

if TYPE_CHECKING:
    from littoral.evaluation import Record


@dataclass(frozen=True)
class EvaluateSummary:
    """Scores of a model."""

    output: Path
    """File written."""
    record: Record
    """The scores."""

    def __str__(self) -> str:
        return f"{self.record}\n{self.output}"


def evaluate(
    model: ModelIn,
    tiles: TilesIn,
    output: Annotated[str | Path, File("json", "out"), Cli(short="-o")],
    options: EvaluateOptions = EvaluateOptions(),
    *,
    classes: Classes = None,
    where: Where = None,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> EvaluateSummary:
    """Score a model on labelled tiles that it has not seen.

    Tiles that share ground with the training tiles are left out.

    Args:
        output: Scores to write (.json).
        options: How the model is evaluated.
        where: Only tiles for which a condition on class, category, region and file holds, e.g. "region <> 'north'".
        track: Shows progress, a step per batch.
    """
    from littoral.learn import evaluate as evaluate_model
    from littoral.learn import load_model
    from littoral.tiles import read_tiles, select_tiles
    from littoral.vectors import check_output, staged

    output = Path(output)
    check_output(output, overwrite, inputs=(model,))
    chosen = select_tiles(read_tiles(tiles, track=track), classes, where)
    record = evaluate_model(load_model(model), chosen, options, track=track)
    with staged(output) as stage:
        stage.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")
    return EvaluateSummary(output, record)
