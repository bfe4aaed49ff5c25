"""Hashes of a scene's content, to recognise unchanged scenes even if their files were renamed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

from littoral.errors import InputError
from littoral.imagery.raster_files import open_file
from littoral.imagery.scene import Band, Scene
from littoral.imagery.stac.signing import signed_address

_ANSWER_S = 30.0
_ARCHIVE = re.compile(r"/vsi(?:zip|tar|gzip)/(?:\{(?P<archive>[^}]+)\}/(?P<inside>.*)|(?P<path>.+))")


def content_key(scene: Scene, bands: Sequence[Band], *, workers: int = 2) -> str | None:
    """Hash of the content of bands and masks of a scene, and of their grid, order, names and scaling.

    Local files are hashed whole (SHA-256), including side-car files and the files that a VRT refers to; of a file in
    an archive, the whole archive. Remote files are identified by address, size and version (ETag).

    Returns:
        The hash, 64 hexadecimal digits; None if a server gives no version, so that changes cannot be detected.

    Raises:
        InputError: a file cannot be read, or the keys for it are not set.

    Memory: 256 KiB for each worker.
    """
    chosen = (*bands, *scene.masks)
    access = {band.href: band.access for band in chosen}
    files = {href: sorted(_behind(href, set())) for href in access}
    names = sorted({(name, access[href]) for href, of_one in files.items() for name in of_one})
    with ThreadPoolExecutor(workers) as pool:
        versions = dict(zip(names, pool.map(_version, *zip(*names, strict=True)), strict=True))
    if None in versions.values():
        return None
    parts: list[object] = [scene.crs.to_wkt(), scene.transform[:6], scene.height, scene.width]
    for band in chosen:
        attributes = [getattr(band, one.name) for one in fields(band) if one.name != "href"]
        parts += [attributes, sorted(str(versions[name, band.access]) for name in files[band.href])]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def stamps(bands: Sequence[Band]) -> dict[Path, tuple[int, int, int]]:
    """Inode, size in bytes and modification time in nanoseconds of each local file of the bands; faster than hashes.

    Missing and remote files are left out, and so are files that a VRT refers to.
    """
    found = {}
    for href in {band.href for band in bands if "://" not in band.href}:
        path, _ = _on_disk(href)
        if path is not None and path.exists():
            status = path.stat()
            found[path] = status.st_ino, status.st_size, status.st_mtime_ns
    return found


def file_key(path: str | Path) -> str:
    """SHA-256 of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, f"could not be read ({error})", "check that the file is whole") from error


def _behind(name: str, seen: set[str]) -> set[str]:
    """A raster's file, its side-car files, and the files it refers to."""
    if name not in seen:
        seen.add(name)
        if "://" not in name and not name.startswith("/vsi"):
            with open_file(name) as dataset:
                others = list(dataset.files)
            for other in others:
                _behind(other, seen) if other.lower().endswith(".vrt") else seen.add(other)
    return seen


def _version(name: str, access: str) -> str | None:
    """Hash of a file, or its version on the server; None if unknown."""
    if "://" in name:
        # A VRT refers to files with versions of their own.
        return None if name.lower().endswith(".vrt") else _version_by_server(name, access)
    archive, inside = _on_disk(name)
    return None if archive is None else f"{file_key(archive)} {inside}"


def _on_disk(name: str) -> tuple[Path | None, str]:
    """File or archive of a GDAL name, and the path inside the archive; None if there is no such file."""
    packed = _ARCHIVE.fullmatch(name)
    if packed and packed["archive"]:
        return Path(packed["archive"]), packed["inside"]
    path = Path(packed["path"] if packed else name)
    archive = next((place for place in (path, *path.parents) if place.is_file()), None)
    return archive, "" if archive is None else str(path.relative_to(archive))


def _version_by_server(name: str, access: str) -> str | None:
    # Imported here, so that local scenes do not load the network library.
    from littoral.http import open_session

    address, headers = signed_address(name, access)
    with open_session(headers) as session:
        try:
            # GET of the first byte instead of HEAD, because the address is signed for GET.
            answer = session.get(address, headers={"Range": "bytes=0-0"}, timeout=_ANSWER_S, stream=True)
            answer.close()
        except OSError:
            return None
    version, span = answer.headers.get("ETag"), answer.headers.get("Content-Range", "")
    return f"{name} {span.rpartition('/')[2]} {version}" if answer.status_code == 206 and version else None
