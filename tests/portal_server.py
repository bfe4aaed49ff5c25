"""A portal that hosts items, and the store to which it redirects, on loopback; they can misbehave, and note all."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "AAPK+hidden/of=a&kelp"
NOT_THERE = {
    "code": 400,
    "messageCode": "CONT_0001",
    "message": "Item does not exist or is inaccessible.",
    "details": [],
}
NO_RIGHTS = {"code": 403, "messageCode": "GWM_0003", "message": "You do not have permissions to access this resource."}
TOKEN_REQUIRED = {"code": 499, "messageCode": "GWM_0003", "message": "Token Required.", "details": ["Token Required."]}
INVALID_TOKEN = {"code": 498, "message": "Invalid token.", "details": []}


@dataclass
class Request:
    """What a server was asked and how it answered."""

    server: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    status: int = 0


@dataclass
class Answer:
    """Instead of what would be answered."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class HostedItems:
    """What the portal has, how it misbehaves, and what it was asked."""

    url: str = ""
    """Of the portal, with the path of an ArcGIS Enterprise's."""
    store: str = ""
    """Where the redirects lead."""
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    redirects: bool = True
    echoes_token: bool = False
    """Whether the redirect carries on the query it came with."""
    ranges: bool = True
    lengths: bool = True
    """Whether the store says how long a file is; else it just ends."""
    breaks: list[int] = field(default_factory=list)
    """After how many bytes the store's next answers break off."""
    instead: dict[str, list[Answer]] = field(default_factory=dict)
    """Of "item", "data" or "store": the next answers."""
    asked: list[Request] = field(default_factory=list)
    sent: int = 0
    """Bytes of files."""

    def put(self, item_id: str, content: bytes, name: str | None = "coast.zip", **more: Any) -> None:
        self.items[item_id] = {
            "id": item_id, "owner": "esri_analytics", "title": "Coast tiles", "type": "Image Collection", "name": name,
            "size": len(content), "access": "public", "modified": 1700000000000, "licenseInfo": None, "url": None,
            "accessInformation": "NOAA, Copernicus", **more,
        }  # fmt: skip
        self.files[item_id] = content

    def count(self, what: str) -> int:
        """Requests for "item", "data" or "store"."""
        return sum(_kind(request.server, request.path) == what for request in self.asked)


def _kind(server: str, path: str) -> str:
    return "store" if server == "store" else "data" if path.endswith("/data") else "item"


def zipped(folder: Path, outer: str = "") -> bytes:
    """A zip of all in a folder."""
    return zip_of({
        f"{outer}{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*")) if path.is_file()
    })  # fmt: skip


def zip_of(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@contextmanager
def serving(state: HostedItems) -> Iterator[HostedItems]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        name = "portal"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            request = Request(self.name, parts.path, parse_qs(parts.query), dict(self.headers.items()))
            state.asked.append(request)
            waiting = state.instead.get(_kind(self.name, parts.path))
            if waiting:
                answer = waiting.pop(0)
            elif self.name == "store":
                return self.send_file(parts.path.strip("/"), request)
            else:
                found = self.answer(request)
                if found is None:
                    return self.send_file(parts.path.split("/")[-2], request)
                answer = found
            request.status = answer.status
            self.send_response(answer.status)
            for key, value in {"Content-Type": answer.kind, **answer.headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            return None

        def answer(self, request: Request) -> Answer | None:
            """None: the file itself."""
            head, _, rest = request.path.partition("/portal/sharing/rest/content/items/")
            item_id, _, resource = rest.partition("/")
            tokens = request.query.get("token", [])
            if head or resource not in ("", "data"):
                return Answer(b"<html>not found</html>", 404, "text/html")
            if tokens not in ([], [TOKEN]):
                return _error(INVALID_TOKEN)
            if item_id not in state.items:
                return _error(NOT_THERE)
            if item_id in state.private and not tokens:
                return _error(TOKEN_REQUIRED)
            if resource == "data":
                if not state.redirects:
                    return None
                signature = {"X-Amz-Signature": "signed"} | ({"token": TOKEN} if state.echoes_token and tokens else {})
                place = f"{state.store}/{item_id}?{urlencode(signature)}"
                return Answer(b"", 302, "text/plain", {"Location": place})
            if request.query.get("f") != ["json"]:
                return Answer(b"<!DOCTYPE html><html><body>Item</body></html>", 200, "text/html")
            return Answer(json.dumps(state.items[item_id]).encode(), 200, "text/plain;charset=UTF-8")

        def send_file(self, item_id: str, request: Request) -> None:
            content = state.files[item_id]
            etag = f'"{hashlib.md5(content).hexdigest()}"'
            start, status, headers = 0, 200, {"ETag": etag, "Content-Type": "application/octet-stream"}
            wanted = self.headers.get("Range")
            if self.headers.get("If-None-Match") == etag:
                status = 304
            elif wanted and state.ranges and self.headers.get("If-Range") == etag:
                start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            body = b"" if status == 304 else content[start:]
            request.status = status
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            if state.lengths and status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.close_connection = not state.lengths
            self.end_headers()
            if body and state.breaks:
                body = body[: state.breaks.pop(0)]
                self.close_connection = True
            state.sent += len(body)
            with suppress(ConnectionError):  # a client may have seen enough
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Store(Handler):
        name = "store"

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (Handler, Store)]
    state.url = f"http://127.0.0.1:{servers[0].server_port}/portal"
    state.store = f"http://127.0.0.1:{servers[1].server_port}"
    threads = [threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}) for one in servers]
    for thread in threads:
        thread.start()
    try:
        yield state
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def _error(error: Mapping[str, Any]) -> Answer:
    """As portals send them: with status 200."""
    return Answer(json.dumps({"error": error}).encode(), 200, "text/plain;charset=UTF-8")
