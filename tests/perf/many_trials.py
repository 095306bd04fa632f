"""A run folder of thousands of finished trials: a few small ones that were trained, under many other seeds.

``python tests/perf/many_trials.py FOLDER`` makes one of 5000 trials, which takes a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np

import bench
from bench.execution.execution import Execution
from bench.store import study_file
from bench.store.run_folder import FILE, Store, StoredTrial

ALGORITHMS = tuple(f"{name}[learning_rate={rate}]" for name in ("aevb", "wakesleep") for rate in (0.01, 0.02, 0.05))


def make(folder: Path, seeds: int, algos: Iterable[str] = ALGORITHMS, z: Iterable[int] = (2, 3, 5, 8, 10)) -> Path:
    """Write a run of these ``algos`` and ``z`` with as many ``seeds``; one seed of each cell is trained.

    The others have its files, with values of log p(x) that are shifted by a draw of their own.
    """
    study = {"algos": [*algos], "z": [*z], "seeds": 1, "hidden": 5, "budget": 300, "likelihood_points": 50}
    here = Execution(jobs=1, backend="sequential", device="cpu")
    with TemporaryDirectory() as temporary, patch("os.fsync"):  # it need not survive a power cut
        trained = bench.run(
            **study, likelihood=["importance[num_samples=5]"], out=Path(temporary, "run"), execution=here, quiet=True
        )
        stored = Store(trained.path).read()
        folder.mkdir(parents=True)
        study_file.write(folder / FILE, replace(stored.study, seeds=tuple(range(seeds))))
        for trial in stored.trials:
            for seed in range(seeds):
                _copy(trial, seed, Store(folder))
    return folder


def _copy(trial: StoredTrial, seed: int, store: Store) -> None:
    """Write all files of a trial as those of the same cell's ``seed``."""
    contents = trial.contents
    assert contents.spec is not None
    spec = replace(contents.spec, seed=seed)
    shift = float(np.random.default_rng(int(spec.id, 16)).normal())
    folder = store.trial(spec.id)
    folder.write_spec(spec)
    folder.write_trace(contents.trace)
    folder.write_model(trial.folder.read_model())
    if contents.diagnosis is not None:
        folder.write_diagnosis(contents.diagnosis)
    for estimate in contents.estimates:
        values = trial.folder.read_estimate_values(estimate.estimator, estimate.split)
        values["log_likelihood"] += shift
        folder.write_estimate(replace(estimate, log_likelihood=estimate.log_likelihood + shift), values)
    folder.write_status(replace(contents.record, labels=spec.labels(), files=folder.checksums()))


if __name__ == "__main__":
    make(Path(sys.argv[1]), seeds=167)
