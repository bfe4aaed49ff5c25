"""A hub of pretrained weights on loopback: it has one file, and gives it for whatever network is asked for."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving_weights(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """The hub's address (for ``HF_ENDPOINT``), and the requests it got; ``content`` is a safetensors file."""
    asked: list[str] = []
    etag = hashlib.sha256(content).hexdigest()

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, body: bool) -> None:
            asked.append(f"{self.command} {self.path}")
            found = self.path.endswith("/model.safetensors")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content) if found else 0))
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{etag}"')
            if not found:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            if body and found:
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.answer(False)

        def do_GET(self) -> None:
            self.answer(True)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
