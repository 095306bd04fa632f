"""Whatever a plugin does is its own trial's row: all others end well, with the numbers that they have alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent.parent / "plugins"
TROUBLE, BLOBS = PLUGINS / "trouble.py", PLUGINS / "blobs.py"
STATUS = {  # of each way to go wrong, and a part of its reason; the longest first, so that the others run beside it
    "hang,when=0": ("timeout", "killed after 16 s"),  # before the time limit could be looked at between two updates
    "raise": ("failed", "RuntimeError: boom"),
    "exit": ("failed", "SystemExit: 0"),
    "exit,when=-1": ("failed", "SystemExit: 0"),
    "interrupt": ("failed", "KeyboardInterrupt"),
    "generator exit": ("failed", "GeneratorExit"),
    "mute": ("failed", "MuteError: (its message cannot be read: RuntimeError)"),
    "kill,when=-1": ("crashed", "worker process died"),
    "nan": ("diverged", ""),
}


Bench = Callable[..., subprocess.CompletedProcess[str]]


def trials(bench: Bench, folder: str) -> dict[str, dict[str, object]]:
    return {row["algorithm"]: row for row in json.loads(bench("export", folder, "--format", "json").stdout)}


@pytest.mark.usefixtures("no_figures")
def test_each_goes_wrong_alone(bench: Bench) -> None:
    """With an estimator for which every model is built before the sweep begins."""
    common = ["--dataset", str(BLOBS), "--z", "2", "--seeds", "1", "--budget", "400", "--likelihood-points", "5"]
    common += ["--likelihood", "ais[num_steps=3]", "--device", "cpu"]
    healthy = "aevb[learning_rate=0.1]"
    wrong = [f"{TROUBLE}[how={how}]" for how in STATUS]
    shown = bench("run", "--algos", ",".join([*wrong, healthy]), *common, "--timeout", "6", "--out", "run", code=3)
    assert "Traceback" not in shown.stderr
    rows = trials(bench, "run")
    for how, (status, reason) in STATUS.items():
        row = rows["trouble" if how == "raise" else f"trouble[how={how}]"]
        assert (row["status"], reason in str(row["reason"])) == (status, True), row
    bench("run", "--algos", healthy, *common, "--backend", "sequential", "--out", "alone")
    alone = trials(bench, "alone")[healthy]
    assert rows[healthy]["status"] == "done"
    assert [rows[healthy][name] for name in ("elbo_test", "elbo_train")] == [
        alone[name] for name in ("elbo_test", "elbo_train")
    ]
