"""A study whose first part ends with one long trial: `tox -e perf -- -m slow -rP tests/perf/test_parts.py`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import bench
from bench.execution.execution import Execution

PLUGINS = Path(__file__).parent.parent / "plugins"
LONG, SHORT = 4.0, 0.5  # seconds that each of ten updates takes, without need of a processor
STUDY = f"""
[study]
dataset = '{PLUGINS / "blobs.py"}'
z = [2]
budget = 1000
likelihood = ["importance[num_samples=5]"]
likelihood_points = 5
"""


def algos(count: int, seconds: float) -> list[str]:
    """So many algorithms that differ in their step size alone."""
    names = range(count)
    return [f"{PLUGINS / 'counting.py'}[learning_rate=0.{i + 1:02d},seconds={seconds}]" for i in names]


FIRST = f"algos = {[*algos(2, SHORT), *algos(1, LONG)]}\nseeds = [0]\n"
SECOND = f"algos = {algos(8, SHORT)}\nseeds = [0]\n"


@pytest.mark.slow
def test_the_second_part_is_done_while_the_long_trial_of_the_first_runs(tmp_path: Path) -> None:
    """On two workers; the data and the trials are tiny, so that an update takes hardly more time than it says."""
    execution = Execution(jobs=2, device="cpu")
    (tmp_path / "first.toml").write_text(STUDY + FIRST)
    (tmp_path / "second.toml").write_text(STUDY + SECOND)
    (tmp_path / "both.toml").write_text(f"{STUDY}[parts.first]\n{FIRST}[parts.second]\n{SECOND}")

    def seconds(name: str) -> float:
        started = time.perf_counter()
        bench.run(tmp_path / f"{name}.toml", out=tmp_path / name, execution=execution, quiet=True)
        return time.perf_counter() - started

    apart = seconds("first") + seconds("second")
    together = seconds("both")
    print(f"one part after the other {apart:.1f} s, both in one study {together:.1f} s")  # noqa: T201  # by pytest -rP
    assert together < 0.85 * apart
