"""Write and read packs of tiles on disk: written tile by tile, read by memory mapping, and checked for completeness."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.imagery import Values

FORMAT = 1
"""Version of the pack format; packs of other versions are not read."""
VALUES, VALID, TABLE, HEADER = "values.npy", "valid.npy", "tiles.parquet", "header.json"


@dataclass(frozen=True)
class Pack:
    """Tiles of a pack; a :class:`littoral.tiles.tileset.Store`."""

    values: NDArray[Any]
    """(all tiles, bands, height, width), memory-mapped."""
    valid: NDArray[np.uint8]
    """(all tiles, bytes), masks with eight pixels in a byte, memory-mapped."""
    names: NDArray[np.object_]
    """(all tiles,), name of each for messages."""
    rows: NDArray[np.int64]
    """(tiles,), positions in the pack of the tiles in the set."""

    @property
    def paths(self) -> tuple[Path, ...]:
        return ()

    def read(self, position: int) -> tuple[Values, NDArray[np.bool_]]:
        row = self.rows[position]
        values = np.array(self.values[row])
        height, width = values.shape[1:]
        return values, np.unpackbits(np.asarray(self.valid[row]), count=height * width).view(bool).reshape(
            height, width
        )

    def name(self, position: int) -> str:
        return str(self.names[self.rows[position]])

    def subset(self, chosen: NDArray[np.int64]) -> Pack:
        return Pack(self.values, self.valid, self.names, self.rows[chosen])


@dataclass(frozen=True)
class PackContents:
    """Content of a pack."""

    pack: Pack
    """Its pixels."""
    table: gpd.GeoDataFrame
    """A row for each tile, with ``name`` and other columns of :meth:`PackWriter.finish`."""
    common: Mapping[str, Any]
    """Properties common to all tiles."""


class PackWriter:
    """Writes a pack to an empty folder, with one tile in memory at a time.

    Args:
        folder: The folder.
        key: Key of the pack.
        shape: Shape of a tile: bands, height, width.
        dtype: NumPy type of its values.
    """

    def __init__(self, folder: Path, key: str, shape: tuple[int, int, int], dtype: str) -> None:
        self.folder, self.key = folder, key
        self._values = _Rows(folder / VALUES, shape, dtype)
        self._valid = _Rows(folder / VALID, (mask_bytes(shape),), "uint8")

    def __enter__(self) -> PackWriter:
        with ExitStack() as stack:
            stack.enter_context(self._values)
            stack.enter_context(self._valid)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def add(self, values: Values, valid: NDArray[np.bool_]) -> None:
        """Append a tile: values ``(bands, height, width)`` and mask ``(height, width)``.

        Raises:
            InputError: a tile of another shape or type.
            OSError: writing failed.
        """
        self._values.add(values)
        self._valid.add(np.packbits(valid))

    def finish(self, table: gpd.GeoDataFrame, common: Mapping[str, Any]) -> PackContents:
        """Write the table and the header, and open the pack.

        Args:
            table: A row for each tile, with its ``name`` and other columns.
            common: Properties common to all tiles, as JSON.

        Raises:
            OSError: writing failed, or the pack cannot be read back.
        """
        self._open.close()
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        _write(self.folder / TABLE, buffer.getvalue())
        header = {
            "format": FORMAT,
            "key": self.key,
            "shape": [self._values.count, *self._values.shape],
            "dtype": self._values.dtype.name,
            "sizes": {name: (self.folder / name).stat().st_size for name in (VALUES, VALID, TABLE)},
            "table": hashlib.sha256(buffer.getvalue()).hexdigest(),
            "told": dict(common),
        }
        _write(self.folder / HEADER, json.dumps({"header": header, "sha256": _digest(header)}, indent=1).encode())
        made = read_pack(self.folder, self.key)
        if made is None:
            raise OSError("what was written there does not read back")
        return made


def read_pack(folder: Path, key: str) -> PackContents | None:
    """Open a pack by memory mapping; None if it does not exist or is damaged."""
    try:
        outer = json.loads((folder / HEADER).read_bytes())
        header = outer["header"]
        if outer["sha256"] != _digest(header) or (header["format"], header["key"]) != (FORMAT, key):
            return None
        sizes, shape = header["sizes"], tuple(header["shape"])
        if any((folder / name).stat().st_size != size for name, size in sizes.items()):
            return None
        content = (folder / TABLE).read_bytes()
        values = _mapped(folder / VALUES, sizes[VALUES], shape, header["dtype"])
        valid = _mapped(folder / VALID, sizes[VALID], (shape[0], mask_bytes(shape[1:])), "uint8")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if hashlib.sha256(content).hexdigest() != header["table"]:
        return None
    table = gpd.read_parquet(io.BytesIO(content))
    return PackContents(
        Pack(values, valid, table["name"].to_numpy(object), np.arange(len(values))), table, header["told"]
    )


def mask_bytes(shape: tuple[int, ...]) -> int:
    """Bytes of the packed mask of a tile (bands, height, width)."""
    return -(-shape[1] * shape[2] // 8)


def _mapped(path: Path, size: int, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Map the data at the end of a ``.npy`` file, with shape and type from the pack's verified header."""
    return np.memmap(path, dtype, "r", size - int(np.prod(shape)) * np.dtype(dtype).itemsize, shape)


def _digest(header: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class _Rows:
    """A ``.npy`` file that grows row by row. It is written, not mapped, so that a full disk raises an error at once."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self.path, self.shape, self.dtype, self.count = path, shape, np.dtype(dtype), 0

    def __enter__(self) -> _Rows:
        self.file = self.path.open("wb")
        self._head()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.file:
            if error is None:
                # NumPy pads the header, so that the final number of rows fits in.
                self.file.seek(0)
                self._head()
                self.file.flush()
                os.fsync(self.file.fileno())

    def add(self, row: NDArray[Any]) -> None:
        if row.shape != self.shape or row.dtype != self.dtype:
            raise InputError(
                f"a tile of {row.dtype.name} {row.shape}",
                f"does not go with others of {self.dtype.name} {self.shape}",
                "keep tiles of one kind together",
            )
        self.file.write(np.ascontiguousarray(row).data)
        self.count += 1

    def _head(self) -> None:
        head = {
            "descr": npy.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.count, *self.shape),
        }
        npy.write_array_header_1_0(self.file, head)
