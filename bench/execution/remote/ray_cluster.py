"""Joining a Ray cluster."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from bench.errors import OptionError
from bench.execution.remote.backend import extra
from bench.values.texts import quoted

CONNECT_SECONDS = 15
NO_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # the frame of HTTP/2 that both sides send first; its type is 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NO_SETTINGS

PRINTER = "print_to_stdstream"  # Ray's own function that prints
_printers: dict[str, object] = {}  # Ray's, once it is replaced


def join(address: str) -> bool:
    """Join the cluster, or a new one on this machine if the address is empty; False if the caller has joined one.

    Raises OptionError if that is not possible.
    """
    if ray().is_initialized():
        return False
    try:
        _knock(address)
        with _signals_kept():
            ray().init(address=address or "local", logging_level="error", log_to_driver=False)
        _print_by(_nothing)
    except Exception as error:  # the type depends on what is at the address instead of a cluster
        where = f"Cannot join a Ray cluster at {quoted(address)}" if address else "Ray does not start on this machine"
        cure = (
            "start one with `ray start --head`, correct --address, which is auto or HOST:6379, or set "
            "RAY_AUTH_MODE=token if the cluster asks for a token, as those of recent versions of Ray do"
            if address
            else ("correct what it complains about, or join a cluster: --address HOST:6379")
        )
        raise OptionError(f"{where} ({str(error) or type(error).__name__}): {cure}.") from error
    return True


def leave() -> None:
    """The opposite of `join`."""
    ray().shutdown()
    _print_by(None)


def shortage(needs: Mapping[str, float]) -> str:
    """Return the resources that a trial needs but no single node has; empty if a node has them, whether free or not."""
    nodes = [each["Resources"] for each in ray().nodes() if each["Alive"]]
    if any(all(node.get(name, 0) >= needed for name, needed in needs.items()) for node in nodes):
        return ""
    most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in needs}
    return (
        f"a trial needs {_in_words(needs)} on one node of Ray, and no node has more than "
        f"{_in_words({name: most[name] for name, needed in needs.items() if needed}, zeros=True)}: lower "
        "--threads or `gpus` of ray, or add a node"
    )


def _in_words(resources: Mapping[str, float], *, zeros: bool = False) -> str:
    """``7 CPUs and 1 GPU``."""
    named = {name: number for name, number in resources.items() if number or zeros}
    return " and ".join(f"{number:g} {name}{'' if number == 1 else 's'}" for name, number in named.items())


def _knock(address: str) -> None:
    """Raise OSError if no Ray server listens at an address of the form HOST:PORT, since Ray itself would retry forever.

    Its servers, like all of gRPC, speak HTTP/2, unlike its dashboard.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        return
    with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS) as connection:
        if os.environ.get("RAY_USE_TLS", "0").lower() in ("", "0", "false"):
            connection.sendall(PREFACE)
            if connection.recv(len(NO_SETTINGS))[3:4] != NO_SETTINGS[3:4]:
                raise OSError("another program listens there; Ray's dashboard has another port than its cluster")


def _print_by(function: Callable[..., None] | None) -> None:
    """Make Ray print reports of its servers with this function, or restore Ray's own.

    Ray prints the last lines of a lost node's log in the middle of the progress display, and has no option to disable
    this.
    """
    worker = import_module("ray._private.worker")
    _printers.setdefault(PRINTER, getattr(worker, PRINTER, _nothing))
    setattr(worker, PRINTER, function or _printers[PRINTER])


def _nothing(*_: object, **__: object) -> None:
    """Print nothing."""


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Restore the signal handlers after this block, since Ray would handle SIGTERM instead of the command."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


@cache
def ray() -> Any:
    """Import the library; raises OptionError if it is not installed."""
    return extra("ray", "ray")
