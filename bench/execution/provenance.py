"""Provenance of a number, apart from the trial's identity: code, data, machine and versions."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from bench.execution.sources import code_hashes
from bench.store.records import Provenance
from bench.studies.spec import TrialSpec


def provenance(spec: TrialSpec, fingerprint: str, version: str) -> Provenance:
    """Return the provenance of a trial run by this process, given the fingerprints of its own data and its data set."""
    return replace(
        _of_this_process(),
        code=code_hashes(spec),
        data=fingerprint,
        data_version=version,
        began=datetime.now(UTC).isoformat(),
    )


@cache
def _of_this_process() -> Provenance:
    """Return the part common to all trials of a process, since reading package versions takes longer than an update."""
    return Provenance(
        code={},
        data="",
        machine=platform.node(),
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        torch=version("torch"),
        numpy=version("numpy"),
        scipy=version("scipy"),
        cuda=torch.version.cuda,
    )


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
