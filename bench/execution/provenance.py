"""Provenance of a number, apart from the trial's identity: code, data, machine and versions."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from bench.dataset import Data
from bench.execution.sources import code_hashes
from bench.store.records import Provenance
from bench.studies.spec import TrialSpec


def provenance(spec: TrialSpec, data: Data, dataset: Data) -> Provenance:
    """The provenance of a trial that runs here and now on ``data``, which may be a part of its ``dataset``."""
    fingerprint = data.fingerprint()
    return Provenance(
        code=code_hashes(spec),
        data=fingerprint,
        data_version=fingerprint if data is dataset else dataset.fingerprint(),
        began=datetime.now(UTC).isoformat(),
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
