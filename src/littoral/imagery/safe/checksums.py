"""Compare the files of a Sentinel-2 product with the checksums in its ``manifest.safe``."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from littoral.errors import InputError
from littoral.http import entry_name
from littoral.imagery.safe.files import Place
from littoral.imagery.safe.metadata import read_checksums

_MANIFEST = "manifest.safe"
_METHODS = {"MD5": "md5", "SHA3-256": "sha3_256", "SHA-256": "sha256", "SHA256": "sha256", "SHA1": "sha1"}
_CHUNK = 2**20


def verify_product(place: Place) -> int:
    """Compare every existing file that a product's manifest lists with its checksum; return how many were compared.

    Raises:
        InputError: no manifest or no checksum in it, a file with another checksum, or one that cannot be read.

    Memory: 1 MiB.
    """
    listed = read_checksums(place.read(_MANIFEST), place.shown(_MANIFEST))
    compared = 0
    for name, (method, expected) in listed.items():
        algorithm = _METHODS.get(method.upper())
        if algorithm is None or not (digest := _digest(place, name, algorithm)):
            continue
        if digest != expected.casefold():
            what = f"has another checksum ({method}) than {_MANIFEST} lists"
            raise InputError(place.shown(name), what, "fetch the product again")
        compared += 1
    if not compared:
        raise InputError(
            place.shown(_MANIFEST), "lists no checksum of a file that is there", "open it without --verify"
        )
    return compared


def _digest(place: Place, name: str, algorithm: str) -> str:
    """Checksum of a file in hexadecimal, "" if the file does not exist."""
    try:
        with ExitStack() as stack:
            if place.archive is None:
                path = Path(place.root, name)
                if not path.is_file():
                    return ""
                file: IO[bytes] = stack.enter_context(path.open("rb"))
            else:
                archive = stack.enter_context(zipfile.ZipFile(place.archive))
                entries = {entry_name(entry.filename): entry for entry in archive.infolist()}
                if place.inside + name not in entries:
                    return ""
                file = stack.enter_context(archive.open(entries[place.inside + name]))
            digest = hashlib.new(algorithm)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
            return digest.hexdigest()
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(place.shown(name), f"could not be read ({error})", "fetch the product again") from error
