"""Write small S-57 cells and updates with synthetic content, in the format of real electronic navigational charts.

A cell holds the minimum for a coastline, in chain-node topology: for each line one COALNE or SLCONS feature on one edge
between two connected nodes, and M_COVR features for the area covered.

Sources: ISO/IEC 8211 (records); IHO S-57 Edition 3.1, Part 3 (fields and updates) and Appendix B.1 (ENC Product
Specification).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from struct import pack, unpack_from

import numpy as np
from numpy.typing import NDArray

Record = dict[str, bytes]  # field tag to field body, without the field terminator

UNIT, FIELD = b"\x1f", b"\x1e"  # terminators of ISO 8211 units (subfields of variable length) and fields
REMOVED = "\x7f"  # attribute value with which an update removes the attribute
UNITS_PER_DEGREE = 10_000_000  # COMF

COALNE, SLCONS, M_COVR = 30, 122, 302  # OBJL, object classes
CATCOA, CATCOV, CATSLC, CONRAD, CONVIS, OBJNAM, SORDAT, VERDAT, WATLEV = 15, 18, 60, 82, 83, 116, 147, 185, 187  # ATTL
FEATURE, CONNECTED_NODE, EDGE = 100, 120, 130  # RCNM, kinds of record
LINE, AREA = 2, 3  # PRIM
INSERT, DELETE, MODIFY = 1, 2, 3  # RUIN
NULL = 255

# For each field: tag, tag of its parent, name, field controls, subfields ("*": repeated), and their formats.
FIELDS = (
    ("0001", "", "ISO/IEC 8211 Record Identifier", "0500;&   ", "", "(b12)"),
    ("DSID", "0001", "Data set identification field", "1600;&   ",
     "RCNM!RCID!EXPP!INTU!DSNM!EDTN!UPDN!UADT!ISDT!STED!PRSP!PSDN!PRED!PROF!AGEN!COMT",
     "(b11,b14,2b11,3A,2A(8),R(4),b11,2A,b11,b12,A)"),
    ("DSSI", "DSID", "Data set structure information field", "1600;&   ",
     "DSTR!AALL!NALL!NOMR!NOCR!NOGR!NOLR!NOIN!NOCN!NOED!NOFA", "(3b11,8b14)"),
    ("DSPM", "0001", "Data set parameter field", "1600;&   ",
     "RCNM!RCID!HDAT!VDAT!SDAT!CSCL!DUNI!HUNI!PUNI!COUN!COMF!SOMF!COMT", "(b11,b14,3b11,b14,4b11,2b14,A)"),
    ("VRID", "0001", "Vector record identifier field", "1600;&   ", "RCNM!RCID!RVER!RUIN", "(b11,b14,b12,b11)"),
    ("VRPT", "VRID", "Vector record pointer field", "2600;&   ", "*NAME!ORNT!USAG!TOPI!MASK", "(B(40),4b11)"),
    ("SG2D", "VRID", "2-D coordinate field", "2500;&   ", "*YCOO!XCOO", "(2b24)"),
    ("FRID", "0001", "Feature record identifier field", "1600;&   ",
     "RCNM!RCID!PRIM!GRUP!OBJL!RVER!RUIN", "(b11,b14,2b11,2b12,b11)"),
    ("FOID", "FRID", "Feature object identifier field", "1600;&   ", "AGEN!FIDN!FIDS", "(b12,b14,b12)"),
    ("ATTF", "FRID", "Feature record attribute field", "2600;&-A ", "*ATTL!ATVL", "(b12,A)"),
    ("FSPT", "FRID", "Feature record to spatial record pointer field", "2600;&   ",
     "*NAME!ORNT!USAG!MASK", "(B(40),3b11)"),
)  # fmt: skip


@dataclass(frozen=True)
class ChartLine:
    """One feature along the shore.

    `coordinates` is (points, 2): longitude, latitude, in degrees of WGS 84; the last point of a ring equals the first.
    `catcoa` is the category of coastline (CATCOA code), None for no category. `attributes` are further attributes by
    number (ATTL), `objl` is the object class: COALNE or SLCONS.
    """

    coordinates: NDArray[np.float64]
    catcoa: int | None = None
    attributes: Mapping[int, str] = field(default_factory=dict)
    objl: int = COALNE


def write_cell(
    path: Path,
    lines: Sequence[ChartLine],
    *,
    coverage: tuple[float, float, float, float] | Sequence[NDArray[np.float64]],
    uncovered: Sequence[NDArray[np.float64]] = (),
    scale: int = 22_000,
    usage_band: int = 5,
    agency: int = 550,
    edition: int = 1,
    update: int = 0,
    units_per_degree: int = UNITS_PER_DEGREE,
    issue_date: str = "20260101",
    source_date: str = "20250101",
) -> Path:
    """Write the base cell `path`, named ``*.000``, and return its path; the same input gives the same bytes.

    `coverage` is west, south, east, north in degrees, or rings (points, 2), each an area of its own; `uncovered` are
    rings of areas without data (CATCOV 2). `scale` is the denominator of the compilation scale; `usage_band` the
    navigational purpose, 1 overview to 6 berthing; `update` the last update that a re-issued cell already contains;
    `units_per_degree` the coordinate factor (COMF). Dates are YYYYMMDD. Lines that end in the same point share a node.
    Update files of an earlier cell beside `path` are not deleted, and would be applied to this cell.
    """
    if path.suffix != ".000":
        raise ValueError(f"{path.name}: a base cell is named *.000")
    covered = _rings(coverage)
    areas = [(ring, "1") for ring in covered] + [(ring, "2") for ring in uncovered]
    shapes = (*(line.coordinates for line in lines), *(ring for ring, _ in areas))
    chains = [_whole_units(coordinates, units_per_degree) for coordinates in shapes]
    ends = np.concatenate([chain[[0, -1]] for chain in chains])
    nodes, node_of = np.unique(ends, axis=0, return_inverse=True)

    dimensions = pack("<BI3BI4B2I", 20, 1, 2, 16, 12, scale, 1, 1, 1, 1, units_per_degree, 10)
    records: list[Record] = [
        {
            "DSID": _identification(path.name, 1, usage_band, edition, update, issue_date, issue_date, agency),
            "DSSI": _counts(meta=len(areas), geo=len(lines), nodes=len(nodes), edges=len(chains)),
        },
        {"DSPM": dimensions + UNIT},
    ]
    for number, node in enumerate(nodes, 1):
        records.append({"VRID": _vector(CONNECTED_NODE, number), "SG2D": node.tobytes()})
    for number, (chain, (begin, end)) in enumerate(zip(chains, node_of.reshape(-1, 2) + 1, strict=True), 1):
        pointers = [(CONNECTED_NODE, begin, NULL, NULL, 1, NULL), (CONNECTED_NODE, end, NULL, NULL, 2, NULL)]
        edge = {"VRID": _vector(EDGE, number), "VRPT": b"".join(pack("<BI4B", *pointer) for pointer in pointers)}
        records.append(edge | ({"SG2D": chain[1:-1].tobytes()} if len(chain) > 2 else {}))
    for number, (_, kind) in enumerate(areas, len(lines) + 1):
        records.append({
            "FRID": _feature(number, AREA, M_COVR),
            "FOID": pack("<HIH", agency, number, 1),
            "ATTF": _attributes({CATCOV: kind}),
            "FSPT": pack("<BI3B", EDGE, number, 1, 3, NULL),  # usage 3: an exterior boundary cut by the data limit
        })  # fmt: skip
    for number, line in enumerate(lines, 1):
        category = {} if line.catcoa is None else {CATCOA: str(line.catcoa)}
        records.append({
            "FRID": _feature(number, LINE, line.objl),
            "FOID": pack("<HIH", agency, number, 1),
            "ATTF": _attributes({**category, SORDAT: source_date, **line.attributes}),
            "FSPT": pack("<BI3B", EDGE, number, 1, NULL, 2),
        })  # fmt: skip
    return _write(path, records)


def write_update(
    path: Path,
    base: Path,
    *,
    update: int,
    catcoa: Mapping[int, int | None],
    delete: Collection[int] = (),
    edition: int | None = None,
    issue_date: str = "20260201",
) -> Path:
    """Write update number `update` (1 is named ``*.001``) to the cell `base` of `write_cell` and return its path.

    Features are identified by their position in the cell's lines: `catcoa` gives new categories (None removes the
    category), `delete` lists features to delete together with their edges; nodes are kept, since other lines may use
    them. Earlier updates must lie beside `base`, because the versions of records count on from them. `edition` is that
    of the cell unless given; 0 cancels the cell.
    """
    if path.suffix != f".{update:03d}":
        raise ValueError(f"{path.name}: update {update} is named *.{update:03d}")
    if both := set(catcoa) & set(delete):
        raise ValueError(f"features both changed and deleted: {sorted(both)}")
    _, header, *cell = _read(base)
    identifiers = {number: record["FOID"] for record in cell for number, *_ in _lines_in(record)}
    classes = {number: objl for record in cell for number, objl, *_ in _lines_in(record)}
    versions = dict.fromkeys(identifiers, 1)
    band, (base_edition, base_update) = header["DSID"][6], map(int, header["DSID"][7:].split(UNIT)[1:3])
    for earlier in range(base_update + 1, update):
        for record in _read(base.with_suffix(f".{earlier:03d}")):
            for number, _, version, instruction in _lines_in(record):
                versions[number] = version
                if instruction == DELETE:
                    del versions[number]
    if unknown := {position for position in (*catcoa, *delete) if position + 1 not in versions}:
        raise ValueError(f"{base.name} has no features {sorted(unknown)} any more, or never had")

    agency = next(unpack_from("<H", record["FOID"])[0] for record in cell if "FOID" in record)
    edition = base_edition if edition is None else edition
    records: list[Record] = [
        {
            "DSID": _identification(path.name, 2, band, edition, update, " " * 8, issue_date, agency),
            "DSSI": _counts(meta=0, geo=len(catcoa) + len(delete), nodes=0, edges=len(delete)),
        }
    ]
    gone = sorted(position + 1 for position in delete)
    # Updates never modify an edge, so its deletion is always version 2.
    records += [{"VRID": _vector(EDGE, number, 2, DELETE)} for number in gone]
    records += [{"FRID": _feature(number, LINE, classes[number], versions[number] + 1, DELETE)} for number in gone]
    for number, category in sorted((position + 1, category) for position, category in catcoa.items()):
        records.append({
            "FRID": _feature(number, LINE, classes[number], versions[number] + 1, MODIFY),
            "FOID": identifiers[number],
            "ATTF": _attributes({CATCOA: REMOVED if category is None else str(category)}),
        })  # fmt: skip
    return _write(path, records)


def _rings(
    coverage: tuple[float, float, float, float] | Sequence[NDArray[np.float64]],
) -> list[NDArray[np.float64]]:
    """Bounds as a clockwise ring (5, 2); rings are unchanged."""
    rings = [np.asarray(part, np.float64) for part in coverage]
    if rings[0].ndim:
        return rings
    west, south, east, north = rings
    return [np.array([(west, south), (west, north), (east, north), (east, south), (west, south)])]


def _whole_units(coordinates: NDArray[np.float64], units_per_degree: int) -> NDArray[np.int32]:
    """Convert (points, 2) longitude, latitude in degrees to integer units of latitude, longitude, the order of SG2D."""
    if coordinates.ndim != 2 or coordinates.shape[1] != 2 or len(coordinates) < 2:
        raise ValueError(f"a line is (2 or more points, 2), not {coordinates.shape}")
    if not (np.abs(coordinates) <= (180, 90)).all():
        raise ValueError("a line leaves longitude -180 to 180, latitude -90 to 90")
    return np.rint(coordinates[:, ::-1] * units_per_degree).astype("<i4")


def _identification(
    name: str, purpose: int, band: int, edition: int, update: int, applied: str, issued: str, agency: int
) -> bytes:
    """Body of DSID; `purpose` is 1 for a new data set, 2 for a revision; `applied` the date of updates applied."""
    names = b"".join(text.encode("latin-1") + UNIT for text in (name, str(edition), str(update)))
    dates = f"{applied}{issued}03.1".encode()
    profile = 1 if purpose == 1 else 2  # EN, ER
    specification = pack("<B", 1) + UNIT + b"2.0" + UNIT + pack("<BH", profile, agency)
    return pack("<BI2B", 10, 1, purpose, band) + names + dates + specification + b"Synthetic: not for navigation" + UNIT


def _counts(*, meta: int, geo: int, nodes: int, edges: int) -> bytes:
    """Body of DSSI: chain-node topology, Latin-1 text, and the number of records of each kind."""
    return pack("<3B8I", 2, 1, 1, meta, 0, geo, 0, 0, nodes, edges, 0)


def _vector(kind: int, number: int, version: int = 1, instruction: int = INSERT) -> bytes:
    """Body of VRID."""
    return pack("<BIHB", kind, number, version, instruction)


def _feature(number: int, primitive: int, objl: int, version: int = 1, instruction: int = INSERT) -> bytes:
    """Body of FRID; neither class belongs to group 1, the skin of the earth."""
    return pack("<BI2B2HB", FEATURE, number, primitive, 2, objl, version, instruction)


def _attributes(values: Mapping[int, str]) -> bytes:
    """Body of ATTF."""
    return b"".join(pack("<H", code) + value.encode("latin-1") + UNIT for code, value in values.items())


def _lines_in(record: Record) -> Iterator[tuple[int, int, int, int]]:
    """Number, class, version and update instruction of `record`, if it is a line feature."""
    if "FRID" in record:
        _, number, primitive, _, objl, version, instruction = unpack_from("<BI2B2HB", record["FRID"])
        if primitive == LINE:
            yield number, objl, version, instruction


def _write(path: Path, records: Sequence[Record]) -> Path:
    """Write the data descriptive record and `records` to a file beside `path`, then rename it to `path`."""
    tree = "".join(parent + tag for tag, parent, *_ in FIELDS if parent)
    described = {"0000": b"0000;&   " + UNIT + tree.encode()}
    for tag, _, name, controls, subfields, formats in FIELDS:
        described[tag] = UNIT.join(text.encode() for text in (controls + name, subfields, formats))
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(_record(described, "3LE1 09", " ! "))
        for number, record in enumerate(records, 1):
            # The number has 16 bits and may wrap around: readers use the order of records.
            file.write(_record({"0001": pack("<H", number & 0xFFFF)} | record, " D     ", "   "))
    os.replace(new, path)
    return path


def _record(fields: Record, kind: str, charset: str) -> bytes:
    """One ISO 8211 record: leader, directory of tag, length and position of each field, and the fields."""
    bodies = [body + FIELD for body in fields.values()]
    *positions, total = accumulate(map(len, bodies), initial=0)
    wide, far = len(str(max(map(len, bodies)))), len(str(positions[-1]))
    entries = zip(fields, bodies, positions, strict=True)
    directory = "".join(f"{tag}{len(body):0{wide}}{position:0{far}}" for tag, body, position in entries).encode()
    start = 24 + len(directory) + 1
    size = start + total
    leader = f"{size if size <= 99_999 else 0:05}{kind}{start:05}{charset}{wide}{far}04"
    return b"".join([leader.encode(), directory, FIELD, *bodies])


def _read(path: Path) -> Iterator[Record]:
    """Read the records of a file written by `_write`, the data descriptive record first."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        start, wide, far = at + int(data[at + 12 : at + 17]), data[at + 20] - ord("0"), data[at + 21] - ord("0")
        record, end = {}, start
        for entry in range(at + 24, start - 1, 4 + wide + far):
            tag, size = data[entry : entry + 4].decode(), int(data[entry + 4 : entry + 4 + wide])
            record[tag] = data[end : end + size - 1]
            end += size
        yield record
        at = end
