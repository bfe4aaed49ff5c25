"""What a classifier learns from: tiles, their split, and how the training part measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import shapely
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError
from littoral.imagery import Scenes
from littoral.learn.batches import Batches, Order, TileDataset, Transform
from littoral.learn.evaluation import band_means
from littoral.package import Preprocessing
from littoral.progress import Track, silent
from littoral.tiles import Merging, Split, TileSet, TileSpec, open_pack, pack_files, read_tiles, split_tiles
from littoral.tiles.splits import Kind
from littoral.vectors import read_vector


@dataclass(frozen=True, repr=False)
class TileData:
    """Labelled tiles, split and measured: what a classifier learns from."""

    tiles: TileSet
    """All tiles, those set aside too."""
    split: Split
    """Which are for training and which for validation."""
    preprocessing: Preprocessing
    """From tile to input, by the training part's statistics."""
    means: NDArray[np.float64]
    """(tiles, bands), band means over each tile's valid pixels, for the baseline."""
    batch_size: int
    """Tiles in a batch."""
    seed: int
    """Of everything random."""
    dropped: tuple[str, ...]
    """Classes left out because they have a single tile."""
    folder: Path
    """Where models of this data are saved unless told otherwise: ``<folder>/models``."""
    unreadable: Literal["fatal", "skip"] = "fatal"
    """What becomes of a tile that cannot be read in the middle of a training."""
    jitter: float = 0.0
    """Strength of random changes of light in training (:class:`littoral.learn.batches.TileDataset`)."""
    transforms: Transform | None = None
    """Applied to each standardised training tile (bands, height, width), after all else."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """Classes in the order of a network's outputs."""
        return self.tiles.categories

    @property
    def classes(self) -> list[str]:
        """Their names."""
        return [category.name for category in self.categories]

    @property
    def c(self) -> int:
        """How many classes there are."""
        return len(self.categories)

    @property
    def class_mapping(self) -> dict[int, str]:
        """Class value to name."""
        return {category.code: category.name for category in self.categories}

    @property
    def chip_size(self) -> int:
        """Side of the network's input in pixels."""
        return self.preprocessing.chip_px

    def __repr__(self) -> str:
        return f"TileData({len(self.tiles)} tiles of {self.c} classes: {', '.join(self.classes)})"

    def describe(self) -> str:
        """Class balance and split, for people."""
        width = max(map(len, self.classes))
        lines = [f"{'class':<{width}} {'training':>9} {'validation':>11} {'set aside':>10}"]
        targets = self.tiles.targets
        parts = (self.split.training, self.split.validation, self.split.set_aside)
        for index, name in enumerate(self.classes):
            training, validation, aside = (int((targets[part] == index).sum()) for part in parts)
            lines.append(f"{name:<{width}} {training:>9} {validation:>11} {aside:>10}")
        lines.append(self.split.describe())
        for codes, what in (
            (self.split.only_training, "on the training side only (one place), so not in the validation scores"),
            (self.split.only_validation, "on the validation side only, so never learnt"),
        ):
            if codes:
                lines.append(f"{what}: {', '.join(self.class_mapping[code] for code in codes)}")
        if self.dropped:
            lines.append(f"dropped, as they have one tile: {', '.join(self.dropped)}")
        lines += self.tiles.notes
        return "\n".join(lines)

    def show_batch(self, rows: int = 5, *, columns: int = 5) -> Figure:
        """Some training tiles, drawn at random (by the seed), with their classes.

        Args:
            rows: Rows of the picture.
            columns: Tiles in a row.
        """
        rng = np.random.default_rng(self.seed)
        chosen = rng.permutation(self.split.training)[: rows * columns]
        categories = [self.categories[self.tiles.targets[i]] for i in chosen]
        rgb = figures.rgb_bands(self.tiles.bands)
        images = [figures.stretch(*self.tiles.read(i), rgb) for i in chosen]
        return figures.plot_tiles(
            images, [c.name for c in categories], columns=columns, colours=[c.colour for c in categories]
        )

    def loader(self, part: NDArray[np.int64], *, training: bool, oversample: bool = False) -> Batches:
        """Batches of inputs (batch, bands, chip, chip) and class indices (batch,), epoch after epoch.

        Args:
            part: Positions of the tiles.
            training: Shuffled, and randomly cropped, flipped and turned; else in order, the middle of each tile.
            oversample: Draw every class equally often, with replacement; as many draws as classes times the largest.
        """
        dataset = TileDataset(
            self.tiles,
            self.preprocessing,
            part,
            augment=training,
            seed=self.seed,
            jitter=self.jitter,
            transforms=self.transforms,
            unreadable=self.unreadable,
        )
        return Batches(dataset, Order(self.tiles.targets[part], self.batch_size, training, oversample, self.seed))


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
    merging: Merging | None = None,
    cache: str | Path | None = None,
    batch_size: int = 64,
    val_split_pct: float = 0.1,
    split: Kind = "spatial",
    block_km: float | None = None,
    val_regions: Sequence[str] | None = None,
    chip_size: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    drop_rare: bool = False,
    seed: int = 42,
    categories: Scheme = CATCOA,
    track: Track = silent,
    **cut: Any,
) -> TileData:
    """Gather labelled tiles, split them, and measure the training part.

    Tiles come from Labeled_Tiles folders (``path``), or straight from a scene and labelled rectangles: then they are
    cut once and kept in a cache, which may be deleted at any time (:mod:`littoral.tiles.packed`).

    Args:
        path: A folder, a folder of folders (one per category), a list of either, or a set of tiles.
        scene: Instead of ``path``: a scene, or the path to one; or several, in any CRS.
        rectangles: With ``scene``: polygons with the class field, or their file.
        class_field: With ``scene``: field with the class, whole numbers or names of ``categories``; None: the first
            there is of CATCOA, value, classvalue.
        tile_size: With ``scene``: width and height of a tile, pixels of the scene.
        bands: With ``scene``: names or numbers from 1; None for all.
        min_purity: With ``scene``: smallest ``purity`` of a rectangle.
        region_field: With ``scene``: field with the region of each rectangle.
        merging: With several scenes: what becomes of them; None: the best for each rectangle.
        cache: Folder to keep packed tiles in. None: for tiles of a scene the user's cache; those of folders are packed
            only if one is named.
        batch_size: Tiles in a batch.
        val_split_pct: Share of the tiles to validate with, 0 to 1.
        split: ``spatial`` leaks nothing; nor does ``region``, which holds out whole regions; ``random`` is what other
            tools do, and says that it leaks.
        block_km: Side of the squares of a spatial split; None: four tiles.
        val_regions: Regions to hold out, by name; None: some, by the seed.
        chip_size: Side of the network's input; None: the tile's own size. Smaller: random crops in training, the
            middle otherwise.
        class_mapping: Other names for class values.
        drop_rare: Leave out classes that have a single tile instead of refusing them.
        seed: Of split, augmentation and training.
        categories: Names and colours for class values.
        track: Shows progress, a step per tile.
        cut: With ``scene``: how else tiles are cut, fields of :class:`littoral.tiles.TileSpec` (``min_valid``, …).

    Raises:
        InputError: folders, a scene or rectangles that cannot be read, fewer than two classes, a class with one tile,
            no split without a leak, a chip larger than the tiles.
        WriteError: the cache cannot be written.

    Memory: 3 KB per tile; pixels stay on disk.
    """
    unknown = sorted(set(cut) - {field.name for field in fields(TileSpec)})
    if unknown:
        raise TypeError(f"prepare_data has no argument {unknown[0]!r}")
    if scene is not None:
        if path is not None or rectangles is None:
            what = "goes without a folder of tiles" if path is not None else "needs rectangles with their class"
            raise InputError("a scene", what, "pass either the tiles' folder, or scene and rectangles")
        tiles = open_pack(
            scene,
            read_vector(rectangles) if isinstance(rectangles, str | Path) else rectangles,
            class_field=class_field,
            tile_size=tile_size,
            bands=bands,
            min_purity=min_purity,
            region_field=region_field,
            merging=merging,
            categories=categories,
            cache=cache,
            track=track,
            **cut,
        )
        folder = Path.cwd()
    else:
        if path is None:
            raise InputError("prepare_data", "has no tiles", "pass the tiles' folder, or scene and rectangles")
        asked = {"rectangles": rectangles, "class_field": class_field, "tile_size": tile_size, "bands": bands,
                 "min_purity": min_purity, "region_field": region_field, "merging": merging, **cut}  # fmt: skip
        usual = {"tile_size": 256, "min_purity": 0.0}
        if useless := [name for name, value in asked.items() if value is not None and value != usual.get(name)]:
            raise InputError(useless[0], "goes with a scene; tiles of a folder are cut already", "leave it away")
        if isinstance(path, TileSet):
            tiles, folder = path, Path.cwd()
        else:
            paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
            tiles = read_tiles(paths, categories=categories, track=track)
            folder = paths[0].absolute().parent
            if cache is not None:
                tiles = pack_files(tiles, cache=cache, track=track)
    if class_mapping:
        renamed = [replace(c, name=class_mapping.get(c.code, c.name)) for c in tiles.categories]
        tiles = replace(tiles, categories=tuple(sorted(renamed, key=lambda category: category.name)))
    tiles, dropped = _without_rare(tiles, drop_rare)
    if len(tiles.categories) < 2:
        raise InputError(
            "the tiles",
            f"are all of one class ({tiles.categories[0].name})",
            "add tiles of another class: there is nothing to tell apart",
        )
    if chip_size is not None and not 8 <= chip_size <= tiles.size_px:
        raise InputError(
            f"chip_size {chip_size}",
            f"does not fit tiles of {tiles.size_px} pixels",
            f"pass 8 to {tiles.size_px}, or None for the tile's own size",
        )
    if batch_size < 2:
        raise InputError(f"batch_size {batch_size}", "is too small for batch normalisation", "pass 2 or more")
    parts = split_tiles(tiles, val_split_pct, kind=split, seed=seed, block_km=block_km, val_regions=val_regions)
    if len(set(tiles.targets[parts.training].tolist())) < 2:
        raise InputError(
            "the training part", f"of {len(parts.training)} tiles shows fewer than two classes", "add tiles"
        )
    means, mean, std = _measure(tiles, parts.training, track)
    raw, min_valid = tiles.origin.get("Raw", False), tiles.origin.get("MinValid", 0.5)
    told = {"size_px": tiles.size_px, "bands": tiles.bands, "raw": raw, "min_valid": min_valid}
    # A model cuts as its tiles were cut.
    spec = TileSpec.from_json({**told, **tiles.origin.get("Tile", {})})
    preprocessing = Preprocessing(spec, chip_size or tiles.size_px, mean, std, tiles.dtype, tiles.pixels, tiles.nodata)
    return TileData(tiles, parts, preprocessing, means, batch_size, seed, dropped, folder)


