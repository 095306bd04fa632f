"""The parts of a study share the workers: none waits for the last trial of another, and no number depends on that."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

import bench as library
from bench.store.run_folder import Store

PLUGINS = Path(__file__).parent.parent / "plugins"
TABLES = ("trials", "trace", "likelihoods", "diagnosis", "tuning")
TIMED = ("second", "cpu_share", "jobs", "samples_per_second")

Bench = Callable[..., CompletedProcess[str]]

STUDY = f"""
[study]
dataset = '{PLUGINS / "blobs.py"}'
z = [2]
budget = 500
eval_points = 10
likelihood = ["importance[num_samples=5]"]
likelihood_points = 5
tune = "paper[samples=200]"
"""
PARTS = {  # aevb leaves its step size open: the choice of a part is by the seeds of that part
    "first": 'seeds = [0]\nalgos = ["aevb", "{slow}[learning_rate=0.1,notes={notes}]"]\n',
    "second": 'seeds = [0, 1]\nalgos = ["aevb", "wakesleep[learning_rate=0.1]"]\n',
}


@pytest.fixture
def pace(tmp_path: Path) -> Path:
    """A file with the seconds that each of the five updates of the slow trial takes beyond the others'."""
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes" / "pace"


def frames(run: Path) -> dict[str, pd.DataFrame]:
    """What a run holds, without what depends on the clock or on how many run at once."""
    results = library.load(run, trust=True)
    tables = {name: getattr(results, name) for name in TABLES}
    return {
        name: frame[[column for column in frame if not any(word in column for word in TIMED)]]
        for name, frame in tables.items()
    }


def test_a_part_does_not_wait_for_the_long_trial_that_another_ends_with(
    bench: Bench, pace: Path, tmp_path: Path
) -> None:
    parts = {name: text.format(slow=PLUGINS / "counting.py", notes=tmp_path / "notes") for name, text in PARTS.items()}
    (tmp_path / "both.toml").write_text(STUDY + "".join(f"[parts.{name}]\n{text}" for name, text in parts.items()))
    pace.write_text("1.5")
    ran = bench("run", "both.toml", "--jobs", 2, "--device", "cpu", "--out", "both")

    stored = {name: Store(tmp_path / "both" / name).read().trials for name in PARTS}
    (slow,) = (trial for trial in stored["first"] if trial.labels.algorithm.startswith("counting"))
    ended = (slow.folder.path / "status.json").stat().st_mtime
    began = [
        datetime.fromisoformat(trial.contents.record.provenance.began).timestamp()
        for trial in stored["second"]
        if trial.contents.record.provenance is not None
    ]
    assert len(began) == 4
    assert min(began) < ended
    lines = re.findall(r"^\[\d/6\] done +(first|second): \w+", ran.stderr, flags=re.MULTILINE)
    assert sorted(lines) == ["first"] * 2 + ["second"] * 4, "one count over both, and each says whose it is"

    pace.write_text("0")
    for name, text in parts.items():
        (tmp_path / f"{name}.toml").write_text(STUDY + text)
        bench("run", f"{name}.toml", "--backend", "sequential", "--device", "cpu", "--out", name)
        alone, together = frames(tmp_path / name), frames(tmp_path / "both" / name)
        for table, frame in alone.items():
            assert len(frame)
            pd.testing.assert_frame_equal(frame, together[table], check_exact=True)
    assert bench("run", "both.toml", "--device", "cpu", "--out", "both").stderr.count("Nothing to do") == 2


def test_a_trial_that_fails_in_one_part_is_the_exit_code_of_the_whole(bench: Bench, tmp_path: Path) -> None:
    wrong = f'algos = ["{PLUGINS / "trouble.py"}"]\nseeds = [0]\n'
    right = 'algos = ["aevb[learning_rate=0.1]"]\nseeds = [0]\n'
    (tmp_path / "two.toml").write_text(f"{STUDY}[parts.wrong]\n{wrong}[parts.right]\n{right}")
    bench("run", "two.toml", "--jobs", 2, "--device", "cpu", "--out", "two", code=3)
    status = library.load(tmp_path / "two", trust=True).trials["status"]
    assert sorted(status) == ["done", "failed"]
