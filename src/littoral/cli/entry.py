"""Run a verb from the words of a command line; what is wrong becomes one sentence and an exit code."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from littoral import __version__
from littoral.cli.describe import describe
from littoral.cli.stopping import stoppable
from littoral.cli.streams import prepare_streams, printable
from littoral.errors import InputError, LittoralError, LittoralWarning
from littoral.verbs import STAGES

STAGES_OF_CLI: Mapping[str, Sequence[Callable[..., Any]]] = {**STAGES, "Other": (*STAGES["Other"], describe)}
"""The verbs of the command line: those of Python, and ``describe``."""
WORDS = {function.__name__.replace("_", " "): function for verbs in STAGES_OF_CLI.values() for function in verbs}
"""Each verb by its words."""
PURPOSE = "Find out which kind of shore each stretch of coast is, from sea charts and Sentinel-2 images."
FAULT = 70
"""Exit code of a fault in littoral itself, as sysexits.h has it."""


def main() -> None:
    """Run the command line; always ends in SystemExit.

    Exit codes: 0; 1 for a failure of the machine; 2 for what the user can mend; 70 for a fault in littoral; 128 and the
    number of the signal after Ctrl-C (130) and requests to end.
    """
    prepare_streams()
    with _sentences(), stoppable(), warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("always", LittoralWarning)
        run(sys.argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
    raise SystemExit(0)


def run(arguments: Sequence[str]) -> None:
    """Run what the words after ``littoral`` mean.

    Raises:
        LittoralError: as the verb.
        InputError: words that mean nothing.
    """
    first, second = [*arguments, "", ""][:2]
    words = f"{first} {second}" if f"{first} {second}" in WORDS else first
    if words in WORDS:
        from littoral.cli.commands import run_verb

        stage = next(stage for stage, verbs in STAGES_OF_CLI.items() if WORDS[words] in verbs)
        run_verb(WORDS[words], stage, list(arguments[len(words.split()) :]))
    elif first in ("", "-h", "--help"):
        print(overview())
    elif first == "--version":
        print(f"littoral {__version__}")
    elif first == "fetch" and second in ("", "-h", "--help"):
        print(overview("fetch"))
    else:
        words = f"{first} {second}".strip() if first == "fetch" else first
        near = difflib.get_close_matches(words, WORDS, 1)
        hint = f"did you mean {near[0]}? littoral --help lists" if near else "littoral --help lists"
        raise InputError(f"littoral {words}", "does not exist", f"{hint} what there is")


def overview(start: str = "") -> str:
    """Help on all verbs, by stage, or on those that begin with a word."""
    text = [] if start else [PURPOSE]
    for stage, verbs in STAGES_OF_CLI.items():
        listed = [words for words, verb in WORDS.items() if verb in verbs and words.startswith(start)]
        if listed:
            text += ["", stage]
            text += [f"  {words:<14}{(WORDS[words].__doc__ or '').splitlines()[0]}" for words in listed]
    usage = "usage: littoral VERB [OPTIONS]; littoral VERB --help shows the options of a verb."
    return "\n".join([usage, *([""] if not start else []), *text])


@contextmanager
def _sentences() -> Iterator[None]:
    """Errors as one sentence on standard error, with the exit code that fits."""
    try:
        yield
    except LittoralError as error:
        _leave(str(error), 2)
    except BrokenPipeError:
        # Who read the output has left, as ``head`` does; nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(141) from None
    except MemoryError:
        _leave("there is not enough memory: close other programs, or work on a smaller part", 1)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        _leave(f"{name}{error.strerror or error}: check the disk, the network and your rights there", 1)
    except Exception as error:
        if os.environ.get("LITTORAL_TRACEBACK"):
            traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
        text = " ".join(str(error).split())[:200]
        _leave(
            f"a fault in littoral ({where}: {text}): please report it with the command that you ran; "
            "with LITTORAL_TRACEBACK=1 the traceback is shown",
            FAULT,
        )


def _leave(sentence: str, code: int) -> None:
    print(f"littoral: {printable(sentence)}", file=sys.stderr)
    if code == 1:
        # What is still buffered cannot be written either; else Python complains once more.
        sys.stdout = None
    raise SystemExit(code) from None


def _show_warning(message: Warning | str, category: type[Warning], *where: Any, **how: Any) -> None:
    """Print a warning as a sentence, without the place in the code."""
    word = "" if issubclass(category, LittoralWarning) else f" ({category.__name__})"
    print(f"littoral: warning{word}: {printable(str(message))}", file=sys.stderr)
