"""Runs the command line in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from littoral.cli import main


@dataclass(frozen=True)
class Ended:
    """What a command ended in."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """What was printed, to whichever stream."""
        return self.stdout + self.stderr


def run_command(arguments: Sequence[object]) -> Ended:
    """Run ``littoral`` with these words after its name."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with patch.object(sys, "argv", ["littoral", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return Ended(int(str(code or 0)), out.getvalue(), err.getvalue())
