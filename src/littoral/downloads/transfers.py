"""Files over HTTP: resumed where they broke off, fetched again only when they changed.

A file is written to ``<name>.part`` beside its place, with the version that the server named (ETag, Last-Modified) in
``<name>.part.json``, and renamed when it is whole. A later call goes on where the part ends, as long as the server
still has that version: Range and If-Range of RFC 9110, sections 13.1.5 and 14. Held in memory: 64 KiB.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from littoral import __version__
from littoral.errors import InputError, WriteError
from littoral.progress import Track, silent

Session = requests.Session
"""Keeps connections open; from :func:`open_session`."""

_CHUNK = 2**16
_PROGRESS = 2**20  # bytes after which a broken download is taken to be getting on
_PASSING = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT_S = 120.0
_LARGEST_ANSWER = 2**26


class DownloadError(InputError):
    """A file could not be fetched; the part that came stays for the next attempt."""


class UnreachableError(DownloadError):
    """No connection to the server: others of its files will fare no better."""


class _BrokenError(Exception):
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
    """Without a connection or a byte."""


PATIENT = Patience()


@dataclass(frozen=True)
class _Version:
    """What the server calls the file's version; the address without its query, where signatures change."""

    url: str
    etag: str | None
    modified: str | None

    @property
    def strong(self) -> str | None:
        """What If-Range may carry: a weak ETag does not promise equal bytes."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


def open_session(headers: Mapping[str, str] | None = None) -> requests.Session:
    """A session for :func:`download` that keeps connections open; close it, or use it in a ``with``.

    ``headers`` go with every request, e.g. an Authorization; requests drops that one when it is led to another host.
    """
    session = requests.Session()
    # Compressed transfers have no stable byte positions to resume at.
    session.headers.update({"User-Agent": f"littoral/{__version__}", "Accept-Encoding": "identity", **(headers or {})})
    return session


def download(
    session: requests.Session,
    url: str,
    path: str | Path,
    *,
    if_changed: bool = False,
    patience: Patience = PATIENT,
    track: Track = silent,
) -> bool:
    """Fetch ``url`` to the file ``path``, going on where an earlier call broke off.

    Args:
        session: From :func:`open_session`.
        url: http or https; redirects are followed.
        path: Replaced when the new file is whole; its folder must be there.
        if_changed: Leave ``path`` alone if the server says that it has not changed since it was fetched in this way;
            its version is remembered in ``<name>.version.json`` beside it.
        patience: With a server that fails.
        track: Shows progress, a step per 64 KiB.

    Returns:
        Whether the file was fetched; False only with ``if_changed``.

    Raises:
        UnreachableError: no connection.
        DownloadError: the server refuses, has no such file, or broke off too often.
        InputError: not a web address.
        WriteError: the disk refused.
    """
    path = Path(path)
    failures, furthest = 0, _size(_part(path))
    while True:
        try:
            return _attempt(session, url, path, if_changed, patience.timeout_s, track)
        except _BrokenError as broken:
            reached = _size(_part(path))
            if reached >= furthest + _PROGRESS:
                failures, furthest = 0, reached
            failures += 1
            if failures >= patience.attempts:
                raise broken.error from broken
            time.sleep(max(broken.wait_s, patience.pause_s * 2 ** (failures - 1)))
        except OSError as error:
            raise WriteError(path, error) from error


def read_json(session: requests.Session, url: str, *, patience: Patience = PATIENT) -> Any:
    """Ask for a JSON document and keep it in memory only, so that it may be a secret.

    Args:
        session: From :func:`open_session`.
        url: http or https; redirects are followed.
        patience: With a server that fails; every attempt counts.

    Raises:
        UnreachableError: no connection.
        DownloadError: the server refuses, has no such document, broke off too often, or what it sent is no JSON or
            larger than 64 MiB.
        InputError: not a web address.
    """
    shown = shown_address(url)
    failures = 0
    while True:
        try:
            with _ask(session, url, {}, patience.timeout_s) as response:
                _refuse(response, shown)
                return _parsed(response, shown)
        except _BrokenError as broken:
            failures += 1
            if failures >= patience.attempts:
                raise broken.error from broken
            time.sleep(max(broken.wait_s, patience.pause_s * 2 ** (failures - 1)))


def _parsed(response: requests.Response, shown: str) -> Any:
    body = bytearray()
    try:
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > _LARGEST_ANSWER:
                raise DownloadError(shown, f"is larger than {_LARGEST_ANSWER:,} bytes", "check the address")
    except requests.RequestException as error:
        raise _BrokenError(DownloadError(shown, "broke off", "try again later")) from error
    try:
        return json.loads(body)
    except ValueError as error:
        raise DownloadError(shown, "did not answer with JSON", "check that the address is that of a service") from error


def _attempt(session: requests.Session, url: str, path: Path, if_changed: bool, timeout_s: float, track: Track) -> bool:
    shown = shown_address(url)
    part, note, kept_note = _part(path), _part_note(path), path.with_name(f"{path.name}.version.json")
    known, have = _read_version(note), _size(part)
    if known is None or known.url != shown or known.strong is None:
        known, have = None, 0
    headers = {}
    if known and have:
        headers = {"Range": f"bytes={have}-", "If-Range": str(known.strong)}
    elif if_changed and path.is_file() and (kept := _read_version(kept_note)) and kept.url == shown:
        conditions = {"If-None-Match": kept.etag, "If-Modified-Since": kept.modified}
        headers = {name: value for name, value in conditions.items() if value}
    response = _ask(session, url, headers, timeout_s)
    with response:
        if response.status_code == 304 and if_changed:
            return False
        if response.status_code == 416:
            _discard(path)
            raise _BrokenError(DownloadError(shown, "is shorter than the part fetched earlier", "try again"))
        _refuse(response, shown)
        _receive(response, shown, path, known, have, track)
    kept_note.unlink(missing_ok=True)
    os.replace(part, path)
    if if_changed:
        os.replace(note, kept_note)
    else:
        note.unlink()
    return True


def _ask(session: requests.Session, url: str, headers: Mapping[str, str], timeout_s: float) -> requests.Response:
    shown = shown_address(url)
    try:
        return session.get(url, headers=headers, stream=True, timeout=timeout_s)
    except requests.exceptions.SSLError as error:
        raise UnreachableError(shown, f"has no certificate to trust ({_reason(error)})", "check the address") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        what, remedy = f"cannot be reached ({_reason(error)})", "check the address, the connection and the proxy"
        raise _BrokenError(UnreachableError(shown, what, remedy)) from error
    except requests.RequestException as error:
        what = f"cannot be asked for ({type(error).__name__})"
        raise InputError(shown, what, "pass an http or https address") from error


def _receive(
    response: requests.Response, shown: str, path: Path, known: _Version | None, have: int, track: Track
) -> None:
    """Write the body to the part: behind what is there where the server goes on with the same version, else anew."""
    version = _Version(shown, response.headers.get("ETag"), response.headers.get("Last-Modified"))
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    length = None if encoded else response.headers.get("Content-Length")
    part = _part(path)
    if response.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != have or known is None or version.strong not in (None, known.strong):
            _discard(path)
            raise _BrokenError(DownloadError(shown, "changed while it was fetched", "try again"))
    else:
        have = 0
        # In this order: an older part must never stand beside the new version's note.
        _discard(path)
        _part_note(path).write_text(json.dumps(asdict(version)), encoding="utf-8")
    total = have + int(length) if length is not None and length.isdecimal() else None
    steps = -(-(total - have) // _CHUNK) if total else 0
    try:
        with part.open("ab") as file:
            for chunk in track(response.iter_content(_CHUNK), steps, path.name):
                file.write(chunk)
    except requests.RequestException as error:
        what = f"broke off after {_size(part):,} bytes" + (f" of {total:,}" if total else "")
        remedy = "run the same command again, it goes on where it stopped"
        raise _BrokenError(DownloadError(shown, what, remedy)) from error
    if total is not None and _size(part) != total:
        what = f"came with {_size(part):,} instead of {total:,} bytes"
        _discard(path)
        raise _BrokenError(DownloadError(shown, what, "try again later"))


def _refuse(response: requests.Response, shown: str) -> None:
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
    raise _BrokenError(error, wait_s)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _part_note(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _discard(path: Path) -> None:
    _part(path).unlink(missing_ok=True)
    _part_note(path).unlink(missing_ok=True)


def _read_version(note: Path) -> _Version | None:
    """None where there is no note or it is damaged: the file is then fetched anew."""
    try:
        return _Version(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


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
