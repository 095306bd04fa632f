"""Did a change make anything slower?  A base revision and the working tree, measured in turn on one machine.

A stored baseline tells of another machine, or of the same one on another day; so both sides are measured again, in
rounds that alternate which side comes first, and each by the benchmarks of the working tree.  Every measurement is a
process of its own: where a process's memory lies makes its code some percent faster or slower for as long as it
lives, and a single pair of processes would show that as a change of the code.
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
STATISTIC = "min"  # of all repetitions in a process: what else the machine does only ever adds to a time
SHORT = ("--benchmark-max-time=0.15", "--benchmark-min-rounds=3", "--benchmark-warmup=on")
PASSES = 2  # of all benchmarks in a process: other work comes in bursts of seconds, and hardly meets both

# Another `bench` could be found before the wanted one; the process that measures is the one that knows.
_LAUNCHER = """
import sys
from pathlib import Path
root, *arguments = sys.argv[1:]
import bench
found = Path(bench.__file__).resolve().parents[1]
if found != Path(root):
    sys.exit(f"`import bench` finds {found} in place of {root}: an import hook or a .pth file comes before PYTHONPATH.")
import pytest
sys.exit(pytest.main(arguments))
"""
_RAN = (0, 1, 5)  # pytest's exit codes: all passed, some failed, nothing collected


@dataclass(frozen=True)
class Side:
    """One measurement of one side: seconds, and why others failed, by benchmark."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """All rounds of both sides, in their order, and the commit that the base is."""

    commit: str
    base: list[Side]
    new: list[Side]

    def seconds(self) -> tuple[list[Seconds], list[Seconds]]:
        """What was measured, round by round: of the base, of the working tree."""
        return [side.seconds for side in self.base], [side.seconds for side in self.new]


def measure(revision: str, rules: Rules, only: str = "", ended: Callable[[int, str], None] | None = None) -> Measured:
    """Measure ``revision`` and the working tree around the current folder in ``rules.rounds`` rounds.

    ``only`` is an expression as pytest -k takes it; ``ended`` is called after each measurement with the number of its
    round, from 1, and "base" or "new".  The working tree is copied at the start: later edits do not count.
    Raises UsageError where there is no checkout, no such revision, no pytest-benchmark, or a side does not run at all.
    """
    top = checkout()
    commit = resolve(revision, top)
    if find_spec("pytest_benchmark") is None:
        raise UsageError("pytest-benchmark is not installed: `pip install --group test` in the checkout.")
    sides: dict[str, list[Side]] = {"base": [], "new": []}
    with TemporaryDirectory(prefix="bench-perf-") as temporary:
        folder = Path(temporary).resolve()
        export(commit, top, folder / "base")
        copy(top, folder / "new")
        for number in range(1, rules.rounds + 1):
            for side in ("base", "new") if number % 2 else ("new", "base"):
                sides[side].append(_run(side, folder, only))
                if ended:
                    ended(number, side)
            if not (sides["new"][0].seconds or sides["new"][0].failures):
                which = f" matches `only` {only!r}" if only else f" is in {BENCHMARKS}"
                raise UsageError(f"No benchmark{which}: `pytest --collect-only {BENCHMARKS}` lists what there is.")
    return Measured(commit, **sides)


def checkout() -> Path:
    """The git checkout that the current folder is in; raises UsageError where it is none of this project's."""
    advice = "run `bench perf` inside a git checkout of aevb-bench."
    try:
        top = Path(_git("rev-parse", "--show-toplevel").decode().rstrip("\n"))
    except FileNotFoundError as error:
        raise UsageError(f"git is not installed, and `bench perf` takes the base revision from it: {advice}") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise UsageError(f"{str(Path.cwd())!r} is not in a git checkout ({said}): {advice}") from error
    if not ((top / BENCHMARKS).is_dir() and (top / "bench").is_dir()):
        raise UsageError(f"{str(top)!r} holds no benchmarks ({BENCHMARKS}) of a folder `bench`: {advice}")
    return top


