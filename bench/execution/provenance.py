"""Which machine, which versions, which device: what must stand beside a number for it to mean something."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench.dataset import Data
from bench.studies.spec import TrialSpec

ROOT = "bench.execution.trial"  # what runs a trial: the code that makes its numbers is what this module imports

_IMPORT = re.compile(r"^ *(?:from (bench[\w.]*) import (?:\(([^)]*)\)|(.*))|import (bench[\w.]*))", re.MULTILINE)
_FOR_TYPES_ALONE = re.compile(r"^if TYPE_CHECKING:\n(?: +.*\n|\n)+", re.MULTILINE)


@cache
def harness_hash() -> str:
    """SHA-256 over the source of `ROOT` and of every `bench` module that it imports, directly or not.

    Plugins are loaded by name, not imported, and have hashes of their own.  What only reads results is imported by no
    trial, so editing it makes no trial stale.
    """
    content = hashlib.sha256()
    for name, path in sorted(_imported_sources(ROOT).items()):
        content.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()


def _imported_sources(name: str) -> dict[str, Path]:
    """The source files of a `bench` module and of all `bench` modules that its imports lead to, by name."""
    sources: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        path = _source(module)
        if module in sources or path is None:
            continue
        sources[module] = path
        text = _FOR_TYPES_ALONE.sub("", path.read_text(encoding="utf-8"))
        for package, block, line, plain in _IMPORT.findall(text):
            names = [each.split()[0] for each in (block or line).partition("#")[0].split(",") if each.split()]
            waiting += [plain or package, *(f"{package}.{name}" for name in names)]
    return sources


def _source(module: str) -> Path | None:
    """The file of a module of the package `bench`; None for a name that is no module, such as a class."""
    stem = Path(__file__).parents[1].joinpath(*module.split(".")[1:])
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


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


def provenance(spec: TrialSpec, data: Data) -> dict[str, Any]:
    """What beside the identity made the numbers: code, data, machine and versions."""
    return {**code_hashes(spec), "data": data.fingerprint(), **describe()}


def code_hashes(spec: TrialSpec) -> dict[str, str]:
    """Hashes of the code that a trial runs: where they differ from those of a finished trial, it is stale."""
    return {
        "algorithm": spec.algorithm.plugin.source_hash(),
        "dataset": spec.dataset.plugin.source_hash(),
        "model": spec.model.plugin.source_hash(),
        "decoder": spec.decoder.plugin.source_hash(),
        "harness": harness_hash(),
    }
