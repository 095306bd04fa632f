"""One `bench run` at a time in a run folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.execution.execution import Execution

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
STUDY = {"algos": "aevb[learning_rate=0.1]", "dataset": BLOBS, "seeds": 2, "budget": 20_000, "likelihood_points": 10}
ARGUMENTS = [
    "run", "--algos", "aevb[learning_rate=0.1]", "--dataset", BLOBS, "--seeds", "2", "--budget", "20000",
    "--likelihood-points", "10", "--backend", "sequential", "--device", "cpu", "--out", "run",
]  # fmt: skip

# Ten commands that begin at the same moment, as new processes do not: each would import for seconds, as one does here.
TEN = """
import os, sys, time
from contextlib import suppress
from bench.cli import main

arguments = sys.argv[1:]
sys.argv = ["bench", *arguments, "--budget", "200", "--out", "warm-up"]
with suppress(SystemExit):
    main()
sys.argv = ["bench", *arguments]
begin = time.monotonic() + 0.5
processes = []
for number in range(10):
    process = os.fork()
    if not process:
        sys.stderr = open(f"{number}.txt", "w")
        time.sleep(max(0, begin - time.monotonic()))
        main()
    processes.append(process)
print(*[os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cannot fork")
def test_of_ten_commands_at_once_one_works_and_the_others_say_so(tmp_path: Path) -> None:
    ten = subprocess.run([sys.executable, "-c", TEN, *ARGUMENTS], cwd=tmp_path, capture_output=True, check=True)
    codes = [int(code) for code in ten.stdout.split()[-10:]]
    said = [(tmp_path / f"{number}.txt").read_text() for number in range(10)]
    refused = [text for code, text in zip(codes, said, strict=True) if code == 2]
    assert all("Another `bench run` works in 'run'" in text for text in refused)
    assert codes.count(0) + len(refused) == 10
    assert refused
    assert 0 in codes
    assert not any("Traceback" in text for text in said)
    execution = Execution(backend="sequential", device="cpu")
    alone = bench.run(out=tmp_path / "alone", execution=execution, quiet=True, **STUDY)  # type: ignore[arg-type]
    together = bench.load(tmp_path / "run")
    for column in ("samples", "elbo_test", "elbo_train"):
        assert together.trace[column].tolist() == alone.trace[column].tolist()
    assert json.loads(together.trials["status"].to_json(orient="values")) == ["done", "done"]


def test_the_folder_is_free_again_after_a_run(tmp_path: Path) -> None:
    """Although the process goes on that has run in it."""
    few = {**STUDY, "budget": 200}
    bench.run(out=tmp_path / "run", execution=Execution(backend="sequential", device="cpu"), quiet=True, **few)  # type: ignore[arg-type]
    command = [sys.executable, "-m", "bench", *ARGUMENTS, "--budget", "200"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
