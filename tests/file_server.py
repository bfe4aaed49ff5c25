"""A web server on loopback that serves files, breaks off, refuses, and counts what it is sent."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from littoral.http import Patience

QUICK = Patience(attempts=3, pause_s=0.0, timeout_s=5.0)
CONTENT = random.Random(0).randbytes(700_000)


@dataclass
class Office:
    """A server's files, how it misbehaves, and what it was asked and sent."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    """Of a path: after how many bytes each of the next answers breaks off."""
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    """Of a path: statuses and headers that the next requests get instead of the file."""
    ranges: bool = True
    conditions: bool = True
    """Whether If-Range is heeded."""
    validators: bool = True
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Path, status, the request's headers."""
    sent: int = 0
    """Bytes of bodies."""

    def paths(self) -> list[str]:
        return [path for path, *_ in self.asked]


@contextmanager
def serving_files() -> Iterator[Office]:
    """A server on loopback, as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            content = state.files.get(path)
            status, headers, body = 404, {}, b""
            if state.answers.get(path):
                status, headers = state.answers[path].pop(0)
            elif content is not None:
                etag = f'"{hashlib.sha256(content).hexdigest()}"'
                headers = {"ETag": etag} if state.validators else {}
                wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
                status, body = 200, content
                if state.validators and self.headers.get("If-None-Match") == etag:
                    status, body = 304, b""
                elif wanted and state.ranges and (condition == etag or not state.conditions):
                    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    if start >= len(content):
                        status, body = 416, b""
                        headers["Content-Range"] = f"bytes */{len(content)}"
                    else:
                        status, body = 206, content[start:]
                        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            state.asked.append((path, str(status), dict(self.headers.items())))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if body and state.breaks.get(path):
                body = body[: state.breaks[path].pop(0)]
                self.close_connection = True
            # Counted first: a client that has it all may look before this thread goes on.
            state.sent += len(body)
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Office(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
