"""A stranger's zip, read into memory and checked; JSON of it, likewise."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from littoral.errors import InputError

_MOST_FILES = 64
_MOST_BYTES = 4 * 2**30


def checked_names(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """Names of the files, refused where they could do harm: a stranger's zip is not trusted."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise InputError(
            path,
            f"unpacks to {len(entries)} files of {sum(e.file_size for e in entries)} bytes",
            "pass a .dlpk of one model",
        )
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise InputError(path, f"holds the unsafe name {entry.filename!r}", "do not use this file")
    return [entry.filename for entry in entries]


def json_of(path: Path, name: str, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise InputError(path, f"has a damaged {name} ({error})", "copy or train the model again") from error
    if not isinstance(value, dict):
        raise InputError(path, f"has a {name} that is no JSON object", "copy or train the model again")
    return value
