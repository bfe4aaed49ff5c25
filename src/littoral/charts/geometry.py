"""Assemble lines and areas from the edges and nodes of an S-57 cell.

Source: IHO S-57 Edition 3.1, Part 3, clauses 4.7.2 (orientation, ORNT 2 is reverse) and 5.1.4.4 (chain-node topology):
an edge runs from its first node over its own coordinates to its second node.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.charts.apply_updates import EDGE, NAME_BYTES, POINTER_BYTES
from littoral.charts.iso8211 import Record

_REVERSE = 2
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Topology:
    """Edges and nodes of a cell."""

    vectors: dict[bytes, Record]
    """Vector records by name (RCNM and RCID, 5 bytes)."""
    units_per_degree: int
    """Coordinate units per degree (COMF)."""

    def line(self, feature: Record) -> tuple[shapely.Geometry, bool]:
        """Line of a feature in degrees (longitude, latitude), and whether all of its edges and nodes were found.

        The result is a MultiLineString if edges do not meet, and an empty LineString if no edge was found.
        """
        edges, whole = self._edges(feature)
        parts: list[list[Points]] = []
        for points in edges:
            if parts and (parts[-1][-1][-1] == points[0]).all():
                parts[-1].append(points[1:])
            else:
                parts.append([points])
        lines = [shapely.LineString(np.concatenate(part)) for part in parts]
        if len(lines) == 1:
            return lines[0], whole
        return (shapely.MultiLineString(lines) if lines else shapely.LineString()), whole

    def area(self, feature: Record) -> tuple[shapely.Geometry, bool]:
        """Area enclosed by a feature's edges, in degrees, and whether the edges form closed rings."""
        edges, whole = self._edges(feature)
        lines = [shapely.LineString(points) for points in edges]
        _, cuts, dangles, invalid = shapely.polygonize_full(lines)
        closed = whole and all(part.is_empty for part in (cuts, dangles, invalid))
        return shapely.build_area(shapely.GeometryCollection(lines)), closed

    def _edges(self, feature: Record) -> tuple[list[Points], bool]:
        """Coordinates (points, 2) of each of the feature's edges in its direction, and whether no record is missing."""
        body, size = feature.get("FSPT", b""), POINTER_BYTES["FSPT"]
        found, whole = [], True
        for at in range(0, len(body) - size + 1, size):
            name, orientation = body[at : at + NAME_BYTES], body[at + NAME_BYTES]
            record = self.vectors.get(name) if name[0] == EDGE else None
            if record is None:
                whole = False
                continue
            begin, end = self._nodes(record)
            own = self._points([record.get("SG2D", b"")])
            points = np.concatenate([begin, own, end])
            whole &= len(begin) == len(end) == 1
            if len(points) > 1:
                found.append(points[::-1] if orientation == _REVERSE else points)
        return found, whole

    def _nodes(self, edge: Record) -> tuple[Points, Points]:
        """Coordinates of the first and last node of an edge, (1, 2) each; (0, 2) if the node is missing.

        TOPI is 1 for the first and 2 for the last node; without TOPI their order in the record counts.
        """
        body, size = edge.get("VRPT", b""), POINTER_BYTES["VRPT"]
        ends: list[bytes] = [b"", b""]
        for place, at in enumerate(range(0, min(len(body), 2 * size), size)):
            topology = body[at + NAME_BYTES + 2]
            record = self.vectors.get(body[at : at + NAME_BYTES], {})
            ends[topology - 1 if topology in (1, 2) else place] = record.get("SG2D", b"")[:8]
        return self._points(ends[:1]), self._points(ends[1:])

    def _points(self, coordinates: Iterable[bytes]) -> Points:
        """Decode pairs of YCOO, XCOO (32-bit integers) to (points, 2) longitude and latitude in degrees."""
        body = b"".join(coordinates)
        whole = np.frombuffer(body[: len(body) // 8 * 8], "<i4").reshape(-1, 2)
        return np.asarray(whole[:, ::-1] / self.units_per_degree, np.float64)


def read_parameters(records: Iterable[Record]) -> tuple[int, int, int, int]:
    """Read horizontal datum (HDAT), scale denominator (CSCL), coordinate units (COUN) and units per degree (COMF).

    Raises:
        ValueError: the cell has no data set parameters (DSPM).
    """
    for record in records:
        if "DSPM" in record:
            _, _, datum, _, _, scale, _, _, _, kind, factor = struct.unpack_from("<BI3BI4BI", record["DSPM"])
            return datum, scale, kind, factor
    raise ValueError("it has no data set parameters (DSPM)")
