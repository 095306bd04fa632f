"""Which machine, which versions, which device: what must stand beside a number for it to mean something."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench.errors import OptionError

PLUGINS = ("algorithms", "datasets", "reports")

# What only looks at trials that have ended; `tox -e lint` checks that no trial imports any of it.
AFTERWARDS = (
    *("api.py", "cells.py", "cli", "comparison", "drawing", "measures.py", "page", "perf.py", "progress.py"),
    *("report.py", "results.py", "run_folders.py", "study_file.py", "trained.py"),
)


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA, then MPS, then CPU; raises OptionError for a device that this machine lacks."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        here = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
        raise OptionError(f"`device` must be auto or one of {', '.join(here)} here (got {name!r}).") from error
    return device


def device_names(name: str) -> list[str]:
    """The devices to hand out to workers in turn: every CUDA device for ``auto`` or ``cuda``, else the one."""
    device = choose_device(name)
    if device.type == "cuda" and device.index is None:
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [str(device)]


@cache
def harness_hash() -> str:
    """SHA-256 over the Python files that make a trial's numbers: tells whether they have changed since it ran."""
    content = hashlib.sha256()
    root = Path(__file__).parent
    own = (path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in (*PLUGINS, *AFTERWARDS))
    for path in sorted(own):
        content.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()


def describe() -> dict[str, Any]:
    """The machine and the versions, as plain data for a trial's provenance."""
    return {
        "machine": platform.node(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "scipy")},
        "cuda": torch.version.cuda,
    }


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
