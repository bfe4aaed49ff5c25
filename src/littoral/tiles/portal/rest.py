"""Requests to a portal's REST interface; the token is sent to the portal only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from littoral.errors import InputError, LittoralError
from littoral.http import (
    PATIENT,
    DownloadError,
    Patience,
    Session,
    download,
    open_session,
    read_json,
    shown_address,
)
from littoral.progress import Track, silent

ONLINE = "https://www.arcgis.com"
"""ArcGIS Online."""
PORTAL_VARIABLE = "LITTORAL_PORTAL"
"""Environment variable: the portal, where none is named."""
TOKEN_VARIABLE = "LITTORAL_PORTAL_TOKEN"
"""Environment variable: the token, where none is passed."""

_HOW_TO_PASS = f"pass the token of a member with --token (token=…) or in the environment variable {TOKEN_VARIABLE}"
_NO_TOKEN, _BAD_TOKEN = {401, 403, 499}, {498}
# Possessive quantifiers: hostile comments must not cause backtracking.
_WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*>\s*+)?(?:<!--.*?-->\s*+)*+<(?:!doctype\s+html|html|head)\b", re.I | re.S
)


class NoItemError(DownloadError):
    """The portal has no item of that id that is open to the user."""


@dataclass(frozen=True)
class Portal:
    """Address of a portal, and a token."""

    address: str
    """Without the path of the REST interface, e.g. https://www.arcgis.com or https://gis.example.org/portal."""
    token: str | None = field(default=None, repr=False, compare=False)
    """None: anonymous. Sent to this portal only, never shown or written."""

    def page(self, item_id: str) -> str:
        """Address of an item's web page."""
        return f"{self.address}/home/item.html?id={item_id}"

    def describe(self, item_id: str, patience: Patience = PATIENT) -> dict[str, Any]:
        """Get the description of an item.

        Raises:
            NoItemError: it has none of that id.
            DownloadError: it refuses the token, or is no portal.
        """
        subject = f"Item {item_id}"
        with self._session() as session:
            content = read_json(
                session,
                self._address_of(item_id, f="json"),
                look=lambda status, _, head: self._look(subject, status, head),
                patience=patience,
            )
        if not isinstance(content, dict) or str(content.get("id")).lower() != item_id.lower():
            raise DownloadError(self.address, f"did not describe item {item_id}", "check that it is a portal")
        return content

    def fetch(
        self,
        item_id: str,
        path: Path,
        *,
        size: int | None = None,
        patience: Patience = PATIENT,
        track: Track = silent,
    ) -> bool:
        """Download an item's file to ``path`` if it changed, see :func:`littoral.http.download`; whether it did.

        Raises:
            NoItemError, DownloadError: as above, or the file is not of ``size`` bytes.
            WriteError: the disk refused.
        """
        subject = f"The file of item {item_id}"
        page = path.suffix.lower() in (".html", ".htm")
        with self._session() as session:
            return download(
                session,
                self._address_of(item_id, "/data"),
                path,
                if_changed=True,
                size=size,
                look=lambda status, _, head: self._look(subject, status, head, page_wanted=page),
                patience=patience,
                track=track,
            )

    def _address_of(self, item_id: str, resource: str = "", **parameters: str) -> str:
        if self.token:
            parameters["token"] = self.token
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self.address}/sharing/rest/content/items/{item_id}{resource}{query}"

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A session that protects the token: no error names it, and no redirect takes it to another host."""
        with open_session() as session:
            session.hooks["response"].append(partial(self._keep_token, session))
            try:
                yield session
            except LittoralError as error:
                # The HTTP library's own errors name whole addresses.
                raise error from None

    def _keep_token(self, session: Session, response: Any, *_: Any, **__: Any) -> None:
        """Remove the token from a redirect to another host."""
        location = response.headers.get("Location")
        if not location or not self.token:
            return
        # An invalid address is left to the library, which closes the connection before it raises an error.
        with suppress(ValueError):
            target = urljoin(response.url, location)
            # The library's rule for the header Authorization: another host or port, or no longer https.
            if session.should_strip_auth(self.address, target):  # type: ignore[no-untyped-call]
                parts = urlsplit(target)
                pairs = parse_qsl(parts.query, keep_blank_values=True)
                kept = [pair for pair in pairs if pair[1] != self.token]
                # Left unchanged where it holds no token: rewriting may break a signature.
                if len(kept) < len(pairs):
                    response.headers["Location"] = parts._replace(query=urlencode(kept)).geturl()

    def _look(self, subject: str, status: int, head: bytes, *, page_wanted: bool = False) -> None:
        """Raise the error that a response holds, whatever its status."""
        error = stated_error(head)
        if error is not None:
            raise self._refusal(subject, *error)
        if status in _NO_TOKEN - {403} | _BAD_TOKEN:
            raise self._refusal(subject, status, "", "")
        if status == 200 and not page_wanted and _WEB_PAGE.match(head):
            remedy = _HOW_TO_PASS if not self.token else "open the portal in a browser to see why"
            raise DownloadError(subject, f"did not come from {self.address}, but a web page, as for signing in", remedy)

    def _refusal(self, subject: str, code: int, kind: str, message: str) -> DownloadError:
        said = f"{self.address} answered {code}"
        if words := self._shown(message):
            said += f", {words}"
        if code == 404 or kind == "CONT_0001" or "item does not exist" in message.lower():
            remedy = "check the id and the portal" + ("" if self.token else f"; if it is not public, {_HOW_TO_PASS}")
            return NoItemError(subject, f"does not exist or is not open to you ({said})", remedy)
        if code in _NO_TOKEN | _BAD_TOKEN and not self.token:
            return DownloadError(subject, f"is not public ({said})", _HOW_TO_PASS)
        if code in _BAD_TOKEN:
            what = f"was refused, as the token is not valid or has expired ({said})"
            return DownloadError(subject, what, f"make another and {_HOW_TO_PASS}")
        if code in _NO_TOKEN:
            remedy = f"ask its owner to share it, or {_HOW_TO_PASS}"
            return DownloadError(subject, f"is not open to the token's owner ({said})", remedy)
        return DownloadError(subject, f"was refused ({said})", "try again later, or ask who runs the portal")

    def _shown(self, message: str) -> str:
        """A portal's message on one short line, without the token."""
        text = message.replace(self.token, "…") if self.token else message
        text = re.sub(r"(?<=://)(\S+?)\?\S*", r"\1", text)
        return one_line(text)[:200].rstrip(".: ")


