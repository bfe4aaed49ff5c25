"""HTTP requests: sessions, retries, limits of time and size, and errors as sentences.

The query of an address may be a secret: it is in no message and in no log.
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
"""Keeps connections open; from :func:`open_session`."""

Look = Callable[[int, str, bytes], None]
"""Given the status, the Content-Type and the first 64 KiB of an answer; raises what it is if not what was asked for."""

CHUNK = 2**16
_PASSING = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT_S = 120.0
_LARGEST_ANSWER = 2**26
_PROGRESS = 2**20
"""Bytes after which a transfer that broke off is taken to be getting on."""


class DownloadError(InputError):
    """A file could not be fetched; the part that came stays for the next attempt."""


class UnreachableError(DownloadError):
    """No connection to the server: others of its files will fare no better."""


class BrokenError(Exception):
    """An attempt failed in a way that may pass; ``error`` is what to raise if it does not."""

    def __init__(self, error: DownloadError, wait_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """How long a server that fails or is silent is waited for."""

    attempts: int = 4
    """In a row, of which none brings another MiB."""
    pause_s: float = 1.0
    """After the first; doubled after each. A server's own Retry-After is heeded up to two minutes."""
    timeout_s: float = 60.0
    """Without a connection or a byte; an answer's status and headers must be there after twice as long."""
    slowest: float = 100.0
    """Bytes per second: a body that brings fewer over ``timeout_s`` is given up."""


PATIENT: Patience = Patience()


def open_session(headers: Mapping[str, str] | None = None) -> requests.Session:
    """A session for :func:`download` that keeps connections open; close it, or use it in a ``with``.

    ``headers`` go with every request, e.g. an Authorization; requests drops that one when it is led to another host.
    """
    session = requests.Session()
    # Compressed transfers have no stable byte positions to resume at.
    session.headers.update({"User-Agent": f"littoral/{__version__}", "Accept-Encoding": "identity", **(headers or {})})
    return session


def read_json(session: requests.Session, url: str, *, look: Look | None = None, patience: Patience = PATIENT) -> Any:
    """Ask for a JSON document and keep it in memory only, so that it may be a secret.

    Args:
        session: From :func:`open_session`.
        url: http or https; redirects are followed.
        look: Called with every answer first: for services that say otherwise than by status what went wrong.
        patience: With a server that fails; every attempt counts.

    Raises:
        UnreachableError: no connection.
        DownloadError: the server refuses, has no such document, broke off too often, or what it sent is no JSON or
            larger than 64 MiB.
        InputError: not a web address.
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
    """The result of the first attempt that does not raise :class:`BrokenError`; pauses grow between attempts.

    Args:
        attempt: Called again and again.
        patience: How often, and with which pauses.
        reached: Bytes that are there so far; another MiB makes the count of failures start anew.

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
    """Chunks of a body, 64 KiB each but for the last one, also where bytes come one by one.

    Raises:
        requests.RequestException: it broke off, or comes too slowly; what had come is yielded first.
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
    """Transport for libraries that read bodies whole: the limits of :class:`Patience`, and 64 MiB for a body."""

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
        """The answer, its body read.

        Raises:
            requests.RequestException: no answer in time, too slow, or too large.
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
    """A call's result; a server may send its headers byte by byte, which no timeout of a socket ends.

    Raises:
        requests.Timeout: it takes more than twice the time.
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
        # A ValueError comes of an address that is none, to which a server redirects.
        what = f"cannot be asked for ({type(error).__name__})"
        raise InputError(shown, what, "pass an http or https address") from error


def head_of(chunks: Iterator[bytes], shown: str) -> bytes:
    """What the answer begins with, taken off ``chunks``: up to two chunks, all of a short one."""
    head = bytearray()
    try:
        while len(head) < CHUNK and (chunk := next(chunks, b"")):
            head += chunk
    except requests.RequestException as error:
        raise BrokenError(DownloadError(shown, "broke off", "try again later")) from error
    return bytes(head)


@contextmanager
def _quiet() -> Iterator[None]:
    """The log of the HTTP library does not show the parameters of addresses."""

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
    """The address without what may be secret: user, password, query.

    >>> shown_address("https://me:secret@example.org/a.zip?sig=1")
    'https://example.org/a.zip'

    Raises:
        InputError: not an address at all.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InputError(repr(url), f"is not an address ({error})", "pass an http or https address") from error
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _reason(error: BaseException) -> str:
    """The innermost cause, which is what a person can act on."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
