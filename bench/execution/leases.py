"""Devices are held by one trial at a time, whichever process, run, user or back end it belongs to."""

from __future__ import annotations

import getpass
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bench import devices
from bench.errors import BenchError
from bench.execution import interruption
from bench.execution.waiting import waiting

SECONDS_BETWEEN_LOOKS = 0.1
SHARED = 0o1777  # as for /tmp: all users can lock files in it, but not remove those of others

_last: list[str] = []  # devices that this process has held, the most recent first


class Withdrawn(BenchError):
    """Stopping was requested before a device became free."""


@contextmanager
def leased(names: Sequence[str], per_device: int = 1, waits: Callable[[], object] | None = None) -> Iterator[str]:
    """Hold one of the devices until the block is left or the process ends; its memory is released first.

    A device has at most as many holders on this machine as the strictest ``per_device`` among them allows.  The least
    used device is taken; among these, one that this process has held before, since each device that a process has ever
    used costs memory there.  If no device is free, ``waits`` is called once, and the wait ends as soon as one is free,
    or with `Withdrawn` if this process receives a request to stop.  Processors are shared by the system, so there is no
    waiting for ``cpu``.

    >>> with leased(["cpu"]) as device:
    ...     device
    'cpu'
    """
    with ExitStack() as stack:
        name = "cpu" if list(names) == ["cpu"] else _take_any(names, per_device, stack)
        if name is None:
            if waits is not None:
                waits()
            with waiting():
                name = _wait(names, per_device, stack)
        stack.callback(devices.release_memory, name)
        yield name


def _wait(names: Sequence[str], per_device: int, stack: ExitStack) -> str:
    while True:
        if interruption.is_requested():
            raise Withdrawn("Stopped while waiting for a device.")
        time.sleep(SECONDS_BETWEEN_LOOKS)
        name = _take_any(names, per_device, stack)
        if name is not None:
            return name


def _take_any(names: Sequence[str], per_device: int, stack: ExitStack) -> str | None:
    known = [*(name for name in _last if name in names), *(name for name in names if name not in _last)]
    for others in range(per_device):
        for name in known:
            if _take(name, per_device, others, stack):
                _last[:] = [name, *(each for each in _last if each != name)]
                return name
    return None


def _take(name: str, per_device: int, others: int, stack: ExitStack) -> bool:
    """Hold the device along with at most ``others`` holders that all allow it; it is released with the ``stack``.

    Each holder has a locked file whose name ends in the number of holders that it allows.
    """
    place = folder() / devices.identity(name)
    with FileLock(place.parent / f"{place.name}.lock", mode=0o666):  # one process checks at a time
        place.mkdir(exist_ok=True)
        with suppress(PermissionError):  # another user's
            place.chmod(SHARED)
        held = [path for path in place.iterdir() if _is_held(path)]
        if len(held) > min([others, *(int(path.suffix[1:]) - 1 for path in held)]):
            return False
        free = next(path for i in range(per_device) if (path := place / f"{i}.{per_device}") not in held)
        stack.enter_context(_lock(free).acquire(blocking=False))
        return True


def _is_held(path: Path) -> bool:
    try:
        with _lock(path).acquire(blocking=False):
            return False
    except Timeout:
        return True


def _lock(path: Path) -> FileLock:
    """Return a lock that the operating system releases when its process ends for any reason."""
    return FileLock(path, thread_local=False, mode=0o666)


def folder() -> Path:
    """Return the folder of the locks, shared by all users and jobs of the machine, whose TMPDIR may differ."""
    shared = Path("/tmp" if os.name == "posix" else tempfile.gettempdir(), "aevb-bench-devices")  # noqa: S108  # meant
    with suppress(OSError):
        shared.mkdir(exist_ok=True)
        shared.chmod(SHARED)
    if not os.access(shared, os.W_OK):
        shared = Path(tempfile.gettempdir(), f"aevb-bench-devices-{getpass.getuser()}")
        shared.mkdir(exist_ok=True)
    return shared
