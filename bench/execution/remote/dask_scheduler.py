"""Reaching a Dask scheduler."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from bench.errors import OptionError, in_words
from bench.execution.remote.backend import extra
from bench.values.texts import quoted

CONNECT_SECONDS = 15
SCHEDULER = "Scheduler"  # the name by which it identifies itself


def client_of(given: str, seconds: float = CONNECT_SECONDS) -> Any:
    """Return a client of the scheduler at an address, or of the scheduler that wrote the given file.

    Raises OptionError if none answers within ``seconds``.
    """
    address = _address(given)
    try:
        with ThreadPoolExecutor(1) as thread:  # the caller's thread may already run an event loop, as in a notebook
            kind = thread.submit(asyncio.run, _kind(address, seconds)).result()
        client = distributed().Client(address, timeout=seconds, set_as_default=False) if kind == SCHEDULER else None
    except Exception as error:  # the type depends on what is at the address instead of a scheduler
        why = str(error) or f"{type(error).__name__} after {seconds} s"
        raise OptionError(
            f"No Dask scheduler answers at {quoted(given)} ({why}): start one, or correct --scheduler, an address such "
            "as tcp://HOST:8786 or the path of a scheduler file."
        ) from error
    if client is None:
        raise OptionError(f"At {quoted(given)} there is a {kind} of Dask, not a scheduler: correct --scheduler.")
    return client


def _address(given: str) -> str:
    """Return the given address, or the address in the given file."""
    if not os.path.isfile(given):  # noqa: PTH113  # unlike Path.is_file, it accepts texts of any length
        return given
    try:
        return str(json.loads(Path(given).read_bytes())["address"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OptionError(
            f"{quoted(given)} is not a scheduler file of Dask ({in_words(error)}): `dask scheduler --scheduler-file "
            "FILE` writes one."
        ) from error


async def _kind(address: str, seconds: float) -> str:
    """Return the type of server at an address, in Dask's terms; without a server, a client would wait forever."""
    arguments = distributed().security.Security().get_connection_args("client")
    async with distributed().rpc(address, timeout=seconds, connection_args=arguments) as remote:
        identity = await asyncio.wait_for(remote.identity(), seconds)
    return str(identity["type"])


@cache
def distributed() -> Any:
    """Import the library; raises OptionError if it is not installed."""
    return extra("distributed", "dask")
