"""Measures whether a change made anything slower: a base revision and the working tree in turn, on one machine.

A stored baseline would come from another machine, or from the same one on another day. Both sides are therefore
measured again, in rounds that alternate which side comes first, both with the benchmarks of the working tree. Every
measurement runs in a new process: the memory layout of a process makes its code a few percent faster or slower for as
long as it lives, which a single pair of processes would show as a change of the code.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from bench.errors import UsageError
from bench.statistics.timings import Rules, Seconds

BENCHMARKS = Path("tests", "perf")
STATISTIC = "min"  # over the repetitions in a process: other load on the machine can only lengthen a time
# No warm-up: the first calls of a process are slow, and the minimum leaves them out.
SHORT = ("--benchmark-max-time=0.3", "--benchmark-min-rounds=3", "--benchmark-warmup=off")
PASSES = 2  # over all benchmarks in a process: other load comes in bursts of seconds and rarely affects all
MOST_PASSES = 6  # over few benchmarks: two passes would be over before a burst is
MEASUREMENTS = 30  # in a process, as far as these limits allow

# Another `bench` could precede the wanted one on the path, which only the measuring process can detect.
_LAUNCHER = """
import sys
from pathlib import Path
root, *arguments = sys.argv[1:]
import bench
actual = Path(bench.__file__).resolve().parents[1]
if actual != Path(root):
    sys.exit(f"`import bench` finds {actual} instead of {root}: an import hook or a .pth file precedes PYTHONPATH.")
