"""The frame of an S-57 file: is it whole, and which edition and update is it?

GDAL reads the content. What it does not say is told from the frame: a file is a row of ISO/IEC 8211 records, each with
a leader of 24 bytes that gives its length and a directory of its fields; the first data record identifies the data set
(DSID). Sources: ISO/IEC 8211:1994; IHO S-57 Edition 3.1, Part 3, clauses 7.3.1.1 (DSID) and 7.3.1.2 (DSSI).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from littoral.errors import InputError

HEAD = 1 << 16
"""Bytes that hold the first two records of any S-57 file."""
_LEADER = 24
_UNIT = b"\x1f"
_FILL = b"^\0 \r\n\x1a"
"""What some producers put behind the last record."""
_REMEDY = "fetch it again as the office publishes it"


@dataclass(frozen=True)
class Identification:
    """What the header of a base cell or of an update says."""

    edition: int
    """EDTN; 0 in an update that cancels the cell."""
    update: int
    """UPDN: the number of an update; of a base cell the last update it holds already, 0 unless it was re-issued."""
    records: int
    """Feature and spatial records that DSSI announces; 0 where there is no DSSI."""


def identify(data: bytes, subject: object) -> Identification:
    """Read the header of a file.

    Args:
        data: The file, or its first :data:`HEAD` bytes.
        subject: What to call it in an error.

    Raises:
        InputError: not S-57, or cut off within its header.
    """
    try:
        *_, start = (at for at, _ in islice(_records(data, subject), 2))
        fields = dict(_fields(data, start))
        _, edition, update, *_ = fields["DSID"][7:].split(_UNIT)  # behind RCNM, RCID, EXPP, INTU; DSNM comes first
        counts = struct.unpack_from("<8I", fields["DSSI"], 3) if "DSSI" in fields else ()
        return Identification(int(edition or 0), int(update or 0), sum(counts))
    except (ValueError, KeyError, struct.error) as error:
        raise InputError(subject, "is not an S-57 cell or update", _REMEDY) from error


def check_whole(data: bytes, subject: object) -> None:
    """Follow the records to the end of the file.

    Raises:
        InputError: not S-57, or the file ends within a record, or before all records that its header announces.
    """
    announced = identify(data, subject).records
    try:
        # Each record's first field is its number, the second says what it is.
        seconds = (at + _LEADER + entry for at, entry in _records(data, subject))
        found = sum(data[at : at + 4] in (b"FRID", b"VRID") for at in seconds)
    except ValueError as error:
        raise InputError(subject, f"is damaged ({error})", _REMEDY) from error
    if found < announced:
        raise InputError(subject, f"is cut off: it holds {found} of the {announced} records it announces", _REMEDY)


def _records(data: bytes, subject: object) -> Iterator[tuple[int, int]]:
    """Of each record where it begins, and the size of an entry in its directory.

    Raises:
        InputError: the file ends within a record.
        ValueError: what follows is not ISO 8211.
    """
    at = 0
    while (leader := data[at : at + _LEADER]).strip(_FILL):
        size = _size(data, at) if len(leader) == _LEADER else _LEADER
        if not leader[:5].isdigit() or size < _LEADER:
            raise ValueError(f"no record at byte {at}")
        if at + size > len(data):
            what = f"ends at byte {len(data)}, within the record that begins at byte {at}"
            raise InputError(subject, what, _REMEDY)
        yield at, _entry(leader)
        at += size


def _size(data: bytes, at: int) -> int:
    """Length of the record at ``at``: the leader's, or, where five digits cannot say it, that of its fields."""
    return int(data[at : at + 5]) or int(data[at + 12 : at + 17]) + sum(size for _, size in _directory(data, at))


def _directory(data: bytes, at: int) -> Iterator[tuple[str, int]]:
    """Tag and length of the fields of the record at ``at``."""
    wide, entry = int(data[at + 20 : at + 21]), _entry(data[at : at + _LEADER])
    for place in range(at + _LEADER, at + int(data[at + 12 : at + 17]) - 1, entry):
        yield data[place : place + 4].decode("ascii"), int(data[place + 4 : place + 4 + wide])


def _entry(leader: bytes) -> int:
    """Bytes of a directory entry: a tag of four, a length and a position of as many digits as the leader says."""
    return 4 + int(leader[20:21]) + int(leader[21:22])


def _fields(data: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    """Tag and body, its terminator taken off, of the fields of the record at ``at``, which lie in order."""
    place = at + int(data[at + 12 : at + 17])
    for tag, size in _directory(data, at):
        yield tag, data[place : place + size - 1]
        place += size
