"""Which edits make a trial stale: those of code that produces its numbers, and no others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.execution import estimation
from bench.execution.sources import BENCH, ROOT, _imported_sources, harness_hash


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's source."""
    return Path(shutil.copytree(BENCH, tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__")))


def edited(package: Path, file: str) -> str:
    """The hash of the harness with a line added to a file of the package."""
    with (package / file).open("a") as source:
        source.write("# edited\n")
    return harness_hash.__wrapped__(package)


@pytest.mark.parametrize(
    "file",
    [
        *("execution/trial.py", "execution/evaluation.py", "training/session.py", "training/tuning.py", "algorithm.py"),
        *("likelihood/diagnosis.py", "models/latent.py", "store/records.py", "studies/spec.py", "seeds.py"),
    ],
)
def test_editing_what_makes_numbers_changes_the_hash(package: Path, file: str) -> None:
    before = harness_hash.__wrapped__(package)
    assert edited(package, file) != before


@pytest.mark.parametrize(
    "folder", ["results", "reporting", "statistics", "cli", "perf", "reporting/page", "reporting/comparison"]
)
def test_editing_what_reads_numbers_does_not(package: Path, folder: str) -> None:
    before = harness_hash.__wrapped__(package)
    files = list((package / folder).glob("*.py"))
    assert files
    for file in files:
        assert edited(package, str(file.relative_to(package))) == before


def test_the_hash_is_over_all_that_a_trial_imports() -> None:
    code = f"import sys, {ROOT}; print(*[name for name in sys.modules if name.partition('.')[0] == 'bench'])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(shown.split()) - {"bench"} <= set(_imported_sources(ROOT))


NETWORK = '''"""A user's own architecture."""

from bench.architectures.mlp import MLP


class Network(MLP):
    """One hidden layer."""
'''
ESTIMATOR = '''"""A user's own estimator."""

from bench.estimators.importance import Importance


class Mine(Importance):
    """Importance sampling."""
'''


def test_an_edited_architecture_or_estimator_is_noticed(tmp_path: Path) -> None:
    network, mine = tmp_path / "network.py", tmp_path / "mine.py"
    network.write_text(NETWORK)
    mine.write_text(ESTIMATOR)
    blobs = Path(__file__).parent.parent / "plugins" / "blobs.py"
    asked = {"dataset": str(blobs), "algos": "wakesleep[learning_rate=0.1]", "z": (2,), "seeds": 1, "budget": 100}
    asked |= {"model": f"{network}[hidden=5]", "likelihood": f"{mine}[num_samples=5]", "likelihood_points": 5}
    here = bench.Execution(backend="sequential", device="cpu")
    out = tmp_path / "run"
    bench.run(out=out, execution=here, quiet=True, **asked)
    assert bench.load(out).changed_since == {}
    assert not estimation.plan(out, here, here.start(0), trust=True).todo
    network.write_text(NETWORK + "edited = True\n")
    assert list(bench.load(out).changed_since.values()) == ["model"]
    mine.write_text(ESTIMATOR + "edited = True\n")
    assert list(bench.load(out).changed_since.values()) == ["model, estimator mine[num_samples=5]"]
    assert len(estimation.plan(out, here, here.start(0), trust=True).todo) == 1  # `bench estimate` would make it again
    network.unlink()
    assert list(bench.load(out).changed_since.values()) == ["a plugin's file is gone"]