import pytest
sys.exit(pytest.main(arguments))
"""
_RAN = (0, 1, 5)  # pytest's exit codes: all passed, some failed, nothing collected


@dataclass(frozen=True)
class Side:
    """One measurement of one side: by benchmark, its seconds or the reason why it failed."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """All rounds of both sides, in order, and the commit of the base."""

    commit: str
    base: list[Side]
    new: list[Side]

    def seconds(self) -> tuple[list[Seconds], list[Seconds]]:
        """Return the seconds of each round: those of the base, and those of the working tree."""
        return [side.seconds for side in self.base], [side.seconds for side in self.new]


def measure(revision: str, rules: Rules, only: str = "", ended: Callable[[int, str], None] | None = None) -> Measured:
    """Measure ``revision`` and the working tree of the current folder in ``rules.rounds`` rounds.

    ``only`` selects benchmarks by an expression as for ``pytest -k``. ``ended`` is called after each measurement with
    the number of the round, from 1, and "base" or "new". The working tree is copied first, so later edits have no
    effect. Raises UsageError if there is no checkout, no such revision or no pytest-benchmark, or if the benchmarks of
    a side cannot be run at all.
    """
    top = checkout()
    commit = resolve(revision, top)
    if find_spec("pytest_benchmark") is None:
        raise UsageError("pytest-benchmark is not installed: run `pip install --group test` in the checkout.")
    sides: dict[str, list[Side]] = {"base": [], "new": []}
    with TemporaryDirectory(prefix="bench-perf-") as temporary:
        folder = Path(temporary).resolve()
        export(commit, top, folder / "base")
        copy(top, folder / "new")
        passes = PASSES
        for number in range(1, rules.rounds + 1):
            for side in ("base", "new") if number % 2 else ("new", "base"):
                sides[side].append(_run(side, folder, only, passes))
                if ended:
                    ended(number, side)
            passes = max(PASSES, min(MOST_PASSES, MEASUREMENTS // max(1, len(sides["new"][0].seconds))))
            if not (sides["new"][0].seconds or sides["new"][0].failures):
                which = f" matches `only` {only!r}" if only else f" is in {BENCHMARKS}"
                raise UsageError(f"No benchmark{which}: `pytest --collect-only {BENCHMARKS}` lists all benchmarks.")
    return Measured(commit, **sides)


def checkout() -> Path:
    """Return the git checkout of the current folder; raises UsageError unless it is a checkout of this project."""
    advice = "run `bench perf` inside a git checkout of aevb-bench."
    try:
        top = Path(_git("rev-parse", "--show-toplevel").decode().rstrip("\n"))
    except FileNotFoundError as error:
        raise UsageError(f"git is not installed, but `bench perf` needs it for the base revision: {advice}") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise UsageError(f"{str(Path.cwd())!r} is not in a git checkout ({reason}): {advice}") from error
    if not ((top / BENCHMARKS).is_dir() and (top / "bench").is_dir()):
        raise UsageError(f"{str(top)!r} has no folder `bench` with benchmarks in {BENCHMARKS}: {advice}")
    return top


def resolve(revision: str, top: Path) -> str:
    """Return the full hash of the commit ``revision``; raises UsageError if there is no such commit."""
    try:
        commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", top=top)
    except subprocess.CalledProcessError as error:
        shallow = (
            " This clone is shallow: run `git fetch --unshallow` first (actions/checkout: `fetch-depth: 0`)."
            if _git("rev-parse", "--is-shallow-repository", top=top).strip() == b"true"
            else ""
        )
        raise UsageError(
            f"`against` {revision!r} is not a commit of {str(top)!r}: give a branch, a tag, a hash or HEAD~1.{shallow}"
        ) from error
    return commit.decode().strip()


def export(commit: str, top: Path, folder: Path) -> None:
    """Write the files of ``commit`` to ``folder``; unlike a worktree, this leaves no trace in the repository."""
    with zipfile.ZipFile(io.BytesIO(_git("archive", "--format=zip", commit, top=top))) as archive:
        archive.extractall(folder)


def copy(top: Path, folder: Path) -> None:
    """Copy the working tree to ``folder``, including untracked files but not ignored ones."""
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "-z", top=top)
    for name in map(os.fsdecode, filter(None, listed.split(b"\0"))):
        if (top / name).is_file():  # otherwise it was deleted, but not yet in the index
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(top / name, folder / name)


def _git(*arguments: str, top: Path | None = None) -> bytes:
    return subprocess.run(["git", *arguments], cwd=top, capture_output=True, check=True).stdout  # noqa: S603, S607  # the user's own git


def _run(side: str, folder: Path, only: str, passes: int) -> Side:
    """Run the benchmarks of ``folder/new`` on ``folder/SIDE``; raises UsageError if pytest cannot start them."""
    root, tests, timings, outcomes = folder / side, folder / "new", folder / "timings.json", folder / "outcomes.xml"
    for path in (timings, outcomes):
        path.unlink(missing_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    finished = subprocess.run(  # noqa: S603  # this Python, on files of the checkout
        [
            *(sys.executable, "-P", "-c", _LAUNCHER, str(root)),
            *(*[str(tests / BENCHMARKS)] * passes, "--keep-duplicates"),
            *("-c", str(tests / "pyproject.toml"), "-p", "no:cacheprovider", f"--basetemp={folder / 'scratch'}"),
            *("--benchmark-enable", "--benchmark-only", *SHORT, f"--benchmark-json={timings}", "-m", "not slow"),
            *("--continue-on-collection-errors", f"--junit-xml={outcomes}", "-q", "--tb=short"),
            *(
                "-W",
                "ignore:Not saving anything",
            ),  # a warning of pytest-benchmark; reported below
            *(("-k", only) if only else ()),
        ],
        cwd=folder,
        env={**inherited, "PYTHONPATH": paths, "BENCH_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if finished.returncode not in _RAN or not outcomes.exists():
        output = "\n".join((finished.stdout + finished.stderr).strip().splitlines()[-15:])
        name = "the base" if side == "base" else "the working tree"
        raise UsageError(f"The benchmarks of {BENCHMARKS} do not run on {name}:\n{output}")
    return Side(_seconds(timings), _failures(outcomes))


def _seconds(timings: Path) -> dict[str, float]:
    """Read the seconds from pytest-benchmark's file, which is missing or empty if nothing was measured."""
    text = timings.read_text(encoding="utf-8") if timings.exists() else ""
    seconds: dict[str, float] = {}
    for benchmark in json.loads(text)["benchmarks"] if text else []:
        name = _dotted(benchmark["fullname"])
        seconds[name] = min(seconds.get(name, math.inf), float(benchmark["stats"][STATISTIC]))
    return seconds


def _failures(outcomes: Path) -> dict[str, str]:
    """Read the reasons of failures from pytest's JUnit file; a file that cannot be imported is listed by its name."""
    reasons: dict[str, str] = {}
    for case in ET.parse(outcomes).iter("testcase"):  # noqa: S314  # written by our own pytest process
        for failure in (*case.findall("failure"), *case.findall("error")):
            name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".")
            raised = [line[1:].strip() for line in (failure.text or "").splitlines() if line.startswith("E ")]
            why = raised[0] if raised else failure.get("message", "no reason given")
            reasons.setdefault(name.removeprefix(_PREFIX), why)  # later failures are consequences of the first
    return reasons


_PREFIX = ".".join(BENCHMARKS.parts) + "."


def _dotted(node: str) -> str:
    """Convert ``tests/perf/test_hot_paths.py::test_update[aevb]`` to ``test_hot_paths.test_update[aevb]``."""
    path, bracket, parameters = node.partition("[")
    path = path.replace(".py::", ".").replace("::", ".").replace("/", ".")
    return path.removeprefix(_PREFIX) + bracket + parameters
