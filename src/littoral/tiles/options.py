"""Options of choosing labels, cutting and exporting tiles, and splitting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from littoral.options import Cli, Column, Help, Number, Options

Placement = Literal["centred", "oriented"]
"""How a tile lies on its rectangle: along the scene's axes, or turned so that the shore runs along its rows."""
Crop = Literal["fixed", "bounding-box"]
"""Whether all tiles have one size, or each is as large as the bounds of its rectangle."""
Space = Literal["map", "pixel"]
"""Whether tiles lie along the map's axes or the scene's; the same, unless the scene is rotated."""
MetadataFormat = Literal["Labeled_Tiles", "Imagenet"]
ImageFormat = Literal["tiff", "png", "jpeg"]
SplitKind = Literal["spatial", "region", "random"]

TILE_SIDE = Number(8, 16_384, unit="px")
"""Bounds of the width and height of a tile."""

Size = tuple[int, int]
"""Width and height in pixels; one number on the command line stands for both, else 256x128."""


Classes = Annotated[
    tuple[int, ...] | None, Help("Use only labels of these classes, by code."), Cli(metavar="2,3,7", default="all")
]
"""Shared by the verbs that read labels."""


@dataclass(frozen=True)
class ClassOptions(Options):
    """Which labelled rectangles or tiles are used."""

    GROUP: ClassVar[str] = "Labels"

    class_field: Annotated[
        str | None, Column("rectangles"), Cli(default="the first of CATCOA, value, classvalue that is there")
    ] = None
    """Field with the class: whole numbers, or names of categories."""
    classes: Classes = None
    """Use only labels of these classes, by code."""
    min_purity: Annotated[float, Number(0, 1)] = 0.0
    """Smallest purity of a rectangle: the share of its own class among the line inside it."""
    region_field: Annotated[str | None, Column("rectangles")] = None
    """Field with the region, by which a split can hold tiles out."""


@dataclass(frozen=True)
class CutOptions(Options):
    """How a tile is cut."""

    GROUP: ClassVar[str] = "Tile"

    tile_size: Annotated[Size, TILE_SIDE, Cli(metavar="PX")] = (256, 256)
    """Width and height of a tile in pixels of the scene: 256, or 256x128."""
    bands: Annotated[tuple[str | int, ...] | None, Cli(metavar="NAME,NAME", default="all")] = None
    """Names of bands or their numbers from 1, in the order wanted, e.g. B02,B03,B04."""
    min_valid: Annotated[float, Number(0, 1)] = 0.5
    """Smallest share of the rectangle's own pixels that must be valid."""
    max_cloud: Annotated[float, Number(0, 1)] = 1.0
    """Largest share of the rectangle's own pixels that may be cloud, where the scene has cloud masks."""
    raw: Annotated[bool, Cli(advanced=True)] = False
    """Keep stored values where a Sentinel-2 offset is known, instead of subtracting it."""


@dataclass(frozen=True)
class ExportOptions(Options):
    """Which tiles are exported, and in which form."""

    GROUP: ClassVar[str] = "Export"

    placement: Literal["centred", "oriented", "grid"] = "centred"
    """One tile on each rectangle, north up or turned along the shore; or a grid of tiles."""
    stride: Annotated[Size | None, Number(1, unit="px"), Cli(metavar="PX", default="half a tile")] = None
    """Steps of a grid in pixels: 128, or 128x64 for x and y."""
    only_with_features: Annotated[bool, Cli("--all-tiles", inverted=True)] = True
    """Export the tiles of a grid that show no rectangle too; their labels are empty."""
    min_overlap: Annotated[float, Number(0, 1)] = 0.0
    """Smallest share of a rectangle's area that must lie in a tile to count there."""
    rotation_angle: Annotated[float, Number(0, below=360, unit="degrees")] = 0.0
    """Cut each tile once more at every multiple of this angle below 360 degrees, clockwise; 0: not rotated."""
    buffer_radius: Annotated[float, Number(0)] = 0.0
    """Radius of the discs made of points and the bands made of lines; units of their CRS."""
    extent: Annotated[tuple[float, float, float, float] | str | None, Cli(metavar="EXTENT")] = None
    """Only rectangles that touch it: intersection or union of the inputs, a vector file, or west,south,east,north."""
    extent_crs: Annotated[str | None, Cli(default="the scene's")] = None
    """CRS of an extent in numbers."""
    reference_system: Space = "map"
    """North up, or along the rows of a scene that is rotated."""
    blacken_around_feature: bool = False
    """Pixels outside the rectangle count as missing."""
    crop_mode: Crop = "fixed"
    """One size for all tiles, or that of each rectangle."""
    metadata_format: Annotated[MetadataFormat, Cli("--format")] = "Labeled_Tiles"
    """A label file beside each image, or a folder for each class."""
    image_format: ImageFormat = "tiff"
    """tiff stores everything; png 1 or 3 bands of 8 or 16 bits; jpeg 8 bits, with loss."""
    world_file: Annotated[bool, Cli(advanced=True)] = False
    """Write a world file beside each GeoTIFF too."""
    start_index: Annotated[int, Number(0), Cli(advanced=True)] = 0
    """Number of the first tile of a new folder."""
    per_category: bool = False
    """One folder Category_<code> for each category."""
    restart: Annotated[bool, Cli(advanced=True)] = False
    """Discard what an interrupted run left, instead of resuming it."""


@dataclass(frozen=True)
class SplitOptions(Options):
    """How tiles are split into training and validation."""

    GROUP: ClassVar[str] = "Validation"

    val_share: Annotated[float, Number(above=0, below=1)] = 0.2
    """Share of the tiles to validate with."""
    split: SplitKind = "spatial"
    """spatial (blocks of ground) and region leak nothing; random leaks, and prints that it does."""
    block_km: Annotated[float | None, Number(above=0, unit="km"), Cli("--block-km", default="four tiles")] = None
    """Side of the blocks of a spatial split, kilometres."""
    val_regions: Annotated[tuple[str, ...] | None, Cli(metavar="NAME,NAME", default="drawn by the seed")] = None
    """Regions to hold out, e.g. north,bay."""
