"""Large data in memory that all processes of a machine share: a file of their values, which each of them maps.

The file is named after the fingerprint of the data, and removed at the end of the command; those of commands that were
killed, and on other machines, after a day, when another one is written.  What is mapped is compared with what the
process has loaded itself, so that nothing depends on the file being right, or there.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.dataset import Data

LARGE = 2**24  # bytes: smaller data are not worth a file
PARTS = ("train", "test")
DAY = 86_400.0  # seconds


def shared(data: Data, version: str) -> Data:
    """Return the same data, in shared memory if they are large and that is possible; ``version`` names them.

    A process that changes a value in place gets its own copy of that memory page.
    """
    if data.x_train.nbytes + data.x_test.nbytes < LARGE or os.name != "posix":
        return data
    try:
        folder = _folder()
        train, test = (_mapped(folder / _name(version, part), x) for part, x in zip(PARTS, _values(data), strict=True))
    except OSError:  # no room, no permission
        return data
    return replace(data, x_train=train, x_test=test)


def remove(version: str) -> None:
    """Remove the files; processes that have mapped them keep their mapping."""
    for part in PARTS:
        with contextlib.suppress(OSError):
            (_folder() / _name(version, part)).unlink(missing_ok=True)


def _values(data: Data) -> tuple[Tensor, Tensor]:
    return data.x_train, data.x_test


def _name(version: str, part: str) -> str:
    return f"{version}.{part}"


def _folder() -> Path:
    """Return a folder that nobody else can write to; raises OSError if there is none."""
    folder = Path(tempfile.gettempdir(), f"aevb-bench-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat(follow_symlinks=False)
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to others")
    return folder


def _mapped(path: Path, x: Tensor) -> Tensor:
    """Return the values of a file, which is written if missing; if they differ from ``x``, return ``x`` itself."""
    if not path.exists():
        _sweep(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(x.contiguous().numpy().data)
            with contextlib.suppress(FileExistsError):  # another process was faster, and all will map its file
                os.link(name, path)
        finally:
            Path(name).unlink()
    if path.stat().st_size != x.nbytes:
        return x
    values = torch.from_numpy(np.memmap(path, np.float32, "c", shape=tuple(x.shape)))
    return values if torch.equal(values, x) else x


def _sweep(folder: Path) -> None:
    """Remove files that were left behind."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - DAY:
                path.unlink()