def resolve(revision: str, top: Path) -> str:
    """The full name of the commit that ``revision`` is; raises UsageError where there is none."""
    try:
        found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", top=top)
    except subprocess.CalledProcessError as error:
        shallow = (
            " This clone is shallow: `git fetch --unshallow` first (actions/checkout: `fetch-depth: 0`)."
            if _git("rev-parse", "--is-shallow-repository", top=top).strip() == b"true"
            else ""
        )
        raise UsageError(
            f"`against` {revision!r} is no commit of {str(top)!r}: give a branch, a tag, a hash or HEAD~1.{shallow}"
        ) from error
    return found.decode().strip()


def export(commit: str, top: Path, folder: Path) -> None:
    """Write the files of ``commit`` to ``folder``; unlike a worktree it leaves nothing behind in the repository."""
    with zipfile.ZipFile(io.BytesIO(_git("archive", "--format=zip", commit, top=top))) as archive:
        archive.extractall(folder)


def copy(top: Path, folder: Path) -> None:
    """Write the working tree to ``folder``: as it is, new files included, ignored ones not."""
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "-z", top=top)
    for name in map(os.fsdecode, filter(None, listed.split(b"\0"))):
        if (top / name).is_file():  # else it is deleted, but not yet in the index
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(top / name, folder / name)


def _git(*arguments: str, top: Path | None = None) -> bytes:
    return subprocess.run(["git", *arguments], cwd=top, capture_output=True, check=True).stdout  # noqa: S603, S607  # the user's own git


def _run(side: str, folder: Path, only: str) -> Side:
    """The benchmarks of ``folder/new`` on ``folder/SIDE``; raises UsageError where they do not even begin."""
    root, tests, timings, outcomes = folder / side, folder / "new", folder / "timings.json", folder / "outcomes.xml"
    for path in (timings, outcomes):
        path.unlink(missing_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    finished = subprocess.run(  # noqa: S603  # this Python, on files of the checkout
        [
            *(sys.executable, "-P", "-c", _LAUNCHER, str(root)),
            *(*[str(tests / BENCHMARKS)] * PASSES, "--keep-duplicates"),
            *("-c", str(tests / "pyproject.toml"), "-p", "no:cacheprovider", f"--basetemp={folder / 'scratch'}"),
            *("--benchmark-enable", "--benchmark-only", *SHORT, f"--benchmark-json={timings}", "-m", "not slow"),
            *("--continue-on-collection-errors", f"--junit-xml={outcomes}", "-q", "--tb=short"),
            *("-W", "ignore:Not saving anything"),  # pytest-benchmark's, which is an error to pytest; told below
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
        said = "\n".join((finished.stdout + finished.stderr).strip().splitlines()[-15:])
        name = "the base" if side == "base" else "the working tree"
        raise UsageError(f"The benchmarks of {BENCHMARKS} do not run on {name}:\n{said}")
    return Side(_seconds(timings), _failures(outcomes))


def _seconds(timings: Path) -> dict[str, float]:
    """From pytest-benchmark's file, which is not there or empty where nothing was measured."""
    text = timings.read_text(encoding="utf-8") if timings.exists() else ""
    seconds: dict[str, float] = {}
    for one in json.loads(text)["benchmarks"] if text else []:
        name = _dotted(one["fullname"])
        seconds[name] = min(seconds.get(name, math.inf), float(one["stats"][STATISTIC]))
    return seconds


def _failures(outcomes: Path) -> dict[str, str]:
    """What was raised, from pytest's JUnit file; a file that cannot be imported stands under its own name."""
    found: dict[str, str] = {}
    for case in ET.parse(outcomes).iter("testcase"):  # noqa: S314  # written by the pytest that was called
        for trouble in (*case.findall("failure"), *case.findall("error")):
            name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".")
            raised = [line[1:].strip() for line in (trouble.text or "").splitlines() if line.startswith("E ")]
            why = raised[0] if raised else trouble.get("message", "no reason given")
            found.setdefault(name.removeprefix(_PREFIX), why)  # what follows a failure is its consequence
    return found


_PREFIX = ".".join(BENCHMARKS.parts) + "."


def _dotted(node: str) -> str:
    """``tests/perf/test_hot_paths.py::test_update[aevb-digits]`` -> ``test_hot_paths.test_update[aevb-digits]``."""
    path, bracket, parameters = node.partition("[")
    path = path.replace(".py::", ".").replace("::", ".").replace("/", ".")
    return path.removeprefix(_PREFIX) + bracket + parameters
