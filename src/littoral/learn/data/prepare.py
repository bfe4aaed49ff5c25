"""``prepare_data``: tiles of folders, or of a scene and rectangles, split and with their statistics."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np

from littoral.categories import CATCOA, Category, Scheme, value_text
from littoral.errors import InputError, LittoralWarning, is_printable
from littoral.imagery import Scenes
from littoral.imagery.options import CombineOptions
from littoral.learn.band_selection import with_bands
from littoral.learn.data.coast_transitions import transitions
from littoral.learn.data.statistics import measured, without_unreadable
from littoral.learn.data.tile_data import TileData
from littoral.learn.data.unsupported import refuse_unknown
from littoral.package import MOST_CLASSES, Preprocessing
from littoral.progress import Track, silent
from littoral.tiles import TileSet, TileSpec, open_pack, pack_files, read_tiles, split_tiles
from littoral.tiles.splits import Kind
from littoral.vectors import read_vector


def prepare_data(
    path: str | Path | Iterable[str | Path] | TileSet | None = None,
    *,
    scene: Scenes | None = None,
    rectangles: gpd.GeoDataFrame | str | Path | None = None,
    class_field: str | None = None,
    tile_size: int = 256,
    bands: Iterable[str | int] | None = None,
    min_purity: float = 0.0,
    region_field: str | None = None,
    classes: Iterable[int] | None = None,
    coast: gpd.GeoDataFrame | str | Path | None = None,
    combine: CombineOptions | None = None,
    cache: str | Path | None = None,
    batch_size: int = 64,
    val_split_pct: float = 0.1,
    split: Kind = "spatial",
    block_km: float | None = None,
    val_regions: Sequence[str] | None = None,
    chip_size: int | None = None,
    resize_to: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    drop_rare: bool = False,
    unreadable: Literal["fatal", "skip"] = "fatal",
    transforms: Callable[[Any], Any] | None = None,
    jitter: float = 0.0,
    seed: int = 42,
    categories: Scheme = CATCOA,
    track: Track = silent,
    **cut: Any,
) -> TileData:
    """Read or cut labelled tiles, split them, and compute the statistics of the training tiles.

    Names and defaults of the arguments are those of the tool whose users it serves (batches of 64, a tenth of the tiles
    to validate with); those of :func:`littoral.train` are other ones.

    Tiles come from Labeled_Tiles folders (``path``), or straight from a scene and labelled rectangles: then they are
    cut once and kept in a cache, which may be deleted at any time (:mod:`littoral.tiles.packed`). Several folders
    become one set: classes of one value are one class, named as in the first folder. ``print`` of the result shows the
    balance of the classes, and which tiles were left out.

    Args:
        path: A folder, a folder of folders (one per category), a list of either, or a set of tiles. In a list, the
            folder ``models`` of an earlier training is passed over.
        scene: Instead of ``path``: a scene, or the path to one; or several, in any CRS.
        rectangles: With ``scene``: polygons with the class field, or their file.
        class_field: With ``scene``: field with the class, whole numbers or names of ``categories``; None: the first
            there is of CATCOA, value, classvalue.
        tile_size: With ``scene``: width and height of a tile, pixels of the scene.
        bands: Names or numbers from 1, in the order wanted; None for all.
        min_purity: With ``scene``: smallest ``purity`` of a rectangle.
        region_field: With ``scene``: field with the region of each rectangle.
        classes: Use only tiles of these classes, by value; None: all.
        coast: A labelled coastline, or labelled rectangles that are linked to their neighbours. The transitions between
            classes along it go into the model, for smoothing. None: ``rectangles``, if they are linked.
        combine: How several scenes are combined; None: the best for each rectangle.
        cache: Folder to keep packed tiles in. None: for tiles of a scene the user's cache; those of folders are packed
            only if one is named.
        batch_size: Tiles in a batch.
        val_split_pct: Share of the tiles to validate with, 0 to 1.
        split: ``spatial`` (blocks of ground) and ``region`` (whole regions) keep training and validation tiles on
            separate ground; ``random``, as in other tools, does not, and the model's description has a warning.
        block_km: Side of the squares of a spatial split; None: four tiles.
        val_regions: Regions to hold out, by name; None: some, by the seed.
        chip_size: Side of the network's input; None: the (resized) tile's own size. Smaller: random crops in training,
            the middle otherwise.
        resize_to: Side in pixels that each tile is resized to before the chip is taken; None: as it is. The model
            does the same to what it classifies (:func:`littoral.package.resize`).
        class_mapping: Other names for class values, ``{3: "sand"}``; a value may be written as text.
        drop_rare: Leave out classes that have a single tile instead of refusing them.
        unreadable: ``skip``: leave out tiles that cannot be read whole or have no valid pixel, with a warning; each
            tile is read once more for it. ``fatal``: refuse them.
        transforms: Called in training with each chip, a tensor (bands, chip, chip) that is cropped, turned and
            standardised; returns one of the same shape.
        jitter: Size of random changes of brightness in training, 0 (none) to 1.
        seed: Of split, augmentation and training.
        categories: Names and colours for class values.
        track: Shows progress, a step per tile.
        cut: With ``scene``: further settings of the cut, fields of :class:`littoral.tiles.TileSpec` (``min_valid``, …).

    Raises:
        InputError: folders, a scene or rectangles that cannot be read, fewer than two classes, a class with one tile,
            no split into separate ground, a chip larger than the tiles, a tile that cannot be read or has no valid
            pixel.
        TypeError: an unknown argument.
        WriteError: the cache cannot be written.

    Memory: 3 KB per tile; pixels stay on disk.
    """
    refuse_unknown(cut, _CUT, [*signature(prepare_data).parameters][:-1])
    if unreadable not in ("fatal", "skip"):
        raise InputError(f"unreadable {unreadable!r}", "is not known", "choose fatal or skip")
    if not 0 <= jitter <= 1:
        raise InputError(f"jitter {jitter}", "is out of range", "pass a number from 0 to 1")
    if transforms is not None and not callable(transforms):
        raise InputError("transforms", f"is a {type(transforms).__name__}", "pass a function of a chip, or None")
    if isinstance(rectangles, str | Path):
        rectangles = read_vector(rectangles)
    if scene is not None:
        if path is not None or rectangles is None:
            what = "goes without a folder of tiles" if path is not None else "needs rectangles with their class"
            raise InputError("a scene", what, "pass either the tiles' folder, or scene and rectangles")
        tiles = open_pack(
            scene,
            rectangles,
            class_field=class_field,
            tile_size=tile_size,
            bands=bands,
            min_purity=min_purity,
            region_field=region_field,
            combine=combine,
            categories=categories,
            cache=cache,
            track=track,
            **cut,
        )
        folder = Path.cwd()
    else:
        if path is None:
            raise InputError("prepare_data", "has no tiles", "pass the tiles' folder, or scene and rectangles")
        asked = {"rectangles": rectangles, "class_field": class_field, "tile_size": tile_size,
                 "min_purity": min_purity, "region_field": region_field, "combine": combine, **cut}  # fmt: skip
        usual = {"tile_size": 256, "min_purity": 0.0}
        if useless := [name for name, value in asked.items() if value is not None and value != usual.get(name)]:
            raise InputError(useless[0], "goes with a scene; tiles of a folder are cut already", "leave it out")
        if isinstance(path, TileSet):
            tiles, folder = path, Path.cwd()
        else:
            paths = [Path(path)] if isinstance(path, str | Path) else _but_models([Path(one) for one in path])
            tiles = read_tiles(paths, categories=categories, unreadable=unreadable, track=track)
            folder = paths[0].absolute().parent
        if bands is not None:
            tiles = with_bands(tiles, bands)
    if classes is not None:
        tiles = tiles_of_classes(tiles, classes)
    if class_mapping:
        tiles = replace(tiles, categories=_renamed(tiles.categories, class_mapping))
    draft = _draft(tiles, chip_size, resize_to)
    if unreadable == "skip":
        tiles = without_unreadable(tiles, draft, track)
    if cache is not None and scene is None:
        tiles = pack_files(tiles, cache=cache, track=track)
    tiles, dropped = _without_rare(tiles, drop_rare)
    _check_classes(tiles)
    if batch_size < 2:
        raise InputError(f"batch_size {batch_size}", "is too small for batch normalisation", "pass 2 or more")
    parts = split_tiles(tiles, val_split_pct, kind=split, seed=seed, block_km=block_km, val_regions=val_regions)
    if len(set(tiles.targets[parts.training].tolist())) < 2:
        raise InputError("the training part", f"of {len(parts.training)} tiles has fewer than two classes", "add tiles")
    statistics, preprocessing = measured(tiles, parts.training, draft, track)
    changes = transitions(coast, rectangles, class_field, tiles.categories, categories)
    return TileData(
        tiles, parts, preprocessing, statistics, batch_size, seed, dropped, folder, transforms, jitter, unreadable,
        changes,
    )  # fmt: skip


def _renamed(categories: Sequence[Category], names: Mapping[Any, Any]) -> tuple[Category, ...]:
    """Categories under other names, in the order of those.

    Raises:
        InputError: keys that are no class values, names that classes cannot have, or no class of these.

    Warns:
        LittoralWarning: some of the values occur in no tile.
    """
    by_code: dict[int, str] = {}
    for key, name in names.items():
        text = value_text(key)
        if isinstance(key, bool) or not re.fullmatch(r"-?\d+", text, re.ASCII) or not isinstance(name, str):
            what = f"maps {key!r} to {name!r}"
            raise InputError("class_mapping", what, 'write it as class value to name, e.g. {3: "sandy shore"}')
        by_code[int(text)] = name
    known = {category.code for category in categories}
    if unknown := sorted(by_code.keys() - known):
        what = f"names {', '.join(map(str, unknown))}, of which there are no tiles"
        remedy = f"the classes of the tiles are {', '.join(f'{c.code} {c.name}' for c in categories)}"
        if not by_code.keys() & known:
            raise InputError("class_mapping", what, remedy)
        warnings.warn(f"class_mapping {what}; {remedy}", LittoralWarning, stacklevel=3)
    renamed = (replace(category, name=by_code.get(category.code, category.name)) for category in categories)
    return tuple(sorted(renamed, key=lambda category: category.name))


_CUT = [field.name for field in fields(TileSpec)]


def _but_models(paths: list[Path]) -> list[Path]:
    """Without the folder ``models``, in which an earlier training saved its models beside the tiles."""
    saved = {path for path in paths if path.name == "models" and path.is_dir()}
    saved -= {path for path in saved if [*path.glob("map.txt"), *path.glob("*/map.txt")]}
    return [path for path in paths if path not in saved] or paths


def tiles_of_classes(tiles: TileSet, classes: Iterable[int]) -> TileSet:
    """The tiles of some classes, by value.

    Raises:
        InputError: a class without tiles.
    """
    wanted = set(classes)
    present = set(tiles.codes.tolist())
    if absent := sorted(wanted - present):
        raise InputError(f"class {absent[0]}", "has no tile", f"choose among {', '.join(map(str, sorted(present)))}")
    chosen = tiles.subset(np.isin(tiles.codes, sorted(wanted)))
    return replace(chosen, categories=tuple(c for c in tiles.categories if c.code in wanted))


def _draft(tiles: TileSet, chip_size: int | None, resize_to: int | None) -> Preprocessing:
    """The preprocessing before statistics are computed: mean 0, standard deviation 1.

    Raises:
        InputError: sizes that do not fit.
    """
    if resize_to is not None and not 8 <= resize_to <= _LARGEST_PX:
        raise InputError(f"resize_to {resize_to}", "is no size for a tile", f"pass 8 to {_LARGEST_PX} pixels, or None")
    side = resize_to or tiles.size_px
    if chip_size is not None and not 8 <= chip_size <= side:
        tile = f"tiles of {side} pixels" if resize_to is None else f"tiles resized to {side} pixels"
        raise InputError(
            f"chip_size {chip_size}", f"does not fit {tile}", f"pass 8 to {side}, or None for the tile's own size"
        )
    raw, min_valid = tiles.origin.get("Raw", False), tiles.origin.get("MinValid", 0.5)
    stated = {"size_px": tiles.size_px, "raw": raw, "min_valid": min_valid}
    # A model cuts as its tiles were cut.
    spec = TileSpec.from_json({**stated, **tiles.origin.get("Tile", {}), "bands": tiles.bands})
    count = len(tiles.bands)
    return Preprocessing(
        spec,
        chip_size or side,
        (0.0,) * count,
        (1.0,) * count,
        tiles.dtype,
        tiles.pixels,
        tiles.nodata,
        tiles.origin.get("Fill"),
        resize_to,
    )


_LARGEST_PX = 16_384


def _check_classes(tiles: TileSet) -> None:
    """
    Raises:
        InputError: fewer than two classes, two of the same name, or names and numbers that a package cannot hold.
    """
    for band in tiles.bands:
        if not (0 < len(band.strip()) <= 200 and is_printable(band)):
            what = "is not 1 to 200 letters without tabs, line breaks or control characters"
            raise InputError(f"band name {band!r}", what, "give the band another name")
    if len(tiles.categories) > MOST_CLASSES:
        raise InputError("the tiles", f"are of {len(tiles.categories)} classes", f"use {MOST_CLASSES} or fewer")
    if len(tiles.categories) < 2:
        raise InputError(
            "the tiles",
            f"are all of one class ({tiles.categories[0].name})",
            "add tiles of another class",
        )
    name, count = Counter(category.name for category in tiles.categories).most_common(1)[0]
    if count > 1:
        codes = [category.code for category in tiles.categories if category.name == name]
        raise InputError(
            f"classes {' and '.join(map(str, codes))}",
            f"are both called {name}",
            f"give one another name with class_mapping={{{codes[-1]}: …}}, or one value to both where they are written",
        )


def _without_rare(tiles: TileSet, drop: bool) -> tuple[TileSet, tuple[str, ...]]:
    """The tiles without classes of a single one, and the names of those."""
    counts = np.bincount(tiles.targets, minlength=len(tiles.categories))
    rare = [category.name for category, count in zip(tiles.categories, counts, strict=True) if count == 1]
    if not rare:
        return tiles, ()
    if not drop:
        raise InputError(
            f"class {rare[0]}",
            "has one tile, which cannot be both in training and in validation",
            "add tiles of it, or leave such classes out with --drop-rare (drop_rare=True)",
        )
    kept = tiles.subset(counts[tiles.targets] > 1)
    common = tuple(c for c, count in zip(tiles.categories, counts, strict=True) if count > 1)
    return replace(kept, categories=common), tuple(rare)
