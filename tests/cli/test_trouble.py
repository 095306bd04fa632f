"""Whatever a plugin does is its own trial's row: all others end well, with the numbers that they have alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PLUGINS = Path(__file__).parent.parent / "plugins"
TROUBLE, BLOBS = PLUGINS / "trouble.py", PLUGINS / "blobs.py"
STATUS = {  # of each way to go wrong, and a part of its reason
    "raise": ("failed", "RuntimeError: boom"),
    "exit": ("failed", "SystemExit: 0"),
    "exit,when=-1": ("failed", "SystemExit: 0"),
    "interrupt": ("failed", "KeyboardInterrupt"),
    "generator exit": ("failed", "GeneratorExit"),
    "mute": ("failed", "MuteError: (its message cannot be read: RuntimeError)"),
    "kill,when=-1": ("crashed", "worker process died"),
    "hang": ("timeout", "killed after 11 s"),
    "nan": ("diverged", ""),
}


def bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def trials(folder: Path) -> dict[str, dict[str, object]]:
    finished = bench("export", str(folder), "--format", "json", cwd=folder)
    return {row["algorithm"]: row for row in json.loads(finished.stdout)}


def test_each_goes_wrong_alone(tmp_path: Path) -> None:
    """With an estimator for which every model is built before the sweep begins."""
    common = ["--dataset", str(BLOBS), "--z", "2", "--seeds", "1", "--budget", "400", "--likelihood-points", "5"]
    common += ["--likelihood", "ais[num_steps=3]", "--device", "cpu"]
    healthy = "aevb[learning_rate=0.1]"
    wrong = [f"{TROUBLE}[how={how}]" for how in STATUS]
    finished = bench(
        "run", "--algos", ",".join([*wrong, healthy]), *common, "--timeout", "1", "--out", "run", cwd=tmp_path
    )
    assert finished.returncode == 3, finished.stderr
    assert "Traceback" not in finished.stderr
    rows = trials(tmp_path / "run")
    for how, (status, reason) in STATUS.items():
        row = rows["trouble" if how == "raise" else f"trouble[how={how}]"]
        assert (row["status"], reason in str(row["reason"])) == (status, True), row
    assert bench("run", "--algos", healthy, *common, "--out", "alone", cwd=tmp_path).returncode == 0
    alone = trials(tmp_path / "alone")[healthy]
    assert rows[healthy]["status"] == "done"
    assert [rows[healthy][name] for name in ("elbo_test", "elbo_train")] == [
        alone[name] for name in ("elbo_test", "elbo_train")
    ]
