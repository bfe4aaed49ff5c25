"""Download the files of STAC items into a folder, with the items, so that they can be opened offline."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from rasterio.errors import RasterioError

from littoral.errors import InputError, WriteError, first_line
from littoral.http import PATIENT, Patience, UnreachableError, download, only_process, open_session, shown_address
from littoral.imagery.decoding import check_complete, open_raster
from littoral.imagery.options import FetchScenesOptions
from littoral.imagery.scene import same_band
from littoral.imagery.stac.bands import Asset
from littoral.imagery.stac.item_files import ITEM, Item, Items, read_items
from littoral.imagery.stac.items import assets_for
from littoral.imagery.stac.providers import access_of
from littoral.imagery.stac.redaction import without_secrets
from littoral.imagery.stac.signing import signed_address
from littoral.progress import Track, silent
from littoral.vectors import staged

_ALL = FetchScenesOptions()
_CHECKSUMS = {"1220": "sha256", "1114": "sha1", "1340": "sha512", "d50110": "md5", "1620": "sha3_256"}
"""Hash method by the prefix of STAC's ``file:checksum`` (multihash)."""
_STORES = ("alternate", "storage:refs", "auth:refs", "alternate:name")
"""Fields of an asset that refer to other locations; left out of the downloaded item."""


@dataclass(frozen=True)
class FetchedScenes:
    """Result of :func:`fetch_scenes`."""

    items: tuple[Path, ...]
    """Files of the items in the folder, for :func:`open_item`."""
    fetched: int
    """Number of files downloaded, new or changed."""
    kept: int
    """Number of files already in the folder and unchanged on the server."""
    size: int
    """Size of the downloaded files, bytes."""

    def __str__(self) -> str:
        files = f"{self.fetched} files fetched ({self.size / 1e6:.1f} MB), {self.kept} unchanged"
        return f"{len(self.items)} scenes, {files}"


def fetch_scenes(
    items: Items,
    folder: str | Path,
    options: FetchScenesOptions = _ALL,
    *,
    patience: Patience = PATIENT,
    track: Track = silent,
) -> FetchedScenes:
    """Download the files of items, or update those in ``folder``; each item has a subfolder of its name.

    A broken transfer is resumed by the next call, and an unchanged file is not downloaded again. An item is written
    when all its files are complete. An item that fails does not stop the others, except when its server cannot be
    reached. Tokens and keys are not written.

    Args:
        items: The file written by ``littoral search``, the result of :func:`search_scenes`, or an item's file or
            address.
        folder: Created if it does not exist.
        options: The bands (B02, or the asset's name), and the cell size in which they will be read.
        patience: Retries and timeouts.
        track: Shows progress, one step per file.

    Raises:
        InputError: an item lacks a band (nothing is downloaded then), S3 keys are not set, or items failed (raised
            after the others were downloaded).
        WriteError: a file cannot be written.
    """
    folder = Path(folder)
    chosen = [(item, _chosen(item, options.bands, options.cell_size)) for item in read_items(items, patience=patience)]
    files = [(item, key, name) for item, assets in chosen for key, name in _file_names(item, assets).items()]
    with only_process(folder):
        return _fetch_all(chosen, files, folder, patience, track)


def _fetch_all(
    chosen: Sequence[tuple[Item, Sequence[Asset]]],
    files: Sequence[tuple[Item, str, str]],
    folder: Path,
    patience: Patience,
    track: Track,
) -> FetchedScenes:
    """Download files, and write the items whose files are complete."""
    sizes: list[int] = []
    written: dict[str, dict[str, str]] = {}
    failed: dict[str, InputError] = {}
    for item, key, name in track(files, len(files), "fetching scenes"):
        identity = str(item["id"])
        if identity in failed:
            continue
        try:
            size = _fetch(item, key, _place(folder, item) / name, patience)
        except UnreachableError as error:
            failed[identity] = error
            break
        except InputError as error:
            failed[identity] = error
            continue
        sizes.append(size)
        written.setdefault(identity, {})[key] = name
    done = []
    for item, assets in chosen:
        names = written.get(str(item["id"]), {})
        if names.keys() == {asset.key for asset in assets}:
            done.append(_write_item(item, names, _place(folder, item) / ITEM))
    if failed:
        reasons = "; ".join(f"{name}: {str(error).rstrip('.')}" for name, error in failed.items())
        raise InputError(
            f"{len(chosen) - len(done)} of {len(chosen)} scenes",
            f"could not be fetched, {len(done)} were ({reasons})",
            "run the same command again for those that may come, it goes on with the rest",
        )
    return FetchedScenes(tuple(done), sum(size > 0 for size in sizes), sizes.count(0), sum(sizes))


