"""Standard errors cover: 200 runs of each estimator on a fixed model, by the command that makes the page."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bench.likelihood.estimate import Estimate, flaw, inflation

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


@pytest.mark.parametrize("num_points", [1, 5])
def test_errors_from_few_draws_cover_for_single_points_and_for_their_mean(page: ModuleType, num_points: int) -> None:
    """The mean of 10 normal draws has Student's t with 9 degrees of freedom."""
    draws = torch.randn(4000 * num_points, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = draws.std(1) / 10**0.5 * inflation(9)
    estimate = Estimate(draws.mean(1), errors, "consistent", 1, degrees=9)
    found = page.coverage(estimate, torch.zeros_like(errors), 4000)
    assert found.of_points == pytest.approx(1, rel=0.03)
    assert found.of_mean == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("degrees", [2.0, float("nan"), True])
def test_degrees_of_freedom_without_a_variance_are_refused(degrees: float) -> None:
    estimate = Estimate(torch.zeros(2), torch.zeros(2), "consistent", 1, degrees=degrees)
    assert flaw(estimate, 2).startswith("`degrees` must be a number above 2 (got ")


def test_the_error_of_a_mean_includes_its_expected_bias() -> None:
    """Of 10,000 datapoints the noise is 0.001, and the bias that the estimator expects 0.005 nats."""
    zeros = torch.zeros(10_000, dtype=torch.float64)
    estimate = Estimate(zeros, zeros + 0.1, "lower", 1, summary={"looseness": 0.005})
    assert estimate.standard_error == pytest.approx((0.001**2 + 0.005**2) ** 0.5)
    assert Estimate(zeros, zeros + 0.1, "consistent", 1).standard_error == pytest.approx(0.001)
