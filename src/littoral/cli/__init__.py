"""The command line: the verbs stand in the order of the line, each reads files and writes one."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from littoral.cli.door import app
from littoral.cli.stopping import stoppable
from littoral.errors import LittoralError, LittoralWarning

# Each of these hangs its verbs on the application; help lists them in this order.
# isort: off
from littoral.cli import searching, fetching, charting, shores, tiling, training, learning  # noqa: F401
from littoral.cli import inspecting, classifying, stating, reporting  # noqa: F401

# isort: on

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; what is wrong with the input is said in one sentence, with exit code 2.

    Ctrl-C ends in 130; SIGTERM and SIGHUP, as clusters and terminals send them, in 128 and their number.
    """
    try:
        with stoppable(), warnings.catch_warnings():
            warnings.showwarning = _say
            warnings.simplefilter("always", LittoralWarning)
            app()
    except LittoralError as error:
        print(f"littoral: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _say(message: Warning | str, category: type[Warning], *where: Any, **how: Any) -> None:
    """Warnings as sentences; where in the code they arose helps nobody at a shell."""
    word = "" if issubclass(category, LittoralWarning) else f" ({category.__name__})"
    print(f"littoral: warning{word}: {message}", file=sys.stderr)
