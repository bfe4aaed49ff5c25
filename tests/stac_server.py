"""A STAC API, its store of images and its token service, on loopback; it can misbehave, and counts what it serves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import rasterio
from affine import Affine

ORIGIN = 500_000.0, 3_000_000.0
SIDE_M = 10_240


def cog(path: Path, seed: int, metres: float, *, classes: bool = False, block: int = 512, side_m: int = SIDE_M) -> Path:
    """A COG of noise, which does not compress away; DN 0 in its first corner, values below 1000 beside."""
    size = int(side_m / metres)
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 12, (size, size)) if classes else rng.integers(900, 4000, (size, size))
    values[:8, :8] = 0
    dtype = "uint8" if classes else "uint16"
    place = Affine(metres, 0, ORIGIN[0], 0, -metres, ORIGIN[1])
    options = {"dtype": dtype, "crs": "EPSG:32617", "transform": place, "compress": "deflate", "blocksize": block}
    with rasterio.open(path, "w", driver="COG", count=1, width=size, height=size, **options) as image:
        image.write(values.astype(dtype), 1)
    return path


@dataclass
class Portal:
    """What the server has, how it misbehaves, and what it was asked."""

    url: str
    items: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    guarded: set[str] = field(default_factory=set)
    """Containers whose files need a token."""
    keyed: set[str] = field(default_factory=set)
    """Buckets whose files need a signature of S3 with the key ACCESS."""
    token_life: timedelta = timedelta(hours=1)
    tokens: list[str] = field(default_factory=list)
    """Handed out."""
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """Of a path: what the next requests get instead."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Of a path: what is answered there, whatever it is."""
    page: int = 2
    posts: bool = True
    """Whether it can be searched by POST."""
    conforms: tuple[str, ...] = ("/core", "/item-search", "/item-search#query")
    asked: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path, query or body, headers."""
    sent: int = 0
    """Bytes of files."""

    @property
    def api(self) -> str:
        return f"{self.url}/stac"

    def paths(self, start: str = "") -> list[str]:
        return [path for _, path, *_ in self.asked if path.startswith(start)]

    def landing(self) -> dict[str, Any]:
        search = {"rel": "search", "href": f"{self.api}/search", "type": "application/geo+json"}
        methods = [{"method": "GET"}, *([{"method": "POST"}] if self.posts else [])]
        links = [{"rel": rel, "href": self.api, "type": "application/json"} for rel in ("self", "root")]
        data = {"rel": "data", "href": f"{self.api}/collections", "type": "application/json"}
        return {
            "type": "Catalog", "stac_version": "1.0.0", "id": "portal", "description": "A portal.",
            "conformsTo": [f"https://api.stacspec.org/v1.0.0{name}" for name in (*self.conforms, "/collections")],
            "links": [*links, data, *({**search, **method} for method in methods)],
        }  # fmt: skip

    def collections(self) -> dict[str, Any]:
        names = sorted({item["collection"] for item in self.items})
        extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
        fixed = {"type": "Collection", "stac_version": "1.0.0", "description": "-", "license": "other", "links": []}
        return {"collections": [{"id": name, "extent": extent, **fixed} for name in names], "links": []}

    def search(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Newest first, as catalogues do."""
        west, south, east, north = asked["bbox"]
        first, _, last = asked.get("datetime", "../..").partition("/")
        cloud = asked.get("query", {}).get("eo:cloud_cover", {}).get("lte", 100)
        return [
            item
            for item in sorted(self.items, key=lambda item: item["properties"]["datetime"], reverse=True)
            if item["bbox"][0] <= east and item["bbox"][2] >= west and item["bbox"][1] <= north
            and item["bbox"][3] >= south
            and (not asked.get("collections") or item["collection"] in asked["collections"])
            and (first == ".." or item["properties"]["datetime"] >= first)
            and (last == ".." or item["properties"]["datetime"] <= last)
            and item["properties"].get("eo:cloud_cover", 0) <= cloud
        ]  # fmt: skip


