"""Memory of a worker on MNIST: `tox -e perf -- -m slow -rP tests/perf/test_memory.py`."""

from __future__ import annotations

import subprocess
import sys

import pytest

WORKER = """
import re, sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

def own() -> float:
    "Memory in MB that is not that of a file, which others may map too."
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return int(re.search(r"Anonymous:\\s*(\\d+) kB", rollup)[1]) / 1024

import torch
torch.nn.Linear(784, 500)(torch.zeros(100, 784)).sum().backward()
before = own()
from bench.execution import loaded
from bench.execution.settings import Settings
from bench.execution.trial import execute
from bench.store.trial_folder import TrialFolder
from bench.studies.study import Study
study = Study(dataset="mnist", algos=("aevb[learning_rate=0.02]",), z=(10,), likelihood=("importance[num_samples=20]",))
data = study.load_data()
(spec, *_), version = study.expand(data), data.fingerprint()
del data
with TemporaryDirectory() as folder:
    settings = Settings(3000, tuple(study.estimators), data_version=version, jobs=2)
    trial = TrialFolder(Path(folder, spec.id))
    trial.write_spec(spec)
    print(execute(trial, spec, settings).value, round(before), round(own()))
loaded.forget([version])
"""


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is of a file")
def test_a_worker_on_mnist_needs_less_than_120_megabytes_beside_pytorch_and_the_shared_data() -> None:
    """With networks of 500 hidden units, an update, the bounds of 1000 points of each split, and an estimate."""
    run = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, check=True)
    status, before, after = run.stdout.split()
    assert status == "done"
    added = int(after) - int(before)
    print(f"{added} MB beside the {before} MB of PyTorch; MNIST itself has 209, which all workers share")  # noqa: T201
    assert added < 120
