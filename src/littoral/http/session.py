"""HTTP requests: sessions, retries, limits on time and size, and readable errors.

The query string of a URL may hold a secret, so it appears in no message and no log.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from littoral import __version__
from littoral.errors import InputError

T = TypeVar("T")

Session = requests.Session
"""Session with persistent connections, made by :func:`open_session`."""

Look = Callable[[int, str, bytes], None]
"""Check of a response: called with status code, Content-Type and at least the first 64 KiB of the body (all of a
shorter one); raises an error if the response is not what was requested."""

CHUNK = 2**16
_PASSING = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT_S = 120.0
_LARGEST_ANSWER = 2**26
_PROGRESS = 2**20
"""New bytes after which a failed transfer counts as progressing, which resets the count of failures."""


class DownloadError(InputError):
    """A file could not be downloaded; the part received so far is kept for the next attempt."""


class UnreachableError(DownloadError):
    """No connection to the server; its other files will fail as well."""


class BrokenError(Exception):
    """Temporary failure of one attempt; ``error`` is raised if the last attempt fails too."""

    def __init__(self, error: DownloadError, wait_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """Retry and timeout settings for a server that fails or does not respond."""

    attempts: int = 4
    """Largest number of consecutive attempts that each transfer less than 1 MiB."""
    pause_s: float = 1.0
    """Pause after the first failed attempt, in seconds, doubled after each further one. A Retry-After header is
    followed up to two minutes."""
    timeout_s: float = 60.0
    """Seconds to wait for a connection or for the next byte; status and headers must arrive within twice this time."""
    slowest: float = 100.0
    """Lowest transfer rate in bytes per second, averaged over ``timeout_s``; a slower transfer is aborted."""


PATIENT: Patience = Patience()


def open_session(headers: Mapping[str, str] | None = None) -> requests.Session:
    """Open a session with persistent connections; close it, or use it in a ``with`` statement.

    ``headers`` are sent with every request, e.g. Authorization, which requests drops on a redirect to another host.
    """
    session = requests.Session()
    # Compressed transfers have no stable byte positions to resume at.
    session.headers.update({"User-Agent": f"littoral/{__version__}", "Accept-Encoding": "identity", **(headers or {})})
    return session


def read_json(session: requests.Session, url: str, *, look: Look | None = None, patience: Patience = PATIENT) -> Any:
    """Download a JSON document into memory; nothing is written to disk, so it may hold secrets.

    Args:
        session: From :func:`open_session`.
        url: http or https; redirects are followed.
        look: Called first with every response: for services that report errors in the body instead of the status.
        patience: Retries and timeouts; every failed attempt counts.

    Raises:
        UnreachableError: no connection.
        DownloadError: the server refuses access, has no such document, or the transfer broke off in every attempt; or
            the document is not JSON or larger than 64 MiB.
        InputError: ``url`` is not a web address.
    """
    shown = shown_address(url)

    def attempt() -> Any:
        with ask(session, url, {}, patience.timeout_s) as response:
            chunks = body_of(response, patience)
            if look is not None:
                head = head_of(chunks, shown)
                look(response.status_code, response.headers.get("Content-Type", ""), head)
                chunks = chain([head], chunks)
            refuse(response, shown)
            return _parsed(chunks, shown)

    return retried(attempt, patience)


def retried(attempt: Callable[[], T], patience: Patience, reached: Callable[[], int] = lambda: 0) -> T:
    """Repeat a call until it does not raise :class:`BrokenError`, with growing pauses, and return its result.

    Args:
        attempt: The call.
        patience: Number of attempts and pauses.
        reached: Returns the bytes transferred so far; 1 MiB more than at the last reset resets the count of failures.

    Raises:
        DownloadError: the error of the last attempt.
    """
    failures, furthest = 0, reached()
    while True:
        try:
            return attempt()
        except BrokenError as broken:
            now = reached()
            if now >= furthest + _PROGRESS:
                failures, furthest = 0, now
            failures += 1
            if failures >= patience.attempts:
                raise broken.error from broken
            time.sleep(max(broken.wait_s, patience.pause_s * 2 ** (failures - 1)))


def body_of(response: requests.Response, patience: Patience) -> Iterator[bytes]:
    """Yield the body of a response in chunks of 64 KiB; the last one may be shorter.

    Raises:
        requests.RequestException: the transfer broke off or is too slow; the bytes received before are yielded first.
    """
    held, since, bytes_since = bytearray(), time.monotonic(), 0
    while True:
        try:
            piece = response.raw.read1(CHUNK, decode_content=True)
            bytes_since += len(piece or b"")
            elapsed = time.monotonic() - since
            if elapsed > patience.timeout_s:
                if bytes_since < patience.slowest * elapsed:
                    raise requests.Timeout(f"{bytes_since:,} bytes in {elapsed:.0f} seconds")
                since, bytes_since = time.monotonic(), 0
        except (HTTPError, requests.RequestException, OSError, ValueError) as error:
            if held:
                yield bytes(held)
            raise error if isinstance(error, requests.RequestException) else requests.ConnectionError(error) from error
        held += piece or b""
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
        if not piece:
            if held:
                yield bytes(held)
            return


class BoundedAdapter(HTTPAdapter):
    """Transport adapter that applies :class:`Patience`, and a limit of 64 MiB per body, to other libraries' requests.

    The body is read whole.
    """

    def __init__(self, patience: Patience) -> None:
        super().__init__(
            max_retries=Retry(
                connect=0,
                read=0,
                status=patience.attempts - 1,
                backoff_factor=patience.pause_s,
                status_forcelist=_PASSING,
                allowed_methods=None,
                raise_on_status=False,
            )
        )
        self._patience = patience

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send a request and return the response with its body read.

        Raises:
            requests.RequestException: no response in time, a transfer that is too slow, or a body that is too large.
        """
        limit_s = self._patience.timeout_s
        options |= {"stream": True, "timeout": limit_s}
        response: requests.Response = _within(limit_s, lambda: super(BoundedAdapter, self).send(request, **options))
        body = bytearray()
        with response:
            for chunk in body_of(response, self._patience):
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise requests.ConnectionError(f"its answer is larger than {_LARGEST_ANSWER:,} bytes")
        response._content = bytes(body)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _within(timeout_s: float, call: Callable[[], T]) -> T:
    """Run a call in a thread and return its result; a socket timeout does not end headers sent byte by byte.

    Raises:
        requests.Timeout: the call takes longer than twice ``timeout_s``.
    """
    result: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(2 * timeout_s)
    if errors:
        raise errors[0]
    if not result:
        raise requests.Timeout(f"no answer in {2 * timeout_s:g} seconds")
    return result[0]


