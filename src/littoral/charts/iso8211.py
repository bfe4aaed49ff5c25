"""Read the records of an S-57 file, and recognise truncated, encrypted and other files.

A file is a sequence of ISO/IEC 8211 records. Each has a leader of 24 bytes with its length, a directory of its fields,
and the fields. The first record describes the fields, the second identifies the data set (DSID). Sources: ISO/IEC
8211:1994; IHO S-57 Edition 3.1, Part 3, clauses 7.3.1.1 (DSID) and 7.3.1.2 (DSSI).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from littoral.errors import InputError

HEAD = 1 << 16
"""Number of bytes that contains the first two records of any S-57 file."""
Record = dict[str, bytes]
"""Field bodies by tag, without the field terminator; the bodies of a repeated field are concatenated."""

_LEADER = 24
_UNIT = b"\x1f"
_FILL = b"^\0 \r\n\x1a"
"""Padding that some producers write after the last record."""
_REMEDY = "fetch it again as the office publishes it"
_S101_FIELDS = (b"ATCS", b"FTCS", b"IACS")
"""Code tables of S-100 Part 10a, which S-57 does not have."""
_RANDOM_BYTES = 180
"""Least number of distinct byte values in 1 KB of encrypted data; random data has 251 on average, text under 100."""


@dataclass(frozen=True)
class Identification:
    """Header of a base cell or of an update (DSID and DSSI)."""

    usage_band: int
    """INTU: 1 overview to 6 berthing."""
    edition: int
    """EDTN; 0 in an update that cancels the cell."""
    update: int
    """UPDN: number of an update; for a base cell the last update it contains, 0 unless it was re-issued."""
    issued: str
    """ISDT: issue date YYYYMMDD, or empty."""
    producer: int
    """AGEN: number of the agency."""
    records: int
    """Number of feature and vector records according to DSSI; 0 if there is no DSSI."""


def identify(data: bytes, subject: object) -> Identification:
    """Read the header of a file.

    Args:
        data: The file, or its first :data:`HEAD` bytes.
        subject: Name of the file in error messages.

    Raises:
        InputError: the file is not S-57 (the message names S-101 and S-63), or ends within its header.
    """
    try:
        *_, start = islice(_starts(data, subject), 2)
        return _identification(_fields(data, start))
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise InputError(subject, *_foreign(data)) from error


def read_records(data: bytes, subject: object) -> list[Record]:
    """Read all records of a file except the first, which describes the fields.

    Raises:
        InputError: the file is not S-57, is damaged, or ends within a record.

    Memory: the size of the file once more, and 1 KB per record.
    """
    identify(data, subject)
    try:
        return [_fields(data, start) for start in islice(_starts(data, subject), 1, None)]
    except (ValueError, IndexError) as error:
        raise InputError(subject, f"is damaged ({error})", _REMEDY) from error


def _identification(fields: Record) -> Identification:
    """Decode DSID and DSSI.

    Raises:
        ValueError, KeyError, IndexError, struct.error: the fields are not those of S-57.
    """
    body = fields["DSID"]
    # RCNM, RCID, EXPP, INTU; then DSNM, EDTN, UPDN of variable length, and UADT, ISDT, STED of 8, 8 and 4 bytes.
    _, edition, update, rest = body[7:].split(_UNIT, 3)
    # PRSP, then PSDN and PRED of variable length, PROF and AGEN.
    *_, agency = rest[21:].split(_UNIT, 2)
    counts = struct.unpack_from("<8I", fields["DSSI"], 3) if "DSSI" in fields else ()
    return Identification(
        usage_band=body[6],
        edition=int(edition or 0),
        update=int(update or 0),
        issued=rest[8:16].decode("latin-1").strip(),
        producer=struct.unpack_from("<H", agency, 1)[0],
        records=sum(counts),
    )


def _foreign(data: bytes) -> tuple[str, str]:
    """Probable format of a file that is not S-57, and the remedy, as parts of an error message."""
    if any(tag in data[:HEAD] for tag in _S101_FIELDS):
        return "is an S-101 cell, and only S-57 can be read", "ask the office for the S-57 edition of the cell"
    if not data[:5].isdigit() and len(data) % 8 == 0 and len(set(data[:1024])) >= _RANDOM_BYTES:
        return (
            "is probably encrypted (S-63), and only plain S-57 can be read",
            "decrypt it with your cell permit first, or ask the office for cells that are not encrypted",
        )
    return "is not an S-57 cell or update", _REMEDY


def _starts(data: bytes, subject: object) -> Iterator[int]:
    """Byte offset of each record.

    Raises:
        InputError: the file ends within a record.
        ValueError: the bytes after a record are not ISO 8211.
    """
    at = 0
    while (leader := data[at : at + _LEADER]).strip(_FILL):
        size = _size(data, at) if len(leader) == _LEADER else _LEADER
        if not leader[:5].isdigit() or size < _LEADER:
            raise ValueError(f"no record at byte {at}")
        if at + size > len(data):
            what = f"ends at byte {len(data)}, within the record that begins at byte {at}"
            raise InputError(subject, what, _REMEDY)
        yield at
        at += size


def _size(data: bytes, at: int) -> int:
    """Length of the record at ``at``: from the leader, or the sum of its fields if five digits do not suffice."""
    return int(data[at : at + 5]) or int(data[at + 12 : at + 17]) + sum(size for _, size, _ in _directory(data, at))


def _directory(data: bytes, at: int) -> Iterator[tuple[str, int, int]]:
    """Tag, length and position of each field of the record at byte ``at``."""
    wide, far = int(data[at + 20 : at + 21]), int(data[at + 21 : at + 22])
    stop = at + int(data[at + 12 : at + 17]) - 1
    for entry in range(at + _LEADER, stop, 4 + wide + far):
        size, position = entry + 4, entry + 4 + wide
        tag = data[entry:size].decode("ascii")
        yield tag, int(data[size:position]), int(data[position : position + far])


def _fields(data: bytes, at: int) -> Record:
    """Fields of the record at byte ``at``.

    Raises:
        ValueError: the directory is damaged.
    """
    area = at + int(data[at + 12 : at + 17])
    fields: Record = {}
    for tag, size, position in _directory(data, at):
        body = data[area + position : area + position + size - 1]
        fields[tag] = fields[tag] + body if tag in fields else body
    return fields
