"""A web server on this machine that answers range requests and counts what it serves; and what a TIFF is made of."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import tifffile

CHUNK = 2**14
"""Bytes sent at a time."""


class RangeServer:
    """Serves the files of one folder on 127.0.0.1 while it is entered."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self.reset()
        counted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, body: bool) -> None:
                path = folder / self.path.lstrip("/")
                if path.parent != folder or not path.is_file():
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    counted.count(1, 0)
                    return
                size = path.stat().st_size
                asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                first = int(asked[1]) if asked else 0
                last = min(int(asked[2]), size - 1) if asked and asked[2] else size - 1
                self.send_response(206 if asked else 200)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(last - first + 1))
                if asked:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
                self.end_headers()
                counted.count(1, 0)
                if body:
                    with path.open("rb") as file:
                        file.seek(first)
                        for start in range(first, last + 1, CHUNK):
                            part = file.read(min(CHUNK, last + 1 - start))
                            self.wfile.write(part)
                            counted.count(0, len(part))

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> RangeServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def address(self, name: str) -> str:
        """Of a file in the folder."""
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def reset(self) -> None:
        """Begin to count."""
        self.requests = self.bytes = 0

    def count(self, requests: int, served: int) -> None:
        """More requests, or more bytes; those of an answer that the client breaks off are counted as far as sent."""
        with self._lock:
            self.requests += requests
            self.bytes += served


def tile_bytes(path: Path, touched: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Compressed bytes of blocks (row, column) of a tiled TIFF, and of all that stands before its first pixels."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        across = -(-page.imagewidth // page.tilewidth)
        header = min(offset for each in file.pages for offset in each.dataoffsets if offset)
        return sum(page.databytecounts[row * across + column] for row, column in touched), header