def _parsed(chunks: Iterable[bytes], shown: str) -> Any:
    body = bytearray()
    try:
        for chunk in chunks:
            body += chunk
            if len(body) > _LARGEST_ANSWER:
                raise DownloadError(shown, f"is larger than {_LARGEST_ANSWER:,} bytes", "check the address")
    except requests.RequestException as error:
        raise BrokenError(DownloadError(shown, "broke off", "try again later")) from error
    try:
        return json.loads(body)
    except ValueError as error:
        raise DownloadError(shown, "did not answer with JSON", "check that the address is that of a service") from error


def ask(session: requests.Session, url: str, headers: Mapping[str, str], timeout_s: float) -> requests.Response:
    """Send a GET request; the body of the response is not read yet.

    Raises:
        BrokenError: no connection, or no response in time.
        UnreachableError: the certificate is not trusted.
        InputError: ``url`` is not a web address.
    """
    shown = shown_address(url)
    try:
        with _quiet():
            return _within(timeout_s, lambda: session.get(url, headers=headers, stream=True, timeout=timeout_s))
    except requests.exceptions.SSLError as error:
        raise UnreachableError(shown, f"has no certificate to trust ({_reason(error)})", "check the address") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        what, remedy = f"cannot be reached ({_reason(error)})", "check the address, the connection and the proxy"
        raise BrokenError(UnreachableError(shown, what, remedy)) from error
    except (requests.RequestException, ValueError) as error:
        # requests raises ValueError if the server redirects to an invalid address.
        what = f"cannot be asked for ({type(error).__name__})"
        raise InputError(shown, what, "pass an http or https address") from error


def head_of(chunks: Iterator[bytes], shown: str) -> bytes:
    """The beginning of a body, taken from ``chunks``: at least 64 KiB, or all of a shorter one; less than 128 KiB."""
    head = bytearray()
    try:
        while len(head) < CHUNK and (chunk := next(chunks, b"")):
            head += chunk
    except requests.RequestException as error:
        raise BrokenError(DownloadError(shown, "broke off", "try again later")) from error
    return bytes(head)


@contextmanager
def _quiet() -> Iterator[None]:
    """Remove query strings from the log records of urllib3."""

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = re.sub(r"\?[^\s\"']*", "", record.getMessage()), ()
        return True

    log = logging.getLogger("urllib3.connectionpool")
    log.addFilter(hide)
    try:
        yield
    finally:
        log.removeFilter(hide)


def refuse(response: requests.Response, shown: str) -> None:
    """Raise an error for every status other than 200 and 206.

    Raises:
        DownloadError: the file is missing, access is denied, or the request failed permanently.
        BrokenError: the failure may be temporary.
    """
    status = response.status_code
    if status in (200, 206):
        return
    answer = f"HTTP {status} {response.reason or ''}".strip()
    if status in (404, 410):
        raise DownloadError(shown, f"does not exist on the server ({answer})", "check the name and the base address")
    if status in (401, 403):
        raise DownloadError(shown, f"is not open to you ({answer})", "check your rights there, or sign in")
    error = DownloadError(shown, f"could not be fetched ({answer})", "try again later")
    if status not in _PASSING:
        raise error
    wait_s = 0.0
    with suppress(InvalidHeader):
        wait_s = Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    if wait_s > _LONGEST_WAIT_S:
        raise DownloadError(shown, f"could not be fetched ({answer})", f"try again in {wait_s / 60:.0f} minutes")
    raise BrokenError(error, wait_s)


def shown_address(url: str) -> str:
    """The address without the parts that may be secret: user, password, query and fragment.

    >>> shown_address("https://me:secret@example.org/a.zip?sig=1")
    'https://example.org/a.zip'

    Raises:
        InputError: ``url`` cannot be parsed as an address.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InputError(repr(url), f"is not an address ({error})", "pass an http or https address") from error
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _reason(error: BaseException) -> str:
    """Text of the innermost cause, which is the most specific."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
