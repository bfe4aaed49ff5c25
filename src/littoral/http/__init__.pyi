from .session import (
    PATIENT,
    DownloadError,
    Look,
    Patience,
    Session,
    UnreachableError,
    open_session,
    read_json,
    shown_address,
)
from .transfers import download
from .zips import unpack_zip

__all__ = [
    "PATIENT",
    "DownloadError",
    "Look",
    "Patience",
    "Session",
    "UnreachableError",
    "download",
    "open_session",
    "read_json",
    "shown_address",
    "unpack_zip",
]
