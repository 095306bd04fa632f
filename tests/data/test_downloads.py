"""Downloads from a real HTTP server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from bench.data.downloads import RemoteFile, fetch
from bench.errors import DataError

CONTENT = bytes(range(256)) * 400
PACKED = gzip.compress(CONTENT)
NAME = "numbers.gz"


class Server:
    """Serves ``pages`` (bytes, or a status) by path; records the requested paths."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                page = outer.pages.get(self.path, 404)
                if isinstance(page, int):
                    self.send_error(page)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    for name in ("BENCH_DATA_DIR", "BENCH_DATA_MIRROR", *proxies):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def file_at(*urls: str) -> RemoteFile:
    return RemoteFile(NAME, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), urls, companions=("letters.gz",))


def test_the_third_mirror_serves_when_one_is_gone_and_one_is_truncated(server: Server, cache: Path) -> None:
    server.pages = {"/b": PACKED[: len(PACKED) // 2], "/c": PACKED}
    assert fetch(file_at(*(f"{server.url}/{letter}" for letter in "abc"))) == CONTENT
    assert server.asked == ["/a", "/b", "/c"]
    assert [path.name for path in cache.iterdir()] == [NAME]


def test_the_second_time_comes_from_the_cache(server: Server) -> None:
    server.pages = {"/a": PACKED}
    file = file_at(f"{server.url}/a")
    assert fetch(file) == fetch(file) == CONTENT
    assert server.asked == ["/a"]


@pytest.mark.parametrize("page", [gzip.compress(CONTENT, 1), CONTENT], ids=["packed otherwise", "not packed"])
def test_only_the_content_counts_not_the_wrapper(server: Server, page: bytes) -> None:
    server.pages = {"/a": page}
    assert page != PACKED
    assert fetch(file_at(f"{server.url}/a")) == CONTENT


def test_bench_data_mirror_is_asked_first(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pages = {f"/near/{NAME}": PACKED, "/a": PACKED}
    monkeypatch.setenv("BENCH_DATA_MIRROR", f"{server.url}/near/")
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert server.asked == [f"/near/{NAME}"]


def test_a_damaged_cached_file_is_fetched_again(server: Server, cache: Path) -> None:
    server.pages = {"/a": PACKED}
    cache.mkdir()
    (cache / NAME).write_bytes(PACKED[:-20])
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert (cache / NAME).read_bytes() == PACKED


def test_a_wrong_file_is_neither_returned_nor_kept(server: Server, cache: Path) -> None:
    other = gzip.compress(b"something else")
    server.pages = {"/a": other}
    with pytest.raises(DataError) as error:
        fetch(file_at(f"{server.url}/a"))
    assert hashlib.sha256(b"something else").hexdigest() in str(error.value)
    assert hashlib.sha256(CONTENT).hexdigest() in str(error.value)
    assert not cache.exists()


def test_offline_the_error_names_every_url_why_it_failed_and_what_to_put_where(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages = {"/truncated": PACKED[:100]}
    dead = "http://127.0.0.1:9/x"  # nothing listens at the discard port
    monkeypatch.setenv("BENCH_DATA_MIRROR", "http://nowhere.invalid")
    with pytest.raises(DataError) as error:
        fetch(file_at(dead, f"{server.url}/gone", f"{server.url}/truncated"))
    mirror_line, dead_line, gone_line, truncated_line, advice = str(error.value).split("\n")[1:]
    assert f"http://nowhere.invalid/{NAME}: cannot be reached" in mirror_line
    assert f"{dead}: cannot be reached" in dead_line
    assert "refused" in dead_line
    assert f"{server.url}/gone: HTTP 404" in gone_line
    assert f"{server.url}/truncated: damaged or truncated, 100 bytes" in truncated_line
    assert all(word in advice for word in (NAME, "letters.gz", "BENCH_DATA_DIR"))
    assert "HTTPConnection" not in str(error.value)  # the reason, not the stack of wrappers around it


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("bench.data.transfer.TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(DataError, match=f"{url}: no answer in time"):
            fetch(file_at(url))


@pytest.mark.parametrize("name", [NAME, "numbers"], ids=["packed", "unpacked"])
def test_bench_data_dir_comes_before_cache_and_mirrors(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(PACKED if name == NAME else CONTENT)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert server.asked == []


def test_a_file_that_bench_data_dir_lacks_is_downloaded(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages = {"/a": PACKED}
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    server.pages = {}
    with pytest.raises(DataError, match=f"put it into the folder {tmp_path}, which BENCH_DATA_DIR names"):
        fetch(RemoteFile("other.gz", "0", 3, (f"{server.url}/a",)))


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (PACKED[:-100], "damaged or truncated"),
        (b"", "damaged or another file: SHA-256 of its content is e3b0c442"),
        (gzip.compress(CONTENT[:-1]), f"expected {hashlib.sha256(CONTENT).hexdigest()}"),
    ],
    ids=["truncated", "empty", "another"],
)
def test_a_damaged_file_in_bench_data_dir_is_an_error_not_passed_over(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bytes, said: str
) -> None:
    server.pages = {"/a": PACKED}
    (tmp_path / NAME).write_bytes(damaged)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError) as error:
        fetch(file_at(f"{server.url}/a"))
    assert said in str(error.value)
    assert str(tmp_path / NAME) in str(error.value)
    assert "Replace it" in str(error.value)
    assert server.asked == []


def test_bench_data_dir_must_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path / "mistyped"))
    with pytest.raises(DataError, match=r"BENCH_DATA_DIR must name a folder .*mistyped"):
        fetch(file_at())


def test_a_cache_that_cannot_be_written_costs_only_a_warning(
    server: Server, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file where the folder should be")
    server.pages = {"/a": PACKED}
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert "BENCH_CACHE_DIR" in caplog.text


def test_nothing_is_printed(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    server.pages = {"/a": PACKED}
    fetch(file_at(f"{server.url}/a"))
    assert capfd.readouterr() == ("", "")


def test_concurrent_processes_all_get_the_whole_file(server: Server, cache: Path) -> None:
    server.pages = {"/a": PACKED}
    get_reusable_executor().shutdown(wait=True, kill_workers=True)  # joblib would reuse the pool of another test
    fetched = Parallel(n_jobs=4, backend="loky")(delayed(fetch)(file_at(f"{server.url}/a")) for _ in range(8))
    assert fetched == [CONTENT] * 8
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert (cache / NAME).read_bytes() == PACKED


def test_a_reader_never_sees_half_a_file(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pages = {"/a": PACKED}
    seen: list[list[str]] = []
    rename = Path.replace

    def watched(source: Path, target: Path) -> Path:
        seen.append([path.name for path in cache.iterdir()])
        assert source.read_bytes() == PACKED  # complete before it gets its name
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", watched)
    fetch(file_at(f"{server.url}/a"))
    assert len(seen) == 1
    assert NAME not in seen[0]


@pytest.mark.data
def test_the_real_files_load_from_a_mirror_and_then_from_the_cache(
    server: Server, data_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch  # here, so that the worker processes above start quickly

    from bench import seeds
    from bench.datasets.freyface import FreyFace
    from bench.datasets.mnist import MNIST

    paths = [path for path in data_dir.iterdir() if path.suffix in {".gz", ".mat"}]
    server.pages = {f"/{path.name}": path.read_bytes() for path in paths}
    monkeypatch.setenv("BENCH_DATA_MIRROR", server.url)
    first = MNIST().load(seeds.generator(0)), FreyFace().load(seeds.generator(0))
    assert len(server.asked) == 5
    again = MNIST().load(seeds.generator(0)), FreyFace().load(seeds.generator(0))
    assert len(server.asked) == 5
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.x_train, other.x_train)


def test_without_a_home_nothing_is_kept_and_nothing_is_lost(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("BENCH_CACHE_DIR")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: Path("~/.cache") / name)  # as it is without a home
    monkeypatch.chdir(tmp_path)
    server.pages = {"/a": PACKED}
    assert fetch(file_at(f"{server.url}/a")) == CONTENT
    assert "set BENCH_CACHE_DIR to a folder" in caplog.text
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("variable", ["BENCH_DATA_DIR", "BENCH_CACHE_DIR"])
def test_a_folder_of_an_unknown_user(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "~nobody-of-this-name/data")
    with pytest.raises(DataError, match=f"{variable} must name a folder: .*write the path without '~'"):
        fetch(file_at())


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_what_is_no_file_in_bench_data_dir_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / NAME
    {"pipe": os.mkfifo, "folder": Path.mkdir, "link": lambda link: link.symlink_to("nothing")}[kind](path)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"numbers.gz \(found through BENCH_DATA_DIR\) cannot be used: it is no file"):
        fetch(file_at())


def test_a_server_that_sends_too_much_is_given_up(server: Server, cache: Path) -> None:
    server.pages = {"/a": bytes(4 * len(CONTENT) + 2**20), "/b": gzip.compress(bytes(50 * len(CONTENT)))}
    with pytest.raises(DataError) as error:
        fetch(file_at(f"{server.url}/a", f"{server.url}/b"))
    assert "/a: damaged or another file: it has more than 1,253,376 bytes" in str(error.value)
    assert "it unpacks to more than the 102,400 bytes" in str(error.value)
    assert not cache.exists()
