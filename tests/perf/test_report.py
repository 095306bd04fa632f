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


BY_HAND = """
import matplotlib
matplotlib.use("Agg")
import numpy as np, pandas as pd, seaborn as sns
grid = pd.MultiIndex.from_product([range(3), range(3), range(3), range(16)], names=["algorithm", "z", "seed", "mark"])
values = grid.to_frame(index=False)
values["bound"] = np.sin(values.sum(axis=1))
sns.relplot(values, x="mark", y="bound", hue="algorithm", col="z", row="seed", kind="line").savefig({to!r})
"""


def test_the_command_costs_less_than_4_and_a_half_times_one_figure_of_9_panels_drawn_by_hand(tmp_path: Path) -> None:
    """For a run such as that of `make bench`, in the default formats, all processes together.

    The figure is drawn in plain seaborn, before and after: how fast a machine is changes from minute to minute.  How
    long it was trained makes no difference: every curve has some dozen marks.  The ratio of processor seconds is the
    same if other tests run at the same time.
    """
    study = {**STUDY, "z": [3, 5, 10], "seeds": 3, "budget": 5000, "tune": "paper[samples=200]"}
    bench.run(out=tmp_path / "run", execution=Execution(device="cpu"), quiet=True, **study)
    by_hand = [sys.executable, "-c", BY_HAND.format(to=str(tmp_path / "by_hand.png"))]
    before = processor_seconds(by_hand)
    seconds = processor_seconds([sys.executable, "-m", "bench", "report", str(tmp_path / "run")])
    drawn = (before + processor_seconds(by_hand)) / 2
    print(f"{seconds:.1f} s; one figure by hand {drawn:.1f} s")  # noqa: T201  # shown by pytest -rP
    assert seconds < 4.5 * drawn


@pytest.mark.slow
def test_two_tables_of_5000_trials_cost_20_seconds_and_1_gigabyte(tmp_path: Path) -> None:
    """Making the folder takes longer than that."""
    folder = tmp_path / "run"
    subprocess.run([sys.executable, str(Path(__file__).with_name("many_trials.py")), str(folder)], check=True)
    report = ["report", str(folder), "--only", "log_likelihood,differences"]
    seconds = processor_seconds([sys.executable, "-m", "bench", *report])
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # of the largest process so far
    print(f"{seconds:.1f} s, {megabytes:.0f} MB")  # noqa: T201  # shown by pytest -rP
    assert seconds < 20
    assert megabytes < 1000


def processor_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
