"""Check that a JPEG 2000 file is complete, by its markers and without decoding it.

Decoders return arbitrary pixels, and no error, for a code stream that is cut off or has runs of zeros (space that a
download reserved and never filled). Source: ISO/IEC 15444-1, annexes A (code stream syntax) and I (file format).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Read = Callable[[int, int], bytes]
"""Reads bytes of a file, given offset and count; fewer at the end of the file."""

_SOC, _SIZ, _COD, _SOT, _SOD, _EOC = 0xFF4F, 0xFF51, 0xFF52, 0xFF90, 0xFF93, 0xFFD9
_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
HOLE = 4096
"""Run of zero bytes that an arithmetic coder never writes; empty packets, of one zero byte each, are allowed on top."""


@dataclass(frozen=True)
class Codestream:
    """Positions of the tiles of a JPEG 2000 image in its file."""

    width: int
    """Width of a tile, pixels."""
    height: int
    """Height of a tile, pixels."""
    left: int
    """Pixels of the first column of tiles that lie left of the image."""
    top: int
    """Pixels of the first row of tiles that lie above the image."""
    across: int
    """Number of tiles in a row."""
    parts: dict[int, list[tuple[int, int]]]
    """First byte, and byte after the last, of each part of a tile, by tile number (row by row, from 0)."""
    most_zeros: int
    """Longest run of zero bytes that a complete tile may contain."""

    def tiles(self, row: int, column: int, height: int, width: int) -> Iterator[int]:
        """Numbers of the tiles under a window of pixels."""
        top, bottom = (row + self.top) // self.height, (row + self.top + height - 1) // self.height
        left, right = (column + self.left) // self.width, (column + self.left + width - 1) // self.width
        for down in range(top, bottom + 1):
            yield from range(down * self.across + left, down * self.across + right + 1)

    def check_tile(self, read: Read, tile: int) -> None:
        """Check the bytes of one tile for runs of zeros.

        Raises:
            ValueError: a run is too long, or bytes are missing.
        """
        for start, stop in self.parts[tile]:
            content = read(start, stop - start)
            if len(content) < stop - start:
                raise ValueError(f"tile {tile} is cut off")
            if bytes(self.most_zeros + 1) in content:
                raise ValueError(f"tile {tile} has a gap of zeros, as files have that were never fetched to their end")


def read_codestream(read: Read) -> Codestream:
    """Find the tiles of a file by their markers; 12 bytes are read for each part of a tile.

    Raises:
        ValueError: the file is cut off, or a marker is missing or damaged.
    """
    start, stop = _codestream_bytes(read)
    at, siz, cod = start + 2, b"", b""
    while (marker := _number(read, at, ">H")) != _SOT:
        length = _number(read, at + 2, ">H")
        if marker < 0xFF00 or length < 2:
            raise ValueError("its header is damaged")
        if marker in (_SIZ, _COD):
            content = read(at + 4, length - 2)
            siz, cod = (content, cod) if marker == _SIZ else (siz, content)
        at += 2 + length
    try:
        _, right, bottom, x, y, width, height, tile_x, tile_y, components = struct.unpack_from(">H8LH", siz)
        across, down = -(-(right - tile_x) // width), -(-(bottom - tile_y) // height)
        packets = components * _packets(cod, width, height)
    except (struct.error, IndexError, ZeroDivisionError) as error:
        raise ValueError("its header is damaged") from error
    parts = _parts(read, at, stop)
    missing = across * down - len(parts)
    if missing or max(parts) >= across * down:
        raise ValueError(f"{abs(missing)} of {across * down} tiles are missing" if missing else "its tiles are damaged")
    return Codestream(width, height, x - tile_x, y - tile_y, across, parts, HOLE + packets)


def check_end(read: Read) -> None:
    """Check only the end of the code stream: one read of 2 bytes after those of the headers.

    Raises:
        ValueError: it does not end with the EOC marker.
    """
    _, stop = _codestream_bytes(read)
    if stop is not None and _number(read, stop - 2, ">H") != _EOC:
        raise ValueError("its code stream has no end")


def _parts(read: Read, at: int, stop: int | None) -> dict[int, list[tuple[int, int]]]:
    """First byte, and byte after the last, of the parts of each tile, from the first SOT marker to EOC."""
    parts: dict[int, list[tuple[int, int]]] = {}
    while True:
        head = read(at, 12)
        marker = int.from_bytes(head[:2], "big")
        if marker == _EOC and len(head) >= 2:
            return parts
        if marker != _SOT or len(head) < 12:
            what = "ends" if len(head) < 12 else "has no marker of a tile"
            raise ValueError(f"it {what} at byte {at:,}, after {len(parts)} tiles")
        _, length, tile, length_of_part = struct.unpack_from(">HHHL", head)
        if length != 10 or (length_of_part and length_of_part < 14):
            raise ValueError(f"the marker of a tile at byte {at:,} is damaged")
        end = at + length_of_part
        if not length_of_part:
            # The length of the last part may be 0: it reaches to the end of the code stream.
            if stop is None:
                raise ValueError("the end of its last tile is unknown")
            end = stop - 2
        parts.setdefault(tile, []).append((at, end))
        at = end


def _codestream_bytes(read: Read) -> tuple[int, int | None]:
    """First byte of the code stream, and the byte after its last; None if it ends with the file."""
    at, head = 0, read(0, 12)
    if head[:2] == _SOC.to_bytes(2, "big"):
        return 0, None
    if head != _SIGNATURE:
        raise ValueError("it is no JPEG 2000 file")
    while True:
        head = read(at, 16)
        if len(head) < 8:
            raise ValueError("it ends before its code stream")
        length, kind = struct.unpack_from(">L4s", head)
        size = 8
        if length == 1 and len(head) == 16:
            length, size = struct.unpack_from(">Q", head, 8)[0], 16
        if kind == b"jp2c":
            return at + size, at + length if length else None
        if length < size:
            raise ValueError("its boxes are damaged")
        at += length


def _packets(cod: bytes, width: int, height: int) -> int:
    """Largest number of packets of a tile component: one for each layer and precinct (annex B.6)."""
    style, layers, levels = cod[0], int.from_bytes(cod[2:4], "big"), cod[5]
    count = 0
    for level in range(levels + 1):
        exponents = cod[10 + level] if style & 1 else 0xFF
        shift = levels - level
        across, down = (
            (side >> shift >> exponent) + 2 for side, exponent in ((width, exponents & 15), (height, exponents >> 4))
        )
        count += across * down
    return layers * count


def _number(read: Read, at: int, form: str) -> int:
    content = read(at, struct.calcsize(form))
    if len(content) < struct.calcsize(form):
        raise ValueError("it ends in its header")
    return int(struct.unpack(form, content)[0])