def training_area(tiles: TileSet, part: NDArray[np.int64]) -> str:
    """WKT of the ground under some tiles, in longitude and latitude; empty if it is not known."""
    outlines = [outline for outline in tiles.footprints[part] if outline is not None]
    return shapely.to_wkt(shapely.union_all(outlines), rounding_precision=6) if outlines else ""


def _without_rare(tiles: TileSet, drop: bool) -> tuple[TileSet, tuple[str, ...]]:
    """The tiles without classes of a single one, and the names of those."""
    counts = np.bincount(tiles.targets, minlength=len(tiles.categories))
    rare = [category.name for category, count in zip(tiles.categories, counts, strict=True) if count == 1]
    if not rare:
        return tiles, ()
    if not drop:
        raise InputError(
            f"class {rare[0]}",
            "has one tile, which cannot be both learnt and checked",
            "add tiles of it, or leave such classes out with --drop-rare (drop_rare=True)",
        )
    kept = tiles.subset(counts[tiles.targets] > 1)
    common = tuple(c for c, count in zip(tiles.categories, counts, strict=True) if count > 1)
    return replace(kept, categories=common), tuple(rare)


def _measure(
    tiles: TileSet, training: NDArray[np.int64], track: Track
) -> tuple[NDArray[np.float64], tuple[float, ...], tuple[float, ...]]:
    """Band means of every tile, and mean and deviation of each band over the training tiles' valid pixels."""
    bands = len(tiles.bands)
    means = np.zeros((len(tiles), bands))
    count, total, squares = 0, np.zeros(bands), np.zeros(bands)
    for_training = np.zeros(len(tiles), bool)
    for_training[training] = True
    for position in track(range(len(tiles)), len(tiles), "measuring tiles"):
        values, valid = tiles.read(position)
        if not valid.any():
            raise InputError(tiles.name(position), "has no valid pixel", "take it out of the set (out of map.txt)")
        means[position] = band_means(values, valid)
        if for_training[position]:
            pixels = values[:, valid].astype(np.float64)
            # Chan's update: deviations are taken from each tile's own mean, so that large offsets cost no digits.
            number = pixels.shape[1]
            delta = means[position] - (total / count if count else means[position])
            squares += ((pixels - means[position][:, None]) ** 2).sum(axis=1) + delta**2 * count * number / (
                count + number
            )
            total += pixels.sum(axis=1)
            count += number
    std = np.sqrt(squares / count)
    flat = [name for name, deviation in zip(tiles.bands, std, strict=True) if not deviation > 0]
    if flat:
        raise InputError(f"band {flat[0]}", "has the same value in all training tiles", "leave it out with --bands")
    return means, tuple((total / count).tolist()), tuple(std.tolist())
