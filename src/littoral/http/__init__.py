"""Files from elsewhere: fetched over HTTP, and unpacked where they are zips; whatever they hold."""

from littoral.http.session import (
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
from littoral.http.transfers import download
from littoral.http.zips import unpack_zip

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
