"""Two workers on 16 equal trials against one worker: `tox -e perf -- -m slow -rP`, on an otherwise idle machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.execution.execution import Execution
from bench.store.run_folder import Store
from bench.studies.study import Study

SIXTEEN = Study(
    algos=("aevb[learning_rate=0.02]",),
    seeds=tuple(range(16)),
    budget=500_000,
    likelihood=("importance[num_samples=20]",),
)


def run(folder: Path, jobs: int) -> float:
    """Seconds for 16 equal trials, including the start of the worker processes."""
    started = time.perf_counter()
    bench.run(SIXTEEN, out=folder, execution=Execution(jobs=jobs, device="cpu"), quiet=True)
    return time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two workers need two cores")
def test_two_workers_are_at_least_1_8_times_as_fast_as_one(benchmark: Any, tmp_path: Path) -> None:
    """And produce the same numbers, bit for bit."""
    one = run(tmp_path / "one", jobs=1)
    two = benchmark.pedantic(lambda: run(tmp_path / "two", jobs=2), rounds=1)
    benchmark.extra_info.update(one_worker_seconds=one, two_workers_seconds=two, ratio=one / two)
    print(f"one worker {one:.1f} s, two workers {two:.1f} s, {one / two:.2f} times as fast")  # noqa: T201  # shown by pytest -rP
    bounds = [
        {
            each.folder.path.name: [row.elbo_test for row in each.contents.trace]
            for each in Store(tmp_path / name).read().trials
        }
        for name in ("one", "two")
    ]
    assert bounds[0] == bounds[1]
    assert one / two >= 1.8
