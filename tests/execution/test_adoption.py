"""Trials that an earlier command has left under way are not marked as if they had not begun."""

from __future__ import annotations

from pathlib import Path

import bench
from bench.execution.execution import Execution

PLUGINS = Path(__file__).parent.parent / "plugins"

BACKEND = """
from pathlib import Path

from bench.execution.backends.sequential import Sequential


class Adopting(Sequential):
    '''Goes on with the first trial, and notes how trials stand.'''

    def adopt(self, function, tasks, workers):
        note(tasks, "before")
        return tasks[:1]

    def run(self, function, tasks, workers):
        if tasks and hasattr(tasks[0], "settings"):
            note(tasks, "after")
        yield from super().run(function, tasks, workers)


def note(tasks, name):
    statuses = [task.folder.read_status().status.value for task in tasks]
    Path(tasks[0].root.parent, name).write_text(" ".join(statuses))
"""


def test_what_is_adopted_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "adopting.py").write_text(BACKEND)
    for budget, backend in ((200, "sequential"), (400, str(tmp_path / "adopting.py"))):
        results = bench.run(
            algos="aevb[learning_rate=0.05]", dataset=str(PLUGINS / "blobs.py"), z=2, hidden=8, seeds=2, budget=budget,
            likelihood="importance[num_samples=5]", likelihood_points=5, out=tmp_path / "run", quiet=True,
            execution=Execution(backend=backend, device="cpu"),
        )  # fmt: skip
    assert (tmp_path / "before").read_text() == "done done", "nothing is changed before the back end is asked"
    assert (tmp_path / "after").read_text() == "done waiting"
    assert list(results.trials["samples"]) == [400, 400]
