"""Files of real formats, and a mirror on this machine that serves them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """``mirror(folder)`` serves a folder as BENCH_DATA_MIRROR, which is then the only place that has data."""
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    servers: list[ThreadingHTTPServer] = []

    def serve(folder: Path) -> None:
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}).start()
        monkeypatch.setenv("BENCH_DATA_MIRROR", f"http://127.0.0.1:{servers[-1].server_address[1]}")

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
