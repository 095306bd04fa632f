"""Servers that crawl, hang, cut off, redirect, or send something else, and how a download goes on."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from bench.data import transfer
from bench.data.downloads import RemoteFile, fetch
from bench.errors import DataError

CONTENT = np.random.default_rng(0).bytes(20_000)  # which hardly packs
FILE = gzip.compress(CONTENT)
NAME = "numbers.gz"


@dataclass
class Page:
    """How a path is answered: with ``content``, of which each answer sends only ``first`` bytes if that is given."""

    content: bytes = FILE
    first: int | None = None
    ranges: bool = True  # whether the server can continue
    shift: int = 0  # by how many bytes a continuation begins too late
    pause: float = 0  # seconds after each piece
    piece: int = 1  # bytes
    hang: float = 0  # seconds after the last byte
    to: str = ""  # another address
    chunked: bool = False


@dataclass
class Asked:
    """A request: its path, and the first byte that it is for."""

    path: str
    start: int


@dataclass
class Server:
    """Answers by ``pages`` and records what it was asked for."""

    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            server.asked.append(Asked(self.path, start))
            self.close_connection = True
            if self.path not in server.pages:
                self.send_error(404)
                return
            page = server.pages[self.path]
            if page.to:
                self.send_response(302)
                self.send_header("Location", page.to)
                self.send_header("Connection", "close")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_content(page, start if page.ranges else 0)

        def send_content(self, page: Page, start: int) -> None:
            size = len(page.content)
            if start >= size > 0:
                self.send_error(416)
                return
            start = start and start + page.shift
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            if page.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(size - start))
            self.end_headers()
            body = page.content[start:][: page.first]
            for piece in [body[i : i + page.piece] for i in range(0, len(body), page.piece)] if page.pause else [body]:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if page.chunked else piece)
                self.wfile.flush()
                time.sleep(page.pause)
            if page.chunked and start + len(body) == size:
                self.wfile.write(b"0\r\n\r\n")
            time.sleep(page.hang)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True  # none is waited for while it hangs
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has left is no error here."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    http = QuietServer(("127.0.0.1", 0), handler(server))
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("BENCH_DATA_DIR", "BENCH_DATA_MIRROR", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def file_at(*urls: str, packed_sha256: str = "", folder: str = "") -> RemoteFile:
    sha256 = "" if packed_sha256 else hashlib.sha256(CONTENT).hexdigest()
    return RemoteFile(NAME, sha256, len(CONTENT), urls, packed_sha256=packed_sha256, folder=folder)


def reason(fetched: Callable[[], object]) -> str:
    """The line about the first mirror in the message, without its address."""
    with pytest.raises(DataError) as error:
        fetched()
    line = str(error.value).split("\n")[1]
    return line.split(": ", 1)[1]


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_cut_off_goes_on_from_there(server: Server, cache: Path, chunked: bool) -> None:
    server.pages["/a"] = Page(first=len(FILE) // 3, chunked=chunked)
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    third = len(FILE) // 3
    assert [each.start for each in server.asked] == [0, third, 2 * third, 3 * third][: len(server.asked)]
    assert len(server.asked) >= 3
    assert [path.name for path in cache.iterdir()] == [NAME]  # and no part is left


def test_a_server_that_cannot_continue_is_asked_for_all_of_it_and_then_left(server: Server) -> None:
    server.pages = {"/a": Page(first=500, ranges=False), "/b": Page()}
    assert fetch(file_at(f"{server.url}/a", f"{server.url}/b")) == CONTENT
    assert [(each.path, each.start) for each in server.asked] == [("/a", 0), ("/a", 500), ("/b", 0)]


def test_the_reason_says_how_much_has_come_and_what_becomes_of_it(server: Server, cache: Path) -> None:
    server.pages["/a"] = Page(first=500, ranges=False)
    with pytest.raises(DataError) as error:
        fetch(file_at(f"{server.url}/a"))
    assert f"/a: cut off after 500 of {len(FILE):,} bytes" in str(error.value)
    assert "What has come is kept: the same command continues from there." in str(error.value)
    assert [path.suffix for path in cache.iterdir()] == [".part"]


def test_the_next_command_continues_where_the_last_one_stopped(server: Server, cache: Path) -> None:
    server.pages["/a"] = Page(first=len(FILE) // 100)
    with pytest.raises(DataError):
        fetch(file_at(f"{server.url}/a"))
    held = transfer.ATTEMPTS * (len(FILE) // 100)
    server.pages["/a"] = Page()
    server.asked.clear()
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert server.asked == [Asked("/a", held)]
    assert [path.name for path in cache.iterdir()] == [NAME]


@pytest.mark.parametrize("size", [1.0, 0.3])
def test_parts_of_an_older_file_are_dropped(server: Server, size: float) -> None:
    """A file that was replaced at the server meanwhile, by another or by a shorter one."""
    longer = FILE + bytes(range(256)) * 30
    server.pages["/a"] = Page(longer[::-1], first=int(size * len(FILE) / 10) + 50)
    with pytest.raises(DataError):
        fetch(file_at(f"{server.url}/a"))
    server.pages["/a"] = Page()
    assert fetch(file_at(f"{server.url}/a")) == CONTENT


def test_parts_that_are_longer_than_the_file_are_dropped(server: Server) -> None:
    server.pages["/a"] = Page(bytes(10 * len(FILE)), first=2 * len(FILE), ranges=False)
    with pytest.raises(DataError, match="cut off"):
        fetch(file_at(f"{server.url}/a"))
    server.pages["/a"] = Page()
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert server.asked[-2:] == [Asked("/a", 2 * len(FILE)), Asked("/a", 0)]


def test_a_continuation_at_another_place_is_not_used(server: Server) -> None:
    server.pages["/a"] = Page(first=200, shift=3)
    assert "continued at another place" in reason(lambda: fetch(file_at(f"{server.url}/a")))
    server.pages["/a"] = Page()
    assert fetch(file_at(f"{server.url}/a")) == CONTENT


# Patience in these tests is a second or more: a busy machine may pause a server that is not meant to be slow.
def test_a_server_that_crawls_is_given_up_for_the_next(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (5, 1))
    server.pages = {"/slow": Page(pause=0.05, piece=20), "/b": Page()}
    began = time.monotonic()
    assert fetch(file_at(f"{server.url}/slow", f"{server.url}/b")) == CONTENT
    assert len(FILE) / 20 * 0.05 > 40  # seconds for all of it
    assert time.monotonic() - began < 20


def test_a_slow_server_is_said_to_be_slow(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (5, 1))
    server.pages["/slow"] = Page(pause=0.05, piece=20)
    words = reason(lambda: fetch(file_at(f"{server.url}/slow")))
    assert words.startswith("too slow: ")
    assert words.endswith(" s")


def test_slow_but_steady_is_fast_enough(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than the time to wait for single bytes, and not below the least speed."""
    monkeypatch.setattr(transfer, "TIMEOUT", (5, 1.5))
    monkeypatch.setattr(transfer, "SLOWEST", 10)
    server.pages["/slow"] = Page(pause=0.15, piece=1500)
    began = time.monotonic()
    assert fetch(file_at(f"{server.url}/slow")) == CONTENT
    assert time.monotonic() - began > 1.5


