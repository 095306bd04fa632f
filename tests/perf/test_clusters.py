"""What a cluster costs the command that uses it: `pytest tests/perf/test_clusters.py -rP`, on an idle machine.

The cluster is one of Dask on this machine; its nodes have folders of their own, as different machines have.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).parent.parent / "plugins"
MNIST_FILES = [
    f"{name}-ubyte.gz" for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
]


@dataclass
class Costs:
    """Of the process of the command, while trials run: planning and starting are left out."""

    processor_seconds: list[float] = field(default_factory=list)  # since the first trial was sent, after each has ended
    peak_bytes: list[int] = field(default_factory=list)  # of memory, after each trial has ended
    answered_bytes: int = 0  # the payload of all that nodes have asked for

    @property
    def milliseconds_per_trial(self) -> float:
        """Processor time."""
        return 1000 * self.processor_seconds[-1] / len(self.processor_seconds)

    def growth(self, first: int) -> float:
        """MB by which the peak of memory has grown since so many trials."""
        return (self.peak_bytes[-1] - self.peak_bytes[first - 1]) / 1e6


@contextmanager
def measured() -> Iterator[Costs]:
    """Of a run on Dask in this process."""
    from bench.execution import progress, runner
    from bench.execution.backends.dask import Dask

    costs, begun = Costs(), []

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def ended(shown: Any, spec: Any) -> None:
        original_ended(shown, spec)
        costs.processor_seconds.append(used() - begun[0])
        costs.peak_bytes.append(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    def run(*arguments: Any) -> None:
        begun.append(used())
        original_run(*arguments)
        costs.processor_seconds[-1] = used() - begun[0]

    def answer(backend: Any, attempt: str, content: Any) -> None:
        costs.answered_bytes += len(pickle.dumps(content))
        original_answer(backend, attempt, content)

    original_ended, original_run, original_answer = progress.PlainProgress.ended, runner.run, Dask.answer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress.PlainProgress, "ended", ended)
        patch.setattr(runner, "run", run)
        patch.setattr(Dask, "answer", answer)
        yield costs


def command(folder: Path, *arguments: object) -> Costs:
    """`bench run` in a process of its own, which measures itself."""
    finished = subprocess.run(
        [sys.executable, __file__, str(folder / "costs.json"), "run", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return Costs(**json.loads((folder / "costs.json").read_text()))


@pytest.mark.slow
def test_a_trial_costs_its_command_little(dask_cluster: Any, tmp_path: Path) -> None:
    """200 trials of one second on 3 workers: below 20 ms of processor time each, and memory that does not grow."""
    for _ in range(3):
        dask_cluster.add_worker()
    costs = command(
        tmp_path, "--algos", f"{PLUGINS / 'counting.py'}[learning_rate=0.05,seconds=0.1]", "--seeds", 200,
        "--budget", 1000, "--z", 2, "--dataset", PLUGINS / "blobs.py", "--hidden", 8,
        "--likelihood", "importance[num_samples=5]", "--likelihood-points", 5, "--device", "cpu",
        "--backend", "dask", "--scheduler", dask_cluster.address, "--out", "run",
    )  # fmt: skip
    assert len(costs.processor_seconds) == 200
    growth = costs.growth(50)
    print(  # noqa: T201  # shown by pytest -rP
        f"200 trials on 3 workers: {costs.milliseconds_per_trial:.1f} ms of processor time per trial; memory at "
        f"most {costs.peak_bytes[-1] / 1e6:.0f} MB, {growth:.1f} MB more than after 50 trials"
    )
    assert costs.milliseconds_per_trial < 20
    assert growth < 5


@pytest.mark.slow
@pytest.mark.data
def test_mnist_travels_once_to_each_node(dask_cluster: Any, data_dir: Path, tmp_path: Path) -> None:
    """Two nodes of two workers each have eight trials: what is sent is two copies, and little else."""
    for node in range(2):
        for _ in range(2):
            dask_cluster.add_worker(node=f"node{node}")
    costs = command(
        tmp_path, "--algos", "aevb[learning_rate=0.02]", "--seeds", 8, "--budget", 200, "--z", 2, "--hidden", 8,
        "--dataset", "mnist", "--n-train", 1000, "--eval-points", 50, "--likelihood", "importance[num_samples=5]",
        "--likelihood-points", 5, "--device", "cpu", "--backend", "dask", "--scheduler", dask_cluster.address,
        "--out", "run",
    )  # fmt: skip
    one = sum((data_dir / name).stat().st_size for name in MNIST_FILES)
    copies = costs.answered_bytes / one
    print(f"8 trials, 2 nodes: {costs.answered_bytes / 1e6:.1f} MB sent, {copies:.2f} copies of MNIST")  # noqa: T201
    for node in range(2):
        kept = [path for path in (dask_cluster.folder / f"node{node}" / "cache").iterdir() if path.is_file()]
        assert {path.name for path in kept if not path.name.startswith(".")} == set(MNIST_FILES)
    assert 2 <= copies < 2.01


if __name__ == "__main__":
    from bench.cli import main

    file = sys.argv.pop(1)
    with measured() as found:
        try:
            main()
        finally:
            Path(file).write_text(json.dumps(vars(found)))
