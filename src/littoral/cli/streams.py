"""Standard output and error: closed, of any encoding, and without control characters."""

from __future__ import annotations

import io
import os
import re
import sys

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def prepare_streams() -> None:
    """Characters that a stream cannot show become question marks; what is written to a closed stream is dropped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def printable(text: str) -> str:
    """A text without control characters, which would let the content of a file write anywhere on a terminal.

    >>> printable("name\\x1b[2J, second line\\nand third")
    'name\\\\x1b[2J, second line\\nand third'
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
