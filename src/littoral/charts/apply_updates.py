"""Apply updates to the records of an S-57 cell.

Each update is applied completely or not at all. GDAL's S-57 driver cannot do that: it stops at the first failure in the
middle of an update, ignores coordinates inserted into a straight edge, and drops lines whose edge was deleted.
Source: IHO S-57 Edition 3.1, Part 3, clause 8: RCNM and RCID identify a record, its version (RVER) counts the changes,
and RUIN is the update instruction: insert, delete or modify.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from littoral.charts.iso8211 import Record

INSERT, DELETE, MODIFY = 1, 2, 3
EDGE = 130
"""Record name (RCNM) of an edge."""
COALNE, SLCONS, M_COVR = 30, 122, 302
"""Numbers (OBJL) of the object classes that are read."""
NAME_BYTES = 5
"""Bytes of RCNM and RCID, which identify a vector record in VRID and in pointers."""
POINTER_BYTES = {"FSPT": 8, "VRPT": 9}
Name = TypeVar("Name", bytes, int)
_REMOVED = b"\x7f"
_UNIT = b"\x1f"
_LISTS = (("VRPC", "VRPT", 9), ("FSPC", "FSPT", 8), ("SGCC", "SG2D", 8), ("SGCC", "SG3D", 12))
"""Update control field, the field with the list that it changes, and the bytes per entry."""


class UpdateError(ValueError):
    """An update does not fit the cell."""


@dataclass(frozen=True)
class CellRecords:
    """Vector and feature records of a cell; the records themselves are never modified."""

    vectors: dict[bytes, Record]
    """Vector records by name (RCNM and RCID, 5 bytes)."""
    features: dict[int, Record]
    """Feature records by number (RCID)."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> CellRecords:
        """The records of a base cell."""
        cell = cls({}, {})
        for record in records:
            if "VRID" in record:
                cell.vectors[record["VRID"][:NAME_BYTES]] = record
            elif "FRID" in record:
                cell.features[struct.unpack_from("<I", record["FRID"], 1)[0]] = record
        return cell

    def updated(self, records: Iterable[Record]) -> CellRecords:
        """The cell with an update applied.

        Raises:
            UpdateError: a record is missing, exists already or has another version; a list is too short for the
                change; or a coastline, construction or coverage would refer to a deleted record.
        """
        cell = CellRecords(dict(self.vectors), dict(self.features))
        for record in records:
            if "VRID" in record:
                name = record["VRID"][:NAME_BYTES]
                version, instruction = struct.unpack_from("<HB", record["VRID"], NAME_BYTES)
                _change(cell.vectors, name, "VRID", record, version, instruction)
            elif "FRID" in record:
                number, version, instruction = struct.unpack("<xI4xHB", record["FRID"][:12])
                _change(cell.features, number, "FRID", record, version, instruction)
        if lost := set(cell.missing()) - set(self.missing()):
            raise UpdateError(f"it deletes {len(lost)} records that the coastline still uses")
        return cell

    def missing(self) -> Iterator[tuple[int, bytes]]:
        """Missing vector records of the features that are read: number of the feature, name of the record."""
        for number, feature in self.features.items():
            if object_class(feature) not in (COALNE, SLCONS, M_COVR):
                continue
            for edge in pointed(feature, "FSPT"):
                record = self.vectors.get(edge)
                if record is None:
                    yield number, edge
                else:
                    yield from ((number, node) for node in pointed(record, "VRPT") if node not in self.vectors)

    def unused(self) -> int:
        """Number of vector records that no other record refers to; 0 in a complete cell."""
        used = {edge for feature in self.features.values() for edge in pointed(feature, "FSPT")}
        used |= {node for vector in self.vectors.values() for node in pointed(vector, "VRPT")}
        return len(self.vectors.keys() - used)


def object_class(feature: Record) -> int:
    """OBJL of a feature record."""
    return int(struct.unpack_from("<H", feature["FRID"], 7)[0])


def pointed(record: Record, field: str) -> Iterator[bytes]:
    """Names of the vector records that ``field`` (FSPT or VRPT) refers to, in order."""
    body, size = record.get(field, b""), POINTER_BYTES[field]
    return (body[at : at + NAME_BYTES] for at in range(0, len(body), size))


def attributes(record: Record) -> dict[int, bytes]:
    """Values of a feature's attributes (ATTF) by their number."""
    body, at, found = record.get("ATTF", b""), 0, {}
    while at + 2 <= len(body):
        end = body.find(_UNIT, at + 2)
        end = len(body) if end < 0 else end
        found[struct.unpack_from("<H", body, at)[0]] = body[at + 2 : end]
        at = end + 1
    return found


def _change(records: dict[Name, Record], name: Name, head: str, update: Record, version: int, instruction: int) -> None:
    """Insert, delete or modify one record.

    Raises:
        UpdateError: the update does not fit the record.
    """
    old = records.get(name)
    subject = f"{'vector' if head == 'VRID' else 'feature'} record {_number(name)}"
    if instruction == INSERT:
        if old is not None:
            raise UpdateError(f"{subject} is there already")
        records[name] = update
        return
    if old is None:
        raise UpdateError(f"{subject} is not there")
    at = NAME_BYTES if head == "VRID" else 9
    known = struct.unpack_from("<H", old[head], at)[0]
    if version != known + 1:
        raise UpdateError(f"{subject} has version {known}, and the update is for version {version - 1}")
    if instruction == DELETE:
        del records[name]
    elif instruction == MODIFY:
        new = {**old, head: old[head][:at] + struct.pack("<H", version) + old[head][at + 2 :]}
        if "ATTF" in update:
            values = attributes(old) | attributes(update)
            new["ATTF"] = b"".join(
                struct.pack("<H", code) + value + _UNIT for code, value in values.items() if value != _REMOVED
            )
        for control, field, size in _LISTS:
            if field in update or (control in update and field in old):
                new[field] = _changed(old.get(field, b""), update, control, field, size, subject)
        records[name] = new
    else:
        raise UpdateError(f"{subject} has the unknown instruction {instruction}")


def _changed(old: bytes, update: Record, control: str, field: str, size: int, subject: str) -> bytes:
    """Apply the change described by a control field to a list; indices count from 1.

    Without a control field, the update contains the complete list: the coordinates of an edge that was straight
    (clause 8.4.3.3), or as many entries as before.

    Raises:
        UpdateError: the list is too short for the change, or the numbers of entries disagree.
    """
    given = update.get(field, b"")
    if control not in update:
        if old and len(old) != len(given):
            raise UpdateError(f"{subject} has {len(old) // size} entries of {field}, and the update does not say which")
        return given
    instruction, first, count = struct.unpack("<BHH", update[control][:5])
    begin, end = (first - 1) * size, (first - 1 + count) * size
    if instruction in (INSERT, MODIFY) and len(given) != count * size:
        raise UpdateError(f"{subject} announces {count} entries of {field} and gives {len(given) // size}")
    if first < 1 or (begin if instruction == INSERT else end) > len(old):
        raise UpdateError(f"{subject} has {len(old) // size} entries of {field}, fewer than the update changes")
    if instruction == INSERT:
        return old[:begin] + given + old[begin:]
    if instruction == DELETE:
        return old[:begin] + old[end:]
    if instruction == MODIFY:
        return old[:begin] + given + old[end:]
    raise UpdateError(f"{subject} has the unknown instruction {instruction} for {field}")


def _number(name: bytes | int) -> int:
    return int.from_bytes(name[1:], "little") if isinstance(name, bytes) else name
