"""The import rules in pyproject.toml cover every room and every plugin folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINTER = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-logo"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, and the linter's cache of it."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("bench", "algorithms", "datasets", "reports"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    assert violations(copy) == ""
    return copy


def violations(checkout: Path) -> str:
    """The output of the linter if a contract is broken; else empty."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    result = subprocess.run(LINTER, check=False, cwd=checkout, env=environment, capture_output=True, text=True)
    assert "Contracts: " in result.stdout, result.stdout + result.stderr
    return result.stdout if result.returncode else ""


@pytest.mark.parametrize(
    ("file", "module", "for_types"),
    [
        ("algorithms/aevb.py", "bench.reporting.rendering", False),
        ("algorithms/mcem.py", "bench.store.records", False),
        ("datasets/digits.py", "bench.studies.spec", False),
        ("bench/architectures/mlp.py", "bench.execution.settings", False),
        ("bench/estimators/ais.py", "bench.reporting.rendering", False),
        ("bench/estimators/exact.py", "bench.results.frames", False),
        ("bench/models/observations/bernoulli.py", "bench.cli", False),
        ("bench/execution/backends/loky.py", "bench.results.frames", False),
        ("reports/losses.py", "bench.api", False),
        ("reports/cost.py", "bench.cli.terminal", False),
        ("bench/training/loop.py", "bench.store.records", False),
        ("algorithms/fullvb.py", "bench.results.frames", True),
        ("bench/store/records.py", "bench.results.frames", True),
        ("bench/api/runs.py", "bench.algorithms.aevb", False),
    ],
)
def test_an_import_of_what_stands_above_is_refused(checkout: Path, file: str, module: str, for_types: bool) -> None:
    path = checkout / file
    source = path.read_text(encoding="utf-8")
    annotated = f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {module}\n"
    try:
        path.write_text(f"{source}\n{annotated if for_types else f'import {module}'}\n", encoding="utf-8")
        report = violations(checkout)
    finally:
        path.write_text(source, encoding="utf-8")
    importer = ".".join(Path(file).with_suffix("").parts).removeprefix("bench.")
    assert "BROKEN" in report
    assert f"bench.{importer} -> {module}" in report or f"bench.{importer} is not allowed to import" in report, report
