"""Downloads against a real HTTP server on loopback that can misbehave, and zips of strangers."""

from __future__ import annotations

import json
import socket
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from file_server import CONTENT, QUICK, Office
from littoral.errors import InputError
from littoral.http import (
    BoundedAdapter,
    DownloadError,
    Patience,
    UnreachableError,
    download,
    open_session,
    read_json,
    unpack_zip,
)

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


def get(office: Office, path: Path, *, if_changed: bool = False, query: str = "") -> bool:
    with open_session() as session:
        return download(session, f"{office.url}/a.bin{query}", path, if_changed=if_changed, patience=QUICK)


@pytest.fixture
def path(office: Office, tmp_path: Path) -> Path:
    office.files["/a.bin"] = CONTENT
    return tmp_path / "a.bin"


@pytest.fixture
def dripping() -> Iterator[Callable[[bytes], str]]:
    """Serves an answer byte by byte, ten a second, for as long as it is wanted; given the answer, its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    answers: list[bytes] = []

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                head, _, body = answers[0].partition(b"!")
                try:
                    connection.sendall(head)
                    for number in body + b" " * 10_000:
                        if stop.wait(0.1):
                            return
                        connection.sendall(bytes([number]))
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def start(answer: bytes) -> str:
        answers.append(answer)
        return f"http://127.0.0.1:{listener.getsockname()[1]}/a.bin"

    yield start
    stop.set()
    listener.close()
    thread.join(2)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n!", b"HTTP/1.1 200 OK\r\n\r\n!", b"!HTTP/1.1 200 OK\r\nX-A: "],
    ids=["body", "body without a length", "headers"],
)
def test_a_server_that_drips_is_given_up(dripping: Callable[[bytes], str], tmp_path: Path, answer: bytes) -> None:
    patience = Patience(attempts=1, pause_s=0, timeout_s=0.5)
    url = dripping(answer)
    with open_session() as session:
        with pytest.raises(DownloadError, match=r"broke off after|cannot be reached .no answer in 1 seconds"):
            download(session, url, tmp_path / "a.bin", patience=patience)
        with pytest.raises(DownloadError, match=r"broke off|cannot be reached"):
            read_json(session, url, patience=patience)


def test_adapter_for_libraries_bounds_time_and_size(dripping: Callable[[bytes], str], office: Office) -> None:
    url = dripping(b"HTTP/1.1 200 OK\r\n\r\n!")
    office.files["/large"] = bytes(2**26 + 1)
    with requests.Session() as session:
        session.mount("http://", BoundedAdapter(Patience(attempts=1, pause_s=0, timeout_s=0.5)))
        with pytest.raises(requests.Timeout, match="bytes in"):
            session.get(url)
        with pytest.raises(requests.ConnectionError, match="larger than 67,108,864 bytes"):
            session.get(f"{office.url}/large")


def test_an_empty_answer_is_no_file(office: Office, path: Path) -> None:
    office.files["/a.bin"] = b""
    with pytest.raises(DownloadError, match="came empty"):
        get(office, path)
    assert not list(path.parent.iterdir())


def test_not_modified_without_a_condition_is_no_file(office: Office, path: Path) -> None:
    office.answers["/a.bin"] = [(304, {})] * 3
    with pytest.raises(DownloadError, match=r"could not be fetched .HTTP 304"):
        get(office, path, if_changed=True)
    assert not path.exists()


def test_what_is_not_accepted_is_not_kept(office: Office, path: Path) -> None:
    def accept(file: Path) -> None:
        assert file.read_bytes() == CONTENT
        raise InputError("a.bin", "is no raster", "fetch it again")

    with open_session() as session, pytest.raises(InputError, match="is no raster"):
        download(session, f"{office.url}/a.bin", path, accept=accept, patience=QUICK)
    assert not list(path.parent.iterdir())


def test_whole_file_and_nothing_beside_it(office: Office, path: Path) -> None:
    assert get(office, path)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_goes_on_in_the_same_call(office: Office, path: Path) -> None:
    office.breaks["/a.bin"] = [300_000, 200_000]
    get(office, path)
    assert path.read_bytes() == CONTENT
    assert [status for _, status, _ in office.asked] == ["200", "206", "206"]
    assert office.sent < len(CONTENT) + 2 * 2**16  # what came of an unfinished chunk is asked for again


def test_goes_on_in_a_later_call_even_with_another_signature(office: Office, path: Path) -> None:
    office.breaks["/a.bin"] = [300_000, 0, 0]
    with pytest.raises(DownloadError, match="broke off after 300,000 bytes of 700,000"):
        get(office, path, query="?sig=1")
    assert not path.exists()
    before = office.sent
    get(office, path, query="?sig=2")
    assert path.read_bytes() == CONTENT
    assert office.sent - before < 500_000


def test_changed_on_the_server_starts_anew(office: Office, path: Path) -> None:
    office.breaks["/a.bin"] = [300_000, 0, 0]
    with pytest.raises(DownloadError):
        get(office, path)
    office.files["/a.bin"] = CONTENT[::-1]
    get(office, path)
    assert path.read_bytes() == CONTENT[::-1]


def test_changed_on_a_server_that_does_not_heed_if_range(office: Office, path: Path) -> None:
    office.conditions, office.breaks["/a.bin"] = False, [300_000, 0, 0]
    with pytest.raises(DownloadError):
        get(office, path)
    office.files["/a.bin"] = CONTENT[::-1]
    get(office, path)
    assert path.read_bytes() == CONTENT[::-1]
    assert [status for _, status, _ in office.asked][-2:] == ["206", "200"]


@pytest.mark.parametrize("answered", ["bytes 5-699999/700000", "pages 1-2", ""])
def test_another_range_than_asked_for_is_not_appended(office: Office, path: Path, answered: str) -> None:
    office.breaks["/a.bin"] = [300_000]
    office.answers["/a.bin"] = []
    with pytest.raises(DownloadError), open_session() as session:
        download(session, f"{office.url}/a.bin", path, patience=Patience(1, 0.0, 5.0))
    office.answers["/a.bin"] = [(206, {"Content-Range": answered})]
    get(office, path)
    assert path.read_bytes() == CONTENT
    assert [status for _, status, _ in office.asked] == ["200", "206", "200"]


def test_server_without_ranges_or_versions(office: Office, path: Path) -> None:
    office.ranges, office.breaks["/a.bin"] = False, [300_000]
    get(office, path)
    assert path.read_bytes() == CONTENT
    office.validators, office.breaks["/a.bin"] = False, [300_000]
    get(office, path)
    assert path.read_bytes() == CONTENT
    assert "Range" not in office.asked[-1][2]


def test_part_longer_than_the_file_is_not_trusted(office: Office, path: Path) -> None:
    office.breaks["/a.bin"] = [300_000, 0, 0]
    with pytest.raises(DownloadError):
        get(office, path)
    with path.with_name("a.bin.part").open("ab") as part:
        part.write(CONTENT)
    get(office, path)
    assert path.read_bytes() == CONTENT
    assert [status for _, status, _ in office.asked][-2:] == ["416", "200"]


def test_a_damaged_note_starts_anew(office: Office, path: Path) -> None:
    path.with_name("a.bin.part").write_bytes(b"rubbish")
    path.with_name("a.bin.part.json").write_text("{")
    get(office, path)
    assert path.read_bytes() == CONTENT


def test_only_if_changed(office: Office, path: Path) -> None:
    assert get(office, path, if_changed=True)
    sent = office.sent
    assert not get(office, path, if_changed=True)
    assert office.sent == sent
    office.files["/a.bin"] = b"new"
    assert get(office, path, if_changed=True)
    assert path.read_bytes() == b"new"
    path.unlink()
    assert get(office, path, if_changed=True)


def test_passing_failures_pass(office: Office, path: Path) -> None:
    office.answers["/a.bin"] = [(503, {}), (429, {"Retry-After": "0"})]
    get(office, path)
    assert path.read_bytes() == CONTENT
    office.answers["/a.bin"] = [(503, {})] * 3
    with pytest.raises(DownloadError, match="HTTP 503"):
        get(office, path)
    assert len(office.asked) == 6


REFUSALS = {404: "does not exist on the server", 403: "is not open to you", 401: "is not open", 418: "could not be"}


@pytest.mark.parametrize("status", REFUSALS)
def test_refusals_are_not_repeated(office: Office, path: Path, status: int) -> None:
    office.answers["/a.bin"] = [(status, {})] * 2
    with pytest.raises(DownloadError, match=REFUSALS[status]):
        get(office, path, query="?secret=1")
    assert len(office.asked) == 1


def test_a_long_wait_is_left_to_the_user(office: Office, path: Path) -> None:
    office.answers["/a.bin"] = [(429, {"Retry-After": "3600"})]
    with pytest.raises(DownloadError, match="try again in 60 minutes"):
        get(office, path)


def test_no_server(tmp_path: Path) -> None:
    with open_session() as session:
        with pytest.raises(UnreachableError, match=r"cannot be reached \(.*refused\)"):
            download(session, "http://127.0.0.1:1/a?key=secret", tmp_path / "a", patience=QUICK)
        for address in ("nonsense", "ftp://127.0.0.1/a", "http://[a"):
            with pytest.raises(InputError, match="http or https"):
                download(session, address, tmp_path / "a", patience=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_not_said(office: Office, path: Path) -> None:
    with open_session() as session, pytest.raises(DownloadError) as said:
        download(session, f"{office.url}/none?sig=secret", path, patience=QUICK)
    assert "secret" not in str(said.value)
    office.breaks["/a.bin"] = [300_000, 0, 0]
    with pytest.raises(DownloadError):
        get(office, path, query="?sig=secret")
    assert "secret" not in json.dumps(path.with_name("a.bin.part.json").read_text())


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_zip_takes_the_place_of_the_older_folder(tmp_path: Path) -> None:
    first = zip_of(tmp_path / "1.zip", {"R/a.000": b"1", "R/a.001": b"2"})
    second = zip_of(tmp_path / "2.zip", {"R/a.000": b"3", "R/": b""})
    unpack_zip(first, tmp_path / "out")
    unpack_zip(second, tmp_path / "out", must_hold="A.000")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").rglob("*.0*")} == {"a.000": b"3"}
    assert {file.name for file in tmp_path.iterdir()} == {"1.zip", "2.zip", "out"}


def link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("a")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return path


def damaged(path: Path) -> Path:
    data = bytearray(zip_of(path, {"a": b"A" * 1000}, zipfile.ZIP_STORED).read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    return path


def cut(path: Path) -> Path:
    path.write_bytes(zip_of(path, {"a": CONTENT}).read_bytes()[:-1000])
    return path


def text(path: Path) -> Path:
    path.write_text("<html>sign in</html>")
    return path


BAD_ZIPS = {
    "up": (lambda path: zip_of(path, {"a/../../b": b""}), "unsafe name"),
    "absolute": (lambda path: zip_of(path, {"/b": b""}), "unsafe name"),
    "drive": (lambda path: zip_of(path, {"C:/b": b""}), "unsafe name"),
    "backslash": (lambda path: zip_of(path, {"..\\b": b""}), "unsafe name"),
    "twice": (lambda path: zip_of(path, {"b": b"", "B": b""}), "twice"),
    "link": (link, "is a link"),
    "many": (lambda path: zip_of(path, {str(n): b"" for n in range(101)}), "unpacks to 101 files"),
    "bomb": (lambda path: zip_of(path, {"a": bytes(3_000_000)}), "unpacks to 1 files of 3,000,000 bytes"),
    "damaged": (damaged, "is damaged .Bad CRC-32"),
    "cut": (cut, "is not a whole zip"),
    "text": (text, "is not a whole zip"),
    "other": (lambda path: zip_of(path, {"b": b""}), "does not hold a.000"),
    "none": (lambda path: path, "is not a whole zip"),
}


def test_names_as_other_programs_write_them(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"./a.txt": b"1", "in\\b.txt": b"2", "././in/c.txt": b"3"})
    out = unpack_zip(path, tmp_path / "out")
    found = {file.relative_to(out).as_posix(): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert found == {"a.txt": b"1", "in/b.txt": b"2", "in/c.txt": b"3"}


@pytest.mark.parametrize("kind", BAD_ZIPS)
def test_bad_zips_leave_all_as_it_was(tmp_path: Path, kind: str) -> None:
    make, message = BAD_ZIPS[kind]
    out = tmp_path / "in" / "out"
    out.mkdir(parents=True)
    (out / "old").write_text("old")
    bad = make(tmp_path / "bad.zip")
    with pytest.raises(InputError, match=message):
        unpack_zip(bad, out, most_files=100, most_bytes=2_000_000, must_hold="a.000" if kind == "other" else None)
    assert [file.relative_to(tmp_path).as_posix() for file in sorted((tmp_path / "in").rglob("*"))] == [
        "in/out",
        "in/out/old",
    ]
    assert {file.name for file in tmp_path.iterdir()} <= {"in", "bad.zip"}


def test_an_outermost_folder_is_left_out_if_all_is_in_it(tmp_path: Path) -> None:
    for files, kept in (({"out/a": b"", "out/b/c": b""}, {"a", "b/c"}), ({"out/a": b"", "b": b""}, {"out/a", "b"})):
        unpack_zip(zip_of(tmp_path / "a.zip", files), tmp_path / "out", within="out")
        found = {
            file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*") if file.is_file()
        }
        assert found == kept


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_a_size_that_is_known_is_held_to(office: Office, path: Path, size: int) -> None:
    with open_session() as session:
        with pytest.raises(DownloadError, match=f"has 700,000 instead of {size:,} bytes"):
            download(session, f"{office.url}/a.bin", path, size=size, patience=QUICK)
        assert list(path.parent.iterdir()) == []
        assert office.sent <= len(CONTENT)
        assert download(session, f"{office.url}/a.bin", path, size=len(CONTENT), patience=QUICK)
    assert path.read_bytes() == CONTENT


def test_a_look_comes_before_anything_is_written(office: Office, path: Path) -> None:
    seen: list[tuple[int, bytes]] = []

    def look(status: int, _: str, head: bytes) -> None:
        seen.append((status, head))
        if head == b"no":
            raise DownloadError("a.bin", "is no file", "ask again")

    office.breaks["/a.bin"] = [300_000]
    with open_session() as session:
        with pytest.raises(DownloadError, match="broke off"):
            download(session, f"{office.url}/a.bin", path, look=look, patience=Patience(1, 0.0, 5.0))
        part = path.with_name("a.bin.part").read_bytes()
        office.files["/a.bin"] = b"no"
        with pytest.raises(DownloadError, match="is no file"):
            download(session, f"{office.url}/a.bin", path, look=look, patience=QUICK)
        assert path.with_name("a.bin.part").read_bytes() == part
        office.files["/a.bin"] = CONTENT
        download(session, f"{office.url}/a.bin", path, look=look, patience=QUICK)
    assert path.read_bytes() == CONTENT
    assert [status for status, _ in seen] == [200, 200]
    assert CONTENT.startswith(seen[0][1])


def test_documents_kept_in_memory(office: Office) -> None:
    def ask(path: str) -> object:
        with open_session() as session:
            return read_json(session, f"{office.url}{path}?key=secret", patience=QUICK)

    office.files |= {"/a.json": b'{"token": "t"}', "/b.json": b"<html>", "/c.json": b'"' + bytes(2**26) + b'"'}
    office.answers["/a.json"] = [(503, {"Retry-After": "0"}), (500, {})]
    office.breaks["/a.json"] = [3]
    with pytest.raises(DownloadError, match="broke off"):
        ask("/a.json")
    assert ask("/a.json") == {"token": "t"}
    for path, said in (
        ("/b.json", r"/b.json did not answer with JSON"),
        ("/c.json", r"/c.json is larger than 67,108,864 bytes"),
        ("/none.json", r"/none.json does not exist on the server"),
    ):
        with pytest.raises(DownloadError, match=said) as error:
            ask(path)
        assert "secret" not in str(error.value)
    with pytest.raises(UnreachableError), open_session() as session:
        read_json(session, "http://127.0.0.1:1/a.json", patience=QUICK)
