from .session import (
    PATIENT,
    BoundedAdapter,
    DownloadError,
    Look,
    Patience,
    Session,
    UnreachableError,
    open_session,
    read_json,
    shown_address,
)
from .transfers import download, only_process
from .zips import checked_entries, entry_name, unpack_zip

__all__ = [
    "PATIENT",
    "BoundedAdapter",
    "DownloadError",
    "Look",
    "Patience",
    "Session",
    "UnreachableError",
    "checked_entries",
    "download",
    "entry_name",
    "only_process",
    "open_session",
    "read_json",
    "shown_address",
    "unpack_zip",
]
