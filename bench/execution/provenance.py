"""What makes a number, apart from the trial's identity: code, data, machine and versions."""

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
from bench.studies.spec import Choice, TrialSpec, load_data

REFERENCE_SEED = 0  # whose data tell one version of a data set from another


def provenance(spec: TrialSpec, data: Data) -> Provenance:
    """What makes the numbers of a trial that runs here and now."""
    fingerprint = data.fingerprint()
    return Provenance(
        code=code_hashes(spec),
        data=fingerprint,
        data_version=data_version(spec.dataset, spec.seed, "" if spec.resample_train else fingerprint),
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
def data_version(dataset: Choice, seed: int, fingerprint: str) -> str:
    """The version of a data set whose values of ``seed`` have this ``fingerprint``: its fingerprint at REFERENCE_SEED.

    Splits and binarisations differ from seed to seed, so that the fingerprints of two seeds cannot be compared.  Costs
    loading the data once more, unless ``seed`` is that seed or this process has seen the fingerprint before.  An empty
    one is not known: the trial has only some of the data.
    """
    return fingerprint if fingerprint and seed == REFERENCE_SEED else load_data(dataset, REFERENCE_SEED).fingerprint()


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
