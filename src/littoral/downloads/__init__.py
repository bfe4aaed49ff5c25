"""Files from elsewhere: fetched over HTTP, and unpacked where they are zips; whatever they hold."""

from littoral.downloads.transfers import (
    PATIENT,
    DownloadError,
    Patience,
    Session,
    UnreachableError,
    download,
    open_session,
)
from littoral.downloads.zips import unpack_zip

__all__ = [
    "PATIENT",
    "DownloadError",
    "Patience",
    "Session",
    "UnreachableError",
    "download",
    "open_session",
    "unpack_zip",
]
