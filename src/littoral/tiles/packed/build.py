"""Build packs of tiles from scenes and rectangles, or from image files."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from littoral import __version__
from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError, LittoralWarning
from littoral.imagery import Band, Scene, Scenes, as_scenes, kept_as, select_bands
from littoral.imagery.fingerprint import content_key, file_key
from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.progress import Track, silent
from littoral.tiles.cut import CLASSIFIED
from littoral.tiles.export.folder_files import Kind
from littoral.tiles.export.tile_files import Encoder
from littoral.tiles.labeled.images import cell_size_of
from littoral.tiles.labels import Labelled, labelled
from littoral.tiles.multi_scene import cut_tiles
from littoral.tiles.options import ClassOptions
from littoral.tiles.packed.cache import cache_folder, keep
from littoral.tiles.packed.pack import FORMAT, PackContents, PackWriter, mask_bytes
from littoral.tiles.spec import TileSpec
from littoral.tiles.tileset import TileSet, acquired_of, outlines_of


def open_pack(
    scenes: Scenes,
    rectangles: gpd.GeoDataFrame,
    *,
    class_field: str | None = None,
    tile_size: int = 256,
    bands: Iterable[str | int] | None = None,
    min_purity: float = 0.0,
    region_field: str | None = None,
    combine: CombineOptions | None = None,
    categories: Scheme = CATCOA,
    cache: str | Path | None = None,
    track: Track = silent,
    **cut: Any,
) -> TileSet:
    """Cut labelled tiles directly from scenes into a pack; the same tiles as from :func:`export_tiles`, bit for bit.

    They are cut at the first call. Later calls decode nothing; they only hash the scene's files to detect changes.

    Args:
        scenes: A scene, or the path to one or to a folder of them; or a list of such, in any CRS.
        rectangles: Polygons with the class field; rows where it is null are left out.
        class_field: Field with class values (integers) or names of ``categories``; None: the first that exists of
            CATCOA, value, classvalue.
        tile_size: Width and height of a tile, pixels of the scene.
        bands: Names or numbers from 1; None for all.
        min_purity: Smallest ``purity`` of a rectangle: the share of the coastline inside it that has its class.
        region_field: Field with the region of each rectangle.
        combine: How several scenes are combined; None: the best scene for each rectangle.
        categories: Names and colours of the classes.
        cache: Cache folder; None: the user's.
        track: Shows progress, one step per rectangle.
        cut: Other settings of the tiles: fields of :class:`TileSpec`, such as ``min_valid`` and ``raw``.

    Raises:
        InputError: a missing field or band, rectangles outside the scenes, or no rectangle with a usable tile.
        WriteError: writing failed; nothing is left behind.

    Warns:
        LittoralWarning: a server gives no version of the scene's files, so the pack is kept for this process only.

    Memory: that of :func:`cut_tiles`, plus one tile and 2 KB for each rectangle; pixels of a pack stay on disk until
    they are read. On disk, a tile takes size² × (bands × bytes of a value + 1/8) bytes.
    """
    opened = as_scenes(scenes, SceneOptions(cell_size=cut.get("cell_size")))
    found = labelled(
        rectangles, ClassOptions(class_field, min_purity=min_purity, region_field=region_field), categories
    )
    chosen = select_bands(opened[0], None if bands is None else list(bands))
    spec = TileSpec(tile_size, tuple(band.name for band in chosen), **cut)
    if spec.crop != "fixed":
        raise InputError(f"crop {spec.crop}", "makes tiles of many sizes, and a network takes one", "leave it out")
    order = _Order(tuple(opened), chosen, spec, combine or CombineOptions(), found)
    key = order.key()
    if key is None:
        warnings.warn(
            f"a server of {', '.join(scene.name for scene in opened)} does not say which version of a file it has, so "
            "changes of the file cannot be detected: tiles are kept for this run only",
            LittoralWarning,
            stacklevel=2,
        )
    needed = len(found.codes) * _tile_bytes(order.shape, order.kept[1])
    tiles = _tile_set(keep(cache, key, needed, lambda folder, key: order.make(folder, key, track)), categories)
    if key is None:
        return tiles
    size = len(tiles) * _tile_bytes(order.shape, tiles.dtype) / 1e9
    kept = f"tiles are kept in {cache_folder(cache) / 'tiles' / key} ({size:.1f} GB), which may be deleted at any time"
    return replace(tiles, notes=(*tiles.notes, kept))


def pack_files(tiles: TileSet, *, cache: str | Path | None = None, track: Track = silent) -> TileSet:
    """Copy the pixels of tiles from image files to a pack, so that they are memory-mapped instead of decoded.

    The files are hashed at each call to detect changes. A set without image files is returned unchanged.

    Args:
        tiles: The set.
        cache: Cache folder; None: the user's.
        track: Shows progress, one step per tile.

    Raises:
        InputError: a file cannot be read, or tiles have several data types.
        WriteError: writing failed; nothing is left behind.

    Memory: one tile. Size on disk: as for :func:`open_pack`.
    """
    if not tiles.paths:
        return tiles
    shape = (len(tiles.bands), tiles.size_px, tiles.size_px)
    digest = hashlib.sha256(repr((FORMAT, __version__, shape, tiles.dtype)).encode())
    for path in track(tiles.paths, len(tiles), "looking for packed tiles"):
        digest.update(file_key(path).encode())

    def make(folder: Path, key: str) -> PackContents:
        with PackWriter(folder, key, shape, tiles.dtype) as writer:
            for position in track(range(len(tiles)), len(tiles), "packing tiles"):
                writer.add(*tiles.read(position))
            names = [tiles.name(position) for position in range(len(tiles))]
            table = gpd.GeoDataFrame({"name": names}, geometry=tiles.footprints, crs="EPSG:4326")
            return writer.finish(table, {})

    made = keep(cache, digest.hexdigest()[:40], len(tiles) * _tile_bytes(shape, tiles.dtype), make)
    names = np.array([tiles.name(position) for position in range(len(tiles))], object)
    return replace(tiles, store=replace(made.pack, names=names))


@dataclass(frozen=True)
class _Order:
    """Inputs that determine the content of a pack."""

    scenes: tuple[Scene, ...]
    bands: tuple[Band, ...]
    """Bands of the first scene, in the order of the values."""
    spec: TileSpec
    combine: CombineOptions
    found: Labelled
    """Rectangles with their classes."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a tile: bands, height, width."""
        width, height = self.spec.size
        return len(self.bands), height, width

    @property
    def kept(self) -> tuple[str, str]:
        """Meaning of the values, and their NumPy type."""
        return kept_as(self.bands, self.spec.raw)

    def key(self) -> str | None:
        """Hash of all inputs, 40 hexadecimal digits; None if the content of a scene cannot be identified."""
        contents = []
        for scene in self.scenes:
            contents.append((content_key(scene, select_bands(scene, self.spec.bands, exact=True)), scene.acquired))
            if contents[-1][0] is None:
                return None
        table, found = self.found.table, self.found
        angle = next((table[name].tolist() for name in table.columns if str(name).casefold() == "angle"), None)
        labels = (found.field, found.codes.tolist(), found.names, found.regions, sorted(found.skipped.items()))
        crs = None if table.crs is None else table.crs.to_wkt()
        how = (sorted(self.spec.to_json().items()), sorted(asdict(self.combine).items()))
        digest = hashlib.sha256(repr((FORMAT, __version__, contents, how, labels, angle, crs)).encode())
        for outline in shapely.to_wkb(table.geometry.to_numpy()):
            digest.update(outline or b"none")
        return digest.hexdigest()[:40]

    def make(self, folder: Path, key: str, track: Track) -> PackContents:
        """Cut the tiles and write them to an empty folder."""
        found = self.found
        skipped = Counter(found.skipped)
        rows: list[dict[str, Any]] = []
        corners, crs, cell_size = [], [], (0.0, 0.0)
        cut = cut_tiles(self.scenes, found.table, self.spec, combine=self.combine, track=track)
        with PackWriter(folder, key, self.shape, self.kept[1]) as writer:
            for tile in track(cut, len(found.codes), "cutting tiles"):
                if tile.status != CLASSIFIED:
                    skipped[tile.status] += 1
                    continue
                writer.add(tile.values, tile.valid)
                _, height, width = tile.values.shape
                corners.append(
                    np.array([tile.transform @ xy for xy in ((0, 0), (width, 0), (width, height), (0, height))])
                )
                crs.append(tile.crs)
                cell_size = cell_size if rows else cell_size_of(tile.transform)
                rows.append(
                    {
                        "name": f"the tile of rectangle {found.names[tile.position]} in {tile.scene}",
                        "code": int(found.codes[tile.position]),
                        "region": found.regions[tile.position] if found.regions else "",
                        "valid_share": tile.valid_share,
                        "cloud_share": tile.cloud_share,
                        "scene": tile.scene,
                        "acquired": tile.acquired,
                    }
                )
            left_out = {reason: count for reason, count in skipped.items() if count}
            if not rows:
                reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
                raise InputError("the table of rectangles", f"has none with a usable tile ({reasons})", "pass others")
            outlines = outlines_of(corners, crs)
            table = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=outlines, crs="EPSG:4326")
            common = {**self._common(), "cell_size": cell_size, "cell_epsg": crs[0].to_epsg(), "left_out": left_out}
            return writer.finish(table, common)

    def _common(self) -> dict[str, Any]:
        """Properties common to all tiles, as in the definition of an exported folder."""
        kind = Kind(self.scenes[0], self.spec, self.spec.placement, "Labeled_Tiles", "tiff", self.kept,
                    self.found.field, CATCOA)  # fmt: skip
        nodata = Encoder.of(self.bands, self.spec.raw, "tiff", world_file=False).nodata
        return {
            "bands": list(self.spec.bands),
            "pixels": self.kept[0],
            "nodata": None if nodata is None else float(nodata),
            "origin": kind.record(),
        }


def _tile_set(made: PackContents, categories: Scheme) -> TileSet:
    common, table = made.common, made.table
    codes = table["code"].to_numpy(np.int64)
    present = sorted((categories.category(code) for code in sorted(set(codes.tolist()))), key=lambda one: one.name)
    regions = table["region"].to_numpy(object)
    left_out = ", ".join(f"{count} {reason}" for reason, count in common["left_out"].items())
    width, height = common["cell_size"]
    return TileSet(
        made.pack,
        codes,
        tuple(present),
        tuple(common["bands"]),
        made.pack.values.shape[-1],
        made.pack.values.dtype.name,
        common["pixels"],
        common["nodata"],
        table.geometry.to_numpy(object),
        (width, height),
        common["cell_epsg"],
        {**common["origin"], **acquired_of(table["acquired"])},
        regions=regions if any(regions) else None,
        notes=(f"rectangles left out: {left_out}",) if left_out else (),
    )


def _tile_bytes(shape: tuple[int, int, int], dtype: str) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize + mask_bytes(shape)
