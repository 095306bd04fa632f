"""A report on 3 algorithms, 3 latent sizes and 5 seeds: `tox -e perf -- -m slow -rP tests/perf/test_report.py`."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import bench
from bench import api, plugins
from bench.execution.execution import Execution

STUDY: dict[str, Any] = {
    "algos": "aevb,wakesleep,mcem",
    "z": [2, 3, 5],
    "seeds": 5,
    "hidden": 30,
    "budget": 20_000,
    "likelihood": "importance[num_samples=20]",
    "likelihood_points": 30,
}


@pytest.mark.slow
def test_every_table_and_figure_is_made_in_30_seconds_and_the_page_has_8_megabytes(
    benchmark: Any, tmp_path: Path
) -> None:
    """All reports in every format; the run itself takes a few minutes and is not timed."""
    folder = bench.run(out=tmp_path / "run", execution=Execution(device="cpu"), quiet=True, **STUDY).path

    def everything() -> dict[str, float]:
        results, seconds = bench.load(folder), {}
        for name in plugins.find("report"):
            started = time.process_time()
            api.report(results, [name])
            seconds[name] = time.process_time() - started
        return seconds

    seconds = benchmark.pedantic(everything, rounds=1)
    size = (folder / "report" / "index.html").stat().st_size / 1e6
    benchmark.extra_info.update(seconds=seconds, page_megabytes=size)
    for name, each in seconds.items():
        print(f"{name:24s} {each:5.1f} s")  # noqa: T201  # shown by pytest -rP
    print(f"together {sum(seconds.values()):.1f} s of one core, the page {size:.1f} MB")  # noqa: T201
    assert sum(seconds.values()) < 30
    assert size < 8


@pytest.mark.slow
@pytest.mark.timing
def test_the_command_takes_12_seconds_of_processor_time(tmp_path: Path) -> None:
    """For a run such as that of `make bench`, in the default formats, all processes together; 8 on a quiet machine.

    How long it was trained makes no difference: every curve has some dozen marks.
    """
    study = {**STUDY, "z": [3, 5, 10], "seeds": 3, "budget": 5000, "tune": "paper[samples=200]"}
    bench.run(out=tmp_path / "run", execution=Execution(device="cpu"), quiet=True, **study)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "bench", "report", str(tmp_path / "run")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(f"{seconds:.1f} s")  # noqa: T201  # shown by pytest -rP
    assert seconds < 12
