"""Read STAC items, one or several, from JSON files, web addresses or memory."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from littoral.errors import InputError
from littoral.http import PATIENT, Patience, open_session, read_json, shown_address
from littoral.imagery.stac.providers import KNOWN
from littoral.imagery.stac.redaction import without_signatures

ITEM = "item.json"
"""Name of the item's file in the folder of a downloaded scene."""
_HUGE = 1e12
"""Upper limit of the numbers that define a grid."""
Item = dict[str, Any]
"""A STAC item with absolute asset addresses; no address in it holds a key or signature."""
Items = str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""File or web address of an item or of a GeoJSON FeatureCollection of items, or their parsed JSON."""


def read_items(source: Items, *, patience: Patience = PATIENT) -> list[Item]:
    """Read the items of a file, a web address or parsed JSON.

    Raises:
        InputError: no file, not JSON, not an item, or an item with relative addresses and no base address.
        DownloadError: the address cannot be downloaded.
    """
    if isinstance(source, Mapping):
        document: Any = source
        base, named = "", str(source.get("id", "The document"))
    elif not isinstance(source, str | Path):
        return [item for document in source for item in read_items(document)]
    elif is_web(str(source)):
        base, named = str(source), shown_address(str(source))
        with open_session() as session:
            document = read_json(session, base, patience=patience)
    else:
        path = Path(source) / ITEM if Path(source).is_dir() else Path(source)
        base, named = str(path.absolute()), str(path)
        document = _read_file(path)
    return [located(item, base, named) for item in _items(document, named)]


def is_item(source: str) -> bool:
    """Whether a path or address is that of items, or of a folder written by :func:`fetch_scenes` for one item.

    >>> is_item("https://example.org/collections/sentinel-2-l2a/items/S2B_T17RNJ"), is_item("scenes.json")
    (True, True)
    >>> is_item("https://example.org/B02.tif")
    False
    """
    if is_web(source):
        path = urlsplit(source).path
        return path.endswith((".json", ".geojson")) or path.rstrip("/").rpartition("/")[0].endswith("/items")
    path = source.lower()
    return path.endswith((".json", ".geojson")) or (Path(source) / ITEM).is_file()


def located(item: Mapping[str, Any], base: str, named: str) -> Item:
    """A copy of an item with absolute asset addresses, without keys and signatures.

    Relative addresses are resolved against ``base``, the item's file or address, or else against its ``self`` link.
    Keys and signatures are kept in memory to open the files (:func:`littoral.imagery.stac.redaction.whole_address`).

    Raises:
        InputError: an address is relative and there is no base address, or the item is damaged or has no assets.
    """
    links = [link for link in _listed(item.get("links"), Mapping) if _is_address(link.get("href"))]
    home = base or next((link["href"] for link in links if link.get("rel") == "self" and is_web(link["href"])), "")
    _refuse_damage(item["properties"], named, "")
    assets = {}
    for key, asset in item["assets"].items():
        if isinstance(asset, Mapping) and isinstance(asset.get("href"), str) and asset["href"]:
            _refuse_damage(asset, named, f" of the asset {key}")
            roles = _listed(asset.get("roles"), str)
            assets[str(key)] = {**asset, "href": _absolute(asset["href"], home, named), "roles": roles}
    if not assets:
        raise InputError(named, "is an item without files (assets)", "pass one that has some, or ask its catalogue")
    located: Item = without_signatures({**item, "links": links, "assets": assets})
    return located


def taken(item: Mapping[str, Any]) -> str:
    """Acquisition time as written in the item (RFC 3339), "" if it has none."""
    return str(item["properties"].get("datetime") or item["properties"].get("start_datetime") or "")


def cloud_cover(item: Mapping[str, Any]) -> float | None:
    """Cloud cover of the scene in percent, None if the item does not give it."""
    cover = item["properties"].get("eo:cloud_cover")
    return float(cover) if isinstance(cover, int | float) and math.isfinite(cover) else None


def tile_of(item: Mapping[str, Any]) -> str:
    """Tile of the Military Grid Reference System (17RNJ), or Landsat's path/row (015/042); "" if not given."""
    properties = item["properties"]
    code = str(properties.get("grid:code") or properties.get("s2:mgrs_tile") or "")
    parts = [properties.get(f"mgrs:{part}") for part in ("utm_zone", "latitude_band", "grid_square")]
    row = [properties.get(f"landsat:wrs_{part}") for part in ("path", "row")]
    if not code and all(parts):
        code = f"{parts[0]:0>2}{parts[1]}{parts[2]}"
    if not code and all(row):
        code = "/".join(f"{part:0>3}" for part in row)
    return code.rpartition("-")[2]


def is_web(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _read_file(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "check the path to the item") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "pass the JSON file of an item") from error
    except ValueError as error:
        raise InputError(path, "is not JSON", "pass the JSON file of an item, or what littoral search wrote") from error


def _items(document: Any, named: str) -> list[Mapping[str, Any]]:
    kind = document.get("type") if isinstance(document, Mapping) else None
    if kind == "FeatureCollection":
        features = document.get("features")
        if not features or not isinstance(features, list):
            raise InputError(named, "holds no items", "widen the search that wrote it")
        return [item for feature in features for item in _items(feature, named)]
    whole = kind == "Feature" and all(isinstance(document.get(part), Mapping) for part in ("assets", "properties"))
    if whole and document.get("id"):
        return [document]
    if kind in ("Catalog", "Collection"):
        what = "the front page of a catalogue" if kind == "Catalog" else f"a collection ({document.get('id')})"
        api = next((name for name, known in KNOWN.items() if named.startswith(known.api)), named)
        raise InputError(
            named, f"is {what}, not an item", f"look for items with littoral search --source {api}, or pass one item"
        )
    raise InputError(
        named, "is not a STAC item", "pass the JSON of one, such as …/collections/<collection>/items/<item>"
    )


def _listed(value: object, kind: type[Any]) -> list[Any]:
    return [entry for entry in value if isinstance(entry, kind)] if isinstance(value, list) else []


def _refuse_damage(content: Mapping[str, Any], named: str, where: str) -> None:
    """Check the fields that define the grid of pixels; other malformed fields are ignored.

    Raises:
        InputError: ``proj:transform``, ``proj:shape`` or ``gsd`` is not made of valid numbers.
    """
    for name, counts, least in (("proj:transform", (6, 9), -math.inf), ("proj:shape", (2,), 1), ("gsd", (1,), 0)):
        value = content.get(name)
        numbers = value if isinstance(value, list) else [value]
        if value is not None and not (len(numbers) in counts and all(_is_number(one, least) for one in numbers)):
            raise InputError(
                f"{name}{where} of {named}", f"is {value!r}", "fetch the item again, or tell its catalogue"
            )


def _is_number(value: object, least: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and least <= value < _HUGE


def _is_address(href: object) -> bool:
    try:
        return isinstance(href, str) and bool(urlsplit(href))
    except ValueError:
        return False


def _absolute(href: str, home: str, named: str) -> str:
    if not _is_address(href):
        raise InputError(named, f"has a file at {href!r}, which is no address", "tell its catalogue")
    if href.startswith("file://"):
        return unquote(urlsplit(href).path)
    if "://" in href:
        return href
    if is_web(home):
        return urljoin(home, href)
    if href.startswith("/"):
        return href
    if not home:
        raise InputError(
            named, f"has files at relative addresses ({href})", "pass the item's file or address instead of its content"
        )
    return str((Path(home).parent / href).resolve())
