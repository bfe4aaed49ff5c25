"""Download the cells of a hydrographic office, chosen from its product catalogue, and keep a folder up to date.

NOAA publishes the catalogue ``ENCProdCat.xml`` and for each cell a zip ``<CELL>.zip``, which holds
``ENC_ROOT/<CELL>/<CELL>.000`` and its updates, under https://charts.noaa.gov/ENCs/.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urljoin

from littoral.charts.catalogue import Bounds, CatalogueCell, in_bounds, read_catalogue
from littoral.charts.options import FetchChartsOptions
from littoral.errors import InputError, WriteError
from littoral.http import PATIENT, Patience, Session, UnreachableError, download, only_process, open_session, unpack_zip
from littoral.progress import Track, silent
from littoral.vectors import staged

STATE = "littoral-charts.json"
"""File in the output folder that lists the fetched cells, and whether the user agreement was shown."""

_DOWNLOADS = ".downloads"
_AT_HOME = re.compile(r"https?://(?:www\.)?charts\.noaa\.gov/ENCs/(.+)")
_DUTY = (
    "These charts are for analysis, not for navigation. Copies are not official; say where they come from: {origin}. "
    "The office's user agreement holds (NOAA's: https://www.charts.noaa.gov/ENCs/ENC_Agreement.shtml)."
)


@dataclass(frozen=True)
class FetchedCharts:
    """Result of :func:`fetch_charts`, as names of cells."""

    fetched: tuple[str, ...]
    """New or changed cells."""
    kept: tuple[str, ...]
    """Cells that were up to date."""
    withdrawn: tuple[str, ...]
    """Cells in the folder that the office has cancelled; they are not deleted."""
    size: int
    """Bytes of the fetched zips."""

    def __str__(self) -> str:
        text = f"{len(self.fetched)} cells fetched ({self.size / 1e6:.1f} MB), {len(self.kept)} unchanged"
        gone = f"; cancelled by the office and kept here: {', '.join(self.withdrawn)}" if self.withdrawn else ""
        return text + gone


@dataclass(frozen=True)
class _Record:
    """Entry of a fetched cell in the state file."""

    version: tuple[str, str, str]
    file: str
    """Path of the base cell, relative to the folder."""
    url: str
    zipped: str
    catalogue: str


@dataclass
class _State:
    cells: dict[str, _Record]
    agreement_shown: bool = False


def fetch_charts(
    folder: str | Path,
    options: FetchChartsOptions,
    *,
    patience: Patience = PATIENT,
    track: Track = silent,
    say: Callable[[str], None] = print,
) -> FetchedCharts:
    """Download the chosen cells of a hydrographic office into a folder, or update the cells in it.

    The catalogue is downloaded if it has changed, then those of the chosen cells whose edition, update or issue date
    differs from the folder's. Each cell is unpacked to ``<folder>/<CELL>``, replacing an older one. An interrupted
    download is resumed by the next call. If a cell fails, the others are still fetched.

    Args:
        folder: Output folder, created if needed; :func:`littoral.read_charts` reads it.
        options: Which cells; :mod:`littoral.charts.catalogue` lists the formats of catalogues.
        patience: Timeouts and retries.
        track: Shows progress of the catalogue's download, and one step per cell.
        say: Called with the user agreement, once per folder.

    Raises:
        InputError: no cells are chosen, or one does not exist or was cancelled (nothing is fetched then); the
            catalogue cannot be read; or, after the others were fetched, some cells failed.
        WriteError: the folder cannot be written.
    """
    folder = Path(folder)
    base_url = options.base_url
    source = urljoin(_base(base_url), options.catalogue)
    if not options.cells and not options.states and options.bbox is None:
        raise InputError("fetch charts", "has no choice of cells", "name cells, states or a bounding box")
    try:
        (folder / _DOWNLOADS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(folder, error) from error
    with only_process(folder), open_session() as session:
        state = _read_state(folder / STATE)
        published = _published(session, source, folder / _DOWNLOADS, patience, track)
        chosen = choose_cells(published, source, options)
        due = [cell for cell in chosen if not _is_current(folder, state.cells.get(cell.name), cell)]
        fetched: dict[str, int] = {}
        failed: dict[str, InputError] = {}
        for cell in track(due, len(due), "fetching cells"):
            try:
                fetched[cell.name] = _fetch_cell(session, folder, cell, _zip_url(cell, base_url), patience)
            except InputError as error:
                failed[cell.name] = error
                if isinstance(error, UnreachableError):
                    break
                continue
            file = _base_cell(folder, cell.name)
            state.cells[cell.name] = _Record(
                cell.version, file.relative_to(folder).as_posix(), _zip_url(cell, base_url), cell.zipped, source
            )
            if not state.agreement_shown:
                say(_agreement(folder / cell.name, _base(base_url)))
                state.agreement_shown = True
            _write_state(folder / STATE, state)
    if failed:
        reasons = "; ".join(str(error).rstrip(".") for error in failed.values())
        raise InputError(
            f"{len(due) - len(fetched)} of {len(due)} cells",
            f"could not be fetched, {len(fetched)} were ({reasons})",
            "run the same command again, it goes on with the rest",
        )
    kept = tuple(cell.name for cell in chosen if cell.name not in fetched)
    return FetchedCharts(tuple(fetched), kept, tuple(_withdrawn(state.cells, published, source)), sum(fetched.values()))


def choose_cells(
    published: Mapping[str, CatalogueCell],
    source: str,
    options: FetchChartsOptions,
) -> list[CatalogueCell]:
    """Choose cells of a catalogue: those named, and the active ones in the given states, box and usage bands.

    Names and codes are compared without case. The result is sorted by name.

    Raises:
        InputError: a named cell is missing or cancelled, a state is not in the catalogue, or no cell matches.
    """
    chosen: dict[str, CatalogueCell] = {}
    for name in (each.strip().upper() for each in options.cells):
        if name not in published:
            near = difflib.get_close_matches(name, published, 3)
            remedy = f"did you mean {' or '.join(near)}" if near else "look the name up in the office's catalogue"
            raise InputError(f"Cell {name}", f"is not among the {len(published)} of {source}", remedy)
        if not published[name].active:
            raise InputError(
                f"Cell {name}", f"was cancelled by the office ({source})", "choose by --bbox what took its place"
            )
        chosen[name] = published[name]
    areas, kinds = {state.strip().upper() for state in options.states}, set(map(str, options.bands))
    if areas or options.bbox is not None:
        found = [cell for cell in published.values() if cell.active]
        if areas:
            known = {state for cell in published.values() for state in cell.states}
            if not known:
                raise InputError(source, "does not list the states of its cells", "use ENCProdCat.xml, or --bbox")
            if areas - known:
                missing = ", ".join(sorted(areas - known))
                raise InputError(f"State {missing}", f"is not in {source}", f"choose from {', '.join(sorted(known))}")
            found = [cell for cell in found if areas & set(cell.states)]
        if options.bbox is not None:
            found = in_bounds(found, _checked_bounds(options.bbox))
        found = [cell for cell in found if not kinds or cell.usage_band in kinds]
        chosen.update({cell.name: cell for cell in found})
    if not chosen:
        raise InputError(source, "has no cell that matches all options", "widen --bbox, --state or --band")
    return [chosen[name] for name in sorted(chosen)]


def _published(
    session: Session, source: str, folder: Path, patience: Patience, track: Track
) -> dict[str, CatalogueCell]:
    listing = folder / (re.sub(r"[^\w.-]", "_", source.rpartition("/")[2]) or "catalogue.xml")
    download(session, source, listing, if_changed=True, patience=patience, track=track)
    try:
        return read_catalogue(listing)
    except InputError:
        # Otherwise the damaged file would be reused until the server's catalogue changes.
        listing.unlink(missing_ok=True)
        raise


def _fetch_cell(session: Session, folder: Path, cell: CatalogueCell, url: str, patience: Patience) -> int:
    """Download and unpack a cell; the size of its zip in bytes."""
    zipped = folder / _DOWNLOADS / f"{cell.name}.zip"
    try:
        download(session, url, zipped, patience=patience)
        size = zipped.stat().st_size
        unpack_zip(zipped, folder / cell.name, must_hold=f"{cell.name}.000")
    finally:
        zipped.unlink(missing_ok=True)
    return size


def _base_cell(folder: Path, name: str) -> Path:
    wanted = f"{name}.000".casefold()
    return next(file for file in sorted((folder / name).rglob("*")) if file.name.casefold() == wanted)


def _is_current(folder: Path, record: _Record | None, cell: CatalogueCell) -> bool:
    return record is not None and record.version == cell.version and (folder / record.file).is_file()


def _withdrawn(records: Mapping[str, _Record], published: Mapping[str, CatalogueCell], source: str) -> list[str]:
    """Fetched cells that are cancelled, or missing from the catalogue ``source`` they were fetched from."""
    listed = {
        name: published.get(name) for name, record in records.items() if name in published or record.catalogue == source
    }
    return sorted(name for name, cell in listed.items() if cell is None or not cell.active)


def _zip_url(cell: CatalogueCell, base_url: str) -> str:
    at_home = _AT_HOME.fullmatch(cell.url)
    place = str(at_home[1]) if at_home else cell.url or f"{cell.name}.zip"
    return urljoin(_base(base_url), place)


def _base(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _checked_bounds(bbox: Bounds) -> Bounds:
    west, south, east, north = bbox
    if not (-180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90):
        raise InputError(
            f"The bounding box {west:g} {south:g} {east:g} {north:g}",
            "is none on the globe",
            "give west, south, east, north in degrees (west greater than east across the antimeridian)",
        )
    return bbox


def _agreement(folder: Path, origin: str) -> str:
    """The user agreement in the zip, if there is one, and a summary of the terms of use."""
    texts = [file for file in sorted(folder.rglob("*")) if file.name.casefold() == "useragreement.txt"]
    text = texts[0].read_text(encoding="utf-8", errors="replace").strip() + "\n\n" if texts else ""
    return text + _DUTY.format(origin=origin)


def _read_state(path: Path) -> _State:
    if not path.exists():
        return _State({})
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = {
            str(name): _Record(**{**record, "version": tuple(record["version"])})
            for name, record in content["cells"].items()
        }
        return _State(cells, bool(content["agreement_shown"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(path, f"is damaged ({error})", "delete it; the cells are then fetched again") from error


def _write_state(path: Path, state: _State) -> None:
    with staged(path) as stage:
        stage.write_text(json.dumps(asdict(state), indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
