"""`bench perf` on a git repository with the project's files, in which changes are planted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = ("bench", "algorithms", "datasets", "reports")
FILES = (
    "pyproject.toml",
    ".gitignore",
    "tests/conftest.py",
    "tests/perf/test_hot_paths.py",  # no others: every process would import what they need
)

Bench = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

# The step is timed and prolonged by a share of its time, so that the slow-down is the same on every machine.
STRETCHED = """
import time

_step = {algorithm}.step


def step(self, batch):
    started = time.perf_counter()
    info = _step(self, batch)
    ended = time.perf_counter()
    while time.perf_counter() < ended + {share} * (ended - started):
        pass
    return info


{algorithm}.step = step
"""

WELL_BELOW_30_PERCENT = 1.15  # the smallest ratio that would be significant: a true one of 1.3 then nearly always is

FAILING = """
def test_trouble(benchmark):
    raise ZeroDivisionError("planted")
"""

NEWER = """
from bench.errors import Newer


def test_newer(benchmark):
    benchmark(Newer)
"""


def git(folder: Path, *arguments: str) -> None:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")
    command = [shutil.which("git") or "git", *who, *arguments]
    subprocess.run(command, cwd=folder, env={**os.environ, **own}, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it is now")


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit of this checkout's files; `bench` runs in it."""
    for part in PARTS:
        shutil.copytree(CHECKOUT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "perf").mkdir(parents=True)
    for name in FILES:
        shutil.copy(CHECKOUT / name, tmp_path / name)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def rows(shown: str) -> dict[str, dict[str, Any]]:
    return {row["benchmark"]: row for row in json.loads(shown)["rows"]}


@pytest.mark.slow
def test_a_planted_slow_down_of_30_percent_is_found_and_one_of_3_percent_is_none(
    process: Bench, repository: Path
) -> None:
    """The first is committed, the second only in the working tree.

    In as many rounds as are the default; in more if the command says that the machine is too busy for these.  Other
    tests may run beside it, since both sides are measured in turn.
    """
    append(repository / "algorithms" / "aevb.py", STRETCHED.format(algorithm="AEVB", share=0.3))
    commit(repository)
    append(repository / "algorithms" / "wakesleep.py", STRETCHED.format(algorithm="WakeSleep", share=0.03))
    only = "update and (aevb-digits or wakesleep-digits)"
    compare = ("perf", "--against", "HEAD~1", "--only", only, "--format", "json")
    compared = process(*compare, code=None)
    if max(row["least"] for row in rows(compared.stdout).values()) > WELL_BELOW_30_PERCENT:
        compared = process(*compare, "--rounds", "12", code=None)
    found = {name: row["verdict"] for name, row in rows(compared.stdout).items()}
    assert found == {
        "test_hot_paths.test_update[aevb-digits]": "slower",
        "test_hot_paths.test_update[wakesleep-digits]": "no evidence",
    }
    assert json.loads(compared.stdout)["verdict"] == "1 slower, 0 faster, 1 without evidence of a change."
    assert compared.returncode == 1


@pytest.mark.slow
def test_what_one_side_does_not_have_or_cannot_run_is_told(process: Bench, repository: Path) -> None:
    """An algorithm that the base lacks, a file of benchmarks that it cannot import, a benchmark that fails."""
    shutil.copy(repository / "algorithms" / "aevb.py", repository / "algorithms" / "newcomer.py")
    append(repository / "bench" / "errors.py", "\n\nclass Newer(BenchError):\n    pass\n")
    (repository / "tests" / "perf" / "test_newer.py").write_text(NEWER, encoding="utf-8")
    append(repository / "tests" / "perf" / "test_hot_paths.py", FAILING)
    only = "newer or trouble or newcomer-digits or (bound and digits)"
    found = rows(
        process("perf", "--against", "HEAD", "--only", only, "--rounds", "2", "--format", "json", code=3).stdout
    )
    assert {name: row["verdict"] for name, row in found.items()} == {
        "test_hot_paths.test_trouble": "fails",
        "test_newer.test_newer": "fails on base",
        "test_hot_paths.test_update[newcomer-digits]": "not in base",
        "test_hot_paths.test_evaluation_of_the_bound[digits]": "no evidence",
    }
    assert "ZeroDivisionError: planted" in str(found["test_hot_paths.test_trouble"]["why"])
    assert "ImportError" in str(found["test_newer.test_newer"]["why"])


def test_a_wrong_import_is_refused(process: Bench, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Something that runs at the start of Python brings its own `bench`, as an editable install can."""
    hook = tmp_path_factory.mktemp("hook")
    (hook / "sitecustomize.py").write_text(f"import sys\nsys.path.insert(0, {str(CHECKOUT)!r})\nimport bench\n")
    said = process("perf", "--against", "HEAD", code=2, PYTHONPATH=str(hook)).stderr
    assert "do not run on the base" in said
    assert f"finds {CHECKOUT} instead of" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--against", "nowhere"], "`against` 'nowhere' is not a commit"),
        (["--against", "--output=x"], "'--output=x' is not a commit"),
        (["--against", "HEAD", "--rounds", "1"], "`rounds` must be at least 2"),
        (["--against", "HEAD", "--min-ratio", "0.9"], "`min_ratio` must be at least 1"),
        (["--against", "HEAD", "--alpha", "1"], "`alpha` must lie between 0 and 1"),
        ([], "Missing option '--against'"),
    ],
)
def test_refusals(bench: Bench, repository: Path, arguments: list[str], words: str) -> None:
    assert words in bench("perf", *arguments, code=2).stderr


def test_nothing_to_run_is_refused(process: Bench, repository: Path) -> None:
    said = process("perf", "--against", "HEAD", "--only", "nonesuch", code=2).stderr
    assert "No benchmark matches `only` 'nonesuch'" in said


def test_outside_a_checkout(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "is not in a git checkout" in bench("perf", "--against", "HEAD", code=2).stderr
    git(tmp_path, "init", "--quiet")
    assert "with benchmarks in" in bench("perf", "--against", "HEAD", code=2).stderr
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in bench("perf", "--against", "HEAD", code=2).stderr


def test_without_pytest_benchmark(bench: Bench, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.perf.measure.find_spec", lambda name: None)
    assert "pip install --group test" in bench("perf", "--against", "HEAD", code=2).stderr
