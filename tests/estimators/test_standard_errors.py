"""Standard errors cover: 200 runs of each estimator on a fixed model, by the command that makes the page."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bench.likelihood.estimate import Estimate

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "standard_errors.py"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = spec_from_file_location("standard_errors", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["standard_errors"] = module = module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_and_its_claims_hold(page: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    code = page.main(["--size", "smoke"])
    printed, errors = capsys.readouterr()
    assert code == 0, errors
    rows = [line for line in printed.splitlines() if line.startswith("| `")]
    assert len(rows) == 5  # importance, hmc, ais, and both bounds of bdmc


@pytest.mark.parametrize(("stated", "warnings", "broken"), [(1.0, (), False), (0.7, (), True), (0.7, ("No.",), False)])
def test_errors_that_are_too_small_break_a_claim(
    page: ModuleType, stated: float, warnings: tuple[str, ...], broken: bool
) -> None:
    off = 0.01 * torch.randn(200 * 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    estimate = Estimate(off, torch.full_like(off, 0.01 * stated), "consistent", 1, warnings=warnings)
    found = page.coverage(estimate, torch.zeros_like(off), 200)
    assert found.of_mean == pytest.approx(1 / stated, rel=0.15)
    assert found.is_broken(200) == broken


def test_the_error_of_a_mean_includes_its_expected_bias() -> None:
    """Of 10,000 datapoints the noise is 0.001, and the bias that the estimator expects 0.005 nats."""
    zeros = torch.zeros(10_000, dtype=torch.float64)
    estimate = Estimate(zeros, zeros + 0.1, "lower", 1, summary={"looseness": 0.005})
    assert estimate.standard_error == pytest.approx((0.001**2 + 0.005**2) ** 0.5)
    assert Estimate(zeros, zeros + 0.1, "consistent", 1).standard_error == pytest.approx(0.001)
