"""Downloads that travel to a node keep their places, so that data sets with files of the same names stay apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.data import downloads
from bench.data.downloads import RemoteFile, fetch
from bench.execution.backend import Workers
from bench.execution.portable import TaskFiles
from bench.execution.remote.cache import provide_downloads
from bench.execution.remote.payload import FileIndex, pack


@dataclass(frozen=True)
class Reading:
    """A task that reads downloads."""

    root: Path
    read: tuple[Path, ...]

    @property
    def files(self) -> TaskFiles:
        return TaskFiles(self.root, Path("trials/a"), "status", downloads=self.read)

    def moved(self, root: Path) -> Reading:
        return Reading(root, self.read)


@pytest.mark.parametrize("variable", ["BENCH_DATA_DIR", "BENCH_CACHE_DIR"])
def test_two_files_of_one_name_arrive_at_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setattr(downloads, "_read", {})
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "here"))
    contents = {"": b"flat", "first": b"one", "second": b"two"}
    files = [RemoteFile("x", hashlib.sha256(b).hexdigest(), len(b), (), folder=each) for each, b in contents.items()]
    for file, content in zip(files, contents.values(), strict=True):
        path = tmp_path / "here" / file.place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        assert fetch(file) == content
    index = FileIndex()
    payload = pack("a", str, Reading(tmp_path, downloads.read()), Workers(count=1), index)
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "node"))
    provide_downloads(payload.downloads, lambda sha256: index.content(sha256) or b"")
    assert [fetch(file) for file in files] == list(contents.values())
