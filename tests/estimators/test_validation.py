"""The page that compares estimators with the truth is made by one command, which fails if one of its claims does."""

from __future__ import annotations

import math
import pickle
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bench.likelihood.bidirectional import Sandwich
from bench.likelihood.estimate import Estimate
from bench.likelihood.weights import Weighed

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "validation.py"


@pytest.fixture(scope="module")
def validation() -> ModuleType:
    spec = spec_from_file_location("validation", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["validation"] = module = module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def estimate(mean: float, warnings: tuple[str, ...] = (), looseness: float = 0.0) -> Estimate:
    return Estimate(
        log_likelihoods=torch.full((100,), mean),
        standard_errors=torch.full((100,), 0.1),  # of the mean: 0.01
        bias="lower",
        model_evaluations=1,
        summary={"looseness": looseness},
        warnings=warnings,
    )


@pytest.mark.slow
@pytest.mark.data
def test_the_page_is_made_and_its_claims_hold(
    data_dir: Path, validation: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--size", "smoke"])
    with pytest.raises(SystemExit) as ended:
        validation.main()
    page, errors = capsys.readouterr()
    assert ended.value.code == 0, errors
    for title in ("with the closed form", "with quadrature", "bounds from both sides", "On test data"):
        assert title in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == 8 + 7 + 7 + 7 + 5 + 7  # ppca z = 2, 5, 20; digits with an encoder and without; MNIST


def test_models_of_the_full_size_can_be_sent_to_processes(validation: ModuleType) -> None:
    for size in validation.SIZES.values():
        assert pickle.loads(pickle.dumps(size)).mnist[0].name == size.mnist[0].name  # noqa: S301


@pytest.mark.parametrize(
    ("found", "broken"),
    [
        (estimate(-10.02), 0),
        (estimate(-10.05), 1),
        (estimate(-10.05, looseness=0.05), 0),
        (estimate(-10.05, warnings=("Not to be believed.",)), 0),
        (estimate(-10.15, warnings=("Not to be believed.",)), 1),
        (estimate(-10.15), 2),
        (estimate(-9.85), 2),
    ],
)
def test_an_estimate_that_is_off_and_silent_breaks_a_claim(
    validation: ModuleType, found: Estimate, broken: int
) -> None:
    report = validation.Report()
    validation.row("ais", found, validation.Truth(-10.0, -10.0), report, "here", near=0.1)
    assert len(report.broken) == broken


@pytest.mark.parametrize(
    ("value", "error", "is_far"),
    [(-10.2, 0.01, False), (-10.5, 0.01, True), (-10.5, 0.2, False), (-9.5, 0.01, False), (-8.5, 0.01, True)],
)
@pytest.mark.parametrize("warns", [False, True])
def test_a_single_point_that_is_far_off_breaks_a_claim(
    validation: ModuleType, value: float, error: float, is_far: bool, warns: bool
) -> None:
    """Between bounds of -10 and -9; the others of 100 points make up for it, so that the mean is right."""
    truth = validation.Truth.between(bounds())
    assert (truth.low, truth.high) == (-10.0, -9.0)
    assert truth.error == pytest.approx(math.hypot(0.001, 0.5 * 0.01**2))
    values, errors = torch.full((100,), -9.5 + (-9.5 - value) / 99), torch.full((100,), 0.01)
    values[3], errors[3] = value, error
    found = Estimate(values, errors, bias="lower", model_evaluations=1, warnings=("Some are off.",) if warns else ())
    assert truth.far(found) == is_far
    report = validation.Report()
    validation.row("ais", found, truth, report, "here", near=0.1)
    assert len(report.broken) == (is_far and not warns)


def test_a_point_without_a_number_is_far_off(validation: ModuleType) -> None:
    values = torch.full((100,), -9.5)
    values[7] = torch.nan
    assert validation.Truth.between(bounds()).far(Estimate(values, torch.full((100,), 0.01), "lower", 1)) == 1


def bounds() -> Sandwich:
    """Of 100 points: -10 and -9, each with an error of 0.01."""
    lower, upper = (
        Weighed(torch.full((100,), mean).double(), *torch.tensor([0.01, 16.0, 0.0]).double().expand(100, 3).T, 16)
        for mean in (-10.0, 9.0)
    )
    return Sandwich(lower, upper, (), 1)