@contextmanager
def serving() -> Iterator[Portal]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            portal.asked.append((self.command, parts.path, parts.query, dict(self.headers.items())))
            if portal.statuses.get(parts.path):
                self._send(portal.statuses[parts.path].pop(0), b"")
            elif parts.path in portal.bodies:
                self._send(200, portal.bodies[parts.path])
            elif parts.path == "/stac":
                self._json(portal.landing())
            elif parts.path == "/stac/collections":
                self._json(portal.collections())
            elif parts.path == "/stac/search":
                asked: dict[str, Any] = {name: values[0] for name, values in parse_qs(parts.query).items()}
                asked["bbox"] = [float(number) for number in asked["bbox"].split(",")]
                asked["query"] = json.loads(asked.get("query", "{}"))
                if "collections" in asked:
                    asked["collections"] = asked["collections"].split(",")
                self._page(asked, post=False)
            elif parts.path.startswith("/stac/collections/") and "/items/" in parts.path:
                wanted = parts.path.rpartition("/")[2]
                found = [item for item in portal.items if item["id"] == wanted]
                self._json(found[0]) if found else self._send(404, b'{"code": "NotFound"}')
            elif parts.path.startswith("/sas/token/"):
                portal.tokens.append(f"se=1&sig=SECRET{len(portal.tokens)}")
                expiry = (datetime.now(UTC) + portal.token_life).strftime("%Y-%m-%dT%H:%M:%SZ")
                self._json({"msft:expiry": expiry, "token": portal.tokens[-1]})
            else:
                self._file(parts.path, parts.query)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            path = urlsplit(self.path).path
            portal.asked.append(("POST", path, body.decode(), dict(self.headers.items())))
            if portal.statuses.get(path):
                self._send(portal.statuses[path].pop(0), b'{"description": "as told"}')
            elif not portal.posts:
                self._send(405, b"")
            else:
                self._page(json.loads(body), post=True)

        def _page(self, asked: dict[str, Any], *, post: bool) -> None:
            found = portal.search(asked)
            start = int(asked.get("token", 0))
            page = {"type": "FeatureCollection", "features": found[start : start + portal.page], "links": []}
            if start + portal.page < len(found):
                token = start + portal.page
                link: dict[str, Any] = {"rel": "next", "href": f"{portal.api}/search", "method": "GET"}
                if post:
                    link |= {"method": "POST", "merge": True, "body": {"token": token}}
                else:
                    flat = {**asked, "bbox": ",".join(map(str, asked["bbox"])), "token": token}
                    flat["query"] = json.dumps(asked["query"])
                    if "collections" in asked:
                        flat["collections"] = ",".join(asked["collections"])
                    link["href"] += f"?{urlencode(flat)}"
                page["links"] = [link]
            self._json(page)

        def _file(self, path: str, query: str) -> None:
            content = portal.files.get(path)
            container = path.split("/")[1]
            without_token = container in portal.guarded and query not in portal.tokens
            if without_token or (container in portal.keyed and not self._is_keyed(query)):
                self._send(403, b"")
            elif content is None:
                self._send(404, b"")
            else:
                etag = f'"{hash(content)}"'
                if self.headers.get("If-None-Match") == etag:
                    self._send(304, b"", {"ETag": etag})
                    return
                start, stop, headers = 0, len(content), {"ETag": etag}
                wanted = self.headers.get("Range")
                if wanted:
                    first, _, last = wanted.removeprefix("bytes=").partition("-")
                    start, stop = int(first), min(int(last or len(content)) + 1, len(content))
                    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
                portal.sent += 0 if self.command == "HEAD" else stop - start
                self._send(206 if wanted else 200, content[start:stop], headers)

        def _is_keyed(self, query: str) -> bool:
            header = self.headers.get("Authorization", "")
            return "Credential=ACCESS/" in header or ("Credential=ACCESS%2F" in query and "&X-Amz-Signature=" in query)

        def _json(self, document: Any) -> None:
            self._send(200, json.dumps(document).encode())

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    portal = Portal(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield portal
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
