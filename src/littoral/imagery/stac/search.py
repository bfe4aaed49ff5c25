"""Search a STAC catalogue for scenes by place, time and cloud cover."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.errors import InputError, LittoralWarning, MissingExtraError, first_line
from littoral.http import PATIENT, BoundedAdapter, Patience, shown_address
from littoral.imagery.options import SearchOptions
from littoral.imagery.stac.bands import kind_of
from littoral.imagery.stac.extent import Bounds, checked_box, enclosing_box, middles, split_box, time_range
from littoral.imagery.stac.item_files import Item, cloud_cover, is_web, located, taken, tile_of
from littoral.imagery.stac.providers import KNOWN
from littoral.imagery.stac.redaction import without_secrets, without_signatures
from littoral.imagery.stac.scaling import baseline_of
from littoral.vectors import check_output, staged

if TYPE_CHECKING:
    import geopandas as gpd
    from pystac_client import Client

_LATEST = SearchOptions()
_PAGE = 100
_MISSED = 0.05
"""Share of an item's footprint that a later version of it may leave uncovered."""
_SAME_S = 1.0
"""Images of one tile that begin within this many seconds are the same acquisition, processed more than once."""


def search_scenes(
    bbox: Bounds | None = None,
    *,
    around: gpd.GeoDataFrame | None = None,
    options: SearchOptions = _LATEST,
    patience: Patience = PATIENT,
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Item]:
    """Search a STAC catalogue for scenes; of an acquisition processed more than once, the latest version is kept.

    Args:
        bbox: West, south, east, north in degrees; west is greater than east across the antimeridian.
        around: Rectangles or lines, instead of ``bbox``: scenes that contain the centroid of any of them.
        options: Time, cloud cover, catalogue, collection, and the largest number of scenes. Without a collection,
            Sentinel-2 L2A is searched, of Earth Search its Collection 1, which has ESA's original values (and lacks
            some scenes of ``sentinel-2-l2a``); at the address of another API, all collections. Of more scenes than
            the limit, those that the catalogue lists first are returned.
        patience: Retries and timeouts.
        say: Called with a sentence if older versions were left out.

    Returns:
        Items ordered by time, with absolute addresses without keys and signatures; for :func:`open_items`.

    Raises:
        InputError: an invalid time, place, catalogue or collection, or no scene found.
        MissingExtraError: pystac-client is not installed.

    Warns:
        LittoralWarning: there are more scenes than ``limit``.
    """
    if (bbox is None) == (around is None):
        raise InputError("The search", "needs a place, said once", "pass a bounding box, or rectangles")
    points = None if around is None else middles(around)
    boxes = split_box(enclosing_box(points) if points is not None else checked_box(bbox))
    query: dict[str, Any] = {"datetime": None if options.datetime is None else time_range(options.datetime)}
    known = KNOWN.get(options.source) or next(
        (known for known in KNOWN.values() if known.api == options.source.rstrip("/")), None
    )
    api = options.source if known is None else known.api
    if not is_web(api):
        raise InputError(
            f"The source {without_secrets(options.source)!r}",
            "is not known",
            f"choose among {', '.join(KNOWN)}, or pass its address",
        )
    query["collections"] = options.collection or (known.collection if known else None)
    with _requests_to(api):
        client = _open(api, patience)
        query["method"] = _method(client)
        query |= _cloud_filter(client, query["method"], options.max_cloud)
        found = (item for box in boxes for item in client.search(bbox=box, limit=_PAGE, **query).items_as_dicts())
        fitting = (item for item in _each_once(found) if _fits(item, options.max_cloud, points))
        items = [located(item, api, f"The item {item.get('id')}") for item in islice(fitting, options.limit + 1)]
        if not items:
            _refuse_nothing(client, api, query["collections"])
    if len(items) > options.limit:
        warnings.warn(
            f"{shown_address(api)} has more than {options.limit} such scenes, the rest is left out: raise the limit, "
            "or narrow time or cloud",
            LittoralWarning,
            stacklevel=2,
        )
        items = items[: options.limit]
    kept, dropped = latest_versions(items)
    if dropped:
        say(f"{len(dropped)} earlier versions of the same scenes left out ({_some(dropped)})")
    return kept


