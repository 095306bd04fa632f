"""Receives a file by HTTP: continues one that was cut off, and gives up a server that hangs or crawls."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from bench.errors import DataError

if TYPE_CHECKING:
    from requests import Response

TIMEOUT = (5.0, 30.0)  # seconds to connect, and to wait for the next bytes: a machine without network fails fast
SLOWEST = 5_000  # bytes per second, over TIMEOUT[1] seconds: below that, another mirror is tried
ATTEMPTS = 10  # at one server, as long as each brings more of the file
PIECE = 1 << 16  # bytes read at once, at most
RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
# The file as it lies at the server, not packed once more on the way: a part of it can then be continued.
HEADERS = {"User-Agent": "aevb-bench", "Accept-Encoding": "identity"}


class _CutOffError(Exception):
    """The connection ended before the end of the file; the message says how."""


class Transfer:
    """A file to be received from ``url``: at most ``limit`` bytes, of which ``received`` are already here.

    ``was_resumed`` says whether the bytes of an earlier transfer are part of the file.
    """

    def __init__(self, url: str, limit: int, received: bytes = b"") -> None:
        """Nothing is requested yet."""
        self.url = url
        self.limit = limit
        self.received = bytearray(received)
        self.was_resumed = False
        self._from_before = len(received)
        self._size: int | None = None  # of the whole file, if the server says it

    def run(self) -> bytes:
        """Return the file's bytes; raises DataError with only the reason on failure, and keeps the received bytes."""
        reason = ""
        for _ in range(ATTEMPTS):
            held = len(self.received)
            try:
                self._receive()
                return bytes(self.received)
            except _CutOffError as error:
                reason = str(error)
                if len(self.received) == held:  # another attempt would bring no more
                    break
        raise DataError(reason)

    def _receive(self) -> None:
        """One request for the rest of the file."""
        import requests
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        headers = HEADERS | ({"Range": f"bytes={len(self.received)}-"} if self.received else {})
        try:
            with requests.get(self.url, headers=headers, timeout=TIMEOUT, stream=True) as response:
                self._begin(response)
                self._read(response)
        except requests.RequestException as error:
            raise DataError(_why(error)) from error
        except ReadTimeoutError as error:
            raise DataError(f"no answer in time after {self._held}") from error
        except (HTTPError, OSError) as error:
            raise _CutOffError(f"cut off after {self._held}") from error
        if self._size is not None and len(self.received) < self._size:
            raise _CutOffError(f"cut off after {self._held}")

    @property
    def _held(self) -> str:
        """How much is here, in words."""
        return f"{len(self.received):,}{f' of {self._size:,}' if self._size else ''} bytes"

    def _begin(self, response: Response) -> None:
        """Determine the size of the whole file; received bytes are dropped if the response does not continue them."""
        held, begins = len(self.received), RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if held and response.status_code == 416:  # there is nothing from there on: it was another file
            self.received.clear()
            raise _CutOffError("no more than what was there")
        response.raise_for_status()
        if response.status_code == 206 and (begins is None or int(begins[1]) != held):
            self.received.clear()
            raise _CutOffError(f"continued at another place ({response.headers.get('Content-Range')})")
        if response.status_code != 206:  # the server sends all of it
            self.received.clear()
        elif self._from_before:
            self.was_resumed = True
        length = response.headers.get("Content-Length", "")
        self._size = len(self.received) + int(length) if length.isdecimal() else None
        self._check_size(self._size or 0)

    def _read(self, response: Response) -> None:
        """Receive the rest; raises DataError if it is too large or too slow."""
        since, held = time.monotonic(), len(self.received)
        while piece := response.raw.read1(PIECE, decode_content=False):
            self.received += piece
            self._check_size(len(self.received))
            seconds = time.monotonic() - since
            if seconds >= TIMEOUT[1]:
                if len(self.received) - held < SLOWEST * seconds:
                    raise DataError(f"too slow: {len(self.received) - held:,} bytes in {seconds:.1f} s")
                since, held = time.monotonic(), len(self.received)

    def _check_size(self, size: int) -> None:
        if size > self.limit:
            self.received.clear()
            raise DataError(f"damaged or another file: it has more than {self.limit:,} bytes")


def _why(error: Exception) -> str:
    """Why a server has sent nothing, in a few words."""
    from requests.exceptions import ConnectionError as Unreachable
    from requests.exceptions import HTTPError, Timeout

    if isinstance(error, HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, Timeout):
        return "no answer in time"
    if isinstance(error, Unreachable):
        return f"cannot be reached ({_brief(_root(error))})"
    return _brief(error)


def _root(error: BaseException) -> BaseException:
    """The error below urllib3's wrappers: "Name or service not known" rather than a page of them."""
    arguments = [each for each in error.args if isinstance(each, BaseException)]
    below = getattr(error, "reason", None) or error.__cause__ or next(iter(arguments), None)
    return _root(below) if isinstance(below, BaseException) and below is not error else error


def _brief(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
