"""One `bench run` at a time in a run folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bench
from bench.execution.execution import Execution

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
STUDY = {"algos": "aevb[learning_rate=0.1]", "dataset": BLOBS, "seeds": 2, "budget": 20_000, "likelihood_points": 10}
COMMAND = [
    sys.executable, "-m", "bench", "run", "--algos", "aevb[learning_rate=0.1]", "--dataset", BLOBS, "--seeds", "2",
    "--budget", "20000", "--likelihood-points", "10", "--backend", "sequential", "--device", "cpu", "--out", "run",
]  # fmt: skip


def test_of_ten_commands_at_once_one_works_and_the_others_say_so(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(COMMAND, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    said = [process.communicate()[1] for process in processes]
    refused = [text for process, text in zip(processes, said, strict=True) if process.returncode == 2]
    assert all("Another `bench run` works in 'run'" in text for text in refused)
    assert [process.returncode for process in processes].count(0) + len(refused) == 10
    assert 0 in [process.returncode for process in processes]
    assert not any("Traceback" in text for text in said)
    execution = Execution(backend="sequential", device="cpu")
    alone = bench.run(out=tmp_path / "alone", execution=execution, quiet=True, **STUDY)  # type: ignore[arg-type]
    together = bench.load(tmp_path / "run")
    for column in ("samples", "elbo_test", "elbo_train"):
        assert together.trace[column].tolist() == alone.trace[column].tolist()
    assert json.loads(together.trials["status"].to_json(orient="values")) == ["done", "done"]


def test_the_folder_is_free_again_after_a_run(tmp_path: Path) -> None:
    for _ in range(2):
        finished = subprocess.run([*COMMAND, "--budget", "200"], cwd=tmp_path, capture_output=True, check=False)
        assert finished.returncode == 0
