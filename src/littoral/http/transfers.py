"""Download files over HTTP; broken transfers are resumed, and unchanged files are not downloaded again.

A file is written to ``<name>.part`` in the target folder, with its version (ETag, Last-Modified) in
``<name>.part.json``, and renamed when it is complete. A later call resumes at the end of the part if the server still
has the same version: Range and If-Range of RFC 9110, sections 13.1.5 and 14. Memory: 64 KiB.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import requests
from filelock import FileLock

from littoral.errors import InputError, WriteError
from littoral.http.session import (
    CHUNK,
    PATIENT,
    BrokenError,
    DownloadError,
    Look,
    Patience,
    ask,
    body_of,
    head_of,
    refuse,
    retried,
    shown_address,
)
from littoral.progress import Track, silent

_LOCK = ".lock"
"""Lock file in a folder of downloads; never deleted, as another process may be waiting for it."""


@dataclass(frozen=True)
class _Version:
    """Version of a file on a server; ``url`` is without its query, because signatures in it change."""

    url: str
    etag: str | None
    modified: str | None

    @property
    def strong(self) -> str | None:
        """Value for If-Range: a strong ETag, else Last-Modified; a weak ETag does not guarantee equal bytes."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Lock a folder of downloads for this process; other processes wait until the lock is released.

    Raises:
        WriteError: the folder or its lock file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK)
        lock.acquire()
    except OSError as error:
        raise WriteError(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def download(
    session: requests.Session,
    url: str,
    path: str | Path,
    *,
    if_changed: bool = False,
    size: int | None = None,
    look: Look | None = None,
    accept: Callable[[Path], None] | None = None,
    patience: Patience = PATIENT,
    track: Track = silent,
) -> bool:
    """Download ``url`` to the file ``path``, resuming an earlier transfer that broke off.

    Args:
        session: From :func:`open_session`.
        url: http or https; redirects are followed.
        path: Replaced when the new file is complete; its folder must exist.
        if_changed: Keep ``path`` if the server reports it unchanged (HTTP 304) since it was downloaded with this
            option; its version is stored in ``<name>.version.json`` in the same folder.
        size: Expected size in bytes, if known.
        look: Called with every response except the rest of a resumed file, before anything is written: for services
            that send an error message in place of a file.
        accept: Called with the complete file before it replaces ``path``; raises an InputError to reject the file,
            which is then deleted.
        patience: Retries and timeouts.
        track: Shows progress, one step per 64 KiB.

    Returns:
        Whether the file was downloaded; False only with ``if_changed``.

    Raises:
        UnreachableError: no connection.
        DownloadError: the server refuses access, has no such file, an empty file or one of another size, or the
            transfer broke off in every attempt.
        InputError: ``url`` is not a web address, or ``accept`` rejects the file.
        WriteError: the file cannot be written.
    """
    path = Path(path)
    try:
        return retried(
            lambda: _attempt(session, url, path, if_changed, size, look, accept, patience, track),
            patience,
            lambda: _size(_part(path)),
        )
    except OSError as error:
        raise WriteError(path, error) from error


def _attempt(
    session: requests.Session,
    url: str,
    path: Path,
    if_changed: bool,
    size: int | None,
    look: Look | None,
    accept: Callable[[Path], None] | None,
    patience: Patience,
    track: Track,
) -> bool:
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
    response = ask(session, url, headers, patience.timeout_s)
    with response:
        if response.status_code == 304 and {"If-None-Match", "If-Modified-Since"} & headers.keys():
            return False
        if response.status_code == 416:
            _discard(path)
            raise BrokenError(DownloadError(shown, "is shorter than the part fetched earlier", "try again"))
        chunks = body_of(response, patience)
        if look is not None and response.status_code != 206:
            head = head_of(chunks, shown)
            look(response.status_code, response.headers.get("Content-Type", ""), head)
            chunks = chain([head], chunks)
        refuse(response, shown)
        _receive(response, chunks, shown, path, known, have, size, track)
    if accept is not None:
        try:
            accept(part)
        except InputError:
            _discard(path)
            raise
    kept_note.unlink(missing_ok=True)
    os.replace(part, path)
    if if_changed:
        os.replace(note, kept_note)
    else:
        note.unlink()
    return True


def _receive(
    response: requests.Response,
    chunks: Iterator[bytes],
    shown: str,
    path: Path,
    known: _Version | None,
    have: int,
    size: int | None,
    track: Track,
) -> None:
    """Write the body to the part: appended if the server resumes the same version, else from the start."""
    version = _Version(shown, response.headers.get("ETag"), response.headers.get("Last-Modified"))
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    length = None if encoded else response.headers.get("Content-Length")
    part = _part(path)
    if response.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != have or known is None or version.strong not in (None, known.strong):
            _discard(path)
            raise BrokenError(DownloadError(shown, "changed while it was fetched", "try again"))
    else:
        have = 0
    total = have + int(length) if length is not None and length.isdecimal() else None
    if None not in (size, total) and size != total:
        raise DownloadError(shown, f"has {total:,} instead of {size:,} bytes", "try again later")
    if not have:
        # In this order: an older part must never be combined with the new version's note.
        _discard(path)
        _part_note(path).write_text(json.dumps(asdict(version)), encoding="utf-8", newline="\n")
    steps = -(-(total - have) // CHUNK) if total else 0
    try:
        with part.open("ab") as file:
            for chunk in track(chunks, steps, path.name):
                file.write(chunk)
    except requests.RequestException as error:
        what = f"broke off after {_size(part):,} bytes" + (f" of {total:,}" if total else "")
        remedy = "run the same command again, it goes on where it stopped"
        raise BrokenError(DownloadError(shown, what, remedy)) from error
    wanted = total if size is None else size
    if not _size(part) and not size:
        _discard(path)
        raise BrokenError(DownloadError(shown, "came empty", "try again later, or check the address"))
    if wanted is not None and _size(part) != wanted:
        what = f"came with {_size(part):,} instead of {wanted:,} bytes"
        _discard(path)
        raise BrokenError(DownloadError(shown, what, "try again later"))


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
    """The version in a note; None if the note is missing or damaged, and the file is then downloaded from the start."""
    try:
        return _Version(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