def one_line(text: str) -> str:
    """A text without control characters, on one line.

    >>> one_line("tiles\\x1b[2J of a\\ncoast ")
    'tiles [2J of a coast'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def stated_error(head: bytes) -> tuple[int, str, str] | None:
    """Code, kind and message of a response whose content is an error; None for any other.

    >>> stated_error(b'{"error": {"code": 499, "messageCode": "GWM_0003", "message": "Token Required"}}')
    (499, 'GWM_0003', 'Token Required')
    >>> stated_error(b'{"type": "FeatureCollection"}'), stated_error(b"PK")
    (None, None)
    """
    try:
        content = json.loads(head)
    except (ValueError, RecursionError):
        return None
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict) or not {"code", "message", "messageCode"} & error.keys():
        return None
    code = str(error.get("code"))
    details = error.get("details")
    words = error.get("message") or (details[0] if isinstance(details, list) and details else "")
    return int(code) if code.isdecimal() else 0, str(error.get("messageCode") or ""), str(words)


def find_portal(address: str | None = None, token: str | None = None) -> Portal:
    """The portal of an address, or the default one.

    Args:
        address: Of the portal, its REST interface or its home page; None: that of the environment variable
            LITTORAL_PORTAL, or ArcGIS Online.
        token: None: that of the environment variable LITTORAL_PORTAL_TOKEN, or none.

    >>> find_portal("https://gis.example.org/portal/home/").address, find_portal("maps.example.org").address
    ('https://gis.example.org/portal', 'https://maps.example.org')

    Raises:
        InputError: not a web address, or one with a password in it.
    """
    given = (address or os.environ.get(PORTAL_VARIABLE) or ONLINE).strip()
    whole = given if "://" in given else f"https://{given}"
    parts, shown = urlsplit(whole) if _is_address(whole) else urlsplit(""), shown_address(whole)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"The portal {shown}", "is no web address", f"pass one such as {ONLINE}")
    if "@" in parts.netloc:
        raise InputError(f"The portal {shown}", "was given with a user or a password", _HOW_TO_PASS)
    path = re.sub(r"/(sharing|home|rest)(/.*)?$", "", parts.path.rstrip("/"))
    secret = (token or os.environ.get(TOKEN_VARIABLE) or "").strip()
    return Portal(f"{parts.scheme}://{parts.netloc}{path}", secret or None)


def _is_address(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True
