"""The example package is installed as its README says, and `bench` finds and checks what is in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "examples" / "bench-example"

pytestmark = pytest.mark.skipif(
    "BENCH_DIST" not in os.environ and "BENCH_EXAMPLE" not in os.environ,
    reason="installs a package: run `tox -e build`, or set BENCH_EXAMPLE=1",
)


def installer() -> list[str]:
    """What installs packages here: uv in the environments of tox, pip elsewhere."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    assert importlib.util.find_spec("pip") is not None, "neither uv nor pip is installed"
    return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the package is installed, in a folder of its own that Python looks into; nothing else is changed.

    Without a network: nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("example")
    copy = shutil.copytree(EXAMPLE, folder / "bench-example")
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--target", str(folder / "site")]
    run([*installer(), *options, str(copy)], folder, dict(os.environ))
    places = [str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), "COLUMNS": "200"}


def run(command: list[str], cwd: Path, environment: dict[str, str]) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_checked_and_run(environment: dict[str, str], tmp_path: Path) -> None:
    bench = [sys.executable, "-m", "bench"]
    assert "iwae_loop" in run([*bench, "list", "algorithms"], tmp_path, environment)
    assert "failed" not in run([*bench, "check", "iwae_loop"], tmp_path, environment)
    assert "failed" not in run([*bench, "check", "stripes"], tmp_path, environment)
    small = ["--z", "2", "--budget", "300", "--seeds", "1", "--likelihood-points", "5", "--backend", "sequential"]
    algorithms = ["--algos", "aevb[learning_rate=0.02],iwae_loop[learning_rate=0.02]"]
    printed = run([*bench, "run", *algorithms, "--dataset", "stripes", *small, "--out", "run"], tmp_path, environment)
    assert "iwae_loop" in printed


def test_its_own_tests_pass(environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], tmp_path, environment)