def test_a_server_that_hangs_in_the_middle_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (5, 1))
    server.pages["/a"] = Page(first=500, hang=30)
    assert reason(lambda: fetch(file_at(f"{server.url}/a"))) == f"no answer in time after 500 of {len(FILE):,} bytes"


def test_redirects_are_followed(server: Server) -> None:
    server.pages = {"/a": Page(to="/b"), "/b": Page(to=f"{server.url}/c"), "/c": Page(first=len(FILE) // 2 + 1)}
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert [each.path for each in server.asked] == ["/a", "/b", "/c"] * 2
    assert server.asked[-1].start == len(FILE) // 2 + 1


@pytest.mark.parametrize(
    ("to", "words"), [("/a", "30 redirects"), ("/gone", "HTTP 404 Not Found"), ("file:///etc/hostname", "file:")]
)
def test_redirects_that_lead_nowhere(server: Server, to: str, words: str) -> None:
    server.pages["/a"] = Page(to=to)
    assert words in reason(lambda: fetch(file_at(f"{server.url}/a")))


def test_a_page_in_place_of_the_file_is_called_one(server: Server, cache: Path) -> None:
    """As networks with a login send."""
    server.pages = {"/a": Page(to="/login"), "/login": Page(b"\n<!DOCTYPE html><html>Log in</html>")}
    assert reason(lambda: fetch(file_at(f"{server.url}/a"))) == "damaged or truncated, 35 bytes of a web page"
    assert not cache.exists()


def test_a_file_whose_own_hash_is_published(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_at(f"{server.url}/a", packed_sha256=hashlib.sha256(FILE).hexdigest())
    server.pages["/a"] = Page(gzip.compress(CONTENT, 1))  # the same content, packed otherwise
    assert "SHA-256 of it is" in reason(lambda: fetch(file))
    server.pages["/a"] = Page()
    assert fetch(file) == CONTENT
    (tmp_path / "numbers").write_bytes(CONTENT)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"\(that of numbers.gz as it is published, packed\)"):
        fetch(file)


def test_a_folder_keeps_files_of_the_same_name_apart(
    server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RemoteFile(NAME, hashlib.sha256(b"other").hexdigest(), 5, (f"{server.url}/b",), folder="others")
    server.pages = {"/a": Page(), "/b": Page(b"other"), "/mirror/others/numbers.gz": Page(b"other")}
    assert (fetch(file_at(f"{server.url}/a")), fetch(other)) == (CONTENT, b"other")
    assert {str(path.relative_to(cache)) for path in cache.rglob("*.gz")} == {NAME, f"others/{NAME}"}
    (cache / "others" / NAME).unlink()
    monkeypatch.setenv("BENCH_DATA_MIRROR", f"{server.url}/mirror")
    assert fetch(other) == b"other"
    assert server.asked[-1].path == "/mirror/others/numbers.gz"
    data = tmp_path / "data"
    (data / "others").mkdir(parents=True)
    (data / "others" / NAME).write_bytes(b"other")
    monkeypatch.setenv("BENCH_DATA_DIR", str(data))
    server.asked.clear()
    assert fetch(other) == b"other"
    assert server.asked == []


def test_the_advice_names_the_folder(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_at(f"{server.url}/a", folder="others")
    with pytest.raises(DataError) as error:
        fetch(file)
    expected = "put it into a folder called others, and set BENCH_DATA_DIR to the folder that this one is in."
    assert str(error.value).endswith(expected)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError) as error:
        fetch(file)
    assert f"put it into the folder {tmp_path / 'others'}, in that which BENCH_DATA_DIR names" in str(error.value)