def write_items(items: Iterable[Item], path: str | Path, *, overwrite: bool = False) -> None:
    """Write items as a GeoJSON FeatureCollection, which a GIS shows as footprints; all or nothing.

    Keys, passwords and signatures are removed from addresses.

    Raises:
        ExistsError: ``path`` exists and ``overwrite`` is False.
        WriteError: the file cannot be written.
    """
    path = Path(path)
    check_output(path, overwrite, (".json", ".geojson"))
    document = {"type": "FeatureCollection", "features": without_signatures(list(items))}
    with staged(path) as stage:
        stage.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def latest_versions(items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Keep one item of those that cover the same ground of one tile at the same time.

    The item of the highest baseline is kept, then of the highest sequence number, then of the latest processing time.
    Two parts of a tile, from an orbit that was split in two, are not versions of each other.

    Returns:
        The kept items, ordered by time, and the ids of the others.
    """
    by_tile: dict[str, list[Item]] = {}
    for item in items:
        tile = f"{item.get('collection')} {tile_of(item)}" if tile_of(item) and taken(item) else f"only {item['id']}"
        by_tile.setdefault(tile, []).append(item)
    kept, dropped = [], []
    for same_tile in by_tile.values():
        groups: list[list[Item]] = []
        for item in sorted(same_tile, key=_seconds):
            if groups and _seconds(item) - _seconds(groups[-1][-1]) <= _SAME_S:
                groups[-1].append(item)
            else:
                groups.append([item])
        for group in groups:
            covered: list[shapely.Geometry] = []
            for item in sorted(group, key=_version, reverse=True):
                ground = _ground(item)
                if covered and _lies_in(ground, covered):
                    dropped.append(str(item["id"]))
                else:
                    kept.append(item)
                    covered.append(ground)
    return sorted(kept, key=lambda item: (_seconds(item), tile_of(item), str(item["id"]))), sorted(dropped)


def _open(api: str, patience: Patience) -> Client:
    try:
        from pystac_client import Client
        from pystac_client.stac_api_io import StacApiIO
    except ImportError as error:
        raise MissingExtraError("Searching a catalogue", "stac") from error
    transport = StacApiIO()
    for scheme in ("http://", "https://"):
        # The client's own options do not suffice: it resets its timeout and reads responses of any size.
        transport.session.mount(scheme, BoundedAdapter(patience))
    return Client.open(api, stac_io=transport)


@contextmanager
def _requests_to(api: str) -> Iterator[None]:
    """Turn the errors of pystac-client into an InputError.

    Raises:
        InputError: the catalogue cannot be reached, denies access, or is not a STAC API.
        MissingExtraError: pystac-client is not installed.
    """
    try:
        import pystac_client.warnings as client_warnings
        from pystac.errors import STACError
        from pystac_client.errors import ClientTypeError
        from pystac_client.exceptions import APIError
    except ImportError as error:
        raise MissingExtraError("Searching a catalogue", "stac") from error
    shown = shown_address(api)
    try:
        with warnings.catch_warnings():
            # Warnings about API extensions that a catalogue does not declare as it should.
            warnings.simplefilter("ignore", client_warnings.PystacClientWarning)
            yield
    except APIError as error:
        status = getattr(error, "status_code", None)
        if status is None:
            what, remedy = (
                f"cannot be reached ({first_line(error, without_secrets)})",
                "check the address, the connection and the proxy",
            )
        elif status in (401, 403):
            what, remedy = f"is not open to you (HTTP {status})", "check your rights there"
        elif status == 404:
            what, remedy = "is not there (HTTP 404)", "pass the address of a STAC API, such as https://…/v1"
        elif status == 400:
            what, remedy = (
                f"does not take the question (HTTP 400: {first_line(error, without_secrets)})",
                "check collection and time",
            )
        else:
            what, remedy = f"could not answer (HTTP {status})", "try again later"
        # Here and below "from None": the text of the original error may hold secrets.
        raise InputError(shown, what, remedy) from None
    except client_warnings.PystacClientWarning as error:
        raise InputError(
            shown,
            f"cannot be searched ({first_line(error, without_secrets)})",
            "pass the address of a STAC API, not of a catalogue of files",
        ) from None
    except (STACError, ClientTypeError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"did not answer as a STAC API does ({first_line(error, without_secrets)})"
        raise InputError(shown, what, "pass the address of a STAC API, such as https://…/v1") from None


def _method(client: Client) -> str:
    """HTTP method for searches: POST, unless the catalogue offers only GET."""
    offered = {link.extra_fields.get("method") for link in client.get_links("search")} - {None}
    return "POST" if "POST" in offered or not offered else "GET"


def _cloud_filter(client: Client, method: str, max_cloud: float | None) -> dict[str, Any]:
    """Search parameters that limit cloud cover, if the catalogue supports them; items are filtered again afterwards."""
    from pystac_client import ConformanceClasses

    if max_cloud is None:
        return {}
    if client.conforms_to(ConformanceClasses.QUERY):
        return {"query": {"eo:cloud_cover": {"lte": max_cloud}}}
    if client.conforms_to(ConformanceClasses.FILTER) and method == "POST":
        return {"filter": {"op": "<=", "args": [{"property": "eo:cloud_cover"}, max_cloud]}}
    return {}


def _each_once(items: Iterable[Item]) -> Iterator[Item]:
    """Items without duplicates, which adjacent boxes produce."""
    seen = set()
    for item in items:
        key = item.get("collection"), item["id"]
        if key not in seen:
            seen.add(key)
            yield item


def _fits(item: Item, max_cloud: float | None, points: NDArray[np.float64] | None) -> bool:
    cover = cloud_cover(item)
    if max_cloud is not None and (cover is None or cover > max_cloud):
        return False
    if points is None or not item.get("geometry"):
        return True
    footprint = shapely.from_geojson(json.dumps(item["geometry"]))
    shapely.prepare(footprint)
    return bool(shapely.intersects_xy(footprint, points).any())


def _refuse_nothing(client: Client, api: str, collection: str | None) -> None:
    names = sorted(str(found.id) for found in client.get_collections()) if collection else []
    if collection and collection not in names:
        raise InputError(shown_address(api), f"has no collection {collection}", f"choose among {_some(names, 20)}")
    other = next((name for name in ("sentinel-2-l2a",) if name in names and name != collection), None)
    remedy = "widen the place, the time or the share of cloud" + (f", or try the collection {other}" if other else "")
    raise InputError(shown_address(api), f"has no such scene{f' in {collection}' if collection else ''}", remedy)


def _version(item: Item) -> tuple[float, float, str, str]:
    properties = item["properties"]
    baseline = baseline_of(item) if kind_of(item) == "sentinel-2" else None
    in_name = re.search(r"_(\d+)_L(?:1C|2A)$", str(item["id"]))
    sequence = properties.get("s2:sequence") or properties.get("sentinel:sequence") or (in_name[1] if in_name else 0)
    keys = ("s2:generation_time", "processing:datetime", "created", "updated")
    made = next((str(properties[key]) for key in keys if properties.get(key)), "")
    return baseline or 0.0, float(sequence), made, str(item["id"])


def _ground(item: Item) -> shapely.Geometry:
    """Footprint in degrees; an empty geometry if the item has none or an invalid one."""
    try:
        return shapely.make_valid(shapely.from_geojson(json.dumps(item.get("geometry"))))
    except (shapely.errors.GEOSException, TypeError, ValueError):
        return shapely.Point()


def _lies_in(ground: shapely.Geometry, others: Sequence[shapely.Geometry]) -> bool:
    """Whether other footprints cover at least 95 % of a footprint; True if any of the footprints is missing."""
    if shapely.area([ground, *others]).min() == 0:
        return True
    missed = shapely.difference(ground, shapely.union_all(list(others)))
    return bool(shapely.area(missed) <= _MISSED * shapely.area(ground))


def _seconds(item: Mapping[str, Any]) -> float:
    try:
        moment = datetime.fromisoformat(taken(item))
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
