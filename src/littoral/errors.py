"""The exceptions and warnings of littoral; a message is one sentence with the thing, what is wrong and the remedy.

>>> str(InputError("bay.tif", "has no band B08", "pass --bands with some of B02, B03, B04"))
'bay.tif has no band B08: pass --bands with some of B02, B03, B04.'
"""

from __future__ import annotations

import errno
import unicodedata
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

_JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner, format characters that some scripts need within words."""


def is_printable(text: str) -> bool:
    r"""Whether a text has no control or format characters, which may steer a terminal or reorder the text shown.

    >>> is_printable("Côte d’Azur"), is_printable("a\x1b[2J"), is_printable("a\u202eb")
    (True, False, False)
    """
    return (text.isascii() and text.isprintable()) or not any(map(_is_control, text))


def printable(text: str) -> str:
    r"""A text with its control and format characters escaped.

    >>> printable("bay\x1b[2J.tif")
    'bay\\x1b[2J.tif'
    """
    return text if is_printable(text) else "".join(ascii(c)[1:-1] if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character)[0] == "C" and character not in _JOINERS


class LittoralError(Exception):
    """Base of all errors that littoral raises on purpose; ``str()`` is "<subject> <what>: <remedy>."."""

    def __init__(self, subject: object, what: str, remedy: str) -> None:
        self.subject, self.what, self.remedy = (printable(str(part)) for part in (subject, what, remedy))
        super().__init__(f"{self.subject} {self.what}: {self.remedy}.")


class InputError(LittoralError):
    """A file, a value or an argument cannot be used."""


class ExistsError(LittoralError):
    """An output exists already and ``overwrite`` is False."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "exists already", "pass --overwrite (overwrite=True) or choose another name")


class WriteError(LittoralError):
    """The operating system refused to write an output; an earlier file at its place is unchanged."""

    def __init__(self, path: Path, reason: OSError) -> None:
        full = reason.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        short = "free some space or choose another place"
        mend = short if full else "check the place, the space left and your rights there"
        super().__init__(
            path,
            f"could not be written ({reason.strerror or reason})",
            f"{mend}, then run the same command again; nothing was left half-written",
        )


class MissingExtraError(LittoralError):
    """An optional library is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, "needs a library that is not installed", f'run: pip install "littoral[{extra}]"')


class LittoralWarning(UserWarning):
    """Something was changed or left out; the message names what and why."""


def counted(number: int, word: str) -> str:
    """A number and its noun, singular or plural.

    >>> counted(1, "line"), counted(2, "line")
    ('1 line', '2 lines')
    """
    return f"{number} {word}{'' if number == 1 else 's'}"


def first_line(error: BaseException, clean: Callable[[str], str] = str) -> str:
    """First line of the message of a library's error, or the name of its class if it has no message.

    Args:
        error: The library's error.
        clean: Applied to the whole message, to remove secrets from it.

    Returns:
        At most 200 characters; characters that cannot be printed are escaped.

    >>> first_line(ValueError("no such file\\nsee the manual")), first_line(KeyError())
    ('no such file', 'KeyError')
    """
    line = (clean(str(error)).strip().splitlines() or [type(error).__name__])[0]
    line = line if len(line) <= 200 else f"{line[:200]}…"
    return line if line.isprintable() else ascii(line)


def require(extra: str, what: str, *libraries: str) -> None:
    """Check, without importing them, that the libraries of an extra are installed.

    Args:
        extra: Name of littoral's extra, as in ``pip install "littoral[extra]"``.
        what: The feature that needs the libraries, for the message.
        libraries: Names of their modules.

    Raises:
        MissingExtraError: one of them is not installed.
    """
    for name in libraries:
        try:
            found = find_spec(name)
        except (ImportError, ValueError):
            found = None
        if found is None:
            raise MissingExtraError(what, extra)