def _chosen(item: Item, bands: Sequence[str] | None, cell_size: float | None) -> list[Asset]:
    found = assets_for(item, cell_size)
    measured = [asset for asset in found if asset.role == "measured"]
    for wanted in bands or ():
        if not any(same_band(asset.name, wanted) for asset in measured):
            names = ", ".join(asset.name for asset in measured) or "none"
            raise InputError(f"The item {item['id']}", f"has no band {wanted}", f"choose among {names}")
    return [
        asset
        for asset in found
        if bands is None or asset.role != "measured" or any(same_band(asset.name, wanted) for wanted in bands)
    ]


def _file_names(item: Item, assets: Sequence[Asset]) -> dict[str, str]:
    """File name of each asset, by its key: the last part of its address, or a name made of the key."""
    names: dict[str, str] = {}
    for key in dict.fromkeys(asset.key for asset in assets):
        content = item["assets"][key]
        name = PurePosixPath(urlsplit(content["href"]).path).name
        if not PurePosixPath(name).suffix or name in names.values():
            suffix = ".jp2" if "jp2" in str(content.get("type")) else ".tif"
            name = f"{_as_name(key)}{suffix}"
        names[key] = _as_name(name)
    return names


def _fetch(item: Item, key: str, path: Path, patience: Patience) -> int:
    """Download one file; return its bytes, 0 if it was unchanged."""
    content = item["assets"][key]
    href = content["href"]
    if "://" not in href:
        raise InputError(href, "is on this machine already", "open its item as it is")
    try:
        alternate = str(content["alternate"]["https"]["href"])
    except (KeyError, TypeError):
        alternate = ""
    url, headers = signed_address(href, access_of(href, item), alternate=alternate, patience=patience)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(path.parent, error) from error
    size = content.get("file:size")
    with open_session(headers) as session:
        fetched = download(
            session,
            url,
            path,
            if_changed=True,
            size=size if isinstance(size, int) else None,
            accept=lambda part: _check(part, href, path.suffix, str(content.get("file:checksum") or "")),
            patience=patience,
        )
    return path.stat().st_size if fetched else 0


def _check(file: Path, href: str, suffix: str, checksum: str) -> None:
    """Check that a downloaded file is a complete raster with the item's checksum.

    Raises:
        InputError: it is not a raster, is cut off, or has another checksum.
    """
    named = shown_address(href)
    try:
        if suffix.lower() == ".vrt":
            # Its source files are not downloaded, so it cannot be opened.
            if not file.read_bytes()[:1000].lstrip().startswith(b"<VRTDataset"):
                raise ValueError("it is no VRT")
        else:
            with open_raster(str(file), suffix) as dataset:
                check_complete(dataset)
    except (RasterioError, ValueError) as error:
        raise InputError(
            named, f"did not come as a raster ({first_line(error, without_secrets)})", "see what its server sends there"
        ) from error
    method = next((name for mark, name in _CHECKSUMS.items() if checksum.lower().startswith(mark)), None)
    if method is not None:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, method).hexdigest()
        if not checksum.lower().endswith(digest):
            raise InputError(named, f"came with another checksum ({method}) than its item says", "fetch it again later")


def _write_item(item: Item, names: dict[str, str], path: Path) -> Path:
    """Write the item with only the downloaded assets, and a ``derived_from`` link to the original item."""
    assets = {
        key: {
            **{field: value for field, value in item["assets"][key].items() if field not in _STORES},
            "href": f"./{name}",
        }
        for key, name in names.items()
    }
    links = [
        {**link, "rel": "derived_from"} if link.get("rel") == "self" else link
        for link in item["links"]
        if "://" in link["href"]
    ]
    with staged(path) as stage:
        content = {**item, "links": links, "assets": assets}
        stage.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    return path


def _place(folder: Path, item: Item) -> Path:
    return folder / _as_name(str(item["id"]))


def _as_name(text: str) -> str:
    return re.sub(r"[^\w.-]", "_", text).lstrip(".") or "_"
