"""Addresses at which no cluster is: one message, within seconds, whatever is there instead."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bench.errors import OptionError
from bench.execution.remote import dask_scheduler, ray_cluster

REFUSED = b"HTTP/1.1 400 Bad Request\r\n\r\n"


@contextmanager
def listening(answer: bytes = b"") -> Iterator[str]:
    """The address of a program that gives everybody this answer, and then says nothing any more."""
    kept = []

    def serve(server: socket.socket) -> None:
        try:
            while True:
                kept.append(server.accept()[0])
                kept[-1].sendall(answer)
        except OSError:  # it is closed
            return

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=serve, args=[server], daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for connection in kept:
        connection.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "JSONDecodeError"),
        ("[1]", "TypeError"),
        ('{"id": 1}', "KeyError: 'address'"),
        ("\x80", "Unicode"),
    ],
)
def test_a_file_that_no_scheduler_has_written(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(content, "latin-1")
    with pytest.raises(OptionError, match=rf"is not a scheduler file of Dask \({words}.*--scheduler-file"):
        dask_scheduler.client_of(str(tmp_path / "file.json"))


@pytest.mark.parametrize("scheme", ["ucx", "tls", "inproc", "http"])
def test_a_transport_that_cannot_be_used(scheme: str) -> None:
    with pytest.raises(OptionError, match=rf"No Dask scheduler answers at '{scheme}://127.0.0.1:1' \(.+\): start one"):
        dask_scheduler.client_of(f"{scheme}://127.0.0.1:1", 0.5)


@pytest.mark.parametrize("answer", [b"", REFUSED])
def test_another_program_in_place_of_a_dask_scheduler(answer: bytes) -> None:
    with listening(answer) as address, pytest.raises(OptionError, match=r"No Dask scheduler answers at .* \(.+\): st"):
        dask_scheduler.client_of(f"tcp://{address}", 0.5)


def test_another_server_of_dask() -> None:
    """The address of a worker, for instance."""
    import asyncio

    from distributed.core import Server

    async def ask() -> str:
        server = Server({})
        await server.listen("tcp://127.0.0.1:0")
        why = await asyncio.to_thread(reason, server.address)
        await server.close()
        return why

    def reason(address: str) -> str:
        with pytest.raises(OptionError) as error:
            dask_scheduler.client_of(address, 5.0)
        return str(error.value)

    assert "there is a Server of Dask, not a scheduler: correct --scheduler" in asyncio.run(ask())


@pytest.mark.parametrize(("answer", "words"), [(b"", "timed out"), (REFUSED, "another program listens there")])
def test_another_program_in_place_of_a_ray_cluster(answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's dashboard, for instance."""
    monkeypatch.setattr(ray_cluster, "CONNECT_SECONDS", 0.5)
    with (
        listening(answer) as address,
        pytest.raises(OptionError, match=rf"Cannot join a Ray cluster at '{address}' \({words}.*correct --address"),
    ):
        ray_cluster.join(address)
