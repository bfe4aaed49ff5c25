"""Run the whole line on a synthetic coast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.options import Cli, File, Number, Overwrite
from littoral.progress import Say, Track, quiet, silent

if TYPE_CHECKING:
    from littoral.demo import Demo


@dataclass(frozen=True)
class DemoSummary:
    """A demo that was run."""

    files: Demo
    """Where the results lie."""

    def __str__(self) -> str:
        return f"open   {self.files.report.resolve()}\nmap    {self.files.classified.resolve()}"


def demo(
    output: Annotated[str | Path, File("folder", "out"), Cli(short="-o")] = Path("littoral-demo"),
    *,
    seed: Annotated[int, Number(0)] = 0,
    overwrite: Overwrite = False,
    track: Track = silent,
    say: Say = quiet,
) -> DemoSummary:
    """Run every step on a small synthetic coast.

    Needs no data; takes minutes.

    Args:
        output: Folder to write.
        seed: Seed of the synthetic world and of the training.
        overwrite: Replace an earlier demo.
        track: Shows progress.
        say: Called with a sentence on each step.
    """
    from littoral.demo import run_demo

    return DemoSummary(run_demo(output, seed=seed, overwrite=overwrite, track=track, say=say))
